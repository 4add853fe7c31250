//! What the load asked for, and what it was promised.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard};

use serde_json::Value;

/// May it be cancelled in the end?
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Fate {
    No,
    /// It was asked for, but the run may have ended before.
    Perhaps,
    /// That was the answer.
    Yes,
}

/// A start. Without a key, each attempt is one of its own.
#[derive(Clone, Debug)]
pub(crate) struct Start {
    pub(crate) workflow: &'static str,
    /// In its input and its label, and in those of no other.
    pub(crate) token: String,
    /// The run that was answered.
    pub(crate) run: Option<String>,
    /// The whole answer of a caller that waited for the end.
    pub(crate) told: Option<Value>,
    pub(crate) cancelled: Fate,
}

#[derive(Clone, Debug, Default)]
pub(crate) struct Pages {
    pub(crate) starts: Vec<Start>,
    /// Tokens of events that were accepted and start a run each.
    pub(crate) triggers: Vec<String>,
    /// Parked runs that were settled, with the receipt: 0 where the ledger had nothing.
    pub(crate) settled: HashMap<String, usize>,
    /// Answers that must not be.
    pub(crate) wrong: Vec<String>,
    pub(crate) events: usize,
}

#[derive(Default)]
pub(crate) struct Book(Mutex<Pages>);

impl Book {
    pub(crate) fn pages(&self) -> MutexGuard<'_, Pages> {
        self.0.lock().expect("no holder panics")
    }

    /// Before it is sent.
    pub(crate) fn begin(&self, workflow: &'static str, token: &str) -> usize {
        let mut pages = self.pages();
        pages.starts.push(Start {
            workflow,
            token: token.to_owned(),
            run: None,
            told: None,
            cancelled: Fate::No,
        });
        pages.starts.len() - 1
    }

    pub(crate) fn wrong(&self, what: String) {
        self.pages().wrong.push(what);
    }
}
