//! Index rows of runs, and what the writer remembers of them.

use std::sync::Arc;

use ferrovia_dsl::plan::PlanHash;
use rusqlite::types::ToSql;
use rusqlite::{OptionalExtension, params};

use super::super::error::failed;
use super::super::schema::{TERMINAL, status_number};
use super::{Change, Known};
use crate::check::{self, number};
use crate::ids::{RunId, ShardId};
use crate::journal::StoreError;
use crate::row::{Park, Summary, Update};

/// Runs that the writer remembers.
const RUNS_KNOWN_MAX: usize = 65_536;

impl Change<'_> {
    pub(super) fn park(&mut self, park: &Park) -> Result<(), StoreError> {
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

    pub(super) fn migrate(
        &mut self,
        run: RunId,
        plan: PlanHash,
        version: &Arc<str>,
    ) -> Result<(), StoreError> {
        let plan = self.memory.names.plan(self.connection, plan)?;
        let (namespace, name): (Arc<str>, Arc<str>) = self
            .connection
            .prepare_cached(
                "SELECT w.namespace, w.name FROM runs r JOIN workflows w ON w.id = r.workflow WHERE r.id = ?1",
            )
            .and_then(|mut select| {
                select.query_row([number(run)], |row| Ok((row.get(0)?, row.get(1)?)))
            })
            .map_err(failed)?;
        let workflow = self
            .memory
            .names
            .workflow(self.connection, &namespace, &name, version)?;
        self.execute(
            "UPDATE runs SET plan = ?2, workflow = ?3 WHERE id = ?1",
            params![number(run), plan, workflow],
        )?;
        Ok(())
    }

    pub(super) fn create(&mut self, summary: &Summary) -> Result<(), StoreError> {
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
        let origin = new.origin.as_ref();
        let origin =
            origin.map(|origin| rmp_serde::to_vec(origin).expect("memory takes all origins"));
        let created = self.execute(
            "INSERT INTO runs (id, shard, plan, workflow, status, wake_ms, active, created_ms, updated_ms, depth,
                               parent, obligation, key, labels, reason, origin)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16)
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
                origin,
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

    pub(super) fn known(&self, run: RunId) -> Result<Option<Known>, StoreError> {
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

    pub(super) fn remember(&mut self, run: RunId, known: Option<Known>) {
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
    pub(super) fn update(
        &self,
        run: RunId,
        before: &Known,
        update: &Update,
    ) -> Result<(), StoreError> {
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
}
