//! Strings.

use super::{Native, native_fn};
use crate::Value;
use crate::eval::{Machine, Stop, cannot, described, raise};
use crate::syntax::number;

type Given<'a> = &'a [Value];
type Answer = Result<Value, Stop>;

pub(super) const FUNCTIONS: &[Native] = &[
    native_fn("tostring", 0, |m, v, _| match v {
        Value::Str(_) => Ok(v),
        other => m.json(&other).map(Value::from),
    }),
    native_fn("tojson", 0, |m, v, _| m.json(&v).map(Value::from)),
    native_fn("fromjson", 0, from_json),
    native_fn("tonumber", 0, to_number),
    native_fn("toboolean", 0, |_, v, _| match v.as_str() {
        Some("true") => Ok(true.into()),
        Some("false") => Ok(false.into()),
        None if v.as_bool().is_some() => Ok(v),
        _ => Err(cannot(&v, "cannot be parsed as a boolean")),
    }),
    native_fn("ascii_downcase", 0, |m, v, _| {
        map(m, &v, "ascii_downcase", |s| s.to_ascii_lowercase())
    }),
    native_fn("ascii_upcase", 0, |m, v, _| {
        map(m, &v, "ascii_upcase", |s| s.to_ascii_uppercase())
    }),
    native_fn("trim", 0, |m, v, _| {
        map(m, &v, "trim", |s| s.trim().to_owned())
    }),
    native_fn("ltrim", 0, |m, v, _| {
        map(m, &v, "trim", |s| s.trim_start().to_owned())
    }),
    native_fn("rtrim", 0, |m, v, _| {
        map(m, &v, "trim", |s| s.trim_end().to_owned())
    }),
    native_fn("ltrimstr", 1, |m, v, a| {
        cut(m, v, &a[0], "startswith", |s, fix| s.strip_prefix(fix))
    }),
    native_fn("rtrimstr", 1, |m, v, a| {
        cut(m, v, &a[0], "endswith", |s, fix| s.strip_suffix(fix))
    }),
    native_fn("trimstr", 1, |m, v, a| {
        let v = cut(m, v, &a[0], "startswith", |s, fix| s.strip_prefix(fix))?;
        cut(m, v, &a[0], "endswith", |s, fix| s.strip_suffix(fix))
    }),
    native_fn("startswith", 1, |_, v, a| {
        both(&v, &a[0], "startswith", |s, part| s.starts_with(part))
    }),
    native_fn("endswith", 1, |_, v, a| {
        both(&v, &a[0], "endswith", |s, part| s.ends_with(part))
    }),
    native_fn("split", 1, |m, v, a| match (v.as_str(), a[0].as_str()) {
        (Some(text), Some(separator)) => m.split(text, separator),
        _ => Err(raise("split input and separator must be strings")),
    }),
    native_fn("join", 1, join),
    native_fn("explode", 0, |m, v, _| match &v {
        Value::Str(s) => {
            m.meter.build(s.len() * size_of::<Value>())?;
            m.array(s.chars().map(|c| Value::from(u32::from(c))).collect())
        }
        other => Err(cannot(other, "cannot be exploded")),
    }),
    native_fn("implode", 0, implode),
    native_fn("utf8bytelength", 0, |_, v, _| match &v {
        Value::Str(s) => Ok(s.len().into()),
        other => Err(cannot(other, "only strings have UTF-8 byte length")),
    }),
];

