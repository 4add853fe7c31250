//! Runs that go on otherwise: repair what faulted, fork from anywhere, move to another version.

mod migrate;

use std::collections::HashMap;
use std::sync::Arc;

use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use ferrovia_dsl::plan::{Plan, VersionReq};
use ferrovia_engine::ObligationId;
use ferrovia_expr::{Object, Value};
use ferrovia_runtime::shard::Declined;
use ferrovia_runtime::{Edits, ForkError, ForkFrom, ForkRequest, Forked, NoFork};
use ferrovia_store::{RunId, Summary, Why};
use serde_json::json;

use crate::access::Action;
use crate::app::App;
use crate::gate::Permit;
use crate::problem::Problem;
use crate::route::{Doc, In, Route, Rule, Section, Where, post, schema};
use crate::run::{Named, outcome};
use crate::{body, start, view};

type Answer = Result<Response, Problem>;

pub(crate) fn section() -> Section {
    Section {
        name: "repair",
        about: "Runs that go on otherwise: repair what faulted, fork from anywhere, move to another version.",
        routes: vec![
            Route::new(
                post("/api/v1/runs/{id}/repair"),
                Rule::Needs(Action::RepairRuns, Where::Run),
                repair,
                making("repairRun", "Let a faulted run go on where it faulted")
                    .about(
                        "Makes another run, which has all that happened until then: what was done is not done again. The \
                         run that faulted stays as it was, and is repaired once.",
                    )
                    .optionally()
                    .takes(schema::order(&[], changes())),
            ),
            Route::new(
                post("/api/v1/runs/{id}/fork"),
                Rule::Needs(Action::RepairRuns, Where::Run),
                fork,
                making("forkRun", "See what comes of a run with something changed")
                    .about(
                        "Makes another run. Effects that it asks for as the first one did are answered from its journal; \
                         only the others are carried out.",
                    )
                    .optionally()
                    .takes(schema::order(&[], {
                        let mut members = changes();
                        members["from"] = json!({
                            "description": "From where on it goes its own way: `start`, `end` (the default), `failure`, \
                                            or `{\"task\": \"/do/1/pay\"}`, `{\"outcome\": \"/do/1/pay\"}`",
                        });
                        members
                    })),
            ),
            Route::new(
                post("/api/v1/runs/{id}/migrate"),
                Rule::Needs(Action::RepairRuns, Where::Run),
                migrate::migrate,
                Doc::new("migrateRun", "Move a live run to another version")
                    .about("It moves if it would have gone the same way there, as far as it has come.")
                    .with(In::Path, "id", "The id of the run", schema::text())
                    .takes(schema::order(&["version"], moving()))
                    .gives(200, "Whether it would have gone the same way", schema::named("Verdict"))
                    .refuses(409, "The run has ended, or goes on too fast"),
            ),
            Route::new(
                post("/api/v1/migrations"),
                Rule::Needs(Action::RepairRuns, Where::Body),
                migrate::migrate_all,
                Doc::new("migrateRuns", "Compare or move all live runs of a version")
                    .about("A page at a time: `before` of the answer goes into the next request.")
                    .takes(schema::order(&["workflow", "version"], {
                        let mut members = moving();
                        members["workflow"] = json!({ "type": "string", "description": "`namespace/name:version`" });
                        members["before"] = schema::text();
                        members["limit"] = schema::number();
                        members
                    }))
                    .gives(200, "How each stands to it", schema::named("Migration")),
            ),
        ],
        schemas: vec![
            (
                "Forked",
                schema::object(
                    &["reused", "open", "ended"],
                    json!({
                        "run": schema::named("Run"),
                        "reused": schema::list(&schema::text()),
                        "open": schema::list(&schema::named("Open")),
                        "ended": { "type": "boolean" },
                    }),
                ),
            ),
            (
                "Verdict",
                schema::object(
                    &["id", "same"],
                    json!({
                        "id": schema::text(),
                        "same": { "type": "boolean" },
                        "moved": { "type": "boolean" },
                        "record": { "type": "integer" }, "atMs": { "type": "integer" },
                        "task": schema::text(), "was": schema::text(), "wouldBe": schema::text(),
                        "why": { "type": "string", "description": "Why it could not be compared or moved" },
                    }),
                ),
            ),
            (
                "Migration",
                schema::object(
                    &["runs"],
                    json!({ "runs": schema::list(&schema::named("Verdict")), "before": schema::text() }),
                ),
            ),
        ],
    }
}

