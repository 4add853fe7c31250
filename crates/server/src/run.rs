//! Runs that are there: list, look at, control.

use axum::extract::rejection::QueryRejection;
use axum::extract::{FromRequestParts, Path, Query, Request, State};
use axum::handler::Handler;
use axum::http::request::Parts;
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use ferrovia_engine::{EffectOutput, ErrorType, Fault, ObligationId, Outcome};
use ferrovia_expr::{Object, Value};
use ferrovia_runtime::shard::Control;
use ferrovia_store::{Filter, Page, RunId, Status};
use serde::Deserialize;

use serde_json::json;

use crate::access::{Action, Reach};
use crate::app::App;
use crate::gate::{Permit, Sight};
use crate::problem::Problem;
use crate::route::{Doc, In, Route, Rule, Section, Where, get, post, schema};
use crate::{PAGE_MAX, body, start, view, wait};

type Answer = Result<Response, Problem>;

/// Runs in one answer, if the caller does not say.
const PAGE: usize = 100;

pub(crate) fn section() -> Section {
    Section {
        name: "runs",
        about: "Runs that are there: list, look at, control.",
        routes: vec![
            Route::new(
                get("/api/v1/runs"),
                Rule::Needs(Action::ReadRuns, Where::List),
                list,
                listing(),
            ),
            Route::new(
                get("/api/v1/runs/{id}"),
                Rule::Needs(Action::ReadRuns, Where::Run),
                show,
                of_run("getRun", "A run: what it came to, or what it waits for")
                    .with(In::Query, "wait", wait::ABOUT, schema::text())
                    .gives(200, "The run", schema::named("Run"))
                    .gives(
                        202,
                        "The wait is over, and the run goes on",
                        schema::named("Run"),
                    ),
            ),
            Route::new(
                get("/api/v1/runs/{id}/trace"),
                Rule::Needs(Action::ReadRuns, Where::Run),
                trace,
                of_run(
                    "getTrace",
                    "What happened in a run and why, derived from its journal",
                )
                .with(In::Query, "after", "Entries to pass over", schema::number())
                .with(In::Query, "limit", "Entries at most", schema::number())
                .gives(200, "A part of the trace", schema::named("Trace")),
            ),
            controlling(
                "/api/v1/runs/{id}/cancel",
                cancel,
                of_run("cancelRun", "End a run")
                    .optionally()
                    .takes(schema::order(
                        &[],
                        json!({
                            "reason": { "type": "string", "description": "Why, for the trace" }
                        }),
                    )),
            ),
            controlling(
                "/api/v1/runs/{id}/suspend",
                suspend,
                of_run("suspendRun", "Stop a run until it is resumed"),
            ),
            controlling(
                "/api/v1/runs/{id}/resume",
                resume,
                of_run("resumeRun", "Let a suspended run go on"),
            ),
            controlling("/api/v1/runs/{id}/settle", settle, settling()),
        ],
        schemas: schemas(),
    }
}

fn of_run(operation: &'static str, summary: &'static str) -> Doc {
    Doc::new(operation, summary).with(In::Path, "id", "The id of the run", schema::text())
}

fn listing() -> Doc {
    Doc::new("listRuns", "The newest runs")
        .about("Runs that who asks may not see are left out.")
        .with(
            In::Query,
            "workflow",
            "Only runs of this workflow, `namespace/name`",
            schema::text(),
        )
        .with(
            In::Query,
            "status",
            "Only runs in this status",
            schema::named("Status"),
        )
        .with(
            In::Query,
            "label",
            "Only runs with this label, `name:value`",
            schema::text(),
        )
        .with(
            In::Query,
            "before",
            "Only runs older than this one: `before` of the last page",
            schema::text(),
        )
        .with(In::Query, "limit", "Runs at most", schema::number())
        .gives(200, "Runs, newest first", schema::named("RunPage"))
}

fn controlling<T: 'static>(path: &'static str, handler: impl Handler<T, App>, doc: Doc) -> Route {
    let doc = doc
        .gives(200, "The run as it is then", schema::named("Run"))
        .refuses(409, "The run is not in a state for this");
    Route::new(
        post(path),
        Rule::Needs(Action::ControlRuns, Where::Run),
        handler,
        doc,
    )
}

fn settling() -> Doc {
    of_run("settleRun", "Say how an effect ended of which nobody knows").takes(schema::order(
        &["effect"],
        json!({
            "effect": { "type": "string", "description": "Its id, as `open` of the run has it" },
            "output": { "description": "What it gave" },
            "error": { "type": "string", "description": "Why it failed; either this or `output`" },
        }),
    ))
}

