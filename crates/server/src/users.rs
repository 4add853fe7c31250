//! Users and their roles, for those who decide over them.

use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};

use crate::access::password::{PASSWORD_BYTES_MAX, PASSWORD_CHARS_MIN};
use crate::access::{Action, Grant, Namespaces, Role, UserId};
use crate::app::App;
use crate::gate::Permit;
use crate::people::{GRANTS_MAX, User, name};
use crate::problem::Problem;
use crate::route::{Doc, In, Route, Rule, Section, Where, delete, get, post, put, schema};
use crate::{body, view};

type Answer = Result<Response, Problem>;

pub(crate) fn section() -> Section {
    let rule = Rule::Needs(Action::ManageUsers, Where::Everywhere);
    let roles = schema::list(&schema::named("Grant"));
    let last = "Nobody would administer the server";
    Section {
        name: "users",
        about: "Who may come in, and what they are where.",
        routes: vec![
            Route::new(
                get("/api/v1/users"),
                rule,
                list,
                Doc::new("listUsers", "All users").gives(
                    200,
                    "Users in order of their names",
                    schema::named("UserPage"),
                ),
            ),
            Route::new(
                post("/api/v1/users"),
                rule,
                add,
                Doc::new("addUser", "Add a user")
                    .takes(schema::order(
                        &["name", "password"],
                        json!({
                            "name": schema::named("UserName"),
                            "password": schema::named("Password"),
                            "roles": roles,
                        }),
                    ))
                    .gives(201, "The user", schema::named("User"))
                    .refuses(409, "The name is taken"),
            ),
            Route::new(
                put("/api/v1/users/{user}/roles"),
                rule,
                set_roles,
                of_user("setRoles", "Replace the roles of a user")
                    .takes(schema::order(&["roles"], json!({ "roles": roles })))
                    .gives_nothing(204, "They hold from now on")
                    .refuses(409, last),
            ),
            Route::new(
                put("/api/v1/users/{user}/password"),
                rule,
                set_password,
                of_user("setPassword", "Give a user another password")
                    .about("Ends the sessions of the user.")
                    .takes(schema::order(
                        &["password"],
                        json!({ "password": schema::named("Password") }),
                    ))
                    .gives_nothing(204, "It holds from now on"),
            ),
            Route::new(
                delete("/api/v1/users/{user}"),
                rule,
                remove,
                of_user("removeUser", "Remove a user, with all sessions and keys")
                    .gives_nothing(204, "The user is gone")
                    .refuses(409, last),
            ),
            Route::new(
                put("/api/v1/namespaces/{namespace}/roles/{user}"),
                Rule::Needs(Action::ManageRoles, Where::Path("namespace")),
                set_role,
                in_namespace("setRole", "Make a user something in a namespace")
                    .takes(schema::order(
                        &["role"],
                        json!({ "role": schema::named("Role") }),
                    ))
                    .gives_nothing(204, "It holds from now on"),
            ),
            Route::new(
                delete("/api/v1/namespaces/{namespace}/roles/{user}"),
                Rule::Needs(Action::ManageRoles, Where::Path("namespace")),
                remove_role,
                in_namespace("removeRole", "Make a user nothing in a namespace")
                    .about("What the user is in all namespaces holds here, too.")
                    .gives_nothing(204, "It holds from now on"),
            ),
        ],
        schemas: schemas(),
    }
}

fn of_user(operation: &'static str, summary: &'static str) -> Doc {
    Doc::new(operation, summary).with(In::Path, "user", "The name of the user", schema::text())
}

fn in_namespace(operation: &'static str, summary: &'static str) -> Doc {
    of_user(operation, summary).with(In::Path, "namespace", "The namespace", schema::text())
}

fn schemas() -> Vec<(&'static str, Value)> {
    let namespace = json!({ "type": "string", "description": "Its name, or `*` for all there are and will be" });
    let user = json!({
        "name": schema::text(),
        "roles": schema::list(&schema::named("Grant")),
        "createdMs": { "type": "integer" },
    });
    vec![
        (
            "Role",
            json!({ "type": "string", "enum": Role::EACH.map(Role::name) }),
        ),
        (
            "Grant",
            schema::order(
                &["role", "namespace"],
                json!({ "role": schema::named("Role"), "namespace": namespace }),
            ),
        ),
        (
            "User",
            schema::object(&["name", "roles", "createdMs"], user),
        ),
        (
            "UserPage",
            schema::object(
                &["users"],
                json!({ "users": schema::list(&schema::named("User")) }),
            ),
        ),
        (
            "UserName",
            json!({ "type": "string", "pattern": "^[A-Za-z0-9][A-Za-z0-9._@+-]{0,63}$" }),
        ),
        (
            "Password",
            json!({
                "type": "string",
                "minLength": PASSWORD_CHARS_MIN,
                "maxLength": PASSWORD_BYTES_MAX,
                "writeOnly": true,
            }),
        ),
    ]
}

