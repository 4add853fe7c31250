//! Ids of runs, tokens of questions, and the wall clock they come from.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

use ferrovia_store::RunId;

/// 2024-01-01T00:00:00Z, from which ids count.
const EPOCH_MS: i64 = 1_704_067_200_000;
/// Bits below the milliseconds: 2 million ids in each.
const COUNTER_BITS: u32 = 21;

/// Makes ids that grow with time and never repeat within a process.
pub struct Ids(AtomicU64);

impl Ids {
    /// `salt` tells processes apart that make ids in the same millisecond.
    pub fn new(salt: u64) -> Ids {
        Ids(AtomicU64::new(salt & ((1 << COUNTER_BITS) - 1)))
    }

    pub fn next(&self, now_ms: i64) -> RunId {
        let ms = u64::try_from(now_ms.saturating_sub(EPOCH_MS)).unwrap_or(0);
        let floor = ms << COUNTER_BITS;
        let next = |last: u64| Some((last + 1).max(floor | (last & ((1 << COUNTER_BITS) - 1))));
        let last = self
            .0
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, next);
        RunId(last.map_or(floor, |last| next(last).unwrap_or(floor)))
    }
}

/// Milliseconds since the Unix epoch. It may jump; whoever needs time that does not, sees to that.
pub(crate) fn wall_ms() -> i64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |since| since.as_millis() as i64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_grow_with_time_and_within_a_millisecond() {
        let ids = Ids::new(u64::MAX);
        let made: Vec<_> = [5, 5, 5, 6, 4, 9]
            .iter()
            .map(|ms| ids.next(EPOCH_MS + ms))
            .collect();
        assert!(made.windows(2).all(|pair| pair[0] < pair[1]), "{made:?}");
        assert_eq!(made[5].0 >> COUNTER_BITS, 9);
    }
}
