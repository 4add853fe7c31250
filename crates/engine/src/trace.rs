//! What happened in a run and why, for people and auditors. Derived from the inputs, so replay proves it.

use std::sync::Arc;

use ferrovia_dsl::plan::{Flow, TaskId};
use ferrovia_expr::Value;
use serde::{Deserialize, Serialize};

use crate::error::Error;

/// One line of a run's history.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TraceEntry {
    pub at_ms: i64,
    /// Absent when it concerns the workflow itself.
    pub task: Option<TaskId>,
    pub event: TraceEvent,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum TraceEvent {
    RunStarted,
    TaskStarted {
        input: Value,
    },
    /// Its `if` was false.
    TaskSkipped,
    TaskCompleted {
        output: Value,
        flow: Flow,
    },
    TaskFaulted {
        error: Error,
    },
    /// The case of a `switch` that was taken, `None` when none matched.
    CaseTaken {
        case: Option<Arc<str>>,
        flow: Flow,
    },
    /// The next round of a loop.
    IterationStarted {
        index: u32,
    },
    ErrorCaught {
        error: Error,
    },
    RetryPlanned {
        attempt: u32,
        delay_ms: u64,
        error: Error,
    },
    EffectRequested {
        id: Arc<str>,
    },
    EventConsumed {
        event: Value,
    },
    /// The mailbox was full; this is the oldest event in it that nobody had consumed.
    EventDropped {
        event: Value,
    },
    ContextChanged {
        context: Value,
    },
    BranchLost,
    RunSuspended,
    RunResumed,
    RunCompleted {
        output: Value,
    },
    RunFaulted {
        error: Error,
    },
    RunCancelled {
        reason: Option<Arc<str>>,
    },
    /// The run fails, and takes back what it did.
    RunUndoing {
        error: Error,
        tasks: u32,
    },
    /// What the task did is being taken back.
    UndoStarted,
    UndoCompleted,
    /// It could not be taken back; the others are all the same.
    UndoFaulted {
        error: Error,
    },
}
