//! Messages of errors, in jq's words. A value in them is cut short, and a large one is not written
//! out to be cut.

use super::Stop;
use crate::{Object, Value};

/// Bytes of a value that an error message shows.
const SHOWN_BYTES_MAX: usize = 29;

pub(crate) fn raise(message: impl Into<Value>) -> Stop {
    Stop::Raised(message.into())
}

/// The value's text for a message, cut short as jq does. Values that are large are not written to be
/// cut.
pub(crate) fn shown(value: &Value) -> String {
    let text = match value {
        scalar @ (Value::Null | Value::Bool(_) | Value::Int(_) | Value::Float(_)) => scalar.clone(),
        other => part(other, &mut (4 * SHOWN_BYTES_MAX)),
    };
    let text = text.to_json();
    if text.len() <= SHOWN_BYTES_MAX {
        return text;
    }
    let close = match text.as_bytes()[0] {
        b'"' => "\"",
        b'[' => "]",
        b'{' => "}",
        _ => "",
    };
    format!(
        "{}...{close}",
        cut(&text, SHOWN_BYTES_MAX - 3 - close.len())
    )
}

/// The first values of a container, as many as a message can show.
fn part(value: &Value, left: &mut usize) -> Value {
    *left = left.saturating_sub(1);
    match value {
        Value::Array(items) => {
            let mut some = Vec::new();
            for item in items.iter() {
                if *left == 0 {
                    break;
                }
                some.push(part(item, left));
            }
            some.into()
        }
        Value::Object(object) => {
            let mut some = Object::default();
            for (key, item) in object.iter() {
                if *left == 0 {
                    break;
                }
                some.insert(cut(key, 4 * SHOWN_BYTES_MAX), part(item, left));
            }
            some.into()
        }
        Value::Str(s) => cut(s, 4 * SHOWN_BYTES_MAX).into(),
        other => other.clone(),
    }
}

fn cut(text: &str, bytes: usize) -> &str {
    &text[..text.floor_char_boundary(bytes)]
}

/// `type (text)`.
pub(crate) fn described(value: &Value) -> String {
    format!("{} ({})", value.type_name(), shown(value))
}

/// `type (text) <what>`.
pub(crate) fn cannot(value: &Value, what: &str) -> Stop {
    raise(format!("{} {what}", described(value)))
}

pub(super) fn cannot_both(a: &Value, b: &Value, what: &str) -> Stop {
    raise(format!("{} and {} {what}", described(a), described(b)))
}
