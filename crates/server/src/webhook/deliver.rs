//! `POST /hooks/…`: takes a delivery, if it comes from who it says, and answers when it is durable.

use std::time::Duration;

use axum::body::Bytes;
use axum::extract::{FromRequest, Request, State};
use axum::http::header::{CONTENT_ENCODING, CONTENT_TYPE};
use axum::http::request::Parts;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use ferrovia_dsl::plan::VersionReq;
use ferrovia_engine::Ending;
use ferrovia_expr::{Object, Scope, Value};
use ferrovia_runtime::shard::Declined;
use ferrovia_runtime::{Hearing, StartRequest};
use ferrovia_store::{RunId, Summary};
use serde_json::json;

use super::content::{Content, seen};
use super::{Hook, Starts};
use crate::app::{App, now_ms};
use crate::gate::Genuine;
use crate::guard;
use crate::hook::{DELIVERY_ID_CHARS_MAX, Delivered, Scheme};
use crate::problem::Problem;
use crate::route::{Doc, In, Route, Rule, Section, post, schema};
use crate::view;

/// What all webhooks are below.
pub(crate) const AT: &str = "/hooks/";
/// What kind of event GitHub reports.
const GITHUB_EVENT: &str = "x-github-event";

type Answer = Result<Response, Problem>;

pub(crate) fn section() -> Section {
    let anything = schema::anything();
    let doc = Doc::new("deliverHook", "Take a delivery of a webhook in")
        .about(
            "The configuration says which webhooks there are, how each proves where it comes from, and whether a \
             delivery becomes a CloudEvent or the input of a run. What was delivered before does nothing.",
        )
        .with(In::Path, "path", "As configured; it may have several parts", schema::text())
        .takes_as("*/*", anything.clone())
        .gives(200, "It came before, or this is the output of its run", anything)
        .gives(202, "It is new, and durable", schema::named("Delivery"))
        .refuses(401, "It does not come from who it says; all such refusals are alike")
        .refuses(500, "The run did not end with an output");
    let delivery = schema::object(
        &["known"],
        json!({
            "known": { "type": "boolean", "description": "It had come before" },
            "run": { "type": "string", "description": "The run that it started" },
        }),
    );
    Section {
        name: "webhooks",
        about: "Deliveries of other services.",
        routes: vec![Route::new(
            post("/hooks/{*path}"),
            Rule::Public(
                "the signature of the delivery is the proof, where the configuration asks for one",
            ),
            deliver,
            doc,
        )],
        schemas: vec![("Delivery", delivery)],
    }
}

async fn deliver(State(app): State<App>, request: Request) -> Answer {
    let path = request.uri().path().strip_prefix(AT).unwrap_or_default();
    let Some(hook) = app.config.webhooks.at(path) else {
        return Err(Problem::not_found("no resource has this path"));
    };
    let (parts, body) = request.into_parts();
    // Whoever knows the address is let in, but not a page that found it in somebody's browser.
    if matches!(hook.scheme, Scheme::None {}) {
        guard::known_origin(&app.config.hosts, &parts.headers)?;
    }
    let encoding = parts.headers.get(CONTENT_ENCODING);
    if encoding.is_some_and(|encoding| encoding != "identity") {
        let problem = Problem::new(415, "media-type", "The body has another media type");
        return Err(problem.detail("a body is taken as it is, without `Content-Encoding`"));
    }
    let body = Bytes::from_request(Request::from_parts(parts.clone(), body), &()).await?;
    let genuine = judge(hook, &parts, &body)?;
    let content = Content::read(&parts.headers, &body)?;
    if let Some(challenge) = challenge(&hook.scheme, &content) {
        return Ok(([(CONTENT_TYPE, "text/plain; charset=utf-8")], challenge).into_response());
    }
    let id = id(hook, &genuine, &parts, &content)?;
    match &hook.starts {
        None => {
            let event = event(hook, id, &parts.headers, content);
            let received = app.node(&genuine).receive(event).await?;
            Ok(accepted(received.known, None))
        }
        Some(starts) => {
            let input = seen(&parts.headers, &parts.uri, &content)?;
            start(&app, &genuine, hook, starts, id, input).await
        }
    }
}

/// All refusals are alike: what was wrong would tell somebody who tries what to try next.
fn judge(hook: &Hook, parts: &Parts, body: &[u8]) -> Result<Genuine, Problem> {
    let mut url = hook.address.clone().unwrap_or_default();
    if let Some(query) = parts.uri.query() {
        url.push('?');
        url.push_str(query);
    }
    let delivered = Delivered {
        method: &parts.method,
        url: &url,
        headers: &parts.headers,
        body,
    };
    Genuine::judge(&hook.scheme, &delivered, &hook.secrets, now_ms()).map_err(|_| {
        Problem::new(
            401,
            "not-genuine",
            "The delivery does not prove where it comes from",
        )
    })
}

/// Slack asks once whether an address is meant to get its events, and wants this back.
fn challenge(scheme: &Scheme, content: &Content) -> Option<String> {
    let (Scheme::Slack { .. }, Content::Value(body)) = (scheme, content) else {
        return None;
    };
    let text = |member: &str| body.get(member).and_then(Value::as_str);
    let asked = text("type") == Some("url_verification");
    asked.then(|| text("challenge").unwrap_or_default().to_owned())
}

