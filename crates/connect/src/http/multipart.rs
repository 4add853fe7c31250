//! `multipart/form-data` (RFC 7578) from an object.

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use bytes::Bytes;
use ferrovia_expr::Value;
use ferrovia_runtime::port::Fault;
use http::header::HeaderValue;
use sha2::{Digest, Sha256};

use crate::arguments::{Arguments, plain_text};
use crate::fault;

pub(super) struct Multipart {
    pub(super) content_type: HeaderValue,
    pub(super) bytes: Bytes,
}

struct Part {
    name: String,
    filename: Option<String>,
    content_type: Option<String>,
    content: Vec<u8>,
}

/// Each property is a part; an array is several parts of one name. A part is a scalar, or an object
/// `{content, filename?, contentType?, encoding?}` where `encoding: base64` says that `content` is base64.
/// Any other object is sent as JSON.
pub(super) fn encode(body: &Value) -> Result<Multipart, Fault> {
    let fields = body
        .as_object()
        .ok_or_else(|| fault::validation("http: a form must be an object"))?;
    let mut parts = Vec::new();
    for (name, value) in fields.iter() {
        match value {
            Value::Null => {}
            Value::Array(items) => {
                for item in items.iter() {
                    parts.push(part(name, item)?);
                }
            }
            _ => parts.push(part(name, value)?),
        }
    }
    Ok(write(&parts))
}

fn part(name: &str, value: &Value) -> Result<Part, Fault> {
    let plain = |content_type: Option<&str>| Part {
        name: name.to_owned(),
        filename: None,
        content_type: content_type.map(str::to_owned),
        content: plain_text(value).into_bytes(),
    };
    match value.as_object() {
        None => return Ok(plain(None)),
        Some(object) if object.get("content").is_none() => {
            return Ok(plain(Some("application/json")));
        }
        Some(_) => {}
    }
    let arguments = Arguments::of(name, value)?;
    let text = plain_text(arguments.required("content")?);
    let content = match arguments.text("encoding")? {
        None => text.into_bytes(),
        Some("base64") => BASE64_STANDARD.decode(text).map_err(|error| {
            fault::validation(format!("http: part `{name}` is no base64: {error}"))
        })?,
        Some(other) => {
            return Err(fault::validation(format!(
                "http: part `{name}`: unknown encoding `{other}`"
            )));
        }
    };
    Ok(Part {
        name: name.to_owned(),
        filename: arguments.text("filename")?.map(str::to_owned),
        content_type: arguments.text("contentType")?.map(str::to_owned),
        content,
    })
}

fn write(parts: &[Part]) -> Multipart {
    let boundary = boundary(parts);
    let mut bytes = Vec::new();
    for part in parts {
        bytes.extend_from_slice(format!("--{boundary}\r\n").as_bytes());
        bytes.extend_from_slice(
            format!(
                "Content-Disposition: form-data; name=\"{}\"",
                quoted(&part.name)
            )
            .as_bytes(),
        );
        if let Some(filename) = &part.filename {
            bytes.extend_from_slice(format!("; filename=\"{}\"", quoted(filename)).as_bytes());
        }
        if let Some(content_type) = &part.content_type {
            let line: String = content_type.chars().filter(|c| !c.is_control()).collect();
            bytes.extend_from_slice(format!("\r\nContent-Type: {line}").as_bytes());
        }
        bytes.extend_from_slice(b"\r\n\r\n");
        bytes.extend_from_slice(&part.content);
        bytes.extend_from_slice(b"\r\n");
    }
    bytes.extend_from_slice(format!("--{boundary}--\r\n").as_bytes());
    let content_type = HeaderValue::try_from(format!("multipart/form-data; boundary={boundary}"))
        .expect("a boundary is letters and digits");
    Multipart {
        content_type,
        bytes: bytes.into(),
    }
}

/// Derived from the content, so that a repeated call sends the same bytes and no content can hold its own boundary.
fn boundary(parts: &[Part]) -> String {
    let mut hash = Sha256::new();
    for part in parts {
        hash.update(&part.content);
    }
    let digest = hash.finalize();
    let hex: String = digest
        .iter()
        .take(20)
        .map(|byte| format!("{byte:02x}"))
        .collect();
    format!("ferrovia{hex}")
}

/// The escapes of the HTML standard for names in form data.
fn quoted(name: &str) -> String {
    name.replace('"', "%22")
        .replace('\r', "%0D")
        .replace('\n', "%0A")
}
