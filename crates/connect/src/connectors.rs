//! Builds what this crate offers from one configuration, sharing connections, tokens and loaded resources.

use std::sync::Arc;

use ferrovia_runtime::port::Executor;

use crate::auth::Accounts;
use crate::client::{ClientError, GuardedClient};
use crate::config::ConnectConfig;
use crate::http::{Exchanger, HttpExecutor};
use crate::openapi::OpenApiExecutor;
use crate::process::{Processes, ShellExecutor};
use crate::resource::{Loader, LocalFiles};
use crate::script::ScriptExecutor;

/// An executor and the kind of effect it carries out.
pub type Wired = (&'static str, Arc<dyn Executor>);

/// The guarded client, the loader of resources, and the executors by the kind of effect they carry out.
pub struct Connectors {
    pub client: GuardedClient,
    pub loader: Loader,
    pub executors: Vec<Wired>,
}

impl Connectors {
    /// Fails when the configured root certificates cannot be read.
    pub fn new(config: &ConnectConfig) -> Result<Self, ClientError> {
        let client = GuardedClient::new(config)?;
        let files = Arc::new(LocalFiles::of(config));
        let exchanger = Arc::new(Exchanger {
            client: client.clone(),
            accounts: Accounts::default(),
            limits: config.http,
        });
        let loader = Loader::new(Arc::clone(&exchanger), Arc::clone(&files));
        let processes = Arc::new(Processes::new(config.process));
        let executors: Vec<Wired> = vec![
            (
                "http",
                Arc::new(HttpExecutor::new(
                    Arc::clone(&exchanger),
                    Arc::clone(&files),
                )),
            ),
            (
                "openapi",
                Arc::new(OpenApiExecutor::new(
                    Arc::clone(&exchanger),
                    loader.clone(),
                    Arc::clone(&files),
                )),
            ),
            (
                "shell",
                Arc::new(ShellExecutor::new(Arc::clone(&processes))),
            ),
            (
                "script",
                Arc::new(ScriptExecutor::new(
                    loader.clone(),
                    processes,
                    config.javascript,
                )),
            ),
        ];
        Ok(Self {
            client,
            loader,
            executors,
        })
    }
}

/// The executors alone; see [`Connectors::new`].
pub fn executors(config: &ConnectConfig) -> Result<Vec<Wired>, ClientError> {
    Connectors::new(config).map(|connectors| connectors.executors)
}
