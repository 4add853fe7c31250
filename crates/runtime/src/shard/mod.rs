//! A share of all runs as a pure state machine: events in, actions out. It waits for nothing, reads no clock and
//! stores nothing; a thin driver, or a simulation, does that.
//!
//! ```text
//! event ──► run takes inputs ──► records, one batch at a time ──► Write
//!                                                                   │ durable
//! Execute, Abort, Ended, Answer ◄── commands of these records ◄── Committed
//! ```
//!
//! Inputs are durable before a command that follows from them leaves (INV-3). While a batch is being written, runs
//! go on taking inputs; what they give travels in the next batch.

mod commit;
mod hot;
mod machine;
mod replay;
mod wake;

use std::sync::Arc;

use ferrovia_dsl::plan::Plan;
use ferrovia_engine::{Effect, Ending, ObligationId, Outcome, Refusal, RuntimeInfo, TraceEntry};
use ferrovia_expr::Value;
use ferrovia_store::format::v1::Stamped;
use ferrovia_store::{Delivery, NewRun, Origin, RunId, Status, StoreError, StoredRun, Write};

use crate::registry::Definitions;
pub(crate) use hot::announce;
pub use machine::Shard;
pub use replay::{History, ReplayError, Seen, replay};

/// How deep workflows may start workflows.
pub(crate) const CHILD_DEPTH_MAX: u16 = 16;
/// Records since the last snapshot after which a new one is taken; more when the snapshot itself is larger.
pub(crate) const SNAPSHOT_BYTES: usize = 64 * 1024;
/// Records that travel in one batch.
const BATCH_RECORDS_MAX: usize = 1_024;
/// How soon a timer must be due for its run to stay in memory.
const STAY_MS: i64 = 2_000;

/// The store is asked for timers at least this often.
pub(crate) const ASKED_WITHIN_MS: i64 = 15_000;

/// What a shard may know of the world while it handles an event.
pub struct Surroundings<'a> {
    pub now_ms: i64,
    pub definitions: &'a Definitions,
    pub runtime: &'a RuntimeInfo,
    pub shards: u16,
    pub new_id: &'a mut dyn FnMut() -> RunId,
    /// Somebody listens to what happens in runs: [`Action::Changed`] is wanted.
    pub watched: bool,
}

/// Names a question, so that its answer finds back.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Token(pub u64);

/// What a person or a program may do to a run.
#[derive(Clone, Debug, PartialEq)]
pub enum Control {
    Cancel {
        reason: Option<Arc<str>>,
    },
    Suspend,
    Resume,
    /// Says how an effect of unknown outcome ended.
    Settle {
        effect: ObligationId,
        outcome: Outcome,
    },
}

/// Why a question is not answered with yes.
#[derive(Clone, Debug, thiserror::Error)]
pub enum Declined {
    #[error("there is no such run")]
    Unknown,
    #[error(transparent)]
    Refused(#[from] Refusal),
    #[error("the run was started with this key before: {0}")]
    Started(RunId),
    #[error("the run is parked: {0}")]
    Parked(Arc<str>),
    #[error("this process is about to end")]
    Stopping,
    /// No run of the workflow may begin, with the reason that was given.
    #[error("the workflow is paused{}", .0.as_ref().map(|why| format!(": {why}")).unwrap_or_default())]
    Paused(Option<Arc<str>>),
    #[error("the run went on meanwhile; try again")]
    GoneOn,
    #[error(transparent)]
    Store(StoreError),
}

/// A run with its plan; nothing if there is none; or why it cannot be had.
pub type Found = Result<Option<Box<(StoredRun, Arc<Plan>)>>, Arc<str>>;

/// The answer to a question.
type Answered = (Token, Result<RunId, Declined>);

/// A run that leaves its plan for another one, as it would be there.
#[derive(Debug)]
pub struct Moving {
    pub run: RunId,
    pub plan: Arc<Plan>,
    pub history: History,
}

/// A run that begins in the middle of the history of another one.
#[derive(Debug)]
pub struct Adopted {
    pub new: NewRun,
    pub plan: Arc<Plan>,
    pub history: History,
    /// What was taken in so far.
    pub inputs: Vec<Stamped>,
    /// The run whose id and seed it keeps.
    pub identity: RunId,
}

/// What happened.
#[derive(Debug)]
pub enum Event {
    /// A run begins that nobody announced.
    Start {
        token: Token,
        new: Box<NewRun>,
        plan: Arc<Plan>,
        input: Value,
    },
    /// A run begins that has a history already.
    Adopt {
        token: Token,
        adopted: Box<Adopted>,
    },
    /// A run leaves its plan, if it has not gone on since its history was read.
    Move {
        token: Token,
        moving: Box<Moving>,
    },
    /// The answer to [`Action::Load`].
    Loaded {
        run: RunId,
        found: Found,
    },
    Settled {
        run: RunId,
        id: ObligationId,
        outcome: Outcome,
        /// It was found in the journal of the run that this one was forked from.
        reused: bool,
    },
    /// An effect that the origin of its run knows nothing of.
    Anew {
        run: RunId,
        plan: Arc<Plan>,
        id: ObligationId,
        effect: Effect,
    },
    Deliver(Delivery),
    Control {
        token: Token,
        run: RunId,
        control: Control,
    },
    /// Runs with a timer due before a point in time, as the store knows them.
    Due {
        before_ms: i64,
        runs: Vec<(i64, RunId)>,
    },
    /// A run that recovery has to look at.
    Recover(RunId),
    /// Time has passed.
    Tick,
    /// The process is about to end: what is under way is finished and recorded, and nothing else begins.
    Drain,
    Committed,
    Refused(StoreError),
}

/// What happened to a run, durably.
#[derive(Clone, Debug)]
pub struct Change {
    pub run: RunId,
    /// Absent for a run whose definition cannot be had.
    pub plan: Option<Arc<Plan>>,
    /// Absent for a run that is new, or that cannot be read.
    pub before: Option<Status>,
    pub after: Status,
    /// Why it faulted or was parked, in one line.
    pub reason: Option<Arc<str>>,
    /// Absent when only the index was changed.
    pub record: Option<u64>,
    /// What the record gave. Absent if nobody listened when it was begun: the journal has it.
    pub trace: Option<Vec<TraceEntry>>,
}

/// What the driver has to do.
#[derive(Debug)]
pub enum Action {
    /// Make this batch durable, then say [`Event::Committed`] or [`Event::Refused`].
    Write(Vec<Write>),
    Load(RunId),
    Execute {
        run: RunId,
        plan: Arc<Plan>,
        id: ObligationId,
        effect: Effect,
        /// Where it may have been carried out already.
        origin: Option<Arc<Origin>>,
    },
    Abort {
        run: RunId,
        id: ObligationId,
    },
    Answer {
        token: Token,
        answer: Result<RunId, Declined>,
    },
    /// Something happened; only while somebody listens.
    Changed(Change),
    /// A run has ended, durably.
    Ended {
        run: RunId,
        ending: Ending,
    },
    /// The store is full; try the batch again later with [`Event::Tick`].
    Full,
    /// The shard belongs to somebody else now.
    Lost,
}
