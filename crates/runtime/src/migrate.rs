//! Whether a run would have gone the same way on another plan, as far as it has come.
//!
//! Both plans take all inputs of the journal. The run can move if what happened in it is the same on both, entry by
//! entry, and so is what the world owed it after each input: then nothing that was done would have been done otherwise.
//! What the other plan does with what comes is its own business. Pure.

use std::sync::Arc;

use ferrovia_dsl::plan::Plan;
use ferrovia_engine::{Command, Effect, Obligation, Step, TraceEntry};
use ferrovia_store::RunId;
use ferrovia_store::format::v1::Stamped;

use crate::shard::History;

/// How a run stands to another plan.
#[derive(Clone, Debug, PartialEq)]
pub enum Verdict {
    /// It would have gone the same way.
    Same,
    Differs(Difference),
}

/// Where a run would have gone another way first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Difference {
    /// The record with the input after which the two differ.
    pub record: u64,
    pub at_ms: i64,
    /// The task that it concerns, by its place in the document that has it.
    pub task: Option<Arc<str>>,
    /// What happened, and what would have.
    pub was: Option<String>,
    pub would_be: Option<String>,
}

/// A run that is on its way through another plan.
pub(crate) struct Shadow {
    history: History,
    pub(crate) difference: Option<Difference>,
}

impl Shadow {
    pub(crate) fn new(identity: RunId, like: &History) -> Shadow {
        Shadow {
            history: History::new(identity, like.runtime.clone()),
            difference: None,
        }
    }

    /// Takes an input as the run did, which gave `was` on its own plan.
    pub(crate) fn take(
        &mut self,
        own: &Plan,
        other: &Plan,
        record: u64,
        stamped: &Stamped,
        was: &Step,
    ) {
        if self.difference.is_some() {
            return;
        }
        let found = |task, was: Option<String>, would_be: Option<String>| Difference {
            record,
            at_ms: stamped.at_ms,
            task,
            was,
            would_be,
        };
        let would = self
            .history
            .input(other, stamped.input.clone(), stamped.at_ms);
        let would = match would {
            Ok(step) => step,
            Err(refusal) => {
                self.difference = Some(found(None, None, Some(refusal.to_string())));
                return;
            }
        };
        let entries = longest(&was.trace, &would.trace, |at| {
            let was = was.trace.get(at).map(|entry| Entry::of(own, entry));
            let would = would.trace.get(at).map(|entry| Entry::of(other, entry));
            (was, would)
        });
        if let Some((was, would)) = entries {
            let task = was.as_ref().or(would.as_ref());
            let task = task.and_then(|entry| entry.task.clone());
            let shown = |entry: Entry<'_>| format!("{:?}", entry.event);
            self.difference = Some(found(task, was.map(shown), would.map(shown)));
            return;
        }
        let commands = longest(&was.commands, &would.commands, |at| {
            (
                was.commands.get(at).map(Asked::of),
                would.commands.get(at).map(Asked::of),
            )
        });
        if let Some((was, would)) = commands {
            let shown = |asked: Asked<'_>| format!("{asked:?}");
            self.difference = Some(found(None, was.map(shown), would.map(shown)));
        }
    }

    /// The state of the run on the other plan.
    pub(crate) fn into_history(self) -> History {
        self.history
    }
}

/// The first place at which two lists differ.
fn longest<T, P: PartialEq>(
    was: &[T],
    would: &[T],
    pair: impl Fn(usize) -> (Option<P>, Option<P>),
) -> Option<(Option<P>, Option<P>)> {
    (0..was.len().max(would.len()))
        .map(pair)
        .find(|(was, would)| was != would)
}

/// An entry of a trace, with its task as both plans name it.
#[derive(PartialEq)]
struct Entry<'a> {
    at_ms: i64,
    task: Option<Arc<str>>,
    event: &'a ferrovia_engine::TraceEvent,
}

impl<'a> Entry<'a> {
    fn of(plan: &Plan, entry: &'a TraceEntry) -> Entry<'a> {
        Entry {
            at_ms: entry.at_ms,
            task: entry.task.map(|task| plan[task].pointer.clone()),
            event: &entry.event,
        }
    }
}

/// A command without the number that its task has in one of the plans: its name has the place of the task.
#[derive(Debug, PartialEq)]
enum Asked<'a> {
    Effect(&'a str, &'a ferrovia_engine::EffectRequest),
    Other(&'a str, &'a Obligation),
    Retract(&'a str),
}

impl<'a> Asked<'a> {
    fn of(command: &'a Command) -> Asked<'a> {
        match command {
            Command::Start(id, Obligation::Effect(Effect { request, .. })) => {
                Asked::Effect(&id.0, request)
            }
            Command::Start(id, other) => Asked::Other(&id.0, other),
            Command::Retract(id) => Asked::Retract(&id.0),
        }
    }
}
