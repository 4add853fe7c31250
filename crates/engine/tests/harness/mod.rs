//! Drives a run by hand: compiles a definition, feeds inputs, and writes down all that happens.
#![allow(dead_code, unreachable_pub, reason = "each test binary uses its part")]

use std::collections::BTreeMap;
use std::fmt::Write;
use std::sync::Arc;

use ferrovia_dsl::compile::{Links, Options, compile};
use ferrovia_dsl::plan::{Flow, Plan};
use ferrovia_engine::{
    Command, Cx, EffectOutput, Ending, Error, ErrorType, Fault, Input, Obligation, ObligationId,
    Obligations, Outcome, Refusal, Run, RuntimeInfo, Step, TraceEntry, TraceEvent, commands, step,
};
use ferrovia_expr::Value;

/// 2026-01-01T00:00:00Z.
pub const EPOCH_MS: i64 = 1_767_225_600_000;
pub const SEED: u64 = 7;

pub fn plan(text: &str) -> Arc<Plan> {
    let root = ferrovia_dsl::source::parse(text)
        .unwrap_or_else(|findings| panic!("{findings:#?}\n{text}"));
    let findings = ferrovia_dsl::shape::check(&root);
    assert!(
        findings.iter().all(|finding| !finding.is_error()),
        "{findings:#?}\n{text}"
    );
    let compiled = compile(text, &root, &Links::default(), Options::default());
    Arc::new(
        compiled
            .unwrap_or_else(|findings| panic!("{findings:#?}\n{text}"))
            .plan,
    )
}

/// A definition around a list of tasks.
pub fn workflow(tasks: &str) -> String {
    let tasks = tasks.trim_start_matches('\n');
    format!("document: {{ dsl: '1.0.3', namespace: test, name: case, version: '1.0.0' }}\n{tasks}")
}

pub fn runtime() -> RuntimeInfo {
    RuntimeInfo {
        name: "Ferrovia".into(),
        version: "test".into(),
        metadata: Value::Null,
    }
}

/// A run with everything that happened to it.
#[derive(Clone)]
pub struct Session {
    pub plan: Arc<Plan>,
    pub run: Run,
    pub now_ms: i64,
    pub inputs: Vec<(i64, Input)>,
    pub trace: Vec<TraceEntry>,
    /// What the commands add up to: must always equal the run's obligations.
    pub owed: BTreeMap<ObligationId, Obligation>,
}

impl Session {
    pub fn new(plan: Arc<Plan>) -> Session {
        Session {
            plan,
            run: Run::new("run-1", SEED),
            now_ms: EPOCH_MS,
            inputs: Vec::new(),
            trace: Vec::new(),
            owed: BTreeMap::new(),
        }
    }

    pub fn started(plan: Arc<Plan>, input: Value) -> Session {
        let mut session = Session::new(plan);
        session
            .apply(Input::Start {
                input,
                secrets: None,
            })
            .expect("a new run starts");
        session
    }

    /// Takes an input in, then everything the run asks to proceed with.
    pub fn apply(&mut self, input: Input) -> Result<Step, Refusal> {
        let mut all = self.apply_once(input)?;
        while self.owed.values().any(|owed| *owed == Obligation::Proceed) {
            let step = self.apply_once(Input::Proceed)?;
            all.trace.extend(step.trace);
            all.commands.extend(step.commands);
        }
        Ok(all)
    }

