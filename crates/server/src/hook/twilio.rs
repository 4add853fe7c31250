//! Twilio: `X-Twilio-Signature`, a code of the URL and the sorted parameters of a form. For other bodies the URL carries
//! the body's digest as `bodySHA256`.
//!
//! No time is signed, and neither is where the URL ends and the parameters begin: two requests to different URLs can
//! have the same signature. So the URL has to be the one that this webhook was configured with.
//!
//! Neither `MessageSid` nor `CallSid` says which delivery this is: one message reports `sent`, then `delivered`, and a
//! call asks for every step. The idempotency token does, and stays when Twilio tries again; without one, the same
//! content is the same delivery.

use axum::http::Method;
use axum::http::header::CONTENT_TYPE;
use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use percent_encoding::percent_decode;
use ring::digest;
use ring::hmac::{self, HMAC_SHA1_FOR_LEGACY_USE_ONLY, HMAC_SHA256};
use subtle::ConstantTimeEq;

use super::header::{one, optional, unsigned_id};
use super::secret::{Secret, any_code};
use super::{Delivered, DeliveryId, PARAMETERS_MAX, Refused, Verified};
use crate::digits::unhex;

const SIGNATURE: &str = "X-Twilio-Signature";
/// Says so when a shared key signs instead of the account's token: `key=…,algorithm=HMAC_SHA256`.
const SETTINGS: &str = "X-Twilio-Webhooks-Signature-Settings";
const TOKEN: &str = "I-Twilio-Idempotency-Token";
const BODY_DIGEST: &str = "bodySHA256";
const FORM: &str = "application/x-www-form-urlencoded";

pub(super) fn verify(request: &Delivered<'_>, secrets: &[Secret]) -> Result<Verified, Refused> {
    let signature = one(request.headers, SIGNATURE)?;
    let signature = BASE64.decode(signature).ok();
    let signature = signature.ok_or(Refused::Malformed(SIGNATURE))?;
    let settings = optional(request.headers, SETTINGS)?;
    let token = unsigned_id(request.headers, TOKEN)?;
    let parameters = covered(request)?;

    let algorithm = algorithm(settings)?;
    let mut genuine = false;
    let other = with_other_port(request.url);
    for url in [Some(request.url), other.as_deref()].into_iter().flatten() {
        let message = [url.as_bytes(), &parameters];
        genuine |= match algorithm {
            Algorithm::Sha1 => {
                matches::<20>(secrets, HMAC_SHA1_FOR_LEGACY_USE_ONLY, &message, &signature)?
            }
            Algorithm::Sha256 => matches::<32>(secrets, HMAC_SHA256, &message, &signature)?,
        };
    }
    if !genuine {
        return Err(Refused::Mismatch);
    }
    let content = || DeliveryId::of_content(&[request.url.as_bytes(), &parameters]);
    Ok(Verified {
        id: Some(token.unwrap_or_else(content)),
        sent_at_s: None,
    })
}

#[derive(Clone, Copy)]
enum Algorithm {
    Sha1,
    Sha256,
}

fn algorithm(settings: Option<&str>) -> Result<Algorithm, Refused> {
    let Some(settings) = settings else {
        return Ok(Algorithm::Sha1);
    };
    let mut named = settings
        .split(',')
        .filter_map(|setting| setting.trim().strip_prefix("algorithm="));
    match (named.next(), named.next()) {
        (Some("HMAC_SHA1"), None) => Ok(Algorithm::Sha1),
        (Some("HMAC_SHA256"), None) => Ok(Algorithm::Sha256),
        _ => Err(Refused::Malformed(SETTINGS)),
    }
}

fn matches<const N: usize>(
    secrets: &[Secret],
    algorithm: hmac::Algorithm,
    message: &[&[u8]],
    signature: &[u8],
) -> Result<bool, Refused> {
    let signature: [u8; N] = signature
        .try_into()
        .map_err(|_| Refused::Malformed(SIGNATURE))?;
    Ok(any_code(secrets, algorithm, message, &[signature]))
}

/// What follows the URL in the message that was signed. Refuses a body that neither this nor the URL covers.
fn covered(request: &Delivered<'_>) -> Result<Vec<u8>, Refused> {
    let url = request.url.split('#').next().unwrap_or_default();
    let query = url.split_once('?').map_or("", |(_, query)| query);
    let query = parameters(query.as_bytes())?;
    let mut digests = query
        .iter()
        .filter(|(name, _)| name == BODY_DIGEST.as_bytes());
    if let Some((_, given)) = digests.next() {
        let given: Option<[u8; 32]> = std::str::from_utf8(given).ok().and_then(unhex);
        let given = given.ok_or(Refused::Malformed(BODY_DIGEST))?;
        if digests.next().is_some() {
            return Err(Refused::Malformed(BODY_DIGEST));
        }
        let body = digest::digest(&digest::SHA256, request.body);
        return if bool::from(body.as_ref().ct_eq(&given)) {
            Ok(Vec::new())
        } else {
            Err(Refused::Mismatch)
        };
    }
    if request.body.is_empty() {
        return Ok(Vec::new());
    }
    let kind = optional(request.headers, CONTENT_TYPE.as_str())?.unwrap_or_default();
    let kind = kind.split(';').next().unwrap_or_default().trim();
    if *request.method != Method::POST || !kind.eq_ignore_ascii_case(FORM) {
        return Err(Refused::Uncovered);
    }
    let mut parameters = parameters(request.body)?;
    // Names in the order of their bytes, and the values of one name too; what is there twice counts once.
    parameters.sort_unstable();
    parameters.dedup();
    Ok(parameters
        .into_iter()
        .flat_map(|(name, value)| [name, value])
        .flatten()
        .collect())
}

/// A name and a value.
type Parameter = (Vec<u8>, Vec<u8>);

/// Decoded byte for byte: characters put in for bytes that are no UTF-8 would make different bodies alike.
fn parameters(text: &[u8]) -> Result<Vec<Parameter>, Refused> {
    let decode = |text: &[u8]| {
        let text: Vec<u8> = text
            .iter()
            .map(|byte| if *byte == b'+' { b' ' } else { *byte })
            .collect();
        percent_decode(&text).collect()
    };
    let mut parameters = Vec::new();
    for pair in text.split(|byte| *byte == b'&') {
        if pair.is_empty() {
            continue;
        }
        if parameters.len() == PARAMETERS_MAX {
            return Err(Refused::TooManyParameters);
        }
        let mut halves = pair.splitn(2, |byte| *byte == b'=');
        let name = halves.next().unwrap_or_default();
        let value = halves.next().unwrap_or_default();
        parameters.push((decode(name), decode(value)));
    }
    Ok(parameters)
}

/// The URL with its port removed, or that of its scheme added: Twilio signs the one or the other.
pub(super) fn with_other_port(url: &str) -> Option<String> {
    let (scheme, rest) = url.split_once("://")?;
    let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    let (authority, path) = rest.split_at(end);
    let host = authority.rsplit('@').next().unwrap_or_default();
    let port = host
        .rfind(':')
        .filter(|colon| !host[*colon..].contains(']'));
    let other = match (port, scheme) {
        (Some(colon), _) => {
            let kept = authority.len() - host.len() + colon;
            format!("{scheme}://{}{path}", &authority[..kept])
        }
        (None, "https") => format!("{scheme}://{authority}:443{path}"),
        (None, "http") => format!("{scheme}://{authority}:80{path}"),
        (None, _) => return None,
    };
    Some(other)
}
