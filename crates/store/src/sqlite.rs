//! The journal in one file, for a single process: SQLite with a write-ahead log that is synchronised at every commit.
//!
//! Owns the file and refuses to share it with another process. One thread writes, and commits together what waits;
//! a few connections read. The page docs/decisions/0008 says why, and what it costs.

mod backup;
mod change;
mod entries;
mod error;
mod lock;
mod names;
mod purge;
mod queue;
mod read;
mod readers;
mod runs;
mod schema;
mod writer;

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::atomic::Ordering;
use std::sync::{Arc, mpsc};
use std::thread::JoinHandle;

use ferrovia_dsl::plan::PlanHash;
use rusqlite::Connection;

use crate::ids::{Epoch, RunId, ShardId};
use crate::journal::{Done, Journal, StoreError};
use crate::row::{
    Committed, Definition, Entry, EntryKey, Filter, Page, Purge, Schedule, Stats, StoredRun,
    Summary, Write,
};
pub use backup::{Existing, restore};
use change::Memory;
use error::{failed, unusable};
use lock::{Lock, beside};
use names::Names;
use queue::{Job, Queue};
use readers::Readers;
use writer::{Figures, Writer};

/// Shards of a store that nobody gave a number.
const SHARDS: u16 = 8;

/// How a store is made and opened.
#[derive(Clone, Debug)]
pub struct Options {
    /// How many shards a new store gets. One that exists keeps what it has.
    pub shards: u16,
}

impl Default for Options {
    fn default() -> Self {
        Options { shards: SHARDS }
    }
}

/// A journal in a SQLite database. Dropping it waits until all that is queued is durable.
pub struct Sqlite {
    path: PathBuf,
    shards: u16,
    queue: Arc<Queue>,
    figures: Arc<Figures>,
    readers: Readers,
    /// Absent when it was opened to read.
    writer: Option<JoinHandle<()>>,
    _lock: Option<Lock>,
}

impl std::fmt::Debug for Sqlite {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Sqlite")
            .field("path", &self.path)
            .field("shards", &self.shards)
            .finish_non_exhaustive()
    }
}

impl Sqlite {
    /// Opens the store at a path, and makes it where there is none.
    ///
    /// [`StoreError::Unusable`] says who has it if somebody has, or why it is no store of ours.
    pub fn open(path: impl AsRef<Path>, options: Options) -> Result<Sqlite, StoreError> {
        let path = path.as_ref().to_owned();
        let lock = Lock::take(&path)?;
        let connection = schema::open_writer(&path, options.shards.max(1))?;
        let figures = Arc::new(Figures::default());
        let (memory, shards) = remember(&connection, &figures)?;
        let readers = Readers::open(&path)?;
        let queue = Arc::new(Queue::default());
        let writer = Writer::new(connection, memory, queue.clone(), figures.clone())?;
        let writer = std::thread::Builder::new()
            .name("store".to_owned())
            .spawn(move || writer.work())
            .map_err(|why| unusable(format!("the writer of the store does not start: {why}")))?;
        Ok(Sqlite {
            path,
            shards,
            queue,
            figures,
            readers,
            writer: Some(writer),
            _lock: Some(lock),
        })
    }

    /// Opens a store that exists, to read, beside the process that may have it. Writes are refused.
    pub fn read(path: impl AsRef<Path>) -> Result<Sqlite, StoreError> {
        let path = path.as_ref().to_owned();
        if !path.exists() {
            return Err(unusable(format!("there is no store at {}", path.display())));
        }
        let connection = schema::open_reader(&path)?;
        schema::check_identity(&connection, &path)?;
        match schema::pragma(&connection, "user_version")? {
            0 => return Err(unusable(format!("{} is no store", path.display()))),
            found if found < i64::from(schema::SCHEMA) => {
                return Err(unusable(format!(
                    "{} was written by an earlier release; `ferrovia serve` with its directory brings it up to date",
                    path.display()
                )));
            }
            _ => {}
        }
        let figures = Arc::new(Figures::default());
        let (_, shards) = remember(&connection, &figures)?;
        Ok(Sqlite {
            readers: Readers::open(&path)?,
            path,
            shards,
            queue: Arc::default(),
            figures,
            writer: None,
            _lock: None,
        })
    }

    fn refusal(&self) -> Option<StoreError> {
        let only_read = || unusable(format!("{} was opened to read", self.path.display()));
        self.writer.is_none().then(only_read)
    }

    /// Asks the writer, and waits. It answers after all that was queued before.
    fn ask<T>(
        &self,
        job: impl FnOnce(mpsc::Sender<Result<T, StoreError>>) -> Job,
    ) -> Result<T, StoreError> {
        if let Some(refusal) = self.refusal() {
            return Err(refusal);
        }
        let (sender, receiver) = mpsc::channel();
        self.queue.ask(job(sender));
        receiver
            .recv()
            .unwrap_or_else(|_| Err(StoreError::Fatal("the writer is gone".into())))
    }
}

