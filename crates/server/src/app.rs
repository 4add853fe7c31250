//! What all requests share.

use std::sync::Arc;

use ferrovia_runtime::Node;
use ferrovia_store::{RunId, StoreError, Summary};
use tokio::sync::watch;

use crate::Config;
use crate::live::Live;
use crate::problem::Problem;
use crate::view::{self, Unreadable};

#[derive(Clone)]
pub(crate) struct App {
    pub(crate) node: Node,
    pub(crate) config: Arc<Config>,
    pub(crate) live: Live,
    stopping: Arc<watch::Sender<bool>>,
}

impl App {
    pub(crate) fn new(node: Node, config: Config) -> App {
        App {
            node,
            config: Arc::new(config),
            live: Live::default(),
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

    /// Reads from the journal, which blocks.
    pub(crate) async fn reading<T: Send + 'static>(
        &self,
        read: impl FnOnce(&Node) -> Result<T, Unreadable> + Send + 'static,
    ) -> Result<T, Problem> {
        let node = self.node.clone();
        let read = tokio::task::spawn_blocking(move || read(&node)).await;
        let panicked = |_| Err(StoreError::Unusable("reading panicked".into()).into());
        Ok(read.unwrap_or_else(panicked)?)
    }

    pub(crate) async fn look(&self, run: RunId) -> Result<Summary, Problem> {
        let known = self.reading(move |node| view::look(node, run)).await?;
        known.ok_or_else(Problem::no_such_run)
    }
}
