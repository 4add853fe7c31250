//! Tokens in memory: one for each policy, until shortly before it expires; one request at a time for each policy.

use std::collections::HashMap;
use std::sync::{Arc, Mutex as SyncMutex};
use std::time::Duration;

use ferrovia_runtime::port::Fault;
use tokio::sync::Mutex;
use tokio::time::Instant;

use super::grant;
use super::policy::TokenPolicy;
use crate::client::GuardedClient;

/// Policies whose tokens are kept.
const POLICIES_MAX: usize = 1024;
/// How long before its end a token is no longer used: it must outlive the request it travels with.
const EXPIRY_SKEW: Duration = Duration::from_secs(30);
/// A token is asked for anew after this time, whatever the authority says about it: a clock can only count so far.
const LIFETIME_MAX: Duration = Duration::from_secs(24 * 60 * 60);

pub(crate) struct AccessToken {
    text: String,
    token_type: String,
    usable_until: Instant,
}

impl AccessToken {
    pub(super) fn header(&self) -> String {
        format!("{} {}", self.token_type, self.text)
    }

    pub(super) fn text(&self) -> &str {
        &self.text
    }
}

#[derive(Default)]
struct Slot {
    current: Option<Arc<AccessToken>>,
    refresh_token: Option<String>,
}

/// The tokens of all policies.
#[derive(Default)]
pub(crate) struct TokenStore {
    slots: SyncMutex<HashMap<[u8; 32], Arc<Mutex<Slot>>>>,
}

impl TokenStore {
    /// A usable token, from memory or from the authority. Concurrent callers wait for one request and share its token.
    pub(super) async fn get(
        &self,
        client: &GuardedClient,
        policy: &TokenPolicy,
    ) -> Result<Arc<AccessToken>, Fault> {
        let slot = self.slot(policy);
        let mut slot = slot.lock().await;
        if let Some(token) = slot
            .current
            .as_ref()
            .filter(|token| Instant::now() < token.usable_until)
        {
            return Ok(Arc::clone(token));
        }
        let granted = grant::request(client, policy, slot.refresh_token.as_deref()).await?;
        let token = Arc::new(AccessToken {
            text: granted.access_token,
            token_type: granted.token_type,
            usable_until: Instant::now()
                + granted
                    .lifetime
                    .min(LIFETIME_MAX)
                    .saturating_sub(EXPIRY_SKEW),
        });
        slot.current = Some(Arc::clone(&token));
        // An authority that rotates refresh tokens sends the next one; another leaves the old one valid.
        slot.refresh_token = granted.refresh_token.or(slot.refresh_token.take());
        Ok(token)
    }

    /// Forgets a token that a server did not accept, unless another has replaced it meanwhile.
    pub(super) async fn discard(&self, policy: &TokenPolicy, token: &Arc<AccessToken>) {
        let slot = self.slot(policy);
        let mut slot = slot.lock().await;
        if slot
            .current
            .as_ref()
            .is_some_and(|current| Arc::ptr_eq(current, token))
        {
            slot.current = None;
        }
    }

    fn slot(&self, policy: &TokenPolicy) -> Arc<Mutex<Slot>> {
        let mut slots = self.slots.lock().expect("no holder of this lock panics");
        if slots.len() >= POLICIES_MAX && !slots.contains_key(&policy.fingerprint) {
            slots.clear();
        }
        Arc::clone(slots.entry(policy.fingerprint).or_default())
    }
}
