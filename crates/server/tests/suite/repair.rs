//! Repair, fork, migrate: what is answered, and what is refused. What is carried out is counted in the runtime's tests.

use ferrovia_expr::value;
use ferrovia_server::access::Role;

use crate::bed::{Bed, LONG};
use crate::people::grant;

const SOUND: &str = "do:\n  - stop: { set: { done: true } }";

/// A run that faulted.
async fn faulted(bed: &Bed) -> String {
    let run = bed.begin("test/fault:1.0.0").await;
    let shown = bed.get(&format!("/api/v1/runs/{run}?{LONG}")).await;
    assert_eq!(shown.at("/status"), value!("faulted"));
    run
}

#[tokio::test]
async fn a_faulted_run_is_repaired_once_with_a_version_that_works() {
    let bed = Bed::new().await;
    let run = faulted(&bed).await;
    let repair = format!("runs/{run}/repair");
    bed.post(&repair, "").await.problem(409, "conflict", None);
    bed.publish("fault", "1.1.0", SOUND).await.is(201);

    let order = r#"{"version": "1.1.0"}"#;
    let dry = bed
        .post(&repair, r#"{"version": "1.1.0", "dryRun": true}"#)
        .await;
    assert_eq!(dry.is(200).json().get("run"), None);
    assert_eq!(dry.at("/ended"), value!(true));
    let repaired = bed.post(&repair, order).await;
    assert_eq!(repaired.is(201).at("/run/repairs"), value!(run.as_str()));
    let again = bed.post(&repair, order).await;
    assert_eq!(again.is(200).at("/run/id"), repaired.at("/run/id"));
    let id = repaired.at("/run/id");
    let id = id.as_str().expect("an id is text");
    let shown = bed.get(&format!("/api/v1/runs/{id}?{LONG}")).await;
    assert_eq!(shown.at("/output"), value!({ "done": true }));
    // What faulted stays as it was.
    let shown = bed.get(&format!("/api/v1/runs/{run}")).await;
    assert_eq!(shown.at("/status"), value!("faulted"));
}

#[tokio::test]
async fn a_run_that_did_not_fault_is_not_repaired() {
    let bed = Bed::new().await;
    let run = bed.begin("test/listen").await;
    bed.post(&format!("runs/{run}/repair"), "")
        .await
        .problem(409, "conflict", None);
    for path in ["repair", "fork"] {
        bed.post(&format!("runs/0000000000000/{path}"), "")
            .await
            .problem(404, "not-found", None);
    }
}

#[tokio::test]
async fn what_is_wrong_with_an_order_is_pointed_at() {
    let bed = Bed::new().await;
    let run = faulted(&bed).await;
    for (what, body, pointer) in [
        ("repair", r#"{"version": 7}"#, "/version"),
        ("repair", r#"{"version": "9.0.0"}"#, "/version"),
        ("repair", r#"{"dryRun": "yes"}"#, "/dryRun"),
        ("repair", r#"{"from": "start"}"#, "/from"),
        ("repair", r#"{"outcomes": []}"#, "/outcomes"),
        (
            "repair",
            r#"{"outcomes": {"/do/0/a": 1}}"#,
            "/outcomes/~1do~10~1a",
        ),
        ("fork", r#"{"outcomes": {"a": {}}}"#, "/outcomes/a"),
        ("fork", r#"{"from": "middle"}"#, "/from"),
        ("fork", r#"{"from": {"task": 1}}"#, "/from"),
        ("fork", r#"{"from": {"task": "/do/9/none"}}"#, "/from"),
        ("fork", r#"{"from": {"outcome": "/do/9/none"}}"#, "/from"),
        ("migrate", r#"{}"#, "/version"),
        ("migrate", r#"{"version": "x"}"#, "/version"),
    ] {
        let answer = bed.post(&format!("runs/{run}/{what}"), body).await;
        answer.problem(422, "invalid", Some(pointer));
    }
    for (body, pointer) in [
        (r#"{"version": "1.0.0"}"#, "/workflow"),
        (
            r#"{"workflow": "test/none:1.0.0", "version": "1.0.0"}"#,
            "/workflow",
        ),
        (
            r#"{"workflow": "test/fault:1.0.0", "version": "2.0.0"}"#,
            "/version",
        ),
        (
            r#"{"workflow": "test/fault:1.0.0", "version": "1.0.0", "limit": "a"}"#,
            "/limit",
        ),
        (
            r#"{"workflow": "test/fault:1.0.0", "version": "1.0.0", "before": "a"}"#,
            "/before",
        ),
    ] {
        bed.post("migrations", body)
            .await
            .problem(422, "invalid", Some(pointer));
    }
}

#[tokio::test]
async fn what_a_parent_waits_for_goes_on_with_its_parent() {
    let bed = Bed::new().await;
    let parent =
        "do:\n  - child: { run: { workflow: { namespace: test, name: fault, version: '1.0.0' } } }";
    bed.publish("parent", "1.0.0", parent).await.is(201);
    let run = bed.begin("test/parent").await;
    let shown = bed.get(&format!("/api/v1/runs/{run}?{LONG}")).await;
    assert_eq!(shown.at("/status"), value!("faulted"));
    let shown = bed.get(&format!("/api/v1/runs/{run}")).await;
    let child = shown.at("/children/0/id");
    let child = child.as_str().expect("an id is text");
    let refused = bed.post(&format!("runs/{child}/repair"), "").await;
    refused.problem(409, "conflict", None);
    assert!(refused.text.contains(&run), "{refused:?}");
}

#[tokio::test]
async fn live_runs_are_compared_and_moved_page_by_page() {
    let bed = Bed::new().await;
    let hear = "hear: { listen: { to: { one: { with: { type: test.heard } } } } }";
    bed.publish(
        "listen",
        "2.0.0",
        &format!("do:\n  - {hear}\n  - last: {{ set: {{ new: true }} }}"),
    )
    .await
    .is(201);
    bed.publish("listen", "3.0.0", SOUND).await.is(201);
    let mut runs = Vec::new();
    for _ in 0..3 {
        runs.push(bed.begin("test/listen:1.0.0").await);
    }
    let order = |to: &str, more: &str| {
        format!(r#"{{"workflow": "test/listen:1.0.0", "version": "{to}"{more}}}"#)
    };
    let other = bed.post("migrations", &order("3.0.0", "")).await;
    assert_eq!(other.is(200).at("/runs/0/same"), value!(false));
    assert_eq!(other.at("/runs/0/moved"), value!(false));
    assert!(other.at("/runs/0/wouldBe").as_str().is_some());

    let first = bed
        .post("migrations", &order("2.0.0", r#", "limit": 2"#))
        .await;
    let moved = |answer: &crate::bed::Answer| {
        let moved = answer.is(200).at("/runs");
        moved.as_array().map_or(0, |runs| runs.len())
    };
    assert_eq!(moved(&first), 2);
    let before = first.text_at("before");
    let more = format!(r#", "limit": 2, "before": "{before}""#);
    let rest = bed.post("migrations", &order("2.0.0", &more)).await;
    assert_eq!(moved(&rest), 1);
    for run in &runs {
        let shown = bed.get(&format!("/api/v1/runs/{run}")).await;
        assert_eq!(shown.at("/workflow"), value!("test/listen:2.0.0"));
    }
    let run = &runs[0];
    bed.post(&format!("runs/{run}/cancel"), "").await.is(200);
    bed.post(&format!("runs/{run}/migrate"), r#"{"version": "2.0.0"}"#)
        .await
        .problem(409, "conflict", None);
}

#[tokio::test]
async fn runs_of_other_namespaces_are_not_there() {
    let bed = Bed::closed().await;
    let order = Some(value!({ "workflow": "zone/listen" }));
    let run = bed.ask(&bed.operator(), "POST", "runs", order).await;
    let run = run.text_at("id");
    bed.add_user("guest", &[grant(Role::Editor, "test")]).await;
    let guest = bed.session("guest").await;
    for what in ["repair", "fork", "migrate"] {
        let path = format!("runs/{run}/{what}");
        bed.ask(&guest, "POST", &path, Some(value!({})))
            .await
            .problem(404, "not-found", None);
    }
    let order = value!({ "workflow": "zone/listen:1.0.0", "version": "1.0.0" });
    bed.ask(&guest, "POST", "migrations", Some(order))
        .await
        .problem(422, "invalid", Some("/workflow"));
}
