//! `switch`: takes the first case that holds and ends. Its output is its input.

use ferrovia_dsl::plan::{Case, Flow};
use ferrovia_expr::Value;

use crate::error::Error;
use crate::frame::Frame;
use crate::machine::Machine;
use crate::scope::Scoped;
use crate::trace::TraceEvent;

impl Machine<'_> {
    pub(crate) fn switch(
        &mut self,
        frame: &Frame,
        cases: &[Case],
    ) -> Result<(Value, Option<Flow>), Error> {
        let taken = self.matching_case(frame, cases)?;
        let flow = taken.map(|case| case.then);
        let event = TraceEvent::CaseTaken {
            case: taken.map(|case| case.name.clone()),
            flow: flow
                .or_else(|| Some(self.plan[frame.task?].then))
                .unwrap_or(Flow::Continue),
        };
        self.note(frame.task, event);
        Ok((frame.input.clone(), flow))
    }

    fn matching_case<'c>(
        &self,
        frame: &Frame,
        cases: &'c [Case],
    ) -> Result<Option<&'c Case>, Error> {
        let scope = Scoped::new(self, frame);
        for case in cases {
            let Some(when) = &case.when else {
                return Ok(Some(case));
            };
            if when
                .test(&frame.input, &scope)
                .map_err(|error| self.expression_error(frame, error))?
            {
                return Ok(Some(case));
            }
        }
        Ok(None)
    }
}
