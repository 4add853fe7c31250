//! Webhooks that others deliver to: which there are, and what becomes of a delivery.
//!
//! Owns the settings of each and their rules. How a signature is checked is [`hook`](crate::hook)'s.

mod content;
mod deliver;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use ferrovia_expr::Expr;

use crate::WAIT_MS_MAX;
use crate::hook::{Scheme, Secret};

pub(crate) use deliver::{AT, section};

/// Webhooks of one server.
pub const WEBHOOKS_MAX: usize = 256;
/// The path of one, below `/hooks/`.
pub const WEBHOOK_PATH_CHARS_MAX: usize = 128;

/// What the configuration says of a webhook.
#[derive(Clone)]
pub struct Webhook {
    /// Below `/hooks/`.
    pub path: String,
    pub scheme: Scheme,
    /// More than one while a sender changes from one to the next.
    pub secrets: Vec<Secret>,
    /// `type` of the events; `hook.` and the path, with points, unless given.
    pub kind: Option<String>,
    /// `source` of the events; `/hooks/` and the path unless given.
    pub source: Option<String>,
    /// jq over `{headers, query, body}`: what is equal whenever the same thing is delivered again. Takes the place of
    /// the id that the scheme finds.
    pub id: Option<String>,
    /// A workflow that each delivery starts; it is no event then.
    pub starts: Option<Starts>,
}

/// What a delivery starts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Starts {
    pub namespace: String,
    pub name: String,
    /// How long the sender waits for the output.
    pub wait: Option<Duration>,
}

/// Why there cannot be these webhooks.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadWebhook {
    #[error("there are more than {WEBHOOKS_MAX}")]
    TooMany,
    #[error(
        "the path `{0}` is not 1 to {WEBHOOK_PATH_CHARS_MAX} letters, digits, `.`, `_`, `~` and `-`, in parts between \
         `/` of which none is empty, `.` or `..`"
    )]
    Path(String),
    #[error("two have the path `{0}`")]
    Twice(String),
    #[error(
        "`{0}` has no secret: name one in `secrets`, or say `scheme = \"none\"` to let in whoever knows the address"
    )]
    NoSecret(String),
    #[error("`{0}` needs `server.public_url`: Twilio signs the address that it was told")]
    NoAddress(String),
    #[error("`{0}`: an empty `type` or `source` is none")]
    Empty(String),
    #[error("`{path}`: `id` is no jq expression: {why}")]
    Id { path: String, why: String },
    #[error("`{0}`: `wait` is at most {limit} s", limit = WAIT_MS_MAX / 1_000)]
    Wait(String),
}

/// Webhooks by path.
#[derive(Clone, Default)]
pub struct Webhooks(Arc<BTreeMap<String, Hook>>);

/// One that was checked.
struct Hook {
    path: String,
    /// As the sender was told, without the query.
    address: Option<String>,
    scheme: Scheme,
    secrets: Vec<Secret>,
    kind: String,
    source: String,
    id: Option<Expr>,
    starts: Option<Starts>,
}

impl Webhooks {
    /// `public_url` is where senders find this server.
    pub fn new(public_url: Option<&str>, given: Vec<Webhook>) -> Result<Webhooks, BadWebhook> {
        if given.len() > WEBHOOKS_MAX {
            return Err(BadWebhook::TooMany);
        }
        let mut hooks = BTreeMap::new();
        for webhook in given {
            let hook = Hook::new(public_url, webhook)?;
            let path = hook.path.clone();
            if hooks.insert(path.clone(), hook).is_some() {
                return Err(BadWebhook::Twice(path));
            }
        }
        Ok(Webhooks(Arc::new(hooks)))
    }

    fn at(&self, path: &str) -> Option<&Hook> {
        self.0.get(path)
    }
}

impl Hook {
    fn new(public_url: Option<&str>, given: Webhook) -> Result<Hook, BadWebhook> {
        let path = given.path;
        if !is_path(&path) {
            return Err(BadWebhook::Path(path));
        }
        if given.secrets.is_empty() && !matches!(given.scheme, Scheme::None {}) {
            return Err(BadWebhook::NoSecret(path));
        }
        if public_url.is_none() && matches!(given.scheme, Scheme::Twilio {}) {
            return Err(BadWebhook::NoAddress(path));
        }
        if [&given.kind, &given.source].contains(&&Some(String::new())) {
            return Err(BadWebhook::Empty(path));
        }
        let waits = given.starts.as_ref().and_then(|starts| starts.wait);
        if waits.is_some_and(|wait| wait > Duration::from_millis(WAIT_MS_MAX)) {
            return Err(BadWebhook::Wait(path));
        }
        let id = given.id.map(|id| Expr::compile(&id, &[])).transpose();
        let id = id.map_err(|errors| {
            let why: Vec<_> = errors.iter().map(ToString::to_string).collect();
            BadWebhook::Id {
                path: path.clone(),
                why: why.join("; "),
            }
        })?;
        let kind = || format!("hook.{}", path.replace('/', "."));
        let source = || format!("{AT}{path}");
        Ok(Hook {
            address: public_url.map(|url| format!("{}{AT}{path}", url.trim_end_matches('/'))),
            scheme: given.scheme,
            secrets: given.secrets,
            kind: given.kind.unwrap_or_else(kind),
            source: given.source.unwrap_or_else(source),
            id,
            starts: given.starts,
            path,
        })
    }
}

