//! Whether a webhook delivery comes from who it says: signatures over the bytes of the body as they came, compared in
//! constant time, within a window against replays.
//!
//! Owns the schemes of senders, their secrets while they are used, and the id that the same delivery has each time it
//! is sent. Knows no HTTP server, no store and no clock: what was delivered and the time are given.
//!
//! A scheme that signs no time (GitHub, Twilio) cannot tell a replay from a delivery: whoever saw one can send it
//! again. There the id is the only protection, and [`DeliveryId::signed`] says whether the sender signed it.

mod basic;
mod config;
mod github;
mod header;
mod secret;
mod slack;
mod standard;
mod stripe;
mod twilio;

use axum::http::{HeaderMap, Method};
use ring::digest;

use crate::digits::hex;

pub use config::Scheme;
pub use secret::{BadSecret, Secret};

/// Signatures of one delivery that are looked at. A sender that changes its secret sends two.
pub const SIGNATURES_MAX: usize = 8;
/// A header that a scheme reads.
pub const HEADER_BYTES_MAX: usize = 4_096;
/// The id of a delivery.
pub const DELIVERY_ID_CHARS_MAX: usize = 255;
/// How far the time of a delivery may be from ours, in either direction, unless the configuration says otherwise.
pub const WINDOW_SECONDS: u32 = 300;
/// What the configuration may say.
pub const WINDOW_SECONDS_MAX: u32 = 3_600;
/// Parameters of a form or a query that is part of what was signed.
pub const PARAMETERS_MAX: usize = 1_000;

/// A request as it came.
#[derive(Clone, Copy, Debug)]
pub struct Delivered<'a> {
    pub method: &'a Method,
    /// The whole URL as the sender was told it: with the scheme, host and query that it uses, not those that a proxy
    /// in between made of them.
    pub url: &'a str,
    pub headers: &'a HeaderMap,
    /// The bytes that came, never something parsed and written again.
    pub body: &'a [u8],
}

/// What a delivery that is genuine says of itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verified {
    /// Equal whenever the same thing is delivered again, as far as the sender tells.
    pub id: Option<DeliveryId>,
    /// When it was sent, in seconds since 1970, if that was signed.
    pub sent_at_s: Option<i64>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeliveryId {
    pub text: String,
    /// Whether the signature covers it. Otherwise somebody who saw the delivery can send it again with another id.
    pub signed: bool,
}

/// Why a delivery is not taken. Says what is wrong with the request, never what would have been right.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    #[error("the header `{0}` is missing")]
    Missing(&'static str),
    #[error("the header `{0}` came more than once")]
    Repeated(&'static str),
    #[error("the header `{0}` is longer than {HEADER_BYTES_MAX} bytes")]
    TooLong(&'static str),
    #[error("`{0}` is not of the form that the scheme has")]
    Malformed(&'static str),
    #[error("there are more than {SIGNATURES_MAX} signatures")]
    TooManySignatures,
    #[error("there are more than {PARAMETERS_MAX} parameters")]
    TooManyParameters,
    /// A replay, or a clock that is wrong.
    #[error("the delivery is too old")]
    Stale,
    #[error("the delivery comes from the future")]
    Early,
    /// Something would be taken for genuine that nobody signed.
    #[error("the signature does not cover the body")]
    Uncovered,
    #[error("the signature does not match")]
    Mismatch,
    /// Nothing was configured to compare with: nothing is let in.
    #[error("the webhook has no secret")]
    NoSecret,
}

impl Scheme {
    /// Looks whether one of the `secrets` signed the request. All are tried, always: how long it takes does not tell
    /// which one it was. There is more than one while a sender changes from one secret to the next.
    pub fn verify(
        &self,
        request: &Delivered<'_>,
        secrets: &[Secret],
        now_ms: i64,
    ) -> Result<Verified, Refused> {
        if secrets.is_empty() && !matches!(self, Scheme::None {}) {
            return Err(Refused::NoSecret);
        }
        match self {
            Scheme::StandardWebhooks { window_seconds } => {
                standard::verify(request, secrets, Window::new(*window_seconds, now_ms))
            }
            Scheme::Github {} => github::verify(request, secrets),
            Scheme::Stripe { window_seconds } => {
                stripe::verify(request, secrets, Window::new(*window_seconds, now_ms))
            }
            Scheme::Slack { window_seconds } => {
                slack::verify(request, secrets, Window::new(*window_seconds, now_ms))
            }
            Scheme::Twilio {} => twilio::verify(request, secrets),
            Scheme::Basic {} => basic::verify(request, secrets),
            Scheme::None {} => Ok(Verified {
                id: None,
                sent_at_s: None,
            }),
        }
    }
}

/// When a delivery has to have been sent.
#[derive(Clone, Copy)]
struct Window {
    seconds: i64,
    now_s: i64,
}

impl Window {
    fn new(seconds: config::WindowSeconds, now_ms: i64) -> Window {
        Window {
            seconds: i64::from(seconds.get()),
            now_s: now_ms.div_euclid(1_000),
        }
    }

    fn judge(self, sent_at_s: i64) -> Result<(), Refused> {
        let age = self.now_s - sent_at_s;
        if age > self.seconds {
            return Err(Refused::Stale);
        }
        if age < -self.seconds {
            return Err(Refused::Early);
        }
        Ok(())
    }
}

impl DeliveryId {
    /// What was signed, as an id: for deliveries that bring none. Two that say the same are then one.
    fn of_content(parts: &[&[u8]]) -> DeliveryId {
        let mut context = digest::Context::new(&digest::SHA256);
        for part in parts {
            context.update(part);
        }
        DeliveryId {
            text: format!("sha256:{}", hex(context.finish().as_ref())),
            signed: true,
        }
    }

    fn is_usable(text: &str) -> bool {
        !text.is_empty()
            && text.len() <= DELIVERY_ID_CHARS_MAX
            && text.bytes().all(|byte| byte.is_ascii_graphic())
    }
}

#[cfg(test)]
mod tests;
