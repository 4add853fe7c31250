//! What every scenario stands on: a directory of its own, a node on a journal in it, and effects that do nothing.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;

use anyhow::anyhow;
use async_trait::async_trait;
use ferrovia_dsl::compile::{Links, Options, compile};
use ferrovia_dsl::plan::Plan;
use ferrovia_expr::Value;
use ferrovia_runtime::port::{Call, Executor, Fault, Success};
use ferrovia_runtime::{Executors, Node, StartRequest};
use ferrovia_store::Sqlite;
use tempfile::TempDir;
use tokio::net::TcpListener;
use tokio::sync::oneshot;

use super::machine;
use crate::config::Config;
use crate::data::{Data, settled};
use crate::durable;

/// Where directories are made.
pub(super) struct Base {
    directory: TempDir,
}

impl Base {
    pub(super) fn new(directory: &Path) -> std::io::Result<Base> {
        let directory = tempfile::Builder::new()
            .prefix("ferrovia-bench-")
            .tempdir_in(directory.canonicalize()?)?;
        Ok(Base { directory })
    }

    /// A fresh directory, removed when it is dropped.
    pub(super) fn fresh(&self) -> std::io::Result<TempDir> {
        tempfile::tempdir_in(self.directory.path())
    }

    pub(super) fn file_system(&self) -> String {
        machine::file_system(self.directory.path())
    }

    /// Whether it is a disk in name only.
    pub(super) fn is_memory(&self) -> bool {
        matches!(&*self.file_system(), "tmpfs" | "ramfs")
    }
}

/// Does nothing, at once.
struct Nothing;

#[async_trait]
impl Executor for Nothing {
    async fn execute(&self, _call: Call) -> Result<Success, Fault> {
        Ok(Success::default())
    }

    fn immediate(&self, _call: &Call) -> Option<Result<Success, Fault>> {
        Some(Ok(Success::default()))
    }
}

/// A node as `ferrovia serve` makes it, but for its effects.
pub(super) struct Bed {
    pub(super) node: Node,
    pub(super) journal: Arc<Sqlite>,
}

impl Bed {
    pub(super) async fn open(data: &Path) -> anyhow::Result<Bed> {
        let journal = Data(data.to_owned()).open()?;
        let nothing: Arc<dyn Executor> = Arc::new(Nothing);
        let executors: Executors = [("http", nothing)].into_iter().collect();
        let node = durable::open(
            &Config::default(),
            journal.clone(),
            executors,
            Arc::new(Value::Null),
        )
        .await?;
        Ok(Bed { node, journal })
    }

    pub(super) async fn define(&self, text: &str) -> anyhow::Result<Arc<Plan>> {
        let root = ferrovia_dsl::source::parse(text).map_err(|_| anyhow!("{text}"))?;
        let compiled = compile(text, &root, &Links::default(), Options::default());
        let compiled = compiled.map_err(|findings| {
            anyhow!(
                "{}",
                findings
                    .iter()
                    .map(|finding| &*finding.message)
                    .collect::<Vec<_>>()
                    .join("; ")
            )
        })?;
        let plan = Arc::new(compiled.plan);
        self.node
            .define(plan.clone(), text, Links::default().keep().as_bytes())
            .await?;
        Ok(plan)
    }

    /// Serves on a free port, until what is answered is dropped.
    pub(super) async fn serve(&self) -> anyhow::Result<Served> {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
        let address = listener.local_addr()?;
        let (stop, stopped) = oneshot::channel::<()>();
        let node = self.node.clone();
        tokio::spawn(ferrovia_server::serve(
            listener,
            node,
            Default::default(),
            async {
                let _ = stopped.await;
            },
        ));
        Ok(Served {
            address,
            _stop: stop,
        })
    }

    /// Waits until all is on disk, and lets go of it.
    pub(super) async fn close(self) -> anyhow::Result<()> {
        settled(&*self.journal).await;
        drop(self.node);
        // The tasks of the node end one after another; the last one lets go of the journal, whose lock goes with it.
        let mut journal = self.journal;
        for _ in 0..CLOSE_LOOKS {
            match Arc::try_unwrap(journal) {
                Ok(last) => return Ok(tokio::task::spawn_blocking(move || drop(last)).await?),
                Err(shared) => journal = shared,
            }
            tokio::time::sleep(CLOSE_LOOK).await;
        }
        Err(anyhow!("the node does not end"))
    }
}

/// How often, and how long, [`Bed::close`] waits.
const CLOSE_LOOKS: usize = 1_000;
const CLOSE_LOOK: std::time::Duration = std::time::Duration::from_millis(10);

pub(super) struct Served {
    pub(super) address: SocketAddr,
    _stop: oneshot::Sender<()>,
}

pub(super) fn workflow(name: &str, tasks: &str) -> String {
    format!(
        "document: {{ dsl: '1.0.3', namespace: bench, name: {name}, version: '1.0.0' }}\ndo:\n{tasks}"
    )
}

pub(super) fn request(plan: &Arc<Plan>, input: Value) -> StartRequest {
    StartRequest {
        plan: plan.clone(),
        input,
        key: None,
        labels: Vec::new(),
    }
}
