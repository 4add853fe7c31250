//! Signing in and out, who one is, and one's own password.

use axum::body::Bytes;
use axum::extract::{FromRequest, Request, State};
use axum::http::header::{ORIGIN, SET_COOKIE};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};

use crate::access::{Action, Bearer, Principal, UserId, cookie};
use crate::app::App;
use crate::gate::Permit;
use crate::listen::Peer;
use crate::people::SESSION_SECONDS;
use crate::problem::Problem;
use crate::route::{Doc, Route, Rule, Section, Where, delete, get, post, put, schema};
use crate::{body, guard, view};

type Answer = Result<Response, Problem>;

pub(crate) fn section() -> Section {
    let own = Rule::Needs(Action::OwnAccount, Where::Everywhere);
    let password = json!({
        "current": { "type": "string", "description": "The password until now" },
        "password": schema::named("Password"),
    });
    Section {
        name: "account",
        about: "Signing in, and oneself.",
        routes: vec![
            Route::new(
                post("/api/v1/session"),
                Rule::Public(
                    "a name and a password are how one shows who one is; attempts are counted",
                ),
                sign_in,
                signing_in(),
            ),
            Route::new(
                delete("/api/v1/session"),
                own,
                sign_out,
                Doc::new("signOut", "End the session")
                    .gives_nothing(204, "It is over, and the browser forgets it"),
            ),
            Route::new(
                get("/api/v1/me"),
                Rule::SignedIn(
                    "it shows nothing but what the caller showed, and what it is good for",
                ),
                me,
                Doc::new("getMe", "Who one is").gives(200, "Who asks", schema::named("Me")),
            ),
            Route::new(
                put("/api/v1/me/password"),
                own,
                change_password,
                Doc::new("changePassword", "Change one's password")
                    .about("Ends all sessions of the user. Keys go on.")
                    .takes(schema::order(&["current", "password"], password))
                    .gives_nothing(204, "It is changed; sign in again")
                    .refuses(429, "Too many attempts; `Retry-After` says when"),
            ),
        ],
        schemas: vec![("Me", me_schema())],
    }
}

fn signing_in() -> Doc {
    Doc::new("signIn", "Begin a session")
        .about(
            "The session is in a cookie, which scripts cannot read. Requests that change something have to come from \
             a page of this server then.",
        )
        .takes(schema::order(
            &["name", "password"],
            json!({ "name": schema::text(), "password": schema::text() }),
        ))
        .gives(200, "Who one is", schema::named("Me"))
        .refuses(401, "Name or password is wrong")
        .refuses(429, "Too many attempts; `Retry-After` says when")
}

fn me_schema() -> Value {
    schema::object(
        &["kind", "roles"],
        json!({
            "kind": {
                "enum": ["user", "key", "operator", "open"],
                "description": "`operator` is the key in the data directory; `open` is everybody, as long as there is no administrator",
            },
            "name": { "type": "string", "description": "The user; of a key, its owner" },
            "key": { "type": "string", "description": "The id of the key" },
            "roles": schema::list(&schema::named("Grant")),
            "scopes": schema::list(&schema::named("Scope")),
            "expiresMs": { "type": "integer" },
        }),
    )
}

async fn sign_in(State(app): State<App>, Peer(from): Peer, request: Request) -> Answer {
    let (parts, body) = request.into_parts();
    // Another site must not sign somebody in as somebody else. Programs name no origin.
    if parts.headers.contains_key(ORIGIN) {
        guard::same_origin(&parts, app.transport())?;
    }
    let kind = body::media_type(&parts.headers);
    let received = Bytes::from_request(Request::from_parts(parts, body), &()).await;
    let order = body::object(&kind, received, &["name", "password"])?;
    let name: String = body::member(&order, "name")?;
    let password = body::member(&order, "password")?;
    let people = app.people_at_the_door();
    let Some(session) = people.sign_in(&name, password, from).await? else {
        let wrong = Problem::anonymous();
        return Err(wrong.detail("no user has this name and this password"));
    };
    let cookie = cookie::set(app.transport(), &session, SESSION_SECONDS);
    let principal = people.who(&crate::people::Shown::Cookie(session)).await?;
    let principal = principal.ok_or_else(Problem::anonymous)?;
    let mut response = view::json_text(StatusCode::OK, shown(&principal).to_string());
    response.headers_mut().insert(SET_COOKIE, cookie);
    Ok(response)
}

async fn sign_out(State(app): State<App>, permit: Permit, headers: HeaderMap) -> Answer {
    let transport = app.transport();
    if let Ok(Some(session)) = cookie::session(transport, &headers) {
        app.people(&permit).sign_out(session.id()).await?;
    }
    let mut response = StatusCode::NO_CONTENT.into_response();
    let forget = cookie::clear(transport);
    response.headers_mut().insert(SET_COOKIE, forget);
    Ok(response)
}

async fn me(permit: Permit) -> Response {
    view::json_text(StatusCode::OK, shown(&permit.principal).to_string())
}

fn shown(principal: &Principal) -> Value {
    let mut me = json!({ "roles": principal.grants });
    let kind = match &principal.bearer {
        Bearer::User(UserId(name)) => {
            me["name"] = name.as_str().into();
            "user"
        }
        Bearer::Key { id, owner, scopes } => {
            me["name"] = owner.0.as_str().into();
            me["key"] = id.to_string().into();
            me["scopes"] = json!(scopes);
            "key"
        }
        Bearer::Operator => "operator",
        Bearer::Open => "open",
        Bearer::SetUp => "set-up",
    };
    me["kind"] = kind.into();
    if let Some(expires_ms) = principal.expires_ms {
        me["expiresMs"] = expires_ms.into();
    }
    me
}

/// The user whose account it is.
pub(crate) fn owner(permit: &Permit) -> Result<&UserId, Problem> {
    match &permit.principal.bearer {
        Bearer::User(user) => Ok(user),
        Bearer::Key { .. } | Bearer::Operator | Bearer::Open | Bearer::SetUp => {
            Err(Problem::forbidden(Action::OwnAccount))
        }
    }
}

async fn change_password(
    State(app): State<App>,
    permit: Permit,
    Peer(from): Peer,
    headers: HeaderMap,
    body: body::Received,
) -> Answer {
    let order = body::object(&body::media_type(&headers), body, &["current", "password"])?;
    let (current, password) = (
        body::member(&order, "current")?,
        body::member(&order, "password")?,
    );
    let user = owner(&permit)?;
    let people = app.people(&permit);
    // Who finds an unattended screen does not get to keep the account.
    if !people.confirm(user, current, from).await? {
        return Err(Problem::invalid("/current", "this is not the password"));
    }
    people.set_password(user, password).await?;
    Ok(StatusCode::NO_CONTENT.into_response())
}
