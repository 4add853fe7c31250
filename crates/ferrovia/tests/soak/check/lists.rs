//! The lists by status agree with the runs that they list.

use std::collections::BTreeMap;

use super::{Evidence, id, status};

pub(super) fn check(evidence: &Evidence, found: &mut Vec<String>) {
    let mut listed: BTreeMap<&str, usize> = BTreeMap::new();
    for (status_of, runs) in &evidence.by_status {
        for run in runs {
            *listed.entry(id(run)).or_default() += 1;
            let shown = &evidence.runs[id(run)];
            if status(run) != *status_of || status(shown) != *status_of {
                found.push(format!("run {}: listed as {status_of}: {shown}", id(run)));
            }
        }
    }
    for run in evidence.runs.keys() {
        let times = listed.get(run.as_str()).copied().unwrap_or(0);
        if times != 1 {
            found.push(format!("run {run}: listed {times} times by status"));
        }
    }
    if evidence.listed.len() != evidence.runs.len() {
        found.push("a run is listed twice".into());
    }
    let mut ordered: Vec<_> = evidence.listed.iter().map(id).collect();
    ordered.sort_unstable();
    ordered.reverse();
    if evidence.listed.iter().map(id).ne(ordered) {
        found.push("the list of all runs is not newest first".into());
    }
}
