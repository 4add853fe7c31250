//! `listen`: consumes events until its strategy is satisfied.
//!
//! ```text
//! begin ──► Listening ──event──► consumed; satisfied? ──yes──► array of what was consumed
//!                │  ▲
//!                ▼  └── list done
//!           Processing (with `foreach`): one event after another, in order of consumption
//! ```

use std::collections::VecDeque;

use ferrovia_dsl::plan::{Consumption, Iterator, Kind, Listen, Until};
use ferrovia_expr::{Expr, Value};
use serde::{Deserialize, Serialize};

use crate::error::Error;
use crate::frame::{Activity, Cursor, FrameId};
use crate::machine::{Machine, Next, Transition};
use crate::scope::Scoped;
use crate::trace::TraceEvent;

/// The state of one `listen`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Listening {
    /// What was consumed, as the workflow reads it.
    consumed: Vec<Value>,
    /// With `all`: which filters have had their event.
    satisfied: Vec<bool>,
    /// With `until` as a strategy: which of its filters have had their event.
    until_satisfied: Vec<bool>,
    /// No further event is wanted; with `foreach`, some may still be processed.
    closed: bool,
    /// With `foreach`: how many consumed events have been processed, and what came of them.
    outputs: Vec<Value>,
    processing: bool,
    queue: VecDeque<Value>,
}

impl Listening {
    /// How many events `foreach` has processed.
    pub(crate) fn processed(&self) -> usize {
        self.outputs.len()
    }
}

impl<'a> Machine<'a> {
    pub(crate) fn begin_listen(&mut self, id: FrameId, listen: &Listen) -> Transition {
        let strategy = &listen.strategy;
        let mut listening = Listening {
            satisfied: vec![false; strategy.filters.len()],
            ..Listening::default()
        };
        if let Some(Until::Consumed(until)) = strategy.until.as_deref() {
            listening.until_satisfied = vec![false; until.filters.len()];
        }
        listening.closed = strategy.consumption == Consumption::All && strategy.filters.is_empty();
        let closed = listening.closed;
        self.set_activity(id, Activity::Listen(Box::new(listening)));
        if closed {
            return Ok(Next::Output(Value::Array(Default::default())));
        }
        self.run.listeners.push(id);
        self.offer_kept(id);
        Ok(Next::Wait)
    }

    /// Offers an event to a listener. Answers whether it took it; a failure of its filters fails the task.
    pub(crate) fn offer(&mut self, id: FrameId, event: &Value) -> bool {
        match self.consume(id, event) {
            Ok(taken) => taken,
            Err(error) => {
                self.proceed(id, Err(error));
                false
            }
        }
    }

    fn consume(&mut self, id: FrameId, event: &Value) -> Result<bool, Error> {
        let Some(listen) = self.listen_task(id) else {
            return Ok(false);
        };
        if self.listening(id).is_none_or(|listening| listening.closed) {
            return Ok(false);
        }
        if self.until_consumed(id, listen, event)? {
            self.close_if_idle(id);
            return Ok(true);
        }
        let Some(matched) = self.matching_filter(id, listen, event)? else {
            return Ok(false);
        };
        let task = self.run.frames.get(id).and_then(|frame| frame.task);
        self.note(
            task,
            TraceEvent::EventConsumed {
                event: event.clone(),
            },
        );
        let item = listen.read.read(event);
        let Some(listening) = self.listening_mut(id) else {
            return Ok(false);
        };
        listening.consumed.push(item.clone());
        if let Some(satisfied) = matched.and_then(|index| listening.satisfied.get_mut(index)) {
            *satisfied = true;
        }
        match listen.each {
            Some(_) => {
                listening.queue.push_back(item);
                self.settle_strategy(id, listen)?;
                self.process_next(id);
            }
            None => {
                self.settle_strategy(id, listen)?;
                self.close_if_idle(id);
            }
        }
        Ok(true)
    }

    /// The filter that takes the event; `Some(None)` when every event is taken.
    fn matching_filter(
        &mut self,
        id: FrameId,
        listen: &Listen,
        event: &Value,
    ) -> Result<Option<Option<usize>>, Error> {
        let strategy = &listen.strategy;
        if strategy.filters.is_empty() {
            return Ok((strategy.consumption == Consumption::Any).then_some(None));
        }
        for (index, filter) in strategy.filters.iter().enumerate() {
            let had = strategy.consumption == Consumption::All
                && self
                    .listening(id)
                    .is_some_and(|listening| listening.satisfied[index]);
            if !had && self.admits(id, filter, event)? {
                return Ok(Some(Some(index)));
            }
        }
        Ok(None)
    }

    /// Whether the event belongs to the strategy that ends the listening; if that is satisfied, closes.
    fn until_consumed(
        &mut self,
        id: FrameId,
        listen: &Listen,
        event: &Value,
    ) -> Result<bool, Error> {
        let Some(Until::Consumed(until)) = listen.strategy.until.as_deref() else {
            return Ok(false);
        };
        for (index, filter) in until.filters.iter().enumerate() {
            let had = self
                .listening(id)
                .is_some_and(|listening| listening.until_satisfied[index]);
            if had || !self.admits(id, filter, event)? {
                continue;
            }
            if let Some(listening) = self.listening_mut(id) {
                listening.until_satisfied[index] = true;
                listening.closed = match until.consumption {
                    Consumption::All => {
                        listening.until_satisfied.iter().all(|satisfied| *satisfied)
                    }
                    Consumption::One | Consumption::Any => true,
                };
            }
            return Ok(true);
        }
        Ok(false)
    }

