//! JSON text: reading with a bounded depth, writing compact, indented and canonical.

use std::fmt::Write as _;

use super::Value;

/// How deep containers may nest: the depth to which every reader of JSON in the product agrees.
pub const VALUE_DEPTH_MAX: u32 = 127;

/// Why a text is no JSON, with its line and column.
#[derive(Debug, Clone, thiserror::Error)]
#[error("{0}")]
pub struct JsonError(pub(crate) String);

#[derive(Clone, Copy, PartialEq)]
enum Keys {
    AsInserted,
    Sorted,
}

impl Value {
    /// Reads one JSON text. Deeper than [`VALUE_DEPTH_MAX`] is an error.
    pub fn parse_json(text: &str) -> Result<Value, JsonError> {
        serde_json::from_str(text).map_err(|e| JsonError(e.to_string()))
    }
    /// Compact JSON.
    pub fn to_json(&self) -> String {
        let mut text = String::new();
        write(&mut text, self, Keys::AsInserted);
        text
    }
    /// Compact JSON with sorted keys: equal values have equal text, so it can be hashed.
    pub fn to_canonical_json(&self) -> String {
        let mut text = String::new();
        write(&mut text, self, Keys::Sorted);
        text
    }
    /// Indented JSON.
    pub fn to_json_pretty(&self) -> String {
        serde_json::to_string_pretty(self).expect("a value always serialises")
    }
}

fn write(out: &mut String, value: &Value, keys: Keys) {
    match value {
        Value::Null => out.push_str("null"),
        Value::Bool(b) => out.push_str(if *b { "true" } else { "false" }),
        Value::Int(_) | Value::Float(_) => out.push_str(&number_text(value)),
        Value::Str(s) => write_text(out, s),
        Value::Array(items) => {
            out.push('[');
            for (i, item) in items.iter().enumerate() {
                if i > 0 {
                    out.push(',');
                }
                write(out, item, keys);
            }
            out.push(']');
        }
        Value::Object(object) => {
            let mut entries: Vec<_> = object.iter().collect();
            if keys == Keys::Sorted {
                entries.sort_unstable_by_key(|(k, _)| *k);
            }
            out.push('{');
            for (i, (key, item)) in entries.into_iter().enumerate() {
                if i > 0 {
                    out.push(',');
                }
                write_text(out, key);
                out.push(':');
                write(out, item, keys);
            }
            out.push('}');
        }
    }
}

fn write_text(out: &mut String, text: &str) {
    out.push('"');
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            '\u{8}' => out.push_str("\\b"),
            '\u{c}' => out.push_str("\\f"),
            c if u32::from(c) < 0x20 || c == '\u{7f}' => {
                write!(out, "\\u{:04x}", u32::from(c)).expect("a string takes all text");
            }
            c => out.push(c),
        }
    }
    out.push('"');
}

/// A number as jq prints it: the shortest digits that read back the same, an exponent of at least two
/// digits when the number is very large or small; NaN is `null`, an infinity the largest number.
fn number_text(value: &Value) -> String {
    let number = match value {
        Value::Int(i) => return i.to_string(),
        Value::Float(f) if f.is_nan() => return "null".into(),
        Value::Float(f) => f.clamp(f64::MIN, f64::MAX),
        _ => return String::new(),
    };
    /// Integers print plainly up to this many zeros after the digits.
    const ZEROS_MAX: i32 = 15;
    let text = format!("{number:e}");
    let (mantissa, exponent) = text.split_once('e').expect("{:e} writes an exponent");
    let exponent: i32 = exponent.parse().expect("{:e} writes an integer exponent");
    let digits = mantissa.bytes().filter(u8::is_ascii_digit).count() as i32;
    if exponent < -4 || exponent + 1 > digits + ZEROS_MAX {
        let sign = if exponent < 0 { '-' } else { '+' };
        format!("{mantissa}e{sign}{:02}", exponent.abs())
    } else {
        format!("{number}")
    }
}