fn making(operation: &'static str, summary: &'static str) -> Doc {
    Doc::new(operation, summary)
        .with(In::Path, "id", "The id of the run", schema::text())
        .with(In::Header, "idempotency-key", "Told apart from other requests for this run: a second one with the same key gives the run of the first", schema::text())
        .gives(201, "The new run, durably", schema::named("Forked"))
        .gives(
            200,
            "What would be done; or it was done with this key before",
            schema::named("Forked"),
        )
        .refuses(409, "There is no such run to be made")
}

fn changes() -> serde_json::Value {
    json!({
        "version": { "type": "string", "description": "Another version of the workflow" },
        "input": { "description": "Another input" },
        "outcomes": {
            "type": "object",
            "description": "Other outcomes of effects, by their ids",
            "additionalProperties": schema::object(&[], json!({ "output": {}, "error": schema::text() })),
        },
        "dryRun": { "type": "boolean", "description": "Only say what would be done" },
    })
}

fn moving() -> serde_json::Value {
    json!({
        "version": { "type": "string", "description": "Where to" },
        "dryRun": { "type": "boolean", "description": "Only compare" },
    })
}

pub(crate) async fn repair(
    State(app): State<App>,
    permit: Permit,
    Named(run): Named,
    headers: HeaderMap,
    received: body::Received,
) -> Answer {
    let members = ["version", "input", "outcomes", "dryRun"];
    let body = body::optional_object(&body::media_type(&headers), received, &members)?;
    let given = start::key(&headers)?;
    // A faulted run is repaired once; what its repair comes to can be repaired in turn.
    let key = match given {
        Some(key) => format!("repair:{run}:{key}"),
        None => format!("repair:{run}"),
    };
    let key = Some(key.into());
    make(
        &app,
        &permit,
        run,
        &body,
        Why::Repair,
        ForkFrom::Failure,
        key,
    )
    .await
}

pub(crate) async fn fork(
    State(app): State<App>,
    permit: Permit,
    Named(run): Named,
    headers: HeaderMap,
    received: body::Received,
) -> Answer {
    let members = ["from", "version", "input", "outcomes", "dryRun"];
    let body = body::optional_object(&body::media_type(&headers), received, &members)?;
    let key = start::key(&headers)?;
    let key = key.map(|key| format!("fork:{run}:{key}").into());
    make(&app, &permit, run, &body, Why::Fork, from(&body)?, key).await
}

async fn make(
    app: &App,
    permit: &Permit,
    run: RunId,
    body: &Object,
    why: Why,
    from: ForkFrom,
    key: Option<Arc<str>>,
) -> Answer {
    let known = app.look(permit, run).await?;
    let dry = flag(body, "dryRun")?;
    let forked = app.node(permit).fork(ForkRequest {
        run,
        why,
        from,
        edits: edits(body)?,
        plan: version(app, permit, &known, body)?,
        key,
        dry,
    });
    match forked.await {
        Ok(forked) => {
            let status = if dry {
                StatusCode::OK
            } else {
                StatusCode::CREATED
            };
            answer(app, permit, status, &forked).await
        }
        Err(ForkError::Declined(Declined::Started(earlier))) => {
            let forked = Forked {
                run: Some(earlier),
                reused: Vec::new(),
                open: Vec::new(),
                ended: false,
            };
            answer(app, permit, StatusCode::OK, &forked).await
        }
        Err(error) => Err(error.into()),
    }
}

async fn answer(app: &App, permit: &Permit, status: StatusCode, forked: &Forked) -> Answer {
    let mut body = Object::default();
    if let Some(run) = forked.run {
        let summary = app.look(permit, run).await?;
        body.insert("run", view::summary(&summary));
    }
    let reused: Vec<Value> = forked.reused.iter().map(|id| id.0.clone().into()).collect();
    body.insert("reused", reused);
    let open = forked.open.iter().map(|(id, call)| {
        let mut open = Object::default();
        open.insert("id", id.0.clone());
        match call {
            Some(call) => {
                open.insert("what", "effect");
                open.insert("call", call.as_str());
            }
            None => open.insert("what", "child"),
        }
        Value::from(open)
    });
    body.insert("open", open.collect::<Vec<_>>());
    body.insert("ended", forked.ended);
    Ok(view::json(status, &body.into()))
}

