//! One call over HTTP: credentials, challenges and redirects, hop by hop.

use std::time::Duration;

use bytes::Bytes;
use ferrovia_runtime::port::{Fault, Secrets};
use http::header::{AUTHORIZATION, CONTENT_TYPE, COOKIE, HOST, LOCATION, PROXY_AUTHORIZATION};
use http::{HeaderMap, Method, StatusCode};
use url::Url;

use crate::auth::{Accounts, Credentials, Session};
use crate::client::{GuardedClient, Incoming, Outgoing};
use crate::config::HttpLimits;
use crate::fault::{self, MASK, excerpt, is_telling_name, masked_url};

const REDIRECTS_MAX: usize = 10;
pub(super) const IDEMPOTENCY_KEY: &str = "idempotency-key";

/// What happens with an answer of 300 to 399.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Redirects {
    Refused,
    Followed,
}

/// A request ready to be sent.
pub(crate) struct Request {
    pub(crate) method: Method,
    pub(crate) url: Url,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
    pub(crate) credentials: Option<Credentials>,
    pub(crate) redirects: Redirects,
    /// What of it must not reach another origin.
    pub(crate) secrets: Secrets,
}

/// The request that was finally answered, and its answer.
pub(crate) struct Completed {
    pub(crate) method: Method,
    pub(crate) url: Url,
    pub(crate) sent_headers: HeaderMap,
    pub(crate) answer: Incoming,
    pub(crate) scheme: Option<&'static str>,
}

/// Sends requests with credentials. One for the whole program: it holds connections, tokens and nonces.
pub(crate) struct Exchanger {
    pub(crate) client: GuardedClient,
    pub(crate) accounts: Accounts,
    pub(crate) limits: HttpLimits,
}

/// The parts of a request that a hop may change.
struct Hop {
    method: Method,
    url: Url,
    headers: HeaderMap,
    body: Bytes,
    /// The last redirect led to another scheme, host or port.
    left_origin: bool,
}

impl Exchanger {
    /// Sends a request and follows where allowed. A status outside 200 to 299 (to 399 when redirects are followed) is a
    /// fault. Dropping the future gives the call up.
    pub(crate) async fn perform(
        &self,
        request: Request,
        time_limit: Option<Duration>,
    ) -> Result<Completed, Fault> {
        let limit = time_limit.unwrap_or(self.limits.total_timeout);
        let described = describe(&request.method, &request.url);
        let performed = tokio::time::timeout(limit, self.follow(request)).await;
        performed.unwrap_or_else(|_| {
            let detail = format!(
                "{described}: no complete answer within {} ms",
                limit.as_millis()
            );
            Err(fault::communication(
                StatusCode::GATEWAY_TIMEOUT,
                "No answer in time",
                detail,
            ))
        })
    }

    async fn follow(&self, request: Request) -> Result<Completed, Fault> {
        let scheme = request.credentials.as_ref().map(Credentials::scheme);
        let mut session = Session::new(&self.client, &self.accounts, request.credentials.as_ref());
        let mut hop = Hop {
            method: request.method,
            url: request.url,
            headers: request.headers,
            body: request.body,
            left_origin: false,
        };
        for _ in 0..=REDIRECTS_MAX {
            let (sent_headers, answer) = self.send(&hop, &mut session).await?;
            match location(&answer).filter(|_| request.redirects == Redirects::Followed) {
                Some(location) => {
                    hop = hop.redirected(answer.status, &location)?;
                    if hop.left_origin {
                        session.forget();
                        hop.drop_secrets(&request.secrets)?;
                    }
                }
                None => {
                    check_status(&hop, request.redirects, &answer, &session)?;
                    return Ok(Completed {
                        method: hop.method,
                        url: hop.url,
                        sent_headers,
                        answer,
                        scheme,
                    });
                }
            }
        }
        let detail = format!(
            "{}: more than {REDIRECTS_MAX} redirects",
            describe(&hop.method, &hop.url)
        );
        Err(fault::communication(
            StatusCode::BAD_GATEWAY,
            "Too many redirects",
            detail,
        ))
    }

    /// Sends one hop, again when a challenge can be answered.
    async fn send(
        &self,
        hop: &Hop,
        session: &mut Session<'_>,
    ) -> Result<(HeaderMap, Incoming), Fault> {
        loop {
            let mut headers = hop.headers.clone();
            if let Some(value) = session
                .authorization(&hop.method, &hop.url, &hop.body)
                .await?
            {
                headers.insert(AUTHORIZATION, value);
            }
            let outgoing = Outgoing {
                method: hop.method.clone(),
                url: hop.url.clone(),
                headers: headers.clone(),
                body: hop.body.clone(),
                identity: session.identity(),
            };
            let fetched = self
                .client
                .fetch(outgoing, self.limits.response_bytes_max)
                .await;
            let answer =
                fetched.map_err(|error| error.into_fault(&describe(&hop.method, &hop.url)))?;
            let challenged = answer.status == StatusCode::UNAUTHORIZED;
            if !challenged || !session.answer_challenge(&hop.url, &answer.headers).await {
                return Ok((headers, answer));
            }
        }
    }
}

