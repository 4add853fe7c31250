//! Puts together what tells the outside of runs: settings and secrets in, couriers to the node out.

use std::sync::Arc;

use anyhow::{Context, bail};
use ferrovia_connect::client::GuardedClient;
use ferrovia_connect::courier::{Encryption, HttpCourier, MailCourier, SigningKey, Smtp};
use ferrovia_expr::{Object, Value};
use ferrovia_runtime::Node;
use ferrovia_runtime::notify::{Alerting, Counts, Courier, Form, Lifecycle, Log, Scope, When};
use sha2::{Digest, Sha256};

use crate::config::Config;
use crate::config::notify::{self as settings, Alert};
use crate::out;

/// A value that is not written here.
const SECRET: &str = "secret:";
/// Secrets in the environment: `FERROVIA_SECRET_SMTP_PASSWORD` is `smtp-password`.
const ENVIRONMENT: &str = "FERROVIA_SECRET_";
/// `source` of events of a server that does not know where it is found.
const SOURCE: &str = "/ferrovia";
/// Messages of one kind may have so many events.
const BATCH_MAX: usize = 1_000;

/// What is told, counted.
#[derive(Default)]
pub(crate) struct Telling {
    pub(crate) lifecycle: Option<Arc<Counts>>,
    pub(crate) alerts: Vec<Arc<Counts>>,
}

/// What couriers are made of.
pub(crate) struct Outfit<'a> {
    config: &'a Config,
    client: GuardedClient,
    secrets: &'a Object,
}

/// Couriers that settings ask for; nothing is sent yet.
pub(crate) struct Planned {
    lifecycle: Option<Lifecycle>,
    alerts: Vec<Alerting>,
}

impl<'a> Outfit<'a> {
    pub(crate) fn new(config: &'a Config, client: GuardedClient, secrets: &'a Object) -> Self {
        Outfit {
            config,
            client,
            secrets,
        }
    }

    /// Fails when a setting cannot be followed.
    pub(crate) fn plan(&self) -> anyhow::Result<Planned> {
        let lifecycle = self.lifecycle().context("`lifecycle`")?;
        let alerts = self.config.alerts.iter().enumerate();
        let alerts = alerts.map(|(at, alert)| {
            let alerting = self.alert(alert);
            alerting.with_context(|| format!("number {} of `alerts`", at + 1))
        });
        Ok(Planned {
            lifecycle,
            alerts: alerts.collect::<anyhow::Result<_>>()?,
        })
    }

    fn lifecycle(&self) -> anyhow::Result<Option<Lifecycle>> {
        let settings = &self.config.lifecycle;
        let Some(sink) = &settings.sink else {
            return Ok(None);
        };
        if !(1..=BATCH_MAX).contains(&settings.batch) {
            bail!("`batch` is 1 to {BATCH_MAX}");
        }
        let courier = self.http(sink, settings.signing_key.as_deref())?;
        let public_url = self.config.server.public_url.as_deref();
        let source = settings.source.as_deref().or(public_url);
        let scopes = settings.events.iter().map(|scope| match scope {
            settings::Scope::Workflow => Scope::Workflow,
            settings::Scope::Task => Scope::Task,
        });
        Ok(Some(Lifecycle {
            courier,
            source: source.unwrap_or(SOURCE).to_owned(),
            scopes: scopes.collect(),
            batch: settings.batch,
        }))
    }

    fn alert(&self, alert: &Alert) -> anyhow::Result<Alerting> {
        let (courier, form): (Arc<dyn Courier>, _) = match alert {
            Alert {
                webhook: Some(url),
                signing_key,
                slack: None,
                email: None,
                ..
            } => (self.http(url, signing_key.as_deref())?, Form::Json),
            Alert {
                webhook: None,
                signing_key: None,
                slack: Some(url),
                email: None,
                ..
            } => (self.http(url, None)?, Form::Slack),
            Alert {
                webhook: None,
                signing_key: None,
                slack: None,
                email: Some(email),
                ..
            } => (self.mail(&email.to)?, Form::Text),
            _ => bail!(
                "one of `webhook`, `slack` and `email` says how; `signing_key` is for `webhook`"
            ),
        };
        let when = alert.when.iter().map(|when| match when {
            settings::When::Faulted => When::Faulted,
            settings::When::Parked => When::Parked,
        });
        let workflows = alert.workflows.iter().map(|workflows| workflows.0.clone());
        Ok(Alerting {
            name: name(alert)?,
            when: when.collect(),
            workflows: workflows.collect(),
            courier,
            form,
            window: alert.window.0,
            public_url: self.config.server.public_url.clone(),
        })
    }

    fn http(&self, url: &str, key: Option<&str>) -> anyhow::Result<Arc<dyn Courier>> {
        let url = match url.strip_prefix(SECRET) {
            Some(name) => self.secret(name)?,
            None => url.to_owned(),
        };
        let key = key.map(|name| anyhow::Ok(SigningKey::read(&self.secret(name)?)?));
        let courier = HttpCourier::new(self.client.clone(), &url, key.transpose()?)?;
        Ok(Arc::new(courier))
    }

    fn mail(&self, to: &[String]) -> anyhow::Result<Arc<dyn Courier>> {
        let smtp = &self.config.smtp;
        let (encryption, port) = match smtp.encryption {
            settings::Encryption::Tls => (Encryption::Tls, 465),
            settings::Encryption::Starttls => (Encryption::StartTls, 587),
            settings::Encryption::None => (Encryption::None, 25),
        };
        let credentials = match (&smtp.user, &smtp.password) {
            (Some(user), Some(name)) => Some((user.clone(), self.secret(name)?)),
            (None, None) => None,
            _ => bail!("`smtp.user` and `smtp.password` go together"),
        };
        let from = smtp.from.as_deref().context("mail needs `smtp.from`")?;
        let smtp = Smtp {
            host: smtp.host.clone().context("mail needs `smtp.host`")?,
            port: smtp.port.unwrap_or(port),
            encryption,
            credentials,
            from: Smtp::sender(from)?,
        };
        Ok(Arc::new(MailCourier::new(self.client.clone(), smtp, to)?))
    }

    /// A secret by name, from the file or the environment. No error shows it.
    pub(crate) fn secret(&self, name: &str) -> anyhow::Result<String> {
        if let Some(secret) = self.secrets.get(name).and_then(Value::as_str) {
            return Ok(secret.to_owned());
        }
        let variable: String = name
            .chars()
            .map(|c| match c {
                'a'..='z' => c.to_ascii_uppercase(),
                'A'..='Z' | '0'..='9' => c,
                _ => '_',
            })
            .collect();
        let variable = format!("{ENVIRONMENT}{variable}");
        std::env::var(&variable).with_context(|| {
            format!("the secret `{name}` is a text in no file of secrets, and not {variable}")
        })
    }
}

/// Names a rule by what it says, so that one that was changed begins anew.
fn name(alert: &Alert) -> anyhow::Result<String> {
    let digest = Sha256::digest(serde_json::to_vec(alert)?);
    let digits = digest.iter().take(16).map(|byte| format!("{byte:02x}"));
    Ok(digits.collect())
}

impl Planned {
    /// Returns once what happens will be told.
    pub(crate) async fn begin(self, node: &Node) -> Telling {
        let log: Log = Arc::new(|line| out::note(format_args!("{line}")));
        let mut telling = Telling::default();
        if let Some(lifecycle) = self.lifecycle {
            telling.lifecycle = Some(node.publish(lifecycle, log.clone()).await);
        }
        for alerting in self.alerts {
            telling.alerts.push(node.alert(alerting, log.clone()).await);
        }
        telling
    }
}
