//! Who has shown who they are a moment ago: so that a request costs a digest and not a question to the store.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};

use crate::access::Principal;
use crate::access::token::TokenDigest;

/// Tokens that are remembered.
pub const KNOWN_MAX: usize = 10_000;
/// How long one is, without asking the store again. A change by this process takes effect at once, one by another
/// process of the same store after this time at the latest.
pub const KNOWN_MS: i64 = 5_000;

type Digest = [u8; 32];

#[derive(Debug, Default)]
pub(super) struct Known(RwLock<Table>);

#[derive(Debug, Default)]
struct Table {
    /// Counts the changes, so that what was read before one is not remembered after it.
    generation: u64,
    principals: HashMap<Digest, (Arc<Principal>, i64)>,
}

impl Known {
    pub(super) fn find(&self, digest: &TokenDigest, now_ms: i64) -> Option<Arc<Principal>> {
        let table = self.0.read().unwrap_or_else(PoisonError::into_inner);
        let (principal, until_ms) = table.principals.get(digest.as_bytes())?;
        // A clock that was set back must not make it last longer.
        let fresh = now_ms < *until_ms && *until_ms <= now_ms.saturating_add(KNOWN_MS);
        fresh.then(|| principal.clone())
    }

    pub(super) fn generation(&self) -> u64 {
        self.0
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .generation
    }

    /// Remembers what was read while the generation was this one.
    pub(super) fn remember(
        &self,
        digest: &TokenDigest,
        principal: Arc<Principal>,
        generation: u64,
        now_ms: i64,
    ) {
        let mut table = self.0.write().unwrap_or_else(PoisonError::into_inner);
        if table.generation != generation {
            return;
        }
        if table.principals.len() >= KNOWN_MAX {
            table
                .principals
                .retain(|_, (_, until_ms)| now_ms < *until_ms);
        }
        // Still full: whoever comes next is asked about again.
        if table.principals.len() < KNOWN_MAX {
            let until_ms = now_ms.saturating_add(KNOWN_MS);
            table
                .principals
                .insert(*digest.as_bytes(), (principal, until_ms));
        }
    }

    /// Forgets everybody: something changed.
    pub(super) fn forget(&self) {
        let mut table = self.0.write().unwrap_or_else(PoisonError::into_inner);
        table.generation += 1;
        table.principals.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::access::Bearer;

    fn digest(number: usize) -> TokenDigest {
        let mut bytes = [0; 32];
        bytes[..8].copy_from_slice(&number.to_be_bytes());
        TokenDigest::from_bytes(bytes)
    }

    fn somebody() -> Arc<Principal> {
        Arc::new(Principal {
            bearer: Bearer::Operator,
            grants: Vec::new(),
            expires_ms: None,
        })
    }

    #[test]
    fn what_was_read_before_a_change_is_not_remembered_after_it() {
        let known = Known::default();
        let before = known.generation();
        known.remember(&digest(1), somebody(), before, 0);
        assert!(known.find(&digest(1), KNOWN_MS - 1).is_some());
        assert!(known.find(&digest(1), KNOWN_MS).is_none());
        assert!(
            known.find(&digest(1), -1).is_none(),
            "the clock was set back"
        );
        known.forget();
        assert!(known.find(&digest(1), 0).is_none());
        known.remember(&digest(1), somebody(), before, 0);
        assert!(known.find(&digest(1), 0).is_none());
    }

    #[test]
    fn memory_is_bounded() {
        let known = Known::default();
        for number in 0..KNOWN_MAX + 10 {
            known.remember(&digest(number), somebody(), 0, 0);
        }
        let held = || known.0.read().unwrap().principals.len();
        assert_eq!(held(), KNOWN_MAX);
        known.remember(&digest(KNOWN_MAX + 10), somebody(), 0, KNOWN_MS);
        assert_eq!(held(), 1);
    }
}
