//! What a delivery says, as a value: its body by the media type, its query, its headers.

use axum::http::header::{AUTHORIZATION, COOKIE, PROXY_AUTHORIZATION};
use axum::http::{HeaderMap, Uri};
use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use ferrovia_expr::{Object, Value};
use percent_encoding::percent_decode_str;

use crate::body::{is_json, json, media_type};
use crate::hook::PARAMETERS_MAX;
use crate::problem::Problem;

const FORM: &str = "application/x-www-form-urlencoded";

/// A body.
pub(super) enum Content {
    Nothing,
    Value(Value),
    /// Bytes that are no text, in Base64.
    Bytes(String),
}

impl Content {
    pub(super) fn read(headers: &HeaderMap, body: &[u8]) -> Result<Content, Problem> {
        if body.is_empty() {
            return Ok(Content::Nothing);
        }
        let kind = media_type(headers);
        if is_json(&kind) {
            return json(body).map(Content::Value);
        }
        let text = std::str::from_utf8(body).ok();
        Ok(match text {
            Some(text) if kind == FORM => Content::Value(parameters(text)?),
            // A sender that does not say what it sends mostly sends JSON.
            Some(text) if kind.is_empty() => {
                Content::Value(Value::parse_json(text).unwrap_or_else(|_| text.into()))
            }
            Some(text) if kind.starts_with("text/") || kind.ends_with("xml") => {
                Content::Value(text.into())
            }
            _ => Content::Bytes(BASE64.encode(body)),
        })
    }

    pub(super) fn value(&self) -> Value {
        match self {
            Content::Nothing => Value::Null,
            Content::Value(value) => value.clone(),
            Content::Bytes(text) => text.as_str().into(),
        }
    }
}

/// All of a request that an expression or a workflow may see. What only proves who sent it is left out: a journal is
/// no place for passwords.
pub(super) fn seen(headers: &HeaderMap, uri: &Uri, content: &Content) -> Result<Value, Problem> {
    let mut named = Object::default();
    for name in headers.keys() {
        if [AUTHORIZATION, PROXY_AUTHORIZATION, COOKIE].contains(name) {
            continue;
        }
        let values = headers.get_all(name).iter();
        let values: Vec<_> = values
            .map(|value| String::from_utf8_lossy(value.as_bytes()))
            .collect();
        named.insert(name.as_str(), values.join(", "));
    }
    let mut seen = Object::default();
    seen.insert("headers", named);
    seen.insert("query", parameters(uri.query().unwrap_or_default())?);
    seen.insert("body", content.value());
    Ok(seen.into())
}

/// Names and values as an object. A name that is there more than once has a list.
fn parameters(text: &str) -> Result<Value, Problem> {
    let mut object = Object::default();
    for (count, pair) in text.split('&').filter(|pair| !pair.is_empty()).enumerate() {
        if count == PARAMETERS_MAX {
            return Err(Problem::malformed(format!(
                "there are more than {PARAMETERS_MAX} parameters"
            )));
        }
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        let (name, value) = (decoded(name)?, Value::from(decoded(value)?));
        let value = match object.get(&name) {
            None => value,
            Some(Value::Array(before)) => {
                let all = before.iter().cloned().chain([value]);
                all.collect::<Vec<_>>().into()
            }
            Some(before) => vec![before.clone(), value].into(),
        };
        object.insert(&*name, value);
    }
    Ok(object.into())
}

fn decoded(text: &str) -> Result<String, Problem> {
    let spaced = text.replace('+', " ");
    let decoded = percent_decode_str(&spaced).decode_utf8();
    let decoded =
        decoded.map_err(|_| Problem::malformed("a parameter is no percent-encoded text"))?;
    Ok(decoded.into_owned())
}

#[cfg(test)]
mod tests {
    use axum::http::header::CONTENT_TYPE;
    use ferrovia_expr::value;

    use super::*;

    fn read(kind: Option<&'static str>, body: &[u8]) -> Option<Value> {
        let mut headers = HeaderMap::new();
        if let Some(kind) = kind {
            headers.insert(CONTENT_TYPE, kind.parse().unwrap());
        }
        let content = Content::read(&headers, body).ok()?;
        Some(content.value())
    }

    #[test]
    fn a_body_is_read_by_its_media_type() {
        let json = Some("application/json; charset=utf-8");
        assert_eq!(read(json, b"{\"n\": 1}"), Some(value!({ "n": 1 })));
        assert_eq!(read(json, b"{"), None);
        assert_eq!(read(None, b"[1]"), Some(value!([1])));
        assert_eq!(read(None, b"hello"), Some(value!("hello")));
        assert_eq!(read(Some("text/xml"), b"<a/>"), Some(value!("<a/>")));
        assert_eq!(read(Some("image/png"), b"\xff\x00"), Some(value!("/wA=")));
        assert_eq!(read(json, b""), Some(Value::Null));
        assert_eq!(
            read(Some(FORM), b"a=1&b=x+y%21&a=2&c&a=3"),
            Some(value!({ "a": ["1", "2", "3"], "b": "x y!", "c": "" }))
        );
        assert_eq!(read(Some(FORM), b"a=%ff"), None);
        let many = "a=1&".repeat(PARAMETERS_MAX + 1);
        assert_eq!(read(Some(FORM), many.as_bytes()), None);
    }

    #[test]
    fn what_only_proves_who_sent_it_is_not_seen() {
        let mut headers = HeaderMap::new();
        headers.insert(AUTHORIZATION, "Basic eDp5".parse().unwrap());
        headers.insert(COOKIE, "a=b".parse().unwrap());
        headers.append("x-tag", "1".parse().unwrap());
        headers.append("x-tag", "2".parse().unwrap());
        let seen = seen(
            &headers,
            &Uri::from_static("/hooks/a?q=1"),
            &Content::Nothing,
        );
        assert_eq!(
            seen.ok(),
            Some(value!({ "headers": { "x-tag": "1, 2" }, "query": { "q": "1" }, "body": null }))
        );
    }
}
