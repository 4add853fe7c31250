//! The decision: may this principal do this here, now?

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::action::{Action, Place, required};
use super::role::{Grant, Namespaces, Role};
use super::token::TokenId;

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct UserId(pub String);

/// Who a request comes from, as far as it showed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Principal {
    pub bearer: Bearer,
    /// Of the user; for a key, of the user whose key it is, as they are now and not when the key was made.
    pub grants: Vec<Grant>,
    /// From then on what was shown proves nothing.
    pub expires_ms: Option<i64>,
}

/// What was shown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Bearer {
    User(UserId),
    Key {
        id: TokenId,
        owner: UserId,
        /// What the key may do of what its owner may. Without any, nothing.
        scopes: Vec<Scope>,
    },
    /// Nothing: the server has no administrator yet, and whoever reaches it may use it.
    Open,
    /// The key that the server leaves in its data directory: whoever can read it has the data anyway.
    Operator,
    /// The token that a new server prints once. It makes the first administrator and does nothing else.
    SetUp,
}

/// Part of what the owner of a key may do.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Scope {
    pub actions: Actions,
    pub namespace: Namespaces,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Actions {
    /// What the role may, except to decide what others may.
    UpTo(Role),
    Only(BTreeSet<Action>),
}

/// Where something is to be done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Target<'a> {
    Namespace(&'a str),
    /// In all namespaces, now and later, or to the server itself.
    Everywhere,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    Allow,
    /// Answer 404: that there is such a namespace is not theirs to know.
    Hide,
    /// Answer 403: they may know of it, and not do this.
    Forbid,
    /// Answer 401.
    Anonymous,
}

/// Where somebody may do something: for lists, which leave out the rest.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reach {
    Everywhere,
    /// In these namespaces; maybe in none.
    Only(BTreeSet<String>),
}

/// Whether somebody may do something. An action on the server or on oneself is that wherever the target points, so
/// that a role in one namespace never reaches further.
pub fn decide(
    principal: Option<&Principal>,
    action: Action,
    target: Target<'_>,
    now_ms: i64,
) -> Verdict {
    let Some(principal) = principal.filter(|principal| principal.is_valid(now_ms)) else {
        return Verdict::Anonymous;
    };
    // The token and its action belong to each other alone.
    match (&principal.bearer, action) {
        (Bearer::SetUp, Action::SetUp) => return Verdict::Allow,
        (Bearer::SetUp, _) | (_, Action::SetUp) => return Verdict::Forbid,
        (Bearer::User(_) | Bearer::Key { .. } | Bearer::Open | Bearer::Operator, _) => {}
    }
    let target = match action.place() {
        Place::Namespace => target,
        Place::Server => Target::Everywhere,
        Place::Account => return principal.account(),
    };
    if !principal.sees(target) {
        return match target {
            Target::Namespace(_) => Verdict::Hide,
            // That there is a server is no secret.
            Target::Everywhere => Verdict::Forbid,
        };
    }
    if principal.role(target) >= Some(required(action)) && principal.in_scope(action, target) {
        Verdict::Allow
    } else {
        Verdict::Forbid
    }
}

/// All places where [`decide`] allows an action in a namespace.
pub fn reach(principal: Option<&Principal>, action: Action, now_ms: i64) -> Reach {
    if decide(principal, action, Target::Everywhere, now_ms) == Verdict::Allow {
        return Reach::Everywhere;
    }
    let granted = principal.iter().flat_map(|principal| {
        let grants = principal.grants.iter().map(|grant| &grant.namespace);
        let scopes = principal.scopes().iter().map(|scope| &scope.namespace);
        grants.chain(scopes)
    });
    let named = granted.filter(|namespaces| matches!(namespaces, Namespaces::One(_)));
    let named = named.map(ToString::to_string);
    Reach::Only(
        named
            .filter(|name| {
                action.place() == Place::Namespace
                    && decide(principal, action, Target::Namespace(name), now_ms) == Verdict::Allow
            })
            .collect(),
    )
}

impl Principal {
    /// Whether what was shown still proves something.
    pub fn is_valid(&self, now_ms: i64) -> bool {
        self.expires_ms.is_none_or(|expires_ms| now_ms < expires_ms)
    }

    fn scopes(&self) -> &[Scope] {
        match &self.bearer {
            Bearer::Key { scopes, .. } => scopes,
            Bearer::User(_) | Bearer::Open | Bearer::Operator | Bearer::SetUp => &[],
        }
    }

    /// A password and keys are changed by who signed in. A key that could make keys would not stay narrow.
    fn account(&self) -> Verdict {
        match &self.bearer {
            Bearer::User(_) => Verdict::Allow,
            Bearer::Key { .. } | Bearer::Open | Bearer::Operator | Bearer::SetUp => Verdict::Forbid,
        }
    }

    /// The highest role at a place.
    fn role(&self, target: Target<'_>) -> Option<Role> {
        let here = self
            .grants
            .iter()
            .filter(|grant| covers(&grant.namespace, target));
        here.map(|grant| grant.role).max()
    }

    fn sees(&self, target: Target<'_>) -> bool {
        let scoped = match &self.bearer {
            Bearer::Key { scopes, .. } => {
                scopes.iter().any(|scope| covers(&scope.namespace, target))
            }
            Bearer::User(_) | Bearer::Open | Bearer::Operator | Bearer::SetUp => true,
        };
        scoped && self.role(target).is_some()
    }

    fn in_scope(&self, action: Action, target: Target<'_>) -> bool {
        let scopes = match &self.bearer {
            Bearer::Key { scopes, .. } => scopes,
            Bearer::User(_) | Bearer::Open | Bearer::Operator => return true,
            Bearer::SetUp => return false,
        };
        let mut here = scopes
            .iter()
            .filter(|scope| covers(&scope.namespace, target));
        here.any(|scope| match &scope.actions {
            Actions::UpTo(role) => *role >= required(action) && !action.delegates(),
            Actions::Only(actions) => actions.contains(&action),
        })
    }
}

fn covers(namespaces: &Namespaces, target: Target<'_>) -> bool {
    match target {
        Target::Namespace(name) => namespaces.cover(name),
        Target::Everywhere => *namespaces == Namespaces::All,
    }
}

#[cfg(test)]
mod tests;
