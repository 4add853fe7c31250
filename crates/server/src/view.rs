//! Runs as the outside sees them, over HTTP and on the command line. What the index does not hold is derived from the
//! journal by replay.

use std::collections::BTreeSet;
use std::sync::Arc;

use axum::http::header::CONTENT_TYPE;
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use ferrovia_dsl::plan::{Flow, Plan, TaskId};
use ferrovia_engine::{Ending, Input, Obligation, RuntimeInfo, TraceEntry, TraceEvent};
use ferrovia_expr::{Object, Value};
use ferrovia_runtime::Node;
use ferrovia_runtime::shard::{History, ReplayError};
use ferrovia_store::format::v1::Record;
use ferrovia_store::{Filter, Journal, Page, PlanHash, RunId, Status, StoreError, Summary, Why};

use crate::PAGE_MAX;

/// Records read at a time.
const RECORDS_AT_A_TIME: usize = 256;

/// Where runs can be read: a node, or a store that nobody drives.
pub trait Runs {
    fn journal(&self) -> &dyn Journal;
    fn plan(&self, hash: PlanHash) -> Result<Arc<Plan>, Arc<str>>;
    fn runtime(&self) -> &RuntimeInfo;
}

impl Runs for Node {
    fn journal(&self) -> &dyn Journal {
        &**Node::journal(self)
    }
    fn plan(&self, hash: PlanHash) -> Result<Arc<Plan>, Arc<str>> {
        Node::plan(self, hash)
    }
    fn runtime(&self) -> &RuntimeInfo {
        Node::runtime(self)
    }
}

