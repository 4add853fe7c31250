//! Turns a body value into bytes, by the content type the author gave.

use bytes::Bytes;
use ferrovia_expr::Value;
use ferrovia_runtime::port::Fault;
use http::HeaderMap;
use http::header::{CONTENT_TYPE, HeaderValue};

use super::multipart;
use crate::arguments::plain_text;
use crate::fault;

/// Encodes `body` and sets `Content-Type` where the author left it out.
///
/// Without a content type a string is sent as text and anything else as JSON. A string is always sent as it is.
/// Objects become forms (`application/x-www-form-urlencoded`, `multipart/form-data`) or JSON, as the content type says.
pub(crate) fn encode(body: &Value, headers: &mut HeaderMap) -> Result<Bytes, Fault> {
    if body.is_null() {
        return Ok(Bytes::new());
    }
    let Some(given) = headers.get(CONTENT_TYPE) else {
        let default = if body.as_str().is_some() {
            "text/plain; charset=utf-8"
        } else {
            "application/json"
        };
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(default));
        return Ok(plain_text(body).into());
    };
    if let Some(text) = body.as_str() {
        return Ok(Bytes::copy_from_slice(text.as_bytes()));
    }
    let given = given.to_str().unwrap_or_default().to_owned();
    match essence(&given).as_str() {
        "application/x-www-form-urlencoded" => Ok(form(body)?.into()),
        "multipart/form-data" => {
            let form = multipart::encode(body)?;
            headers.insert(CONTENT_TYPE, form.content_type);
            Ok(form.bytes)
        }
        media_type
            if is_json(media_type) || body.as_object().is_none() && body.as_array().is_none() =>
        {
            Ok(body.to_json().into())
        }
        media_type => Err(fault::validation(format!(
            "http: an {} cannot be sent as {media_type}",
            body.type_name()
        ))),
    }
}

/// A media type without parameters, in lower case.
pub(crate) fn essence(content_type: &str) -> String {
    content_type
        .split(';')
        .next()
        .unwrap_or_default()
        .trim()
        .to_ascii_lowercase()
}

pub(crate) fn is_json(media_type: &str) -> bool {
    media_type == "application/json" || media_type == "text/json" || media_type.ends_with("+json")
}

fn form(body: &Value) -> Result<String, Fault> {
    let fields = body
        .as_object()
        .ok_or_else(|| fault::validation("http: a form must be an object"))?;
    let mut form = form_urlencoded::Serializer::new(String::new());
    for (name, value) in fields.iter() {
        match value {
            Value::Null => {}
            Value::Array(items) => {
                form.extend_pairs(items.iter().map(|item| (name, plain_text(item))));
            }
            _ => {
                form.append_pair(name, &plain_text(value));
            }
        }
    }
    Ok(form.finish())
}
