//! Users, their keys and sessions, and the first administrator: kept in the store beside the runs, and who a request
//! comes from. Owns what is written of them. What they may do is decided in [`access`](crate::access).

mod hashing;
mod known;
mod record;

use std::net::IpAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use axum::http::HeaderMap;
use axum::http::header::AUTHORIZATION;
use ferrovia_store::{Entry, EntryKey, Expected, Journal, Put, StoreError, Write};
use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::sync::oneshot;
use zeroize::Zeroizing;

use crate::access::attempts::Attempts;
use crate::access::cookie::{self, Transport};
use crate::access::password::Checked;
use crate::access::token::{NoRandom, Purpose, Token, TokenId};
use crate::access::{Bearer, Grant, Namespaces, Principal, Role, Scope, UserId};
use crate::app::now_ms;
use crate::digits::hex;
use crate::oidc::{self, Account, Refused};
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

    /// The first administrator. Only one request can have the token, and only while there is none.
    pub(crate) async fn set_up(&self, user: UserId, password: String) -> Result<(), Problem> {
        let password = self.0.hashing.hash(password).await?;
        let _changing = self.0.changing.lock().await;
        let token = self.reading(|people| people.one::<SetUp>(&record::set_up_key()));
        let Some((_, revision)) = token.await?.filter(|_| !self.has_administrator()) else {
            return Err(Problem::anonymous());
        };
        let administrator = Grant {
            role: Role::Administrator,
            namespace: Namespaces::All,
        };
        let made = made(password, vec![administrator])?;
        let used = put::<SetUp>(
            record::set_up_key(),
            Expected::Revision(revision),
            None,
            None,
        );
        let changed = self.changed().await?;
        let user = put(record::user_key(&user), Expected::Absent, Some(&made), None);
        self.put(vec![used, changed, user]).await?;
        self.0.closed.store(true, Ordering::Release);
        Ok(())
    }

    /// Who has this name and password; nothing if nobody has, which takes as long.
    pub(crate) async fn sign_in(
        &self,
        tried: &str,
        password: String,
        from: IpAddr,
    ) -> Result<Option<Token>, Problem> {
        self.attempts(|attempts| attempts.begin(tried, from, now_ms()))
            .map_err(|many| Problem::too_many(&many))?;
        let user = name(tried).ok();
        let known = match &user {
            Some(user) => self.user(user).await?,
            None => None,
        };
        let stored = known.as_ref().and_then(|(user, _)| user.password.clone());
        let checked = self.0.hashing.check(password, stored).await?;
        let (Some(user), Some((mut known, revision))) = (user, known) else {
            return Ok(None);
        };
        match checked {
            Checked::Wrong => return Ok(None),
            Checked::Right => {}
            Checked::Outdated(hash) => {
                known.password = Some(hash);
                let expected = Expected::Revision(revision);
                let again = put(record::user_key(&user), expected, Some(&known), None);
                match self.put(vec![again]).await {
                    // Somebody changed the user meanwhile; the next sign-in tries again.
                    Ok(()) | Err(StoreError::Changed(_)) => {}
                    Err(error) => return Err(error.into()),
                }
            }
        }
        self.attempts(|attempts| attempts.succeeded(tried, from));
        self.begin_session(user, &known).await.map(Some)
    }

    async fn begin_session(&self, user: UserId, known: &User) -> Result<Token, Problem> {
        let token = Token::new(Purpose::Session).map_err(|_| Problem::internal())?;
        let expires_ms = now_ms() + i64::from(SESSION_SECONDS) * 1_000;
        let session = Session {
            digest: Digest(token.digest()),
            user,
            user_id: known.id.clone(),
            stamp: known.stamp.clone(),
            expires_ms,
        };
        let key = record::session_key(token.id());
        self.put(vec![put(
            key,
            Expected::Absent,
            Some(&session),
            Some(expires_ms),
        )])
        .await?;
        Ok(token)
    }

    /// Lets in who comes with an account of a provider: as a user that is made the first time, with the roles that the
    /// provider says each time.
    pub(crate) async fn sign_in_account(
        &self,
        issuer: String,
        account: Account,
    ) -> Result<Token, Problem> {
        let Account {
            subject,
            user,
            grants,
        } = account;
        let account = Some((issuer, subject));
        let _changing = self.0.changing.lock().await;
        let changed = self.changed().await?;
        let users = self.users().await?;
        let mut same = users.iter().filter(|(_, known)| known.account == account);
        let (user, known) = match same.next() {
            Some((user, known)) => (user.clone(), known.clone()),
            // A name proves nothing: it belongs to who had it first.
            None if users.iter().any(|(known, _)| *known == user) => {
                return Err(oidc::problem(Refused::NameTaken));
            }
            None if users.len() >= USERS_MAX => {
                let detail = format!("a server has at most {USERS_MAX} users");
                return Err(Problem::in_the_way(detail));
            }
            None => {
                let made = User {
                    password: None,
                    account,
                    ..made(String::new(), Vec::new())?
                };
                (user, made)
            }
        };
        let others = || {
            users
                .iter()
                .any(|(name, known)| *name != user && known.administers())
        };
        let had = known.administers();
        let known = User { grants, ..known };
        if had && !known.administers() && !others() {
            return Err(last_administrator());
        }
        let key = record::user_key(&user);
        self.put(vec![
            changed,
            put(key, Expected::Anything, Some(&known), None),
        ])
        .await?;
        self.after(known.administers());
        self.begin_session(user, &known).await
    }

    pub(crate) async fn sign_out(&self, session: TokenId) -> Result<(), Problem> {
        let key = record::session_key(session);
        self.put(vec![put::<Session>(key, Expected::Anything, None, None)])
            .await?;
        self.0.known.forget();
        Ok(())
    }

    /// Whether a password is that of a user, counted like an attempt to sign in.
    pub(crate) async fn confirm(
        &self,
        user: &UserId,
        password: String,
        from: IpAddr,
    ) -> Result<bool, Problem> {
        self.attempts(|attempts| attempts.begin(&user.0, from, now_ms()))
            .map_err(|many| Problem::too_many(&many))?;
        let stored = self.user(user).await?.and_then(|(user, _)| user.password);
        let right = !matches!(
            self.0.hashing.check(password, stored).await?,
            Checked::Wrong
        );
        if right {
            self.attempts(|attempts| attempts.succeeded(&user.0, from));
        }
        Ok(right)
    }

    fn attempts<T>(&self, change: impl FnOnce(&mut Attempts) -> T) -> T {
        change(
            &mut self
                .0
                .attempts
                .lock()
                .unwrap_or_else(PoisonError::into_inner),
        )
    }

    /// All users in order of their names.
    pub(crate) async fn users(&self) -> Result<Vec<(UserId, User)>, Problem> {
        self.reading(Self::all_users).await
    }

    fn all_users(&self) -> Result<Vec<(UserId, User)>, StoreError> {
        let mut users = Vec::new();
        each::<User>(&*self.0.journal, record::USERS, |name, user| {
            users.push((UserId(name.to_owned()), user));
        })?;
        Ok(users)
    }

    pub(crate) async fn user(&self, user: &UserId) -> Result<Option<(User, u64)>, Problem> {
        let key = record::user_key(user);
        self.reading(move |people| people.one(&key)).await
    }

    pub(crate) async fn add_user(
        &self,
        user: UserId,
        password: String,
        grants: Vec<Grant>,
    ) -> Result<User, Problem> {
        let password = self.0.hashing.hash(password).await?;
        let _changing = self.0.changing.lock().await;
        let changed = self.changed().await?;
        let users = self.users().await?;
        if users.iter().any(|(known, _)| *known == user) {
            return Err(Problem::in_the_way("there is a user with this name"));
        }
        if users.len() >= USERS_MAX {
            let detail = format!("a server has at most {USERS_MAX} users");
            return Err(Problem::in_the_way(detail));
        }
        let made = made(password, grants)?;
        let key = record::user_key(&user);
        self.put(vec![changed, put(key, Expected::Absent, Some(&made), None)])
            .await?;
        self.after(made.administers());
        Ok(made)
    }

    pub(crate) async fn set_password(
        &self,
        user: &UserId,
        password: String,
    ) -> Result<(), Problem> {
        let password = self.0.hashing.hash(password).await?;
        let stamp = stamp()?;
        self.change(user, move |user| {
            let mut user = user;
            (user.password, user.stamp) = (Some(password), stamp);
            Ok(Some(user))
        })
        .await
    }

    pub(crate) async fn set_grants(
        &self,
        user: &UserId,
        change: impl FnOnce(Vec<Grant>) -> Result<Vec<Grant>, Problem>,
    ) -> Result<(), Problem> {
        self.change(user, |user| {
            let grants = change(user.grants)?;
            Ok(Some(User { grants, ..user }))
        })
        .await
    }

    pub(crate) async fn remove_user(&self, user: &UserId) -> Result<(), Problem> {
        let keys = self.keys(user).await?;
        self.change(user, |_| Ok(None)).await?;
        // They are worth nothing without their owner; here they only stop to take room.
        let gone = keys.iter().filter_map(|(id, _)| TokenId::parse(id));
        let gone = gone.map(|id| put::<Key>(record::key_key(id), Expected::Anything, None, None));
        Ok(self.put(gone.collect()).await?)
    }

    /// Changes or removes a user, if an administrator is left then.
    async fn change(
        &self,
        user: &UserId,
        change: impl FnOnce(User) -> Result<Option<User>, Problem>,
    ) -> Result<(), Problem> {
        let _changing = self.0.changing.lock().await;
        let changed = self.changed().await?;
        let mut users = self.users().await?;
        let at = users.iter().position(|(known, _)| known == user);
        let (_, known) = users.swap_remove(at.ok_or_else(Problem::no_such_user)?);
        let administered = known.administers();
        let new = change(known)?;
        let administers = new.as_ref().is_some_and(User::administers);
        if administered && !administers && !users.iter().any(|(_, user)| user.administers()) {
            return Err(last_administrator());
        }
        let key = record::user_key(user);
        self.put(vec![
            changed,
            put(key, Expected::Anything, new.as_ref(), None),
        ])
        .await?;
        self.after(administers);
        Ok(())
    }

    fn after(&self, administers: bool) {
        if administers {
            self.0.closed.store(true, Ordering::Release);
        }
        self.0.known.forget();
    }

    /// Of two processes that change users at the same time, this lets one win. Read before the users are.
    async fn changed(&self) -> Result<Put, Problem> {
        let key = record::changes_key();
        let known = self
            .reading(move |people| people.0.journal.entry(&key))
            .await?;
        let expected = known.map_or(Expected::Absent, |entry| Expected::Revision(entry.revision));
        Ok(put(record::changes_key(), expected, Some(&()), None))
    }

    pub(crate) async fn keys(&self, owner: &UserId) -> Result<Vec<(String, Key)>, Problem> {
        let owner = owner.clone();
        let Some((user, _)) = self.user(&owner).await? else {
            return Ok(Vec::new());
        };
        self.reading(move |people| {
            let mut keys = Vec::new();
            each::<Key>(&*people.0.journal, record::KEYS, |id, key| {
                if key.owner == owner && key.owner_id == user.id {
                    keys.push((id.to_owned(), key));
                }
            })?;
            Ok(keys)
        })
        .await
    }

    /// A key, whose text is shown this once.
    pub(crate) async fn add_key(
        &self,
        owner: &UserId,
        label: String,
        scopes: Vec<Scope>,
        expires_ms: Option<i64>,
    ) -> Result<(Token, Key), Problem> {
        if self.keys(owner).await?.len() >= KEYS_PER_USER_MAX {
            let detail = format!("a user has at most {KEYS_PER_USER_MAX} keys");
            return Err(Problem::in_the_way(detail));
        }
        let Some((user, _)) = self.user(owner).await? else {
            return Err(Problem::no_such_user());
        };
        let token = Token::new(Purpose::Key).map_err(|_| Problem::internal())?;
        let key = Key {
            digest: Digest(token.digest()),
            owner: owner.clone(),
            owner_id: user.id,
            label,
            scopes,
            created_ms: now_ms(),
            expires_ms,
        };
        let place = record::key_key(token.id());
        self.put(vec![put(place, Expected::Absent, Some(&key), expires_ms)])
            .await?;
        Ok((token, key))
    }

    /// Revokes a key of a user. Answers whether there was one.
    pub(crate) async fn remove_key(&self, owner: &UserId, id: TokenId) -> Result<bool, Problem> {
        let place = record::key_key(id);
        let key = place.clone();
        let known = self.reading(move |people| people.one::<Key>(&key)).await?;
        if known.is_none_or(|(key, _)| key.owner != *owner) {
            return Ok(false);
        }
        self.put(vec![put::<Key>(place, Expected::Anything, None, None)])
            .await?;
        self.0.known.forget();
        Ok(true)
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

fn last_administrator() -> Problem {
    Problem::new(
        409,
        "last-administrator",
        "Nobody would administer the server",
    )
    .detail("make somebody else an administrator of all namespaces first")
}

fn made(password: String, grants: Vec<Grant>) -> Result<User, Problem> {
    Ok(User {
        id: stamp()?,
        stamp: stamp()?,
        password: Some(password),
        account: None,
        grants,
        created_ms: now_ms(),
    })
}

fn stamp() -> Result<String, Problem> {
    let bytes = crate::access::token::random::<16>().map_err(|_| Problem::internal())?;
    Ok(hex(&*bytes))
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
