//! Settings of what is told to the outside: lifecycle events and alerts.

use std::time::Duration;

use ferrovia_runtime::Selection;
use schemars::JsonSchema;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use super::units::Span;

/// Lifecycle events of the standard, as CloudEvents.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Lifecycle {
    /// The URL that they are posted to, or `secret:NAME`; none are sent unless given.
    pub(crate) sink: Option<String>,
    /// Of what there are events.
    pub(crate) events: Vec<Scope>,
    /// `source` of the events; `server.public_url` unless given, or else `/ferrovia`.
    pub(crate) source: Option<String>,
    /// Events in one request; more than 1 are sent in the batched mode of CloudEvents.
    pub(crate) batch: usize,
    /// The name of the secret that requests are signed with, as Standard Webhooks say.
    pub(crate) signing_key: Option<String>,
}

impl Default for Lifecycle {
    fn default() -> Self {
        Lifecycle {
            sink: None,
            events: vec![Scope::Workflow],
            source: None,
            batch: 1,
            signing_key: None,
        }
    }
}

/// What a lifecycle event is of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Scope {
    Workflow,
    Task,
}

/// Tells people of runs that need them. One of `webhook`, `slack` and `email` says how.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Alert {
    /// What they are told of.
    pub(crate) when: Vec<When>,
    /// Workflows such as `shop/order` or `shop/*`; all unless given.
    pub(crate) workflows: Vec<Workflows>,
    /// A URL that gets a JSON object, or `secret:NAME`.
    pub(crate) webhook: Option<String>,
    /// The name of the secret that requests to `webhook` are signed with, as Standard Webhooks say.
    pub(crate) signing_key: Option<String>,
    /// The URL of an incoming webhook of Slack, or of what takes the same, or `secret:NAME`.
    pub(crate) slack: Option<String>,
    /// Who gets mail, through the server of `smtp`.
    pub(crate) email: Option<Email>,
    /// How long further runs with the same trouble are only counted after a message.
    pub(crate) window: Span,
}

impl Default for Alert {
    fn default() -> Self {
        Alert {
            when: vec![When::Faulted, When::Parked],
            workflows: Vec::new(),
            webhook: None,
            signing_key: None,
            slack: None,
            email: None,
            window: Span(Duration::from_secs(10 * 60)),
        }
    }
}

/// What needs people.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum When {
    Faulted,
    Parked,
}

/// Who gets mail.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Email {
    /// Addresses.
    pub(crate) to: Vec<String>,
}

/// Workflows by namespace and name, with `*` for any part of either.
#[derive(Clone, Debug, PartialEq, Eq, JsonSchema)]
pub(crate) struct Workflows(#[schemars(with = "String")] pub(crate) Selection, String);

impl Serialize for Workflows {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.1)
    }
}

impl<'de> Deserialize<'de> for Workflows {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let selection = text.parse().map_err(de::Error::custom)?;
        Ok(Workflows(selection, text))
    }
}

/// The server that takes mail of alerts.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Smtp {
    pub(crate) host: Option<String>,
    /// 465 with `tls`, 587 with `starttls`, 25 with `none` unless given.
    pub(crate) port: Option<u16>,
    pub(crate) encryption: Encryption,
    /// The address that mails come from.
    pub(crate) from: Option<String>,
    pub(crate) user: Option<String>,
    /// The name of the secret that is the password.
    pub(crate) password: Option<String>,
}

impl Default for Smtp {
    fn default() -> Self {
        Smtp {
            host: None,
            port: None,
            encryption: Encryption::Starttls,
            from: None,
            user: None,
            password: None,
        }
    }
}

/// What protects the connection to the mail server.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Encryption {
    Tls,
    Starttls,
    None,
}
