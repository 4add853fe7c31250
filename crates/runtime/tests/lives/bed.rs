//! A node over a journal in memory, and a service that answers, fails or holds calls as the test says.

use std::collections::HashSet;
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use ferrovia_dsl::compile::{Links, Options, compile};
use ferrovia_dsl::plan::Plan;
use ferrovia_engine::{Ending, Obligation, RuntimeInfo};
use ferrovia_expr::Value;
use ferrovia_runtime::port::{Call, Executor, Fault, FaultKind, Success};
use ferrovia_runtime::shard::{ReplayError, replay};
use ferrovia_runtime::{Compiler, Executors, Limits, Node, NodeConfig, Retention, StartRequest};
use ferrovia_store::format::v1::Record;
use ferrovia_store::{Definition, Journal, Memory, RunId, Status, Summary};
use tokio::sync::watch;

/// Answers every call with the path that was called, unless it is to fail.
pub(crate) struct Service {
    seen: Mutex<Vec<(String, Arc<str>)>>,
    failing: Mutex<HashSet<String>>,
    /// So many calls are answered; the others wait.
    answered: watch::Sender<usize>,
}

#[async_trait]
impl Executor for Service {
    async fn execute(&self, call: Call) -> Result<Success, Fault> {
        let endpoint = call.arguments.get("endpoint");
        let uri = endpoint
            .and_then(|endpoint| endpoint.get("uri"))
            .or(endpoint);
        let uri = uri.and_then(Value::as_str).expect("a call has an endpoint");
        let path = uri.trim_start_matches("http://s").to_owned();
        let (number, failing) = {
            let mut seen = self.seen.lock().expect("no holder panics");
            seen.push((path.clone(), call.idempotency_key.clone()));
            let failing = self.failing.lock().expect("no holder panics");
            (seen.len(), failing.contains(&path))
        };
        let mut answered = self.answered.subscribe();
        let answered = answered.wait_for(|answered| number <= *answered).await;
        answered.expect("the service lives");
        if failing {
            return Err(Fault {
                kind: FaultKind::Communication,
                status: Some(503),
                title: "Busy".into(),
                detail: None,
            });
        }
        Ok(Success {
            output: path.into(),
            authorization_scheme: None,
        })
    }
}

pub(crate) struct Bed {
    pub(crate) node: Node,
    journal: Arc<dyn Journal>,
    service: Arc<Service>,
}

struct FromText;

impl Compiler for FromText {
    fn compile(&self, definition: &Definition) -> Result<Arc<Plan>, String> {
        Ok(plan(&definition.text))
    }
}

pub(crate) fn plan(text: &str) -> Arc<Plan> {
    let root = ferrovia_dsl::source::parse(text).expect("it is YAML");
    let compiled = compile(text, &root, &Links::default(), Options::default());
    match compiled {
        Ok(compiled) => Arc::new(compiled.plan),
        Err(findings) => panic!("{text}: {findings:?}"),
    }
}

pub(crate) fn workflow(name: &str, tasks: &str) -> String {
    format!(
        "document: {{ dsl: '1.0.3', namespace: test, name: {name}, version: '1.0.0' }}\ndo:{tasks}"
    )
}

fn runtime() -> RuntimeInfo {
    RuntimeInfo {
        name: "Ferrovia".into(),
        version: "test".into(),
        metadata: Value::Null,
    }
}

impl Bed {
    pub(crate) async fn open() -> Bed {
        let service = Arc::new(Service {
            seen: Mutex::default(),
            failing: Mutex::default(),
            answered: watch::Sender::new(usize::MAX),
        });
        Bed::over(Arc::new(Memory::new(2)), service, 1).await
    }

    /// Another process takes over. The calls of the old one are left alone.
    pub(crate) async fn reopen(self) -> Bed {
        Bed::over(self.journal.clone(), self.service.clone(), 2).await
    }

    async fn over(journal: Arc<dyn Journal>, service: Arc<Service>, salt: u64) -> Bed {
        let executor: Arc<dyn Executor> = service.clone();
        let executors: Executors = [("http", executor)].into_iter().collect();
        let opened = Node::open(NodeConfig {
            journal: journal.clone(),
            executors,
            compiler: Arc::new(FromText),
            runtime: runtime(),
            secrets: Arc::new(Value::Null),
            limits: Limits::default(),
            retention: Retention::default(),
            salt,
        });
        Bed {
            node: opened.await.expect("the journal opens"),
            journal,
            service,
        }
    }

    pub(crate) async fn define(&self, text: &str) -> Arc<Plan> {
        let plan = plan(text);
        let defined = self.node.define(plan.clone(), text, &[]).await;
        defined.expect("it is kept");
        plan
    }

    pub(crate) async fn start(&self, plan: &Arc<Plan>, input: Value) -> RunId {
        let started = self.node.start(StartRequest {
            plan: plan.clone(),
            input,
            key: None,
            labels: Vec::new(),
        });
        started.await.expect("it starts")
    }

    pub(crate) async fn run_to_end(&self, plan: &Arc<Plan>, input: Value) -> RunId {
        let run = self.start(plan, input).await;
        self.ended(run).await;
        run
    }

    /// How a run ends, which may be over already.
    pub(crate) async fn ended(&self, run: RunId) -> Ending {
        let hearing = self.node.on_ending(run);
        if !self.status(run).is_terminal() {
            return hearing.ending().await.expect("it ends");
        }
        let history = self.replays(run);
        history.expect("it has ended")
    }

