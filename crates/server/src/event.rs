//! `POST /api/v1/events`: CloudEvents 1.0 over HTTP, in structured, binary and batched mode.

use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use ferrovia_expr::{Object, Value};
use ferrovia_runtime::Received;
use futures_util::future::join_all;
use percent_encoding::percent_decode_str;

use serde_json::json;

use crate::EVENTS_MAX;
use crate::access::Action;
use crate::app::App;
use crate::body::{self, is_json, json, media_type};
use crate::gate::Permit;
use crate::problem::Problem;
use crate::route::{Doc, Route, Rule, Section, Where, post, schema};
use crate::view;

const STRUCTURED: &str = "application/cloudevents+json";
const BATCH: &str = "application/cloudevents-batch+json";

pub(crate) fn section() -> Section {
    let event = schema::named("CloudEvent");
    let batch = schema::list(&event);
    let doc = Doc::new("sendEvents", "Take CloudEvents in")
        .about(
            "Structured, batched, or binary: attributes in headers `ce-…`, the body is the data. An event reaches \
             whatever listens, in every namespace. The same event, by source and id, is taken once.",
        )
        .takes_as("application/cloudevents+json", event.clone())
        .takes_as("application/cloudevents-batch+json", batch.clone())
        .takes_as("application/json", json!({ "oneOf": [event, batch] }))
        .gives(200, "All had come before", schema::named("Received"))
        .gives(202, "At least one is new; all are durable", schema::named("Received"));
    Section {
        name: "events",
        about: "Events from elsewhere.",
        routes: vec![Route::new(
            post("/api/v1/events"),
            // What listens is not known before the event is looked at.
            Rule::Needs(Action::SendEvents, Where::Everywhere),
            receive,
            doc,
        )],
        schemas: schemas(),
    }
}

fn schemas() -> Vec<(&'static str, serde_json::Value)> {
    let event = schema::object(
        &["id", "source", "type"],
        json!({
            "specversion": { "const": "1.0" },
            "id": schema::text(), "source": schema::text(), "type": schema::text(),
            "data": schema::anything(),
        }),
    );
    let received = schema::object(
        &[],
        json!({
            "known": { "type": "boolean", "description": "It had come before" },
            "started": schema::list(&schema::text()),
            "delivered": { "type": "integer", "description": "Runs that it was for" },
            "events": schema::list(&schema::named("Received")),
        }),
    );
    vec![("CloudEvent", event), ("Received", received)]
}

/// How events came.
enum Arrived {
    One(Value),
    Batch(Vec<Value>),
}

/// Answers when all events are durable: 202 if one of them is new, 200 if all had come before. A batch that is
/// refused may have been taken in part; sent again, the part is known.
async fn receive(
    State(app): State<App>,
    permit: Permit,
    headers: HeaderMap,
    body: body::Received,
) -> Result<Response, Problem> {
    let (results, body) = match read(&headers, &body?)? {
        Arrived::One(event) => {
            let received = app.node(&permit).receive(complete(event, "")?).await?;
            let body = result(&received);
            (vec![received], body)
        }
        Arrived::Batch(events) => {
            let events = events
                .into_iter()
                .enumerate()
                .map(|(index, event)| complete(event, &format!("/{index}")));
            let events = events.collect::<Result<Vec<_>, _>>()?;
            let node = app.node(&permit);
            let received = join_all(events.into_iter().map(|event| node.receive(event))).await;
            let received = received.into_iter().collect::<Result<Vec<_>, _>>()?;
            let mut body = Object::default();
            body.insert("events", received.iter().map(result).collect::<Vec<_>>());
            (received, body.into())
        }
    };
    let status = if results.iter().all(|received| received.known) {
        StatusCode::OK
    } else {
        StatusCode::ACCEPTED
    };
    Ok(view::json(status, &body))
}

fn result(received: &Received) -> Value {
    let started: Vec<Value> = received
        .started
        .iter()
        .map(|run| run.to_string().into())
        .collect();
    let mut result = Object::default();
    result.insert("known", received.known);
    result.insert("started", started);
    result.insert("delivered", received.delivered);
    result.into()
}

fn read(headers: &HeaderMap, body: &[u8]) -> Result<Arrived, Problem> {
    let kind = media_type(headers);
    match kind.as_str() {
        STRUCTURED => Ok(Arrived::One(json(body)?)),
        BATCH => match json(body)? {
            Value::Array(events) => batch(&events),
            _ => Err(Problem::invalid("", "a batch is a list of events")),
        },
        other if other.starts_with("application/cloudevents") => {
            Err(Problem::media_type(other, STRUCTURED))
        }
        _ if headers.keys().any(|name| name.as_str().starts_with("ce-")) => {
            binary(headers, &kind, body).map(Arrived::One)
        }
        // Plain JSON is taken for what it looks like.
        "application/json" | "" => match json(body)? {
            Value::Array(events) => batch(&events),
            event => Ok(Arrived::One(event)),
        },
        other => Err(Problem::media_type(other, STRUCTURED)),
    }
}

fn batch(events: &[Value]) -> Result<Arrived, Problem> {
    if events.len() > EVENTS_MAX {
        return Err(Problem::new(413, "too-large", "The batch is too large")
            .detail(format!("a batch may have {EVENTS_MAX} events")));
    }
    Ok(Arrived::Batch(events.to_vec()))
}

/// Attributes are headers, the body is the data.
fn binary(headers: &HeaderMap, kind: &str, body: &[u8]) -> Result<Value, Problem> {
    let mut event = Object::default();
    for (name, value) in headers {
        let Some(attribute) = name.as_str().strip_prefix("ce-") else {
            continue;
        };
        let text = value.to_str().ok().and_then(|value| {
            let decoded = percent_decode_str(value).decode_utf8();
            decoded.ok().map(String::from)
        });
        let text = text.ok_or_else(|| {
            Problem::malformed(format!("the header `{name}` is no percent-encoded text"))
        })?;
        event.insert(attribute, text);
    }
    let named = headers.get(axum::http::header::CONTENT_TYPE);
    if let Some(named) = named.and_then(|kind| kind.to_str().ok()) {
        event.insert("datacontenttype", named);
    }
    match std::str::from_utf8(body) {
        _ if body.is_empty() => {}
        _ if kind.is_empty() || is_json(kind) => event.insert("data", json(body)?),
        Ok(text) if kind.starts_with("text/") || kind.ends_with("xml") => {
            event.insert("data", text);
        }
        _ => event.insert("data_base64", BASE64.encode(body)),
    }
    Ok(event.into())
}

/// An event with all that the specification demands. Without a version it is one of 1.0.
fn complete(event: Value, place: &str) -> Result<Value, Problem> {
    let Value::Object(mut event) = event else {
        return Err(Problem::invalid(
            place.to_owned(),
            "a CloudEvent is an object",
        ));
    };
    for key in ["id", "source", "type"] {
        let text = event.get(key).and_then(Value::as_str);
        if text.is_none_or(str::is_empty) {
            return Err(Problem::invalid(
                format!("{place}/{key}"),
                format!("a CloudEvent has a text `{key}`"),
            ));
        }
    }
    match event.get("specversion") {
        None => event.insert("specversion", "1.0"),
        Some(Value::Str(version)) if &**version == "1.0" => {}
        Some(_) => {
            return Err(Problem::invalid(
                format!("{place}/specversion"),
                "CloudEvents 1.0 are taken",
            ));
        }
    }
    Ok(event.into())
}
