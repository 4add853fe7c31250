//! Deterministic simulation: the real shards over a simulated store, clock, network and process, all from one seed.
//!
//! One seed makes topology, workload and faults. A safety phase runs under faults: the process dies with batches and
//! requests in flight, the store is full for a while, the clock jumps, an old owner keeps writing. Then everything
//! heals, and what was started has to come to its end, with the output that it has without any fault.
//!
//! Owns the simulated world. The checkers are files of their own under [`check`]; none of it is shipped.

mod check;
mod fault;
mod service;
mod workload;
mod world;

pub use fault::{Canary, Faults};
pub use world::{Outcome, simulate};
