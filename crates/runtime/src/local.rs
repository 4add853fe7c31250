//! The in-memory driver: one root run and its children, on one task. Nothing survives the process.
//!
//! ```text
//! inputs ──► step ──► trace → observer
//!              └────► commands ──► executors, timers, children, events ──► inputs
//! ```

mod clock;
mod effects;
mod queue;

use std::collections::{HashMap, HashSet, VecDeque};
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use ferrovia_dsl::plan::Plan;
use ferrovia_engine::{
    Command, Cx, Effect, EffectOutput, Ending, Error, ErrorType, Input, Obligation, ObligationId,
    Outcome, Run, RuntimeInfo, TraceEvent, step,
};
use ferrovia_expr::Value;
use tokio::sync::mpsc;

use crate::observer::{Observed, Observer};
use crate::registry::{Definitions, Executors};
use crate::trigger::Trigger;
use clock::Clock;
use effects::{Arrival, Effects};
use queue::{Due, Timers};

/// How deep workflows may start workflows.
const CHILD_DEPTH_MAX: u32 = 16;
/// Runs that one process drives at a time; a workflow that starts more faults.
const RUNS_MAX: usize = 10_000;
/// Inputs from outside that wait to be taken in.
const INBOX_MAX: usize = 1_024;
/// How long detached children and processes may go on after the root run has ended.
const DETACHED_GRACE: Duration = Duration::from_secs(10);

/// What a local run is made with.
pub struct LocalConfig {
    pub executors: Executors,
    pub definitions: Definitions,
    pub runtime: RuntimeInfo,
    /// The secrets by name.
    pub secrets: Value,
    /// Whether runs hold the secrets, for documents that use them as data.
    pub secrets_in_data: bool,
    /// Decides all randomness; the id of the root run is derived from it.
    pub seed: u64,
    /// Events from outside, each so long after the start.
    pub events: Vec<(Duration, Value)>,
    pub time_limit: Option<Duration>,
}

/// How a local run came to its end.
#[derive(Debug, Clone, PartialEq)]
pub enum Ended {
    Completed(Value),
    Faulted(Error),
    Cancelled,
    /// It still waits: the time limit is over, or nothing that could wake it is left.
    Waiting,
}

/// What came of a local run.
#[derive(Debug)]
pub struct Report {
    pub ended: Ended,
    /// Published CloudEvents, in order.
    pub events: Vec<Value>,
    /// Names of the root run's tasks, in the order they started.
    pub tasks: Vec<Arc<str>>,
}

type RunKey = u64;

struct Active {
    run: Run,
    plan: Arc<Plan>,
    depth: u32,
    parent: Option<(RunKey, ObligationId)>,
}

/// A driver for one root run.
pub struct Local<'o> {
    config: LocalConfig,
    observer: &'o mut dyn Observer,
    clock: Clock,
    runs: HashMap<RunKey, Active>,
    next_key: RunKey,
    ready: VecDeque<(RunKey, Input)>,
    timers: Timers,
    effects: Effects,
    inbox: mpsc::Receiver<Arrival>,
    subscribed: HashSet<RunKey>,
    published: Vec<Value>,
    started: Vec<Arc<str>>,
    root_ending: Option<Ending>,
}

const ROOT: RunKey = 0;

impl<'o> Local<'o> {
    pub fn new(mut config: LocalConfig, observer: &'o mut dyn Observer) -> Self {
        let (outbox, inbox) = mpsc::channel(INBOX_MAX);
        let clock = Clock::start();
        let mut timers = Timers::default();
        for (after, event) in std::mem::take(&mut config.events) {
            timers.add(clock.after_start_ms(after), Due::Event(event));
        }
        Local {
            effects: Effects::new(config.executors.clone(), outbox),
            config,
            observer,
            clock,
            runs: HashMap::new(),
            next_key: ROOT,
            ready: VecDeque::new(),
            timers,
            inbox,
            subscribed: HashSet::new(),
            published: Vec::new(),
            started: Vec::new(),
            root_ending: None,
        }
    }

