//! The settings of `oauth2` and `oidc`, read and checked.

use ferrovia_expr::Value;
use ferrovia_runtime::port::Fault;
use sha2::{Digest, Sha256};
use url::Url;

use crate::arguments::Arguments;
use crate::fault;

const DEFAULT_TOKEN_ENDPOINT: &str = "/oauth2/token";
const TOKEN_EXCHANGE: &str = "urn:ietf:params:oauth:grant-type:token-exchange";

/// How tokens are had.
pub(crate) struct TokenPolicy {
    pub(super) authority: Url,
    pub(super) endpoint: TokenEndpoint,
    pub(super) grant: Grant,
    pub(super) client: Client,
    pub(super) encoding: Encoding,
    pub(super) issuers: Vec<String>,
    pub(super) scopes: Vec<String>,
    pub(super) audiences: Vec<String>,
    /// Of all settings: equal policies share tokens.
    pub(super) fingerprint: [u8; 32],
}

pub(super) enum TokenEndpoint {
    /// Relative to the authority, or absolute.
    At(String),
    /// Named by the authority's discovery document.
    Discovered,
}

pub(super) enum Grant {
    ClientCredentials,
    Password {
        username: String,
        password: String,
    },
    /// The code stands in `subject.token`: the standard has no property of its own for it.
    AuthorizationCode {
        code: String,
    },
    /// The refresh token stands in `subject.token`.
    RefreshToken {
        token: String,
    },
    TokenExchange {
        subject: Party,
        actor: Option<Party>,
    },
}

pub(super) struct Party {
    pub(super) token: String,
    pub(super) token_type: String,
}

