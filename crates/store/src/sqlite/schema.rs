//! The tables, and how a connection to them is set up. Nothing else in this crate knows of pragmas.

use std::path::Path;
use std::time::Duration;

use rusqlite::{Connection, OpenFlags, TransactionBehavior};

use super::error::{failed, unusable};
use crate::journal::StoreError;
use crate::row::Status;

/// "FeVa": what `file` and other tools see in the header of the database.
pub(super) const APPLICATION_ID: i32 = 0x4665_5661;
/// Counts changes of the tables. A database of a later one is refused.
pub(super) const SCHEMA: i32 = 2;
/// 3.51.3: earlier ones can lose a commit when a checkpoint meets the reset of a write-ahead log.
const SQLITE_VERSION_MIN: i32 = 3_051_003;
/// Pages that the writer keeps in memory. SQLite looks through all of them after most commits that split a page, so
/// more is not faster.
const WRITER_CACHE_KIB: i32 = 16 * 1024;
/// Statements that a connection keeps prepared.
const STATEMENTS_KEPT: usize = 64;
/// How long to wait for a tool that has locked the database, which no part of this program does.
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);
/// What a write-ahead log shrinks to after it was longer.
const WAL_BYTES_KEPT: i64 = 64 * 1024 * 1024;

/// Statuses from here on are terminal; partial indexes say it the same way.
pub(super) const TERMINAL: i64 = 5;

/// Numbers of statuses in the tables. They never change.
pub(super) fn status_number(status: Status) -> i64 {
    match status {
        Status::Pending => 0,
        Status::Running => 1,
        Status::Waiting => 2,
        Status::Suspended => 3,
        Status::Parked => 4,
        Status::Cancelled => 5,
        Status::Faulted => 6,
        Status::Completed => 7,
    }
}

pub(super) fn status(number: i64) -> Option<Status> {
    Status::ALL
        .into_iter()
        .find(|status| status_number(*status) == number)
}

