//! Digest authentication (RFC 7616): challenges, and nonces kept for the next request.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard};

use digest_auth::{AlgorithmType, AuthContext, HttpMethod, Qop, WwwAuthenticateHeader};
use ferrovia_runtime::port::Fault;
use http::header::WWW_AUTHENTICATE;
use http::{HeaderMap, Method};
use url::{Origin, Url};

use crate::fault;

/// Servers and users whose nonce is kept.
const NONCES_MAX: usize = 256;

/// A server's invitation to authenticate.
pub(crate) struct Challenge(WwwAuthenticateHeader);

impl Challenge {
    /// The digest challenge with the strongest algorithm among an answer's `WWW-Authenticate` headers.
    pub(crate) fn best_of(headers: &HeaderMap) -> Option<Self> {
        headers
            .get_all(WWW_AUTHENTICATE)
            .iter()
            .filter_map(|value| value.to_str().ok())
            .filter_map(|text| {
                let (scheme, parameters) = text.trim_start().split_once(' ')?;
                scheme
                    .eq_ignore_ascii_case("digest")
                    .then(|| digest_auth::parse(parameters).ok())?
            })
            .max_by_key(|challenge| strength(challenge.algorithm.algo))
            .map(Challenge)
    }

    pub(crate) fn is_stale(&self) -> bool {
        self.0.stale
    }
}

fn strength(algorithm: AlgorithmType) -> u8 {
    match algorithm {
        AlgorithmType::MD5 => 0,
        AlgorithmType::SHA2_256 => 1,
        AlgorithmType::SHA2_512_256 => 2,
    }
}

/// The last nonce of each server and user, with its count of uses.
#[derive(Default)]
pub(crate) struct NonceStore {
    kept: Mutex<HashMap<(Origin, String), WwwAuthenticateHeader>>,
}

impl NonceStore {
    /// The `Authorization` header, or `None` while no challenge of this server is known.
    pub(crate) fn respond(
        &self,
        url: &Url,
        username: &str,
        password: &str,
        method: &Method,
        body: &[u8],
    ) -> Result<Option<String>, Fault> {
        let mut kept = self.lock();
        let Some(challenge) = kept.get_mut(&key(url, username)) else {
            return Ok(None);
        };
        let target = match url.query() {
            Some(query) => format!("{}?{query}", url.path()),
            None => url.path().to_owned(),
        };
        // Plain `auth` where the server accepts it: proxies may rewrite bodies.
        let only_integrity = challenge
            .qop
            .as_ref()
            .is_some_and(|qop| !qop.contains(&Qop::AUTH));
        let body = only_integrity.then_some(body);
        let context = AuthContext::new_with_method(
            username,
            password,
            target,
            body,
            HttpMethod::from(method.as_str()),
        );
        let answer = challenge.respond(&context);
        let answer = answer.map_err(|error| {
            fault::authentication(format!("the digest challenge is unusable: {error}"))
        })?;
        Ok(Some(answer.to_header_string()))
    }

    /// Keeps a new challenge; true when it replaces an older one.
    pub(crate) fn replace(&self, url: &Url, username: &str, challenge: Challenge) -> bool {
        let mut kept = self.lock();
        if kept.len() >= NONCES_MAX {
            kept.clear();
        }
        kept.insert(key(url, username), challenge.0).is_some()
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<(Origin, String), WwwAuthenticateHeader>> {
        self.kept.lock().expect("no holder of this lock panics")
    }
}

fn key(url: &Url, username: &str) -> (Origin, String) {
    (url.origin(), username.to_owned())
}
