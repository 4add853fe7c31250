//! Removes what ended long ago: whole trees of runs, children before their parents.

use rusqlite::{Connection, params};

use super::error::{damaged, failed};
use super::schema::TERMINAL;
use crate::check::{ENTRIES_PER_PURGE_MAX, EVENTS_PER_PURGE_MAX};
use crate::journal::StoreError;
use crate::row::Purge;

#[derive(Default)]
pub(super) struct Purged {
    pub(super) runs: u64,
    pub(super) records: i64,
}

/// Runs in the open transaction. `position` is where the next record goes, which must outlive the records.
pub(super) fn purge(
    connection: &Connection,
    purge: Purge,
    position: i64,
) -> Result<Purged, StoreError> {
    let Purge {
        ended_before_ms,
        limit,
        ..
    } = purge;
    let mut purged = Purged::default();
    let mut roots = connection
        .prepare_cached(
            "SELECT r.id FROM runs r WHERE r.status >= 5 AND r.updated_ms < ?1
               AND NOT EXISTS (SELECT 1 FROM runs p WHERE p.id = r.parent)
             ORDER BY r.updated_ms, r.id",
        )
        .map_err(failed)?;
    let roots: Vec<i64> = {
        let mut chosen = Vec::new();
        let mut rows = roots.query([ended_before_ms]).map_err(failed)?;
        let mut runs = 0;
        while runs < limit
            && let Some(row) = rows.next().map_err(failed)?
        {
            let root = row.get(0).map_err(failed)?;
            if let Some(tree) = tree(connection, root, ended_before_ms)? {
                runs += tree.len();
                chosen.extend(tree.into_iter().rev());
            }
        }
        chosen
    };
    for run in roots.into_iter().take(limit) {
        purged.records += remove(connection, run)?;
        purged.runs += 1;
    }
    connection
        .prepare_cached(
            "DELETE FROM events WHERE id IN (
                 SELECT e.id FROM events e WHERE e.at_ms < ?1
                   AND NOT EXISTS (SELECT 1 FROM deliveries d WHERE d.event = e.id) LIMIT ?2)",
        )
        .and_then(|mut delete| {
            delete.execute(params![purge.events_before_ms, EVENTS_PER_PURGE_MAX as i64])
        })
        .map_err(failed)?;
    connection
        .prepare_cached(
            "DELETE FROM entries WHERE (kind, namespace, name) IN (
                 SELECT kind, namespace, name FROM entries WHERE expires_ms < ?1 LIMIT ?2)",
        )
        .and_then(|mut delete| {
            delete.execute(params![
                purge.expired_before_ms,
                ENTRIES_PER_PURGE_MAX as i64
            ])
        })
        .map_err(failed)?;
    if purged.records > 0 {
        connection
            .execute(
                "UPDATE meta SET value = value + ?1 WHERE name = 'purged'",
                [purged.records],
            )
            .and_then(|_| {
                connection.execute(
                    "UPDATE meta SET value = ?1 WHERE name = 'position'",
                    [position],
                )
            })
            .map_err(failed)?;
    }
    Ok(purged)
}

/// A run and all that came of it, parents first; nothing if some of it is still needed.
fn tree(
    connection: &Connection,
    root: i64,
    ended_before_ms: i64,
) -> Result<Option<Vec<i64>>, StoreError> {
    let mut children = connection
        .prepare_cached("SELECT id, status >= ?2 AND updated_ms < ?3 FROM runs WHERE parent = ?1")
        .map_err(failed)?;
    let mut tree = vec![root];
    let mut at = 0;
    while let Some(run) = tree.get(at).copied() {
        let mut rows = children
            .query(params![run, TERMINAL, ended_before_ms])
            .map_err(failed)?;
        while let Some(row) = rows.next().map_err(failed)? {
            if !row.get::<_, bool>(1).map_err(failed)? {
                return Ok(None);
            }
            tree.push(row.get(0).map_err(failed)?);
        }
        at += 1;
    }
    Ok(Some(tree))
}

/// Answers how many records went.
fn remove(connection: &Connection, run: i64) -> Result<i64, StoreError> {
    let (shard, labels): (u16, Option<Vec<u8>>) = connection
        .prepare_cached("SELECT shard, labels FROM runs WHERE id = ?1")
        .and_then(|mut select| select.query_row([run], |row| Ok((row.get(0)?, row.get(1)?))))
        .map_err(failed)?;
    if let Some(labels) = labels {
        let labels: Vec<(String, String)> = rmp_serde::from_slice(&labels)
            .map_err(|error| damaged("the labels of a run", error.to_string()))?;
        for (name, value) in labels {
            connection
                .prepare_cached("DELETE FROM labels WHERE name = ?1 AND value = ?2 AND run = ?3")
                .and_then(|mut delete| delete.execute(params![name, value, run]))
                .map_err(failed)?;
        }
    }
    connection
        .prepare_cached("DELETE FROM deliveries WHERE shard = ?1 AND run = ?2")
        .and_then(|mut delete| delete.execute(params![shard, run]))
        .map_err(failed)?;
    let mut records = 0;
    for sql in [
        "DELETE FROM snapshots WHERE run = ?1",
        "DELETE FROM runs WHERE id = ?1",
        "DELETE FROM journal WHERE run = ?1",
    ] {
        records = connection
            .prepare_cached(sql)
            .and_then(|mut delete| delete.execute([run]))
            .map_err(failed)?;
    }
    Ok(records as i64)
}
