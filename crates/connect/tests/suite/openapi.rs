//! `call: openapi` with documents of the three versions, served beside a server that shows what arrives.

use std::net::SocketAddr;

use axum::Router;
use axum::routing::{any, get};
use ferrovia_connect::{ConnectConfig, Connectors};
use ferrovia_runtime::port::{Fault, FaultKind};
use serde_json::{Value as Json, json};

use crate::server::{answer, contains, echo, serve};
use crate::support::{call, connectors, detail, execute, json as value};

const SWAGGER: &str = r##"{
  "swagger": "2.0",
  "info": {"title": "shop", "version": "1"},
  "basePath": "/v2",
  "consumes": ["application/xml", "application/json"],
  "paths": {
    "/toys/{toyId}": {
      "parameters": [{"name": "toyId", "in": "path", "required": true, "type": "integer"}],
      "get": {"operationId": "getToy", "parameters": [
        {"name": "tags", "in": "query", "type": "array", "collectionFormat": "multi"},
        {"name": "colors", "in": "query", "type": "array"},
        {"name": "sizes", "in": "query", "type": "array", "collectionFormat": "pipes"},
        {"name": "api_key", "in": "header", "type": "string"}]},
      "post": {"operationId": "updateToyByForm", "consumes": ["application/x-www-form-urlencoded"], "parameters": [
        {"name": "label", "in": "formData", "required": true, "type": "string"},
        {"name": "status", "in": "formData", "type": "string"}]}
    },
    "/toys": {"post": {"operationId": "addToy", "parameters": [
        {"in": "body", "name": "toy", "required": true, "schema": {"$ref": "#/definitions/Toy"}}]}},
    "/photos": {"post": {"operationId": "upload", "consumes": ["multipart/form-data"], "parameters": [
        {"name": "photo", "in": "formData", "type": "file"}]}}
  }
}"##;

const OPENAPI_30: &str = r##"
openapi: 3.0.3
info: { title: shop, version: '1' }
servers:
  - url: /{stage}/v3
    variables: { stage: { default: live } }
paths:
  /toys/{id}:
    $ref: '#/components/x-paths/toy'
  /search:
    servers: [ { url: ../search-host } ]
    get:
      operationId: search
      parameters:
        - $ref: '#/components/parameters/q'
        - { name: list, in: query, explode: false, schema: {} }
        - { name: space, in: query, style: spaceDelimited, explode: false, schema: {} }
        - { name: deep, in: query, style: deepObject, schema: {} }
        - { name: raw, in: query, allowReserved: true, schema: {} }
        - { name: filter, in: query, content: { application/json: {} } }
        - { name: X-Trace, in: header, schema: {} }
        - { name: session, in: cookie, schema: {} }
  /matrix/{m}/{l}:
    get:
      operationId: styles
      parameters:
        - { name: m, in: path, style: matrix, explode: true, schema: {} }
        - { name: l, in: path, style: label, schema: {} }
  /orders:
    post:
      operationId: order
      requestBody:
        required: true
        content: { text/plain: {}, application/vnd.shop+json: {} }
  /form:
    post:
      operationId: form
      requestBody: { content: { application/x-www-form-urlencoded: {} } }
components:
  parameters:
    q: { name: q, in: query, required: true, schema: { type: string } }
  x-paths:
    toy:
      parameters: [ { name: id, in: path, required: true, schema: {} } ]
      get: { operationId: getToy }
      delete:
        operationId: deleteToy
        parameters: [ { name: id, in: path, required: true, schema: {} }, { name: force, in: query, schema: {} } ]
"##;

const OPENAPI_31: &str = r##"{
  "openapi": "3.1.0",
  "info": {"title": "shop", "version": "1"},
  "paths": {
    "/things": {"$ref": "parts.yaml#/things"},
    "/circle": {"$ref": "#/paths/~1circle"},
    "/hooks": {"put": {"operationId": "hook", "servers": [{"url": "$OTHER/base/"}], "requestBody": {"$ref": "parts.yaml#/body"}}}
  }
}"##;

const PARTS: &str = r##"
things:
  get:
    operationId: things
    parameters: [ { $ref: '#/limit' } ]
