//! Every request that came in, and the answers under their idempotency keys.
//!
//! A key that was answered before gets the same answer again and nothing happens a second time. An answer that asks
//! the caller to come back is not kept: the next attempt must be able to succeed.

use std::collections::HashMap;

use serde::Serialize;
use serde_json::Value;

/// Requests that are listed; the oldest go first.
const ENTRIES_MAX: usize = 10_000;

/// A request as the ledger names it.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Request {
    pub(crate) method: String,
    pub(crate) path: String,
    pub(crate) idempotency_key: Option<String>,
}

#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) body: Value,
}

#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Entry {
    method: String,
    path: String,
    idempotency_key: Option<String>,
    status: u16,
    /// The key had been answered before; nothing was done.
    repeated: bool,
}

#[derive(Debug, Default)]
pub(crate) struct Ledger {
    entries: std::collections::VecDeque<Entry>,
    answered: HashMap<String, (Request, Reply)>,
}

impl Ledger {
    /// Answers a request: from memory where its key is known, else by acting.
    pub(crate) fn answer(&mut self, request: Request, act: impl FnOnce() -> Reply) -> Reply {
        let known = request
            .idempotency_key
            .as_ref()
            .and_then(|key| self.answered.get(key));
        let (reply, repeated) = match known {
            Some((first, reply)) if *first == request => (reply.clone(), true),
            Some(_) => (reused(), true),
            None => (act(), false),
        };
        if let Some(key) = request.idempotency_key.clone()
            && !repeated
            && reply.status < 500
        {
            self.answered.insert(key, (request.clone(), reply.clone()));
        }
        self.note(request, reply.status, repeated);
        reply
    }

    pub(crate) fn entries(&self) -> impl Iterator<Item = &Entry> {
        self.entries.iter()
    }

    fn note(&mut self, request: Request, status: u16, repeated: bool) {
        if self.entries.len() == ENTRIES_MAX
            && let Some(Entry {
                idempotency_key: Some(key),
                ..
            }) = self.entries.pop_front()
        {
            self.answered.remove(&key);
        }
        let Request {
            method,
            path,
            idempotency_key,
        } = request;
        self.entries.push_back(Entry {
            method,
            path,
            idempotency_key,
            status,
            repeated,
        });
    }
}

fn reused() -> Reply {
    let body = serde_json::json!({ "title": "this Idempotency-Key belongs to another request" });
    Reply { status: 422, body }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn request(path: &str, key: Option<&str>) -> Request {
        Request {
            method: "PUT".into(),
            path: path.into(),
            idempotency_key: key.map(Into::into),
        }
    }

    fn ok(body: Value) -> Reply {
        Reply { status: 200, body }
    }

    #[test]
    fn a_known_key_is_answered_without_acting() {
        let mut ledger = Ledger::default();
        let mut acted = 0;
        for _ in 0..3 {
            let reply = ledger.answer(request("/a", Some("k")), || {
                acted += 1;
                ok(json!(acted))
            });
            assert_eq!(reply, ok(json!(1)));
        }
        let repeated: Vec<bool> = ledger.entries().map(|entry| entry.repeated).collect();
        assert_eq!(repeated, [false, true, true]);
    }

    #[test]
    fn a_key_is_refused_for_another_request() {
        let mut ledger = Ledger::default();
        ledger.answer(request("/a", Some("k")), || ok(json!(1)));
        assert_eq!(
            ledger
                .answer(request("/b", Some("k")), || ok(json!(2)))
                .status,
            422
        );
    }

    #[test]
    fn failures_of_the_service_are_not_kept() {
        let mut ledger = Ledger::default();
        let busy = || Reply {
            status: 503,
            body: json!("busy"),
        };
        assert_eq!(ledger.answer(request("/a", Some("k")), busy).status, 503);
        assert_eq!(
            ledger
                .answer(request("/a", Some("k")), || ok(json!(1)))
                .status,
            200
        );
    }

    #[test]
    fn without_a_key_every_request_acts() {
        let mut ledger = Ledger::default();
        for expected in 1..=2 {
            let count = ledger.entries().count() + 1;
            assert_eq!(
                ledger.answer(request("/a", None), || ok(json!(count))).body,
                json!(expected)
            );
        }
    }

    #[test]
    fn the_ledger_keeps_a_bounded_number_of_requests() {
        let mut ledger = Ledger::default();
        for number in 0..=ENTRIES_MAX {
            ledger.answer(
                request(&number.to_string(), Some(&number.to_string())),
                || ok(json!(1)),
            );
        }
        assert_eq!(ledger.entries().count(), ENTRIES_MAX);
        assert_eq!(ledger.answered.len(), ENTRIES_MAX);
    }
}
