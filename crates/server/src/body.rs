//! Bodies and parameters of requests: what they have to be, and what they are read into.

use axum::body::Bytes;
use axum::extract::Query;
use axum::extract::rejection::{BytesRejection, QueryRejection};
use axum::http::HeaderMap;
use axum::http::header::CONTENT_TYPE;
use ferrovia_expr::{Object, Value};
use serde::de::DeserializeOwned;

use crate::problem::Problem;

/// As the extractor gives it: too long a body is a rejection.
pub(crate) type Received = Result<Bytes, BytesRejection>;

/// The media type of a body, in lower case and without parameters; empty when the request names none.
pub(crate) fn media_type(headers: &HeaderMap) -> String {
    let named = headers
        .get(CONTENT_TYPE)
        .and_then(|kind| kind.to_str().ok());
    let kind = named.unwrap_or_default().split(';').next();
    kind.unwrap_or_default().trim().to_ascii_lowercase()
}

pub(crate) fn is_json(media_type: &str) -> bool {
    media_type == "application/json" || media_type.ends_with("+json")
}

/// A body that is a JSON object with these members and no others.
pub(crate) fn object(
    media_type: &str,
    body: Received,
    members: &[&str],
) -> Result<Object, Problem> {
    if !media_type.is_empty() && !is_json(media_type) {
        return Err(Problem::media_type(media_type, "application/json"));
    }
    let Value::Object(object) = json(&body?)? else {
        return Err(Problem::invalid("", "the body has to be a JSON object"));
    };
    let unknown = object
        .iter()
        .map(|(name, _)| name)
        .find(|name| !members.contains(&&***name));
    match unknown {
        Some(name) => Err(Problem::invalid(
            pointer(name),
            format!("unknown; there is {}", members.join(", ")),
        )),
        None => Ok(object),
    }
}

/// Like [`object`], but the body may be missing.
pub(crate) fn optional_object(
    media_type: &str,
    body: Received,
    members: &[&str],
) -> Result<Object, Problem> {
    match &body {
        Ok(bytes) if bytes.is_empty() => Ok(Object::default()),
        _ => object(media_type, body, members),
    }
}

pub(crate) fn json(body: &[u8]) -> Result<Value, Problem> {
    let text =
        std::str::from_utf8(body).map_err(|_| Problem::malformed("the body is not UTF-8"))?;
    Value::parse_json(text)
        .map_err(|error| Problem::malformed(format!("the body is not JSON: {error}")))
}

/// A member that has to be there, read into a type that knows what it has to be.
pub(crate) fn member<T: DeserializeOwned>(
    object: &Object,
    name: &'static str,
) -> Result<T, Problem> {
    let value = object.get(name);
    let value = value.ok_or_else(|| Problem::invalid(pointer(name), "it is missing"))?;
    serde_json::from_str(&value.to_json())
        .map_err(|error| Problem::invalid(pointer(name), error.to_string()))
}

/// A member that may be missing.
pub(crate) fn optional_member<T: DeserializeOwned>(
    object: &Object,
    name: &'static str,
) -> Result<Option<T>, Problem> {
    object.get(name).map(|_| member(object, name)).transpose()
}

/// The parameters of a query.
pub(crate) fn query<T>(query: Result<Query<T>, QueryRejection>) -> Result<T, Problem> {
    query
        .map(|Query(query)| query)
        .map_err(|rejection| Problem::malformed(rejection.body_text()))
}

/// The JSON pointer of a member.
pub(crate) fn pointer(name: &str) -> String {
    format!("/{}", name.replace('~', "~0").replace('/', "~1"))
}
