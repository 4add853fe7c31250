//! Names of things in the store. Each is a number or a hash of its own type.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// A run. Ids grow with time, so that what is written together lies together; a store holds each once.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct RunId(pub u64);

/// Crockford's base 32, lower case: no letters that look alike.
const ALPHABET: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";
/// Digits that hold 64 bits.
const DIGITS: usize = 13;

impl fmt::Display for RunId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut text = [0u8; DIGITS];
        let mut rest = self.0;
        for digit in text.iter_mut().rev() {
            *digit = ALPHABET[(rest & 31) as usize];
            rest >>= 5;
        }
        f.write_str(std::str::from_utf8(&text).expect("the alphabet is ASCII"))
    }
}

/// A text that is no id of a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("an id of a run has 13 digits and lower-case letters, such as `06e8jvd4r3x0g`")]
pub struct NoRunId;

impl FromStr for RunId {
    type Err = NoRunId;
    fn from_str(text: &str) -> Result<Self, NoRunId> {
        if text.len() != DIGITS {
            return Err(NoRunId);
        }
        let value = text.bytes().try_fold(0u128, |value, byte| {
            let digit = ALPHABET
                .iter()
                .position(|known| *known == byte.to_ascii_lowercase())?;
            Some(value << 5 | digit as u128)
        });
        value
            .and_then(|value| u64::try_from(value).ok())
            .map(RunId)
            .ok_or(NoRunId)
    }
}

/// A share of all runs with one writer at a time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct ShardId(pub u16);

impl ShardId {
    /// The shard of a run, among a fixed number of them.
    pub fn of(run: RunId, shards: u16) -> ShardId {
        // Fibonacci hashing: consecutive ids go to different shards.
        let mixed = run.0.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 32;
        ShardId((mixed % u64::from(shards.max(1))) as u16)
    }
}

/// How often a shard changed hands. A writer with an older number has lost the shard and is refused (G5).
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
pub struct Epoch(pub u64);

/// Something on its way to a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct DeliveryId(pub i64);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_read_back_what_they_print() {
        for id in [0, 1, 31, 32, 0xdead_beef, u64::MAX] {
            assert_eq!(RunId(id).to_string().parse(), Ok(RunId(id)));
        }
        for wrong in ["", "0", "zzzzzzzzzzzzz", "000000000000u", "00000000000000"] {
            assert_eq!(wrong.parse::<RunId>(), Err(NoRunId), "{wrong}");
        }
    }

    #[test]
    fn consecutive_ids_spread_over_shards() {
        let mut counts = [0u32; 8];
        (0..8_000).for_each(|id| counts[usize::from(ShardId::of(RunId(id), 8).0)] += 1);
        assert!(
            counts.iter().all(|count| (900..1_100).contains(count)),
            "{counts:?}"
        );
    }
}
