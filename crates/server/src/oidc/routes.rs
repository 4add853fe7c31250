//! The two ways in of the flow. Both are for people in browsers, who are sent from one server to the other.

use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use axum::http::header::{CONTENT_TYPE, COOKIE, LOCATION, SET_COOKIE};
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use serde::Deserialize;

use super::flow::{CALLBACK, Provider};
use super::{Refused, SIGN_IN_SECONDS};
use crate::access::cookie;
use crate::app::{App, now_ms};
use crate::people::SESSION_SECONDS;
use crate::problem::Problem;
use crate::route::{Doc, In, Route, Rule, Section, get, schema};

const LEADS_IN: &str =
    "it leads in: the provider says who somebody is, and its signature is checked";
/// The cookie of a sign-in that is under way. Not strict: the browser comes back from another site with it.
const COOKIE_NAME: &str = "ferrovia-sign-in";

pub(crate) fn section() -> Section {
    let none = "No provider is configured";
    Section {
        name: "openid",
        about: "Signing in with an account of an OpenID Connect provider.",
        routes: vec![
            Route::new(
                get("/api/v1/oidc/start"),
                Rule::Public(LEADS_IN),
                start,
                Doc::new("startOpenId", "Go to the provider to sign in")
                    .gives_nothing(303, "The provider is at `Location`")
                    .refuses(404, none)
                    .refuses(502, "The provider cannot be asked"),
            ),
            Route::new(
                get(CALLBACK),
                Rule::Public(LEADS_IN),
                finish,
                Doc::new("finishOpenId", "Come back from the provider")
                    .with(In::Query, "code", "What the provider gave", schema::text())
                    .with(In::Query, "state", "Which sign-in it is", schema::text())
                    .with(
                        In::Query,
                        "error",
                        "Why the provider gave no code",
                        schema::text(),
                    )
                    .gives_text(
                        200,
                        "A page that leads on, with the session in a cookie",
                        "text/html",
                    )
                    .refuses(
                        403,
                        "The provider, or what it says, does not let somebody in",
                    )
                    .refuses(404, none)
                    .refuses(502, "The provider cannot be asked"),
            ),
        ],
        schemas: Vec::new(),
    }
}

/// Providers add what they like, such as `iss` (RFC 9207) and `session_state`.
#[derive(Deserialize)]
struct Back {
    code: Option<String>,
    state: Option<String>,
    error: Option<String>,
    iss: Option<String>,
}

fn provider(app: &App) -> Result<&Provider, Problem> {
    let provider = app.provider.as_deref();
    provider.ok_or_else(|| Problem::not_found("no OpenID Connect provider is configured"))
}

async fn start(State(app): State<App>) -> Result<Response, Problem> {
    let provider = provider(&app)?;
    let departure = provider.begin(now_ms()).await.map_err(problem)?;
    let mut response = StatusCode::SEE_OTHER.into_response();
    let location = HeaderValue::try_from(departure.url).map_err(|_| Problem::internal())?;
    let headers = response.headers_mut();
    headers.insert(LOCATION, location);
    headers.insert(
        SET_COOKIE,
        under_way(provider, &departure.browser, SIGN_IN_SECONDS)?,
    );
    Ok(response)
}

fn under_way(provider: &Provider, value: &str, seconds: u32) -> Result<HeaderValue, Problem> {
    let secure = if provider.is_encrypted() {
        "; Secure"
    } else {
        ""
    };
    let text = format!(
        "{COOKIE_NAME}={value}; Path={CALLBACK}; HttpOnly; SameSite=Lax; Max-Age={seconds}{secure}"
    );
    let mut cookie = HeaderValue::try_from(text).map_err(|_| Problem::internal())?;
    cookie.set_sensitive(true);
    Ok(cookie)
}

async fn finish(
    State(app): State<App>,
    headers: HeaderMap,
    back: Result<Query<Back>, QueryRejection>,
) -> Result<Response, Problem> {
    let provider = provider(&app)?;
    let Query(back) = back.map_err(|rejection| Problem::malformed(rejection.body_text()))?;
    if back.iss.is_some_and(|issuer| issuer != provider.issuer()) {
        return Err(problem(Refused::Token("it is by another issuer")));
    }
    if let Some(error) = back.error {
        let error: String = error
            .chars()
            .filter(|c| !c.is_control())
            .take(100)
            .collect();
        return Err(problem(Refused::Declined(error)));
    }
    let (Some(code), Some(state)) = (back.code, back.state) else {
        return Err(Problem::malformed("`code` and `state` belong to it"));
    };
    let browser = browser(&headers)
        .ok_or(Refused::NotBegun)
        .map_err(problem)?;
    let account = provider
        .finish(&state, browser, &code, now_ms())
        .await
        .map_err(problem)?;
    let issuer = provider.issuer().to_owned();
    let session = app
        .people_at_the_door()
        .sign_in_account(issuer, account)
        .await?;
    // The cookie is strict, so it is not sent on a way that began at the provider: a page of ours leads on.
    let page = "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\"><meta http-equiv=\"refresh\" content=\"0;url=/\">\
                <title>Ferrovia</title><p>Signed in. <a href=\"/\">Go on</a>.</p>";
    let mut response = ([(CONTENT_TYPE, "text/html; charset=utf-8")], page).into_response();
    let headers = response.headers_mut();
    headers.append(
        SET_COOKIE,
        cookie::set(app.transport(), &session, SESSION_SECONDS),
    );
    headers.append(SET_COOKIE, under_way(provider, "", 0)?);
    Ok(response)
}

fn browser(headers: &HeaderMap) -> Option<&str> {
    let cookies = headers.get_all(COOKIE).iter();
    let cookies = cookies.filter_map(|cookies| cookies.to_str().ok());
    let mut pairs = cookies.flat_map(|cookies| cookies.split(';'));
    pairs.find_map(|pair| pair.trim().strip_prefix(COOKIE_NAME)?.strip_prefix('='))
}

pub(crate) fn problem(refused: Refused) -> Problem {
    let title = "The provider does not let somebody in";
    let status = match refused {
        Refused::Unreachable(_) | Refused::Status(_) | Refused::Unreadable(_) => 502,
        Refused::Declined(_) | Refused::NotBegun | Refused::Token(_) | Refused::NoRole => 403,
        Refused::NameTaken => 403,
        Refused::NoRandom => 500,
    };
    // Addresses inside the network are for the operator.
    let detail = match &refused {
        Refused::Unreachable(_) => "the provider cannot be asked".to_owned(),
        other => other.to_string(),
    };
    Problem::new(status, "openid", title).detail(detail)
}
