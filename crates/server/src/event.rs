//! CloudEvents 1.0 over HTTP: structured, binary, and batches of structured ones.

use axum::body::Bytes;
use axum::extract::State;
use axum::extract::rejection::BytesRejection;
use axum::http::header::CONTENT_TYPE;
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use ferrovia_expr::{Object, Value};
use ferrovia_runtime::{Node, Received};

use crate::problem::Problem;
use crate::view;

/// Events in one batch.
const BATCH_MAX: usize = 256;

/// `POST /api/v1/events`. The answer comes when all of them are durable.
pub(crate) async fn receive(
    State(node): State<Node>,
    headers: HeaderMap,
    body: Result<Bytes, BytesRejection>,
) -> Result<Response, Problem> {
    let events = read(&headers, &body?)?;
    let mut results = Vec::with_capacity(events.len());
    for event in events {
        let received = node.receive(event).await?;
        results.push(result(&received));
    }
    let body = match results.len() {
        1 => results.remove(0),
        _ => results.into(),
    };
    Ok(view::json(StatusCode::OK, &body))
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

fn read(headers: &HeaderMap, body: &[u8]) -> Result<Vec<Value>, Problem> {
    let text = std::str::from_utf8(body).map_err(|_| Problem::malformed("the body is not UTF-8"));
    let content_type = headers
        .get(CONTENT_TYPE)
        .and_then(|kind| kind.to_str().ok())
        .unwrap_or_default();
    let kind = content_type
        .split(';')
        .next()
        .unwrap_or_default()
        .trim()
        .to_ascii_lowercase();
    let json = |text: &str| {
        Value::parse_json(text)
            .map_err(|error| Problem::malformed(format!("the body is not JSON: {error}")))
    };
    let events = if headers.contains_key("ce-type") {
        let data = match text? {
            "" => None,
            text if kind.is_empty() || kind == "application/json" || kind.ends_with("+json") => {
                Some(json(text)?)
            }
            text => Some(text.into()),
        };
        vec![binary(headers, data)]
    } else {
        match json(text?)? {
            Value::Array(events) if events.len() <= BATCH_MAX => events.iter().cloned().collect(),
            Value::Array(_) => {
                return Err(Problem::new(413, "too-large", "The batch is too large")
                    .detail(format!("a batch may have {BATCH_MAX} events")));
            }
            event => vec![event],
        }
    };
    events.iter().try_for_each(check)?;
    Ok(events)
}

/// Attributes are headers, the body is the data.
fn binary(headers: &HeaderMap, data: Option<Value>) -> Value {
    let mut event = Object::default();
    for (name, value) in headers {
        if let (Some(attribute), Ok(value)) = (name.as_str().strip_prefix("ce-"), value.to_str()) {
            event.insert(attribute, value);
        }
    }
    if let Some(kind) = headers
        .get(CONTENT_TYPE)
        .and_then(|kind| kind.to_str().ok())
    {
        event.insert("datacontenttype", kind);
    }
    if let Some(data) = data {
        event.insert("data", data);
    }
    event.into()
}

fn check(event: &Value) -> Result<(), Problem> {
    let text = |key: &str| {
        event
            .get(key)
            .and_then(Value::as_str)
            .filter(|text| !text.is_empty())
    };
    for (key, pointer) in [("id", "/id"), ("source", "/source"), ("type", "/type")] {
        if text(key).is_none() {
            return Err(Problem::invalid(
                pointer,
                format!("a CloudEvent has a text `{key}`"),
            ));
        }
    }
    Ok(())
}
