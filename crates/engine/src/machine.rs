//! One step: an input is taken in, then transitions run until nothing is left that needs no outside.

use ferrovia_dsl::plan::{Flow, Plan, SEMANTICS};
use ferrovia_expr::Value;

use crate::error::{Error, ErrorType};
use crate::frame::{Activity, Cursor, Frame, FrameId, Locals};
use crate::input::{Cx, Input, Outcome, Refusal};
use crate::obligation::{Command, Obligation, ObligationId};
use crate::run::{Ending, Phase, Run, Work};
use crate::trace::{TraceEntry, TraceEvent};

/// Transitions that one step makes at the most; then it asks to be continued, so that a workflow that loops
/// without waiting can still be cancelled and timed out.
pub const TRANSITIONS_PER_STEP_MAX: u32 = 4_096;

/// What came of a step.
#[derive(Debug, Default, PartialEq)]
pub struct Step {
    pub trace: Vec<TraceEntry>,
    /// To be carried out only after the input is durable.
    pub commands: Vec<Command>,
}

/// Takes one input into a run. A refused input leaves the run as it was.
pub fn step(plan: &Plan, run: &mut Run, input: Input, cx: &Cx<'_>) -> Result<Step, Refusal> {
    if plan.semantics != SEMANTICS {
        return Err(Refusal::UnknownSemantics);
    }
    let mut machine = Machine {
        plan,
        run,
        cx,
        trace: Vec::new(),
    };
    machine.accept(input)?;
    machine.advance();
    let trace = machine.trace;
    Ok(Step {
        trace,
        commands: run.obligations.take_commands(),
    })
}

pub(crate) struct Machine<'a> {
    pub(crate) plan: &'a Plan,
    pub(crate) run: &'a mut Run,
    pub(crate) cx: &'a Cx<'a>,
    pub(crate) trace: Vec<TraceEntry>,
}

/// What a task kind says after it was given control.
pub(crate) enum Next {
    /// The task is over with this raw output.
    Output(Value),
    /// The task is over and says itself where control goes.
    Directed(Value, Flow),
    /// The list in the frame's cursor runs, its first task with this input.
    List(Value),
    /// Something outside or a child must happen first.
    Wait,
}

pub(crate) type Transition = Result<Next, Error>;

impl<'a> Machine<'a> {
    fn accept(&mut self, input: Input) -> Result<(), Refusal> {
        match (&self.run.phase, input) {
            (Phase::New, Input::Start { input, secrets }) => self.start(input, secrets),
            (Phase::New, _) => return Err(Refusal::NotStarted),
            (Phase::Ended(_), _) => return Err(Refusal::Ended),
            (_, Input::Start { .. }) => return Err(Refusal::AlreadyStarted),
            (_, Input::Cancel { .. }) if self.run.undoing.is_some() => {
                return Err(Refusal::Undoing);
            }
            (_, Input::Cancel { reason }) => self.cancel(reason),
            (Phase::Suspended, Input::Suspend) => return Err(Refusal::AlreadySuspended),
            (Phase::Suspended, Input::Resume) => self.resume(),
            (Phase::Suspended, input) => self.run.held.push_back(input),
            (Phase::Running, Input::Suspend) => {
                self.run.phase = Phase::Suspended;
                self.note(None, TraceEvent::RunSuspended);
            }
            (Phase::Running, Input::Resume) => return Err(Refusal::NotSuspended),
            (Phase::Running, input) => self.take(input)?,
        }
        Ok(())
    }

    fn take(&mut self, input: Input) -> Result<(), Refusal> {
        match input {
            Input::EffectSettled { id, outcome } | Input::ChildSettled { id, outcome } => {
                let frame = self.settled(&id)?;
                self.outcome(frame, outcome);
            }
            Input::TimerFired { id } => {
                let frame = self.settled(&id)?;
                self.timer(frame, &id);
            }
            Input::MessageArrived { event } => self.message(event),
            Input::Proceed => {
                self.settled(&proceed_id())?;
            }
            Input::Start { .. } | Input::Cancel { .. } | Input::Suspend | Input::Resume => {
                unreachable!("handled by accept")
            }
        }
        Ok(())
    }

    /// The frame that waited for an obligation, which is thereby settled.
    fn settled(&mut self, id: &ObligationId) -> Result<FrameId, Refusal> {
        let frame = self
            .run
            .obligations
            .owner(id)
            .ok_or(Refusal::UnknownObligation)?;
        self.run.obligations.settle(id);
        if let Some(frame) = self.run.frames.get_mut(frame) {
            frame.obligations.retain(|open| open != id);
        }
        Ok(frame)
    }