/// Nothing that a proxy or a client would write in another way.
fn is_path(path: &str) -> bool {
    let known = |byte: u8| byte.is_ascii_alphanumeric() || b"._~-".contains(&byte);
    path.len() <= WEBHOOK_PATH_CHARS_MAX
        && path
            .split('/')
            .all(|part| !matches!(part, "" | "." | "..") && part.bytes().all(known))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn webhook(path: &str, scheme: Scheme) -> Webhook {
        let secret = scheme.secret("a secret");
        Webhook {
            path: path.to_owned(),
            scheme,
            secrets: secret.into_iter().collect(),
            kind: None,
            source: None,
            id: None,
            starts: None,
        }
    }

    fn refused(public_url: Option<&str>, given: Vec<Webhook>) -> Option<BadWebhook> {
        Webhooks::new(public_url, given).err()
    }

    #[test]
    fn paths_are_written_in_one_way() {
        for good in ["stripe", "a/b/c", "~x", "a.b-c_d", "..."] {
            let refused = refused(None, vec![webhook(good, Scheme::Github {})]);
            assert_eq!(refused, None, "{good}");
        }
        let long = "x".repeat(WEBHOOK_PATH_CHARS_MAX + 1);
        for bad in [
            "", "/a", "a/", "a//b", "../a", "a/..", "a/./b", "a b", "a%41", "\u{e4}", "a?b", &long,
        ] {
            let refused = refused(None, vec![webhook(bad, Scheme::Github {})]);
            assert_eq!(refused, Some(BadWebhook::Path(bad.to_owned())), "{bad}");
        }
    }

    #[test]
    fn what_cannot_work_is_refused() {
        let path = || "a".to_owned();
        let twice = vec![
            webhook("a", Scheme::Github {}),
            webhook("a", Scheme::None {}),
        ];
        assert_eq!(refused(None, twice), Some(BadWebhook::Twice(path())));
        let mut open = webhook("a", Scheme::Github {});
        open.secrets.clear();
        assert_eq!(
            refused(None, vec![open]),
            Some(BadWebhook::NoSecret(path()))
        );
        let twilio = || vec![webhook("a", Scheme::Twilio {})];
        assert_eq!(refused(None, twilio()), Some(BadWebhook::NoAddress(path())));
        assert_eq!(refused(Some("https://flows.example"), twilio()), None);
        let mut id = webhook("a", Scheme::None {});
        id.id = Some(".body | $nothing".to_owned());
        assert!(matches!(
            refused(None, vec![id]),
            Some(BadWebhook::Id { .. })
        ));
        let mut long = webhook("a", Scheme::None {});
        long.starts = Some(Starts {
            namespace: "shop".to_owned(),
            name: "order".to_owned(),
            wait: Some(Duration::from_millis(WAIT_MS_MAX + 1)),
        });
        assert_eq!(refused(None, vec![long]), Some(BadWebhook::Wait(path())));
        let many = (0..=WEBHOOKS_MAX).map(|n| webhook(&n.to_string(), Scheme::None {}));
        assert_eq!(refused(None, many.collect()), Some(BadWebhook::TooMany));
    }

    #[test]
    fn events_are_named_after_the_path_unless_they_have_a_name() {
        let hooks = Webhooks::new(None, vec![webhook("shop/paid", Scheme::None {})]).unwrap();
        let hook = hooks.at("shop/paid").unwrap();
        assert_eq!(
            (&*hook.kind, &*hook.source),
            ("hook.shop.paid", "/hooks/shop/paid")
        );
        let mut named = webhook("a", Scheme::None {});
        named.kind = Some("com.example.paid".to_owned());
        named.source = Some("https://pay.example".to_owned());
        let hooks = Webhooks::new(None, vec![named]).unwrap();
        let hook = hooks.at("a").unwrap();
        assert_eq!(
            (&*hook.kind, &*hook.source),
            ("com.example.paid", "https://pay.example")
        );
    }
}
