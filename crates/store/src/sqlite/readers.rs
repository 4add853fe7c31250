//! A few connections that read, lent one question at a time.

use std::path::Path;
use std::sync::{Condvar, Mutex, PoisonError};

use rusqlite::Connection;

use super::error::failed;
use super::schema;
use crate::journal::StoreError;

/// Questions that are answered at the same time; others wait their turn.
const READERS: usize = 4;

pub(super) struct Readers {
    idle: Mutex<Vec<Connection>>,
    back: Condvar,
}

impl Readers {
    pub(super) fn open(path: &Path) -> Result<Readers, StoreError> {
        let readers = (0..READERS).map(|_| schema::open_reader(path));
        Ok(Readers {
            idle: Mutex::new(readers.collect::<Result<_, _>>()?),
            back: Condvar::new(),
        })
    }

    /// Answers a question from what is durable at one moment.
    pub(super) fn ask<T>(
        &self,
        question: impl FnOnce(&Connection) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        let lent = self.lend();
        let transaction = lent.connection().unchecked_transaction().map_err(failed)?;
        let answer = question(&transaction)?;
        transaction.finish().map_err(failed)?;
        Ok(answer)
    }

    fn lend(&self) -> Lent<'_> {
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        loop {
            if let Some(connection) = idle.pop() {
                return Lent {
                    readers: self,
                    connection: Some(connection),
                };
            }
            idle = self.back.wait(idle).unwrap_or_else(PoisonError::into_inner);
        }
    }
}

/// Comes back even if the question panics.
struct Lent<'a> {
    readers: &'a Readers,
    connection: Option<Connection>,
}

impl Lent<'_> {
    fn connection(&self) -> &Connection {
        self.connection.as_ref().expect("it goes back only once")
    }
}

impl Drop for Lent<'_> {
    fn drop(&mut self) {
        let mut idle = self
            .readers
            .idle
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        idle.extend(self.connection.take());
        drop(idle);
        self.readers.back.notify_one();
    }
}
