//! The structure of a document: which objects the language has, their properties and values.
//!
//! Owns one description of the language (the modules of its parts) from which both the structural
//! check and the JSON Schema are read. Refuses to know names, expressions and flow: whether a task
//! that `then` names exists is not asked here.

mod authentication;
mod calls;
mod check;
mod common;
mod events;
mod forms;
mod hints;
mod place;
mod processes;
mod report;
mod rules;
mod schema;
pub(crate) mod suggest;
mod task;
mod vocabulary;
mod workflow;

pub use check::{check, check_task};
pub use schema::json_schema;

/// How many findings [`check`] tells at most; the last one says how many more there are.
pub const FINDINGS_MAX: usize = 50;
