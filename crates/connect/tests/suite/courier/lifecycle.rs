//! Lifecycle events: what the standard says, each at least once, in order.

use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use ferrovia_expr::Value;
use ferrovia_runtime::Node;
use ferrovia_runtime::notify::{Counts, Lifecycle, Scope};
use ferrovia_store::{Journal, Memory, Options, Sqlite};
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use std::sync::atomic::Ordering;

use super::bed::{Sink, node, quiet, run, text};

const KEY: &str = "whsec_MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIz";

async fn publish(node: &Node, sink: &Sink, scopes: &[Scope], batch: usize) -> Arc<Counts> {
    let lifecycle = Lifecycle {
        courier: sink.courier(Some(KEY)),
        source: "/test".to_owned(),
        scopes: scopes.to_vec(),
        batch,
    };
    node.publish(lifecycle, quiet()).await
}

fn kind(event: &Value) -> String {
    let kind = text(event, "/type");
    let kind = kind
        .strip_prefix("io.serverlessworkflow.")
        .expect("the standard's prefix");
    kind.strip_suffix(".v1")
        .expect("the standard's version")
        .to_owned()
}

#[tokio::test]
async fn what_becomes_of_a_run_is_told_as_the_standard_says() {
    let mut sink = Sink::new().await;
    let node = node(Arc::new(Memory::new(2)), Arc::default()).await;
    publish(&node, &sink, &[Scope::Workflow, Scope::Task], 1).await;
    let greeted = run(&node, "greet", "Ann").await;
    let mut events = Vec::new();
    for _ in 0..5 {
        let got = sink.taken().await;
        assert_eq!(got.header("content-type"), "application/cloudevents+json");
        events.push(got.json());
    }
    let kinds: Vec<_> = events.iter().map(kind).collect();
    assert_eq!(
        kinds,
        [
            "workflow.started",
            "task.created",
            "task.started",
            "task.completed",
            "workflow.completed"
        ]
    );
    let name = format!("greet-{greeted}.shop");
    let [started, _, task, done, completed] = &events[..] else {
        panic!("there are five");
    };
    assert_eq!(text(started, "/specversion"), "1.0");
    assert_eq!(text(started, "/source"), "/test");
    assert_eq!(text(started, "/subject"), greeted.to_string());
    assert_eq!(text(started, "/data/name"), name);
    assert_eq!(text(started, "/data/definition/version"), "1.0.0");
    assert_eq!(text(started, "/data/startedAt"), text(started, "/time"));
    assert_eq!(text(task, "/data/workflow"), name);
    assert_eq!(text(task, "/data/task"), "/do/0/greet");
    assert_eq!(text(done, "/data/output/text"), "Hello, Ann");
    assert_eq!(text(completed, "/data/output/text"), "Hello, Ann");
    run(&node, "order", "x").await;
    let mut faulted = Value::Null;
    while faulted.is_null() || kind(&faulted) != "workflow.faulted" {
        faulted = sink.taken().await.json();
    }
    assert_eq!(text(&faulted, "/data/error/title"), "Empty x");
}

#[tokio::test]
async fn requests_are_signed_as_standard_webhooks_say() {
    let mut sink = Sink::new().await;
    let node = node(Arc::new(Memory::new(2)), Arc::default()).await;
    publish(&node, &sink, &[Scope::Workflow], 1).await;
    run(&node, "greet", "Ann").await;
    let got = sink.taken().await;
    let id = got.header("webhook-id");
    assert_eq!(id, text(&got.json(), "/id"));
    let key = BASE64
        .decode(KEY.trim_start_matches("whsec_"))
        .expect("it is Base64");
    let mut code = Hmac::<Sha256>::new_from_slice(&key).expect("any length is taken");
    code.update(format!("{id}.{}.{}", got.header("webhook-timestamp"), got.body).as_bytes());
    let expected = format!("v1,{}", BASE64.encode(code.finalize().into_bytes()));
    assert_eq!(got.header("webhook-signature"), expected);
}