    /// Starts a run with an input and drives it until it ends, is cancelled, or can only wait.
    pub async fn run(
        mut self,
        plan: Arc<Plan>,
        input: Value,
        cancelled: impl Future<Output = ()>,
    ) -> Report {
        self.begin(plan, input, None, 0);
        let ended = self.drive(cancelled).await;
        self.report(ended).await
    }

    /// Waits for the events of the definition's schedule, then runs it with them as input.
    pub async fn run_on_events(
        mut self,
        plan: Arc<Plan>,
        cancelled: impl Future<Output = ()>,
    ) -> Report {
        let Some(schedule) = &plan.schedule else {
            return self.report(Ended::Waiting).await;
        };
        let Some(mut trigger) = Trigger::new(schedule) else {
            return self.report(Ended::Waiting).await;
        };
        let mut cancelled = std::pin::pin!(cancelled);
        let limit_ms = self.limit_ms();
        while let Some(due_ms) = self.timers.next_due_ms() {
            tokio::select! {
                () = self.clock.sleep_until(due_ms.min(limit_ms)) => {}
                () = &mut cancelled => return self.report(Ended::Cancelled).await,
            }
            let now_ms = self.clock.now_ms();
            let Some(Due::Event(event)) = self.timers.take_due(now_ms) else {
                if now_ms >= limit_ms {
                    break;
                }
                continue;
            };
            if let Some(input) = trigger.take(schedule, &event, now_ms) {
                return self.run(plan.clone(), input, cancelled).await;
            }
        }
        self.report(Ended::Waiting).await
    }

    /// When the time of this process is over; without a limit, never.
    fn limit_ms(&self) -> i64 {
        let limit = self.config.time_limit;
        limit.map_or(i64::MAX, |limit| self.clock.after_start_ms(limit))
    }

    async fn report(mut self, ended: Ended) -> Report {
        self.effects.shut_down().await;
        Report {
            ended,
            events: self.published,
            tasks: self.started,
        }
    }

    async fn drive(&mut self, cancelled: impl Future<Output = ()>) -> Ended {
        let mut cancelled = std::pin::pin!(cancelled);
        let mut cancelling = false;
        loop {
            self.settle();
            if let Some(ending) = self.root_ending.take() {
                // Whoever cancels wants an end, not the rest of the work.
                if !cancelling {
                    self.finish_detached(cancelled).await;
                }
                return match ending {
                    Ending::Completed(output) => Ended::Completed(output),
                    Ending::Faulted(error) => Ended::Faulted(error),
                    Ending::Cancelled { .. } => Ended::Cancelled,
                };
            }
            let limit_ms = self.limit_ms();
            if self.is_stuck() || self.clock.now_ms() >= limit_ms {
                return Ended::Waiting;
            }
            let wake_ms = self.timers.next_due_ms().unwrap_or(i64::MAX).min(limit_ms);
            tokio::select! {
                Some(arrival) = self.inbox.recv() => self.arrived(arrival),
                () = self.clock.sleep_until(wake_ms) => self.fire_due(),
                () = &mut cancelled, if !cancelling => {
                    cancelling = true;
                    self.ready.push_back((ROOT, Input::Cancel { reason: Some("cancelled by the caller".into()) }));
                }
            }
        }
    }

    /// Nothing is under way and nothing is due: no input will ever come.
    fn is_stuck(&self) -> bool {
        self.effects.is_idle() && self.timers.is_empty()
    }

    /// Lets what was started without waiting for it come to its end, within the grace and the time limit.
    async fn finish_detached(&mut self, mut cancelled: Pin<&mut impl Future<Output = ()>>) {
        let grace_ms = self.clock.now_ms() + DETACHED_GRACE.as_millis() as i64;
        let deadline_ms = grace_ms.min(self.limit_ms());
        while (!self.runs.is_empty() || !self.effects.is_idle())
            && !self.is_stuck()
            && self.clock.now_ms() < deadline_ms
        {
            let wake_ms = self
                .timers
                .next_due_ms()
                .unwrap_or(i64::MAX)
                .min(deadline_ms);
            tokio::select! {
                Some(arrival) = self.inbox.recv() => self.arrived(arrival),
                () = self.clock.sleep_until(wake_ms) => self.fire_due(),
                () = &mut cancelled => return,
            }
            self.settle();
        }
    }

