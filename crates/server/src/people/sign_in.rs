//! How somebody comes in: the first administrator, by name and password, with an account of a provider; and out.

use std::net::IpAddr;
use std::sync::PoisonError;
use std::sync::atomic::Ordering;

use ferrovia_store::{Expected, StoreError};

use super::record::{self, Digest, Session, SetUp, User, name};
use super::users::{last_administrator, made};
use super::{People, SESSION_SECONDS, USERS_MAX, put};
use crate::access::attempts::Attempts;
use crate::access::password::Checked;
use crate::access::token::{Purpose, Token, TokenId};
use crate::access::{Grant, Namespaces, Role, UserId};
use crate::app::now_ms;
use crate::oidc::{self, Account, Refused};
use crate::problem::Problem;

impl People {
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
}
