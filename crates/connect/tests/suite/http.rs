//! `call: http` against a server on this machine.

use std::net::SocketAddr;
use std::time::Duration;

use ferrovia_connect::config::HttpLimits;
use ferrovia_connect::{ConnectConfig, Connectors};
use ferrovia_runtime::port::{Fault, FaultKind, Success};
use serde_json::{Value as Json, json};

use crate::server::{answer, contains, serve, workbench};
use crate::support::{call, connectors, detail, execute, json as value};

async fn send(
    connectors: &Connectors,
    server: SocketAddr,
    arguments: &Json,
) -> Result<Success, Fault> {
    let text = arguments
        .to_string()
        .replace("$BASE", &format!("http://{server}"));
    execute(connectors, call("http", value(&text))).await
}

fn plain(success: Success) -> Json {
    serde_json::from_str(&success.output.to_json()).unwrap()
}

#[tokio::test]
async fn requests_are_sent_as_written() {
    let (server, connectors) = (
        serve(workbench()).await,
        connectors(&ConnectConfig::default()),
    );
    for (arguments, expected) in [
        (
            json!({"method": "get", "path": "/echo"}),
            json!({"method": "GET", "query": null, "body": ""}),
        ),
        (
            json!({"method": "GET", "path": "/echo/a%20b?x=1"}),
            json!({"path": "/echo/a%20b", "query": "x=1"}),
        ),
        (
            json!({"method": "get", "path": "/echo?x=1", "query": {"a": "a b&c", "b": [1, "2", null], "c": null, "d": true, "e": 1.5}}),
            json!({"query": "x=1&a=a+b%26c&b=1&b=2&d=true&e=1.5"}),
        ),
        (
            json!({"method": "get", "path": "/echo", "query": {"n": null}}),
            json!({"query": null}),
        ),
        (
            json!({"method": "get", "path": "/echo", "headers": {"X-A": "v", "X-N": 7, "X-B": false, "X-L": ["a", "b"], "X-0": null}}),
            json!({"headers": {"x-a": "v", "x-n": "7", "x-b": "false", "x-l": "a|b", "x-0": null, "idempotency-key": null}}),
        ),
        (
            json!({"method": "post", "path": "/echo", "body": {"a": [1, null]}}),
            json!({"method": "POST", "body": "{\"a\":[1,null]}", "headers": {"content-type": "application/json", "idempotency-key": "run-1/effect-1"}}),
        ),
        (
            json!({"method": "put", "path": "/echo", "body": [1]}),
            json!({"body": "[1]", "headers": {"content-type": "application/json"}}),
        ),
        (
            json!({"method": "patch", "path": "/echo", "body": 5}),
            json!({"body": "5", "headers": {"content-type": "application/json"}}),
        ),
        (
            json!({"method": "post", "path": "/echo", "body": "text"}),
            json!({"body": "text", "headers": {"content-type": "text/plain; charset=utf-8"}}),
        ),
        (
            json!({"method": "post", "path": "/echo", "body": "<a/>", "headers": {"Content-Type": "application/xml", "Idempotency-Key": "mine"}}),
            json!({"body": "<a/>", "headers": {"content-type": "application/xml", "idempotency-key": "mine"}}),
        ),
        (
            json!({"method": "post", "path": "/echo", "body": {"a": 1}, "headers": {"content-type": "application/vnd.x+json"}}),
            json!({"body": "{\"a\":1}", "headers": {"content-type": "application/vnd.x+json"}}),
        ),
        (
            json!({"method": "post", "path": "/echo", "body": {"a": "b c", "l": [1, 2], "n": null}, "headers": {"content-type": "application/x-www-form-urlencoded"}}),
            json!({"body": "a=b+c&l=1&l=2"}),
        ),
        (
            json!({"method": "delete", "path": "/echo"}),
            json!({"method": "DELETE", "headers": {"idempotency-key": "run-1/effect-1"}}),
        ),
        (
            json!({"method": "options", "path": "/echo"}),
            json!({"method": "OPTIONS"}),
        ),
    ] {
        let mut arguments = arguments;
        let path = arguments.as_object_mut().unwrap().remove("path").unwrap();
        arguments["endpoint"] = json!({"uri": format!("$BASE{}", path.as_str().unwrap())});
        let output = plain(send(&connectors, server, &arguments).await.unwrap());
        assert!(
            contains(&output, &expected),
            "{arguments}\n gave {output}\n not {expected}"
        );
    }
}