    fn arrived(&mut self, arrival: Arrival) {
        self.ready.extend(self.effects.arrived(arrival));
    }

    /// Steps runs until no input is ready.
    fn settle(&mut self) {
        while let Some((key, input)) = self.ready.pop_front() {
            self.step(key, input);
        }
    }

    fn step(&mut self, key: RunKey, input: Input) {
        let Some(active) = self.runs.get_mut(&key) else {
            return;
        };
        let cx = Cx {
            now_ms: self.clock.now_ms(),
            runtime: &self.config.runtime,
        };
        // A refused input is a late one: what it settles was retracted meanwhile.
        let Ok(step) = step(&active.plan, &mut active.run, input, &cx) else {
            return;
        };
        if key == ROOT {
            let plan = &active.plan;
            let started = step
                .trace
                .iter()
                .filter(|entry| matches!(entry.event, TraceEvent::TaskStarted { .. }));
            self.started
                .extend(started.filter_map(|entry| Some(plan[entry.task?].name.clone())));
        }
        let observed = Observed {
            number: key,
            depth: active.depth,
            plan: &active.plan,
        };
        self.observer.observe(observed, &step.trace);
        let ending = active.run.ending().cloned();
        for command in step.commands {
            self.carry_out(key, command);
        }
        if let Some(ending) = ending {
            self.ended(key, ending);
        }
    }

    fn ended(&mut self, key: RunKey, ending: Ending) {
        self.subscribed.remove(&key);
        let Some(active) = self.runs.remove(&key) else {
            return;
        };
        match active.parent {
            Some((parent, id)) => {
                let outcome = match ending {
                    Ending::Completed(value) => Outcome::Completed(EffectOutput {
                        value,
                        authorization_scheme: None,
                    }),
                    Ending::Faulted(error) => Outcome::Faulted(error),
                    Ending::Cancelled { .. } => {
                        failed(ErrorType::Runtime, "the child workflow was cancelled")
                    }
                };
                self.ready
                    .push_back((parent, Input::ChildSettled { id, outcome }));
            }
            None if key == ROOT => self.root_ending = Some(ending),
            None => {}
        }
    }

    fn carry_out(&mut self, key: RunKey, command: Command) {
        match command {
            Command::Start(id, Obligation::Effect(effect)) => self.start_effect(key, id, effect),
            Command::Start(id, Obligation::Timer(timer)) => {
                self.timers.add(timer.due_ms, Due::Timer(key, id))
            }
            Command::Start(id, Obligation::Child(child)) => self.start_child(key, id, child),
            Command::Start(_, Obligation::Subscription) => {
                self.subscribed.insert(key);
            }
            Command::Start(_, Obligation::Proceed) => self.ready.push_back((key, Input::Proceed)),
            Command::Retract(id) => self.retract(key, &id),
        }
    }

    fn start_effect(&mut self, key: RunKey, id: ObligationId, effect: Effect) {
        if effect.request.kind == ferrovia_dsl::plan::CallKind::Emit {
            self.publish(effect.request.arguments.value.clone());
            let outcome = Outcome::Completed(EffectOutput::default());
            return self
                .ready
                .push_back((key, Input::EffectSettled { id, outcome }));
        }
        let Some(active) = self.runs.get(&key) else {
            return;
        };
        let opened = crate::secrets::open(
            &effect.request.arguments,
            &active.plan,
            &self.config.secrets,
            self.clock.now_ms(),
        );
        match opened {
            Ok(opened) => self
                .effects
                .start(key, active.run.id(), id, &effect.request, opened),
            Err(fault) => {
                self.ready.push_back((
                    key,
                    Input::EffectSettled {
                        id,
                        outcome: Outcome::Failed(fault),
                    },
                ));
            }
        }
    }

