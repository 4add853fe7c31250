//! Runs that are forked, repaired, moved to other plans: over a journal in memory, with a service that counts calls.

mod bed;
mod fork;
mod migrate;
mod undo;
