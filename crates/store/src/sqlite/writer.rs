//! The thread that writes. It takes what waits, commits it together, and then answers.
//!
//! ```text
//! take ──► group ──► BEGIN, write each batch, COMMIT ──► answer each
//!   ▲                                                         │
//!   └── idle: checkpoint, give free pages back ◄──────────────┘
//! ```

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicI32, AtomicI64, Ordering};
use std::time::Duration;

use rusqlite::wal::CheckpointMode;
use rusqlite::{Connection, params};

use super::change::{Change, Memory};
use super::error::failed;
use super::purge;
use super::queue::{Batch, Job, Queue};
use super::schema;
use crate::check;
use crate::ids::{Epoch, ShardId};
use crate::journal::{StoreError, Ticket};
use crate::row::{Purge, Write};

/// Pages in the write-ahead log after which it is copied into the database: 16 MiB.
const CHECKPOINT_PAGES: i32 = 4_096;
/// How much longer the log may get before the next try when readers were in the way.
const CHECKPOINT_PAGES_MORE: i32 = 1_024;
/// How long nothing has to come before the writer tidies up.
const IDLE: Duration = Duration::from_millis(200);
/// Free pages that go back to the file system at a time, so that nobody waits long.
const VACUUM_PAGES: i64 = 256;

/// What readers want to know of the writer.
#[derive(Debug, Default)]
pub(super) struct Figures {
    /// Records ever written.
    pub(super) written: AtomicI64,
    /// Records ever purged.
    pub(super) purged: AtomicI64,
}

pub(super) struct Writer {
    connection: Connection,
    memory: Memory,
    queue: Arc<Queue>,
    figures: Arc<Figures>,
    /// Why nothing is written any more.
    broken: Option<StoreError>,
    log_pages: Arc<AtomicI32>,
    checkpoint_at: i32,
    tidy: bool,
}

impl Writer {
    pub(super) fn new(
        mut connection: Connection,
        memory: Memory,
        queue: Arc<Queue>,
        figures: Arc<Figures>,
    ) -> Result<Writer, StoreError> {
        let log_pages = Arc::new(AtomicI32::new(0));
        let seen = log_pages.clone();
        connection
            .wal_hook(Some(move |_: &mut rusqlite::hooks::Wal, pages| {
                seen.store(pages, Ordering::Relaxed);
                Ok(())
            }))
            .map_err(failed)?;
        Ok(Writer {
            connection,
            memory,
            queue,
            figures,
            broken: None,
            log_pages,
            checkpoint_at: CHECKPOINT_PAGES,
            tidy: false,
        })
    }

    pub(super) fn work(mut self) {
        loop {
            let patience = (!self.tidy && self.broken.is_none()).then_some(IDLE);
            match self.queue.take(patience) {
                Job::Group(group) => self.commit(group),
                Job::Acquire(shard, answer) => {
                    let epoch = self.guarded(|writer| writer.acquire(shard));
                    // Whoever asked may have gone.
                    let _ = answer.send(epoch);
                }
                Job::Purge { purge, answer } => {
                    let purged = self.guarded(|writer| writer.purge(purge));
                    let _ = answer.send(purged);
                }
                Job::Idle => {
                    let tidied = self.guarded(|writer| {
                        writer.tidy_up();
                        Ok(())
                    });
                    self.tidy = true;
                    drop(tidied);
                    continue;
                }
                Job::Stop => break,
            }
            self.tidy = false;
            if self.broken.is_none() && self.log_pages.load(Ordering::Relaxed) >= self.checkpoint_at
            {
                self.checkpoint(CheckpointMode::PASSIVE);
            }
        }
        if self.broken.is_none() {
            self.checkpoint(CheckpointMode::TRUNCATE);
        }
    }

