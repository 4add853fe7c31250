//! One batch, written into the open transaction. Whoever calls commits, or takes back what a refused batch wrote.

mod row;

use std::collections::HashMap;
use std::sync::Arc;

use rusqlite::{Connection, OptionalExtension, Params, params};

use super::error::failed;
use super::names::{Names, known_plan};
use super::read::list;
use super::schema::{TERMINAL, status_number};
use crate::check::{self, number};
use crate::ids::{DeliveryId, Epoch, RunId, ShardId};
use crate::journal::{StoreError, Ticket};
use crate::row::{
    Accept, Accepted, Append, Definition, Delivery, DeliveryKind, Intake, NewRun, Update, Write,
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
        if let Some((plan, version)) = &append.migrate {
            self.migrate(run, *plan, version)?;
        }
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

    pub(super) fn execute(&self, sql: &str, values: impl Params) -> Result<usize, StoreError> {
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