/// How runs are shown.
fn schemas() -> Vec<(&'static str, serde_json::Value)> {
    let status = Status::ALL.map(Status::as_str);
    let ms = json!({ "type": "integer", "description": "Milliseconds since 1970" });
    let problem = schema::object(
        &["type", "status"],
        json!({
            "type": schema::text(), "status": { "type": "integer" }, "title": schema::text(),
            "detail": schema::text(), "instance": schema::text(),
        }),
    );
    vec![
        ("Status", json!({ "type": "string", "enum": status })),
        ("RunError", problem),
        (
            "Run",
            schema::object(
                &["id", "status"],
                json!({
                    "id": schema::text(),
                    "workflow": { "type": "string", "description": "`namespace/name:version`" },
                    "status": schema::named("Status"),
                    "createdMs": ms, "updatedMs": ms, "wakeMs": ms,
                    "reason": { "type": "string", "description": "Why it faulted, was cancelled or parked" },
                    "parent": { "type": "string", "description": "The run that started it" },
                    "repairs": { "type": "string", "description": "The run that faulted and goes on in this one" },
                    "forkedFrom": { "type": "string", "description": "The run that it was forked from" },
                    "effects": schema::object(&[], json!({
                        "reused": schema::list(&schema::text()), "executed": schema::list(&schema::text()),
                    })),
                    "labels": { "type": "object", "additionalProperties": schema::text() },
                    "output": { "description": "What it gave, once it is completed" },
                    "error": schema::named("RunError"),
                    "open": schema::list(&schema::named("Open")),
                    "children": schema::list(&schema::named("Run")),
                    "unreadable": { "type": "string", "description": "Why its journal cannot be followed" },
                }),
            ),
        ),
        (
            "Open",
            schema::object(
                &["id", "what"],
                json!({
                    "id": schema::text(),
                    "what": { "enum": ["effect", "timer", "child", "events", "proceed"] },
                    "call": schema::text(), "dueMs": ms, "workflow": schema::text(),
                }),
            ),
        ),
        (
            "RunPage",
            schema::object(
                &["runs"],
                json!({
                    "runs": schema::list(&schema::named("Run")),
                    "before": { "type": "string", "description": "Where the next page begins, if there may be one" },
                }),
            ),
        ),
        (
            "Trace",
            schema::object(
                &["entries"],
                json!({
                    "entries": schema::list(&schema::named("TraceEntry")),
                    "after": { "type": "integer", "description": "What to pass over for the next page, if there is one" },
                }),
            ),
        ),
        (
            "TraceEntry",
            schema::object(
                &["record", "atMs", "what"],
                json!({
                    "record": { "type": "integer" }, "atMs": ms,
                    "task": { "type": "string", "description": "JSON pointer of the task in the definition" },
                    "what": { "type": "string", "description": "What happened, such as `task-started`; other members depend on it" },
                }),
            ),
        ),
    ]
}

/// The run that a path names.
pub(crate) struct Named(pub(crate) RunId);

