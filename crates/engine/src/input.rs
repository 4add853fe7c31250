//! What may happen to a run. Inputs are all that the journal records; everything else is derived from them.

use std::sync::Arc;

use ferrovia_expr::Value;
use serde::{Deserialize, Serialize};

use crate::error::{Error, ErrorType};
use crate::obligation::ObligationId;

/// Something that happened to a run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Input {
    Start {
        input: Value,
        /// Only where secrets are allowed in data; otherwise executors resolve them as effects leave.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        secrets: Option<Value>,
    },
    /// An effect has its outcome.
    EffectSettled {
        id: ObligationId,
        outcome: Outcome,
    },
    TimerFired {
        id: ObligationId,
    },
    /// An event that passed one of the plan's interests.
    MessageArrived {
        event: Value,
    },
    /// A child workflow ended, or, detached, began.
    ChildSettled {
        id: ObligationId,
        outcome: Outcome,
    },
    /// Go on after a step that stopped at [`crate::TRANSITIONS_PER_STEP_MAX`].
    Proceed,
    Cancel {
        reason: Option<Arc<str>>,
    },
    Suspend,
    Resume,
}

impl Input {
    /// The obligation that it settles.
    pub fn settles(&self) -> Option<&ObligationId> {
        match self {
            Input::EffectSettled { id, .. }
            | Input::ChildSettled { id, .. }
            | Input::TimerFired { id } => Some(id),
            Input::Start { .. }
            | Input::MessageArrived { .. }
            | Input::Proceed
            | Input::Cancel { .. }
            | Input::Suspend
            | Input::Resume => None,
        }
    }
}

/// How an effect or a child ended.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Outcome {
    Completed(EffectOutput),
    Failed(Fault),
    /// A child's own error, with its own `instance`.
    Faulted(Error),
}

/// What an effect brought.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct EffectOutput {
    pub value: Value,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub authorization_scheme: Option<Arc<str>>,
}

/// Why an effect failed; the run adds where.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Fault {
    pub kind: ErrorType,
    /// Absent: the type's own status.
    pub status: Option<u16>,
    pub title: Option<Arc<str>>,
    pub detail: Option<Arc<str>>,
}

impl Fault {
    pub(crate) fn at(self, instance: &str) -> Error {
        let mut error = Error::standard(self.kind, instance, "");
        error.detail = self.detail;
        error.status = self.status.unwrap_or(error.status);
        error.title = self.title.unwrap_or(error.title);
        error
    }
}

/// What a step may know of the world: it all comes with the input.
#[derive(Clone, Copy, Debug)]
pub struct Cx<'a> {
    /// Milliseconds since the Unix epoch.
    pub now_ms: i64,
    pub runtime: &'a RuntimeInfo,
}

/// `$runtime`.
#[derive(Clone, Debug)]
pub struct RuntimeInfo {
    pub name: Arc<str>,
    pub version: Arc<str>,
    pub metadata: Value,
}

/// Why an input changes nothing. The run is as it was.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    #[error("the run has ended")]
    Ended,
    #[error("the run has not started")]
    NotStarted,
    #[error("the run has already started")]
    AlreadyStarted,
    #[error("the run owes nothing under this id; it was settled or retracted")]
    UnknownObligation,
    #[error("the run is already suspended")]
    AlreadySuspended,
    #[error("the run is not suspended")]
    NotSuspended,
    #[error("the run takes back what it did, and ends when that is over")]
    Undoing,
    #[error("the run has nothing to proceed with")]
    NothingPending,
    #[error("the plan asks for semantics that this engine does not have")]
    UnknownSemantics,
}