/// `journal` only grows at its end, so that a commit touches few pages; what changes of a run is in `runs`. Texts
/// that many runs share are written once and named by small numbers.
const TABLES: &str = "
CREATE TABLE meta (name TEXT PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE shards (shard INTEGER PRIMARY KEY, epoch INTEGER NOT NULL);
CREATE TABLE plans (id INTEGER PRIMARY KEY, hash BLOB NOT NULL UNIQUE);
CREATE TABLE workflows (
    id INTEGER PRIMARY KEY, namespace TEXT NOT NULL, name TEXT NOT NULL, version TEXT NOT NULL,
    UNIQUE (namespace, name, version)
);
CREATE TABLE definitions (
    id INTEGER PRIMARY KEY, plan INTEGER NOT NULL UNIQUE, workflow INTEGER NOT NULL, text TEXT NOT NULL,
    links BLOB NOT NULL, added_ms INTEGER NOT NULL
);
CREATE TABLE journal (
    pos INTEGER PRIMARY KEY, run INTEGER NOT NULL, seq INTEGER NOT NULL, record BLOB NOT NULL
);
CREATE UNIQUE INDEX journal_by_run ON journal (run, seq);
CREATE TABLE snapshots (run INTEGER PRIMARY KEY, seq INTEGER NOT NULL, state BLOB NOT NULL);
CREATE TABLE runs (
    id INTEGER PRIMARY KEY, shard INTEGER NOT NULL, plan INTEGER NOT NULL, workflow INTEGER NOT NULL,
    status INTEGER NOT NULL, wake_ms INTEGER, active INTEGER NOT NULL, created_ms INTEGER NOT NULL,
    updated_ms INTEGER NOT NULL, depth INTEGER NOT NULL, parent INTEGER, obligation TEXT, key TEXT, labels BLOB,
    reason TEXT
);
CREATE INDEX runs_wake ON runs (shard, wake_ms) WHERE wake_ms IS NOT NULL;
CREATE INDEX runs_active ON runs (shard) WHERE active;
CREATE INDEX runs_open ON runs (plan) WHERE status < 5;
CREATE INDEX runs_listed ON runs (status, workflow);
CREATE INDEX runs_ended ON runs (updated_ms) WHERE status >= 5;
CREATE INDEX runs_children ON runs (parent) WHERE parent IS NOT NULL;
CREATE UNIQUE INDEX runs_key ON runs (key) WHERE key IS NOT NULL;
CREATE TABLE labels (
    name TEXT NOT NULL, value TEXT NOT NULL, run INTEGER NOT NULL, PRIMARY KEY (name, value, run)
) WITHOUT ROWID;
CREATE TABLE events (
    id INTEGER PRIMARY KEY, source TEXT NOT NULL, event TEXT NOT NULL, at_ms INTEGER NOT NULL, body BLOB,
    UNIQUE (source, event)
);
CREATE INDEX events_by_time ON events (at_ms);
CREATE TABLE deliveries (
    id INTEGER PRIMARY KEY, shard INTEGER NOT NULL, run INTEGER NOT NULL, kind INTEGER NOT NULL, obligation TEXT,
    event INTEGER, payload BLOB
);
CREATE INDEX deliveries_by_run ON deliveries (shard, run);
CREATE INDEX deliveries_by_event ON deliveries (event) WHERE event IS NOT NULL;
CREATE TABLE schedules (name TEXT PRIMARY KEY, slot_ms INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE triggers (name TEXT PRIMARY KEY, state BLOB NOT NULL);
";

/// What each version added to the one before it, from version 2 on. What is here never changes.
const ADDED: [&str; 1] = ["
CREATE TABLE entries (
    kind TEXT NOT NULL, namespace TEXT NOT NULL, name TEXT NOT NULL, revision INTEGER NOT NULL, expires_ms INTEGER,
    value BLOB NOT NULL, PRIMARY KEY (kind, namespace, name)
) WITHOUT ROWID;
CREATE INDEX entries_expire ON entries (expires_ms) WHERE expires_ms IS NOT NULL;
CREATE INDEX entries_by_revision ON entries (revision);
"];

/// Opens the one connection that writes, and makes the tables that are not there.
pub(super) fn open_writer(path: &Path, shards: u16) -> Result<Connection, StoreError> {
    if rusqlite::version_number() < SQLITE_VERSION_MIN {
        return Err(unusable(format!(
            "SQLite {} may lose commits; 3.51.3 or later is needed",
            rusqlite::version()
        )));
    }
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE
        | OpenFlags::SQLITE_OPEN_CREATE
        | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let mut connection = Connection::open_with_flags(path, flags).map_err(failed)?;
    connection.busy_timeout(BUSY_TIMEOUT).map_err(failed)?;
    if pragma(&connection, "page_count")? == 0 {
        // All of them have to come before the first page is written.
        set(&connection, "page_size", 4096)?;
        set(&connection, "auto_vacuum", 2)?;
        set(&connection, "application_id", i64::from(APPLICATION_ID))?;
    }
    check_identity(&connection, path)?;
    let mode: String = connection
        .query_row("PRAGMA journal_mode = WAL", [], |row| row.get(0))
        .map_err(failed)?;
    if mode != "wal" {
        return Err(unusable(format!(
            "{} cannot have a write-ahead log: its journal is `{mode}`",
            path.display()
        )));
    }
    set(&connection, "synchronous", 2)?;
    set(&connection, "wal_autocheckpoint", 0)?;
    set(&connection, "journal_size_limit", WAL_BYTES_KEPT)?;
    set(&connection, "cache_size", i64::from(-WRITER_CACHE_KIB))?;
    set_common(&connection)?;
    create(&mut connection, shards)?;
    Ok(connection)
}

/// Opens a connection that only reads.
pub(super) fn open_reader(path: &Path) -> Result<Connection, StoreError> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags).map_err(failed)?;
    connection.busy_timeout(BUSY_TIMEOUT).map_err(failed)?;
    set_common(&connection)?;
    Ok(connection)
}

fn set_common(connection: &Connection) -> Result<(), StoreError> {
    set(connection, "foreign_keys", 0)?;
    set(connection, "mmap_size", 0)?;
    set(connection, "temp_store", 2)?;
    set(connection, "trusted_schema", 0)?;
    connection.set_prepared_statement_cache_capacity(STATEMENTS_KEPT);
    Ok(())
}

/// Refuses databases of others, and of releases to come.
pub(super) fn check_identity(connection: &Connection, path: &Path) -> Result<(), StoreError> {
    let empty = pragma(connection, "schema_version")? == 0;
    if !empty && pragma(connection, "application_id")? != i64::from(APPLICATION_ID) {
        return Err(unusable(format!(
            "{} is a database of another program",
            path.display()
        )));
    }
    let schema = pragma(connection, "user_version")?;
    if schema > i64::from(SCHEMA) {
        return Err(unusable(format!(
            "{} has tables of version {schema}, written by a later release; this one knows {SCHEMA}",
            path.display()
        )));
    }
    Ok(())
}

fn create(connection: &mut Connection, shards: u16) -> Result<(), StoreError> {
    let found = pragma(connection, "user_version")?;
    if found == i64::from(SCHEMA) {
        return Ok(());
    }
    let transaction = connection
        .transaction_with_behavior(TransactionBehavior::Immediate)
        .map_err(failed)?;
    if found == 0 {
        transaction.execute_batch(TABLES).map_err(failed)?;
        for (name, value) in [
            ("shards", i64::from(shards)),
            ("position", 1),
            ("purged", 0),
        ] {
            transaction
                .execute(
                    "INSERT INTO meta (name, value) VALUES (?1, ?2)",
                    (name, value),
                )
                .map_err(failed)?;
        }
    }
    let has = usize::try_from(found.max(1) - 1).unwrap_or(0);
    for added in &ADDED[has..] {
        transaction.execute_batch(added).map_err(failed)?;
    }
    set(&transaction, "user_version", i64::from(SCHEMA))?;
    transaction.commit().map_err(failed)
}

pub(super) fn pragma(connection: &Connection, name: &str) -> Result<i64, StoreError> {
    connection
        .pragma_query_value(None, name, |row| row.get(0))
        .map_err(failed)
}

fn set(connection: &Connection, name: &str, value: i64) -> Result<(), StoreError> {
    // Some answer with the value they took, others with nothing.
    connection
        .pragma_update_and_check(None, name, value, |_| Ok(()))
        .or_else(|error| match error {
            rusqlite::Error::QueryReturnedNoRows => Ok(()),
            error => Err(error),
        })
        .map_err(failed)
}