    fn start_child(&mut self, key: RunKey, id: ObligationId, child: ferrovia_engine::Child) {
        let depth = self.runs.get(&key).map_or(0, |active| active.depth) + 1;
        let found = self
            .config
            .definitions
            .find(&child.namespace, &child.name, &child.version)
            .cloned();
        let refused = if depth > CHILD_DEPTH_MAX {
            Some(failed(
                ErrorType::Runtime,
                &format!("workflows start workflows more than {CHILD_DEPTH_MAX} deep"),
            ))
        } else if self.runs.len() >= RUNS_MAX {
            Some(failed(
                ErrorType::Runtime,
                &format!("more than {RUNS_MAX} runs are under way"),
            ))
        } else if found.is_none() {
            let (namespace, name, version) = (&child.namespace, &child.name, &child.version);
            let detail =
                format!("there is no workflow {namespace}/{name}:{version} beside this one");
            Some(failed(ErrorType::Configuration, &detail))
        } else {
            None
        };
        if let Some(outcome) = refused {
            return self
                .ready
                .push_back((key, Input::ChildSettled { id, outcome }));
        }
        let Some(plan) = found else { return };
        if child.detached {
            let outcome = Outcome::Completed(EffectOutput::default());
            self.ready
                .push_back((key, Input::ChildSettled { id, outcome }));
            self.begin(plan, child.input, None, depth);
        } else {
            self.begin(plan, child.input, Some((key, id)), depth);
        }
    }

    fn begin(
        &mut self,
        plan: Arc<Plan>,
        input: Value,
        parent: Option<(RunKey, ObligationId)>,
        depth: u32,
    ) {
        let key = self.next_key;
        self.next_key += 1;
        let (id, seed) = clock::identify(self.config.seed, key);
        self.runs.insert(
            key,
            Active {
                run: Run::new(id, seed),
                plan,
                depth,
                parent,
            },
        );
        let secrets = self
            .config
            .secrets_in_data
            .then(|| self.config.secrets.clone());
        self.ready.push_back((key, Input::Start { input, secrets }));
    }

    fn retract(&mut self, key: RunKey, id: &ObligationId) {
        self.timers.remove(key, id);
        self.effects.stop(key, id);
        if !self.runs.contains_key(&key) || id.0.as_ref() == "events" {
            self.subscribed.remove(&key);
        }
        let parent = (key, id.clone());
        let child = self
            .runs
            .iter()
            .find(|(_, active)| active.parent.as_ref() == Some(&parent));
        if let Some(child) = child.map(|(key, _)| *key) {
            // The parent no longer waits for it.
            if let Some(active) = self.runs.get_mut(&child) {
                active.parent = None;
            }
            let reason = Some("the parent workflow no longer waits for it".into());
            self.ready.push_back((child, Input::Cancel { reason }));
        }
    }

    fn publish(&mut self, event: Value) {
        self.published.push(event.clone());
        self.deliver(event);
    }

    fn deliver(&mut self, event: Value) {
        let mut receivers: Vec<_> = self.subscribed.iter().copied().collect();
        receivers.sort_unstable();
        for key in receivers {
            self.ready.push_back((
                key,
                Input::MessageArrived {
                    event: event.clone(),
                },
            ));
        }
    }

    fn fire_due(&mut self) {
        let now_ms = self.clock.now_ms();
        while let Some(due) = self.timers.take_due(now_ms) {
            match due {
                Due::Timer(key, id) => self.ready.push_back((key, Input::TimerFired { id })),
                Due::Event(event) => self.deliver(event),
            }
        }
    }
}

fn failed(kind: ErrorType, detail: &str) -> Outcome {
    Outcome::Failed(ferrovia_engine::Fault {
        kind,
        status: None,
        title: None,
        detail: Some(detail.into()),
    })
}
