//! `POST /api/v1/runs`: starts a run, and waits for its end if the caller wants to.

use std::sync::Arc;
use std::time::Duration;

use axum::body::Bytes;
use axum::extract::{FromRequest, Request, State};
use axum::http::header::LOCATION;
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use axum::response::Response;
use ferrovia_dsl::plan::{Plan, VersionReq};
use ferrovia_engine::Input;
use ferrovia_expr::{Object, Value};
use ferrovia_runtime::shard::Declined;
use ferrovia_runtime::{Hearing, Node, StartRequest};
use ferrovia_store::format::v1::Record;
use ferrovia_store::{RunId, Summary};

use serde_json::json;

use crate::access::Action;
use crate::app::App;
use crate::gate::{Asking, Permit};
use crate::problem::Problem;
use crate::route::{Doc, In, Route, Rule, Section, Where, post, schema};
use crate::view::{self, Unreadable};
use crate::{KEY_CHARS_MAX, LABEL_CHARS_MAX, LABELS_MAX, body, wait};

type Answer = Result<Response, Problem>;

const MEMBERS: [&str; 3] = ["workflow", "input", "labels"];

pub(crate) fn section() -> Section {
    let order = schema::order(
        &["workflow"],
        json!({
            "workflow": {
                "type": "string",
                "description": "`namespace/name` for the newest version, or `namespace/name:version`",
            },
            "input": { "description": "What the run begins with; `{}` unless given" },
            "labels": {
                "type": "object",
                "additionalProperties": schema::text(),
                "maxProperties": LABELS_MAX,
            },
        }),
    );
    let doc = Doc::new("startRun", "Start a run, and wait for its end if asked to")
        .about("It is durable when the answer comes. With a key that was used before, nothing is started.")
        .with(In::Query, "wait", wait::ABOUT, schema::text())
        .with(
            In::Header,
            "Idempotency-Key",
            "A second start in the namespace with the same key gives the run of the first",
            schema::text(),
        )
        .takes(order)
        .gives(200, "It was started with this key before, or has ended", schema::named("Run"))
        .gives(201, "It is started; `Location` says where to look", schema::named("Run"))
        .gives(202, "The wait is over, and it goes on", schema::named("Run"));
    Section {
        name: "starts",
        about: "Starting runs.",
        routes: vec![Route::new(
            post("/api/v1/runs"),
            Rule::Needs(Action::StartRuns, Where::Body),
            start,
            doc,
        )],
        schemas: Vec::new(),
    }
}

/// `{"workflow": "namespace/name[:version]", "input": …, "labels": {…}}`.
///
/// | answer | means |
/// |---|---|
/// | 201 | started, durably |
/// | 200 | it was started with this `Idempotency-Key` before; or the caller waited, and it has ended |
/// | 202 | the caller waited, and it goes on |
async fn start(State(app): State<App>, asking: Asking, request: Request) -> Answer {
    let wait = wait::asked(request.uri(), request.headers())?;
    let key = key(request.headers())?;
    let kind = body::media_type(request.headers());
    let received = Bytes::from_request(request, &()).await;
    let order = body::object(&kind, received, &MEMBERS)?;
    let (permit, plan) = workflow(&app, &asking, &order)?;
    let namespace = &plan.identity.namespace;
    let key = key.map(|key| format!("http:{namespace}/{key}").into());
    let empty = || Object::default().into();
    let input = order.get("input").cloned().unwrap_or_else(empty);
    let asked = Asked {
        workflow: plan.clone(),
        input: input.clone(),
    };
    let request = StartRequest {
        plan,
        input,
        key,
        labels: labels(&order)?,
    };
    let Some(limit) = wait else {
        return match app.node(&permit).start(request).await {
            Ok(run) => known(&app, &permit, run, StatusCode::CREATED).await,
            Err(Declined::Started(run)) => {
                asked.compare(&app, &permit, run).await?;
                known(&app, &permit, run, StatusCode::OK).await
            }
            Err(declined) => Err(declined.into()),
        };
    };
    match app.node(&permit).start_and_hear(request).await {
        Ok((run, hearing)) => await_end(&app, &permit, run, hearing, limit).await,
        Err(Declined::Started(run)) => {
            let summary = asked.compare(&app, &permit, run).await?;
            until_end(&app, &permit, summary, limit).await
        }
        Err(declined) => Err(declined.into()),
    }
}

/// Waits for the end of a run that may have ended already.
pub(crate) async fn until_end(
    app: &App,
    permit: &Permit,
    known: Summary,
    limit: Duration,
) -> Answer {
    let run = known.run.id;
    if known.status.is_terminal() {
        return whole(app, permit, known).await;
    }
    let hearing = app.node(permit).on_ending(run);
    // It may have ended between the two.
    let known = app.look(permit, run).await?;
    if known.status.is_terminal() {
        return whole(app, permit, known).await;
    }
    await_end(app, permit, run, hearing, limit).await
}

pub(crate) async fn whole(app: &App, permit: &Permit, known: Summary) -> Answer {
    let seen_by = permit.clone();
    let read =
        move |node: &Node| view::whole_for(node, &known, |namespace| seen_by.sees_runs(namespace));
    let body = app.reading(permit, read).await?;
    Ok(view::json(StatusCode::OK, &body))
}

async fn await_end(
    app: &App,
    permit: &Permit,
    run: RunId,
    hearing: Hearing,
    limit: Duration,
) -> Answer {
    let mut stopping = app.stopping();
    let ending = tokio::select! {
        biased;
        ending = hearing.ending() => ending,
        () = tokio::time::sleep(limit) => None,
        _ = stopping.wait_for(|stopping| *stopping) => None,
    };
    let Some(ending) = ending else {
        // It goes on; the caller may look again.
        return known(app, permit, run, StatusCode::ACCEPTED).await;
    };
    let mut body = Object::default();
    body.insert("id", run.to_string());
    body.insert("status", view::end_status(&ending).as_str());
    view::ending(&mut body, &ending);
    Ok(view::json(StatusCode::OK, &body.into()))
}

