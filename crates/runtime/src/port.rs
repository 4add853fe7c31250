//! The port through which effects leave the runtime. Connectors implement [`Executor`]; only the binary wires them.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
pub use ferrovia_engine::ErrorType as FaultKind;
use ferrovia_expr::Value;

pub use crate::mask::{MASK, Secrets};

/// One effect to carry out. All expressions are evaluated and all secrets resolved: `arguments` is plain data.
#[derive(Clone)]
pub struct Call {
    /// `http`, `openapi`, `shell`, `script`, …
    pub kind: Arc<str>,
    pub arguments: Value,
    /// The secrets in `arguments`, which no description of the request may show. Faults are masked by the runtime.
    pub secrets: Secrets,
    /// Stable over retries and crashes: `run/effect`. Sent as `Idempotency-Key` where a protocol has such a thing.
    pub idempotency_key: Arc<str>,
    /// How long the executor may take at most; the runtime drops the future when it is over.
    pub time_limit: Option<Duration>,
}

/// Why a call failed: the parts of an RFC 9457 problem that the caller knows. The engine adds `instance`.
#[derive(Debug, Clone, PartialEq)]
pub struct Fault {
    pub kind: FaultKind,
    /// HTTP-like status; `None` takes the kind's standard status.
    pub status: Option<u16>,
    pub title: String,
    pub detail: Option<String>,
}

impl From<Fault> for ferrovia_engine::Fault {
    fn from(fault: Fault) -> Self {
        ferrovia_engine::Fault {
            kind: fault.kind,
            status: fault.status,
            title: Some(fault.title.into()).filter(|title: &Arc<str>| !title.is_empty()),
            detail: fault.detail.map(Into::into),
        }
    }
}

/// What a call brought.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Success {
    pub output: Value,
    /// The scheme of the authentication that was used (`Basic`, `Bearer`, …), for `$authorization.scheme`.
    pub authorization_scheme: Option<String>,
}

/// Carries out effects of one or more kinds. Must be cancel-safe: the runtime drops the future on timeout and cancellation.
#[async_trait]
pub trait Executor: Send + Sync {
    async fn execute(&self, call: Call) -> Result<Success, Fault>;

    /// Names the connection that the call goes through, for limits: `api.example.com`. Calls without one only count among
    /// all. Must not block.
    fn connection(&self, _call: &Call) -> Option<Arc<str>> {
        None
    }

    /// The result, where there is nothing to wait for. Must not block.
    fn immediate(&self, _call: &Call) -> Option<Result<Success, Fault>> {
        None
    }
}