/// How a user is shown.
pub(crate) fn view(UserId(name): &UserId, user: &User) -> Value {
    json!({ "name": name, "roles": user.grants, "createdMs": user.created_ms })
}

/// The name of a user that is to be.
pub(crate) fn user_name(text: &str) -> Result<UserId, Problem> {
    name(text).map_err(|why| Problem::invalid("/name", why))
}

/// The user that a path names.
pub(crate) fn named(text: &str) -> Result<UserId, Problem> {
    name(text).map_err(|_| Problem::no_such_user())
}

async fn list(State(app): State<App>, permit: Permit) -> Answer {
    let users = app.people(&permit).users().await?;
    let users: Vec<Value> = users.iter().map(|(name, user)| view(name, user)).collect();
    Ok(view::json_text(
        StatusCode::OK,
        json!({ "users": users }).to_string(),
    ))
}

async fn add(
    State(app): State<App>,
    permit: Permit,
    headers: HeaderMap,
    body: body::Received,
) -> Answer {
    let members = ["name", "password", "roles"];
    let order = body::object(&body::media_type(&headers), body, &members)?;
    let user = user_name(&body::member::<String>(&order, "name")?)?;
    let password = body::member(&order, "password")?;
    let grants = body::optional_member(&order, "roles")?.unwrap_or_default();
    let grants = bounded(grants)?;
    let made = app
        .people(&permit)
        .add_user(user.clone(), password, grants)
        .await?;
    Ok(view::json_text(
        StatusCode::CREATED,
        view(&user, &made).to_string(),
    ))
}

fn bounded(grants: Vec<Grant>) -> Result<Vec<Grant>, Problem> {
    if grants.len() > GRANTS_MAX {
        let detail = format!("a user has at most {GRANTS_MAX} roles");
        return Err(Problem::invalid("/roles", detail));
    }
    Ok(grants)
}

async fn set_roles(
    State(app): State<App>,
    permit: Permit,
    Path(user): Path<String>,
    headers: HeaderMap,
    body: body::Received,
) -> Answer {
    let order = body::object(&body::media_type(&headers), body, &["roles"])?;
    let grants = bounded(body::member(&order, "roles")?)?;
    let people = app.people(&permit);
    people.set_grants(&named(&user)?, |_| Ok(grants)).await?;
    Ok(StatusCode::NO_CONTENT.into_response())
}

async fn set_password(
    State(app): State<App>,
    permit: Permit,
    Path(user): Path<String>,
    headers: HeaderMap,
    body: body::Received,
) -> Answer {
    let order = body::object(&body::media_type(&headers), body, &["password"])?;
    let password = body::member(&order, "password")?;
    let people = app.people(&permit);
    people.set_password(&named(&user)?, password).await?;
    Ok(StatusCode::NO_CONTENT.into_response())
}

async fn remove(State(app): State<App>, permit: Permit, Path(user): Path<String>) -> Answer {
    app.people(&permit).remove_user(&named(&user)?).await?;
    Ok(StatusCode::NO_CONTENT.into_response())
}

async fn set_role(
    State(app): State<App>,
    permit: Permit,
    Path((namespace, user)): Path<(String, String)>,
    headers: HeaderMap,
    body: body::Received,
) -> Answer {
    let order = body::object(&body::media_type(&headers), body, &["role"])?;
    let role = body::member(&order, "role")?;
    give(&app, &permit, &namespace, &user, Some(role)).await
}

async fn remove_role(
    State(app): State<App>,
    permit: Permit,
    Path((namespace, user)): Path<(String, String)>,
) -> Answer {
    give(&app, &permit, &namespace, &user, None).await
}

/// Changes the role in this one namespace and no other.
async fn give(
    app: &App,
    permit: &Permit,
    namespace: &str,
    user: &str,
    role: Option<Role>,
) -> Answer {
    let namespace = Namespaces::one(namespace);
    let namespace = namespace.map_err(|_| Problem::not_found("there is no such namespace"))?;
    let change = |mut grants: Vec<Grant>| {
        grants.retain(|grant| grant.namespace != namespace);
        grants.extend(role.map(|role| Grant { role, namespace }));
        bounded(grants)
    };
    app.people(permit).set_grants(&named(user)?, change).await?;
    Ok(StatusCode::NO_CONTENT.into_response())
}
