//! Where an operation is called.

use ferrovia_expr::Value;
use ferrovia_runtime::port::Fault;
use url::Url;

use super::document::Node;
use crate::arguments::plain_text;
use crate::fault;

/// The first server of the innermost of `levels` (operation, path, document) that names any, its variables at their
/// defaults; a relative one starts at the document's own address.
pub(super) fn of_openapi(levels: [&Node; 3]) -> Result<Url, Fault> {
    for level in levels {
        let Some(first) = level
            .value
            .get("servers")
            .and_then(Value::as_array)
            .and_then(|servers| servers.first())
        else {
            continue;
        };
        let server = level.with(first.clone());
        let template = server
            .text("url")
            .ok_or_else(|| fault::configuration("a server of the document has no `url`"))?;
        return resolve(&server.base, &expand(template, &server)?);
    }
    let [_, _, document] = levels;
    resolve(&document.base, "/")
}

fn expand(template: &str, server: &Node) -> Result<String, Fault> {
    let mut url = template.to_owned();
    let variables = server.value.get("variables").and_then(Value::as_object);
    for (name, variable) in variables.into_iter().flat_map(|variables| variables.iter()) {
        let placeholder = format!("{{{name}}}");
        if url.contains(&placeholder) {
            let default = variable.get("default").map(plain_text);
            let default = default.ok_or_else(|| {
                fault::configuration(format!("server variable `{name}` has no default"))
            })?;
            url = url.replace(&placeholder, &default);
        }
    }
    Ok(url)
}

/// `schemes`, `host` and `basePath`; what is missing is that of the document's own address.
pub(super) fn of_swagger(document: &Node) -> Result<Url, Fault> {
    let named = document.value.get("schemes").and_then(Value::as_array);
    let schemes: Vec<&str> = named
        .into_iter()
        .flat_map(|schemes| schemes.iter())
        .filter_map(Value::as_str)
        .collect();
    let base = &document.base;
    // Of several, the one the document itself came by; else the safe one.
    let scheme = match schemes.as_slice() {
        schemes if schemes.contains(&base.scheme()) => base.scheme(),
        schemes if schemes.contains(&"https") => "https",
        ["http", ..] => "http",
        _ if base.scheme() == "http" => "http",
        _ => "https",
    };
    let path = document.text("basePath").unwrap_or("/");
    match document.text("host") {
        Some(host) => resolve(
            base,
            &format!("{scheme}://{host}/{}", path.trim_start_matches('/')),
        ),
        None => resolve(base, path),
    }
}

fn resolve(base: &Url, server: &str) -> Result<Url, Fault> {
    let wrong = |reason: String| {
        fault::configuration(format!(
            "the document's server `{server}` cannot be used: {reason}"
        ))
    };
    let mut url = base
        .join(server)
        .map_err(|error| wrong(error.to_string()))?;
    if !matches!(url.scheme(), "http" | "https") {
        return Err(wrong("it does not lead to http or https".to_owned()));
    }
    url.set_query(None);
    url.set_fragment(None);
    Ok(url)
}
