//! Answers that break the rules of HTTP, or use them to the limit: each ends as a value or as a fault that says why.

use std::io::Write;
use std::net::SocketAddr;
use std::time::Duration;

use ferrovia_connect::ConnectConfig;
use ferrovia_expr::Value;
use ferrovia_runtime::port::{Fault, FaultKind};
use serde_json::{Value as Json, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

use crate::support::{call, connectors, detail, execute, json as value};

/// What a server does after it has sent what it has to send.
#[derive(Clone, Copy, PartialEq)]
enum Then {
    Close,
    Hang,
}

/// Sends these bytes to everybody, whatever they ask.
async fn blurt(bytes: impl Into<Vec<u8>>, then: Then) -> SocketAddr {
    let bytes = bytes.into();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let bytes = bytes.clone();
            tokio::spawn(async move {
                let mut request = [0; 4096];
                let _ = stream.read(&mut request).await;
                let _ = stream.write_all(&bytes).await;
                if then == Then::Hang {
                    std::future::pending::<()>().await;
                }
                let _ = stream.shutdown().await;
            });
        }
    });
    address
}

async fn ask(server: SocketAddr, more: Json, limit: Duration) -> Result<Value, Fault> {
    let mut arguments =
        json!({"method": "get", "endpoint": format!("http://{server}/"), "output": "content"});
    let members = arguments.as_object_mut().unwrap();
    members.extend(more.as_object().unwrap().clone());
    let mut call = call("http", value(&arguments.to_string()));
    call.time_limit = Some(limit);
    execute(&connectors(&ConnectConfig::default()), call)
        .await
        .map(|success| success.output)
}

const PLENTY: Duration = Duration::from_secs(20);

fn answer(headers: &str, body: &[u8]) -> Vec<u8> {
    let head = format!("HTTP/1.1 200 OK\r\nconnection: close\r\n{headers}\r\n");
    [head.as_bytes(), body].concat()
}

