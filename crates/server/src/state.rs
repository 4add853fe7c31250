//! What the server knows of itself.

use std::fmt::Write;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use axum::extract::State;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use ferrovia_runtime::notify::Counts;

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
        number(&mut text, name, help, value);
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
        number(&mut text, name, help, value as u64);
    }
    let missed = "Messages that listeners were too slow for.";
    number(
        &mut text,
        "ferrovia_feed_missed_total",
        missed,
        figures.missed,
    );
    notices(&mut text, "lifecycle", app.config.lifecycle.as_slice());
    notices(&mut text, "alerts", &app.config.alerts);
    Ok(([(CONTENT_TYPE, "text/plain; version=0.0.4")], text).into_response())
}

fn line(text: &mut String, name: &str, value: u64) {
    writeln!(text, "{name} {value}").expect("memory takes all text");
}

/// One figure. What only grows has a name that says so.
fn number(text: &mut String, name: &str, help: &str, value: u64) {
    let kind = if name.ends_with("_total") {
        "counter"
    } else {
        "gauge"
    };
    writeln!(text, "# HELP {name} {help}\n# TYPE {name} {kind}").expect("memory takes all text");
    line(text, name, value);
}

/// What was told to the outside, if anything is.
fn notices(text: &mut String, what: &str, counts: &[Arc<Counts>]) {
    if counts.is_empty() {
        return;
    }
    let sum = |of: fn(&Counts) -> &AtomicU64| -> u64 {
        let numbers = counts
            .iter()
            .map(|counts| of(counts).load(Ordering::Relaxed));
        numbers.sum()
    };
    let (sent, failed) = (sum(|counts| &counts.sent), sum(|counts| &counts.failed));
    let attempts = sum(|counts| &counts.attempts_failed);
    let behind = sum(|counts| &counts.behind);
    for (name, help, value) in [
        ("sent_total", "Messages that arrived.", sent),
        ("failed_total", "Messages that were given up.", failed),
        (
            "attempts_failed_total",
            "Attempts to deliver that failed.",
            attempts,
        ),
        ("behind", "Records that were not looked at yet.", behind),
    ] {
        number(text, &format!("ferrovia_{what}_{name}"), help, value);
    }
}