#[tokio::test]
async fn a_sink_that_fails_for_a_while_gets_everything_in_order() {
    let mut sink = Sink::new().await;
    let node = node(Arc::new(Memory::new(2)), Arc::default()).await;
    publish(&node, &sink, &[Scope::Workflow], 1).await;
    sink.answer(&[503, 429]);
    run(&node, "greet", "a").await;
    run(&node, "greet", "b").await;
    let mut tried = Vec::new();
    while tried.len() < 6 {
        let (status, got) = sink.next().await;
        tried.push((status, kind(&got.json())));
    }
    let tried: Vec<_> = tried
        .iter()
        .map(|(status, kind)| (*status, kind.as_str()))
        .collect();
    assert_eq!(
        tried,
        [
            (503, "workflow.started"),
            (429, "workflow.started"),
            (204, "workflow.started"),
            (204, "workflow.completed"),
            (204, "workflow.started"),
            (204, "workflow.completed")
        ]
    );
}

#[tokio::test]
async fn an_event_that_is_never_taken_is_counted_and_holds_nothing_up() {
    let mut sink = Sink::new().await;
    let node = node(Arc::new(Memory::new(2)), Arc::default()).await;
    sink.answer(&[422]);
    let counts = publish(&node, &sink, &[Scope::Workflow], 100).await;
    let mut bodies = Vec::new();
    while bodies.len() < 2 {
        run(&node, "greet", "a").await;
        bodies.push(sink.next().await);
    }
    assert_eq!((bodies[0].0, bodies[1].0), (422, 204));
    let kind = bodies[1].1.header("content-type");
    assert_eq!(kind, "application/cloudevents-batch+json");
    assert!(bodies[1].1.json().as_array().is_some());
    assert_eq!(counts.failed.load(Ordering::Relaxed), 1);
}

/// The sink is away while a process ends; the next one tells what the first did not.
async fn goes_on(open: impl AsyncFn() -> Arc<dyn Journal>) {
    let mut sink = Sink::new().await;
    let first = node(open().await, Arc::default()).await;
    publish(&first, &sink, &[Scope::Workflow], 1).await;
    let told = run(&first, "greet", "before").await;
    for _ in 0..2 {
        let event = sink.taken().await.json();
        assert_eq!(text(&event, "/subject"), told.to_string());
    }
    sink.answer(&[503; 50]);
    let untold = run(&first, "greet", "between").await;
    let (status, _) = sink.next().await;
    assert_eq!(status, 503);
    drop(first);
    sink.get_well();
    let second = node(open().await, Arc::default()).await;
    publish(&second, &sink, &[Scope::Workflow], 1).await;
    let after = run(&second, "greet", "after").await;
    let mut events: Vec<(String, String)> = Vec::new();
    let wanted = |run: ferrovia_store::RunId| {
        ["started", "completed"].map(|verb| (run.to_string(), format!("workflow.{verb}")))
    };
    let all: Vec<_> = wanted(untold).into_iter().chain(wanted(after)).collect();
    while !all.iter().all(|event| events.contains(event)) {
        let event = sink.taken().await.json();
        let event = (text(&event, "/subject"), kind(&event));
        // The first process may have one on its way still; that is what ids are for.
        if !events.contains(&event) {
            events.push(event);
        }
    }
    // What had arrived and was kept is at most told again, never something else.
    events.retain(|(run, _)| *run != told.to_string());
    assert_eq!(events, all);
}

#[tokio::test]
async fn the_next_process_goes_on_where_this_one_stopped() {
    let journal: Arc<dyn Journal> = Arc::new(Memory::new(2));
    goes_on(async || journal.clone()).await;
}

#[tokio::test]
async fn the_next_process_goes_on_from_a_file() {
    let directory = tempfile::tempdir().expect("there is room");
    let path = directory.path().join("runs.db");
    goes_on(async || {
        loop {
            // The first process lets go when the last of its tasks has.
            match Sqlite::open(&path, Options { shards: 2 }) {
                Ok(journal) => return Arc::new(journal) as Arc<dyn Journal>,
                Err(_) => tokio::task::yield_now().await,
            }
        }
    })
    .await;
}
