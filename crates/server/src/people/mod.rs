//! Users, their keys and sessions, and the first administrator: kept in the store beside the runs, and who a request
//! comes from. Owns what is written of them. What they may do is decided in [`access`](crate::access).

mod hashing;
mod keys;
mod known;
mod record;
mod sign_in;
mod users;

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use axum::http::HeaderMap;
use axum::http::header::AUTHORIZATION;
use ferrovia_store::{Entry, EntryKey, Expected, Journal, Put, StoreError, Write};
use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::sync::oneshot;
use zeroize::Zeroizing;

use crate::access::attempts::Attempts;
use crate::access::cookie::{self, Transport};
use crate::access::token::{NoRandom, Purpose, Token, TokenId};
use crate::access::{Bearer, Grant, Namespaces, Principal, Role};
use crate::app::now_ms;
use crate::problem::Problem;

use hashing::Hashing;
pub use hashing::{HASHES_MAX, HASHES_WAITING_MAX};
use known::Known;
pub use known::{KNOWN_MAX, KNOWN_MS};
use record::{Digest, SetUp};
pub(crate) use record::{Key, Session, User, name};

/// Users of a server.
pub const USERS_MAX: usize = 10_000;
/// Keys of a user.
pub const KEYS_PER_USER_MAX: usize = 100;
/// Roles of a user, and scopes of a key.
pub const GRANTS_MAX: usize = 256;
/// How long somebody stays signed in.
pub const SESSION_SECONDS: u32 = 12 * 3_600;
/// Entries read at a time.
const PAGE: usize = 1_000;

/// Everybody who may come in. Cloning gives another handle.
#[derive(Clone)]
pub struct People(Arc<Inner>);

struct Inner {
    journal: Arc<dyn Journal>,
    known: Known,
    hashing: Hashing,
    attempts: Mutex<Attempts>,
    /// Whether there is an administrator. Once there is, there always is one.
    closed: AtomicBool,
    /// One change of users at a time.
    changing: tokio::sync::Mutex<()>,
    open: Arc<Principal>,
    operator: Arc<Principal>,
    set_up: Arc<Principal>,
    /// New with each process, and in no store.
    operator_key: Token,
}

/// Why the people of a server cannot be opened.
#[derive(Debug, thiserror::Error)]
pub enum Unopened {
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    NoRandom(#[from] NoRandom),
}

/// What a request shows of who it comes from.
pub(crate) enum Shown {
    Nothing,
    /// In the header, where no page of another site can put it.
    Header(Token, Purpose),
    /// By the browser, whoever made it send the request.
    Cookie(Token),
}

impl std::fmt::Debug for People {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("People")
    }
}

impl People {
    /// Reads whether there is an administrator, which blocks.
    pub fn open(journal: Arc<dyn Journal>) -> Result<People, Unopened> {
        let mut administered = false;
        each::<User>(&*journal, record::USERS, |_, user| {
            administered |= user.administers()
        })?;
        let everywhere = |bearer, role| {
            Arc::new(Principal {
                bearer,
                grants: vec![Grant {
                    role,
                    namespace: Namespaces::All,
                }],
                expires_ms: None,
            })
        };
        Ok(People(Arc::new(Inner {
            journal,
            known: Known::default(),
            hashing: Hashing::default(),
            attempts: Mutex::default(),
            closed: AtomicBool::new(administered),
            changing: tokio::sync::Mutex::default(),
            // Everything but to decide what others may do, with which the first who comes would shut out all others.
            open: everywhere(Bearer::Open, Role::Editor),
            operator: everywhere(Bearer::Operator, Role::Administrator),
            set_up: Arc::new(Principal {
                bearer: Bearer::SetUp,
                grants: Vec::new(),
                expires_ms: None,
            }),
            operator_key: Token::new(Purpose::Key)?,
        })))
    }

    /// Whether somebody decides over this server. As long as nobody does, nobody has to sign in.
    pub fn has_administrator(&self) -> bool {
        self.0.closed.load(Ordering::Acquire)
    }

