//! What all requests share.

use std::sync::Arc;

use std::time::{SystemTime, UNIX_EPOCH};

use axum::http::Method;
use axum::http::request::Parts;
use ferrovia_runtime::Node;
use ferrovia_store::{RunId, StoreError, Summary};
use tokio::sync::watch;

use crate::Config;
use crate::access::Principal;
use crate::access::cookie::Transport;
use crate::gate::Decided;
use crate::guard;
use crate::live::Live;
use crate::oidc::Provider;
use crate::people::{self, People, Shown};
use crate::problem::Problem;
use crate::view::{self, Unreadable};

#[derive(Clone)]
pub(crate) struct App {
    /// Reached with a proof that access was decided.
    node: Node,
    people: People,
    /// Where people may have an account.
    pub(crate) provider: Option<Arc<Provider>>,
    pub(crate) config: Arc<Config>,
    pub(crate) live: Live,
    stopping: Arc<watch::Sender<bool>>,
}

impl App {
    pub(crate) fn new(node: Node, people: People, config: Config) -> App {
        let provider = config.oidc.as_ref().map(|(oidc, fetch)| {
            let provider = Provider::new(oidc.clone(), fetch.clone());
            Arc::new(provider)
        });
        App {
            node,
            people,
            provider,
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

    pub(crate) fn node(&self, _proof: &impl Decided) -> &Node {
        &self.node
    }

    /// Completes when the node cannot go on.
    pub(crate) async fn failed(&self) -> Arc<str> {
        self.node.failed().await
    }

    /// Who may come in, for those who were let in.
    pub(crate) fn people(&self, _proof: &impl Decided) -> &People {
        &self.people
    }

    /// Who may come in, for those who want to.
    pub(crate) fn people_at_the_door(&self) -> &People {
        &self.people
    }

    /// How browsers reach this server.
    pub(crate) fn transport(&self) -> Transport {
        match self.config.tls {
            Some(_) => Transport::Https,
            None => Transport::Loopback,
        }
    }

    /// Who asks.
    pub(crate) async fn principal(&self, parts: &Parts) -> Result<Arc<Principal>, Problem> {
        let shown = people::shown(&parts.headers, self.transport())?;
        let principal = self.people.who(&shown).await?;
        let Some(principal) = principal else {
            // A session that is over is as good as none; a key that is none was meant to be one.
            let nobody = match shown {
                Shown::Cookie(_) => self.people.who(&Shown::Nothing).await?,
                Shown::Nothing | Shown::Header(..) => None,
            };
            return nobody.ok_or_else(Problem::anonymous);
        };
        // A browser sends its cookie whoever made it ask; what changes something has to come from our own page.
        if matches!(shown, Shown::Cookie(_)) && changes(&parts.method) {
            guard::same_origin(parts, self.transport())?;
        }
        Ok(principal)
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

fn changes(method: &Method) -> bool {
    !matches!(*method, Method::GET | Method::HEAD | Method::OPTIONS)
}

pub(crate) fn now_ms() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.map_or(0, |since| since.as_millis() as i64)
}
