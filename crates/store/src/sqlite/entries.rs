//! Entries.

use rusqlite::{Connection, OptionalExtension, Row, params};

use super::change::Change;
use super::error::failed;
use super::read::{list, sql_limit};
use crate::check;
use crate::journal::StoreError;
use crate::row::{Entry, EntryKey, Put};

const COLUMNS: &str = "kind, namespace, name, revision, expires_ms, value";

pub(super) fn entry(connection: &Connection, key: &EntryKey) -> Result<Option<Entry>, StoreError> {
    connection
        .prepare_cached(&format!(
            "SELECT {COLUMNS} FROM entries WHERE kind = ?1 AND namespace = ?2 AND name = ?3"
        ))
        .and_then(|mut select| {
            let key = params![&*key.kind, &*key.namespace, &*key.name];
            select.query_row(key, read).optional()
        })
        .map_err(failed)
}

pub(super) fn entries(
    connection: &Connection,
    kind: &str,
    namespace: Option<&str>,
    after: Option<&EntryKey>,
    limit: usize,
) -> Result<Vec<Entry>, StoreError> {
    // Names are not empty, so that this place is before all.
    let (after_namespace, after_name) =
        after.map_or(("", ""), |after| (&*after.namespace, &*after.name));
    match namespace {
        Some(namespace) => list(
            connection,
            &format!(
                "SELECT {COLUMNS} FROM entries WHERE kind = ?1 AND namespace = ?2
                   AND (namespace, name) > (?3, ?4) ORDER BY name LIMIT ?5"
            ),
            params![
                kind,
                namespace,
                after_namespace,
                after_name,
                sql_limit(limit)
            ],
            read,
        ),
        None => list(
            connection,
            &format!(
                "SELECT {COLUMNS} FROM entries WHERE kind = ?1 AND (namespace, name) > (?2, ?3)
                 ORDER BY namespace, name LIMIT ?4"
            ),
            params![kind, after_namespace, after_name, sql_limit(limit)],
            read,
        ),
    }
}

fn read(row: &Row<'_>) -> rusqlite::Result<Entry> {
    Ok(Entry {
        key: EntryKey {
            kind: row.get(0)?,
            namespace: row.get(1)?,
            name: row.get(2)?,
        },
        revision: row.get(3)?,
        expires_ms: row.get(4)?,
        value: row.get::<_, Vec<u8>>(5)?.into(),
    })
}

impl Change<'_> {
    pub(super) fn put(&mut self, put: &Put) -> Result<(), StoreError> {
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
}
