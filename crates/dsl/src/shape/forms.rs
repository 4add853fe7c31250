//! The forms of texts: how each is recognised, described and written as a regular expression.

use super::vocabulary::Form;

/// The longest name of a workflow or namespace: a DNS label.
const NAME_BYTES_MAX: usize = 63;
const HOST_BYTES_MAX: usize = 253;

/// The versions of the language that are understood.
pub(super) const DSL_VERSIONS: [&str; 4] = ["1.0.0", "1.0.1", "1.0.2", "1.0.3"];

/// The whole text is one expression in `${ }`; it may span lines.
pub(super) fn is_expression(text: &str) -> bool {
    let trimmed = text.trim();
    trimmed.len() > "${}".len() && trimmed.starts_with("${") && trimmed.ends_with('}')
}

pub(super) const EXPRESSION_PATTERN: &str = r"^\s*\$\{[\s\S]+\}\s*$";

impl Form {
    pub(super) fn matches(self, text: &str) -> bool {
        match self {
            Form::Free => true,
            Form::NotEmpty => !text.trim().is_empty(),
            Form::Name => text.len() <= NAME_BYTES_MAX && is_name(text),
            Form::Version => is_version(text),
            Form::DslVersion => is_dsl_version(text),
            Form::Uri => is_uri(text),
            Form::Duration => is_duration(text),
            Form::DateTime => is_date_time(text),
            Form::Host => is_host(text),
        }
    }

    /// Completes "must be …".
    pub(super) fn description(self) -> &'static str {
        match self {
            Form::Free => "text",
            Form::NotEmpty => "text that is not empty",
            Form::Name => "letters, digits and inner hyphens, at most 63 of them",
            Form::Version => "a semantic version such as `1.0.0`",
            Form::DslVersion => "a supported version of the language",
            Form::Uri => "a URI or URI template",
            Form::Duration => "a duration such as `PT15M`",
            Form::DateTime => "a date and time such as `2026-01-31T12:00:00Z`",
            Form::Host => "the name or address of a host",
        }
    }

    /// The same rule for editors; `None` when any text will do.
    pub(super) fn pattern(self) -> Option<&'static str> {
        Some(match self {
            Form::Free => return None,
            Form::NotEmpty => r"\S",
            Form::Name => "^[a-zA-Z0-9](?:[a-zA-Z0-9-]{0,61}[a-zA-Z0-9])?$",
            Form::Version => {
                r"^(?:0|[1-9]\d*)\.(?:0|[1-9]\d*)\.(?:0|[1-9]\d*)(?:-(?:0|[1-9]\d*|\d*[a-zA-Z-][0-9a-zA-Z-]*)(?:\.(?:0|[1-9]\d*|\d*[a-zA-Z-][0-9a-zA-Z-]*))*)?(?:\+[0-9a-zA-Z-]+(?:\.[0-9a-zA-Z-]+)*)?$"
            }
            Form::DslVersion => r"^1\.0\.[0-3](?:-[0-9a-zA-Z.-]+)?$",
            Form::Uri => r"^(?!\$\{)\S+$",
            Form::Duration => {
                r"^P(?!$)(?:\d+(?:\.\d+)?Y)?(?:\d+(?:\.\d+)?M)?(?:\d+(?:\.\d+)?W)?(?:\d+(?:\.\d+)?D)?(?:T(?=\d)(?:\d+(?:\.\d+)?H)?(?:\d+(?:\.\d+)?M)?(?:\d+(?:\.\d+)?S)?)?$"
            }
            Form::DateTime => {
                r"^\d{4}-\d{2}-\d{2}[Tt ]\d{2}:\d{2}:\d{2}(?:\.\d+)?(?:[Zz]|[+-]\d{2}:\d{2})$"
            }
            Form::Host => r"^[a-zA-Z0-9](?:[a-zA-Z0-9.-]{0,251}[a-zA-Z0-9])?$",
        })
    }
}

fn is_name(text: &str) -> bool {
    let bytes = text.as_bytes();
    let edges = [bytes.first(), bytes.last()];
    edges
        .iter()
        .all(|byte| byte.is_some_and(u8::is_ascii_alphanumeric))
        && bytes
            .iter()
            .all(|byte| byte.is_ascii_alphanumeric() || *byte == b'-')
}

fn is_host(text: &str) -> bool {
    text.len() <= HOST_BYTES_MAX
        && text.starts_with(|c: char| c.is_ascii_alphanumeric())
        && text.ends_with(|c: char| c.is_ascii_alphanumeric())
        && text
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-'))
}

fn is_uri(text: &str) -> bool {
    !text.is_empty() && !text.starts_with("${") && !text.contains(char::is_whitespace)
}

/// A supported version or one of its pre-releases, which documents still name (`1.0.0-alpha5`).
fn is_dsl_version(text: &str) -> bool {
    let release = text.split('-').next().unwrap_or_default();
    DSL_VERSIONS.contains(&release) && is_version(text)
}

/// Semantic Versioning 2.0.0, with numbers of 64 bits: what passes here can be compared with other versions.
fn is_version(text: &str) -> bool {
    semver::Version::parse(text).is_ok()
}

fn split_at_sign(text: &str, sign: char) -> (&str, Option<&str>) {
    text.split_once(sign)
        .map_or((text, None), |(before, after)| (before, Some(after)))
}

fn is_digits(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

/// `P` with numbers and units in order: years, months, weeks, days, then `T` with hours, minutes, seconds.
fn is_duration(text: &str) -> bool {
    let Some(rest) = text.strip_prefix('P') else {
        return false;
    };
    let (date, time) = split_at_sign(rest, 'T');
    !rest.is_empty()
        && has_units(date, "YMWD")
        && time.is_none_or(|time| !time.is_empty() && has_units(time, "HMS"))
}

/// Amounts, each followed by a unit; units in this order, each at most once.
fn has_units(mut text: &str, mut units: &str) -> bool {
    while !text.is_empty() {
        let length = text
            .bytes()
            .take_while(|byte| byte.is_ascii_digit() || *byte == b'.')
            .count();
        let (amount, rest) = text.split_at(length);
        let Some(unit) = rest.chars().next() else {
            return false;
        };
        let Some(at) = units.find(unit) else {
            return false;
        };
        let (whole, fraction) = split_at_sign(amount, '.');
        if !is_digits(whole) || !fraction.is_none_or(is_digits) {
            return false;
        }
        units = &units[at + 1..];
        text = &rest[unit.len_utf8()..];
    }
    true
}

fn is_date_time(text: &str) -> bool {
    let mask = |text: &str, mask: &str| {
        text.len() == mask.len()
            && text
                .bytes()
                .zip(mask.bytes())
                .all(|(byte, mask)| match mask {
                    b'0' => byte.is_ascii_digit(),
                    b'T' => matches!(byte, b'T' | b't' | b' '),
                    other => byte == other,
                })
    };
    let Some((moment, rest)) = text.split_at_checked("0000-00-00T00:00:00".len()) else {
        return false;
    };
    let zone = match rest.strip_prefix('.') {
        Some(fraction) => fraction.trim_start_matches(|c: char| c.is_ascii_digit()),
        None => rest,
    };
    let fraction_fits = rest.len() - zone.len() != 1;
    mask(moment, "0000-00-00T00:00:00")
        && fraction_fits
        && (matches!(zone, "Z" | "z") || mask(zone, "+00:00") || mask(zone, "-00:00"))
}
