//! Alerts: the right people hear of the right runs, once for each trouble, whatever ends in between.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use ferrovia_expr::Value;
use ferrovia_runtime::Node;
use ferrovia_runtime::notify::{Alerting, Counts, Courier, Form, When};
use ferrovia_store::{Journal, Memory};

use super::bed::{Silence, Sink, node, quiet, request, run, text};

fn rule(courier: Arc<dyn Courier>, form: Form) -> Alerting {
    Alerting {
        name: "rule".to_owned(),
        when: vec![When::Faulted, When::Parked],
        workflows: Vec::new(),
        courier,
        form,
        window: Duration::from_secs(3_600),
        public_url: Some("https://flows.example/".to_owned()),
    }
}

/// Begins to tell.
pub(super) async fn begin(node: &Node, alerting: Alerting) -> Arc<Counts> {
    node.alert(alerting, quiet()).await
}

#[tokio::test]
async fn a_fault_is_told_once_with_a_count_and_a_link() {
    let mut sink = Sink::new().await;
    let journal = Arc::new(Memory::new(2));
    let first = node(journal.clone(), Arc::default()).await;
    begin(&first, rule(sink.courier(None), Form::Json)).await;
    drop(first);
    // Nobody tells while these happen.
    let quiet_node = node(journal.clone(), Arc::default()).await;
    run(&quiet_node, "greet", "Ann").await;
    let mut faulted = vec![run(&quiet_node, "order", "1").await];
    faulted.push(run(&quiet_node, "order", "22").await);
    faulted.push(run(&quiet_node, "order", "333").await);
    drop(quiet_node);
    let next = node(journal, Arc::default()).await;
    let counts = begin(&next, rule(sink.courier(None), Form::Json)).await;
    let alert = sink.taken().await;
    assert_eq!(alert.header("content-type"), "application/json");
    let alert = alert.json();
    assert_eq!(text(&alert, "/alert"), "faulted");
    assert_eq!(text(&alert, "/workflow"), "shop/order");
    assert!(text(&alert, "/reason").starts_with("Empty "), "{alert:?}");
    assert_eq!(alert.get("count"), Some(&Value::from(3)));
    let shown = text(&alert, "/run");
    assert!(faulted.iter().any(|run| run.to_string() == shown));
    assert_eq!(
        text(&alert, "/link"),
        format!("https://flows.example/api/v1/runs/{shown}")
    );
    // Another trouble is another message; the same one is only counted for now.
    run(&next, "order", "4").await;
    run(&next, "order", "in words").await;
    let alert = sink.taken().await.json();
    assert!(
        text(&alert, "/reason").starts_with("Empty in words"),
        "{alert:?}"
    );
    assert_eq!(counts.failed.load(Ordering::Relaxed), 0);
}

#[tokio::test]
async fn an_alert_survives_a_receiver_that_is_away_and_a_process_that_ends() {
    let mut sink = Sink::new().await;
    let journal: Arc<dyn Journal> = Arc::new(Memory::new(2));
    let first = node(journal.clone(), Arc::default()).await;
    begin(&first, rule(sink.courier(None), Form::Slack)).await;
    sink.answer(&[500; 20]);
    let faulted = run(&first, "order", "<b>&").await;
    let (status, _) = sink.next().await;
    assert_eq!(status, 500);
    drop(first);
    sink.get_well();
    let next = node(journal, Arc::default()).await;
    begin(&next, rule(sink.courier(None), Form::Slack)).await;
    let said = text(&sink.taken().await.json(), "/text");
    let link = format!("<https://flows.example/api/v1/runs/{faulted}|{faulted}>");
    assert!(
        said.starts_with(&format!("*shop/order: a run is faulted*\n{link}: ")),
        "{said}"
    );
    assert!(said.contains("Empty &lt;b&gt;&amp;"), "{said}");
}

#[tokio::test]
async fn a_parked_run_is_told_and_other_workflows_are_not() {
    let mut sink = Sink::new().await;
    let journal = Arc::new(Memory::new(2));
    let silence = Arc::new(Silence::default());
    let first = node(journal.clone(), silence.clone()).await;
    let paying = first
        .start(request(&first, "pay", "x"))
        .await
        .expect("it starts");
    silence.0.notified().await;
    drop(first);
    // It is unknown now whether the call arrived.
    let next = node(journal, Arc::default()).await;
    let wanted = "shop/p*".parse().expect("it is a pattern");
    let alerting = Alerting {
        workflows: vec![wanted],
        ..rule(sink.courier(None), Form::Json)
    };
    begin(&next, alerting).await;
    run(&next, "order", "x").await;
    // The fault of the child is for its parent to handle.
    run(&next, "parent", "x").await;
    let alert = sink.taken().await.json();
    assert_eq!(text(&alert, "/alert"), "parked");
    assert_eq!(text(&alert, "/run"), paying.to_string());
    assert!(text(&alert, "/reason").contains("unknown"), "{alert:?}");
}

#[tokio::test]
async fn an_alert_that_is_refused_is_given_up_and_counted() {
    let mut sink = Sink::new().await;
    let node = node(Arc::new(Memory::new(2)), Arc::default()).await;
    let counts = begin(&node, rule(sink.courier(None), Form::Json)).await;
    sink.answer(&[400]);
    run(&node, "order", "a").await;
    assert_eq!(sink.next().await.0, 400);
    run(&node, "order", "b").await;
    let alert = sink.taken().await.json();
    assert!(text(&alert, "/reason").starts_with("Empty b"), "{alert:?}");
    assert_eq!(counts.failed.load(Ordering::Relaxed), 1);
}