    fn apply_once(&mut self, input: Input) -> Result<Step, Refusal> {
        let before = self.run.obligations().clone();
        let runtime = runtime();
        let cx = Cx {
            now_ms: self.now_ms,
            runtime: &runtime,
        };
        let step = step(&self.plan, &mut self.run, input.clone(), &cx)?;
        self.settle_own(&input);
        for command in &step.commands {
            match command {
                Command::Start(id, obligation) => {
                    assert!(
                        self.owed.insert(id.clone(), obligation.clone()).is_none(),
                        "{id} started twice"
                    );
                }
                Command::Retract(id) => assert!(
                    self.owed.remove(id).is_some(),
                    "{id} retracted without need"
                ),
            }
        }
        if matches!(input, Input::Resume) {
            // What was held while the run was suspended has settled now.
            self.owed
                .retain(|id, _| self.run.obligations().get(id).is_some());
        }
        let open: BTreeMap<_, _> = self
            .run
            .obligations()
            .iter()
            .map(|(id, o)| (id.clone(), o.clone()))
            .collect();
        assert_eq!(self.owed, open, "commands add up to the obligations");
        self.check_difference(&before, &input, &step.commands);
        self.inputs.push((self.now_ms, input));
        self.trace.extend(step.trace.clone());
        Ok(step)
    }

    fn settle_own(&mut self, input: &Input) {
        if self.run.status() == ferrovia_engine::Status::Suspended {
            return;
        }
        match input {
            Input::EffectSettled { id, .. }
            | Input::ChildSettled { id, .. }
            | Input::TimerFired { id } => {
                self.owed.remove(id);
            }
            Input::Proceed => {
                self.owed.remove(&ObligationId("proceed".into()));
            }
            _ => {}
        }
    }

    /// The commands of a step are the difference of the obligations before and after it.
    fn check_difference(&self, before: &Obligations, input: &Input, hot: &[Command]) {
        let settled = match input {
            Input::EffectSettled { id, .. }
            | Input::ChildSettled { id, .. }
            | Input::TimerFired { id } => Some(id.clone()),
            Input::Proceed => Some(ObligationId("proceed".into())),
            _ => None,
        };
        let mut difference = commands(before, self.run.obligations());
        difference.retain(
            |command| !matches!(command, Command::Retract(id) if Some(id) == settled.as_ref()),
        );
        // Resuming settles what was held, too.
        if !matches!(input, Input::Resume) {
            assert_eq!(
                difference, hot,
                "commands are the difference of the obligations"
            );
        }
    }

    /// Replays all inputs from nothing.
    pub fn replayed(&self) -> Session {
        let mut again = Session::new(self.plan.clone());
        for (now_ms, input) in &self.inputs {
            again.now_ms = *now_ms;
            again
                .apply_once(input.clone())
                .expect("what was taken once is taken again");
        }
        again
    }

    /// Replay and a round trip through bytes give the same run.
    pub fn check_determinism(&self) {
        let again = self.replayed();
        assert_eq!(again.run, self.run, "replay gives the same state");
        assert_eq!(again.trace, self.trace, "replay gives the same trace");
        let bytes = serde_json::to_vec(&self.run).expect("a run can be written");
        let read: Run = serde_json::from_slice(&bytes).expect("a written run can be read");
        assert_eq!(read, self.run, "a run survives being written and read");
    }

    pub fn settle(&mut self, id: &str, value: Value) -> Result<Step, Refusal> {
        let outcome = Outcome::Completed(EffectOutput {
            value,
            authorization_scheme: None,
        });
        self.apply(Input::EffectSettled {
            id: ObligationId(id.into()),
            outcome,
        })
    }

    pub fn fail(&mut self, id: &str, kind: ErrorType, status: u16) -> Result<Step, Refusal> {
        let fault = Fault {
            kind,
            status: Some(status),
            title: None,
            detail: Some("as scripted".into()),
        };
        self.apply(Input::EffectSettled {
            id: ObligationId(id.into()),
            outcome: Outcome::Failed(fault),
        })
    }
}

