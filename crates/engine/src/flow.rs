//! The data flow around every task and around the workflow, in the standard's order:
//! `if` → input schema → `input.from` → the task → `output.as` → output schema → `export.as` → export schema → `then`.

use ferrovia_dsl::plan::{
    Duration, Flow, InputSpec, Kind, OutputSpec, Schema, SchemaError, TaskId,
};
use ferrovia_expr::{EvalError, Value};

use crate::error::{Error, ErrorType};
use crate::frame::{Activity, Cursor, Frame, FrameId};
use crate::machine::{Machine, TIMEOUT};
use crate::obligation::{Obligation, ObligationId, Timer};
use crate::run::{Undo, Work};
use crate::scope::Scoped;
use crate::trace::TraceEvent;

/// Tasks of a run that can be taken back; each is kept with its input and its output.
pub(crate) const UNDOS_MAX: usize = 10_000;

impl Machine<'_> {
    /// Enters a task: decides whether it runs, prepares its input, and gives its kind control.
    pub(crate) fn enter(&mut self, parent: FrameId, slot: u32, task_id: TaskId, raw_input: Value) {
        let plan = self.plan;
        let task = &plan[task_id];
        let Some(locals) = self
            .run
            .frames
            .get(parent)
            .map(|parent| parent.locals.clone())
        else {
            return;
        };
        let mut frame = Frame {
            parent: Some(parent),
            slot,
            task: Some(task_id),
            raw_input: raw_input.clone(),
            input: raw_input,
            started_ms: self.cx.now_ms,
            locals,
            activity: Activity::Sequence,
            cursor: None,
            children: Vec::new(),
            obligations: Vec::new(),
        };
        if let Kind::Extended(extended) = &task.kind {
            return self.begin_extended(frame, extended);
        }
        match self.is_wanted(&frame) {
            Ok(true) => {}
            Ok(false) => {
                self.note_task(parent, Some(task_id), TraceEvent::TaskSkipped);
                let output = frame.raw_input;
                return self.run.work.push_back(Work::Done {
                    parent,
                    slot,
                    output,
                    flow: task.then,
                });
            }
            Err(error) => return self.fail_unframed(&frame, error),
        }
        self.note_task(
            parent,
            Some(task_id),
            TraceEvent::TaskStarted {
                input: frame.raw_input.clone(),
            },
        );
        match self.task_input(&frame, &task.input) {
            Ok(Some(input)) => frame.input = input,
            Ok(None) => {}
            Err(error) => return self.fail_unframed(&frame, error),
        }
        self.begin(frame, &task.kind);
    }

    /// Gives a task kind control. Kinds that end at once never get a frame in the table.
    fn begin(&mut self, mut frame: Frame, kind: &Kind) {
        let at_once = match kind {
            Kind::Set(template) => self.set(&frame, template).map(|output| (output, None)),
            Kind::Switch(cases) => self.switch(&frame, cases),
            Kind::Raise(raise) => Err(self.raise(&frame, &raise.error)),
            _ => return self.begin_framed(frame, kind),
        };
        match at_once {
            Ok((output, directed)) => self.complete_unframed(&mut frame, output, directed),
            Err(error) => self.fail_unframed(&frame, error),
        }
    }

    fn begin_framed(&mut self, mut frame: Frame, kind: &Kind) {
        let timeout = frame.task.and_then(|task| self.plan[task].timeout.as_ref());
        let due = match timeout.map(|timeout| self.due(&frame, timeout)).transpose() {
            Ok(due) => due,
            Err(error) => return self.fail_unframed(&frame, error),
        };
        if let Kind::Do(list) = kind {
            frame.cursor = Some(Cursor {
                list: *list,
                at: 0,
                round: 0,
            });
        }
        let id = self.run.frames.insert(frame);
        if let Some(due_ms) = due {
            let timer = ObligationId(format!("{}#{TIMEOUT}", self.place(id)).into());
            self.owe(id, timer, Obligation::Timer(Timer { due_ms }));
        }
        let next = match kind {
            Kind::Do(_) => self.begin_do(id),
            Kind::Call(call) => self.begin_call(id, call),
            Kind::Emit(emit) => self.begin_emit(id, emit),
            Kind::For(each) => self.begin_for(id, each),
            Kind::Fork(fork) => self.begin_fork(id, fork),
            Kind::Listen(listen) => self.begin_listen(id, listen),
            Kind::RunWorkflow(child) => self.begin_workflow(id, child),
            Kind::Try(_) => self.begin_try(id),
            Kind::Wait(duration) => self.begin_wait(id, duration),
            Kind::Function(function) => self.begin_function(id, function),
            Kind::Set(_) | Kind::Switch(_) | Kind::Raise(_) | Kind::Extended(_) => {
                unreachable!("kinds that end at once and wrappers are handled by the caller")
            }
        };
        self.proceed(id, next);
    }

    /// A framed task is over with its raw output.
    pub(crate) fn complete(&mut self, id: FrameId, output: Value, directed: Option<Flow>) {
        let Some(frame) = self.run.frames.get(id) else {
            return;
        };
        let Some(task) = frame.task else { return };
        match self.task_output(frame, output) {
            Ok((output, context)) => {
                let Some(frame) = self.remove(id) else { return };
                if let Some(parent) = frame.parent {
                    let place = (parent, frame.slot, task);
                    self.leave(place, frame.raw_input, output, context, directed);
                }
            }
            Err(error) => self.fail(id, error),
        }
    }

    fn complete_unframed(&mut self, frame: &mut Frame, output: Value, directed: Option<Flow>) {
        let (Some(parent), Some(task)) = (frame.parent, frame.task) else {
            return;
        };
        match self.task_output(frame, output) {
            Ok((output, context)) => {
                let input = std::mem::take(&mut frame.raw_input);
                self.leave((parent, frame.slot, task), input, output, context, directed)
            }
            Err(error) => self.fail_unframed(frame, error),
        }
    }

    fn leave(
        &mut self,
        (parent, slot, task): (FrameId, u32, TaskId),
        input: Value,
        output: Value,
        context: Option<Value>,
        directed: Option<Flow>,
    ) {
        let flow = directed.unwrap_or(self.plan[task].then);
        self.note_task(
            parent,
            Some(task),
            TraceEvent::TaskCompleted {
                output: output.clone(),
                flow,
            },
        );
        if self.plan[task].undo.is_some() && self.run.undoing.is_none() {
            if self.run.undos.len() >= UNDOS_MAX {
                let detail = format!(
                    "more than {UNDOS_MAX} things were done that would have to be taken back"
                );
                let error = Error::standard(ErrorType::Runtime, &self.instance(Some(task)), detail);
                return self.fault(error);
            }
            self.run.undos.push(Undo {
                of: task,
                input,
                output: output.clone(),
            });
        }
        if let Some(context) = context {
            self.note(
                Some(task),
                TraceEvent::ContextChanged {
                    context: context.clone(),
                },
            );
            self.run.context = context;
        }
        self.run.work.push_back(Work::Done {
            parent,
            slot,
            output,
            flow,
        });
    }

    fn fail_unframed(&mut self, frame: &Frame, error: Error) {
        if let Some(parent) = frame.parent {
            self.note_task(
                parent,
                frame.task,
                TraceEvent::TaskFaulted {
                    error: error.clone(),
                },
            );
            self.run.work.push_back(Work::Failed {
                parent,
                slot: frame.slot,
                error,
            });
        }
    }

    fn is_wanted(&self, frame: &Frame) -> Result<bool, Error> {
        let condition = frame
            .task
            .and_then(|task| self.plan[task].condition.as_ref());
        let Some(condition) = condition else {
            return Ok(true);
        };
        let scope = Scoped::new(self, frame);
        condition
            .test(&frame.raw_input, &scope)
            .map_err(|error| self.expression_error(frame, error))
    }

    fn task_input(&self, frame: &Frame, spec: &InputSpec) -> Result<Option<Value>, Error> {
        let instance = self.instance(frame.task);
        check(spec.schema.as_ref(), &frame.raw_input, &instance, "input")?;
        let Some(from) = &spec.from else {
            return Ok(None);
        };
        let scope = Scoped::new(self, frame);
        from.evaluate(&frame.raw_input, &scope)
            .map(Some)
            .map_err(|error| self.expression_error(frame, error))
    }

    /// The transformed output, and the new context where the task exports one.
    fn task_output(&self, frame: &Frame, raw: Value) -> Result<(Value, Option<Value>), Error> {
        let Some(task) = frame.task.map(|task| &self.plan[task]) else {
            return Ok((raw, None));
        };
        self.transformed(frame, raw, &task.output, &task.export)
    }

    pub(crate) fn transformed(
        &self,
        frame: &Frame,
        raw: Value,
        output: &OutputSpec,
        export: &OutputSpec,
    ) -> Result<(Value, Option<Value>), Error> {
        let instance = self.instance(frame.task);
        let transformed = match &output.transform {
            Some(transform) => {
                let scope = Scoped::new(self, frame).raw_output(&raw);
                transform
                    .evaluate(&raw, &scope)
                    .map_err(|error| self.expression_error(frame, error))?
            }
            None => raw.clone(),
        };
        check(output.schema.as_ref(), &transformed, &instance, "output")?;
        let context = match &export.transform {
            Some(transform) => {
                let scope = Scoped::new(self, frame)
                    .raw_output(&raw)
                    .output(&transformed);
                let context = transform.evaluate(&transformed, &scope);
                Some(context.map_err(|error| self.expression_error(frame, error))?)
            }
            None => None,
        };
        // A schema without `as` has nothing to speak of but what the task gives.
        check(
            export.schema.as_ref(),
            context.as_ref().unwrap_or(&transformed),
            &instance,
            "exported context",
        )?;
        Ok((transformed, context))
    }

    /// When something is due that a frame's expressions say how far off it is.
    pub(crate) fn due(&self, frame: &Frame, duration: &Duration) -> Result<i64, Error> {
        let ms = self.milliseconds(frame, duration)?;
        Ok(self
            .cx
            .now_ms
            .saturating_add(i64::try_from(ms).unwrap_or(i64::MAX)))
    }

    pub(crate) fn milliseconds(&self, frame: &Frame, duration: &Duration) -> Result<u64, Error> {
        let scope = Scoped::new(self, frame);
        duration
            .milliseconds(&frame.input, &scope)
            .map_err(|error| {
                Error::standard(
                    ErrorType::Expression,
                    &self.instance(frame.task),
                    error.to_string(),
                )
            })
    }

    /// Validates and transforms the workflow's input; sets its timeout.
    pub(crate) fn workflow_input(&mut self, root: FrameId, input: Value) -> Result<Value, Error> {
        let plan = self.plan;
        check(plan.input.schema.as_ref(), &input, "/input", "input")?;
        let Some(frame) = self.run.frames.get(root) else {
            return Ok(input);
        };
        let input = match &plan.input.from {
            Some(from) => {
                let scope = Scoped::new(self, frame);
                let transformed = from.evaluate(&input, &scope);
                transformed.map_err(|error| {
                    Error::standard(ErrorType::Expression, "/input/from", error.to_string())
                })?
            }
            None => input,
        };
        if let Some(frame) = self.run.frames.get_mut(root) {
            frame.input = input.clone();
        }
        if let Some(timeout) = &plan.timeout {
            let Some(frame) = self.run.frames.get(root) else {
                return Ok(input);
            };
            let due_ms = self.due(frame, timeout)?;
            self.owe(
                root,
                ObligationId(format!("#{TIMEOUT}").into()),
                Obligation::Timer(Timer { due_ms }),
            );
        }
        Ok(input)
    }

    pub(crate) fn workflow_output(&self, output: Value) -> Result<Value, Error> {
        let root = self
            .run
            .frames
            .root()
            .and_then(|root| self.run.frames.get(root));
        let transformed = match (&self.plan.output.transform, root) {
            (Some(transform), Some(frame)) => {
                let scope = Scoped::new(self, frame);
                let transformed = transform.evaluate(&output, &scope);
                transformed.map_err(|error| {
                    Error::standard(ErrorType::Expression, "/output/as", error.to_string())
                })?
            }
            _ => output,
        };
        check(
            self.plan.output.schema.as_ref(),
            &transformed,
            "/output",
            "output",
        )?;
        Ok(transformed)
    }

    pub(crate) fn expression_error(&self, frame: &Frame, error: EvalError) -> Error {
        Error::standard(
            ErrorType::Expression,
            &self.instance(frame.task),
            error.to_string(),
        )
    }
}

fn check(schema: Option<&Schema>, value: &Value, instance: &str, what: &str) -> Result<(), Error> {
    match schema.map(|schema| schema.validate(value)) {
        None | Some(Ok(())) => Ok(()),
        Some(Err(SchemaError::Invalid(violations))) => {
            let detail = format!("the {what} does not match its schema: {violations}");
            Err(Error::standard(ErrorType::Validation, instance, detail))
        }
        Some(Err(SchemaError::Missing(reason))) => {
            Err(Error::standard(ErrorType::Configuration, instance, reason))
        }
    }
}
