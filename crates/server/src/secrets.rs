//! Secrets over HTTP: set, remove, name, seal anew. Nothing here reads one.

use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use ferrovia_expr::{Object, Value};
use serde_json::json;

use crate::access::Action;
use crate::app::App;
use crate::gate::{Decided, Permit, Sight};
use crate::problem::Problem;
use crate::route::{Doc, In, Route, Rule, Section, Where, delete, get, post, put, schema};
use crate::vault::{EVERY_NAMESPACE, Vault, VaultError};
use crate::{body, view};

type Answer = Result<Response, Problem>;
type Named = Result<Path<(String, String)>, PathRejection>;

/// Characters of the name of a secret.
const NAME_CHARS_MAX: usize = 128;
/// Characters of a namespace.
const NAMESPACE_CHARS_MAX: usize = 63;

pub(crate) fn section() -> Section {
    let rule = Rule::Needs(Action::WriteSecrets, Where::Path("namespace"));
    Section {
        name: "secrets",
        about: "What workflows name as `$secrets.NAME`. A secret is set and removed; nothing reads it back.",
        routes: vec![
            Route::new(
                get("/api/v1/secrets"),
                Rule::Needs(Action::WriteSecrets, Where::List),
                list,
                Doc::new("listSecrets", "The names of secrets").gives(
                    200,
                    "Names, and where each holds",
                    schema::object(
                        &["secrets"],
                        json!({ "secrets": schema::list(&schema::named("SecretName")) }),
                    ),
                ),
            ),
            Route::new(
                put("/api/v1/secrets/{namespace}/{name}"),
                rule,
                set,
                naming("setSecret", "Set a secret")
                    .about(
                        "It is sealed before it is kept, and takes the place of one that was there. In the namespace \
                         `*` it is for all that have none of that name. Effects that leave from then on get it.",
                    )
                    .takes(schema::order(
                        &["value"],
                        json!({ "value": { "description": "A text, or any other JSON" } }),
                    ))
                    .gives_nothing(204, "It is kept"),
            ),
            Route::new(
                delete("/api/v1/secrets/{namespace}/{name}"),
                rule,
                remove,
                naming("removeSecret", "Remove a secret").gives_nothing(204, "It is gone"),
            ),
            Route::new(
                post("/api/v1/secrets/rotate-key"),
                Rule::Needs(Action::ManageServer, Where::Everywhere),
                rotate,
                Doc::new("rotateSecretsKey", "Seal all secrets under a new key")
                    .about("The keys before are removed from the key file. Where keys come from the environment, all \
                            is sealed under the first of those.")
                    .gives(
                        200,
                        "All are sealed under this key",
                        schema::object(
                            &["key", "resealed"],
                            json!({
                                "key": { "type": "string", "description": "Names the key, and tells nothing of it" },
                                "resealed": { "type": "integer" },
                            }),
                        ),
                    ),
            ),
        ],
        schemas: vec![(
            "SecretName",
            schema::object(
                &["namespace", "name"],
                json!({ "namespace": schema::text(), "name": schema::text() }),
            ),
        )],
    }
}

fn naming(operation: &'static str, summary: &'static str) -> Doc {
    Doc::new(operation, summary)
        .with(
            In::Path,
            "namespace",
            "The namespace whose workflows may use it; `*` for all",
            schema::text(),
        )
        .with(In::Path, "name", "As workflows name it", schema::text())
        .refuses(501, "This server keeps no secrets")
}

fn vault<'a>(app: &'a App, _proof: &impl Decided) -> Result<&'a Vault, Problem> {
    let vault = app.config.vault.as_ref();
    vault.ok_or_else(|| Problem::new(501, "no-secrets", "This server keeps no secrets"))
}

async fn list(State(app): State<App>, sight: Sight) -> Answer {
    let names = vault(&app, &sight)?.names();
    let shown = names
        .into_iter()
        .filter(|(namespace, _)| sight.sees(namespace));
    let shown = shown.map(|(namespace, name)| {
        let mut view = Object::default();
        view.insert("namespace", namespace);
        view.insert("name", name);
        Value::from(view)
    });
    let mut body = Object::default();
    body.insert("secrets", shown.collect::<Vec<_>>());
    Ok(view::json(StatusCode::OK, &body.into()))
}

async fn set(
    State(app): State<App>,
    permit: Permit,
    path: Named,
    headers: HeaderMap,
    received: body::Received,
) -> Answer {
    let (namespace, name) = named(path)?;
    let order = body::object(&body::media_type(&headers), received, &["value"])?;
    let value = order.get("value");
    let value = value.ok_or_else(|| Problem::invalid("/value", "it is missing"))?;
    vault(&app, &permit)?.set(&namespace, &name, value).await?;
    Ok(StatusCode::NO_CONTENT.into_response())
}

async fn remove(State(app): State<App>, permit: Permit, path: Named) -> Answer {
    let (namespace, name) = named(path)?;
    vault(&app, &permit)?.remove(&namespace, &name).await?;
    Ok(StatusCode::NO_CONTENT.into_response())
}

async fn rotate(State(app): State<App>, permit: Permit) -> Answer {
    let rotated = vault(&app, &permit)?.rotate().await?;
    let mut body = Object::default();
    body.insert("key", rotated.key.to_string());
    body.insert("resealed", rotated.resealed as i64);
    Ok(view::json(StatusCode::OK, &body.into()))
}

/// A namespace as workflows have it, or all of them; and a name without anything that could be taken for a path.
fn named(path: Named) -> Result<(String, String), Problem> {
    let wrong = || Problem::malformed("the path has no namespace and name of a secret");
    let Path((namespace, name)) = path.map_err(|_| wrong())?;
    let label = |c: char| c.is_ascii_alphanumeric() || c == '-';
    let place = namespace == EVERY_NAMESPACE
        || !namespace.is_empty()
            && namespace.len() <= NAMESPACE_CHARS_MAX
            && namespace.chars().all(label);
    let plain = |c: char| !c.is_control() && c != '/';
    let fits = !name.is_empty() && name.chars().count() <= NAME_CHARS_MAX;
    match place && fits && name.chars().all(plain) {
        true => Ok((namespace, name)),
        false => Err(wrong()),
    }
}

impl From<VaultError> for Problem {
    fn from(error: VaultError) -> Problem {
        match error {
            VaultError::Store(error) => error.into(),
            VaultError::None => Problem::not_found("there is no such secret"),
            VaultError::TooMany | VaultError::Closed { .. } => {
                Problem::in_the_way(error.to_string())
            }
            VaultError::Seal(error) => Problem::invalid("/value", error.to_string()),
            // Where the file is, is for the operator.
            VaultError::Lost(_) | VaultError::File(_) | VaultError::NoRandom(_) => {
                Problem::new(503, "no-key", "The key of the secrets cannot be used")
            }
        }
    }
}
