//! Which value a plain YAML scalar is: the core schema of YAML 1.2.
//!
//! `yes`, `on` and `1.0.3` are texts here; `~` is null and `0x1F` a number.

use ferrovia_expr::Value;

/// A number that JSON cannot write: infinite, or not a number at all.
#[derive(Debug, PartialEq)]
pub(super) struct NotJson;

/// Types a plain scalar.
pub(super) fn resolve(text: &str) -> Result<Value, NotJson> {
    match text {
        "" | "~" | "null" | "Null" | "NULL" => return Ok(Value::Null),
        "true" | "True" | "TRUE" => return Ok(Value::Bool(true)),
        "false" | "False" | "FALSE" => return Ok(Value::Bool(false)),
        _ => {}
    }
    number(text).unwrap_or_else(|| Ok(Value::from(text)))
}

/// `None` when `text` is no number.
pub(super) fn number(text: &str) -> Option<Result<Value, NotJson>> {
    let first = *text.as_bytes().first()?;
    if !matches!(first, b'0'..=b'9' | b'+' | b'-' | b'.') {
        return None;
    }
    radix(text)
        .or_else(|| special(text))
        .or_else(|| decimal(text))
}

fn radix(text: &str) -> Option<Result<Value, NotJson>> {
    let (digits, radix) = text
        .strip_prefix("0x")
        .map(|digits| (digits, 16))
        .or_else(|| text.strip_prefix("0o").map(|digits| (digits, 8)))?;
    if digits.is_empty() || !digits.chars().all(|c| c.is_digit(radix)) {
        return None;
    }
    Some(match i64::from_str_radix(digits, radix) {
        Ok(exact) => Ok(Value::Int(exact)),
        Err(_) => finite(approximate(digits, radix)),
    })
}

/// The nearest number to an integer beyond 64 bits.
fn approximate(digits: &str, radix: u32) -> f64 {
    let digits = digits.chars().filter_map(|c| c.to_digit(radix));
    digits.fold(0.0, |sum, digit| sum * f64::from(radix) + f64::from(digit))
}

fn special(text: &str) -> Option<Result<Value, NotJson>> {
    let unsigned = text.strip_prefix(['+', '-']).unwrap_or(text);
    let infinite = matches!(unsigned, ".inf" | ".Inf" | ".INF");
    let undefined = matches!(text, ".nan" | ".NaN" | ".NAN");
    (infinite || undefined).then_some(Err(NotJson))
}

fn decimal(text: &str) -> Option<Result<Value, NotJson>> {
    let unsigned = text.strip_prefix(['+', '-']).unwrap_or(text);
    let (mantissa, exponent) = match unsigned.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, Some(exponent)),
        None => (unsigned, None),
    };
    let digits = |part: &str| part.bytes().all(|b| b.is_ascii_digit());
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let mantissa_fits =
        digits(whole) && digits(fraction) && !(whole.is_empty() && fraction.is_empty());
    let exponent_fits = exponent.is_none_or(|exponent| {
        let exponent = exponent.strip_prefix(['+', '-']).unwrap_or(exponent);
        !exponent.is_empty() && digits(exponent)
    });
    if !mantissa_fits || !exponent_fits {
        return None;
    }
    if let Ok(integer) = text.parse::<i64>() {
        return Some(Ok(Value::Int(integer)));
    }
    text.parse().ok().map(finite)
}

fn finite(float: f64) -> Result<Value, NotJson> {
    if float.is_finite() {
        Ok(Value::from(float))
    } else {
        Err(NotJson)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_scalars_follow_the_core_schema() {
        let cases = [
            ("", Value::Null),
            ("~", Value::Null),
            ("NULL", Value::Null),
            ("nUll", Value::from("nUll")),
            ("True", Value::Bool(true)),
            ("yes", Value::from("yes")),
            ("on", Value::from("on")),
            ("n", Value::from("n")),
            ("1.0.3", Value::from("1.0.3")),
            ("1", Value::Int(1)),
            ("+12", Value::Int(12)),
            ("-0", Value::Int(0)),
            ("007", Value::Int(7)),
            ("1e3", Value::Int(1000)),
            ("1.5", Value::Float(1.5)),
            (".5", Value::Float(0.5)),
            ("5.", Value::Int(5)),
            ("0x1F", Value::Int(31)),
            ("0o17", Value::Int(15)),
            ("0o18", Value::from("0o18")),
            (
                "0xffffffffffffffff",
                Value::Float(18_446_744_073_709_551_615.0),
            ),
            ("9223372036854775807", Value::Int(i64::MAX)),
            (
                "9223372036854775808",
                Value::Float(9_223_372_036_854_775_808.0),
            ),
            (".", Value::from(".")),
            ("-", Value::from("-")),
            ("1e", Value::from("1e")),
            ("12:30", Value::from("12:30")),
            ("2024-01-01", Value::from("2024-01-01")),
            (".user", Value::from(".user")),
        ];
        for (text, expected) in cases {
            assert_eq!(resolve(text), Ok(expected), "{text:?}");
        }
    }

    #[test]
    fn numbers_beyond_json_are_refused() {
        let long = format!("0x{}", "f".repeat(300));
        for text in [".inf", "-.INF", "+.Inf", ".nan", ".NaN", "1e999", &long] {
            assert_eq!(resolve(text), Err(NotJson), "{text:?}");
        }
    }
}