limit: { name: limit, in: query, schema: {} }
body: { content: { application/json: {} } }
"##;

async fn shop() -> (SocketAddr, SocketAddr) {
    let other = serve(Router::new().fallback(any(echo))).await;
    let document = move |text: &'static str, media_type: &'static str| {
        let text = text.replace("$OTHER", &format!("http://{other}"));
        get(move || async move { answer(200, &[("content-type", media_type)], text) })
    };
    let router = Router::new()
        .route("/docs/swagger.json", document(SWAGGER, "application/json"))
        .route("/docs/openapi.yaml", document(OPENAPI_30, "text/plain"))
        .route(
            "/docs/openapi31.json",
            document(OPENAPI_31, "application/json"),
        )
        .route("/docs/parts.yaml", document(PARTS, "application/yaml"))
        .fallback(any(echo));
    (serve(router).await, other)
}

async fn operate(
    connectors: &Connectors,
    shop: SocketAddr,
    document: &str,
    operation: &str,
    more: Json,
) -> Result<Json, Fault> {
    let mut arguments = json!({"document": {"endpoint": {"uri": format!("http://{shop}/docs/{document}")}}, "operationId": operation});
    arguments
        .as_object_mut()
        .unwrap()
        .extend(more.as_object().unwrap().clone());
    let success = execute(connectors, call("openapi", value(&arguments.to_string()))).await?;
    Ok(serde_json::from_str(&success.output.to_json()).unwrap())
}

#[tokio::test]
async fn operations_of_each_version_become_requests() {
    let ((shop, _), connectors) = (shop().await, connectors(&ConnectConfig::default()));
    let (swagger, openapi, openapi31) = ("swagger.json", "openapi.yaml", "openapi31.json");
    for (document, operation, parameters, expected) in [
        (
            swagger,
            "getToy",
            json!({"toyId": 7, "tags": ["a b", "c"], "colors": ["r", "g"], "sizes": [1, 2], "api_key": "k"}),
            json!({"method": "GET", "path": "/v2/toys/7", "query": "tags=a%20b&tags=c&colors=r,g&sizes=1|2", "headers": {"api_key": "k"}}),
        ),
        (
            swagger,
            "addToy",
            json!({"toy": {"a": 1}}),
            json!({"method": "POST", "path": "/v2/toys", "body": "{\"a\":1}", "headers": {"content-type": "application/json", "idempotency-key": "run-1/effect-1"}}),
        ),
        (
            swagger,
            "addToy",
            json!({"body": {"a": 1}}),
            json!({"body": "{\"a\":1}"}),
        ),
        (
            swagger,
            "addToy",
            json!({"a": 1, "b": 2}),
            json!({"body": "{\"a\":1,\"b\":2}"}),
        ),
        (
            swagger,
            "updateToyByForm",
            json!({"toyId": 1, "label": "x y", "status": "s"}),
            json!({"path": "/v2/toys/1", "body": "label=x+y&status=s", "headers": {"content-type": "application/x-www-form-urlencoded"}}),
        ),
        (
            openapi,
            "getToy",
            json!({"id": "a/b ?"}),
            json!({"method": "GET", "path": "/live/v3/toys/a%2Fb%20%3F", "query": null}),
        ),
        (
            openapi,
            "deleteToy",
            json!({"id": [1, 2], "force": true}),
            json!({"method": "DELETE", "path": "/live/v3/toys/1,2", "query": "force=true"}),
        ),
        (
            openapi,
            "search",
            json!({"q": "x&y", "list": [1, 2], "space": ["a", "b"], "deep": {"k": "v", "n": {"m": 1}}, "raw": "a/b?c", "filter": {"a": 1}, "X-Trace": ["t", "u"], "session": "s;1"}),
            json!({
                "path": "/search-host/search",
                "query": "q=x%26y&list=1,2&space=a%20b&deep%5Bk%5D=v&deep%5Bn%5D%5Bm%5D=1&raw=a/b?c&filter=%7B%22a%22%3A1%7D",
                "headers": {"x-trace": "t,u", "cookie": "session=s%3B1"},
            }),
        ),
        (
            openapi,
            "styles",
            json!({"m": [1, 2], "l": [3, 4]}),
            json!({"path": "/live/v3/matrix/;m=1;m=2/.3,4"}),
        ),
        (
            openapi,
            "order",
            json!({"item": "x", "count": 2}),
            json!({"body": "{\"count\":2,\"item\":\"x\"}", "headers": {"content-type": "application/vnd.shop+json"}}),
        ),
        (
            openapi,
            "form",
            json!({"a": "1 2"}),
            json!({"body": "a=1+2"}),
        ),
        (
            openapi31,
            "things",
            json!({"limit": 3}),
            json!({"path": "/things", "query": "limit=3"}),
        ),
        (
            openapi31,
            "hook",
            json!({"body": [1]}),
            json!({"method": "PUT", "path": "/base/hooks", "body": "[1]"}),
        ),
    ] {
        let output = operate(
            &connectors,
            shop,
            document,
            operation,
            json!({"parameters": parameters}),
        )
        .await;
        let output = output.unwrap_or_else(|fault| panic!("{document} {operation}: {fault:?}"));
        assert!(
            contains(&output, &expected),
            "{document} {operation}\n gave {output}\n not {expected}"
        );
    }
}

