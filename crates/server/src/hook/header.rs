//! Reading what a scheme needs from headers: each at most once, and short.

use axum::http::{HeaderMap, HeaderName};

use super::{DeliveryId, HEADER_BYTES_MAX, Refused};

/// A header that has to be there once. Two would let a proxy and this server read different ones.
pub(super) fn one<'a>(headers: &'a HeaderMap, name: &'static str) -> Result<&'a str, Refused> {
    optional(headers, name)?.ok_or(Refused::Missing(name))
}

pub(super) fn optional<'a>(
    headers: &'a HeaderMap,
    name: &'static str,
) -> Result<Option<&'a str>, Refused> {
    let lower = HeaderName::from_bytes(name.as_bytes()).expect("schemes name headers properly");
    let mut values = headers.get_all(lower).iter();
    let Some(value) = values.next() else {
        return Ok(None);
    };
    if values.next().is_some() {
        return Err(Refused::Repeated(name));
    }
    if value.len() > HEADER_BYTES_MAX {
        return Err(Refused::TooLong(name));
    }
    value
        .to_str()
        .map(Some)
        .map_err(|_| Refused::Malformed(name))
}

/// Seconds since 1970: digits and nothing else, few enough that nothing overflows.
pub(super) fn seconds(text: &str, name: &'static str) -> Result<i64, Refused> {
    const DIGITS_MAX: usize = 12;
    let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    if !digits || text.len() > DIGITS_MAX {
        return Err(Refused::Malformed(name));
    }
    text.parse().map_err(|_| Refused::Malformed(name))
}

/// An id that the signature does not cover.
pub(super) fn unsigned_id(
    headers: &HeaderMap,
    name: &'static str,
) -> Result<Option<DeliveryId>, Refused> {
    let Some(text) = optional(headers, name)? else {
        return Ok(None);
    };
    if !DeliveryId::is_usable(text) {
        return Err(Refused::Malformed(name));
    }
    Ok(Some(DeliveryId {
        text: text.to_owned(),
        signed: false,
    }))
}