impl<S: Send + Sync> FromRequestParts<S> for Named {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Named, Problem> {
        let text = Path::<String>::from_request_parts(parts, state).await;
        let run = text.ok().and_then(|Path(text)| text.parse().ok());
        run.map(Named).ok_or_else(Problem::no_such_run)
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ListQuery {
    workflow: Option<String>,
    status: Option<String>,
    label: Option<String>,
    before: Option<String>,
    limit: Option<usize>,
}

/// `GET /api/v1/runs?workflow=&status=&label=name:value&before=&limit=`, newest first.
pub(crate) async fn list(
    State(app): State<App>,
    sight: Sight,
    asked: Result<Query<ListQuery>, QueryRejection>,
) -> Answer {
    let asked = body::query(asked)?;
    let (namespace, name) = match &asked.workflow {
        Some(workflow) => {
            let parts = workflow.split_once('/');
            let (namespace, name) =
                parts.ok_or_else(|| Problem::parameter("workflow", "write `namespace/name`"))?;
            (Some(namespace.into()), Some(name.into()))
        }
        None => (None, None),
    };
    let status = asked.status.as_deref().map(|text| {
        let known = Status::ALL
            .into_iter()
            .find(|status| status.as_str() == text);
        known.ok_or_else(|| Problem::parameter("status", "no run has it"))
    });
    let label = asked.label.as_deref().map(|label| {
        let parts = label
            .split_once(':')
            .map(|(name, value)| (name.into(), value.into()));
        parts.ok_or_else(|| Problem::parameter("label", "write `name:value`"))
    });
    let before = asked.before.as_deref().map(|text| {
        text.parse()
            .map_err(|_| Problem::parameter("before", "write the id of a run"))
    });
    let filter = Filter {
        namespace,
        name,
        status: status.transpose()?,
        label: label.transpose()?,
        ..Filter::default()
    };
    let page = Page {
        before: before.transpose()?,
        limit: asked.limit.unwrap_or(PAGE).clamp(1, PAGE_MAX),
    };
    let reach = sight.reach.clone();
    let body = app.reading(&sight, move |node| match reach {
        Reach::Everywhere => view::list(node, &filter, page),
        Reach::Only(namespaces) => view::list_within(node, &namespaces, &filter, page),
    });
    Ok(view::json(StatusCode::OK, &body.await?))
}

/// `GET /api/v1/runs/{id}?wait=20s`.
pub(crate) async fn show(
    State(app): State<App>,
    permit: Permit,
    Named(run): Named,
    request: Request,
) -> Answer {
    let limit = wait::asked(request.uri(), request.headers())?;
    let known = app.look(&permit, run).await?;
    match limit {
        Some(limit) => start::until_end(&app, &permit, known, limit).await,
        None => start::whole(&app, &permit, known).await,
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct TraceQuery {
    /// Entries to pass over.
    after: Option<usize>,
    limit: Option<usize>,
}

/// `GET /api/v1/runs/{id}/trace?after=&limit=`: what happened and why, derived from the journal.
pub(crate) async fn trace(
    State(app): State<App>,
    permit: Permit,
    Named(run): Named,
    asked: Result<Query<TraceQuery>, QueryRejection>,
) -> Answer {
    let asked = body::query(asked)?;
    let known = app.look(&permit, run).await?;
    let after = asked.after.unwrap_or(0);
    let limit = asked.limit.unwrap_or(PAGE_MAX).clamp(1, PAGE_MAX);
    let body = app.reading(&permit, move |node| view::trace(node, &known, after, limit));
    Ok(view::json(StatusCode::OK, &body.await?))
}

/// `POST /api/v1/runs/{id}/cancel`, with `{"reason": "…"}` or nothing.
pub(crate) async fn cancel(
    State(app): State<App>,
    permit: Permit,
    Named(run): Named,
    headers: HeaderMap,
    body: body::Received,
) -> Answer {
    let body = body::optional_object(&body::media_type(&headers), body, &["reason"])?;
    let reason = match body.get("reason") {
        None => None,
        Some(Value::Str(reason)) => Some(reason.clone()),
        Some(_) => return Err(Problem::invalid("/reason", "a reason is a text")),
    };
    control(&app, &permit, run, Control::Cancel { reason }).await
}

pub(crate) async fn suspend(State(app): State<App>, permit: Permit, Named(run): Named) -> Answer {
    control(&app, &permit, run, Control::Suspend).await
}

pub(crate) async fn resume(State(app): State<App>, permit: Permit, Named(run): Named) -> Answer {
    control(&app, &permit, run, Control::Resume).await
}

/// `POST /api/v1/runs/{id}/settle` with `{"effect": "/do/0/pay", "output": …}` or `{"effect": …, "error": "why"}`: says
/// how an effect ended of which nobody knows.
pub(crate) async fn settle(
    State(app): State<App>,
    permit: Permit,
    Named(run): Named,
    headers: HeaderMap,
    body: body::Received,
) -> Answer {
    let body = body::object(
        &body::media_type(&headers),
        body,
        &["effect", "output", "error"],
    )?;
    let effect = body.get("effect").and_then(Value::as_str);
    let effect =
        effect.ok_or_else(|| Problem::invalid("/effect", "`effect` names what is settled"))?;
    let outcome = outcome(&body)?;
    // An effect that is under way ends by itself; only where nobody knows may a person say.
    if app.look(&permit, run).await?.status != Status::Parked {
        return Err(Problem::conflict(
            "no effect of this run has an unknown outcome",
        ));
    }
    let effect = ObligationId(effect.into());
    control(&app, &permit, run, Control::Settle { effect, outcome }).await
}

pub(crate) fn outcome(body: &Object) -> Result<Outcome, Problem> {
    match (body.get("output"), body.get("error")) {
        (Some(output), None) => Ok(Outcome::Completed(EffectOutput {
            value: output.clone(),
            authorization_scheme: None,
        })),
        (None, Some(Value::Str(why))) => Ok(Outcome::Failed(Fault {
            kind: ErrorType::Runtime,
            status: None,
            title: None,
            detail: Some(why.clone()),
        })),
        (None, Some(_)) => Err(Problem::invalid("/error", "an error is a text")),
        (None, None) | (Some(_), Some(_)) => Err(Problem::invalid(
            "/output",
            "either `output` or `error` says how it ended",
        )),
    }
}

async fn control(app: &App, permit: &Permit, run: RunId, control: Control) -> Answer {
    app.node(permit).control(run, control).await?;
    start::whole(app, permit, app.look(permit, run).await?).await
}
