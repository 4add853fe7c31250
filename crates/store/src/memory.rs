//! A journal that lives as long as its process: for tests and simulation, and the plainest statement of the contract.
//!
//! Nothing is durable, so `done` is called before `write` returns.

mod change;
mod purge;
mod table;

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::check;
use crate::ids::{DeliveryId, Epoch, RunId, ShardId};
use crate::journal::{Done, Journal, StoreError};
use crate::row::{
    Committed, Definition, Delivery, DeliveryKind, Entry, EntryKey, Filter, Page, Purge, Schedule,
    Snapshot, Stats, Status, StoredRun, Summary, Write,
};
use ferrovia_dsl::plan::PlanHash;
use table::Table;

/// A journal in memory.
#[derive(Debug)]
pub struct Memory {
    /// It takes nothing, as a disk without room.
    full: AtomicBool,
    shards: u16,
    tables: Mutex<Tables>,
}

#[derive(Debug, Default)]
struct Tables {
    epochs: Vec<Epoch>,
    runs: Table<RunId, Summary>,
    records: Table<(RunId, u64), Vec<u8>>,
    /// By position.
    log: Table<u64, (RunId, u64)>,
    snapshots: Table<RunId, Snapshot>,
    deliveries: Table<(RunId, DeliveryId), DeliveryKind>,
    keys: Table<Arc<str>, RunId>,
    wakes: Table<(ShardId, i64, RunId), ()>,
    active: Table<(ShardId, RunId), ()>,
    open: Table<([u8; 32], RunId), ()>,
    children: Table<(RunId, RunId), ()>,
    events: Table<(Arc<str>, Arc<str>), i64>,
    definitions: Table<u64, Definition>,
    plans: Table<[u8; 32], u64>,
    schedules: Table<Arc<str>, i64>,
    triggers: Table<Arc<str>, Vec<u8>>,
    entries: Table<EntryKey, Entry>,
    deliveries_made: i64,
    revisions: u64,
    position: u64,
}

impl Memory {
    /// An empty journal for a number of shards.
    pub fn new(shards: u16) -> Memory {
        let shards = shards.max(1);
        Memory {
            full: AtomicBool::new(false),
            shards,
            tables: Mutex::new(Tables {
                epochs: vec![Epoch::default(); usize::from(shards)],
                ..Tables::default()
            }),
        }
    }

    /// Has no room from now on, or has some again: for tests of what others do about that.
    pub fn fill(&self, full: bool) {
        self.full.store(full, Ordering::SeqCst);
    }

    /// A panic in between leaves changes that the next batch takes back.
    fn tables(&self) -> MutexGuard<'_, Tables> {
        let mut tables = self.tables.lock().unwrap_or_else(PoisonError::into_inner);
        tables.take_back();
        tables
    }
}

impl Journal for Memory {
    fn write(&self, batch: Vec<Write>, done: Done) {
        if self.full.load(Ordering::SeqCst) && !batch.is_empty() {
            return done(Err(StoreError::Full("nothing more is taken".into())));
        }
        let answer = {
            let mut tables = self.tables();
            let answer = tables.apply(batch, self.shards);
            match &answer {
                Ok(_) => tables.keep(),
                Err(_) => tables.take_back(),
            }
            answer
        };
        done(answer);
    }

    fn acquire(&self, shard: ShardId) -> Result<Epoch, StoreError> {
        check::shard(shard, self.shards)?;
        let mut tables = self.tables();
        let epoch = &mut tables.epochs[usize::from(shard.0)];
        epoch.0 += 1;
        Ok(*epoch)
    }

    fn shards(&self) -> u16 {
        self.shards
    }

    fn load(&self, run: RunId) -> Result<Option<StoredRun>, StoreError> {
        let tables = self.tables();
        let Some(summary) = tables.runs.get(&run).cloned() else {
            return Ok(None);
        };
        let snapshot = tables.snapshots.get(&run).cloned();
        let from = snapshot.as_ref().map_or(1, |snapshot| snapshot.seq + 1);
        Ok(Some(StoredRun {
            summary,
            snapshot,
            records: tables.records_from(run, from).collect(),
            deliveries: tables.deliveries_of(run),
        }))
    }

    fn records(
        &self,
        run: RunId,
        from_seq: u64,
        limit: usize,
    ) -> Result<Vec<(u64, Vec<u8>)>, StoreError> {
        let tables = self.tables();
        Ok(tables.records_from(run, from_seq).take(limit).collect())
    }

