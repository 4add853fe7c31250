//! The `@formats`.

use base64::engine::general_purpose::STANDARD;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use base64::{DecodeError, Engine as _};

use super::{Native, native_fn};
use crate::Value;
use crate::eval::{Machine, Stop, cannot, raise};

type Answer = Result<Value, Stop>;

pub(super) const FUNCTIONS: &[Native] = &[
    native_fn("@text", 0, |m, v, _| as_text(m, &v).map(Value::from)),
    native_fn("@json", 0, |m, v, _| m.json(&v).map(Value::from)),
    native_fn("@html", 0, |m, v, _| {
        replace(m, &v, |c| {
            Some(match c {
                '<' => "&lt;",
                '>' => "&gt;",
                '&' => "&amp;",
                '\'' => "&apos;",
                '"' => "&quot;",
                _ => return None,
            })
        })
    }),
    native_fn("@uri", 0, |m, v, _| {
        let text = as_text(m, &v)?;
        let mut out = String::new();
        for byte in text.bytes() {
            match byte {
                b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' => {
                    m.append(&mut out, char::from(byte).encode_utf8(&mut [0; 4]))?
                }
                byte => m.append(&mut out, &format!("%{byte:02X}"))?,
            }
        }
        Ok(out.into())
    }),
    native_fn("@urid", 0, urid),
    native_fn("@sh", 0, sh),
    native_fn("@csv", 0, |m, v, _| {
        row(m, &v, "csv", ",", |s| {
            format!("\"{}\"", s.replace('"', "\"\""))
        })
    }),
    native_fn("@tsv", 0, |m, v, _| {
        row(m, &v, "tsv", "\t", |s| {
            s.replace('\\', "\\\\")
                .replace('\t', "\\t")
                .replace('\n', "\\n")
                .replace('\r', "\\r")
        })
    }),
    native_fn("@base64", 0, |m, v, _| {
        let text = as_text(m, &v)?;
        m.meter.text(text.len() * 2)?;
        m.text(STANDARD.encode(text))
    }),
    native_fn("@base64d", 0, base64_decode),
    native_fn("format", 1, |m, v, a| {
        let Value::Str(name) = &a[0] else {
            return Err(cannot(&a[0], "is not a valid format"));
        };
        let format = FUNCTIONS.iter().find(|f| {
            let known = f.name.strip_prefix('@');
            known.is_some_and(|known| known == &**name)
        });
        match format {
            Some(format) => (format.run)(m, v, &[]),
            None => Err(raise(format!("{name} is not a valid format"))),
        }
    }),
    native_fn("@base32", 0, base32),
    native_fn("@base32d", 0, base32_decode),
];

const BASE32: &[u8; 32] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";

fn as_text(machine: &Machine<'_>, value: &Value) -> Result<String, Stop> {
    match value {
        Value::Str(text) => {
            machine.meter.text(text.len())?;
            machine.meter.build(text.len() * 2)?;
            Ok(text.to_string())
        }
        other => machine.json(other),
    }
}

fn replace(machine: &Machine<'_>, value: &Value, by: fn(char) -> Option<&'static str>) -> Answer {
    let text = as_text(machine, value)?;
    let mut out = String::new();
    for c in text.chars() {
        machine.append(&mut out, by(c).unwrap_or(c.encode_utf8(&mut [0; 4])))?;
    }
    Ok(out.into())
}

fn urid(machine: &Machine<'_>, value: Value, _: &[Value]) -> Answer {
    let text = as_text(machine, &value)?;
    let bytes = text.as_bytes();
    let (mut out, mut at) = (Vec::with_capacity(bytes.len()), 0);
    while at < bytes.len() {
        let hex = (bytes[at] == b'%')
            .then(|| text.get(at + 1..at + 3))
            .flatten();
        match hex.and_then(|hex| u8::from_str_radix(hex, 16).ok()) {
            Some(byte) => {
                out.push(byte);
                at += 3;
            }
            None if bytes[at] == b'%' => return Err(cannot(&value, "is not a valid uri encoding")),
            None => {
                out.push(bytes[at]);
                at += 1;
            }
        }
    }
    match String::from_utf8(out) {
        Ok(text) => machine.text(text),
        Err(_) => Err(cannot(&value, "is not a valid uri encoding")),
    }
}

