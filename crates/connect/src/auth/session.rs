//! Credentials in use: the `Authorization` header of each request of one call, and what a 401 changes.

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use ferrovia_runtime::port::Fault;
use http::header::HeaderValue;
use http::{HeaderMap, Method};
use std::sync::Arc;
use url::Url;

use super::Credentials;
use super::digest::{Challenge, NonceStore};
use super::tokens::{AccessToken, TokenStore};
use crate::client::{GuardedClient, Identity};
use crate::fault;

/// Challenges answered in one call: one for a first or stale nonce, one for an expired token, and no argument after that.
const CHALLENGES_MAX: usize = 2;

/// What outlives a call: tokens and nonces, shared by all executors.
#[derive(Default)]
pub(crate) struct Accounts {
    pub(crate) tokens: TokenStore,
    pub(crate) nonces: NonceStore,
}

pub(crate) struct Session<'a> {
    client: &'a GuardedClient,
    accounts: &'a Accounts,
    credentials: Option<&'a Credentials>,
    token: Option<Arc<AccessToken>>,
    challenges: usize,
}

impl<'a> Session<'a> {
    pub(crate) fn new(
        client: &'a GuardedClient,
        accounts: &'a Accounts,
        credentials: Option<&'a Credentials>,
    ) -> Self {
        Self {
            client,
            accounts,
            credentials,
            token: None,
            challenges: 0,
        }
    }

    pub(crate) fn identity(&self) -> Option<Arc<Identity>> {
        match self.credentials {
            Some(Credentials::Certificate(identity)) => Some(Arc::clone(identity)),
            _ => None,
        }
    }

    /// Stops showing credentials: the call has been sent on to another origin.
    pub(crate) fn forget(&mut self) {
        self.credentials = None;
        self.token = None;
    }

    /// The `Authorization` header for a request, where the scheme has one.
    pub(crate) async fn authorization(
        &mut self,
        method: &Method,
        url: &Url,
        body: &[u8],
    ) -> Result<Option<HeaderValue>, Fault> {
        let text = match self.credentials {
            None | Some(Credentials::Certificate(_)) => return Ok(None),
            Some(Credentials::Basic { username, password }) => {
                format!(
                    "Basic {}",
                    BASE64_STANDARD.encode(format!("{username}:{password}"))
                )
            }
            Some(Credentials::Bearer { token }) => format!("Bearer {token}"),
            Some(Credentials::Digest { username, password }) => {
                match self
                    .accounts
                    .nonces
                    .respond(url, username, password, method, body)?
                {
                    Some(text) => text,
                    None => return Ok(None),
                }
            }
            Some(Credentials::Token(policy)) => {
                let token = self.accounts.tokens.get(self.client, policy).await?;
                let text = token.header();
                self.token = Some(token);
                text
            }
        };
        let mut value = HeaderValue::try_from(text).map_err(|_| {
            fault::configuration(
                "authentication: the credentials hold characters no header can carry",
            )
        })?;
        value.set_sensitive(true);
        Ok(Some(value))
    }

    /// Takes up the challenge of a 401; true when the request is worth sending again.
    pub(crate) async fn answer_challenge(&mut self, url: &Url, headers: &HeaderMap) -> bool {
        self.challenges += 1;
        if self.challenges > CHALLENGES_MAX {
            return false;
        }
        match self.credentials {
            None
            | Some(
                Credentials::Basic { .. }
                | Credentials::Bearer { .. }
                | Credentials::Certificate(_),
            ) => false,
            Some(Credentials::Digest { username, .. }) => match Challenge::best_of(headers) {
                // A second 401 means wrong credentials, unless the server says that only its nonce was too old.
                Some(challenge) => {
                    let stale = challenge.is_stale();
                    let replaced_kept_nonce =
                        self.accounts.nonces.replace(url, username, challenge);
                    self.challenges == 1 || stale && replaced_kept_nonce
                }
                None => false,
            },
            Some(Credentials::Token(policy)) => match &self.token {
                Some(token) if self.challenges == 1 => {
                    self.accounts.tokens.discard(policy, token).await;
                    true
                }
                Some(_) | None => false,
            },
        }
    }

    /// The secrets in use, which an answer might echo.
    pub(crate) fn secrets(&self) -> Vec<String> {
        let mut secrets = match self.credentials {
            None | Some(Credentials::Certificate(_)) => Vec::new(),
            Some(Credentials::Basic { username, password }) => {
                vec![
                    password.clone(),
                    BASE64_STANDARD.encode(format!("{username}:{password}")),
                ]
            }
            Some(Credentials::Digest { password, .. }) => vec![password.clone()],
            Some(Credentials::Bearer { token }) => vec![token.clone()],
            Some(Credentials::Token(policy)) => policy.secrets(),
        };
        secrets.extend(self.token.iter().map(|token| token.text().to_owned()));
        secrets
    }
}
