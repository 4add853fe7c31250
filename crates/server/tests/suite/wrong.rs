//! What cannot be asked for, and what it is answered with.

use crate::bed::{Bed, send};

#[tokio::test]
async fn a_start_that_cannot_be_is_refused_at_its_place() {
    let bed = Bed::new().await;
    let labels: Vec<_> = (0..=ferrovia_server::LABELS_MAX)
        .map(|n| format!("\"l{n}\": \"\""))
        .collect();
    let labels = format!(
        r#"{{"workflow": "test/greet", "labels": {{{}}}}}"#,
        labels.join(",")
    );
    let deep = format!(
        r#"{{"workflow": "test/greet", "input": {}{}}}"#,
        "[".repeat(200),
        "]".repeat(200)
    );
    for (body, status, kind, pointer) in [
        ("", 400, "malformed", None),
        ("{", 400, "malformed", None),
        (deep.as_str(), 400, "malformed", None),
        ("[]", 422, "invalid", Some("")),
        ("{}", 422, "invalid", Some("/workflow")),
        (r#"{"workflow": 7}"#, 422, "invalid", Some("/workflow")),
        (
            r#"{"workflow": "greet"}"#,
            422,
            "invalid",
            Some("/workflow"),
        ),
        (
            r#"{"workflow": "test/none"}"#,
            422,
            "invalid",
            Some("/workflow"),
        ),
        (
            r#"{"workflow": "test/greet:2.0.0"}"#,
            422,
            "invalid",
            Some("/workflow"),
        ),
        (
            r#"{"workflow": "test/greet:new"}"#,
            422,
            "invalid",
            Some("/workflow"),
        ),
        (
            r#"{"workflow": "test/greet", "inputs": 1}"#,
            422,
            "invalid",
            Some("/inputs"),
        ),
        (
            r#"{"workflow": "test/greet", "labels": []}"#,
            422,
            "invalid",
            Some("/labels"),
        ),
        (
            r#"{"workflow": "test/greet", "labels": {"a/b": 1}}"#,
            422,
            "invalid",
            Some("/labels/a~1b"),
        ),
        (labels.as_str(), 422, "invalid", Some("/labels")),
    ] {
        bed.post("runs", body).await.problem(status, kind, pointer);
    }
    let bytes = bed
        .request("POST", "/api/v1/runs")
        .body(&b"{\"workflow\": \"\xff\"}"[..]);
    send(bytes).await.problem(400, "malformed", None);
    let typed = bed
        .request("POST", "/api/v1/runs")
        .header("content-type", "text/plain")
        .body(r#"{"workflow": "test/greet"}"#);
    send(typed).await.problem(415, "media-type", None);
    bed.post("runs?wait=soon", r#"{"workflow": "test/greet"}"#)
        .await
        .problem(400, "malformed", None);
    let listed = bed.get("/api/v1/runs").await;
    assert_eq!(listed.text, r#"{"runs":[]}"#, "nothing was started");
}

#[tokio::test]
async fn a_body_has_a_limit() {
    let bed = Bed::new().await;
    let around = r#"{"workflow": "test/greet", "input": {"name": ""}}"#;
    let body = |bytes: usize| {
        let name = "n".repeat(bytes - around.len());
        around.replace("\"\"", &format!("\"{name}\""))
    };
    let limit = ferrovia_server::BODY_BYTES_MAX;
    bed.post("runs", &body(limit)).await.is(201);
    bed.post("runs", &body(limit + 1))
        .await
        .problem(413, "too-large", None);
}

#[tokio::test]
async fn what_is_not_there_is_not_found() {
    let bed = Bed::new().await;
    for (method, path) in [
        ("GET", "/api/v1/runs/0000000000000"),
        ("GET", "/api/v1/runs/0000000000000/trace"),
        ("GET", "/api/v1/runs/nonsense"),
        ("GET", "/api/v1/runs/%ff"),
        ("POST", "/api/v1/runs/0000000000000/cancel"),
        ("POST", "/api/v1/runs/0000000000000/suspend"),
        ("GET", "/api/v1/nothing"),
        ("GET", "/nothing"),
    ] {
        send(bed.request(method, path))
            .await
            .problem(404, "not-found", None);
    }
    send(bed.request("DELETE", "/api/v1/runs"))
        .await
        .problem(405, "method", None);
}

#[tokio::test]
async fn a_query_is_read_strictly() {
    let bed = Bed::new().await;
    for query in [
        "status=asleep",
        "label=team",
        "workflow=greet",
        "before=x",
        "limit=many",
        "statuss=waiting",
    ] {
        bed.get(&format!("/api/v1/runs?{query}"))
            .await
            .problem(400, "malformed", None);
    }
}

#[tokio::test]
async fn a_store_without_room_refuses_and_goes_on_once_there_is_some() {
    let bed = Bed::new().await;
    let waiting = bed.begin("test/listen").await;
    bed.journal.fill(true);
    let start = r#"{"workflow": "test/greet", "input": {"name": "Ada"}}"#;
    let event = r#"{"id": "1", "source": "/test", "type": "test.heard"}"#;
    for (path, body) in [("runs", start), ("runs?wait=5s", start), ("events", event)] {
        let refused = bed.post(path, body).await;
        refused.problem(503, "store-full", None);
        assert!(refused.headers.contains_key("retry-after"), "{path}");
    }
    // What is there can be looked at.
    bed.get(&format!("/api/v1/runs/{waiting}")).await.is(200);
    bed.get("/ready").await.is(200);
    bed.journal.fill(false);
    // Each share of the runs finds out by itself, a moment later.
    for _ in 0..8 {
        let mut answer = bed.post("runs?wait=60s", start).await;
        while answer.status == 503 {
            answer = bed.post("runs?wait=60s", start).await;
        }
        answer.is(200);
    }
    bed.post("events", event).await.is(202);
    bed.get(&format!("/api/v1/runs/{waiting}?wait=60s"))
        .await
        .is(200);
}
