//! Runs as the outside sees them. What the index does not hold is derived from the journal by replay.

use axum::http::header::CONTENT_TYPE;
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use ferrovia_dsl::plan::Plan;
use ferrovia_engine::{Ending, TraceEntry};
use ferrovia_expr::{Object, Value};
use ferrovia_runtime::Node;
use ferrovia_runtime::shard::History;
use ferrovia_store::{RunId, Summary};

use crate::problem::Problem;

/// Records read at a time.
const RECORDS_AT_A_TIME: usize = 256;

pub(crate) fn json(status: StatusCode, body: &Value) -> Response {
    let mut response = (status, body.to_json()).into_response();
    response
        .headers_mut()
        .insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}

/// The index row of a run.
pub(crate) fn summary(summary: &Summary) -> Object {
    let run = &summary.run;
    let mut view = Object::default();
    view.insert("id", run.id.to_string());
    view.insert(
        "workflow",
        format!("{}/{}:{}", run.namespace, run.name, run.version),
    );
    view.insert("status", summary.status.as_str());
    view.insert("createdMs", run.created_ms);
    view.insert("updatedMs", summary.updated_ms);
    if let Some(wake_ms) = summary.wake_ms {
        view.insert("wakeMs", wake_ms);
    }
    if let Some(reason) = &summary.reason {
        view.insert("reason", reason.clone());
    }
    if let Some(parent) = &run.parent {
        view.insert("parent", parent.run.to_string());
    }
    if !run.labels.is_empty() {
        let labels: Object = run
            .labels
            .iter()
            .map(|(name, value)| (name.clone(), value.clone()))
            .collect();
        view.insert("labels", labels);
    }
    view
}

/// What a run that has ended came to: `output` or `error`.
pub(crate) fn ending(view: &mut Object, ending: &Ending) {
    match ending {
        Ending::Completed(output) => view.insert("output", output.clone()),
        Ending::Faulted(error) => view.insert("error", error.to_value()),
        Ending::Cancelled { .. } => {}
    }
}

/// Replays a run from its first record. `see` is shown what happened, with the position of the record.
pub(crate) fn replay(
    node: &Node,
    summary: &Summary,
    mut see: impl FnMut(&Plan, u64, &[TraceEntry]),
) -> Result<History, Problem> {
    let run: RunId = summary.run.id;
    let parked = |why: String| {
        Problem::new(409, "parked", "The journal of the run cannot be read").detail(why)
    };
    let plan = node
        .plan(summary.run.plan)
        .map_err(|why| parked(why.to_string()))?;
    let mut history = History::new(run, node.runtime().clone());
    loop {
        let records = node
            .journal()
            .records(run, history.seq + 1, RECORDS_AT_A_TIME)?;
        for (seq, record) in &records {
            let taken = history.take(&plan, *seq, record, |entries| see(&plan, *seq, entries));
            taken.map_err(|error| parked(error.to_string()))?;
        }
        if records.len() < RECORDS_AT_A_TIME {
            return Ok(history);
        }
    }
}

/// One line of a trace: `{"atMs": …, "task": "/do/0/a", "what": "task-started", …}`.
pub(crate) fn entry(plan: &Plan, record: u64, entry: &TraceEntry) -> Value {
    let mut view = Object::default();
    view.insert("record", record as i64);
    view.insert("atMs", entry.at_ms);
    if let Some(task) = entry.task {
        view.insert("task", plan[task].pointer.clone());
    }
    let event = serde_json::to_value(&entry.event).unwrap_or_default();
    let (what, fields) = match event {
        serde_json::Value::Object(tagged) => tagged.into_iter().next().unwrap_or_default(),
        other => (
            other.as_str().unwrap_or_default().to_owned(),
            serde_json::Value::Null,
        ),
    };
    view.insert("what", kebab(&what));
    let fields: Value = serde_json::from_value(fields).unwrap_or_default();
    if let Some(fields) = fields.as_object() {
        fields
            .iter()
            .for_each(|(name, value)| view.insert(name.clone(), value.clone()));
    }
    view.into()
}

fn kebab(camel: &str) -> String {
    let mut text = String::new();
    for c in camel.chars() {
        if c.is_ascii_uppercase() && !text.is_empty() {
            text.push('-');
        }
        text.push(c.to_ascii_lowercase());
    }
    text
}
