//! Forgets what nobody needs any more: runs that ended long ago, events that were taken in long ago, entries that expired.

use std::sync::Weak;
use std::time::Duration;

use ferrovia_store::{Purge, StoreError};

use super::{Inner, blocking, wall_ms};

/// How often it looks.
const LOOK_EVERY: Duration = Duration::from_secs(30);
/// Runs that go at a time, so that nobody waits long for the journal.
const RUNS_AT_A_TIME: usize = 256;

/// What is kept. A run that has not ended always is, and so is one that came of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Retention {
    /// How long runs are kept after they ended; for ever if it is absent.
    pub runs: Option<Duration>,
    /// How many of the runs that ended last are kept at most; all if it is absent.
    pub newest: Option<usize>,
    /// How long events are remembered, so that they are not taken twice.
    pub events: Duration,
}

impl Default for Retention {
    fn default() -> Self {
        Retention {
            runs: None,
            newest: None,
            events: Duration::from_secs(30 * 24 * 60 * 60),
        }
    }
}

/// Until the node is gone.
pub(super) async fn forget(node: Weak<Inner>, retention: Retention) {
    loop {
        let Some(inner) = node.upgrade() else { return };
        // What does not go now goes at the next look; a store that is broken says so to those who write.
        let _ = look(&inner, retention).await;
        drop(inner);
        tokio::time::sleep(LOOK_EVERY).await;
    }
}

async fn look(inner: &Inner, retention: Retention) -> Result<(), StoreError> {
    let now_ms = wall_ms();
    let before =
        |age: Duration| now_ms.saturating_sub(i64::try_from(age.as_millis()).unwrap_or(i64::MAX));
    let by_count = match retention.newest {
        Some(newest) => {
            let journal = inner.journal.clone();
            blocking(move || journal.ended_before(newest)).await?
        }
        None => None,
    };
    let purge = Purge {
        ended_before_ms: retention.runs.map(before).max(by_count).unwrap_or(i64::MIN),
        events_before_ms: before(retention.events),
        expired_before_ms: now_ms,
        limit: RUNS_AT_A_TIME,
    };
    loop {
        let journal = inner.journal.clone();
        if blocking(move || journal.purge(purge)).await? == 0 {
            return Ok(());
        }
    }
}
