//! Senders of all schemes, which sign as their documentation says.

use std::time::{SystemTime, UNIX_EPOCH};

use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use ferrovia_expr::Value;
use ferrovia_server::hook::Scheme;
use ferrovia_server::{Starts, Webhook, Webhooks};
use reqwest::RequestBuilder;
use ring::hmac;

use crate::bed::{Answer, Bed, LONG_WAIT, send};

/// What Twilio was told.
const PUBLIC_URL: &str = "https://flows.example";
const KEY: &str = "MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIz";
const SECRET: &str = "a secret";
const PASSWORD: &str = "user:a secret";
const FORM: &str = "application/x-www-form-urlencoded";

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Sender {
    Standard,
    Github,
    Stripe,
    Slack,
    Twilio,
    Basic,
    Open,
}

pub(super) const ALL: [Sender; 7] = [
    Sender::Standard,
    Sender::Github,
    Sender::Stripe,
    Sender::Slack,
    Sender::Twilio,
    Sender::Basic,
    Sender::Open,
];

/// One of each scheme, and some that start a workflow.
pub(super) fn hooks() -> Webhooks {
    let hook = |path: &str, scheme: &str, secrets: &[&str]| {
        let scheme: Scheme = serde_json::from_value(scheme.into()).expect("it is a scheme");
        let secrets = secrets.iter().map(|text| scheme.secret(text));
        Webhook {
            path: path.to_owned(),
            scheme,
            secrets: secrets.collect::<Result<_, _>>().expect("they fit"),
            kind: Some("test.hook".to_owned()),
            source: None,
            id: None,
            starts: None,
        }
    };
    let with_id = |id: &str, hook: Webhook| Webhook {
        id: Some(id.to_owned()),
        ..hook
    };
    let direct = |name: &str, id: Option<&str>| Webhook {
        id: id.map(str::to_owned),
        starts: Some(Starts {
            namespace: "test".to_owned(),
            name: name.to_owned(),
            wait: Some(LONG_WAIT),
        }),
        ..hook(&format!("direct/{name}"), "none", &[])
    };
    let order = Webhook {
        path: "direct/order".to_owned(),
        ..direct("echo", Some(".headers[\"x-delivery\"]"))
    };
    let all = vec![
        // The first is the one before the last change of secrets.
        hook(
            "standard",
            "standard-webhooks",
            &[
                "whsec_b3RoZXJvdGhlcm90aGVyb3RoZXJvdGhlcg==",
                &format!("whsec_{KEY}"),
            ],
        ),
        hook("github", "github", &["another", SECRET]),
        hook("stripe", "stripe", &[SECRET]),
        hook("slack", "slack", &[SECRET]),
        hook("twilio", "twilio", &[SECRET]),
        with_id(".body.n", hook("basic", "basic", &[PASSWORD])),
        with_id(".body.n", hook("open", "none", &[])),
        order,
        direct("later", None),
        direct("fault", None),
    ];
    Webhooks::new(Some(PUBLIC_URL), all).expect("they are sound")
}

pub(super) fn now_s() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.expect("it is after 1970").as_secs() as i64
}

