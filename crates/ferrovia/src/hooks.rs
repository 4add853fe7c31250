//! Puts webhooks together: settings and secrets in, what the server takes deliveries with out.

use anyhow::{Context, bail};
use ferrovia_dsl::plan::VersionReq;
use ferrovia_runtime::Node;
use ferrovia_server::{Starts, Webhook, Webhooks};

use crate::config::Config;
use crate::config::hooks::Hook;
use crate::notify::Outfit;
use crate::out;

/// Fails when a setting cannot be followed.
pub(crate) fn hooks(config: &Config, outfit: &Outfit<'_>) -> anyhow::Result<Webhooks> {
    let given = config.hooks.iter().enumerate();
    let given = given.map(|(at, hook)| {
        let webhook = webhook(hook, outfit);
        webhook.with_context(|| format!("number {} of `hooks` (`{}`)", at + 1, hook.path))
    });
    let given = given.collect::<anyhow::Result<_>>()?;
    Webhooks::new(config.server.public_url.as_deref(), given).context("`hooks`")
}

fn webhook(hook: &Hook, outfit: &Outfit<'_>) -> anyhow::Result<Webhook> {
    let secret = |name: &String| {
        let text = outfit.secret(name)?;
        let secret = hook.scheme.secret(&text);
        secret.with_context(|| format!("the secret `{name}`"))
    };
    let starts = match (&hook.workflow, hook.wait) {
        (None, None) => None,
        (None, Some(_)) => bail!("`wait` is for the output of a `workflow`"),
        (Some(workflow), wait) => match workflow.split_once('/') {
            Some((namespace, name)) if !workflow.contains(':') => Some(Starts {
                namespace: namespace.to_owned(),
                name: name.to_owned(),
                wait: wait.map(|wait| wait.0),
            }),
            _ => bail!("`workflow` is `namespace/name`, without a version; not `{workflow}`"),
        },
    };
    Ok(Webhook {
        path: hook.path.clone(),
        scheme: hook.scheme,
        secrets: hook
            .secrets
            .iter()
            .map(secret)
            .collect::<anyhow::Result<_>>()?,
        kind: hook.kind.clone(),
        source: hook.source.clone(),
        id: hook.id.clone(),
        starts,
    })
}

/// Says which webhooks start what is not there. It may come later; until then senders are told to try again.
pub(crate) fn remark(config: &Config, node: &Node) {
    let definitions = node.definitions();
    for hook in &config.hooks {
        let Some((namespace, name)) = hook.workflow.as_deref().and_then(|it| it.split_once('/'))
        else {
            continue;
        };
        if definitions
            .find(namespace, name, &VersionReq::Latest)
            .is_none()
        {
            let path = &hook.path;
            out::note(format_args!(
                "warning: /hooks/{path} starts {namespace}/{name}, which is not there; deliveries are put off"
            ));
        }
    }
}
