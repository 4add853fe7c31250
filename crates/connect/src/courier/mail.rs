//! A mail for each message, through one server that relays for us.

use async_trait::async_trait;
use ferrovia_runtime::notify::{Courier, Dispatch, Undelivered};
pub use lettre::message::Mailbox;
use lettre::message::header::ContentType;
use lettre::transport::smtp::authentication::{Credentials, Mechanism};
use lettre::transport::smtp::client::AsyncSmtpConnection;
use lettre::transport::smtp::extension::ClientId;
use lettre::{Address, Message};

use super::transport::connect;
use super::{TIME_LIMIT, Unusable};
use crate::client::GuardedClient;

/// What protects the connection to a mail server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Encryption {
    /// From the first byte, as on port 465.
    Tls,
    /// Asked for before anything is said, as on port 587; a server without it gets nothing.
    StartTls,
    /// Nothing: for a relay on the same machine or network.
    None,
}

/// A server that takes mail.
#[derive(Clone)]
pub struct Smtp {
    pub host: String,
    pub port: u16,
    pub encryption: Encryption,
    /// User and password.
    pub credentials: Option<(String, String)>,
    pub from: Mailbox,
}

/// Sends to some recipients.
pub struct MailCourier {
    client: GuardedClient,
    smtp: Smtp,
    to: Vec<Mailbox>,
}

impl MailCourier {
    pub fn new(client: GuardedClient, smtp: Smtp, to: &[String]) -> Result<MailCourier, Unusable> {
        if to.is_empty() {
            return Err(Unusable::Nobody);
        }
        if smtp.credentials.is_some() && smtp.encryption == Encryption::None {
            return Err(Unusable::Readable);
        }
        let to = to.iter().map(|text| mailbox(text));
        Ok(MailCourier {
            client,
            to: to.collect::<Result<_, _>>()?,
            smtp,
        })
    }

    fn message(&self, dispatch: &Dispatch) -> Result<Message, String> {
        let mut message = Message::builder().from(self.smtp.from.clone());
        for to in &self.to {
            message = message.to(to.clone());
        }
        // Equal when it is sent again, so that whoever keeps mail can tell.
        let id = dispatch.id.replace('/', ".");
        let message = message
            .message_id(Some(format!("<{id}@{}>", self.domain())))
            .subject(dispatch.subject.clone())
            .header(ContentType::TEXT_PLAIN)
            .body(dispatch.body.clone());
        message.map_err(|error| error.to_string())
    }

    fn domain(&self) -> &str {
        Address::domain(&self.smtp.from.email)
    }

    async fn send(&self, dispatch: &Dispatch) -> Result<(), Undelivered> {
        let message = self.message(dispatch).map_err(Undelivered::Never)?;
        let hello = ClientId::Domain(self.domain().to_owned());
        let transport = connect(&self.client, &self.smtp, self.domain()).await?;
        let failed = |error: lettre::transport::smtp::Error| {
            let why = format!("{}: {error}", self.smtp.host);
            if error.is_permanent() {
                Undelivered::Never(why)
            } else {
                Undelivered::Later(why)
            }
        };
        let connected = AsyncSmtpConnection::connect_with_transport(Box::new(transport), &hello);
        let mut connection = connected.await.map_err(failed)?;
        if let Some((user, password)) = &self.smtp.credentials {
            let credentials = Credentials::new(user.clone(), password.clone());
            let mechanisms = [Mechanism::Plain, Mechanism::Login];
            let known = connection.auth(&mechanisms, &credentials).await;
            known.map_err(failed)?;
        }
        let text = message.formatted();
        let sent = connection.send(message.envelope(), &text);
        sent.await.map_err(failed)?;
        // It has been taken; a farewell that fails changes nothing.
        let _ = connection.quit().await;
        Ok(())
    }
}

/// Reads `address` or `Name <address>`.
pub(super) fn mailbox(text: &str) -> Result<Mailbox, Unusable> {
    let refused = |_| Unusable::Address(text.to_owned());
    text.parse().map_err(refused)
}

impl Smtp {
    /// Reads the address that mails come from.
    pub fn sender(text: &str) -> Result<Mailbox, Unusable> {
        mailbox(text)
    }
}

#[async_trait]
impl Courier for MailCourier {
    async fn carry(&self, dispatch: &Dispatch) -> Result<(), Undelivered> {
        match tokio::time::timeout(TIME_LIMIT, self.send(dispatch)).await {
            Ok(sent) => sent,
            Err(_) => Err(Undelivered::Later(format!(
                "{} did not take the mail in time",
                self.smtp.host
            ))),
        }
    }
}
