//! Who looks after parked runs: finds out in the ledger how the call ended of which the server does not know.

use serde_json::{Value, json};

use crate::book::Book;
use crate::flows::{CHARGE, CHARGE_EFFECT};
use crate::ledger::Ledger;
use crate::stage::Stage;

/// Statuses of runs that have not ended.
pub(crate) const OPEN: [&str; 5] = ["pending", "running", "waiting", "suspended", "parked"];
const PAGE: usize = 1_000;

/// All runs with a status, or all; newest first.
pub(crate) fn list(stage: &Stage, status: Option<&str>) -> Vec<Value> {
    let status = status.map_or_else(String::new, |status| format!("&status={status}"));
    let (mut runs, mut before) = (Vec::new(), String::new());
    loop {
        let page = stage.get(&format!("/api/v1/runs?limit={PAGE}{status}{before}"));
        runs.extend(page["runs"].as_array().cloned().unwrap_or_default());
        match page["before"].as_str() {
            Some(last) => before = format!("&before={last}"),
            None => return runs,
        }
    }
}

/// Settles what is parked now.
pub(crate) fn settle(stage: &Stage, book: &Book, ledger: &Ledger) {
    for parked in list(stage, Some("parked")) {
        let run = parked["id"].as_str().unwrap_or_default();
        if parked["workflow"] != format!("test/{CHARGE}:1.0.0") {
            if !book.pages().settled.contains_key(run) {
                book.pages().settled.insert(run.to_owned(), 0);
                book.wrong(format!("run {run} was parked: {parked}"));
            }
            continue;
        }
        // The process that knew the outcome is dead. What it had sent may still be on its way into the ledger.
        ledger.drained(stage.fence());
        let receipt = ledger.receipt(run).unwrap_or(0);
        let body = json!({ "effect": CHARGE_EFFECT, "output": { "receipt": receipt } });
        let path = format!("/api/v1/runs/{run}/settle");
        let (_, status, answer) = stage.insist("POST", &path, &[], &body.to_string());
        // A conflict: an attempt without an answer had settled it.
        if !matches!(status, 200 | 409) {
            book.wrong(format!("settling run {run} was answered {status} {answer}"));
        }
        book.pages().settled.insert(run.to_owned(), receipt);
    }
}
