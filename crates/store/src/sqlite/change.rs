//! One batch, written into the open transaction. Whoever calls commits, or takes back what a refused batch wrote.

use std::collections::HashMap;
use std::sync::Arc;

use rusqlite::types::ToSql;
use rusqlite::{Connection, OptionalExtension, Params, params};

use super::error::failed;
use super::names::{Names, known_plan};
use super::read::list;
use super::schema::{TERMINAL, status_number};
use crate::check::{self, number};
use crate::ids::{DeliveryId, Epoch, RunId, ShardId};
use crate::journal::{StoreError, Ticket};
use crate::row::{
    Accept, Accepted, Append, Definition, Delivery, DeliveryKind, Intake, NewRun, Park, Put,
    Summary, Update, Write,
};

/// What the writer remembers of the tables, so that it need not ask.
pub(super) struct Memory {
    pub(super) epochs: Vec<Epoch>,
    pub(super) names: Names,
    /// Where the next record of any run goes. Never goes back, so that it counts records.
    pub(super) position: i64,
    pub(super) delivery: i64,
    /// The last revision that an entry got.
    pub(super) revision: u64,
    /// Runs that were written lately and have not ended. Emptied when it is full: what is missing is read again.
    pub(super) runs: HashMap<RunId, Known>,
}

/// Runs that the writer remembers.
const RUNS_KNOWN_MAX: usize = 65_536;

impl Memory {
    /// Forgets what a change that is taken back may have made wrong.
    pub(super) fn take_back(&mut self, position: i64) {
        self.position = position;
        self.names.forget();
        self.runs.clear();
    }
}

/// What the tables hold of a run that has not ended.
#[derive(Clone, Copy)]
pub(super) struct Known {
    shard: ShardId,
    status: i64,
    wake_ms: Option<i64>,
    active: bool,
    /// Its last record.
    seq: u64,
}

pub(super) struct Change<'a> {
    pub(super) connection: &'a Connection,
    pub(super) memory: &'a mut Memory,
}

impl Known {
    fn follow(&mut self, update: &Update) {
        self.status = status_number(update.status);
        self.wake_ms = update.wake_ms;
        self.active = update.active;
    }
}

