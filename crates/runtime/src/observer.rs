//! Watching runs as they go. Owns who is told, not what is made of it.

use ferrovia_dsl::plan::Plan;
use ferrovia_engine::TraceEntry;

/// Watches runs. Called in order, on the driver's task: it must not block.
pub trait Observer: Send {
    fn observe(&mut self, run: Observed<'_>, entries: &[TraceEntry]);
}

/// The run that trace entries belong to.
#[derive(Clone, Copy)]
pub struct Observed<'a> {
    /// Tells the runs of one process apart, children from their parents and from each other.
    pub number: u64,
    /// 0 for the root run.
    pub depth: u32,
    pub plan: &'a Plan,
}

/// Watches nothing.
pub struct Silent;

impl Observer for Silent {
    fn observe(&mut self, _run: Observed<'_>, _entries: &[TraceEntry]) {}
}
