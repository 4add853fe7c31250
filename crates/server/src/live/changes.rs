//! Changes of all runs, for lists that are to be up to date. What was missed is not sent again: list the runs.

use std::sync::Arc;

use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use axum::response::Response;
use ferrovia_expr::{Object, Value};
use ferrovia_runtime::shard::Change;
use ferrovia_runtime::{Feed, Selection, Told};
use ferrovia_store::Status;
use serde::Deserialize;

use super::{Next, Writer, message};
use crate::app::App;
use crate::gate::Sight;
use crate::problem::Problem;
use crate::view;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Asked {
    workflow: Option<String>,
    status: Option<String>,
}

/// What a reader wants to hear.
struct Wanted {
    workflow: Option<Selection>,
    /// All, if none is named.
    status: Vec<Status>,
    /// What the reader may see.
    sight: Sight,
}

/// `GET /api/v1/events/stream?workflow=shop/*&status=faulted,parked`: a message for each change of a status.
pub(super) async fn stream(
    State(app): State<App>,
    sight: Sight,
    asked: Result<Query<Asked>, QueryRejection>,
) -> Result<Response, Problem> {
    let Query(asked) = asked.map_err(|rejection| Problem::malformed(rejection.body_text()))?;
    let feed = app.node(&sight).feed();
    let wanted = Wanted::read(&asked, sight)?;
    let (writer, response) = Writer::new(&app, app.live.open()?);
    tokio::spawn(tell(writer, feed, wanted));
    Ok(response)
}

impl Wanted {
    fn read(asked: &Asked, sight: Sight) -> Result<Wanted, Problem> {
        let workflow = asked.workflow.as_deref().map(|text| {
            let selection = text.parse();
            selection.map_err(|_| {
                Problem::parameter("workflow", "write `namespace/name` or `namespace/*`")
            })
        });
        let status = asked.status.as_deref().map_or(Ok(Vec::new()), |text| {
            let one = |text: &str| Status::ALL.into_iter().find(|known| known.as_str() == text);
            let all: Option<Vec<_>> = text.split(',').map(one).collect();
            all.ok_or_else(|| Problem::parameter("status", "no run has it"))
        });
        Ok(Wanted {
            workflow: workflow.transpose()?,
            status: status?,
            sight,
        })
    }

    fn takes(&self, status: Status, namespace: &str, name: &str) -> bool {
        self.sight.sees(namespace)
            && (self.status.is_empty() || self.status.contains(&status))
            && self
                .workflow
                .as_ref()
                .is_none_or(|workflow| workflow.takes(namespace, name))
    }
}

async fn tell(writer: Writer, mut feed: Feed, wanted: Wanted) {
    // So that a reader knows that it hears what comes.
    let mut next = writer.send(": listening\n\n".to_owned()).await;
    while next.is_ok() {
        let Next::Told(told) = writer.next(&mut feed).await else {
            return;
        };
        next = match told {
            Told::Missed(count) => {
                let mut missed = Object::default();
                missed.insert("count", i64::try_from(count).unwrap_or(i64::MAX));
                writer.send(message(None, "missed", &missed.into())).await
            }
            Told::Change(change) if change.before == Some(change.after) => Ok(()),
            Told::Change(change) => match show(&writer.app, &change, &wanted).await {
                Some(data) => writer.send(message(None, "run", &data)).await,
                None => Ok(()),
            },
        };
    }
}

async fn show(app: &App, change: &Arc<Change>, wanted: &Wanted) -> Option<Value> {
    let run = change.run;
    let (namespace, name, version) = match &change.plan {
        Some(plan) => {
            let identity = &plan.identity;
            let version = identity.version.to_string();
            (identity.namespace.clone(), identity.name.clone(), version)
        }
        // Its definition cannot be had; the index knows its name.
        None => {
            let known = app
                .reading(&wanted.sight, move |node| view::look(node, run))
                .await
                .ok()??;
            let version = known.run.version.to_string();
            (known.run.namespace, known.run.name, version)
        }
    };
    if !wanted.takes(change.after, &namespace, &name) {
        return None;
    }
    let mut data = Object::default();
    data.insert("id", run.to_string());
    data.insert("workflow", format!("{namespace}/{name}:{version}"));
    if let Some(before) = change.before {
        data.insert("before", before.as_str());
    }
    data.insert("status", change.after.as_str());
    if let Some(reason) = &change.reason {
        data.insert("reason", reason.clone());
    }
    if let Some(record) = change.record {
        data.insert("record", i64::try_from(record).unwrap_or(i64::MAX));
    }
    Some(data.into())
}