    /// Closes the listening when its strategy is satisfied by what was consumed. With `foreach` an `until`
    /// condition is asked only after the event was processed, because it may read what the processing exported.
    fn settle_strategy(&mut self, id: FrameId, listen: &Listen) -> Result<(), Error> {
        let satisfied = match (
            listen.strategy.consumption,
            listen.strategy.until.as_deref(),
        ) {
            (Consumption::One, _) | (Consumption::Any, None) => true,
            (Consumption::All, _) => self
                .listening(id)
                .is_some_and(|listening| listening.satisfied.iter().all(|satisfied| *satisfied)),
            (Consumption::Any, Some(Until::Consumed(_))) => false,
            (Consumption::Any, Some(Until::Condition(condition))) => {
                listen.each.is_none() && self.until_holds(id, condition)?
            }
        };
        if satisfied && let Some(listening) = self.listening_mut(id) {
            listening.closed = true;
        }
        Ok(())
    }

    fn until_holds(&self, id: FrameId, condition: &Expr) -> Result<bool, Error> {
        let (Some(frame), Some(listening)) = (self.run.frames.get(id), self.listening(id)) else {
            return Ok(false);
        };
        let consumed: Value = listening.consumed.clone().into();
        let scope = Scoped::new(self, frame);
        condition
            .test(&consumed, &scope)
            .map_err(|error| self.expression_error(frame, error))
    }

    /// Begins to process the next consumed event, unless one is being processed.
    fn process_next(&mut self, id: FrameId) {
        let Some(listen) = self.listen_task(id) else {
            return;
        };
        let Some(each) = &listen.each else { return };
        let Some(listening) = self.listening_mut(id) else {
            return;
        };
        if listening.processing {
            return;
        }
        let Some(item) = listening.queue.pop_front() else {
            return self.close_if_idle(id);
        };
        listening.processing = true;
        let index = listening.outputs.len();
        self.bind_item(id, each, &item, index);
        self.proceed(id, Ok(Next::List(item)));
    }

    fn bind_item(&mut self, id: FrameId, each: &Iterator, item: &Value, index: usize) {
        let Some(frame) = self.run.frames.get(id) else {
            return;
        };
        let locals = self
            .outer_locals(frame)
            .bind(&each.item, item.clone())
            .bind(&each.at, (index as i64).into());
        if let Some(frame) = self.run.frames.get_mut(id) {
            frame.locals = locals;
            frame.cursor = Some(Cursor {
                list: each.body,
                at: 0,
                round: 0,
            });
        }
    }

    /// The tasks of `foreach` have run for one event.
    pub(crate) fn event_processed(&mut self, id: FrameId, output: Value) -> Transition {
        let Some(listen) = self.listen_task(id) else {
            return Ok(Next::Wait);
        };
        let Some(each) = &listen.each else {
            return Ok(Next::Wait);
        };
        let Some(frame) = self.run.frames.get(id) else {
            return Ok(Next::Wait);
        };
        let (output, context) = self.transformed(frame, output, &each.output, &each.export)?;
        if let Some(context) = context {
            let task = frame.task;
            self.note(
                task,
                TraceEvent::ContextChanged {
                    context: context.clone(),
                },
            );
            self.run.context = context;
        }
        if let Some(listening) = self.listening_mut(id) {
            listening.outputs.push(output);
            listening.processing = false;
        }
        if let Some(Until::Condition(condition)) = listen.strategy.until.as_deref()
            && self.until_holds(id, condition)?
            && let Some(listening) = self.listening_mut(id)
        {
            listening.closed = true;
            listening.queue.clear();
        }
        self.process_next(id);
        Ok(Next::Wait)
    }

    /// Ends the task once it is closed and nothing is left to process.
    fn close_if_idle(&mut self, id: FrameId) {
        let Some(each) = self.listen_task(id).map(|listen| listen.each.is_some()) else {
            return;
        };
        let Some(listening) = self.listening_mut(id) else {
            return;
        };
        if !listening.closed || listening.processing || !listening.queue.is_empty() {
            return;
        }
        let output = std::mem::take(if each {
            &mut listening.outputs
        } else {
            &mut listening.consumed
        });
        self.proceed(id, Ok(Next::Output(output.into())));
    }

    fn listen_task(&self, id: FrameId) -> Option<&'a Listen> {
        match self.kind(self.run.frames.get(id)?)? {
            Kind::Listen(listen) => Some(listen),
            _ => None,
        }
    }

    fn listening(&self, id: FrameId) -> Option<&Listening> {
        match &self.run.frames.get(id)?.activity {
            Activity::Listen(listening) => Some(listening),
            _ => None,
        }
    }

    fn listening_mut(&mut self, id: FrameId) -> Option<&mut Listening> {
        match &mut self.run.frames.get_mut(id)?.activity {
            Activity::Listen(listening) => Some(listening),
            _ => None,
        }
    }
}
