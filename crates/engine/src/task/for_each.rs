//! `for`: one round of its list after another.
//!
//! ```text
//! begin ──► round 0 ──list done──► round n+1 ──► … ──no item left, or `while` false──► output of the last round
//! ```

use ferrovia_dsl::plan::{For, Kind};
use ferrovia_expr::Value;

use crate::error::{Error, ErrorType};
use crate::frame::{Activity, Cursor, FrameId};
use crate::machine::{Machine, Next, Transition};
use crate::scope::Scoped;
use crate::trace::TraceEvent;

impl Machine<'_> {
    pub(crate) fn begin_for(&mut self, id: FrameId, each: &For) -> Transition {
        let Some(frame) = self.run.frames.get(id) else {
            return Ok(Next::Wait);
        };
        let scope = Scoped::new(self, frame);
        let items = each.items.evaluate(&frame.input, &scope);
        let items = match items.map_err(|error| self.expression_error(frame, error))? {
            Value::Null => Value::Array(Default::default()),
            items @ Value::Array(_) => items,
            other => {
                let detail = format!("`for.in` must yield an array, not {}", other.type_name());
                return Err(Error::standard(
                    ErrorType::Expression,
                    &self.instance(frame.task),
                    detail,
                ));
            }
        };
        let input = frame.input.clone();
        self.set_activity(id, Activity::For { items, index: 0 });
        self.iterate(id, each, input)
    }

    pub(crate) fn next_iteration(&mut self, id: FrameId, output: Value) -> Transition {
        let plan = self.plan;
        let Some(frame) = self.run.frames.get_mut(id) else {
            return Ok(Next::Wait);
        };
        let Activity::For { index, .. } = &mut frame.activity else {
            return Ok(Next::Wait);
        };
        *index += 1;
        let Some(Kind::For(each)) = frame.task.map(|task| &plan[task].kind) else {
            return Ok(Next::Wait);
        };
        self.iterate(id, each, output)
    }

    /// Begins the round at the frame's index, or ends the loop.
    fn iterate(&mut self, id: FrameId, each: &For, input: Value) -> Transition {
        let Some(frame) = self.run.frames.get(id) else {
            return Ok(Next::Wait);
        };
        let Activity::For { items, index } = &frame.activity else {
            return Ok(Next::Wait);
        };
        let Some(item) = items
            .as_array()
            .and_then(|items| items.get(*index as usize))
        else {
            return Ok(Next::Output(input));
        };
        let (index, item) = (*index, item.clone());
        let locals = self
            .outer_locals(frame)
            .bind(&each.each, item)
            .bind(&each.at, i64::from(index).into());
        let Some(frame) = self.run.frames.get_mut(id) else {
            return Ok(Next::Wait);
        };
        frame.locals = locals;
        frame.cursor = Some(Cursor {
            list: each.body,
            at: 0,
            round: 0,
        });
        let task = frame.task;
        if let Some(condition) = &each.condition {
            let Some(frame) = self.run.frames.get(id) else {
                return Ok(Next::Wait);
            };
            let scope = Scoped::new(self, frame);
            let goes_on = condition
                .test(&input, &scope)
                .map_err(|error| self.expression_error(frame, error))?;
            if !goes_on {
                return Ok(Next::Output(input));
            }
        }
        self.note(task, TraceEvent::IterationStarted { index });
        Ok(Next::List(input))
    }
}
