//! The HTTP surface of a node: start runs, look at them, send events, health and metrics.
//!
//! Owns what the outside sees: paths, JSON, problems, limits. Names no connector, and decides nothing about runs.

pub mod access;
mod account;
mod app;
mod body;
mod definitions;
mod digits;
mod event;
mod gate;
mod guard;
pub mod hook;
mod html;
mod keys;
mod listen;
mod live;
pub mod oidc;
mod pages;
mod people;
mod problem;
mod publishing;
mod repair;
mod route;
mod run;
pub mod seal;
mod secrets;
mod setup;
mod start;
mod state;
mod users;
mod vault;
pub mod view;
mod wait;
mod webhook;

use std::sync::Arc;
use std::time::Duration;

use ferrovia_runtime::Node;
use ferrovia_runtime::notify::Counts;
use tokio::net::TcpListener;

use app::App;
pub use guard::Hosts;
pub use listen::{
    BODY_TIME, BadTls, Bounds, CONNECTIONS_MAX, HEADERS_BYTES_MAX, HEADERS_MAX, HEADERS_TIME,
    IDLE_TIME, STREAMS_MAX as CONNECTION_STREAMS_MAX, Tls,
};
pub use live::{HEARTBEAT, STREAMS_MAX};
pub use people::{
    GRANTS_MAX, HASHES_MAX, HASHES_WAITING_MAX, KEYS_PER_USER_MAX, KNOWN_MAX, KNOWN_MS, People,
    SESSION_SECONDS, USERS_MAX, Unopened,
};
pub use publishing::{Compiled, Publisher, Rejected};
pub use route::{Described, Rule, Where, openapi, routes};
pub use webhook::{BadWebhook, Starts, WEBHOOK_PATH_CHARS_MAX, WEBHOOKS_MAX, Webhook, Webhooks};

pub use vault::{KeysIn, Rotated, SECRETS_MAX, Vault, VaultError};

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
#[derive(Clone, Default)]
pub struct Config {
    /// The names that requests may call this server by.
    pub hosts: Hosts,
    /// Who may come in, for a program that needs to know before it serves; read from the store otherwise.
    pub people: Option<People>,
    /// Makes plans of definitions that somebody publishes; without one, none is taken.
    pub publisher: Option<Arc<dyn Publisher>>,
    /// The secrets that are set over the interface; without it, none is.
    pub vault: Option<Vault>,
    /// Encrypts connections.
    pub tls: Option<Tls>,
    pub bounds: Bounds,
    /// How often a stream on which nothing happens says that it is there; [`HEARTBEAT`] if it is absent.
    pub heartbeat: Option<Duration>,
    /// Where people have accounts, and what reaches out to it.
    pub oidc: Option<(oidc::Oidc, Arc<dyn oidc::Fetch>)>,
    /// What others may deliver to.
    pub webhooks: Webhooks,
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
    let people = match &config.people {
        Some(people) => people.clone(),
        None => {
            let journal = node.journal().clone();
            let opened = tokio::task::spawn_blocking(move || People::open(journal)).await?;
            opened.map_err(std::io::Error::other)?
        }
    };
    let (tls, bounds) = (config.tls.clone(), config.bounds);
    let app = App::new(node, people, config);
    let mut stopped = app.stopping();
    let router = route::router(app.clone());
    let served = listen::run(listener, router, tls, bounds, app.stopping());
    let stopping = async move {
        stop.await;
        app.stop();
        let _ = stopped.wait_for(|stopping| *stopping).await;
        tokio::time::sleep(GRACE).await;
    };
    tokio::select! {
        () = served => {}
        () = stopping => {}
    }
    Ok(())
}