impl Hop {
    /// The next hop, by the rules of RFC 9110 15.4: 303 (as 301 and 302 by custom for POST) asks for a GET.
    fn redirected(mut self, status: StatusCode, location: &str) -> Result<Self, Fault> {
        let next = self
            .url
            .join(location)
            .map_err(|error| self.unusable(format!("leads to no URI: {error}")))?;
        if self.url.scheme() == "https" && next.scheme() == "http" {
            return Err(self.unusable("leads from https to http".to_owned()));
        }
        self.left_origin = next.origin() != self.url.origin();
        let becomes_get = match status {
            StatusCode::SEE_OTHER => self.method != Method::HEAD,
            StatusCode::MOVED_PERMANENTLY | StatusCode::FOUND => self.method == Method::POST,
            _ => false,
        };
        if becomes_get {
            self.method = Method::GET;
            self.body = Bytes::new();
            self.headers.remove(CONTENT_TYPE);
            self.headers.remove(IDEMPOTENCY_KEY);
        }
        self.url = next;
        Ok(self)
    }

    /// Credentials stay with their origin: headers that hold any are left out, a body that does is not sent on.
    fn drop_secrets(&mut self, secrets: &Secrets) -> Result<(), Fault> {
        if secrets.occur_in(&self.body) {
            return Err(
                self.unusable("would send a secret in the body to another origin".to_owned())
            );
        }
        let withheld: Vec<_> = self
            .headers
            .iter()
            .filter(|(name, value)| {
                is_secret_header(name.as_str()) || secrets.occur_in(value.as_bytes())
            })
            .map(|(name, _)| name.clone())
            .chain([HOST])
            .collect();
        for name in withheld {
            self.headers.remove(name);
        }
        Ok(())
    }

    fn unusable(&self, why: String) -> Fault {
        let detail = format!("{}: the redirect {why}", describe(&self.method, &self.url));
        fault::communication(StatusCode::BAD_GATEWAY, "Unusable redirect", detail)
    }
}

fn location(answer: &Incoming) -> Option<String> {
    let redirected = matches!(answer.status.as_u16(), 301 | 302 | 303 | 307 | 308);
    let location = answer.headers.get(LOCATION).filter(|_| redirected)?;
    Some(String::from_utf8_lossy(location.as_bytes()).into_owned())
}

fn is_secret_header(name: &str) -> bool {
    let always = [
        AUTHORIZATION.as_str(),
        PROXY_AUTHORIZATION.as_str(),
        COOKIE.as_str(),
    ]
    .contains(&name);
    always || name != IDEMPOTENCY_KEY && is_telling_name(name)
}

/// The values of secret headers, and what follows a scheme in them.
fn header_secrets(headers: &HeaderMap) -> Vec<String> {
    let secret = headers
        .iter()
        .filter(|(name, _)| is_secret_header(name.as_str()));
    let values = secret.filter_map(|(_, value)| value.to_str().ok());
    let parts = values.flat_map(|value| [Some(value), value.split_once(' ').map(|(_, rest)| rest)]);
    parts.flatten().map(str::to_owned).collect()
}

/// A header's value as it may be shown.
pub(super) fn shown_header(name: &str, value: &http::HeaderValue) -> String {
    if is_secret_header(name) {
        MASK.to_owned()
    } else {
        String::from_utf8_lossy(value.as_bytes()).into_owned()
    }
}

fn check_status(
    hop: &Hop,
    redirects: Redirects,
    answer: &Incoming,
    session: &Session<'_>,
) -> Result<(), Fault> {
    let status = answer.status;
    if status.is_success() || redirects == Redirects::Followed && status.is_redirection() {
        return Ok(());
    }
    let mut secrets = session.secrets();
    secrets.extend(fault::query_secrets(&hop.url));
    secrets.extend(fault::user_secrets(&hop.url));
    secrets.extend(header_secrets(&hop.headers));
    let body = excerpt(&answer.body, secrets.iter().map(String::as_str));
    let described = describe(&hop.method, &hop.url);
    let detail = if body.is_empty() {
        format!("{described}: {status}")
    } else {
        format!("{described}: {status}: {body}")
    };
    Err(fault::communication(
        status,
        status.canonical_reason().unwrap_or("Unexpected status"),
        detail,
    ))
}

fn describe(method: &Method, url: &Url) -> String {
    format!("{method} {}", masked_url(url))
}