    fn committed(&self, after: u64, limit: usize) -> Result<Vec<Committed>, StoreError> {
        let tables = self.tables();
        let log = tables.log.range(after.saturating_add(1)..);
        let log = log.map(|(position, (run, seq))| Committed {
            position: *position,
            run: *run,
            seq: *seq,
        });
        // A record of a run that was purged is on no list any more.
        let there = log.filter(|record| tables.records.get(&(record.run, record.seq)).is_some());
        Ok(there.take(limit).collect())
    }

    fn position(&self) -> Result<u64, StoreError> {
        Ok(self.tables().position)
    }

    fn unsettled(
        &self,
        shard: ShardId,
        after: Option<RunId>,
        limit: usize,
    ) -> Result<Vec<RunId>, StoreError> {
        let tables = self.tables();
        let first = RunId(after.map_or(0, |after| after.0.saturating_add(1)));
        let active = tables
            .active
            .range((shard, first)..=(shard, RunId(u64::MAX)))
            .map(|((_, run), ())| *run);
        let waiting = tables
            .deliveries
            .range((first, DeliveryId(i64::MIN))..)
            .map(|((run, _), _)| *run)
            .filter(|run| {
                let summary = tables.runs.get(run);
                summary.is_some_and(|summary| summary.run.shard == shard)
            });
        let runs: std::collections::BTreeSet<RunId> = active.chain(waiting).collect();
        Ok(runs.into_iter().take(limit).collect())
    }

    fn due(
        &self,
        shard: ShardId,
        before_ms: i64,
        limit: usize,
    ) -> Result<Vec<(i64, RunId)>, StoreError> {
        let tables = self.tables();
        let from = (shard, i64::MIN, RunId(0));
        Ok(tables
            .wakes
            .range(from..(shard, before_ms, RunId(0)))
            .map(|((_, wake_ms, run), ())| (*wake_ms, *run))
            .take(limit)
            .collect())
    }

    fn children(&self, parent: RunId) -> Result<Vec<Summary>, StoreError> {
        let tables = self.tables();
        let children = tables.children_of(parent);
        Ok(children
            .filter_map(|child| tables.runs.get(&child).cloned())
            .collect())
    }

    fn summary(&self, run: RunId) -> Result<Option<Summary>, StoreError> {
        Ok(self.tables().runs.get(&run).cloned())
    }

    fn runs(&self, filter: &Filter, page: Page) -> Result<Vec<Summary>, StoreError> {
        let tables = self.tables();
        let before = page.before.unwrap_or(RunId(u64::MAX));
        Ok(tables
            .runs
            .range(..before)
            .rev()
            .map(|(_, summary)| summary)
            .filter(|summary| check::shown(filter, summary))
            .take(page.limit)
            .cloned()
            .collect())
    }

    fn definition(&self, plan: PlanHash) -> Result<Option<Definition>, StoreError> {
        let tables = self.tables();
        let known = tables.plans.get(&plan.0);
        Ok(known.and_then(|at| tables.definitions.get(at)).cloned())
    }

    fn definitions(&self) -> Result<Vec<Definition>, StoreError> {
        Ok(self.tables().definitions.values().cloned().collect())
    }

    fn schedules(&self) -> Result<Vec<Schedule>, StoreError> {
        Ok(self
            .tables()
            .schedules
            .range::<Arc<str>, _>(..)
            .map(|(name, slot_ms)| Schedule {
                name: name.clone(),
                slot_ms: *slot_ms,
            })
            .collect())
    }

    fn trigger(&self, name: &str) -> Result<Option<Vec<u8>>, StoreError> {
        Ok(self.tables().triggers.get(name).cloned())
    }

    fn stats(&self) -> Result<Stats, StoreError> {
        let tables = self.tables();
        let count = |status| {
            let of_status = |summary: &&Summary| summary.status == status;
            tables.runs.values().filter(of_status).count() as u64
        };
        let snapshots = tables.snapshots.values().map(|snapshot| &snapshot.state);
        Ok(Stats {
            runs_by_status: Status::ALL
                .into_iter()
                .map(|status| (status, count(status)))
                .filter(|(_, count)| *count > 0)
                .collect(),
            records: tables.records.len() as u64,
            bytes: tables
                .records
                .values()
                .chain(snapshots)
                .map(|bytes| bytes.len() as u64)
                .sum(),
            deliveries: tables.deliveries.len() as u64,
        })
    }

    fn entry(&self, key: &EntryKey) -> Result<Option<Entry>, StoreError> {
        Ok(self.tables().entries.get(key).cloned())
    }

