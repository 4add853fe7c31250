//! The port to what makes plans of texts: it knows what a text refers to and what may be reached, which this crate does
//! not.

use std::fmt::Debug;
use std::sync::Arc;

use ferrovia_dsl::plan::Plan;
use ferrovia_expr::Value;
use futures_util::future::BoxFuture;

/// Makes plans of texts that somebody publishes.
pub trait Publisher: Debug + Send + Sync {
    fn compile(&self, text: String) -> BoxFuture<'_, Result<Compiled, Rejected>>;
}

/// A definition that can run.
pub struct Compiled {
    pub plan: Arc<Plan>,
    /// What it was compiled from besides its text, as the journal keeps it.
    pub links: Vec<u8>,
    /// Warnings.
    pub findings: Value,
}

/// A definition that cannot.
pub struct Rejected {
    /// The first thing that is wrong, in one line.
    pub summary: String,
    pub findings: Value,
}
