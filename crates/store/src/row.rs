//! What is written and what is read back.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use ferrovia_dsl::plan::PlanHash;

use crate::ids::{DeliveryId, Epoch, RunId, ShardId};

/// The standard's status phases, and `parked`: the run met a defect and waits for a person (G8).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Status {
    Pending,
    Running,
    Waiting,
    Suspended,
    Cancelled,
    Faulted,
    Completed,
    Parked,
}

impl Status {
    pub const ALL: [Status; 8] = [
        Status::Pending,
        Status::Running,
        Status::Waiting,
        Status::Suspended,
        Status::Cancelled,
        Status::Faulted,
        Status::Completed,
        Status::Parked,
    ];

    pub fn as_str(self) -> &'static str {
        match self {
            Status::Pending => "pending",
            Status::Running => "running",
            Status::Waiting => "waiting",
            Status::Suspended => "suspended",
            Status::Cancelled => "cancelled",
            Status::Faulted => "faulted",
            Status::Completed => "completed",
            Status::Parked => "parked",
        }
    }

    /// A run in this status never changes again.
    pub fn is_terminal(self) -> bool {
        matches!(
            self,
            Status::Cancelled | Status::Faulted | Status::Completed
        )
    }
}

/// One atomic change. All changes of a batch become durable together or not at all.
#[derive(Clone, Debug)]
#[expect(clippy::large_enum_variant, reason = "nearly all writes are appends")]
pub enum Write {
    Append(Append),
    Accept(Intake),
    /// Makes a definition known. Known content is not written again.
    Define(Definition),
    /// Notes when a schedule is due next.
    Schedule(Schedule),
    /// Changes nothing but the index row of a run whose records cannot be followed.
    Park(Park),
    /// Writes or removes an entry.
    Put(Put),
}

/// A run whose records this release cannot follow waits for another one, or for a person (G8).
#[derive(Clone, Debug)]
pub struct Park {
    pub fence: (ShardId, Epoch),
    pub run: RunId,
    pub at_ms: i64,
    pub reason: Arc<str>,
}

/// What an entry must be for a [`Put`] to be carried out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Expected {
    Anything,
    Absent,
    Revision(u64),
}

/// Names an entry: something small that is kept beside the runs, such as a user or a sealed secret. Its value is bytes
/// here.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct EntryKey {
    pub kind: Arc<str>,
    pub namespace: Arc<str>,
    pub name: Arc<str>,
}

/// A change of an entry. Anything but what was expected is [`StoreError::Changed`](crate::StoreError::Changed).
#[derive(Clone, Debug)]
pub struct Put {
    pub key: EntryKey,
    pub expected: Expected,
    /// Absent to remove it.
    pub value: Option<Arc<[u8]>>,
    /// From then on it may be forgotten at any time.
    pub expires_ms: Option<i64>,
}

/// An entry as it is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    pub key: EntryKey,
    pub value: Arc<[u8]>,
    /// Differs from that of every earlier state of the entry.
    pub revision: u64,
    pub expires_ms: Option<i64>,
}

/// What may be forgotten.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Purge {
    /// Runs that ended before.
    pub ended_before_ms: i64,
    /// Events that were taken in before.
    pub events_before_ms: i64,
    /// Entries that expired before.
    pub expired_before_ms: i64,
    /// At most so many runs.
    pub limit: usize,
}

/// One record of a run with all that must change with it.
#[derive(Clone, Debug)]
pub struct Append {
    pub fence: (ShardId, Epoch),
    pub run: RunId,
    /// Position of the record in the run, from 1 and without gaps. Any other than the next one is a conflict.
    pub seq: u64,
    /// Encoded by [`crate::format`].
    pub record: Vec<u8>,
    /// With the first record of a run that nobody announced before.
    pub create: Option<NewRun>,
    /// What changes in the index row of the run; absent when nothing does.
    pub update: Option<Update>,
    /// The state after this record. Replaces an earlier one.
    pub snapshot: Option<Vec<u8>>,
    /// Deliveries that this record took in. One that is not there is a conflict: nothing is taken in twice.
    pub consumed: Vec<DeliveryId>,
    /// What goes to other runs. What goes to a run that has ended is dropped; when a run ends, what still waits
    /// for it is dropped with the same change.
    pub deliver: Vec<(RunId, DeliveryKind)>,
    /// Runs that begin with this record; each gets its input as a delivery.
    pub spawn: Vec<(NewRun, DeliveryKind)>,
    /// Obligations whose children nobody waits for any more: those that have not ended get a
    /// [`DeliveryKind::Cancel`].
    pub abandon: Vec<Arc<str>>,
    /// The plan, with its version, that the run follows from here on.
    pub migrate: Option<(PlanHash, Arc<str>)>,
}

/// Where a record stands among all records.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Committed {
    pub position: u64,
    pub run: RunId,
    pub seq: u64,
}

/// A run that begins.
#[derive(Clone, Debug, PartialEq)]
pub struct NewRun {
    pub id: RunId,
    pub shard: ShardId,
    pub plan: PlanHash,
    pub namespace: Arc<str>,
    pub name: Arc<str>,
    pub version: Arc<str>,
    pub parent: Option<Parent>,
    /// How many workflows started each other to get here.
    pub depth: u16,
    pub created_ms: i64,
    pub labels: Vec<(Arc<str>, Arc<str>)>,
    /// Told apart from all other starts: a second run with the same key is not created (G3).
    pub key: Option<Arc<str>>,
    /// The run that it came of, if it was forked.
    pub origin: Option<Origin>,
}

