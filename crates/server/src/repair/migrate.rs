//! Live runs that move to another version of their workflow, or are compared with it.

use std::sync::Arc;

use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use ferrovia_dsl::plan::Plan;
use ferrovia_expr::{Object, Value};
use ferrovia_runtime::{Difference, ForkError, Verdict};
use ferrovia_store::{Filter, Page, RunId};

use super::{Answer, flag, named, version};
use crate::app::App;
use crate::gate::{Asking, Permit};
use crate::problem::Problem;
use crate::run::Named;
use crate::{PAGE_MAX, body, start, view};

pub(super) async fn migrate(
    State(app): State<App>,
    permit: Permit,
    Named(run): Named,
    headers: HeaderMap,
    received: body::Received,
) -> Answer {
    let body = body::object(
        &body::media_type(&headers),
        received,
        &["version", "dryRun"],
    )?;
    let known = app.look(&permit, run).await?;
    let plan = version(&app, &permit, &known, &body)?;
    let plan = plan.ok_or_else(|| Problem::invalid("/version", "where to"))?;
    let dry = flag(&body, "dryRun")?;
    let verdict = move_one(&app, &permit, run, plan, dry).await?;
    Ok(view::json(
        StatusCode::OK,
        &shown(run, &verdict, dry).into(),
    ))
}

async fn move_one(
    app: &App,
    permit: &Permit,
    run: RunId,
    plan: Arc<Plan>,
    dry: bool,
) -> Result<Verdict, ForkError> {
    let node = app.node(permit);
    match dry {
        true => node.compare(run, plan).await,
        false => node.migrate(run, plan).await,
    }
}

fn shown(run: RunId, verdict: &Verdict, dry: bool) -> Object {
    let mut view = Object::default();
    view.insert("id", run.to_string());
    view.insert("same", *verdict == Verdict::Same);
    view.insert("moved", *verdict == Verdict::Same && !dry);
    if let Verdict::Differs(Difference {
        record,
        at_ms,
        task,
        was,
        would_be,
    }) = verdict
    {
        view.insert("record", *record as i64);
        view.insert("atMs", *at_ms);
        let texts = [("was", was), ("wouldBe", would_be)];
        if let Some(task) = task {
            view.insert("task", task.clone());
        }
        for (name, text) in texts {
            if let Some(text) = text {
                view.insert(name, text.clone());
            }
        }
    }
    view
}

pub(super) async fn migrate_all(
    State(app): State<App>,
    asking: Asking,
    headers: HeaderMap,
    received: body::Received,
) -> Answer {
    let members = ["workflow", "version", "dryRun", "before", "limit"];
    let body = body::object(&body::media_type(&headers), received, &members)?;
    let (permit, of) = start::workflow(&app, &asking, &body)?;
    let identity = &of.identity;
    let version = body.get("version").unwrap_or(&Value::Null);
    let plan = named(&app, &permit, &identity.namespace, &identity.name, version)?;
    let dry = flag(&body, "dryRun")?;
    let before = match body
        .get("before")
        .map(|before| before.as_str().map(str::parse))
    {
        None => None,
        Some(Some(Ok(run))) => Some(run),
        Some(_) => return Err(Problem::invalid("/before", "the id of a run")),
    };
    let limit = match body.get("limit").map(Value::as_i64) {
        None => PAGE_MAX,
        Some(Some(limit)) => usize::try_from(limit).unwrap_or(0).clamp(1, PAGE_MAX),
        Some(None) => return Err(Problem::invalid("/limit", "a number")),
    };
    let filter = Filter {
        namespace: Some(identity.namespace.clone()),
        name: Some(identity.name.clone()),
        ..Filter::default()
    };
    let page = Page { before, limit };
    let listed = app
        .reading(&permit, move |node| {
            Ok(node.journal().runs(&filter, page)?)
        })
        .await?;
    let next = listed.last().filter(|_| listed.len() == limit);
    let next = next.map(|last| last.run.id);
    let live = listed
        .into_iter()
        .filter(|known| !known.status.is_terminal() && known.run.plan == of.hash);
    let mut verdicts = Vec::new();
    for known in live {
        let run = known.run.id;
        verdicts.push(
            match move_one(&app, &permit, run, plan.clone(), dry).await {
                Ok(verdict) => shown(run, &verdict, dry),
                Err(error) => {
                    let mut view = Object::default();
                    view.insert("id", run.to_string());
                    view.insert("same", false);
                    view.insert("why", error.to_string());
                    view
                }
            },
        );
    }
    let mut answer = Object::default();
    let verdicts: Vec<Value> = verdicts.into_iter().map(Value::from).collect();
    answer.insert("runs", verdicts);
    if let Some(next) = next {
        answer.insert("before", next.to_string());
    }
    Ok(view::json(StatusCode::OK, &answer.into()))
}
