//! Users: added, changed, removed, one change at a time, and never without an administrator once there is one.

use std::sync::atomic::Ordering;

use ferrovia_store::{Expected, Put, StoreError};

use super::record::{self, Key, User};
use super::{People, USERS_MAX, each, put};
use crate::access::token::{TokenId, random};
use crate::access::{Grant, UserId};
use crate::app::now_ms;
use crate::digits::hex;
use crate::problem::Problem;

impl People {
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
    pub(super) async fn change(
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

    pub(super) fn after(&self, administers: bool) {
        if administers {
            self.0.closed.store(true, Ordering::Release);
        }
        self.0.known.forget();
    }

    /// Of two processes that change users at the same time, this lets one win. Read before the users are.
    pub(super) async fn changed(&self) -> Result<Put, Problem> {
        let key = record::changes_key();
        let known = self
            .reading(move |people| people.0.journal.entry(&key))
            .await?;
        let expected = known.map_or(Expected::Absent, |entry| Expected::Revision(entry.revision));
        Ok(put(record::changes_key(), expected, Some(&()), None))
    }
}

pub(super) fn last_administrator() -> Problem {
    Problem::new(
        409,
        "last-administrator",
        "Nobody would administer the server",
    )
    .detail("make somebody else an administrator of all namespaces first")
}

pub(super) fn made(password: String, grants: Vec<Grant>) -> Result<User, Problem> {
    Ok(User {
        id: stamp()?,
        stamp: stamp()?,
        password: Some(password),
        account: None,
        grants,
        created_ms: now_ms(),
    })
}

pub(super) fn stamp() -> Result<String, Problem> {
    let bytes = random::<16>().map_err(|_| Problem::internal())?;
    Ok(hex(&*bytes))
}