/// Reads what the writer keeps in memory.
fn remember(connection: &Connection, figures: &Figures) -> Result<(Memory, u16), StoreError> {
    let number = |sql: &str| -> Result<i64, StoreError> {
        connection
            .query_row(sql, [], |row| row.get(0))
            .map_err(failed)
    };
    let meta = |name: &str| number(&format!("SELECT value FROM meta WHERE name = '{name}'"));
    let shards = u16::try_from(meta("shards")?)
        .map_err(|error| error::damaged("the number of shards", error.to_string()))?;
    let mut epochs = vec![Epoch::default(); usize::from(shards)];
    let known: Vec<(u16, u64)> =
        read::list(connection, "SELECT shard, epoch FROM shards", [], |row| {
            Ok((row.get(0)?, row.get(1)?))
        })?;
    for (shard, epoch) in known {
        if let Some(known) = epochs.get_mut(usize::from(shard)) {
            *known = Epoch(epoch);
        }
    }
    let last = number("SELECT ifnull(max(pos), 0) FROM journal")?;
    let position = meta("position")?.max(last + 1);
    figures.written.store(position - 1, Ordering::Relaxed);
    figures.purged.store(meta("purged")?, Ordering::Relaxed);
    let memory = Memory {
        epochs,
        names: Names::default(),
        position,
        runs: HashMap::new(),
        delivery: number("SELECT ifnull(max(id), 0) + 1 FROM deliveries")?,
        revision: number("SELECT ifnull(max(revision), 0) FROM entries")? as u64,
    };
    Ok((memory, shards))
}

impl Drop for Sqlite {
    fn drop(&mut self) {
        self.queue.close();
        if let Some(writer) = self.writer.take() {
            // A writer that panicked has nothing more to say.
            let _ = writer.join();
        }
    }
}

impl Journal for Sqlite {
    fn write(&self, batch: Vec<Write>, done: Done) {
        if let Some(refusal) = self.refusal() {
            return done(Err(refusal));
        }
        if let Err((done, waiting)) = self.queue.push(batch, done) {
            done(Err(StoreError::Busy(waiting)));
        }
    }

    fn acquire(&self, shard: ShardId) -> Result<Epoch, StoreError> {
        self.ask(|answer| Job::Acquire(shard, answer))
    }

    fn shards(&self) -> u16 {
        self.shards
    }

    fn load(&self, run: RunId) -> Result<Option<StoredRun>, StoreError> {
        self.readers.ask(|reader| read::load(reader, run))
    }

    fn records(
        &self,
        run: RunId,
        from_seq: u64,
        limit: usize,
    ) -> Result<Vec<(u64, Vec<u8>)>, StoreError> {
        self.readers
            .ask(|reader| read::records(reader, run, from_seq, limit))
    }

    fn committed(&self, after: u64, limit: usize) -> Result<Vec<Committed>, StoreError> {
        self.readers
            .ask(|reader| read::committed(reader, after, limit))
    }

    fn position(&self) -> Result<u64, StoreError> {
        let written = self.figures.written.load(Ordering::Relaxed);
        Ok(u64::try_from(written).unwrap_or(0))
    }

    fn unsettled(
        &self,
        shard: ShardId,
        after: Option<RunId>,
        limit: usize,
    ) -> Result<Vec<RunId>, StoreError> {
        self.readers
            .ask(|reader| read::unsettled(reader, shard, after, limit))
    }

    fn due(
        &self,
        shard: ShardId,
        before_ms: i64,
        limit: usize,
    ) -> Result<Vec<(i64, RunId)>, StoreError> {
        self.readers
            .ask(|reader| read::due(reader, shard, before_ms, limit))
    }

    fn children(&self, parent: RunId) -> Result<Vec<Summary>, StoreError> {
        self.readers.ask(|reader| read::children(reader, parent))
    }

    fn summary(&self, run: RunId) -> Result<Option<Summary>, StoreError> {
        self.readers.ask(|reader| read::summary(reader, run))
    }

    fn runs(&self, filter: &Filter, page: Page) -> Result<Vec<Summary>, StoreError> {
        self.readers.ask(|reader| runs::runs(reader, filter, page))
    }

    fn definition(&self, plan: PlanHash) -> Result<Option<Definition>, StoreError> {
        self.readers.ask(|reader| read::definition(reader, plan))
    }

    fn definitions(&self) -> Result<Vec<Definition>, StoreError> {
        self.readers.ask(read::definitions)
    }

    fn schedules(&self) -> Result<Vec<Schedule>, StoreError> {
        self.readers.ask(read::schedules)
    }

    fn trigger(&self, name: &str) -> Result<Option<Vec<u8>>, StoreError> {
        self.readers.ask(|reader| read::trigger(reader, name))
    }

    fn stats(&self) -> Result<Stats, StoreError> {
        let (runs_by_status, deliveries) = self.readers.ask(read::counts)?;
        let written = self.figures.written.load(Ordering::Relaxed);
        let purged = self.figures.purged.load(Ordering::Relaxed);
        let bytes = |path: &Path| std::fs::metadata(path).map_or(0, |file| file.len());
        Ok(Stats {
            runs_by_status,
            records: u64::try_from(written - purged).unwrap_or(0),
            bytes: bytes(&self.path) + bytes(&beside(&self.path, "wal")),
            deliveries,
        })
    }

    fn entry(&self, key: &EntryKey) -> Result<Option<Entry>, StoreError> {
        self.readers.ask(|reader| entries::entry(reader, key))
    }

    fn entries(
        &self,
        kind: &str,
        namespace: Option<&str>,
        after: Option<&EntryKey>,
        limit: usize,
    ) -> Result<Vec<Entry>, StoreError> {
        self.readers
            .ask(|reader| entries::entries(reader, kind, namespace, after, limit))
    }

    fn ended_before(&self, newest: usize) -> Result<Option<i64>, StoreError> {
        self.readers
            .ask(|reader| read::ended_before(reader, newest))
    }

    fn purge(&self, purge: Purge) -> Result<u64, StoreError> {
        self.ask(|answer| Job::Purge { purge, answer })
    }
}
