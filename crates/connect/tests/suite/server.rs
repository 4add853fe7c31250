//! A small HTTP server on a free port that answers as each test needs.

use std::collections::BTreeMap;
use std::io::Write;
use std::net::SocketAddr;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::{Path, Query};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, Response, StatusCode, Uri};
use axum::routing::{any, get};
use serde_json::{Value as Json, json};
use tokio::net::TcpListener;

/// Serves until the test's runtime ends.
pub(crate) async fn serve(router: Router) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
    address
}

/// Routes that show requests and answer in every form.
pub(crate) fn workbench() -> Router {
    Router::new()
        .route("/echo", any(echo))
        .route("/echo/{*rest}", any(echo))
        .route("/status/{code}", any(status))
        .route("/redirect/{code}", any(redirect))
        .route(
            "/loop",
            any(|| async { answer(302, &[("location", "/loop")], "") }),
        )
        .route("/typed", any(typed))
        .route(
            "/big",
            get(|| async { answer(200, &[("content-type", "text/plain")], vec![b'x'; 300_000]) }),
        )
        .route("/endless", get(endless))
        .route(
            "/bomb",
            get(|| async {
                answer(
                    200,
                    &[("content-encoding", "gzip"), ("content-type", "text/plain")],
                    gzip(&vec![0; 50_000_000]),
                )
            }),
        )
        .route(
            "/gzip",
            get(|| async {
                answer(
                    200,
                    &[("content-encoding", "gzip"), ("content-type", "text/plain")],
                    gzip(b"unpacked"),
                )
            }),
        )
        .route("/hang", any(std::future::pending::<StatusCode>))
        .route("/headers", get(|| async { many_headers() }))
}

pub(crate) fn answer(
    status: u16,
    headers: &[(&str, &str)],
    body: impl Into<Body>,
) -> Response<Body> {
    let mut response = Response::new(body.into());
    *response.status_mut() = StatusCode::from_u16(status).unwrap();
    for (name, value) in headers {
        response.headers_mut().append(
            HeaderName::try_from(*name).unwrap(),
            HeaderValue::try_from(*value).unwrap(),
        );
    }
    response
}

/// The request as JSON: `{method, path, query, headers, body}`.
pub(crate) async fn echo(
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> Response<Body> {
    let mut shown: BTreeMap<&str, String> = BTreeMap::new();
    for (name, value) in &headers {
        let value = String::from_utf8_lossy(value.as_bytes());
        shown
            .entry(name.as_str())
            .and_modify(|all| *all = format!("{all}|{value}"))
            .or_insert(value.into_owned());
    }
    let body = String::from_utf8_lossy(&body);
    let shown = json!({"method": method.as_str(), "path": uri.path(), "query": uri.query(), "headers": shown, "body": body});
    answer(
        200,
        &[
            ("content-type", "application/json"),
            ("x-served", "one"),
            ("x-served", "two"),
        ],
        shown.to_string(),
    )
}

async fn status(Path(code): Path<u16>) -> Response<Body> {
    answer(
        code,
        &[("content-type", "text/plain")],
        format!("status\n  {code} says\tthe server"),
    )
}

async fn redirect(
    Path(code): Path<u16>,
    Query(query): Query<BTreeMap<String, String>>,
) -> Response<Body> {
    answer(code, &[("location", &query["to"])], "")
}

async fn typed(Query(query): Query<BTreeMap<String, String>>) -> Response<Body> {
    answer(
        200,
        &[("content-type", &query["type"])],
        query["body"].clone(),
    )
}

async fn endless() -> Response<Body> {
    let stream = futures_util::stream::repeat_with(|| {
        Ok::<_, std::io::Error>(Bytes::from_static(&[b'x'; 8192]))
    });
    answer(
        200,
        &[("content-type", "text/plain")],
        Body::from_stream(stream),
    )
}

fn many_headers() -> Response<Body> {
    let mut response = answer(200, &[], "");
    let value = HeaderValue::try_from("v".repeat(3000)).unwrap();
    for at in 0..40 {
        response.headers_mut().insert(
            HeaderName::try_from(format!("x-{at}")).unwrap(),
            value.clone(),
        );
    }
    response
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

/// Whether all of `part` is in `whole`: objects by member, everything else by equality.
pub(crate) fn contains(whole: &Json, part: &Json) -> bool {
    match (whole, part) {
        (Json::Object(whole), Json::Object(part)) => part
            .iter()
            .all(|(name, part)| contains(whole.get(name).unwrap_or(&Json::Null), part)),
        _ => whole == part,
    }
}
