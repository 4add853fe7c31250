//! Questions. Each is answered by one connection within one read transaction, so what it sees is of one moment.

use std::sync::Arc;

use ferrovia_dsl::plan::PlanHash;
use rusqlite::{Connection, OptionalExtension, Row, params};

use super::change::{CANCEL, CHILD, EVENT, START};
use super::error::{damaged, failed};
use super::names::known_plan;
use super::schema::status;
use crate::check::number;
use crate::ids::{DeliveryId, RunId, ShardId};
use crate::journal::StoreError;
use crate::row::{
    Committed, Definition, Delivery, DeliveryKind, NewRun, Parent, Schedule, Snapshot, Status,
    StoredRun, Summary,
};

pub(super) fn load(connection: &Connection, run: RunId) -> Result<Option<StoredRun>, StoreError> {
    let Some(summary) = summary(connection, run)? else {
        return Ok(None);
    };
    let snapshot = connection
        .prepare_cached("SELECT seq, state FROM snapshots WHERE run = ?1")
        .and_then(|mut select| {
            select
                .query_row([number(run)], |row| {
                    Ok(Snapshot {
                        seq: row.get(0)?,
                        state: row.get(1)?,
                    })
                })
                .optional()
        })
        .map_err(failed)?;
    let from = snapshot.as_ref().map_or(1, |snapshot| snapshot.seq + 1);
    let records = records(connection, run, from, usize::MAX)?;
    let first = snapshot.as_ref().map_or(1, |snapshot| snapshot.seq + 1);
    if let Some((seq, _)) = (first..)
        .zip(&records)
        .find_map(|(expected, (seq, _))| (*seq != expected).then_some((expected, seq)))
    {
        return Err(damaged(
            format!("the journal of run {run}"),
            format!("record {seq} is missing"),
        ));
    }
    let deliveries = deliveries(connection, summary.run.shard, run)?;
    Ok(Some(StoredRun {
        summary,
        snapshot,
        records,
        deliveries,
    }))
}

pub(super) fn records(
    connection: &Connection,
    run: RunId,
    from_seq: u64,
    limit: usize,
) -> Result<Vec<(u64, Vec<u8>)>, StoreError> {
    let from = i64::try_from(from_seq).unwrap_or(i64::MAX);
    list(
        connection,
        "SELECT seq, record FROM journal WHERE run = ?1 AND seq >= ?2 ORDER BY seq LIMIT ?3",
        params![number(run), from, sql_limit(limit)],
        |row| Ok((row.get(0)?, row.get(1)?)),
    )
}

pub(super) fn committed(
    connection: &Connection,
    after: u64,
    limit: usize,
) -> Result<Vec<Committed>, StoreError> {
    let after = i64::try_from(after).unwrap_or(i64::MAX);
    list(
        connection,
        "SELECT pos, run, seq FROM journal WHERE pos > ?1 ORDER BY pos LIMIT ?2",
        params![after, sql_limit(limit)],
        |row| {
            Ok(Committed {
                position: row.get(0)?,
                run: RunId(row.get(1)?),
                seq: row.get(2)?,
            })
        },
    )
}

fn deliveries(
    connection: &Connection,
    shard: ShardId,
    run: RunId,
) -> Result<Vec<Delivery>, StoreError> {
    let rows = list(
        connection,
        "SELECT d.id, d.kind, d.obligation, coalesce(d.payload, e.body)
         FROM deliveries d LEFT JOIN events e ON e.id = d.event
         WHERE d.shard = ?1 AND d.run = ?2 ORDER BY d.id",
        params![shard.0, number(run)],
        |row| {
            let kind: i64 = row.get(1)?;
            let obligation: Option<Arc<str>> = row.get(2)?;
            let payload: Option<Arc<[u8]>> = row.get(3)?;
            Ok((DeliveryId(row.get(0)?), kind, obligation, payload))
        },
    )?;
    rows.into_iter()
        .map(|(id, kind, obligation, payload)| {
            let kind = match (kind, obligation, payload) {
                (START, None, Some(payload)) => DeliveryKind::Start(payload),
                (EVENT, None, Some(payload)) => DeliveryKind::Event(payload),
                (CHILD, Some(obligation), Some(payload)) => {
                    DeliveryKind::Child(obligation, payload)
                }
                (CANCEL, None, Some(_)) => DeliveryKind::Cancel,
                _ => {
                    return Err(damaged(
                        format!("delivery {} to run {run}", id.0),
                        "its kind and its content do not fit",
                    ));
                }
            };
            Ok(Delivery { id, run, kind })
        })
        .collect()
}

