//! What all requests share.

use std::sync::Arc;

use std::time::{SystemTime, UNIX_EPOCH};

use axum::http::request::Parts;
use ferrovia_runtime::Node;
use ferrovia_store::{RunId, StoreError, Summary};
use tokio::sync::watch;

use crate::Config;
use crate::access::{Bearer, Grant, Namespaces, Principal, Role};
use crate::gate::Decided;
use crate::problem::Problem;
use crate::view::{self, Unreadable};

#[derive(Clone)]
pub(crate) struct App {
    /// Reached with a proof that access was decided.
    node: Node,
    pub(crate) config: Arc<Config>,
    open: Arc<Principal>,
    stopping: Arc<watch::Sender<bool>>,
}

impl App {
    pub(crate) fn new(node: Node, config: Config) -> App {
        App {
            node,
            config: Arc::new(config),
            open: Arc::new(open()),
            stopping: Arc::new(watch::Sender::new(false)),
        }
    }

    /// Tells those who wait that the server stops.
    pub(crate) fn stop(&self) {
        self.stopping.send_replace(true);
    }

    pub(crate) fn stopping(&self) -> watch::Receiver<bool> {
        self.stopping.subscribe()
    }

    pub(crate) fn node(&self, _proof: &impl Decided) -> &Node {
        &self.node
    }

    /// Completes when the node cannot go on.
    pub(crate) async fn failed(&self) -> Arc<str> {
        self.node.failed().await
    }

    /// Who asks.
    pub(crate) async fn principal(&self, _parts: &Parts) -> Result<Arc<Principal>, Problem> {
        Ok(self.open.clone())
    }

    /// Where a run is, for the decision itself.
    pub(crate) async fn namespace(&self, run: RunId) -> Result<Option<Arc<str>>, Problem> {
        let known = self.read(move |node| view::look(node, run)).await?;
        Ok(known.map(|known| known.run.namespace))
    }

    /// Reads from the journal, which blocks.
    pub(crate) async fn reading<T: Send + 'static>(
        &self,
        _proof: &impl Decided,
        read: impl FnOnce(&Node) -> Result<T, Unreadable> + Send + 'static,
    ) -> Result<T, Problem> {
        self.read(read).await
    }

    async fn read<T: Send + 'static>(
        &self,
        read: impl FnOnce(&Node) -> Result<T, Unreadable> + Send + 'static,
    ) -> Result<T, Problem> {
        let node = self.node.clone();
        let read = tokio::task::spawn_blocking(move || read(&node)).await;
        let panicked = |_| Err(StoreError::Unusable("reading panicked".into()).into());
        Ok(read.unwrap_or_else(panicked)?)
    }

    pub(crate) async fn look(&self, _proof: &impl Decided, run: RunId) -> Result<Summary, Problem> {
        let known = self.read(move |node| view::look(node, run)).await?;
        known.ok_or_else(Problem::no_such_run)
    }
}

/// Nobody in particular, where nobody has to sign in yet: everything but to decide what others may do, which would let
/// the first who comes shut out all others.
fn open() -> Principal {
    Principal {
        bearer: Bearer::Open,
        grants: vec![Grant {
            role: Role::Editor,
            namespace: Namespaces::All,
        }],
        expires_ms: None,
    }
}

pub(crate) fn now_ms() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.map_or(0, |since| since.as_millis() as i64)
}
