//! Starting runs, waiting for them, looking at them.

use ferrovia_expr::value;

use crate::bed::{Bed, LONG, send};

#[tokio::test]
async fn who_waits_gets_what_came_of_the_run() {
    let bed = Bed::new().await;
    let order = r#"{"workflow": "test/greet", "input": {"name": "Ada"}}"#;
    let answer = bed.post(&format!("runs?{LONG}"), order).await;
    answer.is(200);
    assert_eq!(answer.at("/status"), value!("completed"));
    assert_eq!(answer.at("/output"), value!({ "text": "Hello, Ada" }));
    let preferring = send(bed.posting("runs", order).header("prefer", "wait=300")).await;
    assert_eq!(
        preferring.is(200).at("/output"),
        value!({ "text": "Hello, Ada" })
    );
}

#[tokio::test]
async fn a_fault_is_a_result() {
    let bed = Bed::new().await;
    let answer = bed
        .post(
            &format!("runs?{LONG}"),
            r#"{"workflow": "test/fault:1.0.0"}"#,
        )
        .await;
    answer.is(200);
    assert_eq!(answer.at("/status"), value!("faulted"));
    assert_eq!(answer.at("/error/title"), value!("Empty"));
    let shown = bed
        .get(&format!("/api/v1/runs/{}", answer.text_at("id")))
        .await;
    assert_eq!(shown.is(200).at("/error"), answer.at("/error"));
}

#[tokio::test]
async fn who_does_not_wait_is_told_where_to_look() {
    let bed = Bed::new().await;
    let order = r#"{"workflow": "test/greet", "input": {"name": "Ada"}}"#;
    let answer = bed.post("runs", order).await;
    let place = answer.is(201).headers["location"]
        .to_str()
        .expect("a path is text")
        .to_owned();
    assert_eq!(place, format!("/api/v1/runs/{}", answer.text_at("id")));
    let shown = bed.get(&format!("{place}?{LONG}")).await;
    assert_eq!(
        shown.is(200).at("/output"),
        value!({ "text": "Hello, Ada" })
    );
    let trace = bed.get(&format!("{place}/trace")).await;
    let entries = trace.is(200).at("/entries");
    let what: Vec<_> = entries
        .as_array()
        .expect("a trace is a list")
        .iter()
        .map(|entry| entry.get("what").cloned().unwrap_or_default())
        .collect();
    assert_eq!(
        value!(what),
        value!([
            "run-started",
            "task-started",
            "task-completed",
            "run-completed"
        ])
    );
    let last = bed.get(&format!("{place}/trace?after=3")).await;
    assert_eq!(
        last.at("/entries/0/output"),
        value!({ "text": "Hello, Ada" })
    );
    let page = bed.get(&format!("{place}/trace?after=1&limit=1")).await;
    assert_eq!(page.at("/after"), value!(2));
    assert_eq!(page.at("/entries/0/task"), value!("/do/0/greet"));
}

