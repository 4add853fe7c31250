//! Wall-clock time for inputs, monotonic time for sleeping, and identities of runs.

use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use tokio::time::Instant;

/// Tells the time since its start; it never goes back, whatever happens to the wall clock.
pub(super) struct Clock {
    start_ms: i64,
    started: Instant,
}

impl Clock {
    pub(super) fn start() -> Clock {
        let since_epoch = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .unwrap_or_default();
        Clock {
            start_ms: since_epoch.as_millis() as i64,
            started: Instant::now(),
        }
    }

    /// The point in time so long after the start; beyond reach, the last one there is.
    pub(super) fn after_start_ms(&self, after: Duration) -> i64 {
        i64::try_from(after.as_millis()).map_or(i64::MAX, |ms| self.start_ms.saturating_add(ms))
    }

    pub(super) fn now_ms(&self) -> i64 {
        self.start_ms + self.started.elapsed().as_millis() as i64
    }

    /// Sleeps until a point in time has passed; for a point beyond reach, for ever.
    pub(super) async fn sleep_until(&self, due_ms: i64) {
        let after = Duration::from_millis(due_ms.saturating_sub(self.start_ms).max(0) as u64);
        match self
            .started
            .checked_add(after)
            .filter(|_| due_ms != i64::MAX)
        {
            Some(at) => tokio::time::sleep_until(at).await,
            None => std::future::pending().await,
        }
    }
}

/// Id and seed of the run number `key` of a process seeded with `seed`.
pub(super) fn identify(seed: u64, key: u64) -> (Arc<str>, u64) {
    let mixed = mix(seed.wrapping_add(key.wrapping_mul(0x9e37_79b9_7f4a_7c15)));
    (
        format!("{:016x}{:04x}", mixed, key & 0xffff).into(),
        mix(mixed),
    )
}

/// The finaliser of SplitMix64.
fn mix(mut z: u64) -> u64 {
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}