    /// The key of whoever can read the data directory anyway. Holds as long as this process.
    pub fn operator_key(&self) -> Zeroizing<String> {
        self.0.operator_key.text()
    }

    /// A token that makes the first administrator, once; nothing where there is one. An earlier one does not work any
    /// more.
    pub async fn set_up_token(&self) -> Result<Option<Zeroizing<String>>, Unopened> {
        if self.has_administrator() {
            return Ok(None);
        }
        let token = Token::new(Purpose::SetUp)?;
        let kept = SetUp {
            digest: Digest(token.digest()),
        };
        self.put(vec![put(
            record::set_up_key(),
            Expected::Anything,
            Some(&kept),
            None,
        )])
        .await?;
        Ok(Some(token.text()))
    }

    /// Who comes with this. Nothing if it proves nothing, or if there is nothing and it is needed.
    pub(crate) async fn who(&self, shown: &Shown) -> Result<Option<Arc<Principal>>, Problem> {
        let now_ms = now_ms();
        let (token, purpose) = match shown {
            Shown::Nothing if self.has_administrator() => return Ok(None),
            Shown::Nothing => return Ok(Some(self.0.open.clone())),
            // It is for a server without an administrator, however it came by one.
            Shown::Header(_, Purpose::SetUp) if self.has_administrator() => return Ok(None),
            Shown::Header(token, purpose) => (token, *purpose),
            Shown::Cookie(token) => (token, Purpose::Session),
        };
        let digest = token.digest();
        if let Some(principal) = self.0.known.find(&digest, now_ms) {
            return Ok(Some(principal).filter(|known| known.is_valid(now_ms)));
        }
        if purpose == Purpose::Key && self.0.operator_key.digest().is_of(token) {
            return Ok(Some(self.0.operator.clone()));
        }
        let generation = self.0.known.generation();
        let id = token.id();
        let stored = self
            .reading(move |people| people.stored(purpose, id))
            .await?;
        let Some((kept, principal)) = stored else {
            return Ok(None);
        };
        if !kept.0.is_of(token) || !principal.is_valid(now_ms) {
            return Ok(None);
        }
        if purpose != Purpose::SetUp {
            let principal = principal.clone();
            self.0
                .known
                .remember(&digest, principal, generation, now_ms);
        }
        Ok(Some(principal))
    }

    /// What is kept of a token: its digest, and who shows it. Blocks.
    fn stored(
        &self,
        purpose: Purpose,
        id: TokenId,
    ) -> Result<Option<(Digest, Arc<Principal>)>, StoreError> {
        let (digest, bearer, owner, owner_id, stamp, expires_ms) = match purpose {
            Purpose::SetUp => {
                let kept = self.one::<SetUp>(&record::set_up_key())?;
                return Ok(kept.map(|(kept, _)| (kept.digest, self.0.set_up.clone())));
            }
            Purpose::Key => {
                let Some((key, _)) = self.one::<Key>(&record::key_key(id))? else {
                    return Ok(None);
                };
                let bearer = Bearer::Key {
                    id,
                    owner: key.owner.clone(),
                    scopes: key.scopes,
                };
                (
                    key.digest,
                    bearer,
                    key.owner,
                    key.owner_id,
                    None,
                    key.expires_ms,
                )
            }
            Purpose::Session => {
                let Some((session, _)) = self.one::<Session>(&record::session_key(id))? else {
                    return Ok(None);
                };
                let expires_ms = Some(session.expires_ms);
                let bearer = Bearer::User(session.user.clone());
                let stamp = Some(session.stamp);
                (
                    session.digest,
                    bearer,
                    session.user,
                    session.user_id,
                    stamp,
                    expires_ms,
                )
            }
        };
        let Some((user, _)) = self.one::<User>(&record::user_key(&owner))? else {
            return Ok(None);
        };
        if user.id != owner_id || stamp.is_some_and(|stamp| stamp != user.stamp) {
            return Ok(None);
        }
        let principal = Principal {
            bearer,
            grants: user.grants,
            expires_ms,
        };
        Ok(Some((digest, Arc::new(principal))))
    }