#[tokio::test]
async fn a_wait_that_is_over_leaves_the_run_going() {
    let bed = Bed::new().await;
    let answer = bed
        .post("runs?wait=0", r#"{"workflow": "test/listen"}"#)
        .await;
    answer.is(202);
    let shown = bed
        .get(&format!("/api/v1/runs/{}", answer.text_at("id")))
        .await;
    assert_eq!(shown.is(200).at("/status"), value!("waiting"));
    assert_eq!(shown.at("/open/0/what"), value!("events"));
}

#[tokio::test]
async fn a_server_that_stops_lets_nobody_wait() {
    let bed = Bed::new().await;
    let waiting = send(bed.posting(
        &format!("runs?{LONG}"),
        r#"{"workflow": "test/pay", "labels": {"of": "me"}}"#,
    ));
    let waiting = tokio::spawn(waiting);
    // Its call is under way, so the request waits for the end of the run.
    bed.silence.called.notified().await;
    bed.stop();
    let answer = waiting.await.expect("it does not panic");
    assert_eq!(answer.is(202).at("/labels"), value!({ "of": "me" }));
    bed.stopped().await;
}

#[tokio::test]
async fn a_key_starts_one_run() {
    let bed = Bed::new().await;
    let order = r#"{"workflow": "test/greet", "input": {"name": "Ada"}}"#;
    let with =
        |key: &str, order: &str| send(bed.posting("runs", order).header("idempotency-key", key));
    let first = with("order-7", order).await;
    let again = with("\"order-7\"", order).await;
    assert_eq!(first.is(201).at("/id"), again.is(200).at("/id"));
    let waiting = send(
        bed.posting(&format!("runs?{LONG}"), order)
            .header("idempotency-key", "order-7"),
    );
    let waiting = waiting.await;
    assert_eq!(waiting.is(200).at("/id"), first.at("/id"));
    assert_eq!(waiting.at("/output"), value!({ "text": "Hello, Ada" }));
    assert_eq!(with("order-8", order).await.is(201).status, 201);
    let listed = bed.get("/api/v1/runs").await.at("/runs");
    assert_eq!(listed.as_array().map(|runs| runs.len()), Some(2));

    let other_input = r#"{"workflow": "test/greet", "input": {"name": "Bob"}}"#;
    with("order-7", other_input)
        .await
        .problem(422, "key-reused", Some("/input"));
    with("order-7", r#"{"workflow": "test/listen"}"#)
        .await
        .problem(422, "key-reused", Some("/workflow"));
    with("", order).await.problem(400, "malformed", None);
    let long = "k".repeat(ferrovia_server::KEY_CHARS_MAX + 1);
    with(&long, order).await.problem(400, "malformed", None);
}

#[tokio::test]
async fn starts_with_one_key_at_the_same_time_are_one_run() {
    let bed = Bed::new().await;
    let order = r#"{"workflow": "test/listen"}"#;
    let starts = (0..20).map(|_| {
        tokio::spawn(send(
            bed.posting("runs", order).header("idempotency-key", "same"),
        ))
    });
    let mut ids = Vec::new();
    for start in starts.collect::<Vec<_>>() {
        let answer = start.await.expect("it does not panic");
        assert!(matches!(answer.status.as_u16(), 200 | 201), "{answer:?}");
        ids.push(answer.text_at("id"));
    }
    ids.dedup();
    assert_eq!(ids.len(), 1, "{ids:?}");
}

#[tokio::test]
async fn runs_are_listed_newest_first_by_workflow_status_and_label() {
    let bed = Bed::new().await;
    let greeted = bed
        .post(
            &format!("runs?{LONG}"),
            r#"{"workflow": "test/greet", "input": {"name": "A"}, "labels": {"team": "x"}}"#,
        )
        .await
        .text_at("id");
    let (one, two) = (
        bed.begin("test/listen").await,
        bed.begin("test/listen").await,
    );
    let listed = async |query: &str| {
        let answer = bed.get(&format!("/api/v1/runs?{query}")).await;
        let runs = answer.is(200).at("/runs");
        let runs = runs.as_array().expect("a list").iter();
        let ids = runs.map(|run| run.get("id").and_then(|id| id.as_str()).map(str::to_owned));
        ids.collect::<Option<Vec<_>>>().expect("each has an id")
    };
    assert_eq!(
        listed("").await,
        [two.clone(), one.clone(), greeted.clone()]
    );
    assert_eq!(
        listed("workflow=test/greet").await,
        std::slice::from_ref(&greeted)
    );
    assert_eq!(listed("status=waiting").await, [two.clone(), one.clone()]);
    assert_eq!(listed("label=team:x").await, std::slice::from_ref(&greeted));
    assert_eq!(listed("limit=1").await, std::slice::from_ref(&two));
    assert_eq!(listed(&format!("before={one}")).await, [greeted]);
    let page = bed.get("/api/v1/runs?limit=1").await;
    assert_eq!(page.at("/before"), value!(two.as_str()));
}

#[tokio::test]
async fn definitions_are_listed() {
    let bed = Bed::new().await;
    let answer = bed.get("/api/v1/definitions").await;
    let listed = answer.is(200).at("/definitions");
    let listed = listed.as_array().expect("it is a list");
    let fault = value!("test/fault:1.0.0");
    assert!(
        listed.iter().any(|one| one.get("workflow") == Some(&fault)),
        "{listed:?}"
    );
}
