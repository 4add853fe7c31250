//! How often somebody may try to sign in: by the name that is tried and by the address that tries, within a window.
//!
//! One address has few attempts for a name; many addresses together have more. So one attacker does not lock out whom
//! they attack, and many do not get to guess forever. Sessions and keys that exist are not touched.
//!
//! An attempt counts before the password is looked at, so that many at the same time are not all the first. One that
//! succeeds is taken back. Memory is bounded; when it is full, what was tried least is forgotten, so that nobody clears
//! the count of one name by trying many others.

use std::collections::HashMap;
use std::hash::Hash;
use std::net::IpAddr;

use ring::digest;

/// Attempts in a window for one name from one address.
pub const ATTEMPTS_PER_USER_AND_ADDRESS_MAX: u32 = 10;
/// Attempts in a window for one name from anywhere.
pub const ATTEMPTS_PER_USER_MAX: u32 = 100;
/// Attempts in a window from one address, for any names. More, because many people can be behind one.
pub const ATTEMPTS_PER_ADDRESS_MAX: u32 = 50;
/// From the first attempt on.
pub const ATTEMPTS_WINDOW_MS: i64 = 15 * 60 * 1_000;
/// Names that are counted, addresses, and pairs of them.
pub const COUNTED_MAX: usize = 10_000;

#[derive(Debug, Default)]
pub struct Attempts {
    pairs: Counts<(UserKey, Network)>,
    users: Counts<UserKey>,
    addresses: Counts<Network>,
}

/// A digest: names that are tried can be of any length.
type UserKey = [u8; digest::SHA256_OUTPUT_LEN];

/// An IPv4 address, or what one subscriber has of IPv6: a /64.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Network {
    V4([u8; 4]),
    V6([u16; 4]),
}

/// Too often. Does not say whether for the name or from the address: that there is such a user stays unsaid.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("too many attempts to sign in")]
pub struct TooMany {
    /// When it makes sense to try again, from now.
    pub retry_ms: i64,
}

impl Attempts {
    /// Counts an attempt, or refuses it. One that is refused does not count: the window ends when it ends.
    pub fn begin(&mut self, user: &str, address: IpAddr, now_ms: i64) -> Result<(), TooMany> {
        let (user, network) = (user_key(user), Network::of(address));
        let pair = (user, network);
        let waits = [
            self.pairs
                .wait_ms(&pair, ATTEMPTS_PER_USER_AND_ADDRESS_MAX, now_ms),
            self.users.wait_ms(&user, ATTEMPTS_PER_USER_MAX, now_ms),
            self.addresses
                .wait_ms(&network, ATTEMPTS_PER_ADDRESS_MAX, now_ms),
        ];
        if let Some(retry_ms) = waits.into_iter().flatten().max() {
            return Err(TooMany { retry_ms });
        }
        self.pairs.count(pair, now_ms);
        self.users.count(user, now_ms);
        self.addresses.count(network, now_ms);
        Ok(())
    }

    /// Takes back an attempt that was right. Not all that were wrong before: somebody who has an account could
    /// otherwise guess for others as often as they like.
    pub fn succeeded(&mut self, user: &str, address: IpAddr) {
        let (user, network) = (user_key(user), Network::of(address));
        self.pairs.take_back(&(user, network));
        self.users.take_back(&user);
        self.addresses.take_back(&network);
    }
}

fn user_key(user: &str) -> UserKey {
    let digest = digest::digest(&digest::SHA256, user.trim().to_lowercase().as_bytes());
    digest.as_ref().try_into().expect("SHA-256 has 32 bytes")
}

impl Network {
    fn of(address: IpAddr) -> Network {
        match address.to_canonical() {
            IpAddr::V4(address) => Network::V4(address.octets()),
            IpAddr::V6(address) => {
                let [a, b, c, d, ..] = address.segments();
                Network::V6([a, b, c, d])
            }
        }
    }
}

#[derive(Debug)]
struct Counts<K>(HashMap<K, Count>);

#[derive(Clone, Copy, Debug)]
struct Count {
    since_ms: i64,
    attempts: u32,
}

impl<K> Default for Counts<K> {
    fn default() -> Counts<K> {
        Counts(HashMap::new())
    }
}

impl Count {
    /// How long its window still lasts. One that begins after now comes from a clock that was set back.
    fn left_ms(self, now_ms: i64) -> i64 {
        let left_ms = self
            .since_ms
            .saturating_add(ATTEMPTS_WINDOW_MS)
            .saturating_sub(now_ms);
        if left_ms > ATTEMPTS_WINDOW_MS {
            return 0;
        }
        left_ms.max(0)
    }
}

impl<K: Copy + Eq + Hash> Counts<K> {
    fn wait_ms(&self, key: &K, attempts_max: u32, now_ms: i64) -> Option<i64> {
        let count = self.0.get(key)?;
        let left_ms = count.left_ms(now_ms);
        (left_ms > 0 && count.attempts >= attempts_max).then_some(left_ms)
    }

    fn count(&mut self, key: K, now_ms: i64) {
        let first = Count {
            since_ms: now_ms,
            attempts: 0,
        };
        if self.0.len() >= COUNTED_MAX && !self.0.contains_key(&key) {
            self.make_room(now_ms);
        }
        let count = self.0.entry(key).or_insert(first);
        if count.left_ms(now_ms) == 0 {
            *count = first;
        }
        count.attempts = count.attempts.saturating_add(1);
    }

    fn take_back(&mut self, key: &K) {
        let Some(count) = self.0.get_mut(key) else {
            return;
        };
        count.attempts = count.attempts.saturating_sub(1);
        if count.attempts == 0 {
            self.0.remove(key);
        }
    }

