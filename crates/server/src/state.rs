//! What the server knows of itself.

use std::fmt::Write;

use axum::extract::State;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};

use crate::access::Action;
use crate::app::App;
use crate::gate::Permit;
use crate::problem::Problem;
use crate::route::{Doc, Route, Rule, Section, Where, get};

pub(crate) fn section() -> Section {
    let text = "text/plain";
    Section {
        name: "server",
        about: "What the server knows of itself.",
        routes: vec![
            Route::new(
                get("/health"),
                Rule::Public("it says that the process answers, and nothing else"),
                health,
                Doc::new("getHealth", "The process answers").gives_text(200, "It does", text),
            ),
            Route::new(
                get("/ready"),
                Rule::Public("it says whether the store can be used, and not why"),
                ready,
                Doc::new("getReadiness", "Runs can be started").gives_text(200, "They can", text),
            ),
            Route::new(
                get("/metrics"),
                Rule::Needs(Action::ReadMetrics, Where::Everywhere),
                metrics,
                Doc::new("getMetrics", "Figures in the text format of Prometheus").gives_text(
                    200,
                    "The figures",
                    text,
                ),
            ),
        ],
        schemas: Vec::new(),
    }
}

/// `GET /health`: the process answers.
async fn health() -> &'static str {
    "ok\n"
}

/// `GET /ready`: runs can be started.
async fn ready(State(app): State<App>) -> Result<&'static str, Problem> {
    tokio::select! {
        biased;
        // Why it failed is for the operator, who reads it where the process ran.
        _why = app.failed() => Err(Problem::new(503, "store-unusable", "The store cannot be used")),
        () = std::future::ready(()) => Ok("ready\n"),
    }
}

/// `GET /metrics`, in the text format of Prometheus.
async fn metrics(State(app): State<App>, permit: Permit) -> Result<Response, Problem> {
    let stats = app
        .reading(&permit, |node| Ok(node.journal().stats()?))
        .await?;
    let mut text =
        String::from("# HELP ferrovia_runs Runs in the store.\n# TYPE ferrovia_runs gauge\n");
    for (status, count) in &stats.runs_by_status {
        line(
            &mut text,
            &format!("ferrovia_runs{{status=\"{}\"}}", status.as_str()),
            *count,
        );
    }
    for (name, help, value) in [
        (
            "ferrovia_records",
            "Records of the runs in the store.",
            stats.records,
        ),
        ("ferrovia_store_bytes", "Size of the store.", stats.bytes),
        (
            "ferrovia_deliveries",
            "What runs have not taken in yet.",
            stats.deliveries,
        ),
    ] {
        writeln!(text, "# HELP {name} {help}\n# TYPE {name} gauge").expect("memory takes all text");
        line(&mut text, name, value);
    }
    let figures = app.node(&permit).figures();
    let gauges = [
        (
            "ferrovia_runs_resident",
            "Runs in memory.",
            figures.resident,
        ),
        (
            "ferrovia_effects_open",
            "Effects that wait for their turn or are under way.",
            figures.open_effects,
        ),
        (
            "ferrovia_feed_listeners",
            "Those who listen to runs.",
            figures.listeners,
        ),
        (
            "ferrovia_streams_open",
            "Streams of Server-Sent Events that are open.",
            app.live.count(),
        ),
    ];
    for (name, help, value) in gauges {
        write!(
            text,
            "# HELP {name} {help}\n# TYPE {name} gauge\n{name} {value}\n"
        )
        .expect("memory takes all text");
    }
    let (name, missed) = ("ferrovia_feed_missed_total", figures.missed);
    write!(
        text,
        "# HELP {name} Messages that listeners were too slow for.\n# TYPE {name} counter\n{name} {missed}\n"
    )
    .expect("memory takes all text");
    Ok(([(CONTENT_TYPE, "text/plain; version=0.0.4")], text).into_response())
}

fn line(text: &mut String, name: &str, value: u64) {
    writeln!(text, "{name} {value}").expect("memory takes all text");
}
