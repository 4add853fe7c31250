//! Definitions over HTTP: publish, look at, compare, roll back, pause.

use axum::extract::rejection::{PathRejection, QueryRejection};
use axum::extract::{Path, Query, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use ferrovia_dsl::plan::{Plan, VersionReq};
use ferrovia_expr::{Object, Value};
use ferrovia_runtime::{Definitions, Node, NotDone, Published};
use serde::Deserialize;
use similar::TextDiff;

use crate::app::App;
use crate::gate::{Asking, Permit, Sight};
use crate::problem::Problem;
use crate::publishing::Compiled;
use crate::view::Unreadable;
use crate::{body, view};

mod table;
pub(crate) use table::section;

type Answer = Result<Response, Problem>;

/// Lines around a difference.
const CONTEXT_LINES: usize = 3;
/// Characters of the reason of a pause.
const REASON_CHARS_MAX: usize = 1_000;

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct PublishQuery {
    dry_run: Option<bool>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct DiffQuery {
    from: String,
    to: String,
}

/// `GET /api/v1/definitions`.
async fn list(State(app): State<App>, sight: Sight) -> Response {
    let known = app.node(&sight).definitions();
    let mut seen: Vec<_> = known
        .iter()
        .filter(|plan| sight.sees(&plan.identity.namespace))
        .collect();
    seen.sort_by_cached_key(|plan| plan.identity.to_string());
    let shown: Vec<Value> = seen
        .into_iter()
        .map(|plan| definition(&known, plan).into())
        .collect();
    let mut body = Object::default();
    body.insert("definitions", shown);
    view::json(StatusCode::OK, &body.into())
}

/// `GET /api/v1/workflows`.
async fn workflows(State(app): State<App>, sight: Sight) -> Response {
    let known = app.node(&sight).definitions();
    let mut names: Vec<_> = known
        .iter()
        .map(|plan| (&plan.identity.namespace, &plan.identity.name))
        .filter(|(namespace, _)| sight.sees(namespace))
        .collect();
    names.sort();
    names.dedup();
    let workflows: Vec<Value> = names
        .into_iter()
        .map(|(namespace, name)| workflow(&known, namespace, name).into())
        .collect();
    let mut body = Object::default();
    body.insert("workflows", workflows);
    view::json(StatusCode::OK, &body.into())
}

/// One version.
fn definition(known: &Definitions, plan: &Plan) -> Object {
    let identity = &plan.identity;
    let (namespace, name) = (&*identity.namespace, &*identity.name);
    let latest = known.find(namespace, name, &VersionReq::Latest);
    let mut view = Object::default();
    view.insert("workflow", identity.to_string());
    view.insert("version", identity.version.to_string());
    view.insert("hash", plan.hash.to_string());
    view.insert("title", plan.title.clone());
    view.insert(
        "latest",
        latest.is_some_and(|latest| latest.hash == plan.hash),
    );
    view
}

/// All versions of a workflow, the newest first, and what was decided about it.
fn workflow(known: &Definitions, namespace: &str, name: &str) -> Object {
    let versions = known.versions(namespace, name).iter().rev();
    let versions: Vec<Value> = versions
        .map(|plan| definition(known, plan).into())
        .collect();
    let mut view = Object::default();
    view.insert("workflow", format!("{namespace}/{name}"));
    if let Some(latest) = known.find(namespace, name, &VersionReq::Latest) {
        view.insert("latest", latest.identity.version.to_string());
    }
    if let Some(pause) = known.paused(namespace, name) {
        let mut paused = Object::default();
        if let Some(reason) = &pause.reason {
            paused.insert("reason", reason.as_str());
        }
        paused.insert("atMs", pause.at_ms);
        view.insert("paused", paused);
    }
    view.insert("versions", versions);
    view
}

/// `POST /api/v1/definitions`.
async fn publish(
    State(app): State<App>,
    asking: Asking,
    query: Result<Query<PublishQuery>, QueryRejection>,
    headers: HeaderMap,
    received: body::Received,
) -> Answer {
    let dry = body::query(query)?.dry_run.unwrap_or(false);
    let (permit, text, compiled) = compiled(&app, &asking, &headers, received).await?;
    let node = app.node(&permit);
    let plan = compiled.plan;
    let published = match dry {
        true => node.stands(&plan)?,
        false => {
            node.publish_definition(plan.clone(), &text, &compiled.links)
                .await?
        }
    };
    let mut view = definition(&node.definitions(), &plan);
    view.insert("findings", compiled.findings);
    let status = match published {
        Published::New if !dry => StatusCode::CREATED,
        Published::New | Published::Known => StatusCode::OK,
    };
    Ok(view::json(status, &view.into()))
}

/// `POST /api/v1/definitions/validate`.
async fn validate(
    State(app): State<App>,
    asking: Asking,
    headers: HeaderMap,
    received: body::Received,
) -> Answer {
    let (_, _, compiled) = compiled(&app, &asking, &headers, received).await?;
    let mut view = Object::default();
    view.insert("workflow", compiled.plan.identity.to_string());
    view.insert("hash", compiled.plan.hash.to_string());
    view.insert("valid", true);
    view.insert("findings", compiled.findings);
    Ok(view::json(StatusCode::OK, &view.into()))
}

/// A text that somebody may publish in the namespace that it names, compiled. Nothing that it refers to is loaded
/// before that is decided.
async fn compiled(
    app: &App,
    asking: &Asking,
    headers: &HeaderMap,
    received: body::Received,
) -> Result<(Permit, String, Compiled), Problem> {
    let media_type = body::media_type(headers);
    let taken = matches!(
        &*media_type,
        "" | "application/json"
            | "application/yaml"
            | "application/x-yaml"
            | "text/yaml"
            | "text/plain"
    );
    if !taken {
        return Err(Problem::media_type(&media_type, "application/yaml"));
    }
    let text = String::from_utf8(received?.to_vec())
        .map_err(|_| Problem::malformed("the body is not UTF-8"))?;
    let root = ferrovia_dsl::source::parse(&text).ok();
    let document = root.as_ref().and_then(|root| root.get("document"));
    let namespace = document.and_then(|document| document.get("namespace")?.as_str());
    let hidden = || Problem::not_found("there is no such namespace");
    let permit = namespace.map(|namespace| asking.within(namespace, hidden));
    let permit = permit.transpose()?;
    let publisher = app.config.publisher.clone().ok_or_else(|| {
        let title = "This server takes no definitions";
        Problem::new(501, "no-publishing", title)
    })?;
    let refused =
        |rejected: crate::Rejected| Problem::findings(rejected.summary, rejected.findings);
    let compiled = publisher.compile(text.clone()).await.map_err(refused)?;
    let permit = permit.ok_or_else(Problem::undecided)?;
    Ok((permit, text, compiled))
}

/// `GET /api/v1/definitions/{namespace}/{name}`.
async fn versions(
    State(app): State<App>,
    permit: Permit,
    path: Result<Path<(String, String)>, PathRejection>,
) -> Answer {
    let (namespace, name) = named(path)?;
    shown(&app, &permit, &namespace, &name)
}

fn shown(app: &App, permit: &Permit, namespace: &str, name: &str) -> Answer {
    let known = app.node(permit).definitions();
    if known.versions(namespace, name).is_empty() {
        return Err(NotDone::NoWorkflow.into());
    }
    let view = workflow(&known, namespace, name);
    Ok(view::json(StatusCode::OK, &view.into()))
}

/// `GET /api/v1/definitions/{namespace}/{name}/{version}`.
async fn version(
    State(app): State<App>,
    permit: Permit,
    path: Result<Path<(String, String, String)>, PathRejection>,
) -> Answer {
    let Path((namespace, name, version)) = path.map_err(|_| no_version())?;
    let read = move |node: &Node| {
        let known = node.definitions();
        let Some(plan) = found(&known, &namespace, &name, &version) else {
            return Ok(None);
        };
        let mut view = definition(&known, plan);
        if let Some(kept) = node.journal().definition(plan.hash)? {
            view.insert("addedMs", kept.added_ms);
            view.insert("text", kept.text);
        }
        view.insert("definition", plan.definition.clone());
        Ok::<_, Unreadable>(Some(view))
    };
    let view = app.reading(&permit, read).await?;
    let view = view.ok_or_else(no_version)?;
    Ok(view::json(StatusCode::OK, &view.into()))
}

/// `GET /api/v1/definitions/{namespace}/{name}/diff`.
async fn diff(
    State(app): State<App>,
    permit: Permit,
    path: Result<Path<(String, String)>, PathRejection>,
    query: Result<Query<DiffQuery>, QueryRejection>,
) -> Answer {
    let (namespace, name) = named(path)?;
    let DiffQuery { from, to } = body::query(query)?;
    let read = move |node: &Node| {
        let known = node.definitions();
        let mut sides = Vec::new();
        for side in [from, to] {
            let Some(plan) = found(&known, &namespace, &name, &side) else {
                let problem = Problem::parameter("from, to", "there is no such version");
                return Ok(Err(problem));
            };
            let kept = node.journal().definition(plan.hash)?;
            let text = kept.map(|kept| kept.text).unwrap_or_default();
            sides.push((plan.identity.to_string(), text));
        }
        Ok::<_, Unreadable>(Ok(sides))
    };
    let sides = app.reading(&permit, read).await??;
    let [(from, old), (to, new)] = sides.as_slice() else {
        return Err(Problem::internal());
    };
    let diff = TextDiff::from_lines(&**old, &**new)
        .unified_diff()
        .context_radius(CONTEXT_LINES)
        .header(from, to)
        .to_string();
    let mut view = Object::default();
    view.insert("from", from.as_str());
    view.insert("to", to.as_str());
    view.insert("diff", diff);
    Ok(view::json(StatusCode::OK, &view.into()))
}

/// `POST /api/v1/definitions/{namespace}/{name}/roll-back`.
async fn roll_back(
    State(app): State<App>,
    permit: Permit,
    path: Result<Path<(String, String)>, PathRejection>,
    headers: HeaderMap,
    received: body::Received,
) -> Answer {
    let (namespace, name) = named(path)?;
    let order = body::object(&body::media_type(&headers), received, &["version"])?;
    let version: String = body::member(&order, "version")?;
    let version = version
        .parse()
        .map_err(|_| Problem::invalid("/version", "a version such as `1.2.0`"))?;
    let node = app.node(&permit);
    node.roll_back(&namespace, &name, &version).await?;
    shown(&app, &permit, &namespace, &name)
}

/// `POST /api/v1/definitions/{namespace}/{name}/pause`.
async fn pause(
    State(app): State<App>,
    permit: Permit,
    path: Result<Path<(String, String)>, PathRejection>,
    headers: HeaderMap,
    received: body::Received,
) -> Answer {
    let (namespace, name) = named(path)?;
    let media_type = body::media_type(&headers);
    let order = body::optional_object(&media_type, received, &["reason"])?;
    let reason: Option<String> = body::optional_member(&order, "reason")?;
    let long = |reason: &String| reason.chars().count() > REASON_CHARS_MAX;
    if reason.as_ref().is_some_and(long) {
        let detail = format!("a reason has at most {REASON_CHARS_MAX} characters");
        return Err(Problem::invalid("/reason", detail));
    }
    app.node(&permit).pause(&namespace, &name, reason).await?;
    shown(&app, &permit, &namespace, &name)
}

/// `POST /api/v1/definitions/{namespace}/{name}/resume`.
async fn resume(
    State(app): State<App>,
    permit: Permit,
    path: Result<Path<(String, String)>, PathRejection>,
) -> Answer {
    let (namespace, name) = named(path)?;
    app.node(&permit).unpause(&namespace, &name).await?;
    shown(&app, &permit, &namespace, &name)
}

fn found<'d>(
    known: &'d Definitions,
    namespace: &str,
    name: &str,
    version: &str,
) -> Option<&'d Plan> {
    let version = match version {
        "latest" => VersionReq::Latest,
        version => VersionReq::Exact(version.parse().ok()?),
    };
    known.find(namespace, name, &version).map(|plan| &**plan)
}

fn named(path: Result<Path<(String, String)>, PathRejection>) -> Result<(String, String), Problem> {
    path.map(|Path(named)| named)
        .map_err(|_| NotDone::NoWorkflow.into())
}

fn no_version() -> Problem {
    Problem::not_found("there is no such version of the workflow")
}
