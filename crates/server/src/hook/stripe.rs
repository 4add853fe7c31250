//! Stripe: `Stripe-Signature: t=…,v1=…`, codes of `t.body`. The id is that of the event in the body.

use ring::hmac::HMAC_SHA256;
use serde::Deserialize;

use super::header::{one, seconds};
use super::secret::{Secret, any_code};
use super::{Delivered, DeliveryId, Refused, SIGNATURES_MAX, Verified, Window};
use crate::digits::unhex;

const SIGNATURE: &str = "Stripe-Signature";

#[derive(Deserialize)]
struct Event {
    id: String,
}

pub(super) fn verify(
    request: &Delivered<'_>,
    secrets: &[Secret],
    window: Window,
) -> Result<Verified, Refused> {
    let (timestamp, signatures) = read(one(request.headers, SIGNATURE)?)?;
    let sent_at_s = seconds(timestamp, SIGNATURE)?;
    window.judge(sent_at_s)?;
    let parts: [&[u8]; 3] = [timestamp.as_bytes(), b".", request.body];
    if !any_code(secrets, HMAC_SHA256, &parts, &signatures) {
        return Err(Refused::Mismatch);
    }
    // Parsed only now: nobody else's bytes get this far.
    let named = serde_json::from_slice(request.body).ok();
    let named = named.map(|Event { id }| id);
    let id = named
        .filter(|id| DeliveryId::is_usable(id))
        .map(|text| DeliveryId { text, signed: true });
    Ok(Verified {
        id: Some(id.unwrap_or_else(|| DeliveryId::of_content(&parts))),
        sent_at_s: Some(sent_at_s),
    })
}

fn read(text: &str) -> Result<(&str, Vec<[u8; 32]>), Refused> {
    let malformed = Refused::Malformed(SIGNATURE);
    let mut timestamp = None;
    let mut signatures = Vec::new();
    for element in text.split(',') {
        match element.split_once('=').ok_or(malformed)? {
            ("t", _) if timestamp.is_some() => return Err(malformed),
            ("t", value) => timestamp = Some(value),
            ("v1", _) if signatures.len() == SIGNATURES_MAX => {
                return Err(Refused::TooManySignatures);
            }
            ("v1", value) => signatures.push(unhex(value).ok_or(malformed)?),
            // `v0` is sent for test events and proves nothing.
            _ => {}
        }
    }
    Ok((timestamp.ok_or(malformed)?, signatures))
}
