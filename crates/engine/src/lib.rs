//! The run state machine: `step(plan, run, input)` and nothing else.
//!
//! Deterministic and free of I/O: time and seed come with the input, randomness is derived, effects are
//! *obligations* that someone else carries out and settles with a later input. The same inputs in the same
//! order give the same run, trace and obligations on every machine.
//!
//! One task kind is one file under [`task`](self), opening with its states and arrows.

mod error;
mod event;
mod flow;
mod frame;
mod input;
mod machine;
mod obligation;
mod run;
mod scope;
mod seed;
mod task;
mod trace;
mod tree;
mod undo;

pub use error::{Error, ErrorType};
pub use input::{Cx, EffectOutput, Fault, Input, Outcome, Refusal, RuntimeInfo};
pub use machine::{Step, TRANSITIONS_PER_STEP_MAX, step};
pub use obligation::{
    Child, Command, Effect, EffectRequest, Obligation, ObligationId, Obligations, Timer, commands,
};
pub use run::{Ending, Run, Status};
pub use trace::{TraceEntry, TraceEvent};
