//! GitHub: a code of the body in `X-Hub-Signature-256`. Neither the time nor the id of the delivery is signed.

use ring::hmac::HMAC_SHA256;

use super::header::{one, unsigned_id};
use super::secret::{Secret, any_code};
use super::{Delivered, Refused, Verified};
use crate::digits::unhex;

const SIGNATURE: &str = "X-Hub-Signature-256";
const ID: &str = "X-GitHub-Delivery";

pub(super) fn verify(request: &Delivered<'_>, secrets: &[Secret]) -> Result<Verified, Refused> {
    let signature = one(request.headers, SIGNATURE)?.strip_prefix("sha256=");
    let signature: [u8; 32] = signature
        .and_then(unhex)
        .ok_or(Refused::Malformed(SIGNATURE))?;
    let id = unsigned_id(request.headers, ID)?;
    if !any_code(secrets, HMAC_SHA256, &[request.body], &[signature]) {
        return Err(Refused::Mismatch);
    }
    Ok(Verified {
        id,
        sent_at_s: None,
    })
}
