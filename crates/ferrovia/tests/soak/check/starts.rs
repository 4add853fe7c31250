//! What was acknowledged happened exactly once: every start is one run, every event took effect once.

use std::collections::{HashMap, HashSet};

use super::{Evidence, id, name, status};
use crate::flows::{CHILD, TELLER, TRIGGERED};

pub(super) fn check(evidence: &Evidence, found: &mut Vec<String>) {
    starts(evidence, found);
    triggers(evidence, found);
}

fn starts(evidence: &Evidence, found: &mut Vec<String>) {
    let mut by_token: HashMap<&str, Vec<&str>> = HashMap::new();
    for run in evidence.runs.values() {
        match run["labels"]["token"].as_str() {
            Some(token) => by_token.entry(token).or_default().push(id(run)),
            None if [CHILD, TRIGGERED].contains(&name(run)) => {}
            None => found.push(format!("run {}: nobody started it: {run}", id(run))),
        }
    }
    for start in &evidence.pages.starts {
        let runs = by_token.remove(start.token.as_str()).unwrap_or_default();
        let agree = match &start.run {
            Some(run) => runs == [run],
            None => runs.len() <= 1,
        };
        if !agree {
            found.push(format!("runs {runs:?}: of one start: {start:?}"));
        }
        for run in runs {
            if name(&evidence.runs[run]) != start.workflow {
                found.push(format!("run {run}: of another workflow: {start:?}"));
            }
        }
    }
    for (token, runs) in by_token {
        found.push(format!("runs {runs:?}: nobody started {token}"));
    }
}

fn triggers(evidence: &Evidence, found: &mut Vec<String>) {
    let told = evidence.of(TELLER).filter_map(|(_, run)| {
        let token = run["output"]["t"].as_str();
        (status(run) == "completed").then(|| format!("told-{}", token.unwrap_or_default()))
    });
    let mut wanted: HashSet<String> = evidence
        .pages
        .triggers
        .iter()
        .cloned()
        .chain(told)
        .collect();
    for (id, run) in evidence.of(TRIGGERED) {
        let token = run["output"]["t"].as_str().unwrap_or_default();
        if !wanted.remove(token) {
            found.push(format!(
                "run {id}: started by an event that nobody sent, or twice: {token:?}"
            ));
        }
    }
    for token in wanted {
        found.push(format!("no run: of the event {token}, which was accepted"));
    }
}
