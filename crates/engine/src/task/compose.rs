//! `do` and function calls: one list, or one body with an input of its own.

use ferrovia_dsl::plan::{Function, FunctionBody};
use ferrovia_expr::Object;

use crate::error::{Error, ErrorType};
use crate::frame::{Activity, FrameId, Locals};
use crate::machine::{Machine, Next, Transition};
use crate::run::Work;
use crate::scope::Scoped;

impl Machine<'_> {
    pub(crate) fn begin_do(&mut self, id: FrameId) -> Transition {
        let input = self.run.frames.get(id).map(|frame| frame.input.clone());
        Ok(input.map_or(Next::Wait, Next::List))
    }

    pub(crate) fn begin_function(&mut self, id: FrameId, function: &Function) -> Transition {
        let Some(frame) = self.run.frames.get(id) else {
            return Ok(Next::Wait);
        };
        let input = match &function.with {
            Some(with) => {
                let scope = Scoped::new(self, frame);
                with.evaluate(&frame.input, &scope)
                    .map_err(|error| self.expression_error(frame, error))?
            }
            None => Object::default().into(),
        };
        let body = match &function.body {
            FunctionBody::Task(body) => *body,
            FunctionBody::Missing(reason) => {
                let instance = self.instance(frame.task);
                return Err(Error::standard(
                    ErrorType::Configuration,
                    &instance,
                    reason.clone(),
                ));
            }
        };
        if let Some(frame) = self.run.frames.get_mut(id) {
            frame.activity = Activity::Function;
            // A function sees its own input, not the variables of loops around its call.
            frame.locals = Locals::default();
        }
        self.run.work.push_back(Work::Enter {
            parent: id,
            slot: 0,
            task: body,
            input,
        });
        Ok(Next::Wait)
    }
}