/// A run as the index has it, and where to look again.
async fn known(app: &App, permit: &Permit, run: RunId, status: StatusCode) -> Answer {
    let summary = app.look(permit, run).await?;
    let mut response = view::json(status, &view::summary(&summary).into());
    let location = HeaderValue::try_from(format!("/api/v1/runs/{run}"));
    if let Ok(location) = location {
        response.headers_mut().insert(LOCATION, location);
    }
    Ok(response)
}

/// What a start asks for, to be compared with what another one with its key got.
struct Asked {
    workflow: Arc<Plan>,
    input: Value,
}

impl Asked {
    /// A key names one request; the same key with another request is a mistake of the caller.
    async fn compare(self, app: &App, permit: &Permit, run: RunId) -> Result<Summary, Problem> {
        let read = move |node: &Node| {
            let Some(summary) = view::look(node, run)? else {
                return Ok(None);
            };
            let records = node.journal().records(run, 1, 1)?;
            let first = records.first().map(|(_, record)| Record::decode(record));
            let input = first.transpose()?.and_then(|record| {
                record
                    .inputs
                    .into_iter()
                    .find_map(|stamped| match stamped.input {
                        Input::Start { input, .. } => Some(input),
                        _ => None,
                    })
            });
            Ok::<_, Unreadable>(Some((summary, input)))
        };
        let Some((summary, input)) = app.reading(permit, read).await? else {
            return Err(Problem::no_such_run());
        };
        let wanted = &self.workflow.identity;
        let reused = |pointer: &'static str| {
            Problem::new(422, "key-reused", "The key belongs to another request")
                .detail(format!(
                    "the run {run} was started with this key and another value here"
                ))
                .at(pointer)
        };
        if (&summary.run.namespace, &summary.run.name) != (&wanted.namespace, &wanted.name) {
            return Err(reused("/workflow"));
        }
        if input.is_some_and(|input| input != self.input) {
            return Err(reused("/input"));
        }
        Ok(summary)
    }
}

const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");

/// The key, which may stand in quotes. It is told apart from those of other namespaces: who uses the same one there
/// shall neither get in the way nor learn of the run.
pub(crate) fn key(headers: &HeaderMap) -> Result<Option<String>, Problem> {
    let Some(key) = headers.get(IDEMPOTENCY_KEY) else {
        return Ok(None);
    };
    let key = key.to_str().unwrap_or_default().trim();
    let inner = key.strip_prefix('"').and_then(|key| key.strip_suffix('"'));
    let key = inner.unwrap_or(key);
    if key.is_empty() || key.chars().count() > KEY_CHARS_MAX {
        let detail = format!("`Idempotency-Key` has 1 to {KEY_CHARS_MAX} characters of ASCII");
        return Err(Problem::malformed(detail));
    }
    Ok(Some(key.to_owned()))
}

/// What is to be started, if who asks may. A workflow in a namespace that they may not know of is not there.
pub(crate) fn workflow(
    app: &App,
    asking: &Asking,
    order: &Object,
) -> Result<(Permit, Arc<Plan>), Problem> {
    let invalid = |detail: String| Problem::invalid("/workflow", detail);
    let name = order.get("workflow").and_then(Value::as_str);
    let name = name.ok_or_else(|| {
        invalid("`workflow` is a text such as `shop/order` or `shop/order:1.0.0`".into())
    })?;
    let (name, version) = match name.split_once(':') {
        None => (name, VersionReq::Latest),
        Some((name, "latest")) => (name, VersionReq::Latest),
        Some((name, version)) => match version.parse() {
            Ok(version) => (name, VersionReq::Exact(version)),
            Err(_) => return Err(invalid(format!("`{version}` is no version"))),
        },
    };
    let (namespace, name) = name
        .split_once('/')
        .ok_or_else(|| invalid(format!("`{name}` has no namespace")))?;
    let none = || invalid(format!("there is no workflow {namespace}/{name}:{version}"));
    let permit = asking.within(namespace, none)?;
    let definitions = app.node(&permit).definitions();
    let found = definitions.find(namespace, name, &version).cloned();
    Ok((permit, found.ok_or_else(none)?))
}

type Labels = Vec<(Arc<str>, Arc<str>)>;

fn labels(order: &Object) -> Result<Labels, Problem> {
    let Some(labels) = order.get("labels") else {
        return Ok(Vec::new());
    };
    let wrong = || Problem::invalid("/labels", "labels are an object of texts");
    let labels = labels.as_object().ok_or_else(wrong)?;
    if labels.len() > LABELS_MAX {
        let detail = format!("a run has at most {LABELS_MAX} labels");
        return Err(Problem::invalid("/labels", detail));
    }
    let label = |(name, value): (&Arc<str>, &Value)| {
        let place = || format!("/labels{}", body::pointer(name));
        let Some(text) = value.as_str() else {
            return Err(Problem::invalid(place(), "a label is a text"));
        };
        let too_long = |text: &str| text.chars().count() > LABEL_CHARS_MAX;
        if name.is_empty() || too_long(name) || too_long(text) {
            let detail =
                format!("names and values of labels have at most {LABEL_CHARS_MAX} characters");
            return Err(Problem::invalid(place(), detail));
        }
        Ok((name.clone(), text.into()))
    };
    labels.iter().map(label).collect()
}