/// Where a forked run finds the outcomes of effects that it asks for in the same way.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Origin {
    pub why: Why,
    pub run: RunId,
    /// Which child of that run, and of that child, it is: the obligations that each settled.
    pub via: Vec<Arc<str>>,
    /// Effects that are carried out again, whatever came of them.
    pub redo: Vec<Arc<str>>,
    /// The last thing that happened to the origin is not taken over either: it made the run fault.
    pub redo_last: bool,
}

/// What a fork is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Why {
    /// To go on from where the origin faulted.
    Repair,
    /// To see what would have come of it otherwise.
    Fork,
}

/// Who waits for a run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Parent {
    pub run: RunId,
    /// Absent for a child that nobody waits for.
    pub obligation: Option<Arc<str>>,
}

/// The index row of a run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Update {
    pub status: Status,
    /// When the earliest of its timers is due.
    pub wake_ms: Option<i64>,
    /// Something beside time and events is owed: recovery has to look at it.
    pub active: bool,
    pub updated_ms: i64,
    /// Why it faulted or was parked, in one line.
    pub reason: Option<Arc<str>>,
}

impl Update {
    /// Whether the rows say something else, apart from when.
    pub fn differs(&self, other: &Update) -> bool {
        let Update {
            status,
            wake_ms,
            active,
            updated_ms: _,
            reason,
        } = self;
        (*status, *wake_ms, *active, reason)
            != (other.status, other.wake_ms, other.active, &other.reason)
    }
}

/// Something on its way to a run.
#[derive(Clone, Debug, PartialEq)]
pub struct Delivery {
    pub id: DeliveryId,
    pub run: RunId,
    pub kind: DeliveryKind,
}

/// What is on its way. Payloads are encoded by [`crate::format`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum DeliveryKind {
    /// The input that a new run starts with.
    Start(Arc<[u8]>),
    /// An event.
    Event(Arc<[u8]>),
    /// A child ended: the obligation it settles, and the outcome.
    Child(Arc<str>, Arc<[u8]>),
    /// Its parent does not wait for it any more.
    Cancel,
}

/// An event that came in. The same (source, id) is taken once (G3).
#[derive(Clone, Debug)]
pub struct Intake {
    pub source: Arc<str>,
    pub id: Arc<str>,
    pub at_ms: i64,
    pub event: Arc<[u8]>,
    /// Runs of these plans that have not ended get it.
    pub plans: Vec<PlanHash>,
    /// Runs that it starts.
    pub starts: Vec<(NewRun, DeliveryKind)>,
    /// State of the triggers that it changed, by name.
    pub triggers: Vec<(Arc<str>, Vec<u8>)>,
}

/// What came of an [`Intake`].
#[derive(Clone, Debug, PartialEq)]
pub enum Accepted {
    /// The event was known; nothing was written.
    Known,
    New(Accept),
}

#[derive(Clone, Debug, Default, PartialEq)]
pub struct Accept {
    pub deliveries: Vec<Delivery>,
}

/// A definition with all that it was compiled from.
#[derive(Clone, Debug, PartialEq)]
pub struct Definition {
    pub plan: PlanHash,
    pub namespace: Arc<str>,
    pub name: Arc<str>,
    pub version: Arc<str>,
    pub text: Arc<str>,
    /// The documents it refers to, encoded by its owner.
    pub links: Arc<[u8]>,
    pub added_ms: i64,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Schedule {
    /// Names the workflow and which of its schedules.
    pub name: Arc<str>,
    /// The last slot that was handled.
    pub slot_ms: i64,
}

/// A run with what is needed to wake it.
#[derive(Clone, Debug)]
pub struct StoredRun {
    pub summary: Summary,
    pub snapshot: Option<Snapshot>,
    /// The records after the snapshot, in order.
    pub records: Vec<(u64, Vec<u8>)>,
    /// What waits to be taken in, in order.
    pub deliveries: Vec<Delivery>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Snapshot {
    /// The record after which it was taken.
    pub seq: u64,
    pub state: Vec<u8>,
}

/// The index row of a run, as lists show it.
#[derive(Clone, Debug, PartialEq)]
pub struct Summary {
    pub run: NewRun,
    pub status: Status,
    pub wake_ms: Option<i64>,
    pub active: bool,
    pub updated_ms: i64,
    pub reason: Option<Arc<str>>,
}

/// Which runs a list shows. Absent conditions hold for all.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Filter {
    pub namespace: Option<Arc<str>>,
    pub name: Option<Arc<str>>,
    pub status: Option<Status>,
    pub label: Option<(Arc<str>, Arc<str>)>,
    pub created_from_ms: Option<i64>,
    pub created_before_ms: Option<i64>,
}

/// A part of a list, newest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Page {
    /// Runs older than this one.
    pub before: Option<RunId>,
    pub limit: usize,
}

/// Figures for metrics and for people.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Stats {
    pub runs_by_status: Vec<(Status, u64)>,
    pub records: u64,
    pub bytes: u64,
    /// Deliveries that no run has taken in yet.
    pub deliveries: u64,
}
