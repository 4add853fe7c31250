//! `emit`: publishes a CloudEvent as an effect; the output is the event.

use ferrovia_dsl::plan::{Arguments, CallKind, Delivery, Emit};
use ferrovia_expr::{Object, Value};

use crate::error::{Error, ErrorType};
use crate::frame::{Activity, FrameId};
use crate::machine::{Machine, Next, Transition};
use crate::obligation::EffectRequest;
use crate::scope::{Scoped, iso_8601};
use crate::seed::Randomness;

impl Machine<'_> {
    pub(crate) fn begin_emit(&mut self, id: FrameId, emit: &Emit) -> Transition {
        let Some(frame) = self.run.frames.get(id) else {
            return Ok(Next::Wait);
        };
        let scope = Scoped::new(self, frame);
        let attributes = emit.event.evaluate(&frame.input, &scope);
        let attributes = attributes.map_err(|error| self.expression_error(frame, error))?;
        let instance = self.instance(frame.task);
        let event = self.event(id, &attributes, &instance)?;
        let request = EffectRequest {
            kind: CallKind::Emit,
            arguments: Arguments {
                value: event.clone(),
                sealed: Vec::new(),
            },
            detached: false,
            delivery: Delivery::AtLeastOnce,
        };
        let next = self.request(id, request)?;
        self.set_activity(id, Activity::Awaiting { event: Some(event) });
        Ok(next)
    }

    /// A CloudEvent with the attributes that the author left out.
    fn event(&self, id: FrameId, attributes: &Value, instance: &str) -> Result<Value, Error> {
        let invalid = |detail: String| Error::standard(ErrorType::Expression, instance, detail);
        let attributes = attributes.as_object().ok_or_else(|| {
            invalid(format!(
                "an event is an object of attributes, not {}",
                attributes.type_name()
            ))
        })?;
        let mut event = Object::default();
        event.insert("specversion", "1.0");
        event.insert("id", Randomness::at(self.run.seed, &self.place(id)).uuid());
        let identity = &self.plan.identity;
        event.insert(
            "source",
            format!(
                "/{}/{}/{}",
                identity.namespace, identity.name, identity.version
            ),
        );
        event.insert("type", Value::Null);
        event.insert("time", iso_8601(self.cx.now_ms));
        for (name, value) in attributes.iter() {
            event.insert(name.clone(), value.clone());
        }
        for required in ["id", "source", "type"] {
            if event
                .get(required)
                .and_then(Value::as_str)
                .is_none_or(str::is_empty)
            {
                return Err(invalid(format!("the event's `{required}` is not a text")));
            }
        }
        Ok(event.into())
    }
}