    pub(crate) async fn until(&self, mut holds: impl FnMut() -> bool) {
        while !holds() {
            tokio::task::yield_now().await;
        }
    }

    pub(crate) fn summary(&self, run: RunId) -> Summary {
        let summary = self.journal.summary(run).expect("it is readable");
        summary.expect("it is there")
    }

    pub(crate) fn status(&self, run: RunId) -> Status {
        self.summary(run).status
    }

    pub(crate) fn child(&self, run: RunId) -> RunId {
        let children = self.journal.children(run).expect("it is readable");
        children.first().expect("it has a child").run.id
    }

    pub(crate) fn records(&self, run: RunId) -> usize {
        let records = self.journal.records(run, 1, usize::MAX);
        records.expect("it is readable").len()
    }

    /// When the first timer was due that a run waited for, as its journal has it.
    pub(crate) fn first_wake(&self, run: RunId) -> Option<i64> {
        let records = self.journal.records(run, 1, 1).expect("it is readable");
        let record = Record::decode(&records[0].1).expect("it is a record");
        Some(record.inputs[0].at_ms + 3_600_000)
    }

    /// Replays a run from nothing but its journal. Answers how it ended.
    pub(crate) fn replays(&self, run: RunId) -> Option<Ending> {
        let replayed = replay::<ReplayError>(
            run,
            self.summary(run).run.plan,
            runtime(),
            |from| Ok(self.journal.records(run, from, 3).expect("it is readable")),
            |hash| Ok(self.node.plan(hash).expect("it is known")),
            |_| {},
            |_| Ok(()),
        );
        let history = replayed.expect("it comes out as it was");
        history.run.ending().cloned()
    }

    /// What happened in a run until now, by the places of its tasks, and what it waits for, without times.
    pub(crate) fn story(&self, run: RunId) -> Vec<String> {
        let mut story = Vec::new();
        let summary = self.summary(run);
        let began_ms = summary.run.created_ms;
        let replayed = replay::<ReplayError>(
            run,
            summary.run.plan,
            runtime(),
            |from| Ok(self.journal.records(run, from, 3).expect("it is readable")),
            |hash| Ok(self.node.plan(hash).expect("it is known")),
            |seen| {
                for entry in &seen.step.trace {
                    let task = entry.task.map(|task| seen.plan[task].pointer.clone());
                    story.push(format!("{task:?} {:?}", entry.event));
                }
            },
            |_| Ok(()),
        );
        let history = replayed.expect("it comes out as it was");
        for (id, owed) in history.run.obligations().iter() {
            story.push(match owed {
                Obligation::Timer(timer) => {
                    format!("{id} in {} min", (timer.due_ms - began_ms) / 60_000)
                }
                Obligation::Effect(effect) => format!("{id} {:?}", effect.request),
                other => format!("{id} {other:?}"),
            });
        }
        // The requests that were made are not in the trace.
        story.extend(self.requests(run));
        story
    }

    fn requests(&self, run: RunId) -> Vec<String> {
        let mut requests = Vec::new();
        let replayed = replay::<ReplayError>(
            run,
            self.summary(run).run.plan,
            runtime(),
            |from| Ok(self.journal.records(run, from, 3).expect("it is readable")),
            |hash| Ok(self.node.plan(hash).expect("it is known")),
            |seen| {
                if let Some(Obligation::Effect(effect)) = seen.asked {
                    requests.push(format!("{:?}", effect.request));
                }
            },
            |_| Ok(()),
        );
        replayed.expect("it comes out as it was");
        requests
    }

    /// Sends an event that runs may wait for.
    pub(crate) async fn send(&self, kind: &str) {
        let mut event = ferrovia_expr::Object::default();
        event.insert("type", kind);
        let received = self.node.receive(event.into()).await;
        received.expect("it is kept");
    }

    pub(crate) fn fail(&self, path: &str) {
        let mut failing = self.service.failing.lock().expect("no holder panics");
        failing.insert(path.to_owned());
    }

    pub(crate) fn work(&self, path: &str) {
        let mut failing = self.service.failing.lock().expect("no holder panics");
        failing.remove(path);
    }

    /// Calls wait from now on.
    pub(crate) fn hold(&self) {
        self.service.answered.send_replace(self.calls().len());
    }

    /// The calls that wait are answered, and no others.
    pub(crate) fn step(&self) {
        self.hold();
    }

    pub(crate) fn release(&self) {
        self.service.answered.send_replace(usize::MAX);
    }

    pub(crate) fn calls(&self) -> Vec<String> {
        let seen = self.service.seen.lock().expect("no holder panics");
        seen.iter().map(|(path, _)| path.clone()).collect()
    }

    /// The calls without those that were sent again with the key of the one before.
    pub(crate) fn distinct_calls(&self) -> Vec<String> {
        let mut seen = self.service.seen.lock().expect("no holder panics").clone();
        seen.dedup();
        seen.into_iter().map(|(path, _)| path).collect()
    }

    pub(crate) fn keys(&self) -> Vec<Arc<str>> {
        let seen = self.service.seen.lock().expect("no holder panics");
        seen.iter().map(|(_, key)| key.clone()).collect()
    }
}
