//! A node over a journal in memory, with executors that the tests hold back.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use ferrovia_dsl::compile::{Links, Options, compile};
use ferrovia_dsl::plan::Plan;
use ferrovia_engine::{Ending, RuntimeInfo};
use ferrovia_expr::{Object, Value};
use ferrovia_runtime::port::{Call, Executor, Fault, Success};
use ferrovia_runtime::shard::{Control, Declined};
use ferrovia_runtime::{
    Compiler, Executors, Limit, Limits, Node, NodeConfig, Retention, StartRequest,
};
use ferrovia_store::{
    Append, Definition, Filter, Journal, Memory, NewRun, Page, RunId, ShardId, Status, StoreError,
    Update, Write,
};
use tokio::sync::{Notify, Semaphore};

/// Calls wait until the test lets them go.
struct Held {
    begun: Notify,
    places: Semaphore,
    keys: Mutex<Vec<Arc<str>>>,
}

#[async_trait]
impl Executor for Held {
    async fn execute(&self, call: Call) -> Result<Success, Fault> {
        let key = call.idempotency_key.clone();
        self.keys.lock().expect("no holder panics").push(key);
        self.begun.notify_one();
        let place = self.places.acquire().await;
        place.expect("it stays open").forget();
        Ok(Success::default())
    }

    fn connection(&self, _call: &Call) -> Option<Arc<str>> {
        Some("held".into())
    }
}

impl Held {
    fn new() -> Arc<Held> {
        Arc::new(Held {
            begun: Notify::new(),
            places: Semaphore::new(0),
            keys: Mutex::default(),
        })
    }

    fn tasks(&self) -> Vec<String> {
        let keys = self.keys.lock().expect("no holder panics");
        let task = |key: &Arc<str>| key.split_once('/').expect("a key has a task").1.to_owned();
        keys.iter().map(task).collect()
    }
}

struct FromText;

impl Compiler for FromText {
    fn compile(&self, definition: &Definition) -> Result<Arc<Plan>, String> {
        Ok(plan(&definition.text))
    }
}

fn plan(text: &str) -> Arc<Plan> {
    let root = ferrovia_dsl::source::parse(text).expect("it is YAML");
    let compiled = compile(text, &root, &Links::default(), Options::default());
    Arc::new(compiled.expect("it is valid").plan)
}

fn workflow(tasks: &str) -> String {
    format!(
        "document: {{ dsl: '1.0.3', namespace: test, name: flow, version: '1.0.0' }}\ndo:\n{tasks}"
    )
}

async fn open(journal: &Arc<dyn Journal>, held: &Arc<Held>) -> Node {
    open_with(journal, held, Limits::default(), Retention::default()).await
}

async fn open_with(
    journal: &Arc<dyn Journal>,
    held: &Arc<Held>,
    limits: Limits,
    retention: Retention,
) -> Node {
    let executor: Arc<dyn Executor> = held.clone();
    let executors: Executors = [("http", executor)].into_iter().collect();
    let opened = Node::open(NodeConfig {
        journal: journal.clone(),
        executors,
        compiler: Arc::new(FromText),
        runtime: RuntimeInfo {
            name: "Ferrovia".into(),
            version: "test".into(),
            metadata: Value::Null,
        },
        secrets: Arc::new(Value::Null),
        limits,
        retention,
        salt: 1,
    });
    opened.await.expect("the journal opens")
}

fn memory() -> Arc<dyn Journal> {
    Arc::new(Memory::new(2))
}

async fn define(node: &Node, tasks: &str) -> Arc<Plan> {
    let text = workflow(tasks);
    let plan = plan(&text);
    let defined = node.define(plan.clone(), &text, &[]).await;
    defined.expect("it is kept");
    plan
}

fn request(plan: &Arc<Plan>) -> StartRequest {
    StartRequest {
        plan: plan.clone(),
        input: Object::default().into(),
        key: None,
        labels: Vec::new(),
    }
}

async fn until(mut holds: impl FnMut() -> bool) {
    while !holds() {
        tokio::task::yield_now().await;
    }
}

fn status(node: &Node, run: RunId) -> Status {
    let summary = node.journal().summary(run).expect("it is readable");
    summary.expect("it is there").status
}

const TWO_CALLS: &str = "
  - first: { call: http, with: { method: post, endpoint: 'http://nowhere/' } }
  - second: { call: http, with: { method: post, endpoint: 'http://nowhere/' } }";

#[tokio::test]
async fn draining_records_what_is_under_way_and_begins_nothing_else() {
    let (journal, held) = (memory(), Held::new());
    let node = open(&journal, &held).await;
    let plan = define(&node, TWO_CALLS).await;
    let run = node.start(request(&plan)).await.expect("it starts");
    held.begun.notified().await;
    let mut draining = std::pin::pin!(node.drain(Duration::from_secs(600)));
    tokio::select! {
        biased;
        () = &mut draining => panic!("a call is under way"),
        () = std::future::ready(()) => {}
    }
    let refused = node.start(request(&plan)).await;
    assert!(matches!(refused, Err(Declined::Stopping)), "{refused:?}");
    held.places.add_permits(1);
    draining.await;
    assert_eq!(held.tasks(), ["do/0/first"]);

    // The next process finds the second call owed.
    let node = open(&journal, &held).await;
    let hearing = node.on_ending(run);
    held.places.add_permits(1);
    assert!(matches!(hearing.ending().await, Some(Ending::Completed(_))));
    assert_eq!(held.tasks(), ["do/0/first", "do/1/second"]);
}

