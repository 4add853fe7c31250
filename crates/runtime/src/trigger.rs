//! Starting a workflow by the events of its `schedule.on`.

use ferrovia_dsl::plan::{Consumption, EventFilter, Schedule, Until};
use ferrovia_expr::{Scope, Value};
use serde::{Deserialize, Serialize};

/// Collects events until the strategy of a schedule is satisfied; their reading is then the input of a run.
#[derive(Clone, Serialize, Deserialize)]
pub(crate) struct Trigger {
    taken: Vec<Value>,
    satisfied: Vec<bool>,
    correlations: Vec<(std::sync::Arc<str>, Value)>,
}

struct NoScope(i64);

impl Scope for NoScope {
    fn variable(&self, _name: &str) -> Option<Value> {
        None
    }
    fn now_ms(&self) -> i64 {
        self.0
    }
}

impl Trigger {
    pub(crate) fn new(schedule: &Schedule) -> Option<Trigger> {
        let (strategy, _) = schedule.on.as_ref()?;
        Some(Trigger {
            taken: Vec::new(),
            satisfied: vec![false; strategy.filters.len()],
            correlations: Vec::new(),
        })
    }

    /// Whether what it has taken decides about later events.
    pub(crate) fn is_stateful(&self, schedule: &Schedule) -> bool {
        schedule.on.as_ref().is_some_and(|(strategy, _)| {
            strategy.consumption == Consumption::All
                || strategy.until.is_some()
                || strategy
                    .filters
                    .iter()
                    .any(|filter| !filter.correlate.is_empty())
        })
    }

    pub(crate) fn encode(&self) -> Vec<u8> {
        rmp_serde::to_vec_named(self).expect("memory takes all that can be encoded")
    }

    pub(crate) fn decode(bytes: &[u8]) -> Option<Trigger> {
        rmp_serde::from_slice(bytes).ok()
    }

    /// Takes an event; answers with the input of a run when that was the last one needed. An event that a filter
    /// cannot be evaluated on does not match: faults of scheduling are invisible to runs.
    pub(crate) fn take(
        &mut self,
        schedule: &Schedule,
        event: &Value,
        now_ms: i64,
    ) -> Option<Value> {
        let (strategy, read) = schedule.on.as_ref()?;
        if let Some(Until::Consumed(until)) = strategy.until.as_deref()
            && until
                .filters
                .iter()
                .any(|filter| filter.matches(event, &NoScope(now_ms)).unwrap_or(false))
        {
            return Some(std::mem::take(&mut self.taken).into());
        }
        let all = strategy.consumption == Consumption::All;
        let open = |index: usize| !all || !self.satisfied[index];
        let matched = (0..strategy.filters.len())
            .find(|index| open(*index) && self.admits(&strategy.filters[*index], event, now_ms));
        match matched {
            Some(index) => {
                self.satisfied[index] = true;
                self.expect(&strategy.filters[index], event, now_ms);
            }
            None if strategy.filters.is_empty() && strategy.consumption == Consumption::Any => {}
            None => return None,
        }
        self.taken.push(read.read(event));
        let complete = match (strategy.consumption, strategy.until.as_deref()) {
            (Consumption::One, _) | (Consumption::Any, None) => true,
            (Consumption::All, _) => self.satisfied.iter().all(|satisfied| *satisfied),
            (Consumption::Any, Some(Until::Consumed(_))) => false,
            (Consumption::Any, Some(Until::Condition(condition))) => condition
                .test(&self.taken.clone().into(), &NoScope(now_ms))
                .unwrap_or(false),
        };
        complete.then(|| std::mem::take(&mut self.taken).into())
    }

    fn admits(&self, filter: &EventFilter, event: &Value, now_ms: i64) -> bool {
        let scope = NoScope(now_ms);
        filter.matches(event, &scope).unwrap_or(false)
            && filter.correlate.iter().all(|correlation| {
                let Ok(value) = correlation.from.evaluate(event, &scope) else {
                    return false;
                };
                let expected = match &correlation.expect {
                    Some(expect) => expect.evaluate(&Value::Null, &scope).ok(),
                    None => self
                        .correlations
                        .iter()
                        .find(|(name, _)| *name == correlation.name)
                        .map(|(_, v)| v.clone()),
                };
                !value.is_null() && expected.is_none_or(|expected| expected == value)
            })
    }

    fn expect(&mut self, filter: &EventFilter, event: &Value, now_ms: i64) {
        for correlation in filter
            .correlate
            .iter()
            .filter(|correlation| correlation.expect.is_none())
        {
            let known = self
                .correlations
                .iter()
                .any(|(name, _)| *name == correlation.name);
            if let (false, Ok(value)) = (known, correlation.from.evaluate(event, &NoScope(now_ms)))
            {
                self.correlations.push((correlation.name.clone(), value));
            }
        }
    }
}