    fn resume(&mut self) {
        self.run.phase = Phase::Running;
        self.note(None, TraceEvent::RunResumed);
        for input in std::mem::take(&mut self.run.held) {
            // What was retracted meanwhile has nothing left to settle.
            let _ = self.take(input);
        }
    }

    fn cancel(&mut self, reason: Option<std::sync::Arc<str>>) {
        self.note(
            None,
            TraceEvent::RunCancelled {
                reason: reason.clone(),
            },
        );
        self.end(Ending::Cancelled { reason });
    }

    /// Runs transitions until none is due, or until the limit of one step.
    fn advance(&mut self) {
        for _ in 0..TRANSITIONS_PER_STEP_MAX {
            if !matches!(self.run.phase, Phase::Running) {
                return;
            }
            let Some(work) = self.run.work.pop_front() else {
                return;
            };
            match work {
                Work::Enter {
                    parent,
                    slot,
                    task,
                    input,
                } => self.enter(parent, slot, task, input),
                Work::Done {
                    parent,
                    slot,
                    output,
                    flow,
                } => self.child_done(parent, slot, output, flow),
                Work::Failed {
                    parent,
                    slot,
                    error,
                } => self.child_failed(parent, slot, error),
            }
        }
        if !self.run.work.is_empty() {
            self.owe_run(proceed_id(), Obligation::Proceed);
        }
    }

    fn start(&mut self, input: Value, secrets: Option<Value>) {
        self.run.phase = Phase::Running;
        self.run.started_ms = self.cx.now_ms;
        self.run.input = input.clone();
        self.run.secrets = secrets;
        self.note(None, TraceEvent::RunStarted);
        let root = self.run.frames.insert(Frame {
            parent: None,
            slot: 0,
            task: None,
            raw_input: input.clone(),
            input: input.clone(),
            started_ms: self.cx.now_ms,
            locals: Locals::default(),
            activity: Activity::Sequence,
            cursor: Some(Cursor {
                list: self.plan.root,
                at: 0,
                round: 0,
            }),
            children: Vec::new(),
            obligations: Vec::new(),
        });
        if !self.plan.interests.is_empty() {
            self.owe(
                root,
                ObligationId("events".into()),
                Obligation::Subscription,
            );
        }
        match self.workflow_input(root, input) {
            Ok(input) => self.proceed(root, Ok(Next::List(input))),
            Err(error) => self.fault(error),
        }
    }

    /// Acts on what a task kind said.
    pub(crate) fn proceed(&mut self, id: FrameId, transition: Transition) {
        match transition {
            Ok(Next::Wait) => {}
            Ok(Next::List(input)) => self.enter_list(id, input),
            Ok(Next::Output(output)) => self.complete(id, output, None),
            Ok(Next::Directed(output, flow)) => self.complete(id, output, Some(flow)),
            Err(error) => self.fail(id, error),
        }
    }

    /// Enters the task at the frame's cursor, or ends the list when there is none.
    fn enter_list(&mut self, id: FrameId, input: Value) {
        let Some(cursor) = self.run.frames.get(id).and_then(|frame| frame.cursor) else {
            return;
        };
        match self.plan[cursor.list].0.get(cursor.at as usize) {
            Some(task) => {
                self.run.work.push_back(Work::Enter {
                    parent: id,
                    slot: 0,
                    task: *task,
                    input,
                });
            }
            None => self.list_done(id, input, Flow::Continue),
        }
    }

    fn child_done(&mut self, parent: FrameId, slot: u32, output: Value, flow: Flow) {
        let Some(frame) = self.run.frames.get_mut(parent) else {
            return;
        };
        match (&frame.activity, &mut frame.cursor) {
            (Activity::Undo { .. }, _) => self.undone(Ok(())),
            (Activity::Extended { .. }, None) => self.target_done(parent, output, flow),
            _ if flow == Flow::End => self.finish(output),
            (Activity::Fork(_), _) => {
                let next = self.branch_done(parent, slot, output);
                self.proceed(parent, next);
            }
            (_, Some(cursor)) => {
                let len = self.plan[cursor.list].0.len() as u32;
                let next = match flow {
                    Flow::Continue => cursor.at + 1,
                    Flow::Goto(target) => {
                        cursor.round += u32::from(target <= cursor.at);
                        target
                    }
                    Flow::Exit | Flow::End => len,
                };
                cursor.at = next;
                if next < len {
                    self.enter_list(parent, output);
                } else {
                    self.list_done(parent, output, flow);
                }
            }
            (_, None) => self.proceed(parent, Ok(Next::Output(output))),
        }
    }

