//! Spans of time as documents write them.

use ferrovia_expr::{EvalError, Expr, Scope, Value};

const SECOND_MS: f64 = 1_000.0;
const MINUTE_MS: f64 = 60.0 * SECOND_MS;
const HOUR_MS: f64 = 60.0 * MINUTE_MS;
const DAY_MS: f64 = 24.0 * HOUR_MS;

/// The longest duration: 100 years. Anything longer is refused rather than overflowed.
const DURATION_MS_MAX: u64 = 100 * 365 * 24 * 60 * 60 * 1_000;

/// A duration in milliseconds, or an expression that yields one.
#[derive(Clone, Debug)]
pub enum Duration {
    Fixed(u64),
    /// Yields an ISO 8601 string or an object of units.
    Expr(Expr),
}

#[derive(Debug, thiserror::Error)]
pub enum DurationError {
    #[error(transparent)]
    Eval(#[from] EvalError),
    #[error(
        "{0} is not a duration; write an ISO 8601 duration such as \"PT30S\" or an object such as {{ seconds: 30 }}"
    )]
    Invalid(String),
    #[error("the duration is longer than 100 years")]
    TooLong,
}

impl Duration {
    /// The length in milliseconds.
    pub fn milliseconds(&self, input: &Value, scope: &dyn Scope) -> Result<u64, DurationError> {
        match self {
            Duration::Fixed(ms) => Ok(*ms),
            Duration::Expr(expr) => value_ms(&expr.evaluate(input, scope)?),
        }
    }
}

/// The milliseconds of a literal: an ISO 8601 string or an object of integer units.
pub(crate) fn value_ms(value: &Value) -> Result<u64, DurationError> {
    let invalid = || DurationError::Invalid(value.to_json());
    let ms = match value {
        Value::Str(text) => parse_iso8601(text).ok_or_else(invalid)?,
        Value::Object(units) => {
            let mut total = 0.0;
            for (unit, amount) in units.iter() {
                let scale = match &**unit {
                    "days" => DAY_MS,
                    "hours" => HOUR_MS,
                    "minutes" => MINUTE_MS,
                    "seconds" => SECOND_MS,
                    "milliseconds" => 1.0,
                    _ => return Err(invalid()),
                };
                total += scale * amount.as_i64().filter(|n| *n >= 0).ok_or_else(invalid)? as f64;
            }
            total
        }
        _ => return Err(invalid()),
    };
    if ms > DURATION_MS_MAX as f64 {
        return Err(DurationError::TooLong);
    }
    Ok(ms.round() as u64)
}

/// Milliseconds of an ISO 8601 duration. A year counts 365 days and a month 30, as the standard leaves open.
pub fn parse_iso8601(text: &str) -> Option<f64> {
    let rest = text.strip_prefix('P')?;
    let (date, time) = match rest.split_once('T') {
        Some((_, "")) => return None,
        Some((date, time)) => (date, time),
        None => (rest, ""),
    };
    if date.is_empty() && time.is_empty() {
        return None;
    }
    let date = units(
        date,
        &[
            ('Y', 365.0 * DAY_MS),
            ('M', 30.0 * DAY_MS),
            ('W', 7.0 * DAY_MS),
            ('D', DAY_MS),
        ],
    )?;
    let time = units(time, &[('H', HOUR_MS), ('M', MINUTE_MS), ('S', SECOND_MS)])?;
    Some(date + time)
}

/// Sums `12H30M`-like runs whose designators must appear in the order given.
fn units(mut text: &str, order: &[(char, f64)]) -> Option<f64> {
    let mut total = 0.0;
    let mut order = order.iter();
    while !text.is_empty() {
        let end = text.find(|c: char| !c.is_ascii_digit() && c != '.')?;
        let (number, designator) = (&text[..end], text[end..].chars().next()?);
        let (_, scale) = order.find(|(name, _)| *name == designator)?;
        if !number.starts_with(|c: char| c.is_ascii_digit()) || number.ends_with('.') {
            return None;
        }
        total += number.parse::<f64>().ok()? * scale;
        text = &text[end + 1..];
    }
    Some(total)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn iso_8601_durations_are_read_by_their_designators() {
        for (text, expected) in [
            ("PT30S", Some(30_000.0)),
            ("PT0.5S", Some(500.0)),
            ("P1DT2H", Some(93_600_000.0)),
            ("P1M", Some(30.0 * DAY_MS)),
            ("PT1M", Some(60_000.0)),
            ("P2W", Some(14.0 * DAY_MS)),
            ("P", None),
            ("PT", None),
            ("P1DT", None),
            ("1S", None),
            ("PT1S1M", None),
            ("PT.5S", None),
            ("PT5.S", None),
            ("PT1X", None),
        ] {
            assert_eq!(parse_iso8601(text), expected, "{text}");
        }
    }
}
