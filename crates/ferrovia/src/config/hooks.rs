//! Settings of webhooks: what others may deliver to.

use ferrovia_server::hook::Scheme;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::units::Span;

/// What another service delivers to, below `/hooks/`.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Hook {
    /// `stripe` is `POST /hooks/stripe`; it may have several parts.
    pub(crate) path: String,
    /// How deliveries prove where they come from: `standard-webhooks`, `github`, `stripe`, `slack`, `twilio`, `basic`,
    /// or `none`, which lets in whoever knows the address; `{ scheme = "stripe", windowSeconds = 60 }` says how old a
    /// delivery may be, too.
    #[schemars(with = "serde_json::Value")]
    pub(crate) scheme: Scheme,
    /// Names of secrets; more than one while a sender changes from one to the next.
    #[serde(default)]
    pub(crate) secrets: Vec<String>,
    /// `type` of the CloudEvents; `hook.` and the path unless given.
    #[serde(default, rename = "type")]
    pub(crate) kind: Option<String>,
    /// `source` of the CloudEvents; `/hooks/` and the path unless given.
    #[serde(default)]
    pub(crate) source: Option<String>,
    /// What is equal whenever the same thing is delivered again: jq over `{headers, query, body}`.
    #[serde(default)]
    pub(crate) id: Option<String>,
    /// A workflow such as `shop/order` that each delivery starts; it is no event then.
    #[serde(default)]
    pub(crate) workflow: Option<String>,
    /// How long the sender waits for the output of `workflow`, such as `20s`.
    #[serde(default)]
    pub(crate) wait: Option<Span>,
}
