//! `try`: a list whose errors are caught, retried and handled.
//!
//! ```text
//! begin ──► Body ──list done──► output
//!            │ ▲
//!      caught│ └──delay over── Delay ◄─┐
//!            └──retry left?──yes───────┘
//!                    └──no──► Catch ──list done──► output
//! ```
//! An error that is not caught, and one whose retries are used up with neither `do` nor `then`, goes on to the parent.

use std::sync::Arc;

use ferrovia_dsl::plan::{Backoff, Catch, ErrorFilter, Kind, Retry, Try};
use ferrovia_expr::{Expr, Value};

use crate::error::{Error, ErrorType, same_type};
use crate::frame::{Activity, Cursor, Frame, FrameId, Locals, TryPhase};
use crate::machine::{ATTEMPT, Machine, Next, RETRY, Transition};
use crate::obligation::{Obligation, ObligationId, Timer};
use crate::scope::Scoped;
use crate::seed::Randomness;
use crate::trace::TraceEvent;

/// The longest delay that a backoff grows to: one day.
const RETRY_DELAY_MS_MAX: u64 = 24 * 60 * 60 * 1_000;

impl<'a> Machine<'a> {
    pub(crate) fn begin_try(&mut self, id: FrameId) -> Transition {
        let first_started_ms = self.cx.now_ms;
        self.set_activity(
            id,
            Activity::Try {
                attempt: 0,
                first_started_ms,
                phase: TryPhase::Body,
            },
        );
        self.attempt(id)
    }

    /// Runs the list once more from its start.
    fn attempt(&mut self, id: FrameId) -> Transition {
        let Some(task) = self.try_task(id) else {
            return Ok(Next::Wait);
        };
        let Some(frame) = self.run.frames.get_mut(id) else {
            return Ok(Next::Wait);
        };
        frame.cursor = Some(Cursor {
            list: task.body,
            at: 0,
            round: 0,
        });
        let input = frame.input.clone();
        if let Some(limit) = task
            .catch
            .retry
            .as_ref()
            .and_then(|retry| retry.attempt_limit.as_ref())
        {
            let Some(frame) = self.run.frames.get(id) else {
                return Ok(Next::Wait);
            };
            let due_ms = self.due(frame, limit)?;
            self.owe(
                id,
                self.attempt_timer(id),
                Obligation::Timer(Timer { due_ms }),
            );
        }
        Ok(Next::List(input))
    }

    pub(crate) fn try_list_done(&mut self, id: FrameId, output: Value) -> Transition {
        let Some(task) = self.try_task(id) else {
            return Ok(Next::Wait);
        };
        let phase = self.run.frames.get(id).map(|frame| &frame.activity);
        match (phase, task.catch.then) {
            (
                Some(Activity::Try {
                    phase: TryPhase::Catch(_),
                    ..
                }),
                Some(flow),
            ) => Ok(Next::Directed(output, flow)),
            _ => Ok(Next::Output(output)),
        }
    }

    pub(crate) fn try_failed(&mut self, id: FrameId, error: Error) -> Transition {
        let Some(task) = self.try_task(id) else {
            return Err(error);
        };
        let Some(frame) = self.run.frames.get_mut(id) else {
            return Err(error);
        };
        let Activity::Try {
            attempt,
            first_started_ms,
            phase: TryPhase::Body,
        } = &frame.activity
        else {
            return Err(error);
        };
        let (attempt, first_started_ms) = (*attempt, *first_started_ms);
        // The handlers see the error; what the failed list had bound is gone with its frames.
        let caller = frame.locals.clone();
        frame.locals = caller.bind(&task.catch.variable, error.to_value());
        self.retract_attempt_timer(id);
        if !self.catches(id, &task.catch, &error)? {
            return Err(error);
        }
        let task_id = self.run.frames.get(id).and_then(|frame| frame.task);
        self.note(
            task_id,
            TraceEvent::ErrorCaught {
                error: error.clone(),
            },
        );
        if let Some(retry) = &task.catch.retry {
            if let Some(delay_ms) =
                self.retry_delay(id, retry, &error, attempt, first_started_ms)?
            {
                self.restore_locals(id, caller);
                return self.plan_retry(id, attempt + 1, delay_ms, error);
            }
            if task.catch.body.is_none() && task.catch.then.is_none() {
                return Err(error);
            }
        }
        self.handle(id, &task.catch, error)
    }

    fn restore_locals(&mut self, id: FrameId, locals: Locals) {
        if let Some(frame) = self.run.frames.get_mut(id) {
            frame.locals = locals;
        }
    }

    fn handle(&mut self, id: FrameId, catch: &Catch, error: Error) -> Transition {
        let Some(frame) = self.run.frames.get_mut(id) else {
            return Ok(Next::Wait);
        };
        let input = frame.input.clone();
        let Some(body) = catch.body else {
            return Ok(match catch.then {
                Some(flow) => Next::Directed(input, flow),
                None => Next::Output(input),
            });
        };
        frame.cursor = Some(Cursor {
            list: body,
            at: 0,
            round: 0,
        });
        if let Activity::Try { phase, .. } = &mut frame.activity {
            *phase = TryPhase::Catch(error);
        }
        Ok(Next::List(input))
    }

