//! What SQLite's errors mean to who uses the store.

use std::sync::Arc;

use rusqlite::{ErrorCode, ffi};

use crate::journal::StoreError;

pub(super) fn unusable(why: String) -> StoreError {
    StoreError::Unusable(Arc::from(why))
}

pub(super) fn damaged(what: impl Into<Arc<str>>, why: impl Into<Arc<str>>) -> StoreError {
    StoreError::Damaged {
        what: what.into(),
        why: why.into(),
    }
}

/// Texts of SQLite say nothing of data: they name tables, files and codes.
pub(super) fn failed(error: rusqlite::Error) -> StoreError {
    let text = error.to_string();
    let rusqlite::Error::SqliteFailure(code, _) = error else {
        return damaged("a row", text);
    };
    let text = format!("{text} (SQLite code {})", code.extended_code);
    match code.code {
        ErrorCode::DiskFull => StoreError::Full(text.into()),
        // The index of the write-ahead log could not grow, which is tried before anything is written.
        ErrorCode::SystemIoFailure if code.extended_code == ffi::SQLITE_IOERR_SHMSIZE => {
            StoreError::Full(text.into())
        }
        ErrorCode::SystemIoFailure | ErrorCode::OutOfMemory => StoreError::Fatal(text.into()),
        ErrorCode::DatabaseBusy
        | ErrorCode::DatabaseLocked
        | ErrorCode::CannotOpen
        | ErrorCode::PermissionDenied
        | ErrorCode::ReadOnly => unusable(format!("the database cannot be used: {text}")),
        _ => damaged("the database", text),
    }
}
