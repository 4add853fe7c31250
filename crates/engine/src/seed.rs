//! Randomness of a run, derived from its seed and a place: the same on replay.

use std::fmt::Write;

/// A deterministic stream of numbers (SplitMix64, Steele, Lea and Flood 2014) for one place of a run.
pub(crate) struct Randomness(u64);

impl Randomness {
    /// The stream of `place`, told apart from all others by a FNV-1a hash.
    pub(crate) fn at(seed: u64, place: &str) -> Randomness {
        const OFFSET: u64 = 0xcbf2_9ce4_8422_2325;
        const PRIME: u64 = 0x0000_0100_0000_01b3;
        let hash = place.bytes().fold(OFFSET, |hash, byte| {
            (hash ^ u64::from(byte)).wrapping_mul(PRIME)
        });
        Randomness(seed ^ hash)
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A number between two bounds, both included; the lower one when they are in the wrong order.
    pub(crate) fn between(&mut self, from: u64, to: u64) -> u64 {
        let width = to.saturating_sub(from);
        // Multiply-shift: the bias is below 2^-32 for the widths that occur (durations in milliseconds).
        from + ((u128::from(self.next()) * (u128::from(width) + 1)) >> 64) as u64
    }

    /// An identifier in the form of a version 4 UUID (RFC 9562).
    pub(crate) fn uuid(&mut self) -> String {
        let (high, low) = (self.next(), self.next());
        let high = (high & !0xf000) | 0x4000;
        let low = (low & !(0b11 << 62)) | (0b10 << 62);
        let mut text = String::with_capacity(36);
        write!(
            text,
            "{:08x}-{:04x}-{:04x}-{:04x}-{:012x}",
            high >> 32,
            (high >> 16) & 0xffff,
            high & 0xffff,
            low >> 48,
            low & 0xffff_ffff_ffff
        )
        .expect("writing to a string never fails");
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_place_gives_the_same_numbers() {
        assert_eq!(
            Randomness::at(7, "/do/0/a").uuid(),
            Randomness::at(7, "/do/0/a").uuid()
        );
        assert_ne!(
            Randomness::at(7, "/do/0/a").uuid(),
            Randomness::at(7, "/do/0/b").uuid()
        );
        assert_ne!(
            Randomness::at(7, "/do/0/a").uuid(),
            Randomness::at(8, "/do/0/a").uuid()
        );
    }

    #[test]
    fn numbers_stay_between_their_bounds_and_reach_both() {
        let mut random = Randomness::at(1, "x");
        let drawn: Vec<u64> = (0..200).map(|_| random.between(3, 6)).collect();
        assert_eq!(
            (drawn.iter().min(), drawn.iter().max()),
            (Some(&3), Some(&6))
        );
        assert_eq!(random.between(9, 2), 9);
    }

    #[test]
    fn uuids_carry_version_and_variant() {
        let uuid = Randomness::at(1, "x").uuid();
        assert_eq!(uuid.len(), 36);
        assert_eq!(&uuid[14..15], "4");
        assert!("89ab".contains(&uuid[19..20]), "{uuid}");
    }
}