#[tokio::test]
async fn multipart_forms_hold_fields_and_files() {
    let (server, connectors) = (
        serve(workbench()).await,
        connectors(&ConnectConfig::default()),
    );
    let arguments = json!({
        "method": "post",
        "endpoint": {"uri": "$BASE/echo"},
        "headers": {"content-type": "multipart/form-data"},
        "body": {"a": "v", "b": [1, 2], "file": {"content": "aGk=", "encoding": "base64", "filename": "a\"b.txt", "contentType": "text/plain"}},
    });
    let output = plain(send(&connectors, server, &arguments).await.unwrap());
    let content_type = output["headers"]["content-type"].as_str().unwrap();
    let boundary = content_type
        .strip_prefix("multipart/form-data; boundary=")
        .unwrap();
    let expected = [
        "Content-Disposition: form-data; name=\"a\"\r\n\r\nv\r\n",
        "Content-Disposition: form-data; name=\"b\"\r\n\r\n1\r\n",
        "Content-Disposition: form-data; name=\"b\"\r\n\r\n2\r\n",
        "Content-Disposition: form-data; name=\"file\"; filename=\"a%22b.txt\"\r\nContent-Type: text/plain\r\n\r\nhi\r\n",
    ];
    let expected: String = expected
        .iter()
        .map(|part| format!("--{boundary}\r\n{part}"))
        .collect();
    assert_eq!(output["body"], format!("{expected}--{boundary}--\r\n"));
}

#[tokio::test]
async fn answers_are_given_in_the_form_asked_for() {
    let (server, connectors) = (
        serve(workbench()).await,
        connectors(&ConnectConfig::default()),
    );
    for (path, output, expected) in [
        (
            "/typed?type=application/json&body={\"a\":1}",
            "content",
            json!({"a": 1}),
        ),
        (
            "/typed?type=application/yaml&body=a: [1]",
            "content",
            json!({"a": [1]}),
        ),
        ("/typed?type=text/plain&body=x", "content", json!("x")),
        (
            "/typed?type=application/json&body={\"a\":1}",
            "raw",
            json!("eyJhIjoxfQ=="),
        ),
        ("/typed?type=image/png&body=abc", "content", json!("YWJj")),
        ("/gzip", "content", json!("unpacked")),
        ("/status/204", "content", json!(null)),
    ] {
        let arguments =
            json!({"method": "get", "endpoint": {"uri": format!("$BASE{path}")}, "output": output});
        assert_eq!(
            plain(send(&connectors, server, &arguments).await.unwrap()),
            expected,
            "{path} {output}"
        );
    }
    let arguments = json!({
        "method": "post", "endpoint": {"uri": "$BASE/echo?api_key=hush&q=1"}, "output": "response",
        "headers": {"Authorization": "Bearer hush", "Cookie": "hush", "X-Api-Key": "hush", "X-Plain": "shown"},
    });
    let output = plain(send(&connectors, server, &arguments).await.unwrap());
    let expected = json!({
        "request": {
            "method": "POST",
            "uri": format!("http://{server}/echo?api_key=***&q=1"),
            "headers": {"authorization": "***", "cookie": "***", "x-api-key": "***", "x-plain": "shown", "idempotency-key": "run-1/effect-1"},
        },
        "statusCode": 200,
        "headers": {"content-type": "application/json", "x-served": "one, two"},
        "content": {"headers": {"authorization": "Bearer hush"}},
    });
    assert!(contains(&output, &expected), "{output}");
}

#[tokio::test]
async fn a_status_that_is_no_success_is_a_communication_fault() {
    let (server, connectors) = (
        serve(workbench()).await,
        connectors(&ConnectConfig::default()),
    );
    for (code, redirect, title) in [
        (304, false, Some("Not Modified")),
        (304, true, None),
        (302, false, Some("Found")),
        (400, false, Some("Bad Request")),
        (401, false, Some("Unauthorized")),
        (404, true, Some("Not Found")),
        (503, false, Some("Service Unavailable")),
        (201, false, None),
    ] {
        let arguments = json!({"method": "get", "endpoint": {"uri": format!("$BASE/status/{code}?token=hush")}, "redirect": redirect});
        let answer = send(&connectors, server, &arguments).await;
        let Some(title) = title else {
            assert!(answer.is_ok(), "{code} {redirect}");
            continue;
        };
        let fault = answer.unwrap_err();
        assert_eq!(
            (fault.kind, fault.status, &*fault.title),
            (FaultKind::Communication, Some(code), title)
        );
        assert!(
            detail(&fault).contains(&format!("GET http://{server}/status/{code}?token=***")),
            "{fault:?}"
        );
        if code >= 400 {
            assert!(
                detail(&fault).contains(&format!("status {code} says the server")),
                "{fault:?}"
            );
        }
    }
}

