//! OpenID Connect discovery: where the authority hands out tokens.

use ferrovia_expr::Value;
use ferrovia_runtime::port::Fault;
use url::Url;

use crate::client::{GuardedClient, Outgoing};
use crate::fault::{self, masked_url};

const DOCUMENT_PATH: &str = ".well-known/openid-configuration";
const DOCUMENT_BYTES_MAX: usize = 256 * 1024;

/// The token endpoint named by the authority's discovery document, whose issuer must be that authority.
pub(super) async fn token_endpoint(client: &GuardedClient, authority: &Url) -> Result<Url, Fault> {
    let issuer = authority.as_str().trim_end_matches('/');
    let address = Url::parse(&format!("{issuer}/{DOCUMENT_PATH}")).map_err(|error| {
        fault::configuration(format!(
            "authentication: `authority` is no base of URIs: {error}"
        ))
    })?;
    let shown = masked_url(&address);
    let failed = |reason: String| {
        fault::authentication(format!("OpenID discovery at {shown} failed: {reason}"))
    };
    let answer = client
        .fetch(Outgoing::get(address), DOCUMENT_BYTES_MAX)
        .await
        .map_err(|error| match error {
            refused @ crate::client::SendError::Refused(_) => {
                refused.into_fault("OpenID discovery")
            }
            other => failed(other.to_string()),
        })?;
    if !answer.status.is_success() {
        return Err(failed(format!("status {}", answer.status)));
    }
    let text = std::str::from_utf8(&answer.body)
        .map_err(|_| failed("the document is not text".to_owned()))?;
    let document = Value::parse_json(text).map_err(|error| failed(error.to_string()))?;
    let named = |name: &str| document.get(name).and_then(Value::as_str);
    match named("issuer") {
        Some(named) if named.trim_end_matches('/') == issuer => {}
        Some(other) => {
            return Err(failed(format!(
                "the document is issued by `{other}`, not by the authority"
            )));
        }
        None => return Err(failed("the document names no issuer".to_owned())),
    }
    let endpoint = named("token_endpoint")
        .ok_or_else(|| failed("the document names no token endpoint".to_owned()))?;
    let endpoint =
        Url::parse(endpoint).map_err(|_| failed("the token endpoint is no URI".to_owned()))?;
    if authority.scheme() == "https" && endpoint.scheme() != "https" {
        return Err(failed(
            "the token endpoint is not https, but the authority is".to_owned(),
        ));
    }
    Ok(endpoint)
}