/// Why a run cannot be shown.
#[derive(Debug, thiserror::Error)]
pub enum Unreadable {
    #[error(transparent)]
    Store(#[from] StoreError),
    /// Its definition is missing, or this release does not compile it.
    #[error("{0}")]
    Plan(Arc<str>),
    #[error(transparent)]
    Replay(#[from] ReplayError),
}

pub(crate) fn json(status: StatusCode, body: &Value) -> Response {
    json_text(status, body.to_json())
}

/// Text that is JSON.
pub(crate) fn json_text(status: StatusCode, text: String) -> Response {
    let mut response = (status, text).into_response();
    response
        .headers_mut()
        .insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}

pub fn look(runs: &dyn Runs, run: RunId) -> Result<Option<Summary>, Unreadable> {
    Ok(runs.journal().summary(run)?)
}

/// Newest first. `before` is there if there may be more: the next page begins with it.
pub fn list(runs: &dyn Runs, filter: &Filter, page: Page) -> Result<Value, Unreadable> {
    Ok(shown(&runs.journal().runs(filter, page)?, page))
}

/// Like [`list`], of these namespaces alone.
pub(crate) fn list_within(
    runs: &dyn Runs,
    namespaces: &BTreeSet<String>,
    filter: &Filter,
    page: Page,
) -> Result<Value, Unreadable> {
    let mut found = Vec::new();
    let wanted = |namespace: &&String| {
        let asked = filter.namespace.as_deref();
        asked.is_none_or(|asked| asked == *namespace)
    };
    for namespace in namespaces.iter().filter(wanted) {
        let filter = Filter {
            namespace: Some(namespace.as_str().into()),
            ..filter.clone()
        };
        found.extend(runs.journal().runs(&filter, page)?);
    }
    found.sort_by_key(|run| std::cmp::Reverse(run.run.id));
    found.truncate(page.limit);
    Ok(shown(&found, page))
}

fn shown(found: &[Summary], page: Page) -> Value {
    let mut body = Object::default();
    if let Some(last) = found.last().filter(|_| found.len() == page.limit) {
        body.insert("before", last.run.id.to_string());
    }
    let found: Vec<Value> = found.iter().map(|run| summary(run).into()).collect();
    body.insert("runs", found);
    body.into()
}

/// A run with what it came to, or what it waits for.
pub fn whole(runs: &dyn Runs, known: &Summary) -> Result<Value, Unreadable> {
    whole_for(runs, known, |_| true)
}

/// Like [`whole`], with the children in namespaces that somebody sees.
pub(crate) fn whole_for(
    runs: &dyn Runs,
    known: &Summary,
    sees: impl Fn(&str) -> bool,
) -> Result<Value, Unreadable> {
    let mut body = summary(known);
    let plan = runs.plan(known.run.plan).map_err(Unreadable::Plan);
    match plan.and_then(|plan| latest(runs, &plan, known.run.id)) {
        Ok(history) => match history.run.ending() {
            Some(ended) => ending(&mut body, ended),
            None => body.insert("open", open(&history)),
        },
        Err(Unreadable::Store(error)) => return Err(error.into()),
        // What the index has of it can be shown all the same.
        Err(why) => body.insert("unreadable", why.to_string()),
    }
    let mut children = runs.journal().children(known.run.id)?;
    children.retain(|child| sees(&child.run.namespace));
    if known.run.origin.is_some() {
        body.insert("effects", taken_over(runs, known.run.id)?);
    }
    if !children.is_empty() {
        let children: Vec<Value> = children.iter().map(|child| summary(child).into()).collect();
        body.insert("children", children);
    }
    Ok(body.into())
}

/// Which effects of a fork were answered from the journal of its origin, and which were carried out; the first ones.
fn taken_over(runs: &dyn Runs, run: RunId) -> Result<Value, Unreadable> {
    let (mut reused, mut executed) = (Vec::<Value>::new(), Vec::<Value>::new());
    let mut from = 1;
    loop {
        let records = runs.journal().records(run, from, RECORDS_AT_A_TIME)?;
        let Some((last, _)) = records.last() else {
            let mut view = Object::default();
            view.insert("reused", reused);
            view.insert("executed", executed);
            return Ok(view.into());
        };
        from = last + 1;
        for (_, record) in &records {
            for stamped in Record::decode(record)?.inputs {
                let (Input::EffectSettled { id, .. } | Input::ChildSettled { id, .. }) =
                    stamped.input
                else {
                    continue;
                };
                let list = if stamped.reused {
                    &mut reused
                } else {
                    &mut executed
                };
                if list.len() < PAGE_MAX {
                    list.push(id.0.into());
                }
            }
        }
    }
}

/// A part of the trace, from after as many entries. `after` is there if there is more.
pub fn trace(
    runs: &dyn Runs,
    known: &Summary,
    after: usize,
    limit: usize,
) -> Result<Value, Unreadable> {
    let (mut entries, mut seen) = (Vec::new(), 0usize);
    replay(runs, known, |plan, seq, new| {
        for new in new {
            seen += 1;
            if seen > after && entries.len() < limit {
                entries.push(entry(plan, seq, new));
            }
        }
    })?;
    let mut body = Object::default();
    if after + entries.len() < seen {
        body.insert("after", after + entries.len());
    }
    body.insert("entries", entries);
    Ok(body.into())
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
    if let Some(origin) = &run.origin {
        let name = match origin.why {
            Why::Repair => "repairs",
            Why::Fork => "forkedFrom",
        };
        view.insert(name, origin.run.to_string());
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

/// The status that a run ends with.
pub(crate) fn end_status(ending: &Ending) -> Status {
    match ending {
        Ending::Completed(_) => Status::Completed,
        Ending::Faulted(_) => Status::Faulted,
        Ending::Cancelled { .. } => Status::Cancelled,
    }
}

/// What the world owes a run, without the data of it.
fn open(history: &History) -> Vec<Value> {
    let owed = history.run.obligations().iter();
    let owed = owed.map(|(id, obligation)| {
        let mut view = Object::default();
        view.insert("id", id.0.clone());
        match obligation {
            Obligation::Effect(effect) => {
                view.insert("what", "effect");
                view.insert("call", effect.request.kind.as_str());
            }
            Obligation::Timer(timer) => {
                view.insert("what", "timer");
                view.insert("dueMs", timer.due_ms);
            }
            Obligation::Child(child) => {
                view.insert("what", "child");
                view.insert("workflow", format!("{}/{}", child.namespace, child.name));
            }
            Obligation::Subscription => view.insert("what", "events"),
            Obligation::Proceed => view.insert("what", "proceed"),
        }
        view.into()
    });
    owed.collect()
}

/// A run as it is now, from its last snapshot on.
fn latest(runs: &dyn Runs, plan: &Plan, run: RunId) -> Result<History, Unreadable> {
    let stored = runs.journal().load(run)?;
    let fresh = || History::new(run, runs.runtime().clone());
    let Some(stored) = stored else {
        return Ok(fresh());
    };
    let mut history = match stored.snapshot {
        Some(snapshot) => {
            History::from_snapshot(snapshot.seq, &snapshot.state, runs.runtime().clone())?
        }
        None => fresh(),
    };
    for (seq, record) in &stored.records {
        history.take(plan, *seq, record, |_| {})?;
    }
    Ok(history)
}

/// Replays a run from its first record. `see` is shown what happened, with the position of the record.
pub fn replay(
    runs: &dyn Runs,
    known: &Summary,
    mut see: impl FnMut(&Plan, u64, &[TraceEntry]),
) -> Result<History, Unreadable> {
    ferrovia_runtime::shard::replay(
        known.run.id,
        known.run.plan,
        runs.runtime().clone(),
        |from| {
            let journal = runs.journal();
            Ok::<_, Unreadable>(journal.records(known.run.id, from, RECORDS_AT_A_TIME)?)
        },
        |hash| runs.plan(hash).map_err(Unreadable::Plan),
        |seen| see(seen.plan, seen.seq, &seen.step.trace),
        |_| Ok(()),
    )
}

/// One line of a trace: `{"record": 1, "atMs": …, "task": "/do/0/a", "what": "task-started", …}`.
pub fn entry(plan: &Plan, record: u64, entry: &TraceEntry) -> Value {
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
            .filter(|(name, _)| &***name != "flow")
            .for_each(|(name, value)| view.insert(name.clone(), value.clone()));
    }
    if let TraceEvent::TaskCompleted { flow, .. } | TraceEvent::CaseTaken { flow, .. } =
        &entry.event
    {
        view.insert("flow", target(plan, entry.task, *flow));
    }
    view.into()
}

/// Where the workflow goes next, as a definition says it.
fn target(plan: &Plan, task: Option<TaskId>, flow: Flow) -> Arc<str> {
    let index = match flow {
        Flow::Continue => return "continue".into(),
        Flow::Exit => return "exit".into(),
        Flow::End => return "end".into(),
        Flow::Goto(index) => index as usize,
    };
    let list = task.and_then(|task| plan.lists.iter().find(|list| list.0.contains(&task)));
    let target = list.and_then(|list| list.0.get(index));
    target.map_or_else(|| "continue".into(), |target| plan[*target].name.clone())
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
