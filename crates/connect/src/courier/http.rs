//! A POST for each message, signed as Standard Webhooks say if there is a key.

use std::time::{SystemTime, UNIX_EPOCH};

use async_trait::async_trait;
use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use ferrovia_runtime::notify::{Courier, Dispatch, Undelivered};
use hmac::{Hmac, KeyInit, Mac};
use http::header::CONTENT_TYPE;
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode};
use sha2::Sha256;
use url::Url;

use super::{TIME_LIMIT, Unusable};
use crate::client::{GuardedClient, Outgoing, SendError};

/// What is read of an answer.
const ANSWER_BYTES_MAX: usize = 64 * 1024;
const KEY_BYTES: std::ops::RangeInclusive<usize> = 24..=64;

/// The key of a receiver's signatures.
#[derive(Clone)]
pub struct SigningKey(Vec<u8>);

impl SigningKey {
    /// Reads `whsec_…`.
    pub fn read(text: &str) -> Result<SigningKey, Unusable> {
        let encoded = text.strip_prefix("whsec_").ok_or(Unusable::SigningKey)?;
        let bytes = BASE64.decode(encoded).map_err(|_| Unusable::SigningKey)?;
        if !KEY_BYTES.contains(&bytes.len()) {
            return Err(Unusable::SigningKey);
        }
        Ok(SigningKey(bytes))
    }

    /// Signs `id.timestamp.body`.
    fn sign(&self, id: &str, timestamp: u64, body: &str) -> String {
        let mut code =
            Hmac::<Sha256>::new_from_slice(&self.0).expect("an HMAC takes keys of any length");
        code.update(format!("{id}.{timestamp}.").as_bytes());
        code.update(body.as_bytes());
        format!("v1,{}", BASE64.encode(code.finalize().into_bytes()))
    }
}

/// Posts to one URL. The URL may be a secret itself: no error shows more of it than host and port.
pub struct HttpCourier {
    client: GuardedClient,
    url: Url,
    key: Option<SigningKey>,
}

impl HttpCourier {
    pub fn new(
        client: GuardedClient,
        url: &str,
        key: Option<SigningKey>,
    ) -> Result<HttpCourier, Unusable> {
        let url = Url::parse(url).map_err(|_| Unusable::Url)?;
        if !matches!(url.scheme(), "http" | "https") || url.host().is_none() {
            return Err(Unusable::Url);
        }
        Ok(HttpCourier { client, url, key })
    }

    fn headers(&self, dispatch: &Dispatch) -> HeaderMap {
        let mut headers = HeaderMap::new();
        let kind = HeaderValue::from_static(dispatch.media_type);
        headers.insert(CONTENT_TYPE, kind);
        let now = SystemTime::now().duration_since(UNIX_EPOCH);
        let timestamp = now.map_or(0, |since| since.as_secs());
        let mut set = |name: &'static str, value: &str| {
            // Ids, numbers and Base64 have nothing that a header could not.
            if let Ok(value) = HeaderValue::from_str(value) {
                headers.insert(HeaderName::from_static(name), value);
            }
        };
        set("webhook-id", &dispatch.id);
        set("webhook-timestamp", &timestamp.to_string());
        if let Some(key) = &self.key {
            let signature = key.sign(&dispatch.id, timestamp, &dispatch.body);
            set("webhook-signature", &signature);
        }
        headers
    }
}

#[async_trait]
impl Courier for HttpCourier {
    async fn carry(&self, dispatch: &Dispatch) -> Result<(), Undelivered> {
        let request = Outgoing {
            method: Method::POST,
            url: self.url.clone(),
            headers: self.headers(dispatch),
            body: dispatch.body.clone().into(),
            identity: None,
        };
        let host = self.url.host_str().unwrap_or_default();
        let sent = tokio::time::timeout(TIME_LIMIT, self.client.fetch(request, ANSWER_BYTES_MAX));
        match sent.await {
            Ok(Ok(answer)) if answer.status.is_success() => Ok(()),
            Ok(Ok(answer)) => Err(refused(host, answer.status)),
            // It has arrived; what it was answered with is of no interest.
            Ok(Err(SendError::TooLarge { .. })) => Ok(()),
            Ok(Err(error @ SendError::Refused(_))) => Err(Undelivered::Never(error.to_string())),
            Ok(Err(error)) => Err(Undelivered::Later(error.to_string())),
            Err(_) => Err(Undelivered::Later(format!("{host} did not answer in time"))),
        }
    }
}

/// A message that is wrong stays so; a receiver that is not there, or does not know us yet, may change.
fn refused(host: &str, status: StatusCode) -> Undelivered {
    let why = format!("{host} answered with {status}");
    match status {
        StatusCode::BAD_REQUEST
        | StatusCode::PAYLOAD_TOO_LARGE
        | StatusCode::UNSUPPORTED_MEDIA_TYPE
        | StatusCode::UNPROCESSABLE_ENTITY => Undelivered::Never(why),
        _ => Undelivered::Later(why),
    }
}
