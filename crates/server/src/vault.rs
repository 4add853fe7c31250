//! Secrets by namespace and name: kept sealed in the store, opened at the moment an effect leaves.
//!
//! Nothing that is handed out over the interface comes from here but names.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Arc, PoisonError, RwLock};

use ferrovia_expr::{Object, Value};
use ferrovia_runtime::SecretSource;
use ferrovia_store::{EntryKey, Expected, Journal, Put, StoreError, Write};
use tokio::sync::{Mutex, oneshot};
use zeroize::Zeroizing;

use crate::access::token::NoRandom;
use crate::seal::file::{self, KeyFileError};
use crate::seal::{KeyId, Keyring, Label, OpenError, ResealError, SealError, Sealed};

/// Secrets of a server.
pub const SECRETS_MAX: usize = 10_000;
/// Where a secret is that all namespaces may use.
pub(crate) const EVERY_NAMESPACE: &str = "*";

/// The kind of the entries.
const KIND: &str = "secret";
/// Entries read at a time.
const PAGE: usize = 1_000;

/// Where the keys are that seal.
pub enum KeysIn {
    /// Made with the first secret if it is not there.
    File(PathBuf),
    /// Somebody else keeps them.
    Given(Keyring),
}

/// Namespace and name.
type At = (Arc<str>, Arc<str>);

/// All secrets of a server. Cloning gives another handle.
#[derive(Clone)]
pub struct Vault(Arc<Inner>);

struct Inner {
    journal: Arc<dyn Journal>,
    /// Absent where somebody else keeps the keys.
    key_file: Option<PathBuf>,
    held: RwLock<Held>,
    /// Secrets that come from a file, for all namespaces.
    beside: Value,
    /// One change at a time.
    changing: Mutex<()>,
}

#[derive(Default)]
struct Held {
    /// Absent before the first secret.
    keys: Option<Keyring>,
    sealed: BTreeMap<At, Sealed>,
}

/// Why secrets cannot be had or changed. Quotes nothing of them.
#[derive(Debug, thiserror::Error)]
pub enum VaultError {
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error("{0}; the secrets that are kept do not open without it")]
    Lost(KeyFileError),
    #[error(transparent)]
    File(#[from] KeyFileError),
    #[error("the secret {namespace}/{name}: {cause}")]
    Closed {
        namespace: Arc<str>,
        name: Arc<str>,
        cause: OpenError,
    },
    #[error(transparent)]
    Seal(#[from] SealError),
    #[error(transparent)]
    NoRandom(#[from] NoRandom),
    #[error("there is no such secret")]
    None,
    #[error("there are {SECRETS_MAX} secrets already")]
    TooMany,
}

/// What came of a rotation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rotated {
    /// The key that seals from now on.
    pub key: KeyId,
    /// Secrets that another key had sealed.
    pub resealed: usize,
}

impl std::fmt::Debug for Vault {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("Vault")
    }
}

impl Vault {
    /// Reads what is sealed, which blocks. `beside` has secrets by name, which are asked last.
    pub fn open(
        journal: Arc<dyn Journal>,
        keys: KeysIn,
        beside: Object,
    ) -> Result<Vault, VaultError> {
        let sealed = read(&*journal)?;
        let (key_file, keys) = match keys {
            KeysIn::Given(keys) => (None, Some(keys)),
            KeysIn::File(path) => match file::read(&path) {
                Ok(keys) => (Some(path), Some(keys)),
                Err(KeyFileError::Missing(_)) if sealed.is_empty() => (Some(path), None),
                Err(missing @ KeyFileError::Missing(_)) => return Err(VaultError::Lost(missing)),
                Err(error) => return Err(error.into()),
            },
        };
        Ok(Vault(Arc::new(Inner {
            journal,
            key_file,
            held: RwLock::new(Held { keys, sealed }),
            beside: beside.into(),
            changing: Mutex::default(),
        })))
    }

    /// Namespace and name of each secret that is kept, in order.
    pub(crate) fn names(&self) -> Vec<At> {
        self.held().sealed.keys().cloned().collect()
    }

    /// Keeps a secret. It is durable when this returns.
    pub async fn set(&self, namespace: &str, name: &str, value: &Value) -> Result<(), VaultError> {
        let _one = self.0.changing.lock().await;
        self.first_key()?;
        let at: At = (namespace.into(), name.into());
        let text = Zeroizing::new(value.to_json());
        let sealed = {
            let held = self.held();
            if held.sealed.len() >= SECRETS_MAX && !held.sealed.contains_key(&at) {
                return Err(VaultError::TooMany);
            }
            let keys = held.keys.as_ref().ok_or(VaultError::None)?;
            keys.seal(Label { namespace, name }, text.as_bytes())?
        };
        self.write(vec![put(&at, Some(&sealed))]).await?;
        self.change(|held| held.sealed.insert(at, sealed));
        Ok(())
    }

    /// Forgets a secret. It is durable when this returns.
    pub async fn remove(&self, namespace: &str, name: &str) -> Result<(), VaultError> {
        let _one = self.0.changing.lock().await;
        let at: At = (namespace.into(), name.into());
        if !self.held().sealed.contains_key(&at) {
            return Err(VaultError::None);
        }
        self.write(vec![put(&at, None)]).await?;
        self.change(|held| held.sealed.remove(&at));
        Ok(())
    }