#[tokio::test]
async fn redirects_are_followed_by_the_rules_of_http() {
    let (server, connectors) = (
        serve(workbench()).await,
        connectors(&ConnectConfig::default()),
    );
    for (method, code, expected) in [
        (
            "post",
            301,
            json!({"method": "GET", "body": "", "headers": {"content-type": null, "idempotency-key": null}}),
        ),
        ("post", 302, json!({"method": "GET", "body": ""})),
        ("put", 302, json!({"method": "PUT", "body": "{\"a\":1}"})),
        ("put", 303, json!({"method": "GET", "body": ""})),
        (
            "post",
            307,
            json!({"method": "POST", "body": "{\"a\":1}", "headers": {"content-type": "application/json", "idempotency-key": "run-1/effect-1"}}),
        ),
        (
            "patch",
            308,
            json!({"method": "PATCH", "body": "{\"a\":1}"}),
        ),
        (
            "get",
            302,
            json!({"method": "GET", "headers": {"authorization": "Basic dTpw"}}),
        ),
    ] {
        let body = if method == "get" {
            json!(null)
        } else {
            json!({"a": 1})
        };
        let endpoint = json!({"uri": format!("$BASE/redirect/{code}?to=/echo"), "authentication": {"basic": {"username": "u", "password": "p"}}});
        let mut arguments =
            json!({"method": method, "endpoint": endpoint, "body": body, "redirect": true});
        let output = plain(send(&connectors, server, &arguments).await.unwrap());
        assert!(contains(&output, &expected), "{method} {code}: {output}");

        arguments["redirect"] = json!(false);
        assert_eq!(
            send(&connectors, server, &arguments)
                .await
                .unwrap_err()
                .status,
            Some(code)
        );
    }
    let arguments = json!({"method": "get", "endpoint": {"uri": "$BASE/loop"}, "redirect": true});
    assert_eq!(
        send(&connectors, server, &arguments)
            .await
            .unwrap_err()
            .title,
        "Too many redirects"
    );
}

#[tokio::test]
async fn credentials_do_not_follow_to_another_origin() {
    let (server, other, connectors) = (
        serve(workbench()).await,
        serve(workbench()).await,
        connectors(&ConnectConfig::default()),
    );
    let arguments = json!({
        "method": "get",
        "endpoint": {"uri": format!("$BASE/redirect/307?to=http://{other}/echo"), "authentication": {"bearer": {"token": "hush"}}},
        "headers": {"Cookie": "hush", "X-Api-Key": "hush", "X-Plain": "kept"},
        "redirect": true,
    });
    let output = plain(send(&connectors, server, &arguments).await.unwrap());
    assert!(!output.to_string().contains("hush"), "{output}");
    assert_eq!(output["headers"]["x-plain"], "kept");
}

#[tokio::test]
async fn answers_beyond_a_limit_are_refused() {
    let http = HttpLimits {
        response_bytes_max: 200_000,
        ..HttpLimits::default()
    };
    let (server, connectors) = (
        serve(workbench()).await,
        connectors(&ConnectConfig {
            http,
            ..ConnectConfig::default()
        }),
    );
    for path in ["/big", "/endless", "/bomb", "/headers"] {
        let arguments = json!({"method": "get", "endpoint": {"uri": format!("$BASE{path}")}});
        let fault = send(&connectors, server, &arguments).await.unwrap_err();
        assert_eq!(
            (fault.kind, &*fault.title),
            (FaultKind::Communication, "Answer too large"),
            "{path}: {fault:?}"
        );
    }
}

#[tokio::test]
async fn failures_to_communicate_say_what_happened() {
    let (server, connectors) = (
        serve(workbench()).await,
        connectors(&ConnectConfig::default()),
    );
    let closed = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = closed.local_addr().unwrap().port();
    drop(closed);
    let silent = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let rude = silent.local_addr().unwrap().port();
    tokio::spawn(async move {
        while let Ok((stream, _)) = silent.accept().await {
            drop(stream)
        }
    });
    for (uri, status, expected) in [
        (
            format!("http://127.0.0.1:{port}/"),
            503,
            format!("cannot connect to 127.0.0.1:{port}: "),
        ),
        (
            "http://no-such-host.invalid/".to_owned(),
            503,
            "cannot connect to no-such-host.invalid:80: ".to_owned(),
        ),
        (
            format!("http://127.0.0.1:{rude}/"),
            502,
            format!("with 127.0.0.1:{rude} broke off"),
        ),
        (
            format!("https://{server}/"),
            502,
            format!("no secure connection to {server}: "),
        ),
        (
            "$BASE/typed?type=application/json&body=<html>".to_owned(),
            502,
            "announced as application/json but is not".to_owned(),
        ),
    ] {
        let arguments = json!({"method": "get", "endpoint": {"uri": uri}});
        let fault = send(&connectors, server, &arguments).await.unwrap_err();
        assert_eq!(
            (fault.kind, fault.status),
            (FaultKind::Communication, Some(status)),
            "{uri}: {fault:?}"
        );
        assert!(detail(&fault).contains(&expected), "{uri}: {fault:?}");
    }
    let mut slow = call(
        "http",
        value(
            &json!({"method": "get", "endpoint": {"uri": format!("http://{server}/hang")}})
                .to_string(),
        ),
    );
    slow.time_limit = Some(Duration::from_millis(50));
    let fault = execute(&connectors, slow).await.unwrap_err();
    assert_eq!(
        (fault.kind, fault.status),
        (FaultKind::Communication, Some(504))
    );
    assert!(
        detail(&fault).contains("no complete answer within 50 ms"),
        "{fault:?}"
    );
}

