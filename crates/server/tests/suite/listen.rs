//! Connections: slow ones, too many, encrypted ones.

use std::time::Duration;

use ferrovia_expr::value;
use ferrovia_server::{Bounds, Tls};
use reqwest::Version;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::bed::{Bed, send};

const HURRY: Duration = Duration::from_millis(50);
/// Longer than any test.
const LONG: Duration = Duration::from_secs(3_600);

async fn connect(bed: &Bed) -> TcpStream {
    let stream = TcpStream::connect(bed.address).await;
    stream.expect("the server listens")
}

/// All that comes until the server closes.
async fn rest(stream: &mut TcpStream) -> String {
    let mut bytes = Vec::new();
    // Closed in either way: what came before counts.
    let _ = stream.read_to_end(&mut bytes).await;
    String::from_utf8_lossy(&bytes).into_owned()
}

#[tokio::test]
async fn a_body_that_does_not_arrive_is_not_waited_for() {
    let bed = Bed::within(Bounds {
        body: HURRY,
        ..Bounds::default()
    })
    .await;
    let mut stream = connect(&bed).await;
    let begun = b"POST /api/v1/runs HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\ncontent-length: 100\r\n\r\n{\"work";
    stream.write_all(begun).await.expect("it is connected");
    let answer = rest(&mut stream).await;
    assert!(answer.starts_with("HTTP/1.1 408 "), "{answer}");
    assert!(answer.contains("urn:ferrovia:problem:too-slow"), "{answer}");
}

#[tokio::test]
async fn headers_that_do_not_arrive_are_not_waited_for() {
    let bed = Bed::within(Bounds {
        headers: HURRY,
        idle: LONG,
        ..Bounds::default()
    })
    .await;
    let part = b"GET /health HTTP/1.1\r\nhost: loc";
    let mut first = connect(&bed).await;
    first.write_all(part).await.expect("it is connected");
    assert_eq!(rest(&mut first).await, "");
    // Nor after a request that was answered.
    let mut later = connect(&bed).await;
    let whole = b"GET /health HTTP/1.1\r\nhost: localhost\r\n\r\n";
    later.write_all(whole).await.expect("it is connected");
    let mut byte = [0];
    later.read_exact(&mut byte).await.expect("it is answered");
    later.write_all(part).await.expect("it is connected");
    let answer = rest(&mut later).await;
    assert_eq!(answer.matches("200 OK").count(), 1, "{answer}");
}

#[tokio::test]
async fn a_connection_without_a_request_is_closed() {
    let bed = Bed::within(Bounds {
        idle: HURRY,
        ..Bounds::default()
    })
    .await;
    let mut silent = connect(&bed).await;
    assert_eq!(rest(&mut silent).await, "");
    let mut stream = connect(&bed).await;
    let request = b"GET /health HTTP/1.1\r\nhost: localhost\r\n\r\n";
    stream.write_all(request).await.expect("it is connected");
    let answer = rest(&mut stream).await;
    assert!(answer.ends_with("ok\n"), "{answer}");
}

#[tokio::test]
async fn a_request_that_waits_is_not_idle() {
    let bed = Bed::within(Bounds {
        idle: HURRY,
        headers: HURRY,
        ..Bounds::default()
    })
    .await;
    // Its connection is idle for longer than it may be without a request.
    let answer = bed
        .post("runs?wait=300ms", r#"{"workflow": "test/listen"}"#)
        .await;
    assert_eq!(answer.is(202).at("/status"), value!("waiting"));
}

#[tokio::test]
async fn more_connections_than_there_may_be_wait() {
    let bed = Bed::within(Bounds {
        connections: 1,
        ..Bounds::default()
    })
    .await;
    let request = b"GET /health HTTP/1.1\r\nhost: localhost\r\n\r\n";
    let mut first = connect(&bed).await;
    first.write_all(request).await.expect("it is connected");
    let mut byte = [0];
    first.read_exact(&mut byte).await.expect("it is answered");
    let mut second = connect(&bed).await;
    second.write_all(request).await.expect("it is connected");
    drop(first);
    second.read_exact(&mut byte).await.expect("it is answered");
    assert_eq!(&byte, b"H");
}

#[tokio::test]
async fn headers_have_a_limit() {
    let bed = Bed::new().await;
    let long = "x".repeat(2 * ferrovia_server::HEADERS_BYTES_MAX);
    let mut stream = connect(&bed).await;
    let request = format!("GET /health HTTP/1.1\r\nhost: localhost\r\nx: {long}\r\n\r\n");
    // The server may close before all is sent.
    let _ = stream.write_all(request.as_bytes()).await;
    let answer = rest(&mut stream).await;
    assert!(
        answer.is_empty() || answer.starts_with("HTTP/1.1 431 "),
        "{answer}"
    );
}

#[tokio::test]
async fn encrypted_connections_speak_both_versions_and_have_a_cookie_of_their_own() {
    let names = vec!["localhost".to_owned()];
    let made = rcgen::generate_simple_self_signed(names).expect("a certificate can be made");
    let directory = tempfile::tempdir().expect("there is room for temporary files");
    let file = |name: &str, text: String| {
        let path = directory.path().join(name);
        std::fs::write(&path, text).expect("a file can be written");
        path
    };
    let certificate = file("server.pem", made.cert.pem());
    let key = file("server.key", made.signing_key.serialize_pem());
    let empty = file("empty.pem", String::new());
    assert!(Tls::read(&empty, &key).is_err());
    assert!(Tls::read(&certificate, &empty).is_err());
    let tls = Tls::read(&certificate, &key).expect("they belong together");
    let bed = Bed::encrypted(tls, made.cert.pem().as_bytes()).await;
    bed.add_user("ada", &[]).await;
    let answer = bed.request("GET", "/health").send().await;
    assert_eq!(answer.expect("it is trusted").version(), Version::HTTP_2);
    let old = bed.request("GET", "/health").version(Version::HTTP_11);
    send(old).await.is(200);
    let signed_in = bed.sign_in("ada", crate::people::PASSWORD).await;
    let cookie = signed_in.is(200).headers["set-cookie"]
        .to_str()
        .expect("it is text");
    assert!(cookie.starts_with("__Host-ferrovia=fvs_"), "{cookie}");
    assert!(cookie.contains("; Secure; "), "{cookie}");
    let session = bed.session("ada").await;
    let order = || Some(value!({ "current": "x", "password": "x" }));
    bed.ask(&session, "PUT", "me/password", order())
        .await
        .is(422);
    // A page that came without encryption is another origin.
    let plain = bed.url.replace("https", "http");
    let request = bed.as_(&session, "DELETE", "/api/v1/session");
    let mut request = request.build().expect("it is a request");
    request
        .headers_mut()
        .insert("origin", plain.parse().expect("it is a header"));
    let answer = bed
        .client
        .execute(request)
        .await
        .expect("the server answers");
    assert_eq!(answer.status(), 403);
}
