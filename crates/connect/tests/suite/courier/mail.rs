//! Mail, to a server that speaks SMTP as far as it must.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use ferrovia_connect::ConnectConfig;
use ferrovia_connect::client::GuardedClient;
use ferrovia_connect::courier::{Encryption, MailCourier, Smtp, Unusable};
use ferrovia_connect::egress::EgressPolicy;
use ferrovia_runtime::notify::{Alerting, Courier, Dispatch, Form, Undelivered, When};
use ferrovia_store::Memory;
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use rustls::pki_types::PrivateKeyDer;
use tokio::io::{AsyncBufReadExt, AsyncRead, AsyncWrite, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio_rustls::TlsAcceptor;

use super::alerts::begin;
use super::bed::{node, run};

/// A mail as it came.
#[derive(Clone, Debug, Default)]
struct Mail {
    authenticated: Option<String>,
    from: String,
    to: Vec<String>,
    text: String,
}

#[derive(Clone)]
struct Server {
    encryption: Encryption,
    acceptor: TlsAcceptor,
    /// What each recipient is answered with.
    recipient: &'static str,
    mails: mpsc::UnboundedSender<Mail>,
}

impl Server {
    async fn serve(self) -> SocketAddr {
        let listener = TcpListener::bind("127.0.0.1:0")
            .await
            .expect("a port is free");
        let address = listener.local_addr().expect("it is bound");
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let server = self.clone();
                tokio::spawn(async move { server.take(stream).await });
            }
        });
        address
    }

    async fn take(self, stream: TcpStream) -> std::io::Result<()> {
        match self.encryption {
            Encryption::None => self.talk(stream, true, true).await,
            Encryption::Tls => {
                let stream = self.acceptor.accept(stream).await?;
                self.talk(stream, true, true).await
            }
            Encryption::StartTls => {
                let mut stream = BufReader::new(stream);
                stream.write_all(b"220 here\r\n").await?;
                let mut line = String::new();
                stream.read_line(&mut line).await?;
                stream.write_all(b"250-here\r\n250 STARTTLS\r\n").await?;
                line.clear();
                stream.read_line(&mut line).await?;
                assert_eq!(line, "STARTTLS\r\n");
                stream.write_all(b"220 go\r\n").await?;
                let stream = self.acceptor.accept(stream.into_inner()).await?;
                self.talk(stream, false, true).await
            }
        }
    }

    async fn talk<S: AsyncRead + AsyncWrite + Unpin>(
        &self,
        stream: S,
        greets: bool,
        authenticates: bool,
    ) -> std::io::Result<()> {
        let mut stream = BufReader::new(stream);
        if greets {
            stream.write_all(b"220 here\r\n").await?;
        }
        let mut mail = Mail::default();
        loop {
            let mut line = String::new();
            if stream.read_line(&mut line).await? == 0 {
                return Ok(());
            }
            let line = line.trim_end();
            let answer = if line.starts_with("EHLO") && authenticates {
                "250-here\r\n250 AUTH PLAIN"
            } else if let Some(known) = line.strip_prefix("AUTH PLAIN ") {
                mail.authenticated = Some(known.to_owned());
                "235 known"
            } else if let Some(from) = line.strip_prefix("MAIL FROM:") {
                mail.from = from.to_owned();
                "250 ok"
            } else if let Some(to) = line.strip_prefix("RCPT TO:") {
                mail.to.push(to.to_owned());
                self.recipient
            } else if line == "DATA" {
                stream.write_all(b"354 go on\r\n").await?;
                loop {
                    let mut line = String::new();
                    stream.read_line(&mut line).await?;
                    if line == ".\r\n" {
                        break;
                    }
                    mail.text.push_str(&line);
                }
                let _ = self.mails.send(std::mem::take(&mut mail));
                "250 taken"
            } else if line == "QUIT" {
                stream.write_all(b"221 bye\r\n").await?;
                return Ok(());
            } else {
                "502 what?"
            };
            stream.write_all(format!("{answer}\r\n").as_bytes()).await?;
        }
    }
}

struct Bed {
    address: SocketAddr,
    client: GuardedClient,
    mails: mpsc::UnboundedReceiver<Mail>,
}

async fn bed(encryption: Encryption, recipient: &'static str) -> Bed {
    let mut params = CertificateParams::new(Vec::new()).expect("there are no names");
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let key = KeyPair::generate().expect("keys can be made");
    let issuer = CertifiedIssuer::self_signed(params, key).expect("it signs itself");
    let key = KeyPair::generate().expect("keys can be made");
    let params = CertificateParams::new(vec!["localhost".to_owned()]).expect("it is a name");
    let certificate = params.signed_by(&key, &issuer).expect("it is signed");
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("both versions are there")
        .with_no_client_auth()
        .with_single_cert(
            vec![certificate.der().clone()],
            PrivateKeyDer::try_from(key.serialize_der()).expect("it is a key"),
        )
        .expect("they belong together");
    let (sender, mails) = mpsc::unbounded_channel();
    let server = Server {
        encryption,
        acceptor: TlsAcceptor::from(Arc::new(config)),
        recipient,
        mails: sender,
    };
    let config = ConnectConfig {
        extra_roots_pem: Some(issuer.pem()),
        ..ConnectConfig::default()
    };
    Bed {
        address: server.serve().await,
        client: GuardedClient::new(&config).expect("it is a certificate"),
        mails,
    }
}

