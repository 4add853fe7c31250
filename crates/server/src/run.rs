//! Runs: start, list, look at, control.

use std::sync::Arc;
use std::time::Duration;

use axum::body::Bytes;
use axum::extract::rejection::BytesRejection;
use axum::extract::{Path, Query, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use ferrovia_dsl::plan::{Plan, VersionReq};
use ferrovia_engine::{EffectOutput, Ending, ErrorType, Fault, ObligationId, Outcome};
use ferrovia_expr::{Object, Value};
use ferrovia_runtime::shard::{Control, Declined};
use ferrovia_runtime::{Node, StartRequest};
use ferrovia_store::{Filter, Page, RunId, Status, StoreError, Summary};
use serde::Deserialize;
use tokio::sync::oneshot;

use crate::problem::Problem;
use crate::view;
use crate::{PAGE_MAX, WAIT_SECONDS_MAX};

type Answer = Result<Response, Problem>;

#[derive(Deserialize)]
pub(crate) struct Wait {
    /// Seconds to wait for the end.
    wait: Option<u64>,
}

/// `POST /api/v1/runs` with `{"workflow": "namespace/name[:version]", "input": …, "labels": {…}}`.
pub(crate) async fn start(
    State(node): State<Node>,
    Query(wait): Query<Wait>,
    headers: HeaderMap,
    body: Result<Bytes, BytesRejection>,
) -> Answer {
    let body = parse(&body?)?;
    let plan = workflow(&node, &body)?;
    let key = headers
        .get("idempotency-key")
        .and_then(|key| key.to_str().ok());
    let request = StartRequest {
        plan,
        input: body
            .get("input")
            .cloned()
            .unwrap_or_else(|| Object::default().into()),
        key: key.map(|key| format!("http:{key}").into()),
        labels: labels(&body)?,
    };
    let Some(seconds) = wait.wait else {
        return match node.start(request, None).await {
            Ok(run) => Ok(view::json(StatusCode::CREATED, &started(run))),
            Err(Declined::Started(run)) => Ok(view::json(StatusCode::OK, &started(run))),
            Err(declined) => Err(declined.into()),
        };
    };
    let (sender, ended) = oneshot::channel();
    match node.start(request, Some(sender)).await {
        Ok(run) => await_end(&node, run, ended, seconds).await,
        Err(Declined::Started(run)) => {
            let ended = node.on_ending(run);
            let known = look(&node, run).await?;
            if known.status.is_terminal() {
                whole(&node, known).await
            } else {
                await_end(&node, run, ended, seconds).await
            }
        }
        Err(declined) => Err(declined.into()),
    }
}

fn started(run: RunId) -> Value {
    ferrovia_expr::value!({ "id": run.to_string() })
}

async fn await_end(
    node: &Node,
    run: RunId,
    ended: oneshot::Receiver<Ending>,
    seconds: u64,
) -> Answer {
    let limit = Duration::from_secs(seconds.min(WAIT_SECONDS_MAX));
    match tokio::time::timeout(limit, ended).await {
        Ok(Ok(ending)) => {
            let mut body = Object::default();
            body.insert("id", run.to_string());
            let status = match ending {
                Ending::Completed(_) => Status::Completed,
                Ending::Faulted(_) => Status::Faulted,
                Ending::Cancelled { .. } => Status::Cancelled,
            };
            body.insert("status", status.as_str());
            view::ending(&mut body, &ending);
            Ok(view::json(StatusCode::OK, &body.into()))
        }
        // It goes on; the caller may look again.
        Ok(Err(_)) | Err(_) => {
            let body = view::summary(&look(node, run).await?);
            Ok(view::json(StatusCode::ACCEPTED, &body.into()))
        }
    }
}

fn parse(body: &[u8]) -> Result<Value, Problem> {
    let text =
        std::str::from_utf8(body).map_err(|_| Problem::malformed("the body is not UTF-8"))?;
    let body = Value::parse_json(text)
        .map_err(|error| Problem::malformed(format!("the body is not JSON: {error}")))?;
    match body {
        Value::Object(_) => Ok(body),
        other => Err(Problem::malformed(format!(
            "the body is an object, not {}",
            other.type_name()
        ))),
    }
}

fn workflow(node: &Node, body: &Value) -> Result<Arc<Plan>, Problem> {
    let invalid = |detail: String| Problem::invalid("/workflow", detail);
    let name = body.get("workflow").and_then(Value::as_str);
    let name = name.ok_or_else(|| {
        invalid("`workflow` is a text such as `shop/order` or `shop/order:1.0.0`".into())
    })?;
    let (name, version) = match name.split_once(':') {
        None | Some((_, "latest")) => (name.split(':').next().unwrap_or(name), VersionReq::Latest),
        Some((name, version)) => match version.parse() {
            Ok(version) => (name, VersionReq::Exact(version)),
            Err(_) => return Err(invalid(format!("`{version}` is no version"))),
        },
    };
    let (namespace, name) = name
        .split_once('/')
        .ok_or_else(|| invalid(format!("`{name}` has no namespace")))?;
    let definitions = node.definitions();
    let found = definitions.find(namespace, name, &version).cloned();
    found.ok_or_else(|| invalid(format!("there is no workflow {namespace}/{name}:{version}")))
}

type Labels = Vec<(Arc<str>, Arc<str>)>;

fn labels(body: &Value) -> Result<Labels, Problem> {
    let Some(labels) = body.get("labels") else {
        return Ok(Vec::new());
    };
    let invalid = || Problem::invalid("/labels", "labels are an object of texts");
    let labels = labels.as_object().ok_or_else(invalid)?;
    labels
        .iter()
        .map(|(name, value)| Ok((name.clone(), value.as_str().ok_or_else(invalid)?.into())))
        .collect()
}

#[derive(Deserialize)]
pub(crate) struct ListQuery {
    workflow: Option<String>,
    status: Option<String>,
    label: Option<String>,
    before: Option<String>,
    limit: Option<usize>,
}

/// `GET /api/v1/runs?workflow=&status=&label=name:value&before=&limit=`, newest first.
pub(crate) async fn list(State(node): State<Node>, Query(query): Query<ListQuery>) -> Answer {
    let (namespace, name) = match &query.workflow {
        Some(workflow) => {
            let parts = workflow.split_once('/');
            let (namespace, name) =
                parts.ok_or_else(|| Problem::malformed("`workflow` is `namespace/name`"))?;
            (Some(namespace.into()), Some(name.into()))
        }
        None => (None, None),
    };
    let status = query.status.as_deref().map(|text| {
        let known = Status::ALL
            .into_iter()
            .find(|status| status.as_str() == text);
        known.ok_or_else(|| Problem::malformed(format!("`{text}` is no status")))
    });
    let label = query.label.as_deref().map(|label| {
        let parts = label
            .split_once(':')
            .map(|(name, value)| (name.into(), value.into()));
        parts.ok_or_else(|| Problem::malformed("`label` is `name:value`"))
    });
    let filter = Filter {
        namespace,
        name,
        status: status.transpose()?,
        label: label.transpose()?,
        ..Filter::default()
    };
    let before = query.before.as_deref().map(id).transpose()?;
    let limit = query.limit.unwrap_or(100).clamp(1, PAGE_MAX);
    let runs = reading(&node, move |node| {
        Ok(node.journal().runs(&filter, Page { before, limit })?)
    })
    .await?;
    let mut body = Object::default();
    if let Some(last) = runs.last().filter(|_| runs.len() == limit) {
        body.insert("before", last.run.id.to_string());
    }
    let runs: Vec<Value> = runs.iter().map(|run| view::summary(run).into()).collect();
    body.insert("runs", runs);
    Ok(view::json(StatusCode::OK, &body.into()))
}

/// `GET /api/v1/runs/{id}`.
pub(crate) async fn show(State(node): State<Node>, Path(run): Path<String>) -> Answer {
    let known = look(&node, id(&run)?).await?;
    whole(&node, known).await
}

async fn whole(node: &Node, known: Summary) -> Answer {
    let body = reading(node, move |node| {
        let mut body = view::summary(&known);
        if known.status.is_terminal() {
            let history = view::replay(node, &known, |_, _, _| {})?;
            history
                .run
                .ending()
                .iter()
                .for_each(|ending| view::ending(&mut body, ending));
        }
        Ok(body)
    });
    Ok(view::json(StatusCode::OK, &body.await?.into()))
}

#[derive(Deserialize)]
pub(crate) struct TraceQuery {
    /// Entries to pass over.
    after: Option<usize>,
    limit: Option<usize>,
}

/// `GET /api/v1/runs/{id}/trace?after=&limit=`: what happened and why, derived from the journal.
pub(crate) async fn trace(
    State(node): State<Node>,
    Path(run): Path<String>,
    Query(query): Query<TraceQuery>,
) -> Answer {
    let known = look(&node, id(&run)?).await?;
    let (after, limit) = (
        query.after.unwrap_or(0),
        query.limit.unwrap_or(PAGE_MAX).clamp(1, PAGE_MAX),
    );
    let body = reading(&node, move |node| {
        let (mut entries, mut seen) = (Vec::new(), 0usize);
        view::replay(node, &known, |plan, seq, new| {
            for entry in new {
                seen += 1;
                if seen > after && entries.len() < limit {
                    entries.push(view::entry(plan, seq, entry));
                }
            }
        })?;
        let mut body = Object::default();
        if after + entries.len() < seen {
            body.insert("after", (after + entries.len()) as i64);
        }
        body.insert("entries", entries);
        Ok(body)
    });
    Ok(view::json(StatusCode::OK, &body.await?.into()))
}

pub(crate) async fn cancel(State(node): State<Node>, Path(run): Path<String>) -> Answer {
    control(
        &node,
        &run,
        Control::Cancel {
            reason: Some("cancelled by a caller".into()),
        },
    )
    .await
}

pub(crate) async fn suspend(State(node): State<Node>, Path(run): Path<String>) -> Answer {
    control(&node, &run, Control::Suspend).await
}

pub(crate) async fn resume(State(node): State<Node>, Path(run): Path<String>) -> Answer {
    control(&node, &run, Control::Resume).await
}

/// `POST /api/v1/runs/{id}/settle` with `{"effect": "/do/0/pay", "output": …}` or `{"effect": …, "error": "why"}`: says
/// how an effect ended of which nobody knows.
pub(crate) async fn settle(
    State(node): State<Node>,
    Path(run): Path<String>,
    body: Result<Bytes, BytesRejection>,
) -> Answer {
    let body = parse(&body?)?;
    let effect = body.get("effect").and_then(Value::as_str);
    let effect =
        effect.ok_or_else(|| Problem::invalid("/effect", "`effect` names what is settled"))?;
    let outcome = match (
        body.get("output"),
        body.get("error").and_then(Value::as_str),
    ) {
        (Some(output), None) => Outcome::Completed(EffectOutput {
            value: output.clone(),
            authorization_scheme: None,
        }),
        (None, Some(why)) => Outcome::Failed(Fault {
            kind: ErrorType::Runtime,
            status: None,
            title: None,
            detail: Some(why.into()),
        }),
        _ => {
            return Err(Problem::invalid(
                "/output",
                "either `output` or `error`, a text, says how it ended",
            ));
        }
    };
    control(
        &node,
        &run,
        Control::Settle {
            effect: ObligationId(effect.into()),
            outcome,
        },
    )
    .await
}

async fn control(node: &Node, run: &str, control: Control) -> Answer {
    let run = id(run)?;
    node.control(run, control).await?;
    let known = look(node, run).await?;
    Ok(view::json(StatusCode::OK, &view::summary(&known).into()))
}

fn id(text: &str) -> Result<RunId, Problem> {
    text.parse()
        .map_err(|_| Problem::not_found("no run has this id"))
}

async fn look(node: &Node, run: RunId) -> Result<Summary, Problem> {
    let known = reading(node, move |node| Ok(node.journal().summary(run)?)).await?;
    known.ok_or_else(|| Problem::not_found("no run has this id"))
}

/// Reads from the journal, which blocks.
async fn reading<T: Send + 'static>(
    node: &Node,
    read: impl FnOnce(&Node) -> Result<T, Problem> + Send + 'static,
) -> Result<T, Problem> {
    let node = node.clone();
    let read = tokio::task::spawn_blocking(move || read(&node)).await;
    read.unwrap_or_else(|_| Err(StoreError::Unusable("a defect".into()).into()))
}
