//! The HTTP surface of a node: start runs, look at them, send events, health and metrics.
//!
//! Owns what the outside sees: paths, JSON, problems, limits. Names no connector, and decides nothing about runs.

mod event;
mod guard;
mod problem;
mod run;
mod state;
mod view;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::middleware::from_fn;
use axum::routing::{get, post};
use ferrovia_runtime::Node;
use tokio::net::TcpListener;

/// A request's body.
pub const BODY_BYTES_MAX: usize = 1024 * 1024;
/// How long a caller may wait for the end of a run.
pub const WAIT_SECONDS_MAX: u64 = 300;
/// Runs, trace entries and the like in one answer.
pub const PAGE_MAX: usize = 1_000;

/// All paths.
pub fn router(node: Node) -> Router {
    Router::new()
        .route("/api/v1/definitions", get(state::definitions))
        .route("/api/v1/runs", post(run::start).get(run::list))
        .route("/api/v1/runs/{id}", get(run::show))
        .route("/api/v1/runs/{id}/trace", get(run::trace))
        .route("/api/v1/runs/{id}/cancel", post(run::cancel))
        .route("/api/v1/runs/{id}/suspend", post(run::suspend))
        .route("/api/v1/runs/{id}/resume", post(run::resume))
        .route("/api/v1/runs/{id}/settle", post(run::settle))
        .route("/api/v1/events", post(event::receive))
        .route("/health", get(state::health))
        .route("/metrics", get(state::metrics))
        .fallback(problem::no_such_path)
        .method_not_allowed_fallback(problem::no_such_method)
        .layer(DefaultBodyLimit::max(BODY_BYTES_MAX))
        .layer(from_fn(guard::own_host))
        .with_state(node)
}

/// Serves until `stop` completes; requests under way are answered.
pub async fn serve(
    listener: TcpListener,
    node: Node,
    stop: impl Future<Output = ()> + Send + 'static,
) -> std::io::Result<()> {
    axum::serve(listener, router(node))
        .with_graceful_shutdown(stop)
        .await
}