/// Writes down a step for people.
pub fn describe(plan: &Plan, step: &Step, out: &mut String) {
    for entry in &step.trace {
        let place = entry.task.map_or("workflow", |task| &plan[task].pointer);
        let what = event(plan, &entry.event);
        writeln!(out, "  {place} {what}").expect("writing to a string never fails");
    }
    for command in &step.commands {
        let line = match command {
            Command::Retract(id) => format!("- {id}"),
            Command::Start(id, Obligation::Timer(timer)) => {
                format!("+ {id} timer at {} ms", timer.due_ms - EPOCH_MS)
            }
            Command::Start(id, Obligation::Effect(effect)) => {
                let sealed = effect
                    .request
                    .arguments
                    .sealed
                    .iter()
                    .map(|sealed| &*sealed.expr)
                    .collect::<Vec<_>>();
                let sealed = if sealed.is_empty() {
                    String::new()
                } else {
                    format!(" sealed:{sealed:?}")
                };
                let detached = if effect.request.detached {
                    " detached"
                } else {
                    ""
                };
                format!(
                    "+ {id} {}{detached} {}{sealed}",
                    effect.request.kind.as_str(),
                    effect.request.arguments.value
                )
            }
            Command::Start(id, Obligation::Child(child)) => {
                let detached = if child.detached { " detached" } else { "" };
                format!(
                    "+ {id} child{detached} {}/{}:{} {}",
                    child.namespace, child.name, child.version, child.input
                )
            }
            Command::Start(id, Obligation::Subscription) => format!("+ {id} subscription"),
            Command::Start(id, Obligation::Proceed) => format!("+ {id} proceed"),
        };
        writeln!(out, "  {line}").expect("writing to a string never fails");
    }
}

fn event(plan: &Plan, event: &TraceEvent) -> String {
    match event {
        TraceEvent::RunStarted => "started".into(),
        TraceEvent::TaskStarted { input } => format!("started {input}"),
        TraceEvent::TaskSkipped => "skipped".into(),
        TraceEvent::TaskCompleted {
            output,
            flow: Flow::Continue,
        } => format!("completed {output}"),
        TraceEvent::TaskCompleted { output, flow } => format!("completed {output} then {flow:?}"),
        TraceEvent::TaskFaulted { error } => format!("faulted {}", brief(error)),
        TraceEvent::CaseTaken { case, flow } => {
            format!("case {} then {flow:?}", case.as_deref().unwrap_or("(none)"))
        }
        TraceEvent::IterationStarted { index } => format!("round {index}"),
        TraceEvent::ErrorCaught { error } => format!("caught {}", brief(error)),
        TraceEvent::RetryPlanned {
            attempt, delay_ms, ..
        } => format!("retry {attempt} in {delay_ms} ms"),
        TraceEvent::EffectRequested { id } => format!("requested {id}"),
        TraceEvent::EventConsumed { event } => format!("consumed {event}"),
        TraceEvent::EventDropped { event } => format!("dropped {event}"),
        TraceEvent::ContextChanged { context } => format!("context {context}"),
        TraceEvent::BranchLost => "lost".into(),
        TraceEvent::RunSuspended => "suspended".into(),
        TraceEvent::RunResumed => "resumed".into(),
        TraceEvent::RunCompleted { output } => format!("completed {output}"),
        TraceEvent::RunFaulted { error } => format!("faulted {}", brief(error)),
        TraceEvent::RunCancelled { reason } => {
            format!("cancelled ({})", reason.as_deref().unwrap_or(""))
        }
        TraceEvent::RunUndoing { error, tasks } => format!("undoing {tasks}: {}", brief(error)),
        TraceEvent::UndoStarted => "undo started".into(),
        TraceEvent::UndoCompleted => "undone".into(),
        TraceEvent::UndoFaulted { error } => format!("not undone {}", brief(error)),
    }
    .replace(&plan.identity.to_string(), "workflow")
}

fn brief(error: &Error) -> String {
    let kind = ErrorType::from_uri(&error.kind).map_or(&*error.kind, |kind| kind.name());
    let detail = error.detail.as_deref().unwrap_or_default();
    format!("{kind} {} at {} {detail:?}", error.status, error.instance)
}

pub fn ending(run: &Run) -> String {
    match run.ending() {
        None => format!("{} (context {})", run.status().as_str(), run.context()),
        Some(Ending::Completed(output)) => format!("completed {output}"),
        Some(Ending::Faulted(error)) => format!("faulted {}", error.to_value()),
        Some(Ending::Cancelled { .. }) => "cancelled".into(),
    }
}