pub(super) fn unsettled(
    connection: &Connection,
    shard: ShardId,
    after: Option<RunId>,
    limit: usize,
) -> Result<Vec<RunId>, StoreError> {
    let after = after.map_or(-1, |after| i64::try_from(after.0).unwrap_or(i64::MAX));
    // Each half stops at the limit by itself; together they hold the first ones of both.
    list(
        connection,
        "SELECT id FROM (
             SELECT * FROM (SELECT id FROM runs WHERE shard = ?1 AND active AND id > ?2 ORDER BY id LIMIT ?3)
             UNION
             SELECT * FROM (SELECT DISTINCT run FROM deliveries WHERE shard = ?1 AND run > ?2 ORDER BY run LIMIT ?3)
         ) ORDER BY id LIMIT ?3",
        params![shard.0, after, sql_limit(limit)],
        |row| Ok(RunId(row.get(0)?)),
    )
}

pub(super) fn due(
    connection: &Connection,
    shard: ShardId,
    before_ms: i64,
    limit: usize,
) -> Result<Vec<(i64, RunId)>, StoreError> {
    list(
        connection,
        "SELECT wake_ms, id FROM runs WHERE shard = ?1 AND wake_ms IS NOT NULL AND wake_ms < ?2
         ORDER BY wake_ms, id LIMIT ?3",
        params![shard.0, before_ms, sql_limit(limit)],
        |row| Ok((row.get(0)?, RunId(row.get(1)?))),
    )
}

/// By their ids, which grow with time.
pub(super) fn children(connection: &Connection, parent: RunId) -> Result<Vec<Summary>, StoreError> {
    let children = list(
        connection,
        "SELECT id FROM runs WHERE parent = ?1 ORDER BY id",
        [number(parent)],
        |row| Ok(RunId(row.get(0)?)),
    )?;
    let summaries = children.into_iter().map(|run| summary(connection, run));
    summaries.filter_map(Result::transpose).collect()
}

pub(super) fn summary(connection: &Connection, run: RunId) -> Result<Option<Summary>, StoreError> {
    let summary = connection
        .prepare_cached(
            "SELECT r.id, r.shard, p.hash, w.namespace, w.name, w.version, r.parent, r.obligation, r.depth,
                    r.created_ms, r.labels, r.key, r.status, r.wake_ms, r.active, r.updated_ms, r.reason, r.origin
             FROM runs r LEFT JOIN plans p ON p.id = r.plan LEFT JOIN workflows w ON w.id = r.workflow
             WHERE r.id = ?1",
        )
        .and_then(|mut select| select.query_row([number(run)], summary_of).optional())
        .map_err(|error| in_run(run, failed(error)))?;
    let Some((summary, labels, origin)) = summary else {
        return Ok(None);
    };
    let mut summary =
        summary.ok_or_else(|| damaged(format!("the row of run {run}"), "its status is unknown"))?;
    if let Some(labels) = labels {
        summary.run.labels = rmp_serde::from_slice(&labels)
            .map_err(|error| damaged(format!("the labels of run {run}"), error.to_string()))?;
    }
    if let Some(origin) = origin {
        let origin = rmp_serde::from_slice(&origin)
            .map_err(|error| damaged(format!("the origin of run {run}"), error.to_string()))?;
        summary.run.origin = Some(origin);
    }
    Ok(Some(summary))
}

/// A row, with its labels and its origin as they are stored; no summary for a status that no release wrote.
type Raw = (Option<Summary>, Option<Vec<u8>>, Option<Vec<u8>>);

fn in_run(run: RunId, error: StoreError) -> StoreError {
    match error {
        StoreError::Damaged { why, .. } => damaged(format!("the row of run {run}"), why),
        error => error,
    }
}

fn summary_of(row: &Row<'_>) -> rusqlite::Result<Raw> {
    let parent: Option<u64> = row.get(6)?;
    let obligation: Option<Arc<str>> = row.get(7)?;
    let run = NewRun {
        id: RunId(row.get(0)?),
        shard: ShardId(row.get(1)?),
        plan: PlanHash(row.get(2)?),
        namespace: row.get(3)?,
        name: row.get(4)?,
        version: row.get(5)?,
        parent: parent.map(|run| Parent {
            run: RunId(run),
            obligation,
        }),
        depth: row.get(8)?,
        created_ms: row.get(9)?,
        labels: Vec::new(),
        key: row.get(11)?,
        origin: None,
    };
    let labels = row.get(10)?;
    let (wake_ms, active, updated_ms, reason) =
        (row.get(13)?, row.get(14)?, row.get(15)?, row.get(16)?);
    let summary = status(row.get(12)?).map(|status| Summary {
        run,
        status,
        wake_ms,
        active,
        updated_ms,
        reason,
    });
    Ok((summary, labels, row.get(17)?))
}

