//! What a token of a provider has to say (OpenID Connect Core 1.0, 3.1.3.7), and what it makes of somebody here.

use serde_json::Value;

use super::{CLOCK_SKEW_SECONDS, Oidc, Refused};
use crate::access::{Grant, UserId};
use crate::people::name;

/// Somebody as the provider knows them.
#[derive(Debug, PartialEq)]
pub(crate) struct Account {
    /// Theirs for ever, at this issuer.
    pub(crate) subject: String,
    pub(crate) user: UserId,
    pub(crate) grants: Vec<Grant>,
}

pub(super) fn read(
    oidc: &Oidc,
    claims: &Value,
    nonce: &str,
    now_ms: i64,
) -> Result<Account, Refused> {
    let text = |name: &str| claims.get(name).and_then(Value::as_str);
    let time = |name: &str| claims.get(name).and_then(Value::as_f64);
    let wrong = |why| Err(Refused::Token(why));
    let (now_s, skew_s) = ((now_ms / 1_000) as f64, CLOCK_SKEW_SECONDS as f64);
    if text("iss") != Some(&oidc.issuer) {
        return wrong("it is by another issuer");
    }
    let client = oidc.client_id.as_str();
    match claims.get("aud") {
        Some(Value::String(audience)) if audience == client => {}
        Some(Value::Array(audiences)) if audiences.iter().any(|one| *one == client) => {
            // For several, and so it has to say who asked for it.
            if audiences.len() > 1 && text("azp") != Some(client) {
                return wrong("somebody else asked for it");
            }
        }
        _ => return wrong("it is for somebody else"),
    }
    if text("azp").is_some_and(|asked| asked != client) {
        return wrong("somebody else asked for it");
    }
    if time("exp").is_none_or(|until_s| now_s >= until_s + skew_s) {
        return wrong("its time is over");
    }
    if time("iat").is_none_or(|since_s| since_s > now_s + skew_s)
        || time("nbf").is_some_and(|since_s| since_s > now_s + skew_s)
    {
        return wrong("its time has not come");
    }
    if text("nonce") != Some(nonce) {
        return wrong("it belongs to another sign-in");
    }
    let Some(subject) = text("sub").filter(|subject| !subject.is_empty()) else {
        return wrong("it says nothing of whom it is about");
    };
    let names = ["preferred_username", "email", "sub"];
    let user = names.iter().find_map(|claim| name(text(claim)?).ok());
    let Some(user) = user else {
        return wrong("it has no name that a user can have");
    };
    let grants = grants(oidc, claims.get(&oidc.claim));
    if grants.is_empty() {
        return Err(Refused::NoRole);
    }
    Ok(Account {
        subject: subject.to_owned(),
        user,
        grants,
    })
}

/// The roles that the values of the claim mean.
fn grants(oidc: &Oidc, claim: Option<&Value>) -> Vec<Grant> {
    let values: Vec<&str> = match claim {
        Some(Value::String(value)) => vec![value],
        Some(Value::Array(values)) => values.iter().filter_map(Value::as_str).collect(),
        _ => Vec::new(),
    };
    let mut grants = Vec::new();
    for grant in values
        .iter()
        .filter_map(|value| oidc.roles.get(*value))
        .flatten()
    {
        if !grants.contains(grant) {
            grants.push(grant.clone());
        }
    }
    grants
}