    /// The list of tasks of a frame has run to its end.
    fn list_done(&mut self, id: FrameId, output: Value, flow: Flow) {
        let Some(frame) = self.run.frames.get(id) else {
            return;
        };
        if frame.parent.is_none() {
            return self.finish(output);
        }
        let next = match &frame.activity {
            Activity::Sequence | Activity::Function => Ok(Next::Output(output)),
            Activity::For { .. } => self.next_iteration(id, output),
            Activity::Try { .. } => self.try_list_done(id, output),
            Activity::Listen(_) => self.event_processed(id, output),
            Activity::Extended { .. } => return self.extension_list_done(id, output, flow),
            Activity::Awaiting { .. } | Activity::Fork(_) | Activity::Undo { .. } => Ok(Next::Wait),
        };
        self.proceed(id, next);
    }

    fn child_failed(&mut self, parent: FrameId, slot: u32, error: Error) {
        let Some(frame) = self.run.frames.get(parent) else {
            return;
        };
        let next = match &frame.activity {
            Activity::Undo { .. } => return self.undone(Err(error)),
            Activity::Fork(_) => self.branch_failed(parent, slot, error),
            Activity::Try { .. } => self.try_failed(parent, error),
            _ => Err(error),
        };
        self.proceed(parent, next);
    }

    fn outcome(&mut self, id: FrameId, outcome: Outcome) {
        let Some(frame) = self.run.frames.get(id) else {
            return;
        };
        let instance = self.instance(frame.task);
        let next = match outcome {
            Outcome::Completed(output) => self.awaited(id, output),
            Outcome::Failed(fault) => Err(fault.at(&instance)),
            Outcome::Faulted(error) => Err(error),
        };
        self.proceed(id, next);
    }

    fn timer(&mut self, id: FrameId, timer: &ObligationId) {
        let Some(frame) = self.run.frames.get(id) else {
            return;
        };
        match timer.0.rsplit_once('#').map(|(_, purpose)| purpose) {
            Some(TIMEOUT) if frame.parent.is_none() => {
                let detail = "the workflow took longer than its timeout";
                self.fault(Error::standard(ErrorType::Timeout, "/timeout", detail));
            }
            Some(TIMEOUT) => {
                let instance = self.instance(frame.task);
                let detail = "the task took longer than its timeout";
                self.fail(id, Error::standard(ErrorType::Timeout, &instance, detail));
            }
            Some(RETRY) => self.retry_due(id),
            Some(ATTEMPT) => self.attempt_timed_out(id),
            _ => {
                let input = frame.input.clone();
                self.proceed(id, Ok(Next::Output(input)));
            }
        }
    }

    /// The workflow is over with the output of its last task.
    fn finish(&mut self, output: Value) {
        match self.workflow_output(output) {
            Ok(output) => {
                self.note(
                    None,
                    TraceEvent::RunCompleted {
                        output: output.clone(),
                    },
                );
                self.end(Ending::Completed(output));
            }
            Err(error) => self.fault(error),
        }
    }

    /// An error that nobody caught halts the workflow, once what it did is taken back.
    pub(crate) fn fault(&mut self, error: Error) {
        if self.run.undos.is_empty() || self.run.undoing.is_some() {
            return self.fault_at_last(error);
        }
        self.begin_undoing(error);
    }

    pub(crate) fn fault_at_last(&mut self, error: Error) {
        self.note(
            None,
            TraceEvent::RunFaulted {
                error: error.clone(),
            },
        );
        self.end(Ending::Faulted(error));
    }

    fn end(&mut self, ending: Ending) {
        self.run.obligations.retract_all();
        self.run.frames = Default::default();
        self.run.work.clear();
        self.run.listeners.clear();
        self.run.mailbox.clear();
        self.run.held.clear();
        self.run.secrets = None;
        self.run.undos.clear();
        self.run.undoing = None;
        self.run.phase = Phase::Ended(ending);
    }

    /// Ends a frame with an error: it and everything below is dropped, its parent decides.
    pub(crate) fn fail(&mut self, id: FrameId, error: Error) {
        // The root frame stands for the workflow, which may have to take back what it did.
        if self.run.frames.root() == Some(id) {
            return self.fault(error);
        }
        let Some(frame) = self.remove(id) else { return };
        let Some(parent) = frame.parent else { return };
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

/// What timers are for, as the last part of their ids.
pub(crate) const TIMEOUT: &str = "timeout";
pub(crate) const RETRY: &str = "retry";
pub(crate) const ATTEMPT: &str = "attempt";
pub(crate) const WAIT: &str = "wait";

fn proceed_id() -> ObligationId {
    ObligationId("proceed".into())
}
