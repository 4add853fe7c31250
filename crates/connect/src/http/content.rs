//! Turns an answer's bytes into a value, by its content type.

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use encoding_rs::Encoding;
use ferrovia_expr::{Object, Value};

use super::body::essence;
pub(crate) use super::body::is_json;

/// Content that is not what its type says.
#[derive(Debug, thiserror::Error)]
#[error("the content is announced as {media_type} but is not: {reason}")]
pub(crate) struct Malformed {
    media_type: String,
    reason: String,
}

/// JSON and YAML become values, forms objects, text and XML strings; anything else is base64. No content is null.
pub(crate) fn decode(bytes: &[u8], content_type: Option<&str>) -> Result<Value, Malformed> {
    if bytes.is_empty() {
        return Ok(Value::Null);
    }
    let content_type = content_type.unwrap_or_default();
    let media_type = essence(content_type);
    let malformed = |reason: String| Malformed {
        media_type: media_type.clone(),
        reason,
    };
    match media_type.as_str() {
        media if is_json(media) => Value::parse_json(&text(bytes, content_type))
            .map_err(|error| malformed(error.to_string())),
        media if is_yaml(media) => serde_saphyr::from_str(&text(bytes, content_type))
            .map_err(|error| malformed(error.to_string())),
        "application/x-www-form-urlencoded" => Ok(form(bytes)),
        media if is_text(media) => Ok(Value::from(text(bytes, content_type))),
        "" => Ok(std::str::from_utf8(bytes).map_or_else(|_| base64(bytes), Value::from)),
        _ => Ok(base64(bytes)),
    }
}

pub(crate) fn base64(bytes: &[u8]) -> Value {
    BASE64_STANDARD.encode(bytes).into()
}

fn is_yaml(media_type: &str) -> bool {
    matches!(
        media_type,
        "application/yaml" | "application/x-yaml" | "text/yaml" | "text/x-yaml"
    ) || media_type.ends_with("+yaml")
}

fn is_text(media_type: &str) -> bool {
    media_type.starts_with("text/")
        || media_type.ends_with("+xml")
        || matches!(
            media_type,
            "application/xml"
                | "application/javascript"
                | "application/ecmascript"
                | "application/x-ndjson"
                | "application/jsonl"
                | "application/graphql"
                | "application/sql"
                | "application/toml"
        )
}

/// The bytes as text in the announced character set, UTF-8 by default; what is not in the set is replaced.
fn text(bytes: &[u8], content_type: &str) -> String {
    let charset = content_type
        .split(';')
        .skip(1)
        .filter_map(|parameter| parameter.split_once('='))
        .find(|(name, _)| name.trim().eq_ignore_ascii_case("charset"))
        .and_then(|(_, value)| Encoding::for_label(value.trim().trim_matches('"').as_bytes()));
    charset
        .unwrap_or(encoding_rs::UTF_8)
        .decode(bytes)
        .0
        .into_owned()
}

/// Repeated names become arrays.
fn form(bytes: &[u8]) -> Value {
    let mut object = Object::default();
    for (name, value) in form_urlencoded::parse(bytes) {
        let value = Value::from(&*value);
        let merged = match object.remove(&name) {
            None => value,
            Some(Value::Array(items)) => items
                .iter()
                .cloned()
                .chain([value])
                .collect::<Vec<_>>()
                .into(),
            Some(first) => vec![first, value].into(),
        };
        object.insert(&*name, merged);
    }
    object.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn content_is_decoded_by_its_type() {
        for (content_type, bytes, expected) in [
            (
                "application/json",
                &b"{\"a\":[1,2.5]}"[..],
                r#"{"a":[1,2.5]}"#,
            ),
            (
                "application/problem+json; charset=utf-8",
                b"[true]",
                "[true]",
            ),
            (
                "application/yaml",
                b"a:\n  - 1\n  - x\n",
                r#"{"a":[1,"x"]}"#,
            ),
            ("text/plain", b"{\"a\":1}", r#""{\"a\":1}""#),
            ("text/plain; charset=iso-8859-1", b"caf\xe9", r#""café""#),
            ("application/xml", b"<a/>", r#""<a/>""#),
            ("image/svg+xml", b"<svg/>", r#""<svg/>""#),
            (
                "application/x-www-form-urlencoded",
                b"a=1&b=x+y&a=2",
                r#"{"b":"x y","a":["1","2"]}"#,
            ),
            ("application/octet-stream", b"\x00\xff", r#""AP8=""#),
            ("image/png", b"abc", r#""YWJj""#),
            ("", b"plain", r#""plain""#),
            ("", b"\xff", r#""/w==""#),
            ("application/json", b"", "null"),
        ] {
            let decoded = decode(bytes, Some(content_type)).unwrap();
            assert_eq!(
                decoded,
                Value::parse_json(expected).unwrap(),
                "{content_type}"
            );
        }
    }

    #[test]
    fn content_that_is_not_what_it_says_is_an_error() {
        for (content_type, bytes) in [
            ("application/json", &b"<html>"[..]),
            ("application/yaml", b"a: ["),
            ("application/yaml", b"a: 1\na: 2"),
        ] {
            assert!(decode(bytes, Some(content_type)).is_err(), "{content_type}");
        }
    }

    #[test]
    fn aliases_cannot_multiply_without_end() {
        let mut bomb = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n".to_owned();
        for level in 1..12 {
            let aliases = vec![format!("*a{}", level - 1); 10].join(", ");
            bomb.push_str(&format!("a{level}: &a{level} [{aliases}]\n"));
        }
        assert!(decode(bomb.as_bytes(), Some("application/yaml")).is_err());
    }
}
