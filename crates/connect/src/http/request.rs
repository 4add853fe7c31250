//! Reads what requests are made of from arguments.

use std::sync::Arc;

use ferrovia_expr::{Object, Value};
use ferrovia_runtime::port::Fault;
use http::HeaderMap;
use http::header::{HOST, HeaderName, HeaderValue};
use http::uri::Authority;
use url::Url;

use super::exchange::Redirects;
use super::executor::OutputForm;
use crate::arguments::{Arguments, plain_text};
use crate::auth::Credentials;
use crate::fault;
use crate::resource::LocalFiles;

/// Headers that frame a message or manage a connection: another value than the true one would let a request carry a second.
const MANAGED_HEADERS: [&str; 9] = [
    "connection",
    "content-length",
    "expect",
    "keep-alive",
    "proxy-connection",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
];

/// An endpoint: `{uri, authentication?}`, or the URI alone.
pub(crate) fn endpoint(
    value: &Value,
    files: &LocalFiles,
) -> Result<(Url, Option<Credentials>), Fault> {
    if let Some(uri) = value.as_str() {
        return Ok((http_url(uri)?, None));
    }
    let endpoint = Arguments::of("endpoint", value)?;
    let credentials = endpoint
        .value("authentication")
        .map(|policy| Credentials::parse(policy, files))
        .transpose()?;
    Ok((http_url(endpoint.required_text("uri")?)?, credentials))
}

/// The host of an endpoint, with its port if that is not the one of the scheme.
pub(crate) fn authority(endpoint: &Value) -> Option<Arc<str>> {
    let uri = endpoint
        .as_str()
        .or_else(|| endpoint.get("uri")?.as_str())?;
    let url = http_url(uri).ok()?;
    let host = url.host_str()?;
    Some(match url.port() {
        Some(port) => format!("{host}:{port}").into(),
        None => host.into(),
    })
}

pub(crate) fn http_url(uri: &str) -> Result<Url, Fault> {
    // The URI may carry secrets in its query, so it is not repeated in the fault.
    let url = Url::parse(uri.trim())
        .map_err(|error| fault::validation(format!("endpoint: not an absolute URI: {error}")))?;
    match url.scheme() {
        "http" | "https" => Ok(url),
        other => Err(fault::validation(format!(
            "endpoint: the scheme `{other}` is not http or https"
        ))),
    }
}

/// Headers from an object: strings as they are, other scalars as JSON, arrays as repeated headers.
pub(crate) fn header_map(headers: Option<&Object>) -> Result<HeaderMap, Fault> {
    let mut map = HeaderMap::new();
    for (name, value) in headers.into_iter().flat_map(Object::iter) {
        let values = match value {
            Value::Null => &[],
            Value::Array(items) => &items[..],
            _ => std::slice::from_ref(value),
        };
        for value in values {
            let value = header_value(name, value)?;
            let name = header_name(name, &value)?;
            if map.contains_key(HOST) && name == HOST {
                return Err(fault::validation("headers: a request has one `host`"));
            }
            map.append(name, value);
        }
    }
    Ok(map)
}

/// The name of a header that may be sent with this value: one that leaves where the request ends, and whom it is for,
/// beyond doubt.
pub(crate) fn header_name(name: &str, value: &HeaderValue) -> Result<HeaderName, Fault> {
    let parsed = HeaderName::try_from(name).map_err(|_| {
        fault::validation(format!(
            "headers: `{}` is no header name",
            name.escape_debug()
        ))
    })?;
    if MANAGED_HEADERS.contains(&parsed.as_str()) {
        let detail = format!("headers: `{parsed}` is set by the connection itself");
        return Err(fault::validation(detail));
    }
    if parsed == HOST {
        let plain = |byte: &u8| byte.is_ascii_alphanumeric() || b"-._:[]".contains(byte);
        if !value.as_bytes().iter().all(plain) || Authority::try_from(value.as_bytes()).is_err() {
            return Err(fault::validation(
                "headers: `host` must be a host name, with a port if need be",
            ));
        }
    }
    Ok(parsed)
}

fn header_value(name: &str, value: &Value) -> Result<HeaderValue, Fault> {
    HeaderValue::from_bytes(plain_text(value).as_bytes()).map_err(|_| {
        fault::validation(format!(
            "headers: the value of `{name}` holds line breaks or control characters"
        ))
    })
}

pub(crate) fn redirects(arguments: Arguments<'_>) -> Result<Redirects, Fault> {
    Ok(if arguments.flag("redirect")?.unwrap_or(false) {
        Redirects::Followed
    } else {
        Redirects::Refused
    })
}

pub(crate) fn output_form(arguments: Arguments<'_>) -> Result<OutputForm, Fault> {
    match arguments.text("output")? {
        None | Some("content") => Ok(OutputForm::Content),
        Some("raw") => Ok(OutputForm::Raw),
        Some("response") => Ok(OutputForm::Response),
        Some(other) => Err(fault::validation(format!(
            "`output` must be content, raw or response, not `{other}`"
        ))),
    }
}