impl Change<'_> {
    pub(super) fn apply(&mut self, batch: &[Write]) -> Result<Ticket, StoreError> {
        let mut ticket = Ticket::default();
        for write in batch {
            match write {
                Write::Append(append) => self.append(append, &mut ticket)?,
                Write::Accept(intake) => ticket.accepted.push(self.accept(intake)?),
                Write::Define(definition) => self.define(definition)?,
                Write::Schedule(schedule) => {
                    self.execute(
                        "INSERT INTO schedules (name, slot_ms) VALUES (?1, ?2)
                         ON CONFLICT (name) DO UPDATE SET slot_ms = excluded.slot_ms",
                        params![&*schedule.name, schedule.slot_ms],
                    )?;
                }
                Write::Park(park) => self.park(park)?,
                Write::Put(put) => self.put(put)?,
            }
        }
        Ok(ticket)
    }

    fn shards(&self) -> u16 {
        self.memory.epochs.len() as u16
    }

    fn append(&mut self, append: &Append, ticket: &mut Ticket) -> Result<(), StoreError> {
        check::append(append, self.shards())?;
        let (shard, epoch) = append.fence;
        if self.memory.epochs[usize::from(shard.0)] != epoch {
            return Err(StoreError::Fenced(shard, epoch));
        }
        let (run, seq) = (append.run, append.seq);
        let conflict = || StoreError::Conflict(run, seq);
        let mut known = match &append.create {
            Some(new) if new.shard == shard => {
                let mut summary = check::pending(new.clone());
                if let Some(update) = &append.update {
                    check::apply(&mut summary, update.clone());
                }
                self.create(&summary)?;
                None
            }
            Some(_) => return Err(StoreError::Fenced(shard, epoch)),
            None => {
                let known = self.known(run)?.ok_or_else(conflict)?;
                if known.shard != shard {
                    return Err(StoreError::Fenced(shard, epoch));
                }
                if known.seq + 1 != seq {
                    return Err(conflict());
                }
                Some(known)
            }
        };
        self.execute(
            "INSERT INTO journal (pos, run, seq, record) VALUES (?1, ?2, ?3, ?4)",
            params![self.memory.position, number(run), seq as i64, append.record],
        )?;
        self.memory.position += 1;
        if let Some(state) = &append.snapshot {
            self.execute(
                "INSERT OR REPLACE INTO snapshots (run, seq, state) VALUES (?1, ?2, ?3)",
                params![number(run), seq as i64, state],
            )?;
        }
        for id in &append.consumed {
            let taken = self.execute(
                "DELETE FROM deliveries WHERE id = ?1 AND run = ?2",
                params![id.0, number(run)],
            )?;
            if taken == 0 {
                return Err(conflict());
            }
        }
        match (&mut known, &append.create, &append.update) {
            (Some(known), _, Some(update)) => {
                self.update(run, known, update)?;
                known.follow(update);
            }
            (None, Some(new), update) => {
                let pending = check::pending((*new).clone());
                let mut fresh = Known {
                    shard,
                    status: status_number(pending.status),
                    wake_ms: pending.wake_ms,
                    active: pending.active,
                    seq,
                };
                update.iter().for_each(|update| fresh.follow(update));
                known = Some(fresh);
            }
            _ => {}
        }
        self.remember(run, known.map(|known| Known { seq, ..known }));
        for (to, kind) in &append.deliver {
            let open = self.known(*to)?.filter(|run| run.status < TERMINAL);
            if let Some(open) = open {
                ticket
                    .deliveries
                    .push(self.deliver(open.shard, *to, kind.clone(), None)?);
            }
        }
        for (new, kind) in &append.spawn {
            ticket.deliveries.push(self.start(new, kind)?);
        }
        for obligation in &append.abandon {
            for (child, shard) in self.awaited(run, obligation)? {
                let kind = DeliveryKind::Cancel;
                ticket
                    .deliveries
                    .push(self.deliver(shard, child, kind, None)?);
            }
        }
        Ok(())
    }

    fn park(&mut self, park: &Park) -> Result<(), StoreError> {
        let (shard, epoch) = park.fence;
        if self.memory.epochs.get(usize::from(shard.0)) != Some(&epoch) {
            return Err(StoreError::Fenced(shard, epoch));
        }
        let Some(mut known) = self.known(park.run)?.filter(|run| run.status < TERMINAL) else {
            return Ok(());
        };
        if known.shard != shard {
            return Err(StoreError::Fenced(shard, epoch));
        }
        let update = check::parked(park);
        self.update(park.run, &known, &update)?;
        known.follow(&update);
        self.remember(park.run, Some(known));
        Ok(())
    }

    fn put(&mut self, put: &Put) -> Result<(), StoreError> {
        let key = params![&*put.key.kind, &*put.key.namespace, &*put.key.name];
        let known: Option<u64> = self
            .connection
            .prepare_cached(
                "SELECT revision FROM entries WHERE kind = ?1 AND namespace = ?2 AND name = ?3",
            )
            .and_then(|mut select| select.query_row(key, |row| row.get(0)).optional())
            .map_err(failed)?;
        if !check::as_expected(put.expected, known) {
            return Err(StoreError::Changed(put.key.clone()));
        }
        let Some(value) = &put.value else {
            self.execute(
                "DELETE FROM entries WHERE kind = ?1 AND namespace = ?2 AND name = ?3",
                key,
            )?;
            return Ok(());
        };
        self.memory.revision += 1;
        self.execute(
            "INSERT OR REPLACE INTO entries (kind, namespace, name, revision, expires_ms, value)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
            params![
                &*put.key.kind,
                &*put.key.namespace,
                &*put.key.name,
                self.memory.revision,
                put.expires_ms,
                &**value
            ],
        )?;
        Ok(())
    }

    /// Children that an obligation waits for and that have not ended.
    fn awaited(&self, run: RunId, obligation: &str) -> Result<Vec<(RunId, ShardId)>, StoreError> {
        list(
            self.connection,
            "SELECT id, shard FROM runs WHERE parent = ?1 AND obligation = ?2 AND status < 5 ORDER BY id",
            params![number(run), obligation],
            |row| Ok((RunId(row.get(0)?), ShardId(row.get(1)?))),
        )
    }

    fn accept(&mut self, intake: &Intake) -> Result<Accepted, StoreError> {
        for (new, _) in &intake.starts {
            check::new_run(new, self.shards())?;
        }
        let event = self
            .connection
            .prepare_cached(
                "INSERT INTO events (source, event, at_ms) VALUES (?1, ?2, ?3)
                 ON CONFLICT (source, event) DO NOTHING RETURNING id",
            )
            .and_then(|mut insert| {
                insert
                    .query_row(params![&*intake.source, &*intake.id, intake.at_ms], |row| {
                        row.get(0)
                    })
                    .optional()
            })
            .map_err(failed)?;
        let Some(event) = event else {
            return Ok(Accepted::Known);
        };
        let open = self.open_runs(intake)?;
        if !open.is_empty() {
            self.execute(
                "UPDATE events SET body = ?2 WHERE id = ?1",
                params![event, &*intake.event],
            )?;
        }
        let mut deliveries = Vec::with_capacity(open.len() + intake.starts.len());
        for (run, shard) in open {
            let kind = DeliveryKind::Event(intake.event.clone());
            deliveries.push(self.deliver(shard, run, kind, Some(event))?);
        }
        for (new, kind) in &intake.starts {
            deliveries.push(self.start(new, kind)?);
        }
        for (trigger, state) in &intake.triggers {
            self.execute(
                "INSERT INTO triggers (name, state) VALUES (?1, ?2)
                 ON CONFLICT (name) DO UPDATE SET state = excluded.state",
                params![&**trigger, state],
            )?;
        }
        Ok(Accepted::New(Accept { deliveries }))
    }

    /// Runs of the plans of an event that have not ended, in order of their ids.
    fn open_runs(&self, intake: &Intake) -> Result<Vec<(RunId, ShardId)>, StoreError> {
        let mut open = Vec::new();
        for plan in &intake.plans {
            let Some(plan) = known_plan(self.connection, *plan)? else {
                continue;
            };
            open.extend(list(
                self.connection,
                "SELECT id, shard FROM runs WHERE plan = ?1 AND status < 5",
                [plan],
                |row| Ok((RunId(row.get(0)?), ShardId(row.get(1)?))),
            )?);
        }
        open.sort_unstable();
        open.dedup();
        Ok(open)
    }

    fn define(&mut self, definition: &Definition) -> Result<(), StoreError> {
        let plan = self.memory.names.plan(self.connection, definition.plan)?;
        let workflow = self.memory.names.workflow(
            self.connection,
            &definition.namespace,
            &definition.name,
            &definition.version,
        )?;
        self.execute(
            "INSERT INTO definitions (plan, workflow, text, links, added_ms) VALUES (?1, ?2, ?3, ?4, ?5)
             ON CONFLICT (plan) DO NOTHING",
            params![plan, workflow, &*definition.text, &*definition.links, definition.added_ms],
        )?;
        Ok(())
    }

    fn start(&mut self, new: &NewRun, kind: &DeliveryKind) -> Result<Delivery, StoreError> {
        self.create(&check::pending(new.clone()))?;
        self.deliver(new.shard, new.id, kind.clone(), None)
    }

    fn create(&mut self, summary: &Summary) -> Result<(), StoreError> {
        let new = &summary.run;
        if let Some(key) = &new.key {
            let first: Option<u64> = self
                .connection
                .prepare_cached("SELECT id FROM runs WHERE key = ?1")
                .and_then(|mut select| select.query_row([&**key], |row| row.get(0)).optional())
                .map_err(failed)?;
            if let Some(first) = first {
                return Err(StoreError::Started(RunId(first)));
            }
        }
        let plan = self.memory.names.plan(self.connection, new.plan)?;
        let workflow =
            self.memory
                .names
                .workflow(self.connection, &new.namespace, &new.name, &new.version)?;
        let (parent, obligation) = match &new.parent {
            Some(parent) => (Some(number(parent.run)), parent.obligation.as_deref()),
            None => (None, None),
        };
        let labels = (!new.labels.is_empty())
            .then(|| rmp_serde::to_vec(&new.labels).expect("memory takes all texts"));
        let created = self.execute(
            "INSERT INTO runs (id, shard, plan, workflow, status, wake_ms, active, created_ms, updated_ms, depth,
                               parent, obligation, key, labels, reason)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15)
             ON CONFLICT (id) DO NOTHING",
            params![
                number(new.id),
                new.shard.0,
                plan,
                workflow,
                status_number(summary.status),
                summary.wake_ms,
                summary.active,
                new.created_ms,
                summary.updated_ms,
                new.depth,
                parent,
                obligation,
                new.key.as_deref(),
                labels,
                summary.reason.as_deref(),
            ],
        )?;
        if created == 0 {
            return Err(StoreError::Conflict(new.id, 1));
        }
        for (name, value) in &new.labels {
            self.execute(
                "INSERT OR IGNORE INTO labels (name, value, run) VALUES (?1, ?2, ?3)",
                params![&**name, &**value, number(new.id)],
            )?;
        }
        Ok(())
    }

    fn known(&self, run: RunId) -> Result<Option<Known>, StoreError> {
        if let Some(known) = self.memory.runs.get(&run) {
            return Ok(Some(*known));
        }
        self.connection
            .prepare_cached(
                "SELECT shard, status, wake_ms, active,
                        (SELECT ifnull(max(seq), 0) FROM journal WHERE journal.run = runs.id)
                 FROM runs WHERE id = ?1",
            )
            .and_then(|mut select| {
                select
                    .query_row([number(run)], |row| {
                        Ok(Known {
                            shard: ShardId(row.get(0)?),
                            status: row.get(1)?,
                            wake_ms: row.get(2)?,
                            active: row.get(3)?,
                            seq: row.get(4)?,
                        })
                    })
                    .optional()
            })
            .map_err(failed)
    }

    fn remember(&mut self, run: RunId, known: Option<Known>) {
        match known.filter(|known| known.status < TERMINAL) {
            Some(known) => {
                if self.memory.runs.len() >= RUNS_KNOWN_MAX {
                    self.memory.runs.clear();
                }
                self.memory.runs.insert(run, known);
            }
            None => drop(self.memory.runs.remove(&run)),
        }
    }

    /// SQLite writes an index again when a column of it is set, be it to what it was: only what changes is named.
    fn update(&self, run: RunId, before: &Known, update: &Update) -> Result<(), StoreError> {
        let status = status_number(update.status);
        let reason = update.reason.as_deref();
        let id = number(run);
        let mut sql = String::from("UPDATE runs SET updated_ms = ?, reason = ?");
        let mut values: Vec<&dyn ToSql> = vec![&update.updated_ms, &reason];
        if before.status != status {
            sql.push_str(", status = ?");
            values.push(&status);
        }
        if before.wake_ms != update.wake_ms {
            sql.push_str(", wake_ms = ?");
            values.push(&update.wake_ms);
        }
        if before.active != update.active {
            sql.push_str(", active = ?");
            values.push(&update.active);
        }
        sql.push_str(" WHERE id = ?");
        values.push(&id);
        self.execute(&sql, values.as_slice())?;
        if status >= TERMINAL {
            self.execute(
                "DELETE FROM deliveries WHERE shard = ?1 AND run = ?2",
                params![before.shard.0, id],
            )?;
        }
        Ok(())
    }

    /// The body of an accepted event is in `events`, once for all runs that get it.
    fn deliver(
        &mut self,
        shard: ShardId,
        run: RunId,
        kind: DeliveryKind,
        event: Option<i64>,
    ) -> Result<Delivery, StoreError> {
        let id = DeliveryId(self.memory.delivery);
        let (code, obligation, payload): (i64, Option<&Arc<str>>, &[u8]) = match &kind {
            DeliveryKind::Start(payload) => (START, None, payload),
            DeliveryKind::Event(payload) => (EVENT, None, payload),
            DeliveryKind::Child(obligation, payload) => (CHILD, Some(obligation), payload),
            DeliveryKind::Cancel => (CANCEL, None, &[]),
        };
        self.execute(
            "INSERT INTO deliveries (id, shard, run, kind, obligation, event, payload)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
            params![
                id.0,
                shard.0,
                number(run),
                code,
                obligation.map(|obligation| &**obligation),
                event,
                event.is_none().then_some(payload),
            ],
        )?;
        self.memory.delivery += 1;
        Ok(Delivery { id, run, kind })
    }

    fn execute(&self, sql: &str, values: impl Params) -> Result<usize, StoreError> {
        self.connection
            .prepare_cached(sql)
            .and_then(|mut statement| statement.execute(values))
            .map_err(failed)
    }
}

/// Numbers of delivery kinds in the tables. They never change.
pub(super) const START: i64 = 0;
pub(super) const EVENT: i64 = 1;
pub(super) const CHILD: i64 = 2;
pub(super) const CANCEL: i64 = 3;
