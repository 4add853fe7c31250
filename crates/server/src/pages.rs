//! Pages that work without script: the list of runs, one run with its trace, and what can be done to it.
//!
//! They show what the interface answers, and what they do goes through the same rules.

mod draw;

use axum::body::{Bytes, to_bytes};
use axum::extract::rejection::QueryRejection;
use axum::extract::{FromRequest, FromRequestParts, Query, Request, State};
use axum::handler::Handler;
use axum::http::header::{CONTENT_TYPE, LOCATION, ORIGIN, SET_COOKIE, WWW_AUTHENTICATE};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use ferrovia_expr::Value;
use ferrovia_runtime::shard::{Control, Declined};
use ferrovia_runtime::{Edits, ForkError, ForkFrom, ForkRequest, Node};
use ferrovia_store::{Filter, Page, RunId, Status, Why};
use percent_encoding::percent_decode_str;
use serde::Deserialize;

use crate::access::{Action, Reach, cookie};
use crate::app::App;
use crate::gate::{Permit, Sight};
use crate::listen::Peer;
use crate::people::{SESSION_SECONDS, Shown};
use crate::problem::Problem;
use crate::route::{Doc, In, Route, Rule, Section, Where, get, post, schema};
use crate::run::Named;
use crate::{body, guard, view};

type Answer = Result<Response, Problem>;

/// The section whose refusals are pages, too.
pub(crate) const NAME: &str = "pages";
/// Runs on one page.
const RUNS: usize = 50;
/// Entries of a trace on one page.
const ENTRIES: usize = 200;
/// What a refusal may have.
const PROBLEM_BYTES_MAX: usize = 64 * 1024;

const SEC_FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");

pub(crate) fn section() -> Section {
    let html = "text/html";
    let (control, repairs) = (Action::ControlRuns, Action::RepairRuns);
    Section {
        name: NAME,
        about: "Pages for people, without script.",
        routes: vec![
            Route::new(
                get("/"),
                Rule::Needs(Action::ReadRuns, Where::List),
                list,
                Doc::new("getRunsPage", "The runs, as a page")
                    .for_people()
                    .with(In::Query, "status", "Runs in this status", schema::text())
                    .with(
                        In::Query,
                        "before",
                        "Runs older than this one",
                        schema::text(),
                    )
                    .gives_text(200, "The page", html),
            ),
            Route::new(
                get("/runs/{id}"),
                Rule::Needs(Action::ReadRuns, Where::Run),
                show,
                Doc::new("getRunPage", "One run with its trace, as a page")
                    .for_people()
                    .with(In::Path, "id", "The id of the run", schema::text())
                    .with(In::Query, "after", "Entries to pass over", schema::number())
                    .gives_text(200, "The page", html),
            ),
            act("/runs/{id}/cancel", control, cancel, "cancelRunPage"),
            act("/runs/{id}/suspend", control, suspend, "suspendRunPage"),
            act("/runs/{id}/resume", control, resume, "resumeRunPage"),
            act("/runs/{id}/repair", repairs, repair, "repairRunPage"),
            Route::new(
                post("/sign-in"),
                Rule::Public(
                    "a name and a password are how one shows who one is; attempts are counted",
                ),
                sign_in,
                Doc::new("signInPage", "Begin a session, from the form")
                    .for_people()
                    .gives_nothing(303, "It has begun; leads to the runs"),
            ),
            Route::new(
                post("/sign-out"),
                Rule::Public("it ends the session that the browser shows, and nothing else"),
                sign_out,
                Doc::new("signOutPage", "End the session, from the page")
                    .for_people()
                    .gives_nothing(303, "It is over; leads to the form to sign in"),
            ),
        ],
        schemas: Vec::new(),
    }
}

fn act<T: 'static>(
    path: &'static str,
    action: Action,
    handler: impl Handler<T, App>,
    operation: &'static str,
) -> Route {
    let doc = Doc::new(operation, "What the button on the page of a run does")
        .for_people()
        .with(In::Path, "id", "The id of the run", schema::text())
        .gives_nothing(303, "It is done; leads to the page of the run")
        .refuses(409, "The run is not in a state for this");
    Route::new(post(path), Rule::Needs(action, Where::Run), handler, doc)
}