fn sh(machine: &Machine<'_>, value: Value, _: &[Value]) -> Answer {
    let single = [value.clone()];
    let items = value.as_array().map_or(&single[..], |items| items);
    let mut out = String::new();
    for (i, item) in items.iter().enumerate() {
        if i > 0 {
            out.push(' ');
        }
        match item {
            Value::Str(text) => {
                machine.append(&mut out, &format!("'{}'", text.replace('\'', "'\\''")))?
            }
            Value::Array(_) | Value::Object(_) => {
                return Err(cannot(item, "can not be escaped for shell"));
            }
            plain => machine.append(&mut out, &plain.to_json())?,
        }
    }
    Ok(out.into())
}

fn row(
    machine: &Machine<'_>,
    value: &Value,
    name: &str,
    separator: &str,
    quote: fn(&str) -> String,
) -> Answer {
    let Value::Array(items) = value else {
        return Err(cannot(
            value,
            &format!("cannot be {name}-formatted, only array"),
        ));
    };
    let mut out = String::new();
    for (i, item) in items.iter().enumerate() {
        if i > 0 {
            machine.append(&mut out, separator)?;
        }
        match item {
            Value::Null => {}
            Value::Str(text) => {
                machine.meter.build(text.len())?;
                machine.append(&mut out, &quote(text))?;
            }
            Value::Array(_) | Value::Object(_) => {
                return Err(cannot(item, &format!("is not valid in a {name} row")));
            }
            plain => machine.append(&mut out, &plain.to_json())?,
        }
    }
    Ok(out.into())
}

fn base64_decode(machine: &Machine<'_>, value: Value, _: &[Value]) -> Answer {
    const LENIENT: GeneralPurposeConfig = GeneralPurposeConfig::new()
        .with_decode_allow_trailing_bits(true)
        .with_decode_padding_mode(DecodePaddingMode::Indifferent);
    let engine = GeneralPurpose::new(&base64::alphabet::STANDARD, LENIENT);
    let text = as_text(machine, &value)?;
    let digits = text.split('=').next().unwrap_or_default();
    let bytes = engine.decode(digits).map_err(|error| {
        let what = match error {
            DecodeError::InvalidLength(_) => "trailing base64 byte found",
            _ => "is not valid base64 data",
        };
        cannot(&value, what)
    })?;
    machine.text(String::from_utf8_lossy(&bytes).into_owned())
}

fn base32(machine: &Machine<'_>, value: Value, _: &[Value]) -> Answer {
    let text = as_text(machine, &value)?;
    machine.meter.text(text.len() * 2)?;
    let mut out = String::new();
    for chunk in text.as_bytes().chunks(5) {
        let mut bytes = [0_u8; 8];
        bytes[3..3 + chunk.len()].copy_from_slice(chunk);
        let bits = u64::from_be_bytes(bytes);
        let digits = (chunk.len() * 8).div_ceil(5);
        for i in 0..8 {
            let digit = (bits >> (35 - 5 * i)) as usize & 31;
            out.push(if i < digits {
                char::from(BASE32[digit])
            } else {
                '='
            });
        }
    }
    machine.text(out)
}

fn base32_decode(machine: &Machine<'_>, value: Value, _: &[Value]) -> Answer {
    let text = as_text(machine, &value)?;
    let (mut out, mut bits, mut count) = (Vec::new(), 0_u32, 0);
    for byte in text.trim_end_matches('=').bytes() {
        let digit = BASE32
            .iter()
            .position(|b| *b == byte)
            .ok_or_else(|| cannot(&value, "is not valid base32 data"))?;
        bits = (bits << 5 | digit as u32) & 0xfff;
        count += 5;
        if count >= 8 {
            count -= 8;
            out.push((bits >> count) as u8);
        }
    }
    if out.is_empty() && !text.is_empty() {
        return Err(raise("base32 data is too short"));
    }
    machine.text(String::from_utf8_lossy(&out).into_owned())
}
