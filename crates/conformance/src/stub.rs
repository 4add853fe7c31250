//! Services on loopback that take the place of those that features name on the internet, so that nothing leaves the
//! machine: a pet store, a mirror of requests, and services that fail in a known way.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use axum::body::Bytes;
use axum::extract::{Path, Query, Request, State};
use axum::http::{HeaderMap, Method, StatusCode, Uri, header};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::routing::{any, get, post};
use axum::{Json, Router};
use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

/// What stands in definitions for the services here. The first is our own features' name for all of them.
const HOSTS: [&str; 3] = [
    "https://services.example",
    "https://petstore.swagger.io",
    "https://httpbin.org",
];
/// Pets have the numbers from 1 to this.
const PETS: u64 = 9;

/// The services, for as long as this lives.
pub(crate) struct Stub {
    address: SocketAddr,
    requests: Arc<Requests>,
    serving: JoinHandle<()>,
}

/// How often each path was asked for.
#[derive(Default)]
struct Requests(Mutex<HashMap<String, usize>>);

impl Requests {
    fn count(&self, path: &str) -> usize {
        let counts = self.0.lock().expect("no request panics while it counts");
        counts.get(path).copied().unwrap_or(0)
    }

    fn add(&self, path: &str) {
        let mut counts = self.0.lock().expect("no request panics while it counts");
        *counts.entry(path.to_owned()).or_default() += 1;
    }
}

impl Stub {
    pub(crate) async fn start() -> anyhow::Result<Stub> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?;
        let requests = Arc::new(Requests::default());
        let services = services(requests.clone());
        let serving = tokio::spawn(async move {
            // It ends with the task it runs on.
            let _ = axum::serve(listener, services).await;
        });
        Ok(Stub {
            address,
            requests,
            serving,
        })
    }

    /// A text in which the services' names lead here.
    pub(crate) fn localise(&self, text: &str) -> String {
        HOSTS.iter().fold(text.to_owned(), |text, host| {
            text.replace(host, &self.origin())
        })
    }

    /// The opposite, for messages that must not depend on the port.
    pub(crate) fn globalise(&self, text: &str) -> String {
        text.replace(&self.origin(), HOSTS[0])
            .replace(&self.address.to_string(), "services.example")
    }

    pub(crate) fn requests(&self, path: &str) -> usize {
        self.requests.count(path)
    }

    fn origin(&self) -> String {
        format!("http://{}", self.address)
    }
}

