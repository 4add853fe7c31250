//! What must hold when everything has ended, one property to a file.

mod effects;
mod lists;
mod once;
mod outputs;
mod replays;
mod starts;

use std::collections::BTreeMap;

use serde_json::Value;

use crate::attendant::list;
use crate::book::Pages;
use crate::ledger::Entry;
use crate::stage::Stage;

pub(crate) use replays::identical;

/// All that can be seen from outside.
pub(crate) struct Evidence {
    pub(crate) pages: Pages,
    pub(crate) ledger: Vec<Entry>,
    /// Runs as they are shown, by id.
    pub(crate) runs: BTreeMap<String, Value>,
    /// The list of all runs, and the lists by status.
    pub(crate) listed: Vec<Value>,
    pub(crate) by_status: BTreeMap<&'static str, Vec<Value>>,
}

pub(crate) const STATUSES: [&str; 8] = [
    "pending",
    "running",
    "waiting",
    "suspended",
    "cancelled",
    "faulted",
    "completed",
    "parked",
];

impl Evidence {
    pub(crate) fn gather(stage: &Stage, pages: Pages, ledger: Vec<Entry>) -> Evidence {
        let listed = list(stage, None);
        let shown = |run: &Value| {
            let id = id(run).to_owned();
            let shown = stage.get(&format!("/api/v1/runs/{id}"));
            (id, shown)
        };
        Evidence {
            pages,
            ledger,
            runs: listed.iter().map(shown).collect(),
            by_status: STATUSES
                .into_iter()
                .map(|status| (status, list(stage, Some(status))))
                .collect(),
            listed,
        }
    }

    /// All violations, each with the run that it is about.
    pub(crate) fn violations(&self) -> Vec<String> {
        let mut found = self.pages.wrong.clone();
        starts::check(self, &mut found);
        outputs::check(self, &mut found);
        effects::check(self, &mut found);
        once::check(self, &mut found);
        lists::check(self, &mut found);
        found
    }

    /// Runs of a workflow.
    fn of(&self, workflow: &str) -> impl Iterator<Item = (&String, &Value)> {
        self.runs
            .iter()
            .filter(move |(_, run)| name(run) == workflow)
    }
}

pub(crate) fn id(run: &Value) -> &str {
    run["id"].as_str().unwrap_or_default()
}

/// The name of its workflow.
fn name(run: &Value) -> &str {
    let workflow = run["workflow"].as_str().unwrap_or_default();
    let workflow = workflow.strip_prefix("test/").unwrap_or(workflow);
    workflow.split(':').next().unwrap_or_default()
}

fn status(run: &Value) -> &str {
    run["status"].as_str().unwrap_or_default()
}
