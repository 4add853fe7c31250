//! API keys: one's own, and those of others. A key may do part of what its owner may, and never more.

use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};

use crate::access::action::required;
use crate::access::token::TokenId;
use crate::access::{
    Action, Actions, Bearer, Namespaces, Place, Principal, Scope, Target, UserId, Verdict, decide,
};
use crate::app::{App, now_ms};
use crate::gate::Permit;
use crate::people::{GRANTS_MAX, Key};
use crate::problem::Problem;
use crate::route::{Doc, In, Route, Rule, Section, Where, delete, get, post, schema};
use crate::{LABEL_CHARS_MAX, account, body, users, view};

type Answer = Result<Response, Problem>;

const MEMBERS: [&str; 3] = ["label", "scopes", "expiresInSeconds"];

pub(crate) fn section() -> Section {
    let own = Rule::Needs(Action::OwnAccount, Where::Everywhere);
    let others = Rule::Needs(Action::ManageKeys, Where::Everywhere);
    let of_user = |operation, summary| {
        Doc::new(operation, summary).with(In::Path, "user", "The name of the user", schema::text())
    };
    let id = |doc: Doc| doc.with(In::Path, "key", "The id of the key", schema::text());
    Section {
        name: "keys",
        about: "API keys, for programs.",
        routes: vec![
            Route::new(
                get("/api/v1/keys"),
                own,
                list_own,
                listing(Doc::new("listOwnKeys", "One's keys")),
            ),
            Route::new(
                post("/api/v1/keys"),
                own,
                add_own,
                making(Doc::new("addOwnKey", "Make a key for oneself")),
            ),
            Route::new(
                delete("/api/v1/keys/{key}"),
                own,
                revoke_own,
                revoking(id(Doc::new("revokeOwnKey", "Revoke a key of one's own"))),
            ),
            Route::new(
                get("/api/v1/users/{user}/keys"),
                others,
                list,
                listing(of_user("listKeys", "The keys of a user")),
            ),
            Route::new(
                post("/api/v1/users/{user}/keys"),
                others,
                add,
                making(of_user("addKey", "Make a key for a user")),
            ),
            Route::new(
                delete("/api/v1/users/{user}/keys/{key}"),
                others,
                revoke,
                revoking(id(of_user("revokeKey", "Revoke a key of a user"))),
            ),
        ],
        schemas: schemas(),
    }
}

fn listing(doc: Doc) -> Doc {
    doc.gives(200, "Keys in order of their ids", schema::named("KeyPage"))
}

fn making(doc: Doc) -> Doc {
    let order = schema::order(
        &["label", "scopes"],
        json!({
            "label": { "type": "string", "minLength": 1, "maxLength": LABEL_CHARS_MAX },
            "scopes": schema::list(&schema::named("Scope")),
            "expiresInSeconds": { "type": "integer", "minimum": 1 },
        }),
    );
    doc.about("A key may do what its scopes and the roles of its owner both allow, as they are when it is used.")
        .takes(order)
        .gives(201, "The key; its text `key` is shown this once", schema::named("Key"))
        .refuses(409, "The user has too many keys")
}

fn revoking(doc: Doc) -> Doc {
    doc.gives_nothing(204, "It does not work any more")
}

fn schemas() -> Vec<(&'static str, Value)> {
    let action = json!({ "type": "string", "enum": Action::EACH.map(Action::name) });
    let actions = json!({ "oneOf": [
        schema::order(&["up-to"], json!({ "up-to": schema::named("Role") })),
        schema::order(&["only"], json!({ "only": schema::list(&action) })),
    ] });
    let key = json!({
        "id": schema::text(), "label": schema::text(), "owner": schema::text(),
        "scopes": schema::list(&schema::named("Scope")),
        "createdMs": { "type": "integer" }, "expiresMs": { "type": "integer" },
        "key": { "type": "string", "description": "What to send as `Authorization: Bearer …`" },
    });
    let namespace = schema::text();
    vec![
        (
            "Scope",
            schema::order(
                &["actions", "namespace"],
                json!({ "actions": actions, "namespace": namespace }),
            ),
        ),
        (
            "Key",
            schema::object(&["id", "label", "owner", "scopes", "createdMs"], key),
        ),
        (
            "KeyPage",
            schema::object(
                &["keys"],
                json!({ "keys": schema::list(&schema::named("Key")) }),
            ),
        ),
    ]
}

fn shown(id: &str, key: &Key) -> Value {
    let mut shown = json!({
        "id": id,
        "label": key.label,
        "owner": key.owner,
        "scopes": key.scopes,
        "createdMs": key.created_ms,
    });
    if let Some(expires_ms) = key.expires_ms {
        shown["expiresMs"] = expires_ms.into();
    }
    shown
}

async fn list_own(State(app): State<App>, permit: Permit) -> Answer {
    listed(&app, &permit, account::owner(&permit)?).await
}

