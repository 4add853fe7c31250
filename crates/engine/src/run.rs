//! The state of one run: the fold of its inputs.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use ferrovia_dsl::plan::{Flow, TaskId};
use ferrovia_expr::{Object, Value};
use serde::{Deserialize, Serialize};

use crate::error::Error;
use crate::frame::{Activity, FrameId, Frames};
use crate::input::Input;
use crate::obligation::Obligations;

/// One execution of a plan.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Run {
    pub(crate) id: Arc<str>,
    pub(crate) seed: u64,
    pub(crate) phase: Phase,
    pub(crate) started_ms: i64,
    pub(crate) input: Value,
    pub(crate) secrets: Option<Value>,
    pub(crate) context: Value,
    pub(crate) frames: Frames,
    pub(crate) work: VecDeque<Work>,
    pub(crate) obligations: Obligations,
    /// Frames of `listen` tasks, in the order they began.
    pub(crate) listeners: Vec<FrameId>,
    /// Events that no `listen` has consumed yet.
    pub(crate) mailbox: VecDeque<Value>,
    /// Correlation keys whose expectation came with the first event.
    pub(crate) correlations: BTreeMap<Arc<str>, Value>,
    /// Inputs that came while the run was suspended.
    pub(crate) held: VecDeque<Input>,
    /// What was done and can be taken back, in the order in which it was done.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) undos: Vec<Undo>,
    /// Set while a run that faulted takes back what it did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) undoing: Option<Undoing>,
}

/// A task that is over and can be taken back.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Undo {
    pub(crate) of: TaskId,
    pub(crate) input: Value,
    pub(crate) output: Value,
}

/// Why a run takes back what it did, and how that goes.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Undoing {
    pub(crate) error: Error,
    /// The one that is being taken back.
    pub(crate) of: Option<TaskId>,
    /// What could not be taken back: names of tasks.
    pub(crate) left: Vec<Arc<str>>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) enum Phase {
    New,
    Running,
    Suspended,
    Ended(Ending),
}

/// How a run ended.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Ending {
    Completed(Value),
    Faulted(Error),
    Cancelled { reason: Option<Arc<str>> },
}

/// The standard's status phases.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Status {
    Pending,
    Running,
    Waiting,
    Suspended,
    Cancelled,
    Faulted,
    Completed,
}

impl Status {
    pub fn as_str(self) -> &'static str {
        match self {
            Status::Pending => "pending",
            Status::Running => "running",
            Status::Waiting => "waiting",
            Status::Suspended => "suspended",
            Status::Cancelled => "cancelled",
            Status::Faulted => "faulted",
            Status::Completed => "completed",
        }
    }
}

/// A transition that is due and needs nothing from outside.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) enum Work {
    Enter {
        parent: FrameId,
        slot: u32,
        task: TaskId,
        input: Value,
    },
    /// A child has its transformed output.
    Done {
        parent: FrameId,
        slot: u32,
        output: Value,
        flow: Flow,
    },
    /// A child failed.
    Failed {
        parent: FrameId,
        slot: u32,
        error: Error,
    },
}

impl Run {
    /// A run that waits for [`Input::Start`]. The seed decides all its randomness.
    pub fn new(id: impl Into<Arc<str>>, seed: u64) -> Run {
        Run {
            id: id.into(),
            seed,
            phase: Phase::New,
            started_ms: 0,
            input: Value::Null,
            secrets: None,
            context: Object::default().into(),
            frames: Frames::default(),
            work: VecDeque::new(),
            obligations: Obligations::default(),
            listeners: Vec::new(),
            mailbox: VecDeque::new(),
            correlations: BTreeMap::new(),
            held: VecDeque::new(),
            undos: Vec::new(),
            undoing: None,
        }
    }

    pub fn id(&self) -> &Arc<str> {
        &self.id
    }

    pub fn context(&self) -> &Value {
        &self.context
    }

    pub fn obligations(&self) -> &Obligations {
        &self.obligations
    }

    /// How the run ended, once it has.
    pub fn ending(&self) -> Option<&Ending> {
        if let Phase::Ended(ending) = &self.phase {
            Some(ending)
        } else {
            None
        }
    }

    pub fn status(&self) -> Status {
        match &self.phase {
            Phase::New => Status::Pending,
            Phase::Suspended => Status::Suspended,
            Phase::Ended(Ending::Completed(_)) => Status::Completed,
            Phase::Ended(Ending::Faulted(_)) => Status::Faulted,
            Phase::Ended(Ending::Cancelled { .. }) => Status::Cancelled,
            Phase::Running if self.is_waiting() => Status::Waiting,
            Phase::Running => Status::Running,
        }
    }

    /// Nothing goes on but waiting for time or events.
    fn is_waiting(&self) -> bool {
        let mut leaves = self
            .frames
            .iter()
            .filter(|frame| frame.children.is_empty())
            .peekable();
        self.work.is_empty()
            && leaves.peek().is_some()
            && leaves.all(|leaf| {
                matches!(leaf.activity, Activity::Listen(_) | Activity::Try { .. })
                    || leaf.obligations.iter().all(|id| {
                        !matches!(
                            self.obligations.get(id),
                            Some(crate::Obligation::Effect(_) | crate::Obligation::Child(_))
                        )
                    })
            })
    }
}
