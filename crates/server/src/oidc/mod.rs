//! Signing in with an account of somebody else: OpenID Connect 1.0, the authorization code flow with PKCE.
//!
//! Owns the flow and what is believed of an answer. Sends nothing itself: what reaches out is given as a [`Fetch`].
//!
//! A sign-in that is under way is kept in memory and bound to the browser that began it by a cookie, so that nobody can
//! make somebody else finish it. What the provider says of a user replaces the roles of before, each time.

mod claims;
mod flow;
mod jwt;
mod routes;

use std::collections::BTreeMap;
use std::future::Future;
use std::pin::Pin;

use crate::access::Grant;
use zeroize::Zeroizing;

pub(crate) use claims::Account;
pub(crate) use flow::Provider;
pub(crate) use routes::{problem, section};

/// Sign-ins that are under way; the oldest is given up for one more.
pub const SIGN_INS_MAX: usize = 1_000;
/// How long one may take.
pub const SIGN_IN_SECONDS: u32 = 600;
/// What a provider answers.
pub const ANSWER_BYTES_MAX: usize = 1024 * 1024;
/// How far the clock of a provider may be from ours.
pub const CLOCK_SKEW_SECONDS: i64 = 60;
/// How long what a provider says of itself, and its keys, are taken for true.
pub const PROVIDER_MS: i64 = 3_600_000;
/// A signature by a key that is not known makes us ask for the keys again, but not more often than this.
pub const KEYS_AGAIN_MS: i64 = 10_000;

/// An account provider, as it is configured.
#[derive(Clone)]
pub struct Oidc {
    /// Its address, exactly as it names itself.
    pub issuer: String,
    pub client_id: String,
    /// Absent for a client that can keep none: then PKCE alone protects the code.
    pub client_secret: Option<Zeroizing<String>>,
    /// The address of this server as browsers know it, such as `https://flows.example.com`.
    pub public_url: String,
    /// The claim that decides about roles: a text, or a list of texts.
    pub claim: String,
    /// What its values mean. Who has none of them is not let in.
    pub roles: BTreeMap<String, Vec<Grant>>,
}

impl std::fmt::Debug for Oidc {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("Oidc")
            .field("issuer", &self.issuer)
            .finish_non_exhaustive()
    }
}

/// What goes out to a provider.
#[derive(Clone, Debug)]
pub struct Asked {
    pub url: String,
    /// A form to post; nothing to get.
    pub form: Option<Zeroizing<String>>,
    /// The value of `Authorization`.
    pub authorization: Option<Zeroizing<String>>,
}

/// Status and body; the error is for the operator.
pub type Fetched = Result<(u16, Vec<u8>), String>;

/// Reaches out. Follows no redirect, and reads at most [`ANSWER_BYTES_MAX`].
pub trait Fetch: Send + Sync {
    fn fetch(&self, asked: Asked) -> Pin<Box<dyn Future<Output = Fetched> + Send>>;
}

/// Why a sign-in came to nothing. Says what is wrong with the provider or the request, and quotes no token.
#[derive(Debug, thiserror::Error)]
pub enum Refused {
    #[error("the provider cannot be asked: {0}")]
    Unreachable(String),
    #[error("the provider answered with {0}")]
    Status(u16),
    #[error("what the provider answered cannot be read: {0}")]
    Unreadable(&'static str),
    #[error("the provider refused: {0}")]
    Declined(String),
    #[error("this sign-in was not begun in this browser, or has taken too long")]
    NotBegun,
    #[error("the token of the provider is not valid: {0}")]
    Token(&'static str),
    #[error("the account has no role here")]
    NoRole,
    #[error("another user has this name here")]
    NameTaken,
    #[error("the operating system gives no random numbers")]
    NoRandom,
}
