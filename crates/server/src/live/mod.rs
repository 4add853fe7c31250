//! What happens, as it happens: Server-Sent Events.
//!
//! Owns streams: how they are written, how many there are, when they end. A reader that is slow is waited for, and reads
//! from the journal what it missed meanwhile; one that takes nothing at all is let go.

mod changes;
mod run;

use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use axum::http::{HeaderName, HeaderValue};
use axum::response::Response;
use ferrovia_expr::Value;
use ferrovia_runtime::{Feed, Told};
use futures_util::stream;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};

use crate::access::Action;
use crate::app::App;
use crate::problem::Problem;
use crate::route::{Doc, In, Route, Rule, Section, Where, get, schema};

/// Streams that are open at a time; more are refused.
pub const STREAMS_MAX: usize = 512;
/// How often a stream on which nothing happens says that it is there, unless the configuration says otherwise.
pub const HEARTBEAT: Duration = Duration::from_secs(15);
/// How long a reader may take nothing.
const STALL: Duration = Duration::from_secs(60);
/// Messages on their way to a reader.
const AHEAD_MAX: usize = 16;

pub(crate) fn section() -> Section {
    const STREAM: &str = "text/event-stream";
    Section {
        name: "live",
        about: "What happens, as it happens: Server-Sent Events.",
        routes: vec![
            Route::new(
                get("/api/v1/runs/{id}/events"),
                Rule::Needs(Action::ReadRuns, Where::Run),
                run::events,
                Doc::new(
                    "followRun",
                    "The trace of a run, and then what happens in it",
                )
                .about("Ends with the run. After a `Last-Event-ID` only what follows is sent.")
                .with(In::Path, "id", "The id of the run", schema::text())
                .with(
                    In::Header,
                    "Last-Event-ID",
                    "The last message that came",
                    schema::text(),
                )
                .gives_text(200, "Messages `trace`, `status`, `end`", STREAM)
                .gives_nothing(204, "Nothing will follow"),
            ),
            Route::new(
                get("/api/v1/events/stream"),
                Rule::Needs(Action::ReadRuns, Where::List),
                changes::stream,
                Doc::new("followRuns", "Changes of all runs that who asks may see")
                    .with(
                        In::Query,
                        "workflow",
                        "`namespace/name` or `namespace/*`",
                        schema::text(),
                    )
                    .with(
                        In::Query,
                        "status",
                        "Only changes to these, with commas",
                        schema::text(),
                    )
                    .gives_text(200, "Messages `run`, `missed`", STREAM),
            ),
        ],
        schemas: Vec::new(),
    }
}

/// Room for streams.
#[derive(Clone)]
pub(crate) struct Live(Arc<Semaphore>);

impl Default for Live {
    fn default() -> Live {
        Live(Arc::new(Semaphore::new(STREAMS_MAX)))
    }
}

impl Live {
    fn open(&self) -> Result<OwnedSemaphorePermit, Problem> {
        let full = |_| {
            Problem::new(503, "busy", "Too much is under way")
                .detail(format!("{STREAMS_MAX} streams are open"))
        };
        self.0.clone().try_acquire_owned().map_err(full)
    }

    pub(crate) fn count(&self) -> usize {
        STREAMS_MAX - self.0.available_permits()
    }
}

/// The reader has gone, or takes nothing.
struct Gone;

/// The end of a stream that is written to.
struct Writer {
    sender: mpsc::Sender<String>,
    heartbeat: Duration,
    app: App,
    _place: OwnedSemaphorePermit,
}

/// What came first.
enum Next {
    Told(Told),
    /// Nothing will come any more: the reader has gone, the server stops, or the node is gone.
    Over,
}

impl Writer {
    /// A stream, and the answer that carries it.
    fn new(app: &App, place: OwnedSemaphorePermit) -> (Writer, Response) {
        let (sender, receiver) = mpsc::channel(AHEAD_MAX);
        let messages = stream::unfold(receiver, |mut receiver| async {
            let text: String = receiver.recv().await?;
            Some((Ok::<_, std::convert::Infallible>(text), receiver))
        });
        let mut response = Response::new(Body::from_stream(messages));
        for (name, value) in [
            (CONTENT_TYPE, "text/event-stream"),
            (CACHE_CONTROL, "no-store"),
            // Proxies that collect answers must not collect this one.
            (HeaderName::from_static("x-accel-buffering"), "no"),
        ] {
            let headers = response.headers_mut();
            headers.insert(name, HeaderValue::from_static(value));
        }
        let writer = Writer {
            sender,
            heartbeat: app.config.heartbeat.unwrap_or(HEARTBEAT),
            app: app.clone(),
            _place: place,
        };
        (writer, response)
    }

    async fn send(&self, text: String) -> Result<(), Gone> {
        let sent = tokio::time::timeout(STALL, self.sender.send(text)).await;
        sent.map_err(|_| Gone)?.map_err(|_| Gone)
    }

    /// Waits for the feed, and says meanwhile that the stream is there.
    async fn next(&self, feed: &mut Feed) -> Next {
        let mut stopping = self.app.stopping();
        let stopped = async { drop(stopping.wait_for(|stopping| *stopping).await) };
        let failed = async { drop(self.app.failed().await) };
        tokio::pin!(stopped, failed);
        loop {
            tokio::select! {
                biased;
                () = self.sender.closed() => return Next::Over,
                () = &mut stopped => return Next::Over,
                told = feed.next() => return told.map_or(Next::Over, Next::Told),
                () = &mut failed => return Next::Over,
                () = tokio::time::sleep(self.heartbeat) => {
                    if self.send(": still here\n\n".to_owned()).await.is_err() {
                        return Next::Over;
                    }
                }
            }
        }
    }
}

/// One message. JSON has no line breaks of its own.
fn message(id: Option<&str>, event: &str, data: &Value) -> String {
    let data = data.to_json();
    match id {
        Some(id) => format!("id: {id}\nevent: {event}\ndata: {data}\n\n"),
        None => format!("event: {event}\ndata: {data}\n\n"),
    }
}
