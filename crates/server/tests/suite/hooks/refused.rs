//! What is no delivery at all.

use std::time::Duration;

use ferrovia_server::{BODY_BYTES_MAX, Bounds};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::sender::{Sender, hooks};
use crate::bed::{Bed, send};

#[tokio::test]
async fn other_paths_methods_and_encodings_are_refused() {
    let bed = Bed::hooked(hooks()).await;
    for path in [
        "/hooks/none",
        "/hooks/stripe/",
        "/hooks/Stripe",
        "/hooks/%73tripe",
        "/hooks/",
    ] {
        send(bed.request("POST", path).body("{}"))
            .await
            .problem(404, "not-found", None);
    }
    for method in ["GET", "PUT", "DELETE"] {
        let request = bed.request(method, "/hooks/stripe");
        send(request).await.problem(405, "method", None);
    }
    let packed = bed.request("POST", "/hooks/open");
    let packed = packed.header("content-encoding", "gzip").body("{}");
    send(packed).await.problem(415, "media-type", None);
    let broken = bed.request("POST", "/hooks/open");
    let broken = broken.header("content-type", "application/json").body("{");
    send(broken).await.problem(400, "malformed", None);
}

#[tokio::test]
async fn a_body_that_is_too_large_is_refused() {
    let bed = Bed::hooked(hooks()).await;
    let large = "x".repeat(BODY_BYTES_MAX + 1);
    let request = bed.request("POST", "/hooks/stripe").body(large);
    send(request).await.problem(413, "too-large", None);
}

#[tokio::test]
async fn a_body_that_takes_too_long_is_refused() {
    let bounds = Bounds {
        body: Duration::from_millis(50),
        ..Bounds::default()
    };
    let bed = Bed::hooked_within(hooks(), bounds).await;
    let mut stream = TcpStream::connect(bed.address).await.expect("it listens");
    let head = "POST /hooks/stripe HTTP/1.1\r\nHost: localhost\r\nContent-Length: 10\r\n\r\n{";
    stream
        .write_all(head.as_bytes())
        .await
        .expect("it is taken");
    let mut answer = String::new();
    stream
        .read_to_string(&mut answer)
        .await
        .expect("it is text");
    assert!(answer.starts_with("HTTP/1.1 408 "), "{answer}");
}

#[tokio::test]
async fn servers_may_send_any_origin_but_not_to_what_proves_nothing() {
    let bed = Bed::hooked(hooks()).await;
    let origin = |sender: Sender| {
        let request = sender.at(&bed, 1, super::sender::now_s());
        send(request.header("origin", "https://pay.example"))
    };
    origin(Sender::Stripe).await.is(202);
    origin(Sender::Open)
        .await
        .problem(403, "foreign-origin", None);
    let foreign = Sender::Stripe.at(&bed, 2, super::sender::now_s());
    let foreign = foreign.header("host", "evil.example");
    send(foreign).await.problem(403, "foreign-host", None);
}
