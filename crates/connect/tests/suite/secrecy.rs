//! Where secrets must not go, whatever the name under which they are sent.

use std::net::SocketAddr;

use axum::Router;
use axum::routing::any;
use ferrovia_connect::{ConnectConfig, Connectors};
use ferrovia_expr::Value;
use ferrovia_runtime::port::{Fault, FaultKind, Secrets, Success};
use serde_json::{Value as Json, json};

use crate::server::{echo, serve, workbench};
use crate::support::{call, connectors, detail, execute, json as value};

async fn send(kind: &str, connectors: &Connectors, arguments: Json) -> Result<Success, Fault> {
    let mut call = call(kind, value(&arguments.to_string()));
    call.secrets = Secrets::of([&Value::from("hush/hush")]);
    execute(connectors, call).await
}

async fn servers() -> (SocketAddr, SocketAddr, Connectors) {
    (
        serve(workbench()).await,
        serve(workbench()).await,
        connectors(&ConnectConfig::default()),
    )
}

#[tokio::test]
async fn the_request_in_a_response_shows_no_secret() {
    let (server, _, connectors) = servers().await;
    let success = send(
        "http",
        &connectors,
        json!({
            "method": "get",
            "endpoint": {"uri": format!("http://{server}/echo/bot-hush%2Fhush/send"), "authentication": {"basic": {"username": "me", "password": "hush/hush"}}},
            "query": {"q": "hush/hush"},
            "headers": {"X-Shop": "shop hush/hush", "X-Plain": "kept"},
            "output": "response",
        }),
    )
    .await
    .unwrap();
    let request = success.output.get("request").unwrap();
    assert_eq!(
        *request,
        value(
            &json!({
                "method": "GET",
                "uri": format!("http://{server}/echo/bot-***/send?q=***"),
                "headers": {"accept": "application/json, */*;q=0.8", "authorization": "***", "x-plain": "kept", "x-shop": "shop ***"},
            })
            .to_string()
        )
    );
}

#[tokio::test]
async fn secrets_do_not_follow_a_redirect_to_another_origin() {
    let (server, other, connectors) = servers().await;
    let redirected = |to: SocketAddr, more: Json| {
        let mut arguments = json!({
            "method": "post",
            "endpoint": format!("http://{server}/redirect/307?to=http://{to}/echo"),
            "headers": {"X-Shop": "hush/hush", "X-Plain": "kept", "Host": "shop.example"},
            "redirect": true,
        });
        arguments
            .as_object_mut()
            .unwrap()
            .extend(more.as_object().unwrap().clone());
        arguments
    };
    let success = send(
        "http",
        &connectors,
        redirected(other, json!({"body": "plain"})),
    )
    .await
    .unwrap();
    let headers = success.output.get("headers").unwrap();
    assert_eq!(headers.get("x-shop"), None);
    assert_eq!(headers.get("x-plain").unwrap().as_str(), Some("kept"));
    assert_eq!(
        headers.get("host").unwrap().as_str(),
        Some(&*other.to_string())
    );

    let body = json!({"body": {"key": "hush/hush"}});
    let fault = send("http", &connectors, redirected(other, body.clone()))
        .await
        .unwrap_err();
    assert_eq!(fault.kind, FaultKind::Communication);
    assert!(
        detail(&fault).contains("would send a secret in the body to another origin"),
        "{fault:?}"
    );

    // The same origin may see what it has seen before.
    let success = send("http", &connectors, redirected(server, body))
        .await
        .unwrap();
    let headers = success.output.get("headers").unwrap();
    assert_eq!(headers.get("x-shop").unwrap().as_str(), Some("hush/hush"));
    assert_eq!(headers.get("host").unwrap().as_str(), Some("shop.example"));
}

#[tokio::test]
async fn a_password_inside_a_uri_is_not_quoted() {
    let router = Router::new().fallback(any(|headers: axum::http::HeaderMap| async move {
        crate::server::answer(500, &[], format!("{headers:?}"))
    }));
    let (server, connectors) = (serve(router).await, connectors(&ConnectConfig::default()));
    let arguments =
        json!({"method": "get", "endpoint": format!("http://me:open%20sesame@{server}/")});
    let fault = send("http", &connectors, arguments).await.unwrap_err();
    assert!(
        detail(&fault).contains("Basic ***") && !detail(&fault).contains("sesame"),
        "{fault:?}"
    );
}

#[tokio::test]
async fn headers_cannot_change_where_a_request_ends_or_whom_it_is_for() {
    let document = json!({
        "openapi": "3.0.0",
        "paths": {"/x": {"post": {"operationId": "x", "parameters": [
            {"name": "Content-Length", "in": "header"},
            {"name": "Transfer-Encoding", "in": "header"},
            {"name": "Host", "in": "header"},
        ]}}},
    });
    let router = Router::new()
        .route(
            "/openapi.json",
            any(move || async move { axum::Json(document) }),
        )
        .fallback(any(echo));
    let (server, connectors) = (serve(router).await, connectors(&ConnectConfig::default()));
    for (name, wrong) in [
        ("Content-Length", json!(0)),
        ("Transfer-Encoding", json!("chunked")),
        ("Host", json!(["a.example", "b.example"])),
        ("Host", json!("me@a.example")),
        ("Host", json!("a.example/b")),
        ("Host", json!("")),
        ("Connection", json!("x-api-key")),
    ] {
        let arguments = json!({"method": "post", "endpoint": format!("http://{server}/"), "headers": {name: wrong}});
        let fault = send("http", &connectors, arguments).await.unwrap_err();
        assert_eq!(
            fault.kind,
            FaultKind::Validation,
            "{name} {wrong}: {fault:?}"
        );
        if name == "Connection" {
            continue;
        }
        let arguments = json!({
            "document": {"endpoint": format!("http://{server}/openapi.json")},
            "operationId": "x",
            "parameters": {name: wrong},
        });
        let ended = send("openapi", &connectors, arguments).await;
        match (name, wrong.is_array()) {
            // A list in the style of OpenAPI is one value with a comma, which no host name has.
            ("Host", true) | (_, false) => assert_eq!(
                ended.unwrap_err().kind,
                FaultKind::Validation,
                "openapi {name} {wrong}"
            ),
            (_, true) => unreachable!("only hosts are given as lists"),
        }
    }
}
