//! Keeps what must survive: the journal of every run, the indexes that questions need, definitions, events.
//!
//! Owns the [`Journal`] trait, the formats of what is written, and the back ends. Knows nothing of stepping: a
//! record is bytes here, an index row is what its writer says. No journal waits asynchronously: writes are queued and
//! answered by a callback once they are durable, reads block.

pub mod blobs;
mod check;
pub mod format;
mod ids;
mod journal;
mod memory;
mod row;
mod sqlite;
#[cfg(feature = "suite")]
pub mod suite;

pub use ferrovia_dsl::plan::PlanHash;
pub use ids::{DeliveryId, Epoch, NoRunId, RunId, ShardId};
pub use journal::{Done, Journal, StoreError, Ticket};
pub use memory::Memory;
pub use row::{
    Accept, Accepted, Append, Committed, Definition, Delivery, DeliveryKind, Entry, EntryKey,
    Expected, Filter, Intake, NewRun, Origin, Page, Parent, Park, Purge, Put, Schedule, Snapshot,
    Stats, Status, StoredRun, Summary, Update, Why, Write,
};
pub use sqlite::{Existing, Options, Sqlite, restore};
