//! An effect that was sent again was sent with the same key and the same body; no key belongs to two effects.

use std::collections::{BTreeSet, HashMap};

use serde_json::Value;

use super::{Evidence, name};
use crate::flows::{FLAKY, PARENT};
use crate::ledger::{Effect, Reply};

/// What the ledger has of an effect.
#[derive(Default)]
struct Requests<'e> {
    keys: BTreeSet<&'e str>,
    bodies: Vec<&'e Value>,
    /// Answers that a retry may follow, with a key of its own.
    failures: usize,
}

pub(super) fn check(evidence: &Evidence, found: &mut Vec<String>) {
    let mut effects: HashMap<&Effect, Requests<'_>> = HashMap::new();
    let mut owners: HashMap<&str, &Effect> = HashMap::new();
    for entry in &evidence.ledger {
        let requests = effects.entry(&entry.effect).or_default();
        requests.keys.insert(&entry.key);
        if !requests.bodies.contains(&&entry.body) {
            requests.bodies.push(&entry.body);
        }
        requests.failures += usize::from(entry.reply != Reply::Receipt);
        let owner = owners.entry(&entry.key).or_insert(&entry.effect);
        if *owner != &entry.effect {
            found.push(format!(
                "run {}: the key {} belongs to {owner:?} and to {:?}",
                entry.effect.run, entry.key, entry.effect
            ));
        }
    }
    for (effect, requests) in effects {
        let run = &effect.run;
        let Some(known) = evidence.runs.get(run) else {
            found.push(format!("run {run}: it is lost, but made {effect:?}"));
            continue;
        };
        let keys_max = match name(known) {
            FLAKY => 1 + requests.failures,
            _ => 1,
        };
        let own = requests.keys.iter().all(|key| key.starts_with(run));
        if requests.keys.len() > keys_max || requests.bodies.len() > 1 || !own {
            found.push(format!(
                "run {run}: {effect:?} was sent with the keys {:?} and the bodies {:?}",
                requests.keys, requests.bodies
            ));
        }
    }
    children(evidence, found);
}

/// Starting a child is an effect inside: each round of a parent has one, even when the parent was cancelled.
fn children(evidence: &Evidence, found: &mut Vec<String>) {
    for (id, parent) in evidence.of(PARENT) {
        let children = parent["children"].as_array();
        let mut rounds = BTreeSet::new();
        for child in children.into_iter().flatten() {
            let shown = evidence.runs.get(super::id(child));
            let round = shown.and_then(|child| child["output"]["round"].as_i64());
            if round.is_some_and(|round| !rounds.insert(round)) {
                found.push(format!("run {id}: a round has two children: {parent}"));
            }
        }
    }
}
