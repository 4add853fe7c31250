//! Connections: takes them up to a limit, ends those that are slow to say what they want or say nothing, encrypts them
//! where that is configured, and lets those under way come to their end when the server stops.

mod activity;
pub(crate) mod body;
mod tls;

use std::convert::Infallible;
use std::io::ErrorKind;
use std::net::{IpAddr, SocketAddr};
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use axum::http::{Request, Response};
use hyper::body::Incoming;
use hyper::server::conn::{http1, http2};
use hyper::service::Service;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, watch};
use tokio_rustls::TlsAcceptor;

use crate::problem::Problem;
use activity::{Activity, Watched};
pub use body::BODY_TIME;
pub use tls::{BadTls, Tls};

/// Connections at the same time; more wait to be taken.
pub const CONNECTIONS_MAX: usize = 10_000;
/// From the first byte of a request until its headers are there, and for the handshake of an encrypted connection.
pub const HEADERS_TIME: Duration = Duration::from_secs(10);
/// A connection without a request is closed then.
pub const IDLE_TIME: Duration = Duration::from_secs(75);
/// The headers of a request.
pub const HEADERS_BYTES_MAX: usize = 64 * 1_024;
/// Headers of a request.
pub const HEADERS_MAX: usize = 100;
/// Requests at the same time on one connection of HTTP/2.
pub const STREAMS_MAX: u32 = 256;
/// How long to wait when the system cannot give a connection, for instance because too many files are open.
const BREATH: Duration = Duration::from_millis(100);

/// What a connection may take. The constants of this module, unless a test is in a hurry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bounds {
    pub connections: usize,
    pub headers: Duration,
    pub idle: Duration,
    pub body: Duration,
}

impl Default for Bounds {
    fn default() -> Bounds {
        Bounds {
            connections: CONNECTIONS_MAX,
            headers: HEADERS_TIME,
            idle: IDLE_TIME,
            body: BODY_TIME,
        }
    }
}

/// The address that a request comes from.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Peer(pub(crate) IpAddr);

impl<S: Sync> FromRequestParts<S> for Peer {
    type Rejection = Problem;
    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Peer, Problem> {
        let peer = parts.extensions.get::<Peer>().copied();
        peer.ok_or_else(Problem::internal)
    }
}

/// Takes connections until `stopping` says so, and returns when all have ended.
pub(crate) async fn run(
    listener: TcpListener,
    router: Router,
    tls: Option<Tls>,
    bounds: Bounds,
    mut stopping: watch::Receiver<bool>,
) {
    let room = Arc::new(Semaphore::new(bounds.connections));
    let tls = tls.map(|Tls(config)| TlsAcceptor::from(config));
    loop {
        let accepted = async {
            let place = room.clone().acquire_owned().await;
            let place = place.expect("the semaphore is never closed");
            (place, listener.accept().await)
        };
        let (place, accepted) = tokio::select! {
            biased;
            _ = stopping.wait_for(|stopping| *stopping) => break,
            accepted = accepted => accepted,
        };
        match accepted {
            Ok((stream, address)) => {
                let connection = Connection {
                    router: router.clone(),
                    bounds,
                    address,
                    stopping: stopping.clone(),
                };
                let tls = tls.clone();
                tokio::spawn(async move {
                    connection.serve(stream, tls).await;
                    drop(place);
                });
            }
            Err(error) if is_of_one_connection(error.kind()) => {}
            Err(_) => tokio::time::sleep(BREATH).await,
        }
    }
    drop(listener);
    let all = u32::try_from(bounds.connections).unwrap_or(u32::MAX);
    let _ = room.acquire_many(all).await;
}

fn is_of_one_connection(kind: ErrorKind) -> bool {
    matches!(
        kind,
        ErrorKind::ConnectionRefused | ErrorKind::ConnectionAborted | ErrorKind::ConnectionReset
    )
}

struct Connection {
    router: Router,
    bounds: Bounds,
    address: SocketAddr,
    stopping: watch::Receiver<bool>,
}

impl Connection {
    async fn serve(self, stream: TcpStream, tls: Option<TlsAcceptor>) {
        // An answer is small and complete; where the delay cannot be switched off, it is only slower.
        let _ = stream.set_nodelay(true);
        let Some(tls) = tls else {
            return self.http1(stream).await;
        };
        let mut stopping = self.stopping.clone();
        let handshake = tokio::time::timeout(self.bounds.headers, tls.accept(stream));
        let stream = tokio::select! {
            stream = handshake => stream,
            _ = stopping.wait_for(|stopping| *stopping) => return,
        };
        // Too slow, or not understood: there is nobody to tell.
        let Ok(Ok(stream)) = stream else { return };
        if stream.get_ref().1.alpn_protocol() == Some(b"h2") {
            self.http2(stream).await;
        } else {
            self.http1(stream).await;
        }
    }

    async fn http1(mut self, stream: impl AsyncRead + AsyncWrite + Unpin) {
        let activity = Activity::default();
        // Of several requests only one is under way, so bytes that come in between begin the next one.
        let headers = Some(self.bounds.headers);
        let stream = Watched::new(stream, activity.clone(), headers, self.bounds.idle);
        let mut builder = http1::Builder::new();
        builder
            .header_read_timeout(None)
            .max_buf_size(HEADERS_BYTES_MAX)
            .max_headers(HEADERS_MAX);
        let connection = builder.serve_connection(TokioIo::new(stream), self.serving(activity));
        let mut connection = std::pin::pin!(connection);
        tokio::select! {
            // How it ended is the business of the client.
            _ = connection.as_mut() => return,
            _ = self.stopping.wait_for(|stopping| *stopping) => {}
        }
        connection.as_mut().graceful_shutdown();
        let _ = connection.await;
    }

    async fn http2(mut self, stream: impl AsyncRead + AsyncWrite + Unpin) {
        let activity = Activity::default();
        let stream = Watched::new(stream, activity.clone(), None, self.bounds.idle);
        let mut builder = http2::Builder::new(TokioExecutor::new());
        builder
            .timer(TokioTimer::new())
            .max_concurrent_streams(STREAMS_MAX)
            .max_header_list_size(HEADERS_BYTES_MAX as u32);
        let connection = builder.serve_connection(TokioIo::new(stream), self.serving(activity));
        let mut connection = std::pin::pin!(connection);
        tokio::select! {
            _ = connection.as_mut() => return,
            _ = self.stopping.wait_for(|stopping| *stopping) => {}
        }
        connection.as_mut().graceful_shutdown();
        let _ = connection.await;
    }

    fn serving(&self, activity: Activity) -> Serving {
        Serving {
            router: self.router.clone(),
            peer: Peer(self.address.ip().to_canonical()),
            body: self.bounds.body,
            activity,
        }
    }
}

/// The router, as a connection calls it.
struct Serving {
    router: Router,
    peer: Peer,
    body: Duration,
    activity: Activity,
}

impl Service<Request<Incoming>> for Serving {
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Response<Body>, Infallible>> + Send>>;

    fn call(&self, request: Request<Incoming>) -> Self::Future {
        let busy = self.activity.begin();
        let mut request = request.map(|incoming| body::limited(incoming, self.body));
        request.extensions_mut().insert(self.peer);
        let mut router = self.router.clone();
        Box::pin(async move {
            let answer = tower_service::Service::call(&mut router, request).await;
            drop(busy);
            answer
        })
    }
}