    /// Seals everything under a new key, and forgets the ones before. Where somebody else keeps the keys, under the
    /// first of those. Whenever it is cut off, what is kept opens with the keys that are in the file.
    pub async fn rotate(&self) -> Result<Rotated, VaultError> {
        let _one = self.0.changing.lock().await;
        self.first_key()?;
        if let Some(path) = &self.0.key_file {
            // What a rotation left that was cut off, so that keys do not pile up.
            if self.with_keys(Keyring::len)? > 1 {
                self.reseal().await?;
                self.forget_old(path)?;
            }
            let rotated = self.with_keys(Keyring::rotated)?;
            let rotated = rotated.map_err(|error| match error {
                crate::seal::RotateError::NoRandom(error) => VaultError::NoRandom(error),
                crate::seal::RotateError::TooMany => VaultError::TooMany,
            })?;
            file::replace(path, &rotated)?;
            self.change(|held| held.keys = Some(rotated));
        }
        let resealed = self.reseal().await?;
        if let Some(path) = &self.0.key_file {
            self.forget_old(path)?;
        }
        let key = self.with_keys(Keyring::newest)?;
        Ok(Rotated { key, resealed })
    }

    async fn reseal(&self) -> Result<usize, VaultError> {
        let mut changed = Vec::new();
        {
            let held = self.held();
            let keys = held.keys.as_ref().ok_or(VaultError::None)?;
            for (at, sealed) in &held.sealed {
                let (namespace, name) = (&*at.0, &*at.1);
                match keys.reseal(Label { namespace, name }, sealed) {
                    Ok(None) => {}
                    Ok(Some(sealed)) => changed.push((at.clone(), sealed)),
                    Err(ResealError::Seal(error)) => return Err(error.into()),
                    Err(ResealError::Open(cause)) => return Err(closed(at, cause)),
                }
            }
        }
        let puts = changed.iter().map(|(at, sealed)| put(at, Some(sealed)));
        self.write(puts.collect()).await?;
        let resealed = changed.len();
        self.change(|held| held.sealed.extend(changed));
        Ok(resealed)
    }

    fn forget_old(&self, path: &std::path::Path) -> Result<(), VaultError> {
        let newest = self.with_keys(Keyring::newest_alone)?;
        file::replace(path, &newest)?;
        self.change(|held| held.keys = Some(newest));
        Ok(())
    }

    /// Makes the key file with the first secret.
    fn first_key(&self) -> Result<(), VaultError> {
        if self.held().keys.is_some() {
            return Ok(());
        }
        let path = self.0.key_file.as_ref().ok_or(VaultError::None)?;
        let made = file::create(path)?;
        self.change(|held| held.keys = Some(made));
        Ok(())
    }

    fn with_keys<T>(&self, ask: impl FnOnce(&Keyring) -> T) -> Result<T, VaultError> {
        self.held().keys.as_ref().map(ask).ok_or(VaultError::None)
    }

    fn held(&self) -> std::sync::RwLockReadGuard<'_, Held> {
        self.0.held.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn change<T>(&self, change: impl FnOnce(&mut Held) -> T) {
        change(&mut self.0.held.write().unwrap_or_else(PoisonError::into_inner));
    }

    async fn write(&self, puts: Vec<Put>) -> Result<(), StoreError> {
        let (sender, receiver) = oneshot::channel();
        let batch = puts.into_iter().map(Write::Put).collect();
        let done = move |written| drop(sender.send(written));
        self.0.journal.write(batch, Box::new(done));
        let lost = |_| Err(StoreError::Fatal("the journal gave no answer".into()));
        receiver.await.unwrap_or_else(lost).map(drop)
    }
}

impl SecretSource for Vault {
    /// Of the namespace, else of all namespaces, else of the file beside.
    fn secrets(&self, namespace: &str, names: &[Arc<str>]) -> Result<Object, String> {
        let held = self.held();
        let mut found = Object::default();
        for name in names {
            let kept = [namespace, EVERY_NAMESPACE].into_iter().find_map(|place| {
                let sealed = held.sealed.get(&(Arc::from(place), name.clone()))?;
                Some((place, sealed))
            });
            let value = match kept {
                Some((namespace, sealed)) => {
                    let keys = held.keys.as_ref().ok_or("there is no key for it")?;
                    let opened = keys.open(Label { namespace, name }, sealed);
                    let opened = opened.map_err(|error| error.to_string())?;
                    let text = std::str::from_utf8(&opened).unwrap_or_default();
                    // What is wrong with it would quote it.
                    let value = Value::parse_json(text);
                    value.map_err(|_| format!("the secret `{name}` is damaged"))?
                }
                None => match self.0.beside.get(name) {
                    Some(value) => value.clone(),
                    None => continue,
                },
            };
            found.insert(name.clone(), value);
        }
        Ok(found)
    }
}

fn closed((namespace, name): &At, cause: OpenError) -> VaultError {
    VaultError::Closed {
        namespace: namespace.clone(),
        name: name.clone(),
        cause,
    }
}

fn read(journal: &dyn Journal) -> Result<BTreeMap<At, Sealed>, VaultError> {
    let mut sealed = BTreeMap::new();
    let mut after: Option<EntryKey> = None;
    loop {
        let page = journal.entries(KIND, None, after.as_ref(), PAGE)?;
        for entry in &page {
            let at = (entry.key.namespace.clone(), entry.key.name.clone());
            let kept = Sealed::from_bytes(entry.value.to_vec());
            let kept = kept.map_err(|cause| closed(&at, cause))?;
            sealed.insert(at, kept);
        }
        match page.into_iter().last() {
            Some(last) => after = Some(last.key),
            None => return Ok(sealed),
        }
    }
}

fn put((namespace, name): &At, sealed: Option<&Sealed>) -> Put {
    Put {
        key: EntryKey {
            kind: KIND.into(),
            namespace: namespace.clone(),
            name: name.clone(),
        },
        expected: Expected::Anything,
        value: sealed.map(|sealed| sealed.as_bytes().into()),
        expires_ms: None,
    }
}

#[cfg(test)]
mod tests;