impl Drop for Stub {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

fn services(requests: Arc<Requests>) -> Router {
    Router::new()
        .route("/v2/swagger.json", get(pet_store))
        .route("/v2/pet/findByStatus", get(find_pets))
        .route("/v2/pet/{id}", get(pet).put(replace_pet))
        .route("/openapi.json", get(calculator))
        .route("/sum/{first}", post(sum))
        .route("/basic-auth/{user}/{password}", get(basic))
        .route("/bearer", get(bearer))
        .route("/oauth2/token", post(token))
        .route("/.well-known/openid-configuration", get(discovery))
        .route("/mirror", any(mirror))
        .route("/mirror/{*rest}", any(mirror))
        .route("/status/{code}", any(status))
        .route("/flaky/{failures}", any(flaky))
        .route("/moved", any(moved))
        .route("/text", get(|| async { "plain text" }))
        .route("/silent", any(std::future::pending::<StatusCode>))
        .route(
            "/catalog/functions/greet/1.0.0/function.yaml",
            get(|| async { GREET }),
        )
        .layer(middleware::from_fn_with_state(requests.clone(), counted))
        .with_state(requests)
}

async fn counted(State(requests): State<Arc<Requests>>, request: Request, next: Next) -> Response {
    requests.add(request.uri().path());
    next.run(request).await
}

/// A function as a catalog keeps it.
const GREET: &str = r#"
input:
  schema:
    document: { type: object, required: [ name ], properties: { name: { type: string } } }
set:
  greeting: '${ "Hello, " + .name }'
"#;

fn a_pet(id: u64) -> Value {
    let name = ["Milou", "Idefix", "Rantanplan"][(id % 3) as usize];
    let status = if id % 2 == 1 { "available" } else { "sold" };
    json!({"id": id, "name": name, "status": status, "photoUrls": []})
}

async fn pet(Path(id): Path<String>) -> Response {
    match id.parse() {
        Ok(id) if (1..=PETS).contains(&id) => Json(a_pet(id)).into_response(),
        _ => (
            StatusCode::NOT_FOUND,
            Json(json!({"message": "Pet not found"})),
        )
            .into_response(),
    }
}

async fn replace_pet(Path(_): Path<u64>, Json(pet): Json<Value>) -> Json<Value> {
    Json(pet)
}

async fn find_pets(Query(query): Query<HashMap<String, String>>) -> Json<Value> {
    let wanted = query.get("status").map(String::as_str).unwrap_or_default();
    let pets = (1..=PETS).map(a_pet);
    Json(pets.filter(|pet| pet["status"] == wanted).collect())
}

async fn pet_store(headers: HeaderMap) -> Json<Value> {
    let ok = json!({"200": {"description": "OK"}});
    Json(json!({
        "swagger": "2.0",
        "info": {"title": "Pets", "version": "1"},
        "host": host(&headers),
        "basePath": "/v2",
        "schemes": ["http"],
        "paths": {
            "/pet/findByStatus": {"get": {
                "operationId": "findPetsByStatus",
                "parameters": [{
                    "name": "status", "in": "query", "required": true,
                    "type": "array", "items": {"type": "string"}, "collectionFormat": "multi",
                }],
                "responses": ok,
            }},
            "/pet/{petId}": {"get": {
                "operationId": "getPetById",
                "parameters": [{"name": "petId", "in": "path", "required": true, "type": "integer"}],
                "responses": ok,
            }},
        },
    }))
}

async fn calculator() -> Json<Value> {
    let number = json!({"type": "number"});
    Json(json!({
        "openapi": "3.1.0",
        "info": {"title": "Calculator", "version": "1"},
        "paths": {"/sum/{first}": {"post": {
            "operationId": "sum",
            "parameters": [
                {"name": "first", "in": "path", "required": true, "schema": number},
                {"name": "second", "in": "query", "schema": number},
                {"name": "X-Third", "in": "header", "schema": number},
            ],
            "requestBody": {"content": {"application/json": {"schema": {
                "type": "object", "properties": {"fourth": number},
            }}}},
            "responses": {"200": {"description": "OK"}},
        }}},
    }))
}

async fn sum(
    Path(first): Path<f64>,
    Query(query): Query<HashMap<String, f64>>,
    headers: HeaderMap,
    Json(body): Json<Value>,
) -> Json<Value> {
    let third = headers
        .get("x-third")
        .and_then(|value| value.to_str().ok()?.parse().ok());
    let parts = [query.get("second").copied(), third, body["fourth"].as_f64()];
    Json(json!({"sum": parts.into_iter().flatten().sum::<f64>() + first}))
}

fn host(headers: &HeaderMap) -> &str {
    headers
        .get(header::HOST)
        .and_then(|host| host.to_str().ok())
        .unwrap_or_default()
}

fn authorization(headers: &HeaderMap) -> Option<&str> {
    headers.get(header::AUTHORIZATION)?.to_str().ok()
}

async fn basic(Path((user, password)): Path<(String, String)>, headers: HeaderMap) -> Response {
    let expected = format!("Basic {}", BASE64.encode(format!("{user}:{password}")));
    if authorization(&headers) == Some(&expected) {
        return Json(json!({"authenticated": true, "user": user})).into_response();
    }
    let challenge = [(header::WWW_AUTHENTICATE, "Basic realm=\"features\"")];
    (StatusCode::UNAUTHORIZED, challenge).into_response()
}

async fn bearer(headers: HeaderMap) -> Response {
    match authorization(&headers).and_then(|value| value.strip_prefix("Bearer ")) {
        Some(token) => Json(json!({"token": token})).into_response(),
        None => StatusCode::UNAUTHORIZED.into_response(),
    }
}

/// Grants a token that tells who asked for it.
async fn token(headers: HeaderMap, body: String) -> Response {
    let form: HashMap<String, String> = body
        .split('&')
        .filter_map(|pair| pair.split_once('='))
        .map(|(key, value)| (key.to_owned(), value.to_owned()))
        .collect();
    let from_header = authorization(&headers)
        .and_then(|value| value.strip_prefix("Basic "))
        .and_then(|encoded| String::from_utf8(BASE64.decode(encoded).ok()?).ok())
        .and_then(|pair| Some(pair.split_once(':')?.0.to_owned()));
    let client = form.get("client_id").cloned().or(from_header);
    match (client, form.get("grant_type")) {
        (Some(client), Some(_)) => Json(json!({
            "access_token": format!("for-{client}"), "token_type": "Bearer", "expires_in": 3600,
        }))
        .into_response(),
        _ => (
            StatusCode::BAD_REQUEST,
            Json(json!({"error": "invalid_request"})),
        )
            .into_response(),
    }
}

async fn discovery(headers: HeaderMap) -> Json<Value> {
    let issuer = format!("http://{}", host(&headers));
    Json(json!({"issuer": issuer, "token_endpoint": format!("{issuer}/oauth2/token")}))
}

async fn mirror(method: Method, uri: Uri, headers: HeaderMap, body: Bytes) -> Json<Value> {
    let headers: serde_json::Map<String, Value> = headers
        .iter()
        .map(|(name, value)| (name.to_string(), value.to_str().unwrap_or_default().into()))
        .collect();
    let body = serde_json::from_slice(&body)
        .unwrap_or_else(|_| Value::String(String::from_utf8_lossy(&body).into_owned()));
    Json(json!({
        "method": method.as_str(),
        "path": uri.path(),
        "query": uri.query().unwrap_or_default(),
        "headers": headers,
        "body": body,
    }))
}

async fn status(Path(code): Path<u16>) -> StatusCode {
    StatusCode::from_u16(code).unwrap_or(StatusCode::BAD_REQUEST)
}

/// Is not available until it has failed so many times.
async fn flaky(
    Path(failures): Path<usize>,
    State(requests): State<Arc<Requests>>,
    uri: Uri,
) -> Response {
    let attempt = requests.count(uri.path());
    if attempt <= failures {
        return StatusCode::SERVICE_UNAVAILABLE.into_response();
    }
    Json(json!({"attempt": attempt})).into_response()
}

async fn moved() -> impl IntoResponse {
    (StatusCode::FOUND, [(header::LOCATION, "/mirror/moved")])
}
