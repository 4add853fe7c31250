//! The flow: out to the provider with a challenge, back with a code, and the code for a token.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD as BASE64};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use ring::digest;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

use super::claims::{self, Account};
use super::jwt::{self, Keys, Unsigned};
use super::{
    Asked, Fetch, KEYS_AGAIN_MS, Oidc, PROVIDER_MS, Refused, SIGN_IN_SECONDS, SIGN_INS_MAX,
};
use crate::access::token::random;

/// Where the provider sends the browser back to.
pub(super) const CALLBACK: &str = "/api/v1/oidc/callback";

pub(crate) struct Provider {
    oidc: Oidc,
    fetch: Arc<dyn Fetch>,
    known: Mutex<Option<(Arc<Known>, i64)>>,
    begun: Mutex<HashMap<String, Begun>>,
}

/// What a provider says of itself (OpenID Connect Discovery 1.0).
#[derive(Deserialize)]
struct Metadata {
    issuer: String,
    authorization_endpoint: String,
    token_endpoint: String,
    jwks_uri: String,
}

struct Known {
    metadata: Metadata,
    keys: Keys,
}

/// A sign-in that is under way.
struct Begun {
    /// Of the secret in the cookie of the browser.
    browser: [u8; 32],
    verifier: Zeroizing<String>,
    nonce: String,
    since_ms: i64,
}

#[derive(Deserialize)]
struct Tokens {
    id_token: String,
}

/// A sign-in that was begun: where the browser goes, and the secret that it keeps meanwhile.
pub(super) struct Departure {
    pub(super) url: String,
    pub(super) browser: String,
}

impl Provider {
    pub(crate) fn new(oidc: Oidc, fetch: Arc<dyn Fetch>) -> Provider {
        Provider {
            oidc,
            fetch,
            known: Mutex::default(),
            begun: Mutex::default(),
        }
    }

    pub(super) fn issuer(&self) -> &str {
        &self.oidc.issuer
    }

    pub(super) fn is_encrypted(&self) -> bool {
        self.oidc.public_url.starts_with("https://")
    }

    pub(super) async fn begin(&self, now_ms: i64) -> Result<Departure, Refused> {
        let known = self.known(now_ms).await?;
        let (state, nonce) = (secret()?, secret()?);
        let (browser, verifier) = (secret()?, secret()?);
        let challenge = BASE64.encode(sha256(&verifier));
        let redirect = self.redirect();
        let mut url = known.metadata.authorization_endpoint.clone();
        url.push(if url.contains('?') { '&' } else { '?' });
        url.push_str(&form(&[
            ("response_type", "code"),
            ("scope", "openid profile email"),
            ("client_id", &self.oidc.client_id),
            ("redirect_uri", &redirect),
            ("state", &state),
            ("nonce", &nonce),
            ("code_challenge", &challenge),
            ("code_challenge_method", "S256"),
        ]));
        let begun = Begun {
            browser: sha256(&browser),
            verifier: Zeroizing::new(verifier),
            nonce,
            since_ms: now_ms,
        };
        self.remember(state, begun, now_ms);
        Ok(Departure { url, browser })
    }

    fn remember(&self, state: String, begun: Begun, now_ms: i64) {
        let mut known = self.begun.lock().unwrap_or_else(PoisonError::into_inner);
        known.retain(|_, begun| begun.is_fresh(now_ms));
        if known.len() >= SIGN_INS_MAX {
            let oldest = known.iter().min_by_key(|(_, begun)| begun.since_ms);
            if let Some(oldest) = oldest.map(|(state, _)| state.clone()) {
                known.remove(&oldest);
            }
        }
        known.insert(state, begun);
    }

    /// Who came back with a code. Whatever comes of it, the sign-in that was begun is over.
    pub(super) async fn finish(
        &self,
        state: &str,
        browser: &str,
        code: &str,
        now_ms: i64,
    ) -> Result<Account, Refused> {
        let begun = {
            let mut known = self.begun.lock().unwrap_or_else(PoisonError::into_inner);
            let shown = sha256(browser);
            // In another browser it is not begun, and stays so in its own.
            let own = known
                .get(state)
                .is_some_and(|begun| begun.browser.ct_eq(&shown).into());
            own.then(|| known.remove(state)).flatten()
        };
        let begun = begun
            .filter(|begun| begun.is_fresh(now_ms))
            .ok_or(Refused::NotBegun)?;
        let known = self.known(now_ms).await?;
        let token = self.redeem(&known, code, &begun.verifier).await?;
        let said = match jwt::verify(&token, &known.keys) {
            Err(Unsigned::UnknownKey) => {
                let known = self.known_again(now_ms).await?;
                jwt::verify(&token, &known.keys)
            }
            said => said,
        };
        let said = said.map_err(|error| match error {
            Unsigned::UnknownKey => Refused::Token("no key of the provider signed it"),
            Unsigned::Refused(refused) => refused,
        })?;
        claims::read(&self.oidc, &said, &begun.nonce, now_ms)
    }

