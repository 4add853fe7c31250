//! The trait of all back ends.

use std::sync::Arc;

use ferrovia_dsl::plan::PlanHash;

use crate::ids::{Epoch, RunId, ShardId};
use crate::row::{
    Accepted, Committed, Definition, Delivery, Entry, EntryKey, Filter, Page, Purge, Schedule,
    Stats, StoredRun, Summary, Write,
};

/// Why the store did not do what was asked. Variants by what the caller can do.
#[derive(Debug, Clone, thiserror::Error)]
pub enum StoreError {
    /// The shard belongs to somebody else by now. The caller stops writing for it and forgets its runs.
    #[error("shard {} is fenced: epoch {} is not the current one", .0.0, .1.0)]
    Fenced(ShardId, Epoch),
    /// The position is taken or is not the next one, a consumed delivery is not there, the run that begins exists, or
    /// the one that goes on does not. The caller reads again.
    #[error("record {1} does not follow what is stored of run {0}")]
    Conflict(RunId, u64),
    /// The key of a start is known: this run has it. Nothing of the batch was written, be it an append or an event.
    #[error("run {0} was started with this key")]
    Started(RunId),
    /// The entry is not what was expected. The caller reads it again.
    #[error("{kind} {name} was changed by somebody else", kind = .0.kind, name = .0.name)]
    Changed(EntryKey),
    /// There is no room. Nothing was written; it may go later.
    #[error("the store is full: {0}")]
    Full(Arc<str>),
    /// More is queued than the store takes. It may go later.
    #[error("the store has {0} writes waiting already")]
    Busy(usize),
    /// A record, snapshot or row that cannot be what was written.
    #[error("{what} is damaged: {why}")]
    Damaged { what: Arc<str>, why: Arc<str> },
    /// Storage failed in a way after which nothing is known. The process has to end (G6).
    #[error("storage failed: {0}")]
    Fatal(Arc<str>),
    /// This store cannot be used: another process has it, it is of a later release, …
    #[error("{0}")]
    Unusable(Arc<str>),
}

/// What a write gives once it is durable.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Ticket {
    /// One for each [`Write::Accept`] of the batch, in order.
    pub accepted: Vec<Accepted>,
    /// What `deliver`, `spawn` and `abandon` of the batch made, in order.
    pub deliveries: Vec<Delivery>,
}

/// Called exactly once: from a thread of the store, or from the caller's own before `write` returns. Must not block.
pub type Done = Box<dyn FnOnce(Result<Ticket, StoreError>) + Send>;

/// Durable memory of all runs.
///
/// Writes of one caller become durable in the order in which they were queued. A batch is atomic; when it fails
/// the others are not concerned.
pub trait Journal: Send + Sync {
    /// Queues a batch. `done` hears of it when it is durable, or refused. A full queue is answered at once.
    fn write(&self, batch: Vec<Write>, done: Done);

    /// Takes a shard over: from now on older epochs are refused.
    fn acquire(&self, shard: ShardId) -> Result<Epoch, StoreError>;

    /// How many shards the store was made for.
    fn shards(&self) -> u16;

    /// A run with all that is needed to wake it.
    fn load(&self, run: RunId) -> Result<Option<StoredRun>, StoreError>;

    /// All records of a run that are kept, from a position on; at most `limit`.
    fn records(
        &self,
        run: RunId,
        from_seq: u64,
        limit: usize,
    ) -> Result<Vec<(u64, Vec<u8>)>, StoreError>;

    /// Which records became durable after a position, in order, with the position of each; at most `limit`. Positions
    /// grow, leave gaps, and are never given twice. Records that were purged are not among them.
    fn committed(&self, after: u64, limit: usize) -> Result<Vec<Committed>, StoreError>;

    /// The position of the last record that became durable; 0 if there was none.
    fn position(&self) -> Result<u64, StoreError>;

    /// Runs of a shard that recovery has to look at: active ones, and those with deliveries. From `after` on, in
    /// order of their ids.
    fn unsettled(
        &self,
        shard: ShardId,
        after: Option<RunId>,
        limit: usize,
    ) -> Result<Vec<RunId>, StoreError>;

    /// Runs of a shard with a timer due before a point in time, earliest first.
    fn due(
        &self,
        shard: ShardId,
        before_ms: i64,
        limit: usize,
    ) -> Result<Vec<(i64, RunId)>, StoreError>;

    /// The runs that a run started, in order.
    fn children(&self, parent: RunId) -> Result<Vec<Summary>, StoreError>;

    fn summary(&self, run: RunId) -> Result<Option<Summary>, StoreError>;

    fn runs(&self, filter: &Filter, page: Page) -> Result<Vec<Summary>, StoreError>;

    fn definition(&self, plan: PlanHash) -> Result<Option<Definition>, StoreError>;

    /// All definitions, in the order they became known.
    fn definitions(&self) -> Result<Vec<Definition>, StoreError>;

    fn schedules(&self) -> Result<Vec<Schedule>, StoreError>;

    /// The kept state of a trigger.
    fn trigger(&self, name: &str) -> Result<Option<Vec<u8>>, StoreError>;

    fn stats(&self) -> Result<Stats, StoreError>;

    fn entry(&self, key: &EntryKey) -> Result<Option<Entry>, StoreError>;

    /// Entries of a kind in order of namespace and name, after a key; at most `limit`. Of one namespace, or of all.
    fn entries(
        &self,
        kind: &str,
        namespace: Option<&str>,
        after: Option<&EntryKey>,
        limit: usize,
    ) -> Result<Vec<Entry>, StoreError>;

    /// When the run ended that is the last of so many that ended later; nothing if not so many have ended.
    fn ended_before(&self, newest: usize) -> Result<Option<i64>, StoreError>;

    /// Removes what may be forgotten. Answers how many runs went, so whoever gets 0 is done. Children go with their parents: a run stays for as long as one
    /// that came of it is still needed, and one that goes is preceded by them. An event may stay for as long as a run
    /// has still to take it in.
    fn purge(&self, purge: Purge) -> Result<u64, StoreError>;
}