async fn list(State(app): State<App>, permit: Permit, Path(user): Path<String>) -> Answer {
    let user = users::named(&user)?;
    app.people(&permit)
        .user(&user)
        .await?
        .ok_or_else(Problem::no_such_user)?;
    listed(&app, &permit, &user).await
}

async fn listed(app: &App, permit: &Permit, owner: &UserId) -> Answer {
    let keys = app.people(permit).keys(owner).await?;
    let keys: Vec<Value> = keys.iter().map(|(id, key)| shown(id, key)).collect();
    Ok(view::json_text(
        StatusCode::OK,
        json!({ "keys": keys }).to_string(),
    ))
}

async fn add_own(
    State(app): State<App>,
    permit: Permit,
    headers: HeaderMap,
    body: body::Received,
) -> Answer {
    made(&app, &permit, account::owner(&permit)?, &headers, body).await
}

async fn add(
    State(app): State<App>,
    permit: Permit,
    Path(user): Path<String>,
    headers: HeaderMap,
    body: body::Received,
) -> Answer {
    made(&app, &permit, &users::named(&user)?, &headers, body).await
}

async fn made(
    app: &App,
    permit: &Permit,
    owner: &UserId,
    headers: &HeaderMap,
    body: body::Received,
) -> Answer {
    let order = body::object(&body::media_type(headers), body, &MEMBERS)?;
    let label: String = body::member(&order, "label")?;
    if label.is_empty() || label.chars().count() > LABEL_CHARS_MAX {
        let detail = format!("a label has 1 to {LABEL_CHARS_MAX} characters");
        return Err(Problem::invalid("/label", detail));
    }
    let scopes: Vec<Scope> = body::member(&order, "scopes")?;
    if scopes.is_empty() || scopes.len() > GRANTS_MAX {
        let detail = format!("a key has 1 to {GRANTS_MAX} scopes: without any it could do nothing");
        return Err(Problem::invalid("/scopes", detail));
    }
    let seconds: Option<u32> = body::optional_member(&order, "expiresInSeconds")?;
    if seconds == Some(0) {
        return Err(Problem::invalid("/expiresInSeconds", "at least 1"));
    }
    let people = app.people(permit);
    let Some((user, _)) = people.user(owner).await? else {
        return Err(Problem::no_such_user());
    };
    let principal = Principal {
        bearer: Bearer::User(owner.clone()),
        grants: user.grants,
        expires_ms: None,
    };
    for (index, scope) in scopes.iter().enumerate() {
        if !holds(&principal, scope) {
            let detail = "this is more than the owner of the key may do";
            return Err(Problem::invalid(format!("/scopes/{index}"), detail));
        }
    }
    let expires_ms = seconds.map(|seconds| now_ms() + i64::from(seconds) * 1_000);
    let (token, key) = people.add_key(owner, label, scopes, expires_ms).await?;
    let mut body = shown(&token.id().to_string(), &key);
    body["key"] = token.text().as_str().into();
    Ok(view::json_text(StatusCode::CREATED, body.to_string()))
}

/// Whether the owner may do all that a scope names. It is decided again whenever the key is used; this is to say so at
/// once.
fn holds(owner: &Principal, scope: &Scope) -> bool {
    let namespace = scope.namespace.to_string();
    let target = match scope.namespace {
        Namespaces::All => Target::Everywhere,
        Namespaces::One(_) => Target::Namespace(&namespace),
    };
    let may = |action: Action| decide(Some(owner), action, target, now_ms()) == Verdict::Allow;
    match &scope.actions {
        Actions::UpTo(role) => {
            let covered = |action: &Action| {
                action.place() == Place::Namespace
                    && required(*action) <= *role
                    && !action.delegates()
            };
            let roles = owner.grants.iter().filter(|grant| {
                grant.namespace == Namespaces::All || grant.namespace == scope.namespace
            });
            roles.map(|grant| grant.role).max() >= Some(*role)
                && Action::EACH.into_iter().filter(covered).all(may)
        }
        Actions::Only(actions) => {
            // Not one's own account: a key that could make keys would not stay narrow.
            let account = |action: &Action| action.place() == Place::Account;
            !actions.iter().any(account) && actions.iter().all(|action| may(*action))
        }
    }
}

async fn revoke_own(State(app): State<App>, permit: Permit, Path(key): Path<String>) -> Answer {
    revoked(&app, &permit, account::owner(&permit)?, &key).await
}

async fn revoke(
    State(app): State<App>,
    permit: Permit,
    Path((user, key)): Path<(String, String)>,
) -> Answer {
    revoked(&app, &permit, &users::named(&user)?, &key).await
}

async fn revoked(app: &App, permit: &Permit, owner: &UserId, key: &str) -> Answer {
    let none = || Problem::not_found("the user has no such key");
    let id = TokenId::parse(key).ok_or_else(none)?;
    if !app.people(permit).remove_key(owner, id).await? {
        return Err(none());
    }
    Ok(StatusCode::NO_CONTENT.into_response())
}