fn from_json(machine: &Machine<'_>, value: Value, _: Given<'_>) -> Answer {
    let Some(text) = value.as_str() else {
        return Err(cannot(&value, "only strings can be parsed"));
    };
    machine.meter.text(text.len() * 8)?;
    let marks = |mark: u8| text.bytes().filter(|byte| *byte == mark).count();
    machine.meter.build(text.len())?;
    machine.meter.build((marks(b'[') + 2 * marks(b'{')) * 200)?;
    machine
        .meter
        .build((marks(b',') + 4 * marks(b':')) * 2 * size_of::<Value>())?;
    let trimmed = text.trim();
    let (sign, word) = match trimmed.strip_prefix('-') {
        Some(word) => (-1.0, word),
        None => (1.0, trimmed),
    };
    match word {
        "nan" | "NaN" => return Ok(Value::Float(f64::NAN)),
        "Infinity" | "infinity" => return Ok(Value::Float(sign * f64::INFINITY)),
        _ => {}
    }
    let shown: String = text.chars().take(40).collect();
    Value::parse_json(text).map_err(|e| raise(format!("{e} (while parsing '{shown}')")))
}

fn to_number(_: &Machine<'_>, value: Value, _: Given<'_>) -> Answer {
    if value.as_f64().is_some() {
        return Ok(value);
    }
    let plain = |s: &str| {
        s.bytes()
            .all(|b| b.is_ascii_digit() || b"+-.eE".contains(&b))
    };
    let parsed = value.as_str().filter(|s| plain(s)).and_then(number);
    parsed.ok_or_else(|| cannot(&value, "cannot be parsed as a number"))
}

fn map(machine: &Machine<'_>, value: &Value, name: &str, change: fn(&str) -> String) -> Answer {
    match value {
        Value::Str(text) => {
            machine.meter.text(text.len())?;
            machine.text(change(text))
        }
        _ => Err(raise(format!("{name} input must be a string"))),
    }
}

fn cut(
    machine: &Machine<'_>,
    value: Value,
    fix: &Value,
    name: &str,
    cut: for<'t> fn(&'t str, &str) -> Option<&'t str>,
) -> Answer {
    let rest = match (value.as_str(), fix.as_str()) {
        (Some(text), Some(fix)) => cut(text, fix).map(str::to_owned),
        _ => return Err(raise(format!("{name}() requires string inputs"))),
    };
    rest.map_or(Ok(value), |rest| machine.text(rest))
}

fn both(value: &Value, part: &Value, name: &str, test: fn(&str, &str) -> bool) -> Answer {
    match (value.as_str(), part.as_str()) {
        (Some(text), Some(part)) => Ok(test(text, part).into()),
        _ => Err(raise(format!("{name}() requires string inputs"))),
    }
}

fn join(machine: &Machine<'_>, value: Value, args: Given<'_>) -> Answer {
    let items: Vec<&Value> = match &value {
        Value::Array(items) => items.iter().collect(),
        Value::Object(object) => object.iter().map(|(_, item)| item).collect(),
        other => return Err(raise(format!("Cannot iterate over {}", described(other)))),
    };
    let mut text = String::new();
    for (i, item) in items.into_iter().enumerate() {
        if i > 0 {
            let separator = args[0]
                .as_str()
                .ok_or_else(|| cannot(&args[0], "cannot separate strings"))?;
            machine.append(&mut text, separator)?;
        }
        match item {
            Value::Null => {}
            Value::Str(s) => machine.append(&mut text, s)?,
            Value::Bool(_) | Value::Int(_) | Value::Float(_) => {
                machine.append(&mut text, &item.to_json())?
            }
            other => {
                let so_far = Value::from(text);
                machine.math(crate::program::Math::Add, so_far, other.clone())?;
                return Err(cannot(other, "cannot be joined"));
            }
        }
    }
    Ok(text.into())
}

fn implode(machine: &Machine<'_>, value: Value, _: Given<'_>) -> Answer {
    let Value::Array(items) = &value else {
        return Err(raise("implode input must be an array"));
    };
    let mut text = String::new();
    for item in items.iter() {
        machine.meter.build(4)?;
        let Some(code) = item.as_f64().filter(|code| !code.is_nan()) else {
            return Err(cannot(
                item,
                "can't be imploded, unicode codepoint needs to be numeric",
            ));
        };
        text.push(
            char::from_u32(code as u32)
                .filter(|_| code >= 0.0)
                .unwrap_or(char::REPLACEMENT_CHARACTER),
        );
    }
    machine.text(text)
}
