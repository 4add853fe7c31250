//! Users, keys and sessions as they are kept: digests, never what they are digests of.

use std::sync::Arc;

use ferrovia_store::EntryKey;
use serde::{Deserialize, Serialize};

use crate::access::token::{TokenDigest, TokenId};
use crate::access::{Grant, Namespaces, Role, Scope, UserId};
use crate::digits::{hex, unhex};

/// Kinds of entries. None belongs to a namespace of workflows.
const USER: &str = "user";
const KEY: &str = "key";
const SESSION: &str = "session";
const SET_UP: &str = "set-up";
const CHANGES: &str = "access";

const NAME_CHARS_MAX: usize = 64;

#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct User {
    /// Told apart from a user of the same name who was removed.
    pub(crate) id: String,
    /// New with every password: sessions that began with another one are over.
    pub(crate) stamp: String,
    /// Absent for who signs in elsewhere.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) password: Option<String>,
    /// Issuer and subject of the account that they sign in with.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) account: Option<(String, String)>,
    pub(crate) grants: Vec<Grant>,
    pub(crate) created_ms: i64,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Key {
    pub(crate) digest: Digest,
    pub(crate) owner: UserId,
    pub(crate) owner_id: String,
    /// What its owner calls it.
    pub(crate) label: String,
    pub(crate) scopes: Vec<Scope>,
    pub(crate) created_ms: i64,
    pub(crate) expires_ms: Option<i64>,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Session {
    pub(crate) digest: Digest,
    pub(crate) user: UserId,
    pub(crate) user_id: String,
    pub(crate) stamp: String,
    pub(crate) expires_ms: i64,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct SetUp {
    pub(crate) digest: Digest,
}

/// A digest as text.
#[derive(Clone, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub(crate) struct Digest(pub(crate) TokenDigest);

impl TryFrom<String> for Digest {
    type Error = &'static str;
    fn try_from(text: String) -> Result<Digest, &'static str> {
        let bytes = unhex(&text).ok_or("this is no digest")?;
        Ok(Digest(TokenDigest::from_bytes(bytes)))
    }
}

impl From<Digest> for String {
    fn from(digest: Digest) -> String {
        hex(digest.0.as_bytes())
    }
}

impl std::fmt::Debug for Digest {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("Digest")
    }
}

impl User {
    /// Whether they decide over the whole server.
    pub(crate) fn administers(&self) -> bool {
        self.grants
            .iter()
            .any(|grant| grant.role == Role::Administrator && grant.namespace == Namespaces::All)
    }
}

fn entry(kind: &str, name: &str) -> EntryKey {
    EntryKey {
        kind: kind.into(),
        namespace: Arc::default(),
        name: name.into(),
    }
}

pub(super) fn user_key(user: &UserId) -> EntryKey {
    entry(USER, &user.0)
}

pub(super) fn key_key(id: TokenId) -> EntryKey {
    entry(KEY, &id.to_string())
}

pub(super) fn session_key(id: TokenId) -> EntryKey {
    entry(SESSION, &id.to_string())
}

pub(super) fn set_up_key() -> EntryKey {
    entry(SET_UP, "token")
}

/// Written with every change of users: of two at the same time, one sees that the other was first.
pub(super) fn changes_key() -> EntryKey {
    entry(CHANGES, "users")
}

pub(super) const USERS: &str = USER;
pub(super) const KEYS: &str = KEY;

/// A name as it is kept: sign-in does not depend on capitals or spaces around it.
pub(crate) fn name(text: &str) -> Result<UserId, &'static str> {
    let name = text.trim().to_lowercase();
    let inner = |byte: u8| byte.is_ascii_alphanumeric() || b"._@+-".contains(&byte);
    let begins = name
        .as_bytes()
        .first()
        .is_some_and(u8::is_ascii_alphanumeric);
    if !begins || name.len() > NAME_CHARS_MAX || !name.bytes().all(inner) {
        return Err(
            "a name has 1 to 64 letters, digits and `._@+-`, and begins with one of the first two",
        );
    }
    Ok(UserId(name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_do_not_depend_on_capitals_and_cannot_be_paths() {
        assert_eq!(name(" Ada "), Ok(UserId("ada".into())));
        assert_eq!(name("a.b+c@d-e_f"), Ok(UserId("a.b+c@d-e_f".into())));
        let long = "x".repeat(NAME_CHARS_MAX + 1);
        for wrong in ["", " ", ".a", "a/b", "a b", "é", "a\nb", &long] {
            assert!(name(wrong).is_err(), "{wrong:?}");
        }
    }
}