#[tokio::test]
async fn files_are_uploaded_as_forms() {
    let ((shop, _), connectors) = (shop().await, connectors(&ConnectConfig::default()));
    let parameters = json!({"photo": {"content": "cGl4ZWxz", "encoding": "base64", "filename": "p.png", "contentType": "image/png"}});
    let output = operate(
        &connectors,
        shop,
        "swagger.json",
        "upload",
        json!({"parameters": parameters}),
    )
    .await
    .unwrap();
    assert!(
        output["headers"]["content-type"]
            .as_str()
            .unwrap()
            .starts_with("multipart/form-data; boundary=")
    );
    let part = "Content-Disposition: form-data; name=\"photo\"; filename=\"p.png\"\r\nContent-Type: image/png\r\n\r\npixels\r\n";
    assert!(output["body"].as_str().unwrap().contains(part), "{output}");
}

#[tokio::test]
async fn output_and_authentication_are_those_of_a_call() {
    let ((shop, _), connectors) = (shop().await, connectors(&ConnectConfig::default()));
    let more = json!({"authentication": {"basic": {"username": "u", "password": "p"}}, "output": "response"});
    let output = operate(&connectors, shop, "openapi31.json", "things", more)
        .await
        .unwrap();
    let expected = json!({"statusCode": 200, "request": {"method": "GET", "headers": {"authorization": "***"}}, "content": {"headers": {"authorization": "Basic dTpw"}}});
    assert!(contains(&output, &expected), "{output}");
}

#[tokio::test]
async fn what_cannot_be_called_is_named() {
    let ((shop, _), connectors) = (shop().await, connectors(&ConnectConfig::default()));
    for (document, operation, parameters, kind, expected) in [
        (
            "swagger.json",
            "getToy",
            json!({}),
            FaultKind::Validation,
            "the parameter `toyId` is required",
        ),
        (
            "swagger.json",
            "addToy",
            json!({}),
            FaultKind::Validation,
            "the parameter `toy` is required",
        ),
        (
            "swagger.json",
            "updateToyByForm",
            json!({"toyId": 1}),
            FaultKind::Validation,
            "the parameter `label` is required",
        ),
        (
            "openapi.yaml",
            "search",
            json!({"q": null}),
            FaultKind::Validation,
            "the parameter `q` is required",
        ),
        (
            "openapi.yaml",
            "order",
            json!({}),
            FaultKind::Validation,
            "the parameter `body` is required",
        ),
        (
            "openapi.yaml",
            "getToy",
            json!({"id": 1, "ID": 2}),
            FaultKind::Validation,
            "no parameter `ID`",
        ),
        (
            "openapi.yaml",
            "getToy",
            json!({"id": ".."}),
            FaultKind::Validation,
            "`..` cannot stand in a path",
        ),
        (
            "openapi.yaml",
            "getToy",
            json!({"id": ""}),
            FaultKind::Validation,
            "cannot stand in a path",
        ),
        (
            "openapi.yaml",
            "search",
            json!({"q": 1, "X-Trace": "a\r\nb"}),
            FaultKind::Validation,
            "cannot be sent as a header",
        ),
        (
            "openapi.yaml",
            "nothing",
            json!({}),
            FaultKind::Configuration,
            "no operation `nothing`",
        ),
        (
            "openapi31.json",
            "hook2",
            json!({}),
            FaultKind::Configuration,
            "form a circle",
        ),
        (
            "parts.yaml",
            "things",
            json!({}),
            FaultKind::Configuration,
            "neither Swagger 2.0 nor OpenAPI 3.x",
        ),
    ] {
        let fault = operate(
            &connectors,
            shop,
            document,
            operation,
            json!({"parameters": parameters}),
        )
        .await
        .unwrap_err();
        assert_eq!(fault.kind, kind, "{document} {operation}: {fault:?}");
        assert!(
            detail(&fault).contains(expected),
            "{document} {operation}: {fault:?}"
        );
    }
    let missing = operate(&connectors, shop, "../echo-is-no-document", "x", json!({}))
        .await
        .unwrap_err();
    assert_eq!(missing.kind, FaultKind::Configuration);
}