    fn make_room(&mut self, now_ms: i64) {
        self.0.retain(|_, count| count.left_ms(now_ms) > 0);
        if self.0.len() < COUNTED_MAX {
            return;
        }
        let least = self
            .0
            .iter()
            .min_by_key(|(_, count)| (count.attempts, count.since_ms));
        if let Some((&key, _)) = least {
            self.0.remove(&key);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    fn far(index: u32) -> IpAddr {
        IpAddr::V4((0x0a00_0000 + index).into())
    }

    #[test]
    fn a_name_is_tried_so_often_from_anywhere() {
        let mut attempts = Attempts::default();
        for index in 0..ATTEMPTS_PER_USER_MAX {
            assert_eq!(attempts.begin("ada", far(index), 0), Ok(()));
        }
        for name in ["ada", "Ada", " ADA "] {
            let refused = attempts.begin(name, far(999), 1_000);
            let retry_ms = ATTEMPTS_WINDOW_MS - 1_000;
            assert_eq!(refused, Err(TooMany { retry_ms }));
        }
        assert_eq!(attempts.begin("bob", far(999), 1_000), Ok(()));
        let last = attempts.begin("ada", far(999), ATTEMPTS_WINDOW_MS - 1);
        assert_eq!(last, Err(TooMany { retry_ms: 1 }));
        assert_eq!(attempts.begin("ada", far(999), ATTEMPTS_WINDOW_MS), Ok(()));
    }

    #[test]
    fn one_address_does_not_lock_out_whom_it_attacks() {
        let mut attempts = Attempts::default();
        let mut guesses = 0;
        while attempts.begin("ada", far(1), 0).is_ok() {
            guesses += 1;
        }
        assert_eq!(guesses, ATTEMPTS_PER_USER_AND_ADDRESS_MAX);
        assert_eq!(attempts.begin("ada", far(2), 0), Ok(()));
        assert_eq!(attempts.begin("bob", far(1), 0), Ok(()));
    }

    #[test]
    fn an_address_tries_so_often_for_any_name() {
        for (first, same, other) in [
            ("192.0.2.1", "::ffff:192.0.2.1", "192.0.2.2"),
            ("2001:db8:1:2::1", "2001:db8:1:2:ffff::9", "2001:db8:1:3::1"),
        ] {
            let mut attempts = Attempts::default();
            for index in 0..ATTEMPTS_PER_ADDRESS_MAX {
                let user = format!("user-{index}");
                assert_eq!(attempts.begin(&user, address(first), 0), Ok(()));
            }
            assert!(attempts.begin("ada", address(same), 0).is_err(), "{same}");
            assert!(attempts.begin("ada", address(other), 0).is_ok(), "{other}");
        }
    }

    #[test]
    fn what_is_refused_does_not_make_the_window_longer() {
        let mut attempts = Attempts::default();
        for _ in 0..ATTEMPTS_PER_USER_AND_ADDRESS_MAX {
            attempts.begin("ada", far(1), 0).unwrap();
        }
        for second in 1..100 {
            assert!(attempts.begin("ada", far(1), second * 1_000).is_err());
        }
        assert!(attempts.begin("ada", far(1), ATTEMPTS_WINDOW_MS).is_ok());
    }

    #[test]
    fn a_success_takes_back_only_itself() {
        let mut attempts = Attempts::default();
        for _ in 0..10 * ATTEMPTS_PER_ADDRESS_MAX {
            attempts.begin("ada", far(1), 0).unwrap();
            attempts.succeeded("ADA", far(1));
        }
        // Guesses between successes of one's own add up.
        let mut guesses = 0;
        while attempts
            .begin(&format!("user-{guesses}"), far(1), 0)
            .is_ok()
        {
            guesses += 1;
            if attempts.begin("ada", far(1), 0).is_ok() {
                attempts.succeeded("ada", far(1));
            }
        }
        assert_eq!(guesses, ATTEMPTS_PER_ADDRESS_MAX);
        attempts.succeeded("nobody", far(2));
    }

    #[test]
    fn memory_is_bounded_and_keeps_what_is_tried_most() {
        let mut attempts = Attempts::default();
        for index in 0..ATTEMPTS_PER_USER_MAX {
            attempts.begin("ada", far(index), 0).unwrap();
        }
        for index in 0..u32::try_from(COUNTED_MAX).unwrap() + 100 {
            attempts
                .begin(&format!("user-{index}"), far(index), 1)
                .unwrap();
        }
        assert_eq!(attempts.pairs.0.len(), COUNTED_MAX);
        assert_eq!(attempts.users.0.len(), COUNTED_MAX);
        assert_eq!(attempts.addresses.0.len(), COUNTED_MAX);
        assert!(attempts.begin("ada", far(1 << 20), 2).is_err());
        // Windows that are over make room for all.
        attempts
            .begin("new", far(1 << 20), 1 + ATTEMPTS_WINDOW_MS)
            .unwrap();
        assert_eq!(attempts.users.0.len(), 1);
    }

    #[test]
    fn a_clock_that_is_set_back_locks_nobody_out() {
        let mut attempts = Attempts::default();
        let year_ms = 365 * 24 * 3_600 * 1_000;
        for _ in 0..ATTEMPTS_PER_USER_AND_ADDRESS_MAX {
            attempts.begin("ada", far(1), year_ms).unwrap();
        }
        assert!(attempts.begin("ada", far(1), year_ms).is_err());
        assert_eq!(attempts.begin("ada", far(1), 0), Ok(()));
        for now_ms in [i64::MIN, i64::MAX] {
            let _ = attempts.begin("ada", far(1), now_ms);
        }
    }
}