/// Expressions of webhooks see a request and nothing else.
struct Now(i64);

impl Scope for Now {
    fn variable(&self, _name: &str) -> Option<Value> {
        None
    }

    fn now_ms(&self) -> i64 {
        self.0
    }
}

/// What is equal whenever the same thing is delivered again. Nothing means: it is new each time.
fn id(
    hook: &Hook,
    genuine: &Genuine,
    parts: &Parts,
    content: &Content,
) -> Result<Option<String>, Problem> {
    let Some(expression) = &hook.id else {
        return Ok(genuine.verified().id.as_ref().map(|id| id.text.clone()));
    };
    let refused = |why: &str| {
        let title = "The request asks for something that is not possible";
        Problem::new(422, "invalid", title).detail(format!(
            "the `id` that this webhook is configured with {why}"
        ))
    };
    let seen = seen(&parts.headers, &parts.uri, content)?;
    let found = expression.evaluate(&seen, &Now(now_ms()));
    let found = found.map_err(|_| refused("cannot be found in this delivery"))?;
    let text = match &found {
        Value::Str(text) => text.to_string(),
        number if number.as_i64().is_some() => number.to_json(),
        _ => {
            return Err(refused(
                "is neither a text nor a whole number in this delivery",
            ));
        }
    };
    if text.is_empty() || text.chars().count() > DELIVERY_ID_CHARS_MAX {
        return Err(refused("has no usable length in this delivery"));
    }
    Ok(Some(text))
}

fn event(hook: &Hook, id: Option<String>, headers: &HeaderMap, content: Content) -> Value {
    let mut event = Object::default();
    event.insert("specversion", "1.0");
    if let Some(id) = id {
        event.insert("id", id);
    }
    event.insert("source", &*hook.source);
    event.insert("type", &*hook.kind);
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    if let Some(kind) = text(CONTENT_TYPE.as_str()) {
        event.insert("datacontenttype", kind);
    }
    if let (Scheme::Github {}, Some(name)) = (&hook.scheme, text(GITHUB_EVENT)) {
        event.insert("githubevent", name);
    }
    match content {
        Content::Nothing => {}
        Content::Value(data) => event.insert("data", data),
        Content::Bytes(data) => event.insert("data_base64", data),
    }
    event.into()
}

fn accepted(known: bool, run: Option<RunId>) -> Response {
    let mut body = Object::default();
    body.insert("known", known);
    if let Some(run) = run {
        body.insert("run", run.to_string());
    }
    let status = if known {
        StatusCode::OK
    } else {
        StatusCode::ACCEPTED
    };
    view::json(status, &body.into())
}

async fn start(
    app: &App,
    genuine: &Genuine,
    hook: &Hook,
    starts: &Starts,
    id: Option<String>,
    input: Value,
) -> Answer {
    let node = app.node(genuine);
    let definitions = node.definitions();
    let plan = definitions.find(&starts.namespace, &starts.name, &VersionReq::Latest);
    // It may be on its way; the sender tries again.
    let plan = plan.ok_or_else(|| {
        Problem::new(
            503,
            "no-workflow",
            "The workflow of this webhook is not there",
        )
    })?;
    let request = StartRequest {
        plan: plan.clone(),
        input,
        // A path has no `:`, so the two cannot be told apart in another way.
        key: id.map(|id| format!("hook:{}:{id}", hook.path).into()),
        labels: Vec::new(),
    };
    match (node.start_and_hear(request).await, starts.wait) {
        (Ok((run, _)), None) => Ok(accepted(false, Some(run))),
        (Ok((run, hearing)), Some(limit)) => await_output(app, run, hearing, limit, false).await,
        (Err(Declined::Started(run)), None) => Ok(accepted(true, Some(run))),
        (Err(Declined::Started(run)), Some(limit)) => {
            // Heard before it is looked at: it may end between the two.
            let hearing = node.on_ending(run);
            let known = app.look(genuine, run).await?;
            if known.status.is_terminal() {
                return ended(app, genuine, known).await;
            }
            await_output(app, run, hearing, limit, true).await
        }
        (Err(declined), _) => Err(declined.into()),
    }
}

async fn await_output(
    app: &App,
    run: RunId,
    hearing: Hearing,
    limit: Duration,
    known: bool,
) -> Answer {
    let mut stopping = app.stopping();
    let ending = tokio::select! {
        biased;
        ending = hearing.ending() => ending,
        () = tokio::time::sleep(limit) => None,
        _ = stopping.wait_for(|stopping| *stopping) => None,
    };
    match ending {
        Some(Ending::Completed(output)) => Ok(view::json(StatusCode::OK, &output)),
        Some(Ending::Faulted(_) | Ending::Cancelled { .. }) => Err(no_output()),
        None => Ok(accepted(known, Some(run))),
    }
}

/// A run that the same delivery started before.
async fn ended(app: &App, genuine: &Genuine, known: Summary) -> Answer {
    let read = move |node: &ferrovia_runtime::Node| view::whole_for(node, &known, |_| false);
    let whole = app.reading(genuine, read).await?;
    let output = whole.get("output").ok_or_else(no_output)?;
    Ok(view::json(StatusCode::OK, output))
}

/// Why is for those who may see the run.
fn no_output() -> Problem {
    Problem::new(500, "no-output", "The run did not end with an output")
}