#[tokio::test]
async fn a_document_from_the_web_names_no_local_files_and_no_other_paths() {
    let document = json!({
        "openapi": "3.0.0",
        "paths": {
            "/a/{x}{y}/b": {"get": {"operationId": "dots", "parameters": [
                {"name": "x", "in": "path"}, {"name": "y", "in": "path"}]}},
            "/c": {"get": {"operationId": "file", "parameters": [{"$ref": "file:///part.json#/p"}]}},
            "/d": {"get": {"operationId": "private", "parameters": [{"$ref": "http://10.0.0.1/part.json#/p"}]}},
            "/e": {"get": {"operationId": "server", "servers": [{"url": "http://169.254.169.254/latest"}]}},
            "/f": {"get": {"operationId": "scheme", "servers": [{"url": "file:///etc"}]}},
        },
    });
    let router = Router::new()
        .route(
            "/docs/hostile.json",
            get(move || async move { axum::Json(document) }),
        )
        .fallback(any(echo));
    let (server, directory) = (serve(router).await, tempfile::tempdir().unwrap());
    std::fs::write(
        directory.path().join("part.json"),
        r#"{"p": {"name": "p", "in": "query"}}"#,
    )
    .unwrap();
    let connectors = connectors(&ConnectConfig {
        base_dir: Some(directory.path().to_owned()),
        ..ConnectConfig::default()
    });
    for (operation, parameters, kind) in [
        ("dots", json!({"x": ".", "y": "."}), FaultKind::Validation),
        ("file", json!({}), FaultKind::Authorization),
        ("private", json!({}), FaultKind::Authorization),
        ("server", json!({}), FaultKind::Authorization),
        ("scheme", json!({}), FaultKind::Configuration),
    ] {
        let fault = operate(
            &connectors,
            server,
            "hostile.json",
            operation,
            json!({"parameters": parameters}),
        )
        .await
        .unwrap_err();
        assert_eq!(fault.kind, kind, "{operation}: {fault:?}");
    }
    let harmless = json!({"parameters": {"x": "x", "y": ".x"}});
    let echoed = operate(&connectors, server, "hostile.json", "dots", harmless).await;
    assert_eq!(echoed.unwrap()["path"], "/a/x.x/b");
}

#[tokio::test]
async fn documents_in_files_may_name_their_servers() {
    let (shop, _) = shop().await;
    let directory = tempfile::tempdir().unwrap();
    let text = OPENAPI_30.replace("/{stage}/v3", &format!("http://{shop}/{{stage}}/v3"));
    std::fs::write(directory.path().join("shop.yaml"), text).unwrap();
    let connectors = connectors(&ConnectConfig {
        base_dir: Some(directory.path().to_owned()),
        ..ConnectConfig::default()
    });
    for uri in ["shop.yaml", "file://shop.yaml"] {
        let arguments = json!({"document": {"endpoint": {"uri": uri}}, "operationId": "getToy", "parameters": {"id": 1}});
        let success = execute(&connectors, call("openapi", value(&arguments.to_string())))
            .await
            .unwrap();
        assert_eq!(
            success.output.get("path").unwrap().as_str(),
            Some("/live/v3/toys/1")
        );
    }
}
