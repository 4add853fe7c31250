//! The HTTP surface of a node: start runs, look at them, send events, health and metrics.
//!
//! Owns what the outside sees: paths, JSON, problems, limits. Names no connector, and decides nothing about runs.

pub mod access;
mod app;
mod body;
mod digits;
mod event;
mod guard;
pub mod hook;
mod live;
mod problem;
mod run;
pub mod seal;
mod start;
mod state;
pub mod view;
mod wait;

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::middleware::from_fn_with_state;
use axum::routing::{get, post};
use axum::serve::ListenerExt;
use ferrovia_runtime::Node;
use ferrovia_runtime::notify::Counts;
use tokio::net::TcpListener;

use app::App;
pub use guard::Hosts;
pub use live::{HEARTBEAT, STREAMS_MAX};

/// A request's body.
pub const BODY_BYTES_MAX: usize = 1024 * 1024;
/// How long a caller may wait for the end of a run.
pub const WAIT_MS_MAX: u64 = 300_000;
/// Runs, trace entries and the like in one answer.
pub const PAGE_MAX: usize = 1_000;
/// Labels of a run, and characters of a label's name or value.
pub const LABELS_MAX: usize = 64;
pub const LABEL_CHARS_MAX: usize = 256;
/// Characters of an idempotency key.
pub const KEY_CHARS_MAX: usize = 255;
/// Events in one batch.
pub const EVENTS_MAX: usize = 256;
/// How long a server that stops waits for requests that are under way.
pub const GRACE: Duration = Duration::from_secs(10);

/// What a server is made with.
#[derive(Clone, Debug, Default)]
pub struct Config {
    /// The names that requests may call this server by.
    pub hosts: Hosts,
    /// How often a stream on which nothing happens says that it is there; [`HEARTBEAT`] if it is absent.
    pub heartbeat: Option<Duration>,
    /// What was told to the sink of lifecycle events, for metrics.
    pub lifecycle: Option<Arc<Counts>>,
    /// What was told to people, for metrics; one for each rule.
    pub alerts: Vec<Arc<Counts>>,
}

/// Serves until `stop` completes. Then nothing new is taken; requests under way are answered, and those that only
/// wait for the end of a run are told that it goes on.
pub async fn serve(
    listener: TcpListener,
    node: Node,
    config: Config,
    stop: impl Future<Output = ()> + Send + 'static,
) -> std::io::Result<()> {
    let app = App::new(node, config);
    let (stopping, mut stopped) = (app.clone(), app.stopping());
    let listener = listener.tap_io(|connection| {
        // An answer is small and complete; where the delay cannot be switched off, it is only slower.
        let _ = connection.set_nodelay(true);
    });
    let served = axum::serve(listener, router(app)).with_graceful_shutdown(async move {
        stop.await;
        stopping.stop();
    });
    let too_long = async move {
        let _ = stopped.wait_for(|stopping| *stopping).await;
        tokio::time::sleep(GRACE).await;
    };
    tokio::select! {
        served = served.into_future() => served,
        () = too_long => Ok(()),
    }
}

fn router(app: App) -> Router {
    Router::new()
        .route("/api/v1/definitions", get(state::definitions))
        .route("/api/v1/runs", post(start::start).get(run::list))
        .route("/api/v1/runs/{id}", get(run::show))
        .route("/api/v1/runs/{id}/trace", get(run::trace))
        .route("/api/v1/runs/{id}/cancel", post(run::cancel))
        .route("/api/v1/runs/{id}/suspend", post(run::suspend))
        .route("/api/v1/runs/{id}/resume", post(run::resume))
        .route("/api/v1/runs/{id}/settle", post(run::settle))
        .route("/api/v1/events", post(event::receive))
        .merge(live::routes())
        .route("/health", get(state::health))
        .route("/ready", get(state::ready))
        .route("/metrics", get(state::metrics))
        .fallback(problem::no_such_path)
        .method_not_allowed_fallback(problem::no_such_method)
        .layer(DefaultBodyLimit::max(BODY_BYTES_MAX))
        .layer(from_fn_with_state(app.clone(), guard::own_host))
        .with_state(app)
}