const DEFINITION: &str = "SELECT p.hash, w.namespace, w.name, w.version, d.text, d.links, d.added_ms
    FROM definitions d LEFT JOIN plans p ON p.id = d.plan LEFT JOIN workflows w ON w.id = d.workflow";

pub(super) fn definition(
    connection: &Connection,
    plan: PlanHash,
) -> Result<Option<Definition>, StoreError> {
    let Some(plan) = known_plan(connection, plan)? else {
        return Ok(None);
    };
    connection
        .prepare_cached(&format!("{DEFINITION} WHERE d.plan = ?1"))
        .and_then(|mut select| select.query_row([plan], definition_of).optional())
        .map_err(failed)
}

pub(super) fn definitions(connection: &Connection) -> Result<Vec<Definition>, StoreError> {
    let sql = format!("{DEFINITION} ORDER BY d.id");
    list(connection, &sql, [], definition_of)
}

fn definition_of(row: &Row<'_>) -> rusqlite::Result<Definition> {
    Ok(Definition {
        plan: PlanHash(row.get(0)?),
        namespace: row.get(1)?,
        name: row.get(2)?,
        version: row.get(3)?,
        text: row.get(4)?,
        links: row.get(5)?,
        added_ms: row.get(6)?,
    })
}

pub(super) fn schedules(connection: &Connection) -> Result<Vec<Schedule>, StoreError> {
    list(
        connection,
        "SELECT name, slot_ms FROM schedules ORDER BY name",
        [],
        |row| {
            Ok(Schedule {
                name: row.get(0)?,
                slot_ms: row.get(1)?,
            })
        },
    )
}

pub(super) fn trigger(connection: &Connection, name: &str) -> Result<Option<Vec<u8>>, StoreError> {
    connection
        .prepare_cached("SELECT state FROM triggers WHERE name = ?1")
        .and_then(|mut select| select.query_row([name], |row| row.get(0)).optional())
        .map_err(failed)
}

/// Runs by status in the order of [`Status::ALL`], and how many deliveries wait.
pub(super) fn counts(connection: &Connection) -> Result<(Vec<(Status, u64)>, u64), StoreError> {
    let by_number: Vec<(i64, u64)> = list(
        connection,
        "SELECT status, count(*) FROM runs GROUP BY status",
        [],
        |row| Ok((row.get(0)?, row.get(1)?)),
    )?;
    let of = |wanted: Status| {
        let found = by_number
            .iter()
            .find(|(number, _)| status(*number) == Some(wanted));
        found.map(|(_, count)| (wanted, *count))
    };
    let deliveries = connection
        .prepare_cached("SELECT count(*) FROM deliveries")
        .and_then(|mut select| select.query_row([], |row| row.get(0)))
        .map_err(failed)?;
    Ok((Status::ALL.into_iter().filter_map(of).collect(), deliveries))
}

pub(super) fn ended_before(
    connection: &Connection,
    newest: usize,
) -> Result<Option<i64>, StoreError> {
    let Some(offset) = newest.checked_sub(1) else {
        return Ok(None);
    };
    connection
        .prepare_cached(
            "SELECT updated_ms FROM runs WHERE status >= 5 ORDER BY updated_ms DESC LIMIT 1 OFFSET ?1",
        )
        .and_then(|mut select| {
            select
                .query_row([sql_limit(offset)], |row| row.get(0))
                .optional()
        })
        .map_err(failed)
}

pub(super) fn list<T>(
    connection: &Connection,
    sql: &str,
    values: impl rusqlite::Params,
    row: impl FnMut(&Row<'_>) -> rusqlite::Result<T>,
) -> Result<Vec<T>, StoreError> {
    let mut select = connection.prepare_cached(sql).map_err(failed)?;
    let rows = select.query_map(values, row).map_err(failed)?;
    rows.collect::<Result<_, _>>().map_err(failed)
}

pub(super) fn sql_limit(limit: usize) -> i64 {
    i64::try_from(limit).unwrap_or(i64::MAX)
}
