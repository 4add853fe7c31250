//! The variables that expressions see, built only when one asks for them.

use std::sync::Arc;

use ferrovia_expr::{Object, Scope, Value};
use jiff::Timestamp;

use crate::frame::Frame;
use crate::machine::Machine;

/// The standard's arguments at one place of one task.
pub(crate) struct Scoped<'a> {
    machine: &'a Machine<'a>,
    frame: &'a Frame,
    raw_output: Option<&'a Value>,
    output: Option<&'a Value>,
}

impl<'a> Scoped<'a> {
    pub(crate) fn new(machine: &'a Machine<'_>, frame: &'a Frame) -> Scoped<'a> {
        Scoped {
            machine,
            frame,
            raw_output: None,
            output: None,
        }
    }

    pub(crate) fn raw_output(self, raw_output: &'a Value) -> Self {
        Scoped {
            raw_output: Some(raw_output),
            ..self
        }
    }

    pub(crate) fn output(self, output: &'a Value) -> Self {
        Scoped {
            output: Some(output),
            ..self
        }
    }

    /// `$task`.
    pub(crate) fn task(&self) -> Value {
        let Some(task) = self.frame.task.map(|task| &self.machine.plan[task]) else {
            return Value::Null;
        };
        let mut object = Object::default();
        object.insert("name", task.name.clone());
        object.insert("reference", task.pointer.clone());
        object.insert("definition", task.definition.clone());
        object.insert("input", self.frame.raw_input.clone());
        if let Some(output) = self.raw_output {
            object.insert("output", output.clone());
        }
        object.insert("startedAt", date_time(self.frame.started_ms));
        // The standard's own extension example reads these of the task itself.
        for key in ["call", "with"] {
            if let Some(value) = task.definition.get(key) {
                object.insert(key, value.clone());
            }
        }
        object.into()
    }

    fn workflow(&self) -> Value {
        let run = &self.machine.run;
        let mut object = Object::default();
        object.insert("id", run.id.clone());
        object.insert("definition", self.machine.plan.definition.clone());
        object.insert("input", run.input.clone());
        object.insert("startedAt", date_time(run.started_ms));
        object.into()
    }

    fn runtime(&self) -> Value {
        let runtime = self.machine.cx.runtime;
        let mut object = Object::default();
        object.insert("name", runtime.name.clone());
        object.insert("version", runtime.version.clone());
        object.insert("metadata", runtime.metadata.clone());
        object.into()
    }
}

impl Scope for Scoped<'_> {
    fn variable(&self, name: &str) -> Option<Value> {
        if let Some(value) = self.frame.locals.get(name) {
            return Some(value.clone());
        }
        match name {
            "context" => Some(self.machine.run.context.clone()),
            "input" => Some(self.frame.input.clone()),
            "output" => self.output.cloned(),
            "task" => Some(self.task()),
            "workflow" => Some(self.workflow()),
            "runtime" => Some(self.runtime()),
            "secrets" | "secret" => self.machine.run.secrets.clone(),
            _ => None,
        }
    }

    fn now_ms(&self) -> i64 {
        self.machine.cx.now_ms
    }
}

/// The standard's date-time descriptor.
fn date_time(ms: i64) -> Value {
    let mut epoch = Object::default();
    epoch.insert("seconds", ms.div_euclid(1_000));
    epoch.insert("milliseconds", ms);
    let mut object = Object::default();
    object.insert("iso8601", iso_8601(ms));
    object.insert("epoch", epoch);
    object.into()
}

/// Milliseconds since the epoch as ISO 8601 in UTC. A time that no calendar holds becomes the epoch.
pub(crate) fn iso_8601(ms: i64) -> Arc<str> {
    let timestamp = Timestamp::from_millisecond(ms).unwrap_or(Timestamp::UNIX_EPOCH);
    format!("{timestamp:.3}").into()
}
