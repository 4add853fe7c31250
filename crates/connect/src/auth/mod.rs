//! Authentication policies: what they say, and the headers that follow from them.
//!
//! Owns credentials, digest nonces and tokens, all in memory only. Nothing here is shown by `Debug` or quoted by an error.

mod digest;
mod discovery;
mod grant;
mod jwt;
mod policy;
mod session;
mod tokens;

use std::fmt;
use std::sync::Arc;

use ferrovia_expr::Value;
use ferrovia_runtime::port::Fault;

use crate::arguments::Arguments;
use crate::client::Identity;
use crate::fault;
use crate::resource::LocalFiles;

use policy::TokenPolicy;
pub(crate) use session::{Accounts, Session};

/// How a request shows who sends it.
pub(crate) enum Credentials {
    Basic {
        username: String,
        password: String,
    },
    Bearer {
        token: String,
    },
    Digest {
        username: String,
        password: String,
    },
    Token(Box<TokenPolicy>),
    /// Shown in the TLS handshake.
    Certificate(Arc<Identity>),
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Credentials").field(&self.scheme()).finish()
    }
}

impl Credentials {
    /// Reads one inline policy: an object with one of `basic`, `bearer`, `digest`, `oauth2`, `oidc`, `certificate`.
    ///
    /// `certificate` is `{certificate, key}`, each PEM text or the path of a PEM file.
    pub(crate) fn parse(value: &Value, files: &LocalFiles) -> Result<Self, Fault> {
        let policy = value.as_object().filter(|object| object.len() == 1);
        let Some((scheme, settings)) = policy.and_then(|object| object.iter().next()) else {
            return Err(fault::configuration(
                "authentication: expected an object with exactly one scheme",
            ));
        };
        let arguments = Arguments::of("authentication", settings)?;
        let text = |name: &str| arguments.required_text(name).map(str::to_owned);
        match &**scheme {
            "basic" => {
                let username = text("username")?;
                if username.contains(':') {
                    return Err(fault::configuration(
                        "authentication.basic: `username` must not hold a colon",
                    ));
                }
                Ok(Self::Basic {
                    username,
                    password: text("password")?,
                })
            }
            "bearer" => Ok(Self::Bearer {
                token: text("token")?,
            }),
            "digest" => Ok(Self::Digest {
                username: text("username")?,
                password: text("password")?,
            }),
            "oauth2" => Ok(Self::Token(Box::new(TokenPolicy::oauth2(settings)?))),
            "oidc" => Ok(Self::Token(Box::new(TokenPolicy::oidc(settings)?))),
            "certificate" => {
                let certificate = files.pem_text(arguments.required_text("certificate")?)?;
                let key = files.pem_text(arguments.required_text("key")?)?;
                let identity = Identity::from_pem(&certificate, &key);
                Ok(Self::Certificate(Arc::new(identity.map_err(|error| {
                    fault::configuration(error.to_string())
                })?)))
            }
            other => Err(fault::configuration(format!(
                "authentication: unknown scheme `{other}`"
            ))),
        }
    }

    /// The scheme's name as `$authorization.scheme` gives it.
    pub(crate) fn scheme(&self) -> &'static str {
        match self {
            Credentials::Basic { .. } => "Basic",
            Credentials::Bearer { .. } | Credentials::Token(_) => "Bearer",
            Credentials::Digest { .. } => "Digest",
            Credentials::Certificate(_) => "Certificate",
        }
    }
}