pub(super) struct Client {
    pub(super) id: Option<String>,
    pub(super) secret: Option<String>,
    pub(super) assertion: Option<String>,
    pub(super) authentication: ClientAuthentication,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ClientAuthentication {
    SecretPost,
    SecretBasic,
    SecretJwt,
    PrivateKeyJwt,
    None,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Encoding {
    Form,
    Json,
}

impl TokenPolicy {
    pub(crate) fn oauth2(settings: &Value) -> Result<Self, Fault> {
        let arguments = Arguments::of("authentication.oauth2", settings)?;
        let path = match arguments.value("endpoints") {
            None => None,
            Some(endpoints) => {
                Arguments::of("authentication.oauth2.endpoints", endpoints)?.text("token")?
            }
        };
        let endpoint = TokenEndpoint::At(path.unwrap_or(DEFAULT_TOKEN_ENDPOINT).to_owned());
        Self::read(settings, arguments, endpoint)
    }

    pub(crate) fn oidc(settings: &Value) -> Result<Self, Fault> {
        Self::read(
            settings,
            Arguments::of("authentication.oidc", settings)?,
            TokenEndpoint::Discovered,
        )
    }

    fn read(
        settings: &Value,
        arguments: Arguments<'_>,
        endpoint: TokenEndpoint,
    ) -> Result<Self, Fault> {
        let authority = arguments.required_text("authority")?;
        let authority = Url::parse(authority).map_err(|error| {
            fault::configuration(format!("authentication: `authority` is no URI: {error}"))
        })?;
        let owned = |texts: Vec<&str>| texts.into_iter().map(str::to_owned).collect::<Vec<_>>();
        let kind = match endpoint {
            TokenEndpoint::At(_) => "oauth2",
            TokenEndpoint::Discovered => "oidc",
        };
        Ok(Self {
            authority,
            endpoint,
            grant: grant(arguments)?,
            client: client(arguments)?,
            encoding: encoding(arguments)?,
            issuers: owned(arguments.texts("issuers")?),
            scopes: owned(arguments.texts("scopes")?),
            audiences: owned(arguments.texts("audiences")?),
            fingerprint: Sha256::digest(format!("{kind}{}", settings.to_json())).into(),
        })
    }

    /// What must not be quoted from an answer.
    pub(super) fn secrets(&self) -> Vec<String> {
        let mut secrets: Vec<String> = [&self.client.secret, &self.client.assertion]
            .into_iter()
            .flatten()
            .cloned()
            .collect();
        match &self.grant {
            Grant::ClientCredentials => {}
            Grant::Password { password, .. } => secrets.push(password.clone()),
            Grant::AuthorizationCode { code } => secrets.push(code.clone()),
            Grant::RefreshToken { token } => secrets.push(token.clone()),
            Grant::TokenExchange { subject, actor } => {
                secrets.push(subject.token.clone());
                secrets.extend(actor.iter().map(|actor| actor.token.clone()));
            }
        }
        secrets
    }
}

fn grant(arguments: Arguments<'_>) -> Result<Grant, Fault> {
    let name = arguments.required_text("grant")?;
    // Both spellings of the two-word grants are found in the standard's own examples.
    match name.replace('-', "_").as_str() {
        "client_credentials" => Ok(Grant::ClientCredentials),
        "password" => Ok(Grant::Password {
            username: arguments.required_text("username")?.to_owned(),
            password: arguments.required_text("password")?.to_owned(),
        }),
        "authorization_code" => Ok(Grant::AuthorizationCode {
            code: required_party(arguments, "subject")?.token,
        }),
        "refresh_token" => Ok(Grant::RefreshToken {
            token: required_party(arguments, "subject")?.token,
        }),
        _ if name == TOKEN_EXCHANGE => Ok(Grant::TokenExchange {
            subject: required_party(arguments, "subject")?,
            actor: party(arguments, "actor")?,
        }),
        _ => Err(fault::configuration(format!(
            "authentication: unknown grant `{name}`"
        ))),
    }
}

fn required_party(arguments: Arguments<'_>, name: &str) -> Result<Party, Fault> {
    party(arguments, name)?.ok_or_else(|| arguments.missing(name))
}

fn party(arguments: Arguments<'_>, name: &str) -> Result<Option<Party>, Fault> {
    let Some(value) = arguments.value(name) else {
        return Ok(None);
    };
    let party = Arguments::of(name, value)?;
    let token_type = party
        .text("type")?
        .unwrap_or("urn:ietf:params:oauth:token-type:access_token");
    Ok(Some(Party {
        token: party.required_text("token")?.to_owned(),
        token_type: token_type.to_owned(),
    }))
}

fn client(arguments: Arguments<'_>) -> Result<Client, Fault> {
    let none = Value::from(ferrovia_expr::Object::default());
    let settings = arguments.value("client").unwrap_or(&none);
    let arguments = Arguments::of("authentication client", settings)?;
    let text = |name: &str| arguments.text(name).map(|text| text.map(str::to_owned));
    let authentication = match arguments.text("authentication")? {
        None | Some("client_secret_post") => ClientAuthentication::SecretPost,
        Some("client_secret_basic") => ClientAuthentication::SecretBasic,
        Some("client_secret_jwt") => ClientAuthentication::SecretJwt,
        Some("private_key_jwt") => ClientAuthentication::PrivateKeyJwt,
        Some("none") => ClientAuthentication::None,
        Some(other) => {
            return Err(fault::configuration(format!(
                "authentication: unknown client authentication `{other}`"
            )));
        }
    };
    let client = Client {
        id: text("id")?,
        secret: text("secret")?,
        assertion: text("assertion")?,
        authentication,
    };
    let needs = match authentication {
        ClientAuthentication::SecretBasic if client.id.is_none() => Some("id"),
        ClientAuthentication::SecretBasic if client.secret.is_none() => Some("secret"),
        ClientAuthentication::SecretJwt if client.assertion.is_none() && client.id.is_none() => {
            Some("id")
        }
        ClientAuthentication::SecretJwt
            if client.assertion.is_none() && client.secret.is_none() =>
        {
            Some("secret")
        }
        ClientAuthentication::PrivateKeyJwt if client.assertion.is_none() => Some("assertion"),
        _ => None,
    };
    match needs {
        Some(name) => Err(arguments.missing(name)),
        None => Ok(client),
    }
}

fn encoding(arguments: Arguments<'_>) -> Result<Encoding, Fault> {
    let Some(request) = arguments.value("request") else {
        return Ok(Encoding::Form);
    };
    match Arguments::of("authentication request", request)?.text("encoding")? {
        None | Some("application/x-www-form-urlencoded") => Ok(Encoding::Form),
        Some("application/json") => Ok(Encoding::Json),
        Some(other) => Err(fault::configuration(format!(
            "authentication: unknown request encoding `{other}`"
        ))),
    }
}
