//! Who may ask, and what operators see.

use ferrovia_expr::value;

use crate::bed::{Bed, LONG, send};

#[tokio::test]
async fn pages_of_others_cannot_ask() {
    let bed = Bed::new().await;
    let order = r#"{"workflow": "test/greet"}"#;
    for (name, text, kind) in [
        ("host", "evil.example", "foreign-host"),
        ("host", "127.0.0.1.evil.example:80", "foreign-host"),
        ("origin", "https://evil.example", "foreign-origin"),
        ("origin", "null", "foreign-origin"),
    ] {
        let answer = send(bed.posting("runs", order).header(name, text)).await;
        answer.problem(403, kind, None);
    }
    let listed = bed.get("/api/v1/runs").await;
    assert_eq!(listed.at("/runs"), value!([]));
    let own = send(
        bed.posting("runs", order)
            .header("origin", "http://localhost:5173"),
    )
    .await;
    own.is(201);
}

#[tokio::test]
async fn health_readiness_and_figures_are_there() {
    let bed = Bed::new().await;
    bed.get("/health").await.is(200);
    bed.get("/ready").await.is(200);
    let run = bed.begin("test/listen").await;
    bed.post(
        &format!("runs?{LONG}"),
        r#"{"workflow": "test/greet", "input": {"name": "Ada"}}"#,
    )
    .await
    .is(200);
    let metrics = bed.get("/metrics").await;
    for line in [
        "ferrovia_runs{status=\"waiting\"} 1",
        "ferrovia_runs{status=\"completed\"} 1",
        "ferrovia_deliveries 0",
    ] {
        assert!(
            metrics.text.lines().any(|l| l == line),
            "{line}: {metrics:?}"
        );
    }
    assert!(!metrics.text.contains(&run), "runs are no labels");
}
