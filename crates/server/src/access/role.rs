//! Roles, and where they hold.

use std::fmt;

use serde::{Deserialize, Serialize};

/// The longest name of a namespace, as the language has it.
const NAMESPACE_CHARS_MAX: usize = 63;
const ALL: &str = "*";

/// What somebody is in a namespace. Each may do all that those before it may.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// Looks.
    Viewer,
    /// Runs what others wrote, and steers runs.
    Operator,
    /// Writes and publishes.
    Editor,
    /// Decides who may.
    Administrator,
}

impl Role {
    pub const EACH: [Role; 4] = [
        Role::Viewer,
        Role::Operator,
        Role::Editor,
        Role::Administrator,
    ];

    pub fn name(self) -> &'static str {
        match self {
            Role::Viewer => "viewer",
            Role::Operator => "operator",
            Role::Editor => "editor",
            Role::Administrator => "administrator",
        }
    }
}

/// A namespace, or all there are and will be, written `*`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum Namespaces {
    All,
    One(Namespace),
}

/// The name of a namespace. Never `*`, so that no namespace can be called all of them.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Namespace(String);

#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "a namespace has letters, digits and inner hyphens, at most {NAMESPACE_CHARS_MAX}; all of them are `*`"
)]
pub struct BadNamespace;

impl Namespaces {
    pub fn one(name: impl Into<String>) -> Result<Namespaces, BadNamespace> {
        let name = name.into();
        let bytes = name.as_bytes();
        let inner = |byte: &u8| byte.is_ascii_alphanumeric() || *byte == b'-';
        let ends = [bytes.first(), bytes.last()];
        if bytes.len() > NAMESPACE_CHARS_MAX
            || !bytes.iter().all(inner)
            || !ends
                .iter()
                .all(|end| end.is_some_and(u8::is_ascii_alphanumeric))
        {
            return Err(BadNamespace);
        }
        Ok(Namespaces::One(Namespace(name)))
    }

    pub(super) fn cover(&self, namespace: &str) -> bool {
        match self {
            Namespaces::All => true,
            Namespaces::One(Namespace(name)) => name == namespace,
        }
    }
}

impl TryFrom<String> for Namespaces {
    type Error = BadNamespace;

    fn try_from(text: String) -> Result<Namespaces, BadNamespace> {
        if text == ALL {
            return Ok(Namespaces::All);
        }
        Namespaces::one(text)
    }
}

impl From<Namespaces> for String {
    fn from(namespaces: Namespaces) -> String {
        match namespaces {
            Namespaces::All => ALL.to_owned(),
            Namespaces::One(Namespace(name)) => name,
        }
    }
}

impl fmt::Display for Namespaces {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Namespaces::All => ALL,
            Namespaces::One(Namespace(name)) => name,
        })
    }
}

/// A role that somebody has.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Grant {
    pub role: Role,
    pub namespace: Namespaces,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn grants_are_read_and_written() {
        for text in [
            r#"{"role":"viewer","namespace":"*"}"#,
            r#"{"role":"administrator","namespace":"team-a"}"#,
        ] {
            let grant: Grant = serde_json::from_str(text).unwrap();
            assert_eq!(serde_json::to_string(&grant).unwrap(), text);
        }
        for wrong in [
            r#"{"role":"root","namespace":"*"}"#,
            r#"{"role":"Viewer","namespace":"*"}"#,
            r#"{"role":"viewer"}"#,
            r#"{"role":"viewer","namespace":""}"#,
            r#"{"role":"viewer","namespace":"a*"}"#,
            r#"{"role":"viewer","namespace":"**"}"#,
            r#"{"role":"viewer","namespace":"-a"}"#,
            r#"{"role":"viewer","namespace":"a-"}"#,
            r#"{"role":"viewer","namespace":"a/b"}"#,
            r#"{"role":"viewer","namespace":"*","until":1}"#,
        ] {
            assert!(serde_json::from_str::<Grant>(wrong).is_err(), "{wrong}");
        }
        let long = "a".repeat(NAMESPACE_CHARS_MAX);
        assert!(Namespaces::one(&*long).is_ok());
        assert_eq!(Namespaces::one(format!("{long}a")), Err(BadNamespace));
        assert_eq!(Namespaces::one("*"), Err(BadNamespace));
    }

    #[test]
    fn roles_have_an_order_and_names() {
        assert!(Role::EACH.is_sorted());
        for role in Role::EACH {
            let written = serde_json::to_string(&role).unwrap();
            assert_eq!(written, format!("\"{}\"", role.name()));
        }
    }
}
