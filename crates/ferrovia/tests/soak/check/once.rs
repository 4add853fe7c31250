//! An effect at most once is in the ledger at most once, and never after somebody said that it did not happen.

use std::collections::HashMap;

use super::Evidence;
use crate::flows::CHARGE;

pub(super) fn check(evidence: &Evidence, found: &mut Vec<String>) {
    let mut sent: HashMap<&str, usize> = HashMap::new();
    for entry in &evidence.ledger {
        *sent.entry(&entry.effect.run).or_default() += 1;
    }
    for (id, run) in evidence.of(CHARGE) {
        let sent = sent.get(id.as_str()).copied().unwrap_or(0);
        let never = run["output"]["a"] == 0;
        if sent > 1 || never && sent > 0 {
            found.push(format!(
                "run {id}: a call at most once was sent {sent} times: {run}"
            ));
        }
    }
}
