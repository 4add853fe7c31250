//! What stands before every way in: finds out who asks, decides whether they may, and hands the handler a proof of it.
//! Without a proof a handler reaches nothing of the node.

use std::sync::Arc;

use axum::extract::{FromRequestParts, RawPathParams, Request, State};
use axum::http::request::Parts;
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use crate::access::{Action, Bearer, Principal, Reach, Target, Verdict, decide, reach};
use crate::app::{App, now_ms};
use crate::hook::{Delivered, Refused, Scheme, Secret, Verified};
use crate::problem::Problem;
use crate::route::{Rule, Where};

/// Who asked may do it, at the place that the rule of the way in names.
#[derive(Clone)]
pub(crate) struct Permit {
    pub(crate) principal: Arc<Principal>,
}

/// Who asks may look at some of it.
#[derive(Clone)]
pub(crate) struct Sight {
    pub(crate) principal: Arc<Principal>,
    pub(crate) reach: Reach,
}

/// Who asks is known, and where they ask for is in the body.
#[derive(Clone)]
pub(crate) struct Asking {
    principal: Arc<Principal>,
    action: Action,
}

/// A delivery of a webhook comes from who it says.
pub(crate) struct Genuine(Verified);

/// Proves that access was decided. Only this file makes what has it.
pub(crate) trait Decided {}
impl Decided for Genuine {}
impl Decided for Permit {}
impl Decided for Sight {}

/// Decides before the handler runs.
pub(crate) async fn gate(
    State((app, rule)): State<(App, Rule)>,
    request: Request,
    next: Next,
) -> Response {
    let (mut parts, body) = request.into_parts();
    match judge(&app, rule, &mut parts).await {
        Ok(()) => next.run(Request::from_parts(parts, body)).await,
        Err(problem) => problem.into_response(),
    }
}

async fn judge(app: &App, rule: Rule, parts: &mut Parts) -> Result<(), Problem> {
    let (action, place) = match rule {
        Rule::Public(_) => return Ok(()),
        Rule::SignedIn(_) => {
            let principal = app.principal(parts).await?;
            parts.extensions.insert(Permit { principal });
            return Ok(());
        }
        Rule::Needs(action, place) => (action, place),
    };
    let principal = app.principal(parts).await?;
    match place {
        Where::Everywhere => {
            allow(&principal, action, Target::Everywhere, || {
                Problem::forbidden(action)
            })?;
        }
        Where::Run => run(app, &principal, action, parts).await?,
        Where::Path(name) => {
            let namespace = path(app, parts, name).await.unwrap_or_default();
            let hidden = || Problem::not_found("there is no such namespace");
            allow(&principal, action, Target::Namespace(&namespace), hidden)?;
        }
        Where::Body => {
            parts.extensions.insert(Asking { principal, action });
            return Ok(());
        }
        // The token to set up is for nothing else, not even for an empty list.
        Where::List if principal.bearer == Bearer::SetUp => return Err(Problem::forbidden(action)),
        Where::List => {
            let reach = reach(Some(&principal), action, now_ms());
            parts.extensions.insert(Sight { principal, reach });
            return Ok(());
        }
    }
    parts.extensions.insert(Permit { principal });
    Ok(())
}

/// A run that somebody may not know of is answered like one that is not there. Who may do it everywhere need not be
/// told apart by where the run is.
async fn run(
    app: &App,
    principal: &Principal,
    action: Action,
    parts: &mut Parts,
) -> Result<(), Problem> {
    if decide(Some(principal), action, Target::Everywhere, now_ms()) == Verdict::Allow {
        return Ok(());
    }
    let id = path(app, parts, "id").await;
    let id = id.and_then(|id| id.parse().ok());
    let namespace = app.namespace(id.ok_or_else(Problem::no_such_run)?).await?;
    let namespace = namespace.ok_or_else(Problem::no_such_run)?;
    allow(
        principal,
        action,
        Target::Namespace(&namespace),
        Problem::no_such_run,
    )
}

async fn path(app: &App, parts: &mut Parts, name: &str) -> Option<String> {
    let given = RawPathParams::from_request_parts(parts, app).await.ok()?;
    let mut given = given.iter().filter(|(known, _)| *known == name);
    given.next().map(|(_, value)| value.to_owned())
}

fn allow(
    principal: &Principal,
    action: Action,
    target: Target<'_>,
    hidden: impl FnOnce() -> Problem,
) -> Result<(), Problem> {
    match decide(Some(principal), action, target, now_ms()) {
        Verdict::Allow => Ok(()),
        Verdict::Hide => Err(hidden()),
        Verdict::Forbid => Err(Problem::forbidden(action)),
        Verdict::Anonymous => Err(Problem::anonymous()),
    }
}

impl Genuine {
    pub(crate) fn judge(
        scheme: &Scheme,
        delivered: &Delivered<'_>,
        secrets: &[Secret],
        now_ms: i64,
    ) -> Result<Genuine, Refused> {
        scheme.verify(delivered, secrets, now_ms).map(Genuine)
    }

    /// What it says of itself.
    pub(crate) fn verified(&self) -> &Verified {
        &self.0
    }
}

impl Permit {
    /// Whether who asks may look at runs of a namespace.
    pub(crate) fn sees_runs(&self, namespace: &str) -> bool {
        self.may(Action::ReadRuns, namespace)
    }

    /// Whether who asks may do something in a namespace, for what to offer.
    pub(crate) fn may(&self, action: Action, namespace: &str) -> bool {
        let target = Target::Namespace(namespace);
        let principal = Some(&*self.principal);
        decide(principal, action, target, now_ms()) == Verdict::Allow
    }
}

impl Asking {
    /// `hidden` is the answer of a namespace that is not there.
    pub(crate) fn within(
        &self,
        namespace: &str,
        hidden: impl FnOnce() -> Problem,
    ) -> Result<Permit, Problem> {
        let target = Target::Namespace(namespace);
        allow(&self.principal, self.action, target, hidden)?;
        Ok(Permit {
            principal: self.principal.clone(),
        })
    }
}

impl Sight {
    pub(crate) fn sees(&self, namespace: &str) -> bool {
        match &self.reach {
            Reach::Everywhere => true,
            Reach::Only(namespaces) => namespaces.contains(namespace),
        }
    }
}

/// The proof that the rule of the way in gives. Asking for another one is a defect of the table, which every request
/// to that way in shows.
fn proof<T: Clone + Send + Sync + 'static>(parts: &Parts) -> Result<T, Problem> {
    let proof = parts.extensions.get::<T>();
    proof.cloned().ok_or_else(Problem::undecided)
}

impl FromRequestParts<App> for Permit {
    type Rejection = Problem;
    async fn from_request_parts(parts: &mut Parts, _: &App) -> Result<Permit, Problem> {
        proof(parts)
    }
}

impl FromRequestParts<App> for Sight {
    type Rejection = Problem;
    async fn from_request_parts(parts: &mut Parts, _: &App) -> Result<Sight, Problem> {
        proof(parts)
    }
}

impl FromRequestParts<App> for Asking {
    type Rejection = Problem;
    async fn from_request_parts(parts: &mut Parts, _: &App) -> Result<Asking, Problem> {
        proof(parts)
    }
}
