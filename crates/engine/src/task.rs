//! One file per task kind. Each opens with its states and the inputs that lead from one to the next.

mod call;
mod compose;
mod emit;
mod extended;
mod for_each;
pub(crate) mod fork;
pub(crate) mod listen;
mod raise;
mod set;
mod switch;
mod try_catch;
mod wait;
mod workflow;