#[tokio::test]
async fn wrong_arguments_are_named() {
    let (server, connectors) = (
        serve(workbench()).await,
        connectors(&ConnectConfig::default()),
    );
    for (arguments, expected) in [
        (
            json!({"method": "connect", "endpoint": {"uri": "$BASE/"}}),
            "CONNECT opens a tunnel",
        ),
        (
            json!({"method": "post", "endpoint": {"uri": "$BASE/"}, "body": "x", "headers": {"Content-Length": 0}}),
            "`content-length` is set by the connection itself",
        ),
        (
            json!({"method": "post", "endpoint": {"uri": "$BASE/"}, "headers": {"Transfer-Encoding": "chunked"}}),
            "`transfer-encoding` is set by the connection itself",
        ),
        (
            json!({"endpoint": {"uri": "$BASE/"}}),
            "`method` is required",
        ),
        (json!({"method": "get"}), "`endpoint` is required"),
        (
            json!({"method": "g t", "endpoint": {"uri": "$BASE/"}}),
            "is no method",
        ),
        (
            json!({"method": "get", "endpoint": {"uri": "/relative"}}),
            "not an absolute URI",
        ),
        (
            json!({"method": "get", "endpoint": {"uri": "file:///etc/passwd"}}),
            "not http or https",
        ),
        (
            json!({"method": "get", "endpoint": {"uri": "$BASE/"}, "headers": {"X-A": "a\r\nX-B: b"}}),
            "line breaks",
        ),
        (
            json!({"method": "get", "endpoint": {"uri": "$BASE/"}, "headers": {"X A": "a"}}),
            "no header name",
        ),
        (
            json!({"method": "get", "endpoint": {"uri": "$BASE/"}, "output": "all"}),
            "`output` must be",
        ),
        (
            json!({"method": "get", "endpoint": {"uri": "$BASE/"}, "redirect": "yes"}),
            "`redirect` must be a boolean",
        ),
        (
            json!({"method": "post", "endpoint": {"uri": "$BASE/"}, "body": {"a": 1}, "headers": {"content-type": "text/xml"}}),
            "cannot be sent as text/xml",
        ),
    ] {
        let fault = send(&connectors, server, &arguments).await.unwrap_err();
        assert_eq!(fault.kind, FaultKind::Validation, "{arguments}: {fault:?}");
        assert!(detail(&fault).contains(expected), "{arguments}: {fault:?}");
    }
}

#[tokio::test]
async fn an_echoing_server_does_not_bring_secrets_into_faults() {
    let router = axum::Router::new().fallback(
        |uri: axum::http::Uri, headers: axum::http::HeaderMap| async move {
            answer(500, &[], format!("{uri} {headers:?}"))
        },
    );
    let (server, connectors) = (serve(router).await, connectors(&ConnectConfig::default()));
    for (endpoint, headers) in [
        (json!({"uri": "$BASE/?api_key=hush"}), json!({})),
        (json!({"uri": "$BASE/"}), json!({"X-Api-Key": "hush"})),
        (
            json!({"uri": "$BASE/"}),
            json!({"Authorization": "Token hush"}),
        ),
        (
            json!({"uri": "$BASE/", "authentication": {"bearer": {"token": "hush"}}}),
            json!({}),
        ),
        (
            json!({"uri": "$BASE/", "authentication": {"basic": {"username": "u", "password": "hush"}}}),
            json!({}),
        ),
    ] {
        let arguments = json!({"method": "get", "endpoint": endpoint, "headers": headers});
        let fault = send(&connectors, server, &arguments).await.unwrap_err();
        assert_eq!(fault.status, Some(500));
        assert!(detail(&fault).contains("***"), "{arguments}: {fault:?}");
        assert!(
            !detail(&fault).contains("hush") && !detail(&fault).contains("dTpodXNo"),
            "{arguments}: {fault:?}"
        );
    }
}