    async fn redeem(
        &self,
        known: &Known,
        code: &str,
        verifier: &str,
    ) -> Result<Zeroizing<String>, Refused> {
        let redirect = self.redirect();
        let mut fields = vec![
            ("grant_type", "authorization_code"),
            ("code", code),
            ("redirect_uri", &redirect),
            ("code_verifier", verifier),
        ];
        let authorization = match &self.oidc.client_secret {
            // RFC 6749, 2.3.1: both are encoded like members of a form first.
            Some(secret) => {
                let pair = format!("{}:{}", encoded(&self.oidc.client_id), encoded(secret));
                Some(Zeroizing::new(format!("Basic {}", STANDARD.encode(pair))))
            }
            None => {
                fields.push(("client_id", &self.oidc.client_id));
                None
            }
        };
        let asked = Asked {
            url: known.metadata.token_endpoint.clone(),
            form: Some(Zeroizing::new(form(&fields))),
            authorization,
        };
        let tokens: Tokens = self.ask(asked).await?;
        Ok(Zeroizing::new(tokens.id_token))
    }

    fn redirect(&self) -> String {
        format!("{}{CALLBACK}", self.oidc.public_url.trim_end_matches('/'))
    }

    async fn known(&self, now_ms: i64) -> Result<Arc<Known>, Refused> {
        self.known_for(PROVIDER_MS, now_ms).await
    }

    async fn known_again(&self, now_ms: i64) -> Result<Arc<Known>, Refused> {
        self.known_for(KEYS_AGAIN_MS, now_ms).await
    }

    /// What is known of the provider, if it is no older than this; asked for otherwise.
    async fn known_for(&self, age_ms: i64, now_ms: i64) -> Result<Arc<Known>, Refused> {
        let kept = self
            .known
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone();
        if let Some((known, since_ms)) = kept
            && (0..age_ms).contains(&(now_ms - since_ms))
        {
            return Ok(known);
        }
        let issuer = self.oidc.issuer.trim_end_matches('/');
        let url = format!("{issuer}/.well-known/openid-configuration");
        let metadata: Metadata = self.ask(get(&url)).await?;
        if metadata.issuer != self.oidc.issuer {
            return Err(Refused::Unreadable("it names itself otherwise"));
        }
        let keys = self.ask(get(&metadata.jwks_uri)).await?;
        let known = Arc::new(Known { metadata, keys });
        let mut kept = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        *kept = Some((known.clone(), now_ms));
        Ok(known)
    }

    async fn ask<T: DeserializeOwned>(&self, asked: Asked) -> Result<T, Refused> {
        let (status, body) = self
            .fetch
            .fetch(asked)
            .await
            .map_err(Refused::Unreachable)?;
        if !(200..300).contains(&status) {
            return Err(Refused::Status(status));
        }
        serde_json::from_slice(&body)
            .map_err(|_| Refused::Unreadable("it is not what it should be"))
    }
}

impl Begun {
    fn is_fresh(&self, now_ms: i64) -> bool {
        let limit_ms = i64::from(SIGN_IN_SECONDS) * 1_000;
        (0..limit_ms).contains(&(now_ms - self.since_ms))
    }
}

fn get(url: &str) -> Asked {
    Asked {
        url: url.to_owned(),
        form: None,
        authorization: None,
    }
}

/// 256 random bits as text.
fn secret() -> Result<String, Refused> {
    let bytes = random::<32>().map_err(|_| Refused::NoRandom)?;
    Ok(BASE64.encode(*bytes))
}

fn sha256(text: &str) -> [u8; 32] {
    let digest = digest::digest(&digest::SHA256, text.as_bytes());
    digest.as_ref().try_into().expect("SHA-256 has 32 bytes")
}

fn encoded(text: &str) -> String {
    utf8_percent_encode(text, NON_ALPHANUMERIC).to_string()
}

fn form(fields: &[(&str, &str)]) -> String {
    let fields = fields
        .iter()
        .map(|(name, value)| format!("{name}={}", encoded(value)));
    fields.collect::<Vec<_>>().join("&")
}