fn packed(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

#[tokio::test]
async fn answers_that_are_no_http_or_break_off_are_communication_faults() {
    let gzip = "content-type: text/plain\r\ncontent-encoding: gzip\r\n";
    let half = packed(&[b'x'; 5000]);
    for (what, bytes, title) in [
        ("nothing at all", Vec::new(), "Exchange broken off"),
        (
            "another protocol",
            b"220 mail.example ESMTP\r\n".to_vec(),
            "Exchange broken off",
        ),
        (
            "a body shorter than announced",
            answer("content-length: 100\r\n", b"only this"),
            "Exchange broken off",
        ),
        (
            "a chunk that is cut",
            answer("transfer-encoding: chunked\r\n", b"ff\r\nonly this"),
            "Exchange broken off",
        ),
        (
            "chunks without their end",
            answer("transfer-encoding: chunked\r\n", b"4\r\nonly\r\n"),
            "Exchange broken off",
        ),
        (
            "a chunk of no size",
            answer("transfer-encoding: chunked\r\n", b"zz\r\nonly\r\n"),
            "Exchange broken off",
        ),
        (
            "two lengths",
            answer("content-length: 4\r\ncontent-length: 9\r\n", b"only this"),
            "Exchange broken off",
        ),
        (
            "a negative length",
            answer("content-length: -1\r\n", b"only this"),
            "Exchange broken off",
        ),
        (
            "a header without a name",
            answer(": nobody\r\n", b""),
            "Exchange broken off",
        ),
        (
            "a compressed body that is not",
            answer(gzip, b"plain text, plainly"),
            "Exchange broken off",
        ),
        (
            "a compressed body that is cut",
            answer(gzip, &half[..half.len() / 2]),
            "Exchange broken off",
        ),
        (
            "JSON that is none",
            answer("content-type: application/json\r\n", b"{\"a\": "),
            "Unreadable content",
        ),
        (
            "JSON that is nested without end",
            answer("content-type: application/json\r\n", &[b'['; 100_000]),
            "Unreadable content",
        ),
        (
            "YAML that is nested without end",
            answer("content-type: application/yaml\r\n", &[b'['; 100_000]),
            "Unreadable content",
        ),
        (
            "more than a hundred headers",
            answer(&"x-a: b\r\n".repeat(200), b""),
            "Exchange broken off",
        ),
        (
            "one endless header",
            answer(&format!("x-a: {}\r\n", "b".repeat(2_000_000)), b""),
            "Exchange broken off",
        ),
    ] {
        let server = blurt(bytes, Then::Close).await;
        let fault = ask(server, json!({}), PLENTY).await.unwrap_err();
        assert_eq!(
            (fault.kind, fault.status, &*fault.title),
            (FaultKind::Communication, Some(502), title),
            "{what}: {fault:?}"
        );
        assert!(
            detail(&fault).starts_with(&format!("GET http://{server}/: ")),
            "{what}: {fault:?}"
        );
    }
}

#[tokio::test]
async fn a_server_that_takes_its_time_is_left_when_the_limit_is_over() {
    for (what, bytes) in [
        ("says nothing", Vec::new()),
        (
            "stops within its headers",
            b"HTTP/1.1 200 OK\r\nx-".to_vec(),
        ),
        (
            "stops within its body",
            answer("content-length: 100\r\n", b"only this"),
        ),
        (
            "only ever promises",
            b"HTTP/1.1 103 Early Hints\r\n\r\n".repeat(1000),
        ),
    ] {
        let server = blurt(bytes, Then::Hang).await;
        let fault = ask(server, json!({}), Duration::from_millis(100))
            .await
            .unwrap_err();
        assert_eq!(
            (fault.kind, fault.status),
            (FaultKind::Communication, Some(504)),
            "{what}: {fault:?}"
        );
    }
}

#[tokio::test]
async fn unusual_answers_within_the_rules_are_understood() {
    let gzip = "content-type: text/plain\r\ncontent-encoding: gzip\r\n";
    for (what, more, bytes, expected) in [
        (
            "an interim answer first",
            json!({}),
            [
                &b"HTTP/1.1 100 Continue\r\n\r\n"[..],
                &answer("content-type: text/plain\r\n", b"then"),
            ]
            .concat(),
            json!("then"),
        ),
        (
            "no length: to the end of the connection",
            json!({}),
            answer("content-type: text/plain\r\n", b"all of it"),
            json!("all of it"),
        ),
        (
            "chunks with extensions and trailers",
            json!({}),
            answer(
                "transfer-encoding: chunked\r\ncontent-type: text/plain\r\n",
                b"3;a=b\r\nall\r\n0\r\nx-sum: 1\r\n\r\n",
            ),
            json!("all"),
        ),
        (
            "no content, announced as JSON",
            json!({}),
            b"HTTP/1.1 204 No Content\r\ncontent-type: application/json\r\n\r\n".to_vec(),
            json!(null),
        ),
        (
            "an empty compressed body",
            json!({}),
            answer(&format!("{gzip}content-length: 0\r\n"), b""),
            json!(null),
        ),
        (
            "the length of what HEAD leaves out",
            json!({"method": "head"}),
            answer(&format!("{gzip}content-length: 99999999\r\n"), b""),
            json!(null),
        ),
        (
            "a compressed body",
            json!({}),
            answer(gzip, &packed(b"unpacked")),
            json!("unpacked"),
        ),
        (
            "compressed although the author asked otherwise",
            json!({"headers": {"accept-encoding": "identity"}}),
            answer(gzip, &packed(b"unpacked")),
            json!("unpacked"),
        ),
        (
            "JSON behind a byte order mark",
            json!({}),
            answer("content-type: application/json\r\n", b"\xef\xbb\xbf[1]"),
            json!([1]),
        ),
        (
            "JSON in another character set",
            json!({}),
            answer(
                "content-type: application/json; charset=\"iso-8859-1\"\r\n",
                b"[\"caf\xe9\"]",
            ),
            json!(["café"]),
        ),
        (
            "an unknown character set",
            json!({}),
            answer(
                "content-type: text/plain; charset=klingon\r\n",
                b"caf\xc3\xa9",
            ),
            json!("café"),
        ),
        (
            "a content type nobody knows",
            json!({}),
            answer("content-type: nonsense\r\n", b"abc"),
            json!("YWJj"),
        ),
        (
            "raw",
            json!({"output": "raw"}),
            answer("content-type: application/json\r\n", b"{no json"),
            json!("e25vIGpzb24="),
        ),
    ] {
        let server = blurt(bytes, Then::Close).await;
        let output = ask(server, more, PLENTY).await;
        let output = output.unwrap_or_else(|fault| panic!("{what}: {fault:?}"));
        assert_eq!(output, value(&expected.to_string()), "{what}");
    }
}
