//! No committed step is lost or doubled: every run ends as it must, and claims nothing that the ledger does not have.

use std::collections::{HashMap, HashSet};

use serde_json::{Value, json};

use super::{Evidence, id, name, status};
use crate::book::Fate;
use crate::flows::{CHARGE, CHILD, Shows, flow};
use crate::ledger::{Effect, Reply};

pub(super) fn check(evidence: &Evidence, found: &mut Vec<String>) {
    let starts = evidence.pages.starts.iter();
    let starts: HashMap<_, _> = starts
        .filter_map(|start| Some((start.run.as_deref()?, start)))
        .collect();
    for (id, run) in &evidence.runs {
        let parent = run["parent"].as_str();
        let start = starts.get(parent.unwrap_or(id));
        let cancelled = start.map_or(Fate::No, |start| start.cancelled);
        let ended = status(run);
        let as_it_must = match cancelled {
            Fate::No => ended == "completed",
            Fate::Yes if parent.is_none() => ended == "cancelled",
            Fate::Yes | Fate::Perhaps => ["completed", "cancelled"].contains(&ended),
        };
        if !as_it_must {
            found.push(format!("run {id}: ended in another way: {run}"));
        }
        let told = start.and_then(|start| start.told.as_ref());
        if let Some(told) = told.filter(|_| parent.is_none())
            && (&told["status"], &told["output"]) != (&run["status"], &run["output"])
        {
            found.push(format!("run {id}: was {told}, is {run}"));
        }
        if ended == "completed" {
            completed(evidence, run, found);
        }
    }
}

fn completed(evidence: &Evidence, run: &Value, found: &mut Vec<String>) {
    let id = id(run);
    let output = &run["output"];
    let mut wrong = |why: String| found.push(format!("run {id}: {why}: {run}"));
    let mut names: HashSet<&str> = match output.as_object() {
        Some(output) => output.keys().map(String::as_str).collect(),
        None => return wrong("its output is no object".into()),
    };
    let mut take = |name: &str| names.remove(name);
    // A child has its parent and round in place of a token.
    let mut whole = match name(run) == CHILD {
        true => take("parent") && take("round") && take("child") && output["child"] == id,
        false => take("t"),
    };
    if let Some(token) = run["labels"]["token"].as_str() {
        whole &= output["t"] == token;
    }
    match &flow(name(run)).shows {
        Shows::Told => {}
        Shows::Heard => {
            whole &= take("e1") && take("e2") && take("a");
            whole &= output["e1"] == 1 && output["e2"] == 2;
            claim(evidence, run, ("a", "a", 0), &mut wrong);
        }
        Shows::Receipts(receipts) => {
            for receipt in *receipts {
                whole &= take(receipt.0);
                claim(evidence, run, *receipt, &mut wrong);
            }
        }
        Shows::Children(count) => {
            let listed = run["children"].as_array().map_or(0, Vec::len);
            whole &= listed as i64 == *count;
            for round in 0..*count {
                let place = format!("r{round}");
                whole &= take(&place);
                let claimed = &output[&place];
                let child = claimed["child"].as_str().unwrap_or_default();
                let child = evidence.runs.get(child).unwrap_or(&Value::Null);
                whole &= child["output"] == *claimed && child["parent"] == id;
                whole &= claimed["parent"] == id && claimed["round"] == round;
            }
        }
    }
    if !whole || !names.is_empty() {
        wrong("its output is not what the workflow gives".into());
    }
}

/// The ledger has the request whose receipt the output shows.
fn claim(
    evidence: &Evidence,
    run: &Value,
    (name_of, task, round): (&str, &str, i64),
    wrong: &mut impl FnMut(String),
) {
    let receipt = run["output"][name_of].as_u64().unwrap_or(u64::MAX) as usize;
    let effect = Effect {
        run: id(run).to_owned(),
        task: task.to_owned(),
        round,
    };
    if name(run) == CHARGE && receipt == 0 {
        // Said by who settled it. That the ledger has nothing is looked at there.
        if evidence.pages.settled.get(id(run)) != Some(&0) {
            wrong("nobody settled it".into());
        }
        return;
    }
    let entry = receipt
        .checked_sub(1)
        .and_then(|at| evidence.ledger.get(at));
    match entry {
        Some(entry) if entry.effect == effect && entry.reply == Reply::Receipt => {}
        _ => wrong(format!(
            "its output claims {} of {effect:?}, the ledger has {entry:?}",
            json!(receipt)
        )),
    }
}
