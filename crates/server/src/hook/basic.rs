//! User and password in `Authorization` (RFC 7617).

use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use subtle::Choice;
use zeroize::Zeroizing;

use super::header::one;
use super::secret::Secret;
use super::{Delivered, Refused, Verified};

const AUTHORIZATION: &str = "Authorization";

pub(super) fn verify(request: &Delivered<'_>, secrets: &[Secret]) -> Result<Verified, Refused> {
    let malformed = Refused::Malformed(AUTHORIZATION);
    let given = one(request.headers, AUTHORIZATION)?;
    let (scheme, given) = given.split_once(' ').ok_or(malformed)?;
    if !scheme.eq_ignore_ascii_case("basic") {
        return Err(malformed);
    }
    let given = BASE64.decode(given.trim_start_matches(' '));
    let given = Zeroizing::new(given.map_err(|_| malformed)?);
    let mut matched = Choice::from(0);
    for secret in secrets {
        matched |= secret.is_password(&given);
    }
    if !bool::from(matched) {
        return Err(Refused::Mismatch);
    }
    Ok(Verified {
        id: None,
        sent_at_s: None,
    })
}
