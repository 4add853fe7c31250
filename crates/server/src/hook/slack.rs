//! Slack: `X-Slack-Signature: v0=…`, a code of `v0:timestamp:body`. Events carry an id; commands and clicks do not.

use ring::hmac::HMAC_SHA256;
use serde::Deserialize;

use super::header::{one, seconds};
use super::secret::{Secret, any_code};
use super::{Delivered, DeliveryId, Refused, Verified, Window};
use crate::digits::unhex;

const SIGNATURE: &str = "X-Slack-Signature";
const TIMESTAMP: &str = "X-Slack-Request-Timestamp";

#[derive(Deserialize)]
struct Event {
    event_id: String,
}

pub(super) fn verify(
    request: &Delivered<'_>,
    secrets: &[Secret],
    window: Window,
) -> Result<Verified, Refused> {
    let signature = one(request.headers, SIGNATURE)?;
    let timestamp = one(request.headers, TIMESTAMP)?;
    let signature = signature.strip_prefix("v0=");
    let signature: [u8; 32] = signature
        .and_then(unhex)
        .ok_or(Refused::Malformed(SIGNATURE))?;
    let sent_at_s = seconds(timestamp, TIMESTAMP)?;
    window.judge(sent_at_s)?;
    let parts: [&[u8]; 4] = [b"v0:", timestamp.as_bytes(), b":", request.body];
    if !any_code(secrets, HMAC_SHA256, &parts, &[signature]) {
        return Err(Refused::Mismatch);
    }
    let named = serde_json::from_slice(request.body).ok();
    let named = named.map(|Event { event_id }| event_id);
    let id = named
        .filter(|id| DeliveryId::is_usable(id))
        .map(|text| DeliveryId { text, signed: true });
    Ok(Verified {
        id: Some(id.unwrap_or_else(|| DeliveryId::of_content(&parts))),
        sent_at_s: Some(sent_at_s),
    })
}