    /// Does nothing once storage has failed. A defect here is taken as such a failure: nothing is known then.
    fn guarded<T>(
        &mut self,
        act: impl FnOnce(&mut Writer) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        if let Some(why) = &self.broken {
            return Err(why.clone());
        }
        let result = catch_unwind(AssertUnwindSafe(|| act(self)))
            .unwrap_or_else(|_| Err(StoreError::Fatal("the writer met a defect".into())));
        if let Err(why @ StoreError::Fatal(_)) = &result {
            self.broken = Some(why.clone());
        }
        result
    }

    fn commit(&mut self, group: Vec<Batch>) {
        let (batches, done): (Vec<Vec<Write>>, Vec<_>) = group
            .into_iter()
            .map(|batch| (batch.writes, batch.done))
            .unzip();
        let answers = match self.guarded(|writer| writer.transact(&batches)) {
            Ok(answers) => answers,
            // One of them may be too large for what is left; the others are not concerned.
            Err(StoreError::Full(_)) if batches.len() > 1 => batches
                .chunks(1)
                .map(|alone| {
                    let mut answers = self.guarded(|writer| writer.transact(alone))?;
                    answers.pop().expect("one batch has one answer")
                })
                .collect(),
            Err(why) => batches.iter().map(|_| Err(why.clone())).collect(),
        };
        for (done, answer) in done.into_iter().zip(answers) {
            // A panic of one caller must not keep the others from their answers.
            let _ = catch_unwind(AssertUnwindSafe(|| done(answer)));
        }
    }

    /// Writes batches in one transaction. An error is of the transaction; an answer is of its batch.
    fn transact(
        &mut self,
        batches: &[Vec<Write>],
    ) -> Result<Vec<Result<Ticket, StoreError>>, StoreError> {
        self.execute("BEGIN IMMEDIATE")?;
        let position = self.memory.position;
        let written = self.apply_all(batches).and_then(|answers| {
            self.execute("COMMIT")?;
            Ok(answers)
        });
        if written.is_err() {
            self.memory.take_back(position);
            self.roll_back()?;
        }
        self.figures
            .written
            .store(self.memory.position - 1, Ordering::Relaxed);
        written
    }

    /// A savepoint costs a copy of every page that a batch is the first to change. So there are none at first; when a
    /// batch is refused, which is rare, all of them are taken back and written again, each after a savepoint.
    fn apply_all(
        &mut self,
        batches: &[Vec<Write>],
    ) -> Result<Vec<Result<Ticket, StoreError>>, StoreError> {
        let position = self.memory.position;
        let mut tickets = Vec::with_capacity(batches.len());
        for batch in batches {
            match self.apply(batch) {
                Ok(ticket) => tickets.push(Ok(ticket)),
                Err(why) if self.is_of_transaction(&why) => return Err(why),
                Err(_) => {
                    self.memory.take_back(position);
                    self.roll_back()?;
                    self.execute("BEGIN IMMEDIATE")?;
                    return self.apply_each(batches);
                }
            }
        }
        Ok(tickets)
    }

    /// With a savepoint before each batch, so that a refused one takes nothing of the others away.
    fn apply_each(
        &mut self,
        batches: &[Vec<Write>],
    ) -> Result<Vec<Result<Ticket, StoreError>>, StoreError> {
        let mut answers = Vec::with_capacity(batches.len());
        for batch in batches {
            self.execute("SAVEPOINT batch")?;
            let position = self.memory.position;
            let answer = self.apply(batch);
            match &answer {
                Ok(_) => self.execute("RELEASE batch")?,
                Err(why) if self.is_of_transaction(why) => return answer.map(|_| Vec::new()),
                Err(_) => {
                    self.memory.take_back(position);
                    self.execute("ROLLBACK TO batch")?;
                    self.execute("RELEASE batch")?;
                }
            }
            answers.push(answer);
        }
        Ok(answers)
    }

    fn apply(&mut self, batch: &[Write]) -> Result<Ticket, StoreError> {
        Change {
            connection: &self.connection,
            memory: &mut self.memory,
        }
        .apply(batch)
    }

