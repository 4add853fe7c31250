//! API keys: each belongs to a user.

use ferrovia_store::Expected;

use super::record::{self, Digest, Key};
use super::{KEYS_PER_USER_MAX, People, each, put};
use crate::access::token::{Purpose, Token, TokenId};
use crate::access::{Scope, UserId};
use crate::app::now_ms;
use crate::problem::Problem;

impl People {
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
}