fn code(algorithm: hmac::Algorithm, key: &[u8], message: &str) -> Vec<u8> {
    let key = hmac::Key::new(algorithm, key);
    hmac::sign(&key, message.as_bytes()).as_ref().to_vec()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn sha256(key: &[u8], message: &str) -> String {
    hex(&code(hmac::HMAC_SHA256, key, message))
}

pub(super) fn slack(bed: &Bed, body: &str, at_s: i64) -> RequestBuilder {
    let signature = sha256(SECRET.as_bytes(), &format!("v0:{at_s}:{body}"));
    post(bed, "slack", body)
        .header("x-slack-request-timestamp", at_s)
        .header("x-slack-signature", format!("v0={signature}"))
}

fn post(bed: &Bed, path: &str, body: &str) -> RequestBuilder {
    let request = bed.request("POST", &format!("/hooks/{path}"));
    request
        .header("content-type", "application/json")
        .body(body.to_owned())
}

impl Sender {
    fn path(self) -> &'static str {
        match self {
            Sender::Standard => "standard",
            Sender::Github => "github",
            Sender::Stripe => "stripe",
            Sender::Slack => "slack",
            Sender::Twilio => "twilio",
            Sender::Basic => "basic",
            Sender::Open => "open",
        }
    }

    /// The body of a delivery.
    fn body(self, n: usize) -> String {
        match self {
            Sender::Stripe => format!("{{\"id\": \"evt_{n}\", \"n\": {n}}}"),
            Sender::Slack => format!("{{\"event_id\": \"Ev{n}\", \"n\": {n}}}"),
            Sender::Twilio => format!("n={n}"),
            _ => format!("{{\"n\": {n}}}"),
        }
    }

    /// What a workflow sees of it.
    pub(super) fn number(self, n: usize) -> Value {
        match self {
            Sender::Twilio => n.to_string().into(),
            _ => (n as i64).into(),
        }
    }

    pub(super) async fn deliver(self, bed: &Bed, n: usize) -> Answer {
        send(self.at(bed, n, now_s())).await
    }

    pub(super) fn at(self, bed: &Bed, n: usize, at_s: i64) -> RequestBuilder {
        let body = self.body(n);
        self.signed(bed, n, at_s, &body, &body, SECRET)
    }

    pub(super) fn unsigned(self, bed: &Bed) -> Option<RequestBuilder> {
        Some(post(bed, self.path(), &self.body(1)))
    }

    pub(super) fn wrongly_signed(self, bed: &Bed) -> Option<RequestBuilder> {
        let body = self.body(1);
        Some(self.signed(bed, 1, now_s(), &body, &body, "a secreT"))
    }

    /// Signed, and then changed. A password covers no body.
    pub(super) fn changed(self, bed: &Bed) -> Option<RequestBuilder> {
        let (signed, sent) = (self.body(1), self.body(2));
        let request = self.signed(bed, 1, now_s(), &signed, &sent, SECRET);
        (self != Sender::Basic).then_some(request)
    }

    fn signed(
        self,
        bed: &Bed,
        n: usize,
        at_s: i64,
        signed: &str,
        sent: &str,
        secret: &str,
    ) -> RequestBuilder {
        let request = post(bed, self.path(), sent);
        match self {
            Sender::Standard => {
                let mut key = BASE64.decode(KEY).expect("it is Base64");
                if secret != SECRET {
                    key[0] ^= 1;
                }
                let message = format!("msg_{n}.{at_s}.{signed}");
                let code = BASE64.encode(code(hmac::HMAC_SHA256, &key, &message));
                request
                    .header("webhook-id", format!("msg_{n}"))
                    .header("webhook-timestamp", at_s)
                    .header("webhook-signature", format!("v1,{code}"))
            }
            Sender::Github => request
                .header("x-github-delivery", format!("delivery-{n}"))
                .header("x-github-event", "push")
                .header(
                    "x-hub-signature-256",
                    format!("sha256={}", sha256(secret.as_bytes(), signed)),
                ),
            Sender::Stripe => {
                let code = sha256(secret.as_bytes(), &format!("{at_s}.{signed}"));
                request.header("stripe-signature", format!("t={at_s},v1={code}"))
            }
            Sender::Slack => {
                let code = sha256(secret.as_bytes(), &format!("v0:{at_s}:{signed}"));
                request
                    .header("x-slack-request-timestamp", at_s)
                    .header("x-slack-signature", format!("v0={code}"))
            }
            Sender::Twilio => {
                let message = format!("{PUBLIC_URL}/hooks/twilio{}", signed.replace('=', ""));
                let code = code(
                    hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY,
                    secret.as_bytes(),
                    &message,
                );
                let request = bed.request("POST", "/hooks/twilio").body(sent.to_owned());
                request
                    .header("content-type", FORM)
                    .header("i-twilio-idempotency-token", format!("token-{n}"))
                    .header("x-twilio-signature", BASE64.encode(code))
            }
            Sender::Basic => {
                let (user, _) = PASSWORD.split_once(':').expect("it has both");
                let given = BASE64.encode(format!("{user}:{secret}"));
                request.header("authorization", format!("Basic {given}"))
            }
            Sender::Open => request,
        }
    }
}
