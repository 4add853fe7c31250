//! Standard Webhooks 1.0.0: `webhook-id`, `webhook-timestamp`, and signatures of `id.timestamp.body`.

use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use ring::hmac::HMAC_SHA256;

use super::header::{one, seconds};
use super::secret::{Secret, any_code};
use super::{Delivered, DeliveryId, Refused, SIGNATURES_MAX, Verified, Window};

const ID: &str = "webhook-id";
const TIMESTAMP: &str = "webhook-timestamp";
const SIGNATURE: &str = "webhook-signature";

pub(super) fn verify(
    request: &Delivered<'_>,
    secrets: &[Secret],
    window: Window,
) -> Result<Verified, Refused> {
    let id = one(request.headers, ID)?;
    let timestamp = one(request.headers, TIMESTAMP)?;
    let signatures = one(request.headers, SIGNATURE)?;
    // With a `.` in the id, part of the body could be passed off as the time, or part of the id as the body.
    if !DeliveryId::is_usable(id) || id.contains('.') {
        return Err(Refused::Malformed(ID));
    }
    let sent_at_s = seconds(timestamp, TIMESTAMP)?;
    window.judge(sent_at_s)?;
    let Signatures { codes, signed } = read(signatures)?;

    let parts: [&[u8]; 5] = [
        id.as_bytes(),
        b".",
        timestamp.as_bytes(),
        b".",
        request.body,
    ];
    let mut genuine = any_code(secrets, HMAC_SHA256, &parts, &codes);
    if !signed.is_empty() {
        let message = parts.concat();
        for secret in secrets {
            genuine |= signed.iter().any(|signed| secret.signed(&message, signed));
        }
    }
    if !genuine {
        return Err(Refused::Mismatch);
    }
    Ok(Verified {
        id: Some(DeliveryId {
            text: id.to_owned(),
            signed: true,
        }),
        sent_at_s: Some(sent_at_s),
    })
}

#[derive(Default)]
struct Signatures {
    /// `v1`.
    codes: Vec<[u8; 32]>,
    /// `v1a`.
    signed: Vec<[u8; 64]>,
}

/// Versions that are not known are passed over: there may be better ones some day.
fn read(text: &str) -> Result<Signatures, Refused> {
    let mut signatures = Signatures::default();
    for (count, signature) in text.split(' ').enumerate() {
        if count == SIGNATURES_MAX {
            return Err(Refused::TooManySignatures);
        }
        let malformed = Refused::Malformed(SIGNATURE);
        let (version, value) = signature.split_once(',').ok_or(malformed)?;
        match version {
            "v1" => signatures.codes.push(decode(value).ok_or(malformed)?),
            "v1a" => signatures.signed.push(decode(value).ok_or(malformed)?),
            _ => {}
        }
    }
    Ok(signatures)
}

fn decode<const N: usize>(text: &str) -> Option<[u8; N]> {
    BASE64.decode(text).ok()?.try_into().ok()
}
