//! Why a request brought no answer, told apart by what one can do about it.

use std::error::Error;
use std::io;

use ferrovia_runtime::port::Fault;
use http::StatusCode;
use url::Url;

use crate::egress::Refused;
use crate::fault;

/// The client cannot be set up as configured.
#[derive(Debug, Clone, thiserror::Error)]
pub enum ClientError {
    #[error("the certificate cannot be used: {0}")]
    Certificate(String),
    #[error("the HTTP client cannot be set up: {0}")]
    Build(String),
}

/// A request that brought no (usable) answer. Holds no header, body or query.
#[derive(Debug, Clone, thiserror::Error)]
pub enum SendError {
    #[error(transparent)]
    Refused(#[from] Refused),
    #[error(transparent)]
    Client(#[from] ClientError),
    #[error("cannot connect to {target}: {reason}")]
    Unreachable { target: String, reason: String },
    #[error("no secure connection to {target}: {reason}")]
    Tls { target: String, reason: String },
    #[error("{target} did not accept the connection in time")]
    ConnectTimeout { target: String },
    #[error("the answer's {what} exceeds {bytes_max} bytes")]
    TooLarge {
        what: &'static str,
        bytes_max: usize,
    },
    #[error("the exchange with {target} broke off: {reason}")]
    Broken { target: String, reason: String },
}

impl SendError {
    pub(super) fn of(url: &Url, error: reqwest::Error) -> Self {
        let target = host_and_port(url);
        let error = error.without_url();
        let mut reason = error.to_string();
        let mut next: Option<&(dyn Error + 'static)> = Some(&error);
        while let Some(cause) = next {
            if let Some(refused) = cause.downcast_ref::<Refused>() {
                return SendError::Refused(refused.clone());
            }
            if let Some(tls) = tls_cause(cause) {
                return SendError::Tls {
                    target,
                    reason: tls.to_string(),
                };
            }
            // The innermost cause says what happened; the outer ones only where.
            reason = cause.to_string();
            next = cause.source();
        }
        if error.is_connect() && error.is_timeout() {
            SendError::ConnectTimeout { target }
        } else if error.is_connect() {
            SendError::Unreachable { target, reason }
        } else {
            SendError::Broken { target, reason }
        }
    }

    /// The fault for a request described by `request` (method and masked URL).
    pub(crate) fn into_fault(self, request: &str) -> Fault {
        let detail = format!("{request}: {self}");
        match self {
            SendError::Refused(_) => fault::authorization(detail),
            SendError::Client(_) => fault::configuration(detail),
            SendError::Unreachable { .. } => fault::communication(
                StatusCode::SERVICE_UNAVAILABLE,
                "Service unreachable",
                detail,
            ),
            SendError::Tls { .. } => {
                fault::communication(StatusCode::BAD_GATEWAY, "No secure connection", detail)
            }
            SendError::ConnectTimeout { .. } => {
                fault::communication(StatusCode::GATEWAY_TIMEOUT, "Connecting timed out", detail)
            }
            SendError::TooLarge { .. } => {
                fault::communication(StatusCode::BAD_GATEWAY, "Answer too large", detail)
            }
            SendError::Broken { .. } => {
                fault::communication(StatusCode::BAD_GATEWAY, "Exchange broken off", detail)
            }
        }
    }
}

/// A TLS failure; it comes inside I/O errors, which hide what they hold from [`Error::source`].
fn tls_cause<'a>(cause: &'a (dyn Error + 'static)) -> Option<&'a rustls::Error> {
    let held = |error: &'a io::Error| error.get_ref().and_then(|inner| tls_cause(inner));
    cause
        .downcast_ref()
        .or_else(|| cause.downcast_ref::<io::Error>().and_then(held))
}

fn host_and_port(url: &Url) -> String {
    format!(
        "{}:{}",
        url.host_str().unwrap_or_default(),
        url.port_or_known_default().unwrap_or_default()
    )
}
