//! Runs that are there: list, look at, control.

use axum::extract::rejection::QueryRejection;
use axum::extract::{FromRequestParts, Path, Query, Request, State};
use axum::http::request::Parts;
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use ferrovia_engine::{EffectOutput, ErrorType, Fault, ObligationId, Outcome};
use ferrovia_expr::{Object, Value};
use ferrovia_runtime::shard::Control;
use ferrovia_store::{Filter, Page, RunId, Status};
use serde::Deserialize;

use crate::app::App;
use crate::problem::Problem;
use crate::{PAGE_MAX, body, start, view, wait};

type Answer = Result<Response, Problem>;

/// Runs in one answer, if the caller does not say.
const PAGE: usize = 100;

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

fn query<T>(query: Result<Query<T>, QueryRejection>) -> Result<T, Problem> {
    query
        .map(|Query(query)| query)
        .map_err(|rejection| Problem::malformed(rejection.body_text()))
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
    asked: Result<Query<ListQuery>, QueryRejection>,
) -> Answer {
    let asked = query(asked)?;
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
    let body = app.reading(move |node| view::list(node, &filter, page));
    Ok(view::json(StatusCode::OK, &body.await?))
}

/// `GET /api/v1/runs/{id}?wait=20s`.
pub(crate) async fn show(State(app): State<App>, Named(run): Named, request: Request) -> Answer {
    let limit = wait::asked(request.uri(), request.headers())?;
    let known = app.look(run).await?;
    match limit {
        Some(limit) => start::until_end(&app, known, limit).await,
        None => start::whole(&app, known).await,
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
    Named(run): Named,
    asked: Result<Query<TraceQuery>, QueryRejection>,
) -> Answer {
    let asked = query(asked)?;
    let known = app.look(run).await?;
    let after = asked.after.unwrap_or(0);
    let limit = asked.limit.unwrap_or(PAGE_MAX).clamp(1, PAGE_MAX);
    let body = app.reading(move |node| view::trace(node, &known, after, limit));
    Ok(view::json(StatusCode::OK, &body.await?))
}

/// `POST /api/v1/runs/{id}/cancel`, with `{"reason": "…"}` or nothing.
pub(crate) async fn cancel(
    State(app): State<App>,
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
    control(&app, run, Control::Cancel { reason }).await
}

pub(crate) async fn suspend(State(app): State<App>, Named(run): Named) -> Answer {
    control(&app, run, Control::Suspend).await
}

pub(crate) async fn resume(State(app): State<App>, Named(run): Named) -> Answer {
    control(&app, run, Control::Resume).await
}

/// `POST /api/v1/runs/{id}/settle` with `{"effect": "/do/0/pay", "output": …}` or `{"effect": …, "error": "why"}`: says
/// how an effect ended of which nobody knows.
pub(crate) async fn settle(
    State(app): State<App>,
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
    if app.look(run).await?.status != Status::Parked {
        return Err(Problem::conflict(
            "no effect of this run has an unknown outcome",
        ));
    }
    let effect = ObligationId(effect.into());
    control(&app, run, Control::Settle { effect, outcome }).await
}

fn outcome(body: &Object) -> Result<Outcome, Problem> {
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

async fn control(app: &App, run: RunId, control: Control) -> Answer {
    app.node.control(run, control).await?;
    start::whole(app, app.look(run).await?).await
}