fn flag(body: &Object, name: &'static str) -> Result<bool, Problem> {
    match body.get(name) {
        None => Ok(false),
        Some(Value::Bool(flag)) => Ok(*flag),
        Some(_) => Err(Problem::invalid(format!("/{name}"), "true or false")),
    }
}

fn from(body: &Object) -> Result<ForkFrom, Problem> {
    let wrong = || {
        let detail = "`start`, `end`, `failure`, {\"task\": …} or {\"outcome\": …}";
        Problem::invalid("/from", detail)
    };
    match body.get("from") {
        None => Ok(ForkFrom::End),
        Some(Value::Str(name)) => match &**name {
            "start" => Ok(ForkFrom::Start),
            "end" => Ok(ForkFrom::End),
            "failure" => Ok(ForkFrom::Failure),
            _ => Err(wrong()),
        },
        Some(place) => {
            let members = place.as_object().filter(|members| members.len() == 1);
            let (name, value) = members
                .and_then(|members| members.iter().next())
                .ok_or_else(wrong)?;
            match (&**name, value.as_str()) {
                ("task", Some(task)) => Ok(ForkFrom::Task(task.into())),
                ("outcome", Some(id)) => Ok(ForkFrom::Outcome(ObligationId(id.into()))),
                _ => Err(wrong()),
            }
        }
    }
}

fn edits(body: &Object) -> Result<Edits, Problem> {
    let mut outcomes = HashMap::new();
    match body.get("outcomes") {
        None => {}
        Some(Value::Object(given)) => {
            for (id, one) in given.iter() {
                let place = || format!("/outcomes{}", body::pointer(id));
                let one = one
                    .as_object()
                    .ok_or_else(|| Problem::invalid(place(), "`output` or `error`"))?;
                let outcome = outcome(one).map_err(|problem| problem.at(place()))?;
                outcomes.insert(ObligationId(id.clone()), outcome);
            }
        }
        Some(_) => {
            return Err(Problem::invalid(
                "/outcomes",
                "outcomes by the ids of effects",
            ));
        }
    }
    Ok(Edits {
        input: body.get("input").cloned(),
        outcomes,
    })
}

/// The version of the workflow of a run that the body names.
fn version(
    app: &App,
    permit: &Permit,
    known: &Summary,
    body: &Object,
) -> Result<Option<Arc<Plan>>, Problem> {
    let Some(version) = body.get("version") else {
        return Ok(None);
    };
    named(app, permit, &known.run.namespace, &known.run.name, version).map(Some)
}

fn named(
    app: &App,
    permit: &Permit,
    namespace: &str,
    name: &str,
    version: &Value,
) -> Result<Arc<Plan>, Problem> {
    let invalid = |detail: String| Problem::invalid("/version", detail);
    let text = version.as_str().unwrap_or_default();
    let wanted = match text {
        "latest" => VersionReq::Latest,
        text => VersionReq::Exact(
            text.parse()
                .map_err(|_| invalid("a version such as `1.2.0`, or `latest`".to_owned()))?,
        ),
    };
    let definitions = app.node(permit).definitions();
    let plan = definitions.find(namespace, name, &wanted).cloned();
    plan.ok_or_else(|| invalid(format!("there is no workflow {namespace}/{name}:{text}")))
}

impl From<ForkError> for Problem {
    fn from(error: ForkError) -> Problem {
        match error {
            ForkError::Unknown => Problem::no_such_run(),
            ForkError::Declined(declined) => declined.into(),
            ForkError::Impossible(NoFork::NoOutcome(_) | NoFork::NoTask(_)) => {
                Problem::invalid("/from", error.to_string())
            }
            ForkError::HasParent(_) | ForkError::Impossible(_) | ForkError::Unreadable(_) => {
                Problem::conflict(error.to_string())
            }
        }
    }
}
