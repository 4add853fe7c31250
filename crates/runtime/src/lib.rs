//! Drives the engine: gives it inputs, carries out its commands.
//!
//! Owns the [`port::Executor`] port and the in-memory driver; names no connector. A run's state changes only
//! through [`ferrovia_engine::step`].

mod carry;
mod durable;
mod fork;
mod lane;
mod local;
mod mask;
mod migrate;
pub mod notify;
mod observer;
pub mod port;
mod registry;
mod secrets;
mod selection;
pub mod shard;
mod trigger;

pub use durable::{
    Compiler, Feed, Figures, ForkError, ForkRequest, Forked, Hearing, Ids, Node, NodeConfig,
    NotDone, Published, Received, Retention, StartRequest, Told,
};
pub use fork::{Edits, From as ForkFrom, NoFork};
pub use lane::{Limit, Limits};
pub use local::{Ended, Local, LocalConfig, Report};
pub use migrate::{Difference, Verdict};
pub use observer::{Observed, Observer, Silent};
pub use registry::{Definitions, Executors, Pause, Standing};
pub use secrets::SecretSource;
pub use selection::{NoSelection, Selection};