#[tokio::test]
async fn draining_does_not_leave_an_unknown_outcome_behind() {
    let (journal, held) = (memory(), Held::new());
    let node = open(&journal, &held).await;
    let plan = define(
        &node,
        "
  - first: { call: http, with: { method: post, endpoint: 'http://nowhere/' } }
  - second:
      call: http
      with: { method: post, endpoint: 'http://nowhere/' }
      metadata: { delivery: at-most-once }",
    )
    .await;
    let (run, hearing) = node
        .start_and_hear(request(&plan))
        .await
        .expect("it starts");
    held.begun.notified().await;
    held.places.add_permits(2);
    node.drain(Duration::from_secs(600)).await;
    assert!(matches!(hearing.ending().await, Some(Ending::Completed(_))));
    assert_eq!(status(&node, run), Status::Completed);
}

#[tokio::test]
async fn a_run_whose_records_cannot_be_followed_is_parked_and_its_neighbours_go_on() {
    let (journal, held) = (memory(), Held::new());
    let node = open(&journal, &held).await;
    let plan = define(&node, TWO_CALLS).await;
    drop(node);
    let run = RunId(7);
    let shard = ShardId::of(run, journal.shards());
    let epoch = journal.acquire(shard).expect("the shard exists");
    let append = Append {
        fence: (shard, epoch),
        run,
        seq: 1,
        record: b"of no release".to_vec(),
        create: Some(NewRun {
            id: run,
            shard,
            plan: plan.hash,
            namespace: "test".into(),
            name: "flow".into(),
            version: "1.0.0".into(),
            parent: None,
            depth: 0,
            created_ms: 1,
            labels: Vec::new(),
            key: None,
            origin: None,
        }),
        update: Some(Update {
            status: Status::Running,
            wake_ms: Some(1),
            active: true,
            updated_ms: 1,
            reason: None,
        }),
        snapshot: None,
        consumed: Vec::new(),
        deliver: Vec::new(),
        spawn: Vec::new(),
        abandon: Vec::new(),
        migrate: None,
    };
    let done = Box::new(|answer: Result<_, StoreError>| drop(answer.expect("it is written")));
    journal.write(vec![Write::Append(append)], done);

    let node = open(&journal, &held).await;
    until(|| status(&node, run) == Status::Parked).await;
    let summary = journal
        .summary(run)
        .expect("it is readable")
        .expect("it is there");
    let reason = summary.reason.expect("it says why");
    assert!(reason.contains("cannot be replayed"), "{reason}");
    assert_eq!(summary.wake_ms, None);
    let declined = node.control(run, Control::Suspend).await;
    assert!(matches!(declined, Err(Declined::Parked(_))), "{declined:?}");
    held.places.add_permits(2);
    let (_, hearing) = node
        .start_and_hear(request(&plan))
        .await
        .expect("it starts");
    assert!(matches!(hearing.ending().await, Some(Ending::Completed(_))));
}

#[tokio::test]
async fn whoever_asks_a_node_that_lost_its_runs_is_answered() {
    let (journal, held) = (memory(), Held::new());
    let node = open(&journal, &held).await;
    let plan = define(&node, TWO_CALLS).await;
    for shard in 0..journal.shards() {
        journal.acquire(ShardId(shard)).expect("the shard exists");
    }
    let answers = [
        node.start(request(&plan)).await,
        node.start(request(&plan)).await,
    ];
    for answer in answers {
        assert!(matches!(answer, Err(Declined::Store(_))), "{answer:?}");
    }
    assert!(node.failed().await.contains("another process"));
}

#[tokio::test]
async fn a_connection_takes_as_many_calls_as_it_may() {
    let (journal, held) = (memory(), Held::new());
    let limits = Limits {
        connections: HashMap::from([(
            "held".into(),
            Limit {
                concurrent: 3,
                per_second: None,
            },
        )]),
        ..Limits::default()
    };
    let node = open_with(&journal, &held, limits, Retention::default()).await;
    let plan = define(&node, TWO_CALLS).await;
    let mut hearings = Vec::new();
    for _ in 0..8 {
        let (_, hearing) = node
            .start_and_hear(request(&plan))
            .await
            .expect("it starts");
        hearings.push(hearing);
    }
    until(|| held.tasks().len() == 3).await;
    for _ in 0..1_000 {
        tokio::task::yield_now().await;
    }
    assert_eq!(held.tasks().len(), 3);
    held.places.add_permits(16);
    for hearing in hearings {
        assert!(matches!(hearing.ending().await, Some(Ending::Completed(_))));
    }
    assert_eq!(held.tasks().len(), 16);
}

#[tokio::test]
async fn what_ended_is_forgotten_when_the_settings_say_so() {
    let (journal, held) = (memory(), Held::new());
    let node = open(&journal, &held).await;
    let plan = define(&node, "\n  - one: { set: { one: 1 } }").await;
    for _ in 0..5 {
        let (_, hearing) = node
            .start_and_hear(request(&plan))
            .await
            .expect("it starts");
        hearing.ending().await.expect("it ends");
        // Runs that ended within the same millisecond are as new as each other.
        let now = std::time::Instant::now();
        until(|| now.elapsed().as_millis() > 1).await;
    }
    let kept = || {
        let page = Page {
            before: None,
            limit: 9,
        };
        journal
            .runs(&Filter::default(), page)
            .expect("it is readable")
            .len()
    };
    assert_eq!(kept(), 5);
    drop(node);
    let retention = Retention {
        newest: Some(2),
        ..Retention::default()
    };
    let _node = open_with(&journal, &held, Limits::default(), retention).await;
    until(|| kept() == 2).await;
}
