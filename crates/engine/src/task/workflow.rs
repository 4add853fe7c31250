//! `run: workflow`: a child run. Detached, it is only begun; otherwise its output is the task's, its error too.

use ferrovia_dsl::plan::RunWorkflow;

use crate::frame::{Activity, FrameId};
use crate::machine::{Machine, Next, Transition};
use crate::obligation::{Child, Obligation, ObligationId};
use crate::scope::Scoped;
use crate::trace::TraceEvent;

impl Machine<'_> {
    pub(crate) fn begin_workflow(&mut self, id: FrameId, workflow: &RunWorkflow) -> Transition {
        let Some(frame) = self.run.frames.get(id) else {
            return Ok(Next::Wait);
        };
        let task = frame.task;
        let input = match &workflow.input {
            Some(input) => {
                let scope = Scoped::new(self, frame);
                input
                    .evaluate(&frame.input, &scope)
                    .map_err(|error| self.expression_error(frame, error))?
            }
            None => frame.input.clone(),
        };
        self.check_open(&self.instance(task))?;
        self.set_activity(id, Activity::Awaiting { event: None });
        let child = ObligationId(self.place(id).into());
        self.note(
            task,
            TraceEvent::EffectRequested {
                id: child.0.clone(),
            },
        );
        self.owe(
            id,
            child,
            Obligation::Child(Child {
                namespace: workflow.namespace.clone(),
                name: workflow.name.clone(),
                version: workflow.version.clone(),
                input,
                detached: workflow.detached,
            }),
        );
        Ok(Next::Wait)
    }
}
