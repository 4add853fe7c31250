//! The OpenAPI document of the table.

use axum::http::StatusCode;
use axum::response::Response;
use serde_json::{Map, Value, json};

use super::doc::schema;
use super::{Doc, In, Route, Rule, Section, get, page, table};
use crate::access::action::required;
use crate::access::cookie;
use crate::view;

const DESCRIBES_THE_PROGRAM: &str =
    "it describes the program, which is public, and nothing of this server";

pub(crate) fn section() -> Section {
    let rule = Rule::Public(DESCRIBES_THE_PROGRAM);
    Section {
        name: "description",
        about: "What this interface has.",
        routes: vec![
            Route::new(
                get("/api/v1/openapi.json"),
                rule,
                show,
                Doc::new("getOpenApi", "This interface as an OpenAPI 3.1 document").gives(
                    200,
                    "The document",
                    json!({ "type": "object" }),
                ),
            ),
            Route::new(
                get("/api/v1/docs"),
                rule,
                page::show,
                Doc::new("getReference", "This interface as a page for people").gives_text(
                    200,
                    "The page",
                    "text/html",
                ),
            ),
        ],
        schemas: vec![("Problem", problem())],
    }
}

async fn show() -> Response {
    view::json_text(StatusCode::OK, openapi().to_string())
}

/// The document.
pub fn openapi() -> Value {
    let mut paths = Map::new();
    let mut schemas = Map::new();
    let mut tags = Vec::new();
    for section in table() {
        tags.push(json!({ "name": section.name, "description": section.about }));
        for (name, schema) in section.schemas {
            schemas.insert(name.to_owned(), schema);
        }
        for route in &section.routes {
            let path = paths
                .entry(documented(route.path))
                .or_insert_with(|| Value::Object(Map::new()));
            let method = route.method.as_str().to_ascii_lowercase();
            path[method] = operation(route, section.name);
        }
    }
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "Ferrovia",
            "version": env!("CARGO_PKG_VERSION"),
            "description": "Starts durable runs of workflows, shows them and steers them.",
            "license": { "name": "Apache-2.0", "identifier": "Apache-2.0" },
        },
        "servers": [{ "url": "/" }],
        "tags": tags,
        "paths": paths,
        "components": {
            "schemas": schemas,
            "securitySchemes": {
                "key": {
                    "type": "http",
                    "scheme": "bearer",
                    "description": "An API key, `fvk_…`.",
                },
                "session": {
                    "type": "apiKey",
                    "in": "cookie",
                    "name": cookie::Transport::Https.name(),
                    "description": format!(
                        "The cookie of who signed in; `{}` over plain HTTP on this machine.",
                        cookie::Transport::Loopback.name()
                    ),
                },
            },
        },
    })
}

/// A path as OpenAPI writes it, which has no parameter of several parts.
pub(super) fn documented(path: &str) -> String {
    path.replace("{*", "{")
}

fn operation(route: &Route, tag: &str) -> Value {
    let doc = &route.doc;
    let (about, access) = (doc.about.unwrap_or_default(), access(route.rule));
    let about = format!("{about}\n\n{access}");
    let mut operation = json!({
        "operationId": doc.operation,
        "summary": doc.summary,
        "tags": [tag],
        "description": about.trim(),
        "security": security(route.rule),
        "responses": responses(route),
    });
    if let Rule::Needs(action, _) = route.rule {
        operation["x-ferrovia-action"] = action.name().into();
        operation["x-ferrovia-role"] = required(action).name().into();
    }
    if !doc.parameters.is_empty() {
        let parameters = doc.parameters.iter().map(|parameter| {
            json!({
                "in": parameter.place.name(),
                "name": parameter.name,
                "description": parameter.about,
                "required": parameter.place == In::Path,
                "schema": parameter.schema,
            })
        });
        operation["parameters"] = parameters.collect();
    }
    if !doc.takes.is_empty() {
        operation["requestBody"] = json!({
            "required": !doc.optional,
            "content": content(doc.takes.iter()),
        });
    }
    operation
}

fn content<'a>(bodies: impl Iterator<Item = &'a (&'static str, Value)>) -> Value {
    let content = bodies.map(|(media_type, schema)| {
        let media_type = (*media_type).to_owned();
        (media_type, json!({ "schema": schema }))
    });
    Value::Object(content.collect())
}

fn security(rule: Rule) -> Value {
    match rule {
        Rule::Public(_) => json!([]),
        Rule::SignedIn(_) | Rule::Needs(..) => json!([{ "key": [] }, { "session": [] }]),
    }
}

/// Who may use it, in a sentence.
pub(super) fn access(rule: Rule) -> String {
    match rule {
        Rule::Public(why) => format!("For everybody: {why}."),
        Rule::SignedIn(why) => format!("For whoever shows who they are: {why}."),
        Rule::Needs(action, _) => format!(
            "Needs `{}`, which the role {} has.",
            action.name(),
            required(action).name()
        ),
    }
}

fn responses(route: &Route) -> Value {
    let mut responses = Map::new();
    for answer in route.doc.answers(route.rule) {
        let mut response = json!({ "description": answer.about });
        if let Some(body) = &answer.body {
            response["content"] = content(std::iter::once(body));
        }
        responses.insert(answer.status.to_string(), response);
    }
    Value::Object(responses)
}

fn problem() -> Value {
    schema::object(
        &["type", "title", "status"],
        json!({
            "type": { "type": "string", "description": "A name that never changes" },
            "title": { "type": "string" },
            "status": { "type": "integer" },
            "detail": { "type": "string" },
            "pointer": {
                "type": "string",
                "description": "Where in the body it is, as a JSON pointer",
            },
            "findings": {
                "type": "array", "items": { "type": "object" },
                "description": "What is wrong with a definition, as `ferrovia check --output json` gives it",
            },
        }),
    )
}
