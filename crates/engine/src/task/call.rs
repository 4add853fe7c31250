//! `call` and `run` of a process: one effect.
//!
//! ```text
//! begin ──► Awaiting ──completed──► output (detached: the input)
//!                    └─failed────► error
//! ```

use std::sync::Arc;

use ferrovia_dsl::plan::{Call, Kind};
use ferrovia_expr::Value;

use crate::frame::{Activity, FrameId};
use crate::input::EffectOutput;
use crate::machine::{Machine, Next, Transition};
use crate::obligation::{Effect, EffectRequest, Obligation, ObligationId};
use crate::scope::Scoped;
use crate::trace::TraceEvent;

impl Machine<'_> {
    pub(crate) fn begin_call(&mut self, id: FrameId, call: &Call) -> Transition {
        let Some(frame) = self.run.frames.get(id) else {
            return Ok(Next::Wait);
        };
        let scope = Scoped::new(self, frame);
        let arguments = call.arguments.arguments(&frame.input, &scope);
        let arguments = arguments.map_err(|error| self.expression_error(frame, error))?;
        let request = EffectRequest {
            kind: call.kind,
            arguments,
            detached: call.detached,
            delivery: call.delivery,
        };
        self.request(id, request)
    }

    /// Owes an effect to a frame.
    pub(crate) fn request(&mut self, id: FrameId, request: EffectRequest) -> Transition {
        let Some(task) = self.run.frames.get(id).and_then(|frame| frame.task) else {
            return Ok(Next::Wait);
        };
        self.check_open(&self.instance(Some(task)))?;
        self.set_activity(id, Activity::Awaiting { event: None });
        let effect = ObligationId(self.place(id).into());
        self.note(
            Some(task),
            TraceEvent::EffectRequested {
                id: effect.0.clone(),
            },
        );
        self.owe(
            id,
            effect,
            Obligation::Effect(Effect {
                task,
                request: Arc::new(request),
            }),
        );
        Ok(Next::Wait)
    }

    /// What a frame awaited has come.
    pub(crate) fn awaited(&mut self, id: FrameId, output: EffectOutput) -> Transition {
        let Some(frame) = self.run.frames.get_mut(id) else {
            return Ok(Next::Wait);
        };
        let event = match &mut frame.activity {
            Activity::Awaiting { event } => event.take(),
            _ => None,
        };
        if let Some(scheme) = output.authorization_scheme {
            let authorization: ferrovia_expr::Object =
                [("scheme", Value::Str(scheme))].into_iter().collect();
            frame.locals = frame
                .locals
                .bind(&"authorization".into(), authorization.into());
        }
        let input = frame.input.clone();
        let detached = match self.run.frames.get(id).and_then(|frame| self.kind(frame)) {
            Some(Kind::Call(call)) => call.detached,
            Some(Kind::RunWorkflow(child)) => child.detached,
            _ => false,
        };
        Ok(Next::Output(match event {
            Some(event) => event,
            None if detached => input,
            None => output.value,
        }))
    }

    pub(crate) fn set_activity(&mut self, id: FrameId, activity: Activity) {
        if let Some(frame) = self.run.frames.get_mut(id) {
            frame.activity = activity;
        }
    }
}
