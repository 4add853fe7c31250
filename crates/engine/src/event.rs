//! Events of the outside as a run takes them: to whoever listens, else into a bounded mailbox for a `listen` that
//! the run has not reached yet.

use ferrovia_dsl::plan::{EventFilter, Template};
use ferrovia_expr::Value;

use crate::error::Error;
use crate::frame::FrameId;
use crate::machine::Machine;
use crate::scope::Scoped;
use crate::trace::TraceEvent;

/// Events a run keeps for `listen` tasks that it has not reached. The oldest is dropped, and said so in the trace.
pub(crate) const MAILBOX_MAX: usize = 1_000;

impl Machine<'_> {
    /// Takes an event in: every listener that wants it consumes it.
    pub(crate) fn message(&mut self, event: Value) {
        let mut consumed = false;
        for listener in self.run.listeners.clone() {
            consumed |= self.offer(listener, &event);
        }
        if !consumed && self.is_of_interest(&event) {
            if self.run.mailbox.len() >= MAILBOX_MAX
                && let Some(oldest) = self.run.mailbox.pop_front()
            {
                self.note(None, TraceEvent::EventDropped { event: oldest });
            }
            self.run.mailbox.push_back(event);
        }
    }

    /// Whether a `listen` of the plan names this event. A filter that names nothing is no reason to keep events.
    fn is_of_interest(&self, event: &Value) -> bool {
        self.plan
            .interests
            .iter()
            .any(|filter| !filter.with.is_empty() && filter.could_match(event))
    }

    /// Offers kept events to a listener that has just begun, oldest first, while it listens.
    pub(crate) fn offer_kept(&mut self, listener: FrameId) {
        for event in std::mem::take(&mut self.run.mailbox) {
            if !self.run.listeners.contains(&listener) || !self.offer(listener, &event) {
                self.run.mailbox.push_back(event);
            }
        }
    }

    /// Whether an event passes a filter of a listener, correlation included. A first correlation value becomes the
    /// expectation of the run.
    pub(crate) fn admits(
        &mut self,
        listener: FrameId,
        filter: &EventFilter,
        event: &Value,
    ) -> Result<bool, Error> {
        let Some(frame) = self.run.frames.get(listener) else {
            return Ok(false);
        };
        let scope = Scoped::new(self, frame);
        let matched = filter.matches(event, &scope);
        if !matched.map_err(|error| self.expression_error(frame, error))? {
            return Ok(false);
        }
        let mut first_seen = Vec::new();
        for correlation in &filter.correlate {
            let eval = |template: &Template| template.evaluate(&frame.input, &scope);
            let value = correlation.from.evaluate(event, &scope);
            let value = value.map_err(|error| self.expression_error(frame, error))?;
            let expected = match &correlation.expect {
                Some(expect) => {
                    Some(eval(expect).map_err(|error| self.expression_error(frame, error))?)
                }
                None => self.run.correlations.get(&correlation.name).cloned(),
            };
            match expected {
                Some(expected) if expected != value => return Ok(false),
                Some(_) => {}
                // Nothing to correlate by: the event lacks the value.
                None if value.is_null() => return Ok(false),
                None => first_seen.push((correlation.name.clone(), value)),
            }
        }
        self.run.correlations.extend(first_seen);
        Ok(true)
    }
}