    fn entries(
        &self,
        kind: &str,
        namespace: Option<&str>,
        after: Option<&EntryKey>,
        limit: usize,
    ) -> Result<Vec<Entry>, StoreError> {
        let tables = self.tables();
        let wanted = |key: &EntryKey| {
            &*key.kind == kind
                && namespace.is_none_or(|namespace| &*key.namespace == namespace)
                && after.is_none_or(|after| key > after)
        };
        Ok(tables
            .entries
            .values()
            .filter(|entry| wanted(&entry.key))
            .take(limit)
            .cloned()
            .collect())
    }

    fn ended_before(&self, newest: usize) -> Result<Option<i64>, StoreError> {
        let tables = self.tables();
        let ended = tables.runs.values().filter(|run| run.status.is_terminal());
        let mut ended: Vec<i64> = ended.map(|run| run.updated_ms).collect();
        ended.sort_unstable_by(|a, b| b.cmp(a));
        Ok(newest
            .checked_sub(1)
            .and_then(|last| ended.get(last))
            .copied())
    }

    fn purge(&self, purge: Purge) -> Result<u64, StoreError> {
        let mut tables = self.tables();
        let purged = tables.purge(purge);
        tables.keep();
        Ok(purged)
    }
}

impl Tables {
    fn is_open(&self, run: RunId) -> bool {
        let summary = self.runs.get(&run);
        summary.is_some_and(|summary| !summary.status.is_terminal())
    }

    fn awaits(&self, obligation: &Arc<str>, child: RunId) -> bool {
        let parent = self
            .runs
            .get(&child)
            .and_then(|child| child.run.parent.as_ref());
        parent.is_some_and(|parent| parent.obligation.as_ref() == Some(obligation))
    }

    /// Writes an index row, with all indexes over it.
    fn put(&mut self, summary: Summary) {
        let (run, shard) = (summary.run.id, summary.run.shard);
        self.forget(run);
        if let Some(wake_ms) = summary.wake_ms {
            self.wakes.insert((shard, wake_ms, run), ());
        }
        if summary.active {
            self.active.insert((shard, run), ());
        }
        if summary.status.is_terminal() {
            self.drop_deliveries(run);
        } else {
            self.open.insert((summary.run.plan.0, run), ());
        }
        self.runs.insert(run, summary);
    }

    fn forget(&mut self, run: RunId) {
        if let Some(old) = self.runs.remove(&run) {
            let shard = old.run.shard;
            if let Some(wake_ms) = old.wake_ms {
                self.wakes.remove(&(shard, wake_ms, run));
            }
            self.active.remove(&(shard, run));
            self.open.remove(&(old.run.plan.0, run));
        }
    }

    fn drop_deliveries(&mut self, run: RunId) {
        for delivery in self.deliveries_of(run) {
            self.deliveries.remove(&(run, delivery.id));
        }
    }

    fn records_from(&self, run: RunId, seq: u64) -> impl Iterator<Item = (u64, Vec<u8>)> {
        self.records
            .range((run, seq)..=(run, u64::MAX))
            .map(|((_, seq), record)| (*seq, record.clone()))
    }

    fn deliveries_of(&self, run: RunId) -> Vec<Delivery> {
        self.deliveries
            .range((run, DeliveryId(i64::MIN))..=(run, DeliveryId(i64::MAX)))
            .map(|((run, id), kind)| Delivery {
                id: *id,
                run: *run,
                kind: kind.clone(),
            })
            .collect()
    }

    fn children_of(&self, run: RunId) -> impl Iterator<Item = RunId> {
        self.children
            .range((run, RunId(0))..=(run, RunId(u64::MAX)))
            .map(|((_, child), ())| *child)
    }

    fn each(&mut self, act: impl Fn(&mut dyn table::Undo)) {
        act(&mut self.runs);
        act(&mut self.records);
        act(&mut self.log);
        act(&mut self.snapshots);
        act(&mut self.deliveries);
        act(&mut self.keys);
        act(&mut self.wakes);
        act(&mut self.active);
        act(&mut self.open);
        act(&mut self.children);
        act(&mut self.events);
        act(&mut self.definitions);
        act(&mut self.plans);
        act(&mut self.schedules);
        act(&mut self.triggers);
        act(&mut self.entries);
    }

    fn keep(&mut self) {
        self.each(|table| table.keep());
    }

    fn take_back(&mut self) {
        self.each(|table| table.take_back());
    }
}
