//! The account provider of a server: its settings, and what reaches out to it.

use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use bytes::Bytes;
use ferrovia_connect::ConnectConfig;
use ferrovia_connect::client::{GuardedClient, Outgoing};
use ferrovia_server::access::Grant;
use ferrovia_server::oidc::{ANSWER_BYTES_MAX, Asked, Fetch, Fetched, Oidc};
use http::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE};
use http::{HeaderMap, HeaderValue, Method};
use url::Url;

use crate::config::{Config, OidcSettings};
use crate::read::Source;
use crate::users::Given;

/// How long a provider has to answer while somebody waits to sign in.
const PROVIDER_TIME: Duration = Duration::from_secs(10);
/// A file with a secret.
const SECRET_BYTES_MAX: u64 = 4_096;

/// The provider that the settings name, if they name one.
pub(crate) fn provider(config: &Config) -> anyhow::Result<Option<(Oidc, Arc<dyn Fetch>)>> {
    let settings = &config.server.oidc;
    let Some(issuer) = &settings.issuer else {
        return Ok(None);
    };
    let needed = |name: &str, value: &Option<String>| {
        let value = value.clone();
        value.with_context(|| format!("`server.oidc.{name}` is missing"))
    };
    let address = |name: &str, text: &str| {
        let url = Url::parse(text).ok();
        let web = url.filter(|url| matches!(url.scheme(), "http" | "https") && url.has_host());
        web.with_context(|| format!("`server.oidc.{name}`: `{text}` is no address of the web"))
    };
    let public_url = needed("public_url", &settings.public_url)?;
    address("public_url", &public_url)?;
    let oidc = Oidc {
        issuer: issuer.clone(),
        client_id: needed("client_id", &settings.client_id)?,
        client_secret: secret(settings)?.map(Into::into),
        public_url,
        claim: settings.claim.clone(),
        roles: roles(settings)?,
    };
    let mut connect = ConnectConfig::default();
    let host = address("issuer", issuer)?;
    let host = host.host_str().unwrap_or_default().trim_matches(['[', ']']);
    // Who names a provider wants to reach it. Where it says that the rest is, the usual rules hold.
    connect.egress = connect.egress.allow([host.parse()?]);
    if let Some(path) = &config.network.ca_certificate {
        let pem = std::fs::read_to_string(path);
        connect.extra_roots_pem = Some(pem.with_context(|| path.display().to_string())?);
    }
    let fetch = Guarded(GuardedClient::new(&connect)?);
    Ok(Some((oidc, Arc::new(fetch))))
}

fn secret(settings: &OidcSettings) -> anyhow::Result<Option<String>> {
    let Some(path) = &settings.client_secret_file else {
        return Ok(None);
    };
    let text = Source::File(path).text(SECRET_BYTES_MAX);
    let text = text.map_err(|why| anyhow::anyhow!("{}: {why}", path.display()))?;
    Ok(Some(text.trim().to_owned()))
}

fn roles(
    settings: &OidcSettings,
) -> anyhow::Result<std::collections::BTreeMap<String, Vec<Grant>>> {
    if settings.roles.is_empty() {
        anyhow::bail!("`server.oidc.roles` is empty: nobody would be let in");
    }
    let roles = settings.roles.iter().map(|(value, roles)| {
        let grants = roles.iter().map(|role| {
            let given = role.parse::<Given>();
            let given = given.map_err(|why| anyhow::anyhow!("`server.oidc.roles`: {why}"))?;
            Ok(Grant {
                role: given.role,
                namespace: given.namespace,
            })
        });
        Ok((value.clone(), grants.collect::<anyhow::Result<_>>()?))
    });
    roles.collect()
}

struct Guarded(GuardedClient);

impl Fetch for Guarded {
    fn fetch(&self, asked: Asked) -> Pin<Box<dyn Future<Output = Fetched> + Send>> {
        let client = self.0.clone();
        Box::pin(async move {
            let request = outgoing(&asked).ok_or("this is no address of the web")?;
            let answer = client.fetch(request, ANSWER_BYTES_MAX);
            let answer = tokio::time::timeout(PROVIDER_TIME, answer).await;
            let answer = answer.map_err(|_| "it took too long".to_owned())?;
            let answer = answer.map_err(|error| error.to_string())?;
            Ok((answer.status.as_u16(), answer.body.to_vec()))
        })
    }
}

fn outgoing(asked: &Asked) -> Option<Outgoing> {
    let mut headers = HeaderMap::new();
    headers.insert(ACCEPT, HeaderValue::from_static("application/json"));
    if let Some(authorization) = &asked.authorization {
        let mut value = HeaderValue::from_str(authorization).ok()?;
        value.set_sensitive(true);
        headers.insert(AUTHORIZATION, value);
    }
    let (method, body) = match &asked.form {
        None => (Method::GET, Bytes::new()),
        Some(form) => {
            let kind = HeaderValue::from_static("application/x-www-form-urlencoded");
            headers.insert(CONTENT_TYPE, kind);
            (Method::POST, Bytes::from(form.as_bytes().to_vec()))
        }
    };
    Some(Outgoing {
        method,
        url: Url::parse(&asked.url).ok()?,
        headers,
        body,
        identity: None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(settings: &str, expected: Result<(), &str>) {
        let config = toml::from_str::<Config>(settings).expect("it is valid");
        let found = provider(&config).map_err(|error| format!("{error:#}"));
        match expected {
            Ok(()) => drop(found.expect("it is complete").expect("there is one")),
            Err(expected) => {
                let error = found.err().unwrap_or_default();
                assert!(error.contains(expected), "{settings}: {error}");
            }
        }
    }

    #[test]
    fn settings_of_a_provider_are_complete_or_refused() {
        let whole = "[server.oidc]\nissuer = 'https://login.example'\nclient_id = 'f'\n\
                     public_url = 'https://flows.example'\nroles = { a = ['operator:shop'] }";
        check(whole, Ok(()));
        assert!(provider(&Config::default()).is_ok_and(|none| none.is_none()));
        for (settings, expected) in [
            (whole.replace("client_id", "claim"), "server.oidc.client_id"),
            (whole.replace("operator", "boss"), "`boss` is no role"),
            (
                whole.replace("{ a = ['operator:shop'] }", "{}"),
                "nobody would be let in",
            ),
            (
                whole.replace("https://flows.example", "flows.example"),
                "no address of the web",
            ),
            (
                format!("{whole}\nclient_secret_file = '/nothing/here'"),
                "/nothing/here",
            ),
        ] {
            check(&settings, Err(expected));
        }
    }
}
