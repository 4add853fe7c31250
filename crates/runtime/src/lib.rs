//! Drives the engine: gives it inputs, carries out its commands.
//!
//! Owns the [`port::Executor`] port and the in-memory driver; names no connector. A run's state changes only
//! through [`ferrovia_engine::step`].

mod carry;
mod durable;
mod lane;
mod local;
mod mask;
pub mod notify;
mod observer;
pub mod port;
mod registry;
mod secrets;
mod selection;
pub mod shard;
mod trigger;

pub use durable::{
    Compiler, Feed, Figures, Hearing, Ids, Node, NodeConfig, Received, Retention, StartRequest,
    Told,
};
pub use lane::{Limit, Limits};
pub use local::{Ended, Local, LocalConfig, Report};
pub use observer::{Observed, Observer, Silent};
pub use registry::{Definitions, Executors};
pub use selection::{NoSelection, Selection};