    /// Whether nothing of the transaction can stand. SQLite ends one by itself when it cannot go on.
    fn is_of_transaction(&self, why: &StoreError) -> bool {
        matches!(why, StoreError::Full(_) | StoreError::Fatal(_)) || self.connection.is_autocommit()
    }

    fn roll_back(&self) -> Result<(), StoreError> {
        if self.connection.is_autocommit() {
            return Ok(());
        }
        // What cannot be rolled back leaves the connection useless, and nothing known.
        self.execute("ROLLBACK")
            .map_err(|why| StoreError::Fatal(Arc::from(why.to_string())))
    }

    fn execute(&self, sql: &str) -> Result<(), StoreError> {
        self.connection
            .prepare_cached(sql)
            .and_then(|mut statement| statement.execute([]))
            .map(drop)
            .map_err(failed)
    }

    fn acquire(&mut self, shard: ShardId) -> Result<Epoch, StoreError> {
        check::shard(shard, self.memory.epochs.len() as u16)?;
        let epoch = Epoch(self.memory.epochs[usize::from(shard.0)].0 + 1);
        self.connection
            .prepare_cached("INSERT OR REPLACE INTO shards (shard, epoch) VALUES (?1, ?2)")
            .and_then(|mut insert| insert.execute(params![shard.0, epoch.0 as i64]))
            .map_err(failed)?;
        self.memory.epochs[usize::from(shard.0)] = epoch;
        Ok(epoch)
    }

    fn purge(&mut self, purge: Purge) -> Result<u64, StoreError> {
        self.execute("BEGIN IMMEDIATE")?;
        let position = self.memory.position;
        let purged = purge::purge(&self.connection, purge, position);
        let purged = purged.and_then(|purged| {
            self.execute("COMMIT")?;
            Ok(purged)
        });
        match purged {
            Ok(purged) => {
                self.figures
                    .purged
                    .fetch_add(purged.records, Ordering::Relaxed);
                Ok(purged.runs)
            }
            Err(why) => {
                self.roll_back()?;
                Err(why)
            }
        }
    }

    /// Copies the log into the database, so far as readers let it.
    fn checkpoint(&mut self, mode: CheckpointMode) {
        let copied = self
            .connection
            .wal_checkpoint_v2(None::<&str>, mode)
            .map_err(failed);
        match copied {
            Ok((log, copied)) if log == copied => {
                // The next commit begins the log anew.
                self.checkpoint_at = CHECKPOINT_PAGES;
                self.log_pages.store(0, Ordering::Relaxed);
            }
            Err(why @ StoreError::Fatal(_)) => self.broken = Some(why),
            // The log has everything. There may be room later, or the reader may be gone.
            Ok(_) | Err(_) => {
                let pages = self.log_pages.load(Ordering::Relaxed);
                self.checkpoint_at = pages.max(CHECKPOINT_PAGES) + CHECKPOINT_PAGES_MORE;
            }
        }
    }

    fn tidy_up(&mut self) {
        while self.queue.is_empty() && self.give_back() {}
        if self.log_pages.load(Ordering::Relaxed) > 0 && self.broken.is_none() {
            self.checkpoint(CheckpointMode::PASSIVE);
        }
    }

    /// Gives some free pages back to the file system. Answers whether there may be more.
    fn give_back(&mut self) -> bool {
        let free = schema::pragma(&self.connection, "freelist_count").unwrap_or(0);
        if free == 0 {
            return false;
        }
        let freed = self
            .connection
            .prepare(&format!("PRAGMA incremental_vacuum({VACUUM_PAGES})"))
            .and_then(|mut vacuum| {
                // It frees one page a step.
                let mut rows = vacuum.query([])?;
                while rows.next()?.is_some() {}
                Ok(())
            })
            .map_err(failed);
        if let Err(why @ StoreError::Fatal(_)) = &freed {
            self.broken = Some(why.clone());
        }
        freed.is_ok() && free > VACUUM_PAGES
    }
}