    fn one<T: DeserializeOwned>(&self, key: &EntryKey) -> Result<Option<(T, u64)>, StoreError> {
        let entry = self.0.journal.entry(key)?;
        entry
            .map(|entry| Ok((read(&entry)?, entry.revision)))
            .transpose()
    }

    async fn reading<T: Send + 'static>(
        &self,
        read: impl FnOnce(&People) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, Problem> {
        let people = self.clone();
        let read = tokio::task::spawn_blocking(move || read(&people)).await;
        let panicked = |_| Err(StoreError::Unusable("reading panicked".into()));
        Ok(read.unwrap_or_else(panicked)?)
    }

    /// Writes all or nothing; durable when it returns.
    async fn put(&self, puts: Vec<Put>) -> Result<(), StoreError> {
        let (sender, receiver) = oneshot::channel();
        let batch = puts.into_iter().map(Write::Put).collect();
        self.0
            .journal
            .write(batch, Box::new(move |written| drop(sender.send(written))));
        let lost = |_| Err(StoreError::Fatal("the journal gave no answer".into()));
        receiver.await.unwrap_or_else(lost).map(drop)
    }
}

/// What a request shows. `Err` for something that is meant to prove who it is and is nothing of the kind.
pub(crate) fn shown(headers: &HeaderMap, transport: Transport) -> Result<Shown, Problem> {
    let mut given = headers.get_all(AUTHORIZATION).iter();
    if let Some(header) = given.next() {
        let text = header.to_str().ok().filter(|_| given.next().is_none());
        let token = text.and_then(|text| {
            let (scheme, token) = text.split_once(' ')?;
            scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
        });
        let token = token.and_then(|text| {
            let key = Token::parse(Purpose::Key, text).map(|token| (token, Purpose::Key));
            let set_up = || Token::parse(Purpose::SetUp, text).map(|token| (token, Purpose::SetUp));
            key.or_else(|_| set_up()).ok()
        });
        let (token, purpose) = token.ok_or_else(Problem::anonymous)?;
        return Ok(Shown::Header(token, purpose));
    }
    // A cookie that is no session may be of another program on this machine, or of a session that is long over.
    Ok(match cookie::session(transport, headers) {
        Ok(Some(token)) => Shown::Cookie(token),
        Ok(None) | Err(_) => Shown::Nothing,
    })
}

fn put<T: Serialize>(
    key: EntryKey,
    expected: Expected,
    value: Option<&T>,
    expires_ms: Option<i64>,
) -> Put {
    let value = value.map(|value| {
        let json = serde_json::to_vec(value).expect("records have texts as keys");
        json.into()
    });
    Put {
        key,
        expected,
        value,
        expires_ms,
    }
}

/// An entry that cannot be read is a damaged store: nobody is let in by it, and nobody is shut out silently.
fn read<T: DeserializeOwned>(entry: &Entry) -> Result<T, StoreError> {
    serde_json::from_slice(&entry.value).map_err(|_| {
        let EntryKey { kind, name, .. } = &entry.key;
        StoreError::Unusable(format!("the entry {kind} {name} cannot be read").into())
    })
}

fn each<T: DeserializeOwned>(
    journal: &dyn Journal,
    kind: &str,
    mut see: impl FnMut(&str, T),
) -> Result<(), StoreError> {
    let mut after: Option<EntryKey> = None;
    loop {
        let page = journal.entries(kind, None, after.as_ref(), PAGE)?;
        for entry in &page {
            see(&entry.key.name, read(entry)?);
        }
        match page.last() {
            Some(last) if page.len() == PAGE => after = Some(last.key.clone()),
            _ => return Ok(()),
        }
    }
}