impl Bed {
    fn smtp(&self, encryption: Encryption) -> Smtp {
        let known = encryption != Encryption::None;
        Smtp {
            host: "localhost".to_owned(),
            port: self.address.port(),
            encryption,
            credentials: known.then(|| ("robot".to_owned(), "s3cret".to_owned())),
            from: Smtp::sender("Ferrovia <robot@flows.example>").expect("it is an address"),
        }
    }

    fn courier(&self, encryption: Encryption) -> MailCourier {
        let to = [
            "Ann <ann@shop.example>".to_owned(),
            "ops@shop.example".to_owned(),
        ];
        let smtp = self.smtp(encryption);
        MailCourier::new(self.client.clone(), smtp, &to).expect("they are addresses")
    }
}

fn dispatch() -> Dispatch {
    Dispatch {
        id: "run/faulted/0".to_owned(),
        media_type: "text/plain",
        subject: "shop/order: a run is faulted".to_owned(),
        body: "It is über.\n".to_owned(),
    }
}

#[tokio::test]
async fn mail_arrives_encrypted_or_not_as_it_was_set() {
    for encryption in [Encryption::None, Encryption::Tls, Encryption::StartTls] {
        let mut bed = bed(encryption, "250 ok").await;
        bed.courier(encryption)
            .carry(&dispatch())
            .await
            .expect("it is taken");
        let mail = bed.mails.recv().await.expect("it came");
        assert!(mail.from.starts_with("<robot@flows.example>"), "{mail:?}");
        assert_eq!(mail.to, ["<ann@shop.example>", "<ops@shop.example>"]);
        for line in [
            "Subject: shop/order: a run is faulted\r\n",
            "Message-ID: <run.faulted.0@flows.example>\r\n",
        ] {
            assert!(mail.text.contains(line), "{line}{mail:?}");
        }
        // `\0robot\0s3cret` in Base64.
        let known = (encryption != Encryption::None).then_some("AHJvYm90AHMzY3JldA==");
        assert_eq!(mail.authenticated.as_deref(), known);
    }
}

#[tokio::test]
async fn what_a_server_refuses_is_given_up_or_tried_later_as_it_says() {
    let refused = bed(Encryption::None, "550 nobody").await;
    let error = refused.courier(Encryption::None).carry(&dispatch()).await;
    assert!(matches!(error, Err(Undelivered::Never(_))), "{error:?}");
    let later = bed(Encryption::None, "450 not now").await;
    let error = later.courier(Encryption::None).carry(&dispatch()).await;
    assert!(matches!(error, Err(Undelivered::Later(_))), "{error:?}");
}

#[tokio::test]
async fn nothing_is_said_to_a_server_that_does_not_encrypt() {
    let mut plain = bed(Encryption::None, "250 ok").await;
    for encryption in [Encryption::Tls, Encryption::StartTls] {
        let error = plain.courier(encryption).carry(&dispatch()).await;
        assert!(matches!(error, Err(Undelivered::Later(_))), "{error:?}");
    }
    assert!(plain.mails.try_recv().is_err());
    let smtp = Smtp {
        encryption: Encryption::None,
        ..plain.smtp(Encryption::Tls)
    };
    let to = ["ann@shop.example".to_owned()];
    let refused = MailCourier::new(plain.client.clone(), smtp, &to).err();
    assert_eq!(refused, Some(Unusable::Readable));
    let refused = MailCourier::new(plain.client.clone(), plain.smtp(Encryption::Tls), &[]).err();
    assert_eq!(refused, Some(Unusable::Nobody));
}

#[tokio::test]
async fn mail_passes_the_egress_guard() {
    let bed = bed(Encryption::None, "250 ok").await;
    let rule = |text: String| text.parse().expect("it is a rule");
    let port = format!(":{}", bed.address.port());
    for egress in [
        EgressPolicy::for_server(),
        EgressPolicy::for_local_run().deny([rule("localhost".to_owned())]),
        EgressPolicy::for_local_run().deny([rule(port)]),
    ] {
        let config = ConnectConfig {
            egress,
            ..ConnectConfig::default()
        };
        let client = GuardedClient::new(&config).expect("there is nothing to fail");
        let to = ["ann@shop.example".to_owned()];
        let courier = MailCourier::new(client, bed.smtp(Encryption::None), &to);
        let error = courier
            .expect("they are addresses")
            .carry(&dispatch())
            .await;
        assert!(matches!(error, Err(Undelivered::Never(_))), "{error:?}");
    }
}

#[tokio::test]
async fn an_alert_goes_by_mail() {
    let mut bed = bed(Encryption::StartTls, "250 ok").await;
    let node = node(Arc::new(Memory::new(2)), Arc::default()).await;
    let alerting = Alerting {
        name: "mail".to_owned(),
        when: vec![When::Faulted],
        workflows: Vec::new(),
        courier: Arc::new(bed.courier(Encryption::StartTls)),
        form: Form::Text,
        window: Duration::from_secs(1),
        public_url: None,
    };
    begin(&node, alerting).await;
    let faulted = run(&node, "order", "x").await;
    let mail = bed.mails.recv().await.expect("it comes");
    assert!(
        mail.text.contains("Subject: shop/order: a run is faulted"),
        "{mail:?}"
    );
    assert!(mail.text.contains(&format!("run: {faulted}")), "{mail:?}");
    assert!(mail.text.contains("reason: Empty x"), "{mail:?}");
}
