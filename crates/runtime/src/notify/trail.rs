//! Follows the records of all runs in the order in which they became durable, from a kept place on.

use std::pin::pin;
use std::sync::{Arc, Weak};
use std::time::Duration;

use ferrovia_store::{Committed, EntryKey, Expected, Put, StoreError, Write};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::durable::{Inner, blocking};

/// Records looked at before the place is kept.
const PAGE: usize = 64;
/// How often it looks even if nobody says that there is something.
const LOOK_EVERY: Duration = Duration::from_secs(5);
/// How long a store that cannot be read is left alone.
const STORE_PAUSE: Duration = Duration::from_secs(1);
const KIND: &str = "notify";

/// A place in the order of all records, kept under a name with whatever has to agree with it.
pub(super) struct Trail {
    node: Weak<Inner>,
    key: EntryKey,
}

impl Trail {
    pub(super) fn new(node: Weak<Inner>, namespace: &str, name: &str) -> Trail {
        let key = EntryKey {
            kind: KIND.into(),
            namespace: namespace.into(),
            name: name.into(),
        };
        Trail { node, key }
    }

    /// What was kept. Absent at the first time, and if it cannot be understood.
    pub(super) async fn kept<T: DeserializeOwned>(&self) -> Option<Option<T>> {
        let key = self.key.clone();
        let entry = self
            .read(move |inner| inner.journal.entry(&key))
            .await?
            .and_then(|entry| serde_json::from_slice(&entry.value).ok());
        Some(entry)
    }

    /// Keeps a state. False if the node is gone.
    pub(super) async fn keep<T: Serialize>(&self, state: &T) -> bool {
        let value = serde_json::to_vec(state).expect("states are JSON");
        loop {
            let Some(inner) = self.node.upgrade() else {
                return false;
            };
            let put = Write::Put(Put {
                key: self.key.clone(),
                expected: Expected::Anything,
                value: Some(value.clone().into()),
                expires_ms: None,
            });
            let kept = inner.write(vec![put]).await;
            drop(inner);
            match kept {
                Ok(_) => return true,
                Err(StoreError::Fatal(_) | StoreError::Unusable(_)) => return false,
                // It may go later; until then things are told that would be told again after a crash.
                Err(_) => tokio::time::sleep(STORE_PAUSE).await,
            }
        }
    }

    /// The place of the last record. Nothing if the node is gone.
    pub(super) async fn position(&self) -> Option<u64> {
        self.read(|inner| inner.journal.position()).await
    }

    /// Reads, again and again while the store cannot. Nothing if the node is gone.
    pub(super) async fn read<T: Send + 'static>(
        &self,
        read: impl Fn(&Inner) -> Result<T, StoreError> + Send + Sync + 'static,
    ) -> Option<T> {
        let read = Arc::new(read);
        loop {
            let (inner, once) = (self.node.upgrade()?, read.clone());
            if inner.failed.borrow().is_some() {
                return None;
            }
            match blocking(move || once(&inner)).await {
                Ok(found) => return Some(found),
                Err(_) => tokio::time::sleep(STORE_PAUSE).await,
            }
        }
    }

    /// The records after a place; none if nothing came within a time.
    pub(super) async fn page(&self, after: u64, within: Duration) -> Option<Vec<Committed>> {
        let commits = self.node.upgrade()?.commits.clone();
        // It listens before it looks: what it does not find then wakes it.
        let mut notified = pin!(commits.notified());
        notified.as_mut().enable();
        let page = self.read(move |inner| inner.journal.committed(after, PAGE));
        let page = page.await?;
        if page.is_empty() {
            tokio::select! {
                () = notified => {}
                () = tokio::time::sleep(within.min(LOOK_EVERY)) => {}
            }
        }
        Some(page)
    }
}
