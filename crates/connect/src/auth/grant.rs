//! One token request (RFC 6749, 8693, 7523) and its answer.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use ferrovia_expr::{Object, Value};
use ferrovia_runtime::port::Fault;
use http::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, HeaderValue};
use http::{HeaderMap, Method};
use url::Url;

use super::discovery;
use super::jwt;
use super::policy::{ClientAuthentication, Encoding, Grant, TokenEndpoint, TokenPolicy};
use crate::client::{GuardedClient, Outgoing, SendError};
use crate::fault::{self, excerpt, masked_url};

const ANSWER_BYTES_MAX: usize = 256 * 1024;
const REQUEST_TIMEOUT: Duration = Duration::from_secs(30);
/// Taken where the authority does not say how long a token is good for.
const LIFETIME_DEFAULT: Duration = Duration::from_secs(300);
const JWT_BEARER: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";

/// What the authority gave.
pub(super) struct Granted {
    pub(super) access_token: String,
    pub(super) token_type: String,
    pub(super) refresh_token: Option<String>,
    pub(super) lifetime: Duration,
}

/// Asks for a token; `refresh_token` is one an earlier answer brought, to be used where the grant itself works only once.
pub(super) async fn request(
    client: &GuardedClient,
    policy: &TokenPolicy,
    refresh_token: Option<&str>,
) -> Result<Granted, Fault> {
    let asked = tokio::time::timeout(REQUEST_TIMEOUT, ask(client, policy, refresh_token)).await;
    asked.unwrap_or_else(|_| {
        Err(fault::authentication(format!(
            "{} gave no token in time",
            masked_url(&policy.authority)
        )))
    })
}

async fn ask(
    client: &GuardedClient,
    policy: &TokenPolicy,
    refresh_token: Option<&str>,
) -> Result<Granted, Fault> {
    let endpoint = match &policy.endpoint {
        TokenEndpoint::At(path) => resolve(&policy.authority, path)?,
        TokenEndpoint::Discovered => discovery::token_endpoint(client, &policy.authority).await?,
    };
    let shown = masked_url(&endpoint);
    let mut parameters = parameters(policy, refresh_token);
    let mut headers = HeaderMap::new();
    authenticate_client(policy, &endpoint, &mut parameters, &mut headers)?;
    headers.insert(ACCEPT, HeaderValue::from_static("application/json"));
    let body = encode(policy.encoding, &parameters, &mut headers);
    let request = Outgoing {
        method: Method::POST,
        url: endpoint,
        headers,
        body: body.into(),
        identity: None,
    };
    let failed = |reason: String| fault::authentication(format!("no token from {shown}: {reason}"));
    let answer = client
        .fetch(request, ANSWER_BYTES_MAX)
        .await
        .map_err(|error| match error {
            refused @ SendError::Refused(_) => refused.into_fault("token request"),
            other => failed(other.to_string()),
        })?;
    let mut secrets = policy.secrets();
    secrets.extend(refresh_token.map(str::to_owned));
    let parsed = std::str::from_utf8(&answer.body)
        .ok()
        .and_then(|text| Value::parse_json(text).ok());
    if !answer.status.is_success() {
        let reason = parsed.as_ref().and_then(error_of).unwrap_or_default();
        let reason = excerpt(reason.as_bytes(), secrets.iter().map(String::as_str));
        return Err(failed(
            format!("status {} {reason}", answer.status.as_u16())
                .trim_end()
                .to_owned(),
        ));
    }
    let granted = parsed
        .as_ref()
        .and_then(granted)
        .ok_or_else(|| failed("the answer holds no access token".to_owned()))?;
    check_issuer(policy, &granted.access_token).map_err(failed)?;
    Ok(granted)
}

fn resolve(authority: &Url, path: &str) -> Result<Url, Fault> {
    let wrong = |error| {
        fault::configuration(format!(
            "authentication: the token endpoint is no URI: {error}"
        ))
    };
    match Url::parse(path) {
        Ok(absolute) => Ok(absolute),
        // Below the authority's own path: the defaults begin with a slash and still belong to a tenant's authority.
        Err(_) => {
            let base = authority.as_str().trim_end_matches('/');
            Url::parse(&format!("{base}/{}", path.trim_start_matches('/'))).map_err(wrong)
        }
    }
}

