//! The data directory: where a process keeps its runs, and where others find out who has it.

use std::fs::{DirBuilder, OpenOptions};
use std::io::Write;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::Context;
use clap::Args;
use ferrovia_expr::{Object, Value};
use ferrovia_store::{Existing, Journal, Options, Sqlite, StoreError};

use crate::config::{Given, Loaded, load};

/// The database.
const DATABASE: &str = "ferrovia.db";
/// The lock of the store, which has the number of the process that holds it.
const LOCK: &str = "ferrovia.db-lock";
/// The address of the server that has the directory, and the key for whoever can read it.
const SERVER: &str = "server.json";

/// Where a command finds the data directory.
#[derive(Args, Clone)]
pub(crate) struct DataArgs {
    /// Where runs are kept: `data.directory` of ferrovia.toml, or `.ferrovia`, unless given
    #[arg(long, value_name = "DIRECTORY", global = true)]
    data: Option<PathBuf>,
    /// The file of settings; ferrovia.toml in the current directory or one above it unless given
    #[arg(long, value_name = "FILE", env = "FERROVIA_CONFIG", global = true)]
    config: Option<PathBuf>,
}

impl DataArgs {
    /// The settings, with those of the command line.
    pub(crate) fn settings(&self, mut given: Given) -> anyhow::Result<Loaded> {
        if let Some(data) = &self.data {
            given.push(("data.directory", data.to_string_lossy().into()));
        }
        load(self.config.as_deref(), given)
    }

    /// The data directory.
    pub(crate) fn directory(&self) -> anyhow::Result<Data> {
        Ok(Data(self.settings(Given::new())?.config.data.directory))
    }
}

pub(crate) struct Data(pub(crate) PathBuf);

impl Data {
    pub(crate) fn database(&self) -> PathBuf {
        self.0.join(DATABASE)
    }

    /// Makes the directory where there is none. Only its owner may look into it.
    fn make(&self) -> anyhow::Result<()> {
        let made = DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(&self.0);
        made.with_context(|| self.0.display().to_string())
    }

    /// Puts a copy of a store into the directory.
    pub(crate) fn restore(
        &self,
        copy: &Path,
        existing: Existing,
        progress: impl FnMut(u64, u64),
    ) -> anyhow::Result<()> {
        if !copy.is_file() {
            anyhow::bail!("{}: there is no such file", copy.display());
        }
        self.make()?;
        let restored = ferrovia_store::restore(copy, self.database(), existing, progress);
        restored.map_err(|error| self.explain(error))
    }

    /// Takes the directory over, and makes it where there is none.
    pub(crate) fn open(&self) -> anyhow::Result<Arc<Sqlite>> {
        self.make()?;
        let opened = Sqlite::open(self.database(), Options::default());
        opened.map(Arc::new).map_err(|error| self.explain(error))
    }

    /// Opens it beside the process that may have it.
    pub(crate) fn read(&self) -> anyhow::Result<Sqlite> {
        if !self.database().exists() {
            anyhow::bail!(
                "no runs are kept in {}; name another directory with --data, or a server with --server",
                self.0.display()
            );
        }
        Ok(Sqlite::read(self.database())?)
    }

    /// Says where the server is that has the directory.
    fn explain(&self, error: StoreError) -> anyhow::Error {
        match self.server() {
            Some(serving) => anyhow::anyhow!("{error}, which serves at {}", serving.url),
            None => error.into(),
        }
    }

    /// The server that has the directory, if one has it.
    pub(crate) fn server(&self) -> Option<Serving> {
        let text = std::fs::read_to_string(self.0.join(SERVER)).ok()?;
        let known = Value::parse_json(&text).ok()?;
        let holder = std::fs::read_to_string(self.0.join(LOCK)).ok()?;
        // What a server that was killed left behind says nothing about who came after it.
        let holder: i64 = holder.trim().parse().ok()?;
        let holds = known.get("process").and_then(Value::as_i64) == Some(holder);
        let text = |name: &str| Some(known.get(name)?.as_str()?.to_owned());
        let (url, key) = (text("url")?, text("key"));
        holds.then_some(Serving { url, key })
    }

    /// Tells others where this process serves and with which key, for as long as the answer is kept.
    pub(crate) fn announce(&self, url: &str, key: &str) -> anyhow::Result<Announced> {
        let path = self.0.join(SERVER);
        let mut known = Object::default();
        known.insert("url", url);
        known.insert("key", key);
        known.insert("process", i64::from(std::process::id()));
        let fresh = path.with_extension("json-new");
        // One that a process left behind when it was killed may have been made by somebody else, for others to read.
        let _ = std::fs::remove_file(&fresh);
        let written = OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(&fresh)
            .and_then(|mut file| file.write_all(Value::from(known).to_json().as_bytes()))
            .and_then(|()| std::fs::rename(&fresh, &path));
        written.with_context(|| path.display().to_string())?;
        Ok(Announced(path))
    }
}

/// A server that has the directory.
pub(crate) struct Serving {
    pub(crate) url: String,
    /// Shows that who sends it can read the directory.
    pub(crate) key: Option<String>,
}

/// Withdrawn when it is dropped.
pub(crate) struct Announced(PathBuf);

impl Drop for Announced {
    fn drop(&mut self) {
        // One that stays behind is not believed: another process holds the lock, or none.
        let _ = std::fs::remove_file(&self.0);
    }
}

/// Waits until everything that was queued is durable.
pub(crate) async fn settled(journal: &dyn Journal) {
    let (sender, receiver) = tokio::sync::oneshot::channel();
    journal.write(
        Vec::new(),
        Box::new(move |written| drop(sender.send(written))),
    );
    // Refused or not: what came before it has been answered.
    let _ = receiver.await;
}