    fn plan_retry(&mut self, id: FrameId, attempt: u32, delay_ms: u64, error: Error) -> Transition {
        let task = self.run.frames.get(id).and_then(|frame| frame.task);
        self.note(
            task,
            TraceEvent::RetryPlanned {
                attempt,
                delay_ms,
                error,
            },
        );
        if let Some(Activity::Try {
            attempt: current,
            phase,
            ..
        }) = self.run.frames.get_mut(id).map(|frame| &mut frame.activity)
        {
            *current = attempt;
            *phase = TryPhase::Delay;
        }
        if delay_ms == 0 {
            return self.retry(id);
        }
        let due_ms = self.cx.now_ms.saturating_add(delay_ms as i64);
        let timer = ObligationId(format!("{}#{RETRY}", self.place_below(id)).into());
        self.owe(id, timer, Obligation::Timer(Timer { due_ms }));
        Ok(Next::Wait)
    }

    fn retry(&mut self, id: FrameId) -> Transition {
        if let Some(Activity::Try { phase, .. }) =
            self.run.frames.get_mut(id).map(|frame| &mut frame.activity)
        {
            *phase = TryPhase::Body;
        }
        self.attempt(id)
    }

    pub(crate) fn retry_due(&mut self, id: FrameId) {
        let next = self.retry(id);
        self.proceed(id, next);
    }

    pub(crate) fn attempt_timed_out(&mut self, id: FrameId) {
        self.remove_children(id);
        let instance = self.instance(self.run.frames.get(id).and_then(|frame| frame.task));
        let error = Error::standard(
            ErrorType::Timeout,
            &instance,
            "the attempt took longer than its limit",
        );
        let next = self.try_failed(id, error);
        self.proceed(id, next);
    }

    fn attempt_timer(&self, id: FrameId) -> ObligationId {
        ObligationId(format!("{}#{ATTEMPT}", self.place_below(id)).into())
    }

    fn retract_attempt_timer(&mut self, id: FrameId) {
        let timer = self.attempt_timer(id);
        self.run.obligations.retract(&timer);
        if let Some(frame) = self.run.frames.get_mut(id) {
            frame.obligations.retain(|open| *open != timer);
        }
    }

    fn catches(&self, id: FrameId, catch: &Catch, error: &Error) -> Result<bool, Error> {
        if !passes(&catch.filter, error) {
            return Ok(false);
        }
        self.holds(id, catch.when.as_ref(), catch.except_when.as_ref(), error)
    }

    /// Whether `when` holds and `exceptWhen` does not, evaluated on the error.
    fn holds(
        &self,
        id: FrameId,
        when: Option<&Expr>,
        except_when: Option<&Expr>,
        error: &Error,
    ) -> Result<bool, Error> {
        let Some(frame) = self.run.frames.get(id) else {
            return Ok(false);
        };
        let value = error.to_value();
        let test = |expr: &Expr| {
            let scope = Scoped::new(self, frame);
            expr.test(&value, &scope)
                .map_err(|error| self.expression_error(frame, error))
        };
        Ok(when.map(test).transpose()?.unwrap_or(true)
            && !except_when.map(test).transpose()?.unwrap_or(false))
    }

    /// How long to wait before the next attempt; `None` when there is none.
    fn retry_delay(
        &self,
        id: FrameId,
        retry: &Retry,
        error: &Error,
        attempt: u32,
        first_started_ms: i64,
    ) -> Result<Option<u64>, Error> {
        let Some(frame) = self.run.frames.get(id) else {
            return Ok(None);
        };
        let exhausted = retry.count.is_some_and(|count| attempt >= count);
        if exhausted || !self.holds(id, retry.when.as_ref(), retry.except_when.as_ref(), error)? {
            return Ok(None);
        }
        let delay_ms = self.backoff(frame, retry, attempt + 1, id)?;
        if let Some(limit) = &retry.total_limit {
            let elapsed = self.cx.now_ms.saturating_sub(first_started_ms).max(0) as u64;
            if elapsed.saturating_add(delay_ms) > self.milliseconds(frame, limit)? {
                return Ok(None);
            }
        }
        Ok(Some(delay_ms))
    }

    fn backoff(
        &self,
        frame: &Frame,
        retry: &Retry,
        number: u32,
        id: FrameId,
    ) -> Result<u64, Error> {
        let delay = retry
            .delay
            .as_ref()
            .map(|delay| self.milliseconds(frame, delay))
            .transpose()?
            .unwrap_or(0);
        let grown = match retry.backoff {
            Backoff::Constant => delay,
            Backoff::Linear => delay.saturating_mul(u64::from(number)),
            Backoff::Exponential => {
                delay.saturating_mul(1u64.checked_shl(number - 1).unwrap_or(u64::MAX))
            }
        };
        let jitter = match &retry.jitter {
            Some((from, to)) => {
                let (from, to) = (
                    self.milliseconds(frame, from)?,
                    self.milliseconds(frame, to)?,
                );
                let place = format!("{}#jitter{number}", self.place(id));
                Randomness::at(self.run.seed, &place).between(from, to)
            }
            None => 0,
        };
        Ok(grown.min(RETRY_DELAY_MS_MAX).saturating_add(jitter))
    }

    fn try_task(&self, id: FrameId) -> Option<&'a Try> {
        match self.kind(self.run.frames.get(id)?)? {
            Kind::Try(task) => Some(task),
            _ => None,
        }
    }
}

fn passes(filter: &ErrorFilter, error: &Error) -> bool {
    let equal = |wanted: &Option<Arc<str>>, actual: &str| {
        wanted.as_deref().is_none_or(|wanted| wanted == actual)
    };
    filter
        .kind
        .as_deref()
        .is_none_or(|kind| same_type(kind, &error.kind))
        && filter.status.is_none_or(|status| status == error.status)
        && equal(&filter.instance, &error.instance)
        && equal(&filter.title, &error.title)
        && equal(&filter.detail, error.detail.as_deref().unwrap_or_default())
}
