//! What is due at a point in time, in order.

use std::collections::{BTreeMap, HashMap};

use ferrovia_engine::ObligationId;
use ferrovia_expr::Value;

use super::RunKey;

/// Something that happens at its time.
#[derive(Debug)]
pub(super) enum Due {
    Timer(RunKey, ObligationId),
    /// An event from outside.
    Event(Value),
}

/// A queue by time; equal times keep the order in which they were added.
#[derive(Default)]
pub(super) struct Timers {
    queue: BTreeMap<(i64, u64), Due>,
    places: HashMap<(RunKey, ObligationId), (i64, u64)>,
    next: u64,
}

impl Timers {
    pub(super) fn add(&mut self, due_ms: i64, due: Due) {
        let place = (due_ms, self.next);
        self.next += 1;
        if let Due::Timer(run, id) = &due {
            self.places.insert((*run, id.clone()), place);
        }
        self.queue.insert(place, due);
    }

    pub(super) fn remove(&mut self, run: RunKey, id: &ObligationId) {
        if let Some(place) = self.places.remove(&(run, id.clone())) {
            self.queue.remove(&place);
        }
    }

    pub(super) fn next_due_ms(&self) -> Option<i64> {
        self.queue.keys().next().map(|(due_ms, _)| *due_ms)
    }

    /// Takes the first thing that is due; none fires early.
    pub(super) fn take_due(&mut self, now_ms: i64) -> Option<Due> {
        let place = *self
            .queue
            .keys()
            .next()
            .filter(|(due_ms, _)| *due_ms <= now_ms)?;
        let due = self.queue.remove(&place);
        if let Some(Due::Timer(run, id)) = &due {
            self.places.remove(&(*run, id.clone()));
        }
        due
    }

    pub(super) fn is_empty(&self) -> bool {
        self.queue.is_empty()
    }
}
