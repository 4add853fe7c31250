//! Secrets of webhooks: read once, of a kind that fits their scheme, never shown.

use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use ring::hmac;
use ring::signature::{ED25519, UnparsedPublicKey};
use subtle::{Choice, ConstantTimeEq};
use zeroize::Zeroizing;

use super::config::Scheme;

/// A Standard Webhooks secret: 192 to 512 bits.
const STANDARD_SECRET_BYTES: std::ops::RangeInclusive<usize> = 24..=64;
const ED25519_KEY_BYTES: usize = 32;
/// Any other secret.
const SECRET_BYTES_MAX: usize = 1_024;

/// What a sender's signatures are checked with.
#[derive(Clone)]
pub struct Secret(Kind);

#[derive(Clone)]
enum Kind {
    /// A key of an HMAC.
    Shared(Zeroizing<Vec<u8>>),
    /// A key of Ed25519. Public, but still nobody's business.
    Public([u8; ED25519_KEY_BYTES]),
    /// `user:password`.
    Password(Zeroizing<Vec<u8>>),
}

/// Why a text is no secret of a scheme. Quotes nothing of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadSecret {
    #[error("a secret is not empty")]
    Empty,
    #[error("a secret has at most {SECRET_BYTES_MAX} bytes")]
    TooLong,
    #[error("a secret of Standard Webhooks begins with `whsec_`, a public key with `whpk_`")]
    Prefix,
    #[error("what follows the prefix is not Base64")]
    Base64,
    #[error("a `whsec_` secret has 24 to 64 bytes, a `whpk_` key 32")]
    Length,
    #[error("user and password are written `user:password`, and neither is empty")]
    UserAndPassword,
    #[error("the scheme has no secret")]
    Unwanted,
}

impl Scheme {
    /// Reads a secret as the sender shows it.
    pub fn secret(&self, text: &str) -> Result<Secret, BadSecret> {
        if text.is_empty() {
            return Err(BadSecret::Empty);
        }
        if text.len() > SECRET_BYTES_MAX {
            return Err(BadSecret::TooLong);
        }
        let bytes = || Zeroizing::new(text.as_bytes().to_vec());
        match self {
            Scheme::StandardWebhooks { .. } => standard(text),
            // Stripe's secrets begin with `whsec_` too, but the whole text is the key.
            Scheme::Github {}
            | Scheme::Stripe { .. }
            | Scheme::Slack { .. }
            | Scheme::Twilio {} => Ok(Secret(Kind::Shared(bytes()))),
            Scheme::Basic {} => match text.split_once(':') {
                Some((user, password)) if !user.is_empty() && !password.is_empty() => {
                    Ok(Secret(Kind::Password(bytes())))
                }
                _ => Err(BadSecret::UserAndPassword),
            },
            Scheme::None {} => Err(BadSecret::Unwanted),
        }
    }
}

fn standard(text: &str) -> Result<Secret, BadSecret> {
    let decode = |text: &str| {
        let bytes = BASE64.decode(text).map_err(|_| BadSecret::Base64)?;
        Ok(Zeroizing::new(bytes))
    };
    if let Some(secret) = text.strip_prefix("whsec_") {
        let secret = decode(secret)?;
        if !STANDARD_SECRET_BYTES.contains(&secret.len()) {
            return Err(BadSecret::Length);
        }
        return Ok(Secret(Kind::Shared(secret)));
    }
    let key = text.strip_prefix("whpk_").ok_or(BadSecret::Prefix)?;
    let key = decode(key)?;
    let key = key.as_slice().try_into().map_err(|_| BadSecret::Length)?;
    Ok(Secret(Kind::Public(key)))
}

impl Secret {
    /// The code of a message, if this is the key of one.
    pub(super) fn code(&self, algorithm: hmac::Algorithm, parts: &[&[u8]]) -> Option<hmac::Tag> {
        let Kind::Shared(key) = &self.0 else {
            return None;
        };
        let mut context = hmac::Context::with_key(&hmac::Key::new(algorithm, key));
        for part in parts {
            context.update(part);
        }
        Some(context.sign())
    }

    /// Whether this key made an Ed25519 signature of a message. What is compared is public, so time may tell.
    pub(super) fn signed(&self, message: &[u8], signature: &[u8]) -> bool {
        match &self.0 {
            Kind::Public(key) => {
                let key = UnparsedPublicKey::new(&ED25519, key);
                key.verify(message, signature).is_ok()
            }
            Kind::Shared(_) | Kind::Password(_) => false,
        }
    }

    /// Compares with user and password. Digests are compared: lengths do not tell either.
    pub(super) fn is_password(&self, given: &[u8]) -> Choice {
        let digest = |bytes: &[u8]| ring::digest::digest(&ring::digest::SHA256, bytes);
        match &self.0 {
            Kind::Password(password) => digest(password).as_ref().ct_eq(digest(given).as_ref()),
            Kind::Shared(_) | Kind::Public(_) => Choice::from(0),
        }
    }
}

/// Whether one of the secrets made one of the codes. Compares each with each, always.
pub(super) fn any_code<const N: usize>(
    secrets: &[Secret],
    algorithm: hmac::Algorithm,
    parts: &[&[u8]],
    given: &[[u8; N]],
) -> bool {
    let mut matched = Choice::from(0);
    for secret in secrets {
        let Some(code) = secret.code(algorithm, parts) else {
            continue;
        };
        for given in given {
            matched |= code.as_ref().ct_eq(given);
        }
    }
    matched.into()
}

impl fmt::Debug for Secret {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Secret")
    }
}
