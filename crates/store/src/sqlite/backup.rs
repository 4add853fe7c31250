//! Copies of a store: taken while it is written to, and put back.

use std::fs::{self, File};
use std::path::Path;

use rusqlite::backup::{Backup, StepResult};
use rusqlite::{Connection, OpenFlags};

use super::Sqlite;
use super::error::{damaged, failed, unusable};
use super::lock::{Lock, beside};
use super::schema;
use crate::journal::StoreError;

/// Pages copied between two words to who waits: 4 MiB.
const BACKUP_PAGES: i32 = 1_024;

/// What to do with a store that is where a backup goes to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Existing {
    Refuse,
    Replace,
}

impl Sqlite {
    /// Copies the store, as it is at one moment, to a file that must not exist. Writers go on meanwhile; their
    /// write-ahead log cannot begin anew until the copy is made, so it may grow. `progress` hears how many pages are
    /// copied, of how many.
    pub fn backup(
        &self,
        to: impl AsRef<Path>,
        progress: impl FnMut(u64, u64),
    ) -> Result<(), StoreError> {
        let to = to.as_ref();
        if to.exists() {
            return Err(unusable(format!("{} exists", to.display())));
        }
        let source = schema::open_reader(&self.path)?;
        copy(&source, to, progress)
    }
}

/// Puts a backup where a store is to be. Nobody may have that store open. A backup that is damaged, or no store of
/// this program, is refused and leaves everything as it is.
pub fn restore(
    backup: impl AsRef<Path>,
    store: impl AsRef<Path>,
    existing: Existing,
    progress: impl FnMut(u64, u64),
) -> Result<(), StoreError> {
    let (backup, store) = (backup.as_ref(), store.as_ref());
    let _lock = Lock::take(store)?;
    if store.exists() && existing == Existing::Refuse {
        return Err(unusable(format!("{} exists", store.display())));
    }
    let source =
        Connection::open_with_flags(backup, OpenFlags::SQLITE_OPEN_READ_ONLY).map_err(failed)?;
    schema::check_identity(&source, backup)?;
    if schema::pragma(&source, "user_version")? == 0 {
        return Err(unusable(format!("{} is no store", backup.display())));
    }
    let fresh = beside(store, "restored");
    remove(&fresh)?;
    copy(&source, &fresh, progress)?;
    // A log of the store that goes must not be taken for one of the store that comes.
    for suffix in ["wal", "shm", "journal"] {
        remove(&beside(store, suffix))?;
    }
    put(&fresh, store)
}

/// Copies what a connection sees at one moment. The copy is checked before it gets its name.
fn copy(
    source: &Connection,
    to: &Path,
    mut progress: impl FnMut(u64, u64),
) -> Result<(), StoreError> {
    let partial = beside(to, "partial");
    remove(&partial)?;
    // Held open, this makes the copy one of a single moment, and keeps it from beginning again with each commit.
    let moment = source.unchecked_transaction().map_err(failed)?;
    schema::pragma(&moment, "schema_version")?;
    {
        let mut copied = Connection::open(&partial).map_err(failed)?;
        {
            let backup = Backup::new(&moment, &mut copied).map_err(failed)?;
            loop {
                let step = backup.step(BACKUP_PAGES).map_err(failed)?;
                let state = backup.progress();
                let total = u64::try_from(state.pagecount).unwrap_or(0);
                let left = u64::try_from(state.remaining).unwrap_or(0);
                progress(total - left, total);
                match step {
                    StepResult::Done => break,
                    StepResult::More => {}
                    _ => return Err(unusable(format!("{} is locked", partial.display()))),
                }
            }
        }
        check_integrity(&copied, to)?;
        // One file, without a log beside it.
        copied
            .query_row("PRAGMA journal_mode = DELETE", [], |_| Ok(()))
            .map_err(failed)?;
    }
    put(&partial, to)
}

fn check_integrity(connection: &Connection, path: &Path) -> Result<(), StoreError> {
    let found: String = connection
        .query_row("PRAGMA integrity_check(1)", [], |row| row.get(0))
        .map_err(failed)?;
    if found == "ok" {
        return Ok(());
    }
    Err(damaged(
        format!("what was to become {}", path.display()),
        found,
    ))
}

/// Gives a finished file its name, durably.
fn put(from: &Path, to: &Path) -> Result<(), StoreError> {
    let named = || {
        File::open(from)?.sync_all()?;
        fs::rename(from, to)?;
        let directory = to.parent().filter(|path| !path.as_os_str().is_empty());
        File::open(directory.unwrap_or(Path::new(".")))?.sync_all()
    };
    named().map_err(|why: std::io::Error| unusable(format!("{}: {why}", to.display())))
}

fn remove(path: &Path) -> Result<(), StoreError> {
    match fs::remove_file(path) {
        Err(why) if why.kind() != std::io::ErrorKind::NotFound => {
            Err(unusable(format!("{}: {why}", path.display())))
        }
        _ => Ok(()),
    }
}
