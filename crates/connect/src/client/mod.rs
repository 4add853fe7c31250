//! The one HTTP client: every request leaves through [`GuardedClient`].
//!
//! Owns connections, TLS, the egress check and the size of answers. It sends exactly one request and never follows a
//! redirect, so every hop is checked by whoever takes it. Knows nothing of workflows or credentials.

mod dial;
mod error;
mod tls;

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http::{HeaderMap, Method, StatusCode};
use reqwest::{Client, Response};
use url::Url;

use crate::config::ConnectConfig;
use crate::egress::{EgressPolicy, GuardedResolver};

pub use dial::DialError;
pub use error::{ClientError, SendError};
pub use tls::Identity;

/// Headers of one answer, and all their bytes.
const HEADERS_MAX: usize = 100;
const HEADER_BYTES_MAX: usize = 64 * 1024;
const IDLE_CONNECTIONS_PER_HOST_MAX: usize = 16;
const IDLE_TIMEOUT: Duration = Duration::from_secs(60);
/// Client certificates whose connections are kept.
const IDENTITIES_MAX: usize = 32;
const USER_AGENT: &str = concat!("ferrovia/", env!("CARGO_PKG_VERSION"));

/// One request to one URL.
#[derive(Clone)]
pub struct Outgoing {
    pub method: Method,
    pub url: Url,
    pub headers: HeaderMap,
    pub body: Bytes,
    /// The certificate this side shows, where the server asks for one.
    pub identity: Option<Arc<Identity>>,
}

impl Outgoing {
    pub fn get(url: Url) -> Self {
        Self {
            method: Method::GET,
            url,
            headers: HeaderMap::new(),
            body: Bytes::new(),
            identity: None,
        }
    }
}

/// A whole answer, decompressed.
#[derive(Clone)]
pub struct Incoming {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub body: Bytes,
}

/// An HTTP client that connects only where the [`EgressPolicy`] permits. Cheap to clone; clones share connections.
#[derive(Clone)]
pub struct GuardedClient {
    shared: Arc<Shared>,
}

struct Shared {
    config: ConnectConfig,
    policy: Arc<EgressPolicy>,
    plain: Client,
    with_identity: Mutex<HashMap<[u8; 32], Client>>,
}

impl GuardedClient {
    /// Fails when the configured root certificates cannot be read.
    pub fn new(config: &ConnectConfig) -> Result<Self, ClientError> {
        let policy = Arc::new(config.egress.clone());
        let plain = build(config, &policy, None)?;
        let shared = Shared {
            config: config.clone(),
            policy,
            plain,
            with_identity: Mutex::default(),
        };
        Ok(Self {
            shared: Arc::new(shared),
        })
    }

    pub fn policy(&self) -> &EgressPolicy {
        &self.shared.policy
    }

    /// Sends one request and returns when the answer's headers are there; the body is the caller's to read and bound.
    /// Sets no time limit but that of connecting. Dropping the future gives the request up.
    pub async fn open(&self, request: Outgoing) -> Result<Response, SendError> {
        let url = request.url;
        self.shared.policy.check_target(&url)?;
        let client = self.client_for(request.identity.as_deref())?;
        let sent = client
            .request(request.method, url.clone())
            .headers(request.headers)
            .body(request.body)
            .send();
        let response = sent.await.map_err(|error| SendError::of(&url, error))?;
        if let Some(peer) = response.remote_addr() {
            // The resolver has refused what is not permitted; this holds should a connection ever come about otherwise.
            self.shared
                .policy
                .check_address(url.domain().unwrap_or_default(), peer.ip())?;
        }
        let bytes: usize = response
            .headers()
            .iter()
            .map(|(name, value)| name.as_str().len() + value.len())
            .sum();
        if bytes > HEADER_BYTES_MAX {
            return Err(SendError::TooLarge {
                what: "headers",
                bytes_max: HEADER_BYTES_MAX,
            });
        }
        Ok(response)
    }

    /// Sends one request and reads the whole answer, at most `bytes_max` of it.
    pub async fn fetch(&self, request: Outgoing, bytes_max: usize) -> Result<Incoming, SendError> {
        let url = request.url.clone();
        let mut response = self.open(request).await?;
        let too_large = SendError::TooLarge {
            what: "body",
            bytes_max,
        };
        if response
            .content_length()
            .is_some_and(|length| length > bytes_max as u64)
        {
            return Err(too_large);
        }
        let mut body = BytesMut::new();
        while let Some(chunk) = response
            .chunk()
            .await
            .map_err(|error| SendError::of(&url, error))?
        {
            if body.len() + chunk.len() > bytes_max {
                return Err(too_large);
            }
            body.extend_from_slice(&chunk);
        }
        Ok(Incoming {
            status: response.status(),
            headers: response.headers().clone(),
            body: body.freeze(),
        })
    }

    fn client_for(&self, identity: Option<&Identity>) -> Result<Client, ClientError> {
        let Some(identity) = identity else {
            return Ok(self.shared.plain.clone());
        };
        let mut clients = self
            .shared
            .with_identity
            .lock()
            .expect("no holder of this lock panics");
        if let Some(client) = clients.get(identity.fingerprint()) {
            return Ok(client.clone());
        }
        let client = build(&self.shared.config, &self.shared.policy, Some(identity))?;
        if clients.len() >= IDENTITIES_MAX {
            clients.clear();
        }
        clients.insert(*identity.fingerprint(), client.clone());
        Ok(client)
    }
}

fn build(
    config: &ConnectConfig,
    policy: &Arc<EgressPolicy>,
    identity: Option<&Identity>,
) -> Result<Client, ClientError> {
    let tls = tls::client_config(config.extra_roots_pem.as_deref(), identity)?;
    let resolver = GuardedResolver {
        policy: Arc::clone(policy),
        lookup: Arc::clone(&config.lookup),
    };
    Client::builder()
        .user_agent(USER_AGENT)
        .no_proxy()
        .redirect(reqwest::redirect::Policy::none())
        .retry(reqwest::retry::never())
        .referer(false)
        .dns_resolver(Arc::new(resolver))
        .connect_timeout(config.http.connect_timeout)
        .pool_max_idle_per_host(IDLE_CONNECTIONS_PER_HOST_MAX)
        .pool_idle_timeout(IDLE_TIMEOUT)
        .http1_max_headers(HEADERS_MAX)
        .http2_max_header_list_size(HEADER_BYTES_MAX as u32)
        .tls_backend_preconfigured(tls)
        .build()
        .map_err(|error| ClientError::Build(error.to_string()))
}