/// Makes a page of a refusal: to sign in, where nobody showed who they are.
pub(crate) async fn dressed(request: Request, next: Next) -> Response {
    let response = next.run(request).await;
    let (status, headers) = (response.status(), response.headers());
    let kind = headers.get(CONTENT_TYPE);
    if kind.is_none_or(|kind| kind != "application/problem+json") {
        return response;
    }
    let challenge = headers.get(WWW_AUTHENTICATE).cloned();
    let body = to_bytes(response.into_body(), PROBLEM_BYTES_MAX).await;
    let text = body
        .ok()
        .and_then(|body| String::from_utf8(body.into()).ok());
    let problem = text.and_then(|text| Value::parse_json(&text).ok());
    let mut page = match status {
        StatusCode::UNAUTHORIZED => draw::door(status, None),
        status => draw::refusal(status, &problem.unwrap_or_default()),
    };
    if let Some(challenge) = challenge {
        page.headers_mut().insert(WWW_AUTHENTICATE, challenge);
    }
    page
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ListQuery {
    status: Option<String>,
    before: Option<String>,
}

async fn list(
    State(app): State<App>,
    sight: Sight,
    asked: Result<Query<ListQuery>, QueryRejection>,
) -> Answer {
    let asked = body::query(asked)?;
    // The form sends all statuses as an empty one.
    let status = asked.status.as_deref().filter(|text| !text.is_empty());
    let status = status.map(|text| {
        let known = Status::ALL
            .into_iter()
            .find(|status| status.as_str() == text);
        known.ok_or_else(|| Problem::parameter("status", "no run has it"))
    });
    let status = status.transpose()?;
    let before = asked.before.as_deref().map(|text| {
        let run = text.parse();
        run.map_err(|_| Problem::parameter("before", "write the id of a run"))
    });
    let filter = Filter {
        status,
        ..Filter::default()
    };
    let page = Page {
        before: before.transpose()?,
        limit: RUNS,
    };
    let reach = sight.reach.clone();
    let found = app.reading(&sight, move |node| match reach {
        Reach::Everywhere => view::list(node, &filter, page),
        Reach::Only(namespaces) => view::list_within(node, &namespaces, &filter, page),
    });
    let found = found.await?;
    Ok(draw::runs(&found, status, page.before, &sight.principal))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RunQuery {
    after: Option<usize>,
}

async fn show(
    State(app): State<App>,
    permit: Permit,
    Named(run): Named,
    asked: Result<Query<RunQuery>, QueryRejection>,
) -> Answer {
    let after = body::query(asked)?.after.unwrap_or(0);
    let known = app.look(&permit, run).await?;
    let namespace = known.run.namespace.clone();
    let seen_by = permit.clone();
    let read = move |node: &Node| {
        let whole = view::whole_for(node, &known, |namespace| seen_by.sees_runs(namespace))?;
        // A journal that cannot be followed has no trace; the page says why.
        let trace = view::trace(node, &known, after, ENTRIES).unwrap_or_default();
        Ok((whole, trace))
    };
    let (whole, trace) = app.reading(&permit, read).await?;
    let may = draw::May {
        control: permit.may(Action::ControlRuns, &namespace),
        repair: permit.may(Action::RepairRuns, &namespace),
    };
    Ok(draw::run(&whole, &trace, after, may, &permit.principal))
}

/// The form that made the request is of this server. Browsers say where a form comes from; what says nothing is no
/// browser, and has shown who it is without a cookie.
struct Own;

impl FromRequestParts<App> for Own {
    type Rejection = Problem;
    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Own, Problem> {
        if parts.headers.contains_key(ORIGIN) || parts.headers.contains_key(SEC_FETCH_SITE) {
            guard::same_origin(parts, app.transport())?;
        }
        Ok(Own)
    }
}

async fn cancel(State(app): State<App>, permit: Permit, _own: Own, Named(run): Named) -> Answer {
    control(&app, &permit, run, Control::Cancel { reason: None }).await
}

async fn suspend(State(app): State<App>, permit: Permit, _own: Own, Named(run): Named) -> Answer {
    control(&app, &permit, run, Control::Suspend).await
}

async fn resume(State(app): State<App>, permit: Permit, _own: Own, Named(run): Named) -> Answer {
    control(&app, &permit, run, Control::Resume).await
}

async fn control(app: &App, permit: &Permit, run: RunId, control: Control) -> Answer {
    app.node(permit).control(run, control).await?;
    Ok(see(&format!("/runs/{run}")))
}

/// As over the interface: once. The second time it leads to the first repair.
async fn repair(State(app): State<App>, permit: Permit, _own: Own, Named(run): Named) -> Answer {
    let forked = app.node(&permit).fork(ForkRequest {
        run,
        why: Why::Repair,
        from: ForkFrom::Failure,
        edits: Edits::default(),
        plan: None,
        key: Some(format!("repair:{run}").into()),
        dry: false,
    });
    let repaired = match forked.await {
        Ok(forked) => forked.run.ok_or_else(Problem::internal)?,
        Err(ForkError::Declined(Declined::Started(earlier))) => earlier,
        Err(error) => return Err(error.into()),
    };
    Ok(see(&format!("/runs/{repaired}")))
}

async fn sign_in(State(app): State<App>, Peer(from): Peer, _own: Own, request: Request) -> Answer {
    let received = Bytes::from_request(request, &()).await?;
    let (Some(name), Some(password)) = (field(&received, "name"), field(&received, "password"))
    else {
        return Err(Problem::malformed("the form has no name and password"));
    };
    let people = app.people_at_the_door();
    let Some(session) = people.sign_in(&name, password, from).await? else {
        let wrong = "No user has this name and this password.";
        return Ok(draw::door(StatusCode::UNAUTHORIZED, Some(wrong)));
    };
    let cookie = cookie::set(app.transport(), &session, SESSION_SECONDS);
    let mut response = see("/");
    response.headers_mut().insert(SET_COOKIE, cookie);
    Ok(response)
}

async fn sign_out(State(app): State<App>, _own: Own, headers: HeaderMap) -> Answer {
    let transport = app.transport();
    if let Ok(Some(session)) = cookie::session(transport, &headers) {
        let (people, id) = (app.people_at_the_door(), session.id());
        // Whoever only knows its id must not end it.
        if people.who(&Shown::Cookie(session)).await?.is_some() {
            people.sign_out(id).await?;
        }
    }
    let mut response = see("/");
    let forget = cookie::clear(transport);
    response.headers_mut().insert(SET_COOKIE, forget);
    Ok(response)
}

/// A field of a form.
fn field(form: &[u8], name: &str) -> Option<String> {
    let form = std::str::from_utf8(form).ok()?;
    let mut fields = form.split('&').filter_map(|field| field.split_once('='));
    let (_, value) = fields.find(|(known, _)| *known == name)?;
    let value = value.replace('+', " ");
    let value = percent_decode_str(&value).decode_utf8().ok()?;
    Some(value.into_owned())
}

/// What was asked for is done; the result is elsewhere.
fn see(path: &str) -> Response {
    let path = HeaderValue::try_from(path).expect("paths of pages are ASCII");
    (StatusCode::SEE_OTHER, [(LOCATION, path)]).into_response()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_of_forms_are_read() {
        let form = b"name=ada&password=a+b%26c%3D%C3%A9&empty=";
        for (name, value) in [
            ("name", Some("ada")),
            ("password", Some("a b&c=\u{e9}")),
            ("empty", Some("")),
            ("ame", None),
        ] {
            assert_eq!(field(form, name).as_deref(), value, "{name}");
        }
        assert_eq!(field(b"name=%FF", "name"), None);
    }
}