type Parameters = Vec<(&'static str, String)>;

fn parameters(policy: &TokenPolicy, refresh_token: Option<&str>) -> Parameters {
    let mut parameters = match (&policy.grant, refresh_token) {
        (Grant::AuthorizationCode { .. } | Grant::RefreshToken { .. }, Some(token)) => {
            refresh(token)
        }
        (Grant::RefreshToken { token }, None) => refresh(token),
        (Grant::AuthorizationCode { code }, None) => {
            vec![
                ("grant_type", "authorization_code".to_owned()),
                ("code", code.clone()),
            ]
        }
        (Grant::ClientCredentials, _) => vec![("grant_type", "client_credentials".to_owned())],
        (Grant::Password { username, password }, _) => vec![
            ("grant_type", "password".to_owned()),
            ("username", username.clone()),
            ("password", password.clone()),
        ],
        (Grant::TokenExchange { subject, actor }, _) => {
            let mut exchange = vec![
                (
                    "grant_type",
                    "urn:ietf:params:oauth:grant-type:token-exchange".to_owned(),
                ),
                ("subject_token", subject.token.clone()),
                ("subject_token_type", subject.token_type.clone()),
            ];
            if let Some(actor) = actor {
                exchange.push(("actor_token", actor.token.clone()));
                exchange.push(("actor_token_type", actor.token_type.clone()));
            }
            exchange
        }
    };
    if !policy.scopes.is_empty() {
        parameters.push(("scope", policy.scopes.join(" ")));
    }
    parameters.extend(
        policy
            .audiences
            .iter()
            .map(|audience| ("audience", audience.clone())),
    );
    parameters
}

fn refresh(token: &str) -> Parameters {
    vec![
        ("grant_type", "refresh_token".to_owned()),
        ("refresh_token", token.to_owned()),
    ]
}

fn authenticate_client(
    policy: &TokenPolicy,
    endpoint: &Url,
    parameters: &mut Parameters,
    headers: &mut HeaderMap,
) -> Result<(), Fault> {
    let client = &policy.client;
    let id = client.id.clone().unwrap_or_default();
    let secret = client.secret.clone().unwrap_or_default();
    match client.authentication {
        ClientAuthentication::SecretBasic => {
            // RFC 6749 2.3.1: both are form-encoded before they are joined.
            let encode =
                |text: &str| form_urlencoded::byte_serialize(text.as_bytes()).collect::<String>();
            let pair = BASE64_STANDARD.encode(format!("{}:{}", encode(&id), encode(&secret)));
            let value = HeaderValue::try_from(format!("Basic {pair}"))
                .expect("base64 is valid in a header");
            headers.insert(AUTHORIZATION, value);
            return Ok(());
        }
        ClientAuthentication::SecretPost => parameters.extend(
            client
                .secret
                .clone()
                .map(|secret| ("client_secret", secret)),
        ),
        ClientAuthentication::SecretJwt | ClientAuthentication::PrivateKeyJwt => {
            let assertion = match &client.assertion {
                Some(assertion) => assertion.clone(),
                None => jwt::client_assertion(&id, &secret, endpoint.as_str(), now_seconds()?),
            };
            parameters.push(("client_assertion_type", JWT_BEARER.to_owned()));
            parameters.push(("client_assertion", assertion));
        }
        ClientAuthentication::None => {}
    }
    parameters.extend(client.id.clone().map(|id| ("client_id", id)));
    Ok(())
}

fn now_seconds() -> Result<i64, Fault> {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).ok();
    let seconds = since.and_then(|since| i64::try_from(since.as_secs()).ok());
    seconds.ok_or_else(|| fault::runtime("Clock unusable", "the system clock stands before 1970"))
}

fn encode(encoding: Encoding, parameters: &Parameters, headers: &mut HeaderMap) -> String {
    let (content_type, body) = match encoding {
        Encoding::Form => (
            "application/x-www-form-urlencoded",
            form_urlencoded::Serializer::new(String::new())
                .extend_pairs(parameters)
                .finish(),
        ),
        Encoding::Json => ("application/json", json(parameters).to_json()),
    };
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    body
}

/// A name that occurs more than once (`audience`) becomes an array.
fn json(parameters: &Parameters) -> Value {
    let mut object = Object::default();
    for (name, _) in parameters {
        let values: Vec<Value> = parameters
            .iter()
            .filter(|(other, _)| other == name)
            .map(|(_, value)| value.as_str().into())
            .collect();
        object.insert(
            *name,
            if values.len() == 1 {
                values[0].clone()
            } else {
                values.into()
            },
        );
    }
    object.into()
}

fn granted(answer: &Value) -> Option<Granted> {
    let text = |name: &str| answer.get(name).and_then(Value::as_str);
    let expires_in = answer.get("expires_in").and_then(|value| {
        let seconds = value.as_f64().or_else(|| value.as_str()?.parse().ok())?;
        Duration::try_from_secs_f64(seconds).ok()
    });
    let token_type = text("token_type").filter(|given| !given.eq_ignore_ascii_case("bearer"));
    Some(Granted {
        access_token: text("access_token")
            .filter(|token| !token.is_empty())?
            .to_owned(),
        token_type: token_type.unwrap_or("Bearer").to_owned(),
        refresh_token: text("refresh_token").map(str::to_owned),
        lifetime: expires_in.unwrap_or(LIFETIME_DEFAULT),
    })
}

fn error_of(answer: &Value) -> Option<String> {
    let code = answer.get("error")?.as_str()?;
    match answer.get("error_description").and_then(Value::as_str) {
        Some(description) => Some(format!("{code}: {description}")),
        None => Some(code.to_owned()),
    }
}

/// Where issuers are listed, a token that does not name one of them is refused, also when it names none.
fn check_issuer(policy: &TokenPolicy, token: &str) -> Result<(), String> {
    if policy.issuers.is_empty() {
        return Ok(());
    }
    match jwt::issuer(token) {
        Some(issuer) if policy.issuers.contains(&issuer) => Ok(()),
        Some(issuer) => Err(format!(
            "the token's issuer `{issuer}` is not among `issuers`"
        )),
        None => Err("the token names no issuer, but `issuers` are given".to_owned()),
    }
}
