//! Published examples of each scheme, and what somebody may try who saw one genuine delivery.

use std::ops::Range;

use axum::http::{HeaderName, HeaderValue};
use proptest::prelude::*;

use super::*;

/// A delivery that can be tampered with.
#[derive(Clone)]
struct Sent {
    method: Method,
    url: String,
    headers: HeaderMap,
    body: Vec<u8>,
    scheme: &'static str,
    secrets: Vec<String>,
    now_s: i64,
}

impl Sent {
    fn new(scheme: &'static str, secret: &str, now_s: i64, headers: &[(&str, &str)]) -> Sent {
        let mut sent = Sent {
            method: Method::POST,
            url: "https://flows.example/hooks/1".to_owned(),
            headers: HeaderMap::new(),
            body: Vec::new(),
            scheme,
            secrets: vec![secret.to_owned()],
            now_s,
        };
        for (name, value) in headers {
            sent.set(name, value);
        }
        sent
    }

    fn body(mut self, body: impl AsRef<[u8]>) -> Sent {
        self.body = body.as_ref().to_vec();
        self
    }

    fn url(mut self, url: &str) -> Sent {
        self.url = url.to_owned();
        self
    }

    fn set(&mut self, name: &str, value: &str) {
        self.headers.insert(
            HeaderName::from_bytes(name.as_bytes()).unwrap(),
            HeaderValue::from_str(value).unwrap(),
        );
    }

    fn with(mut self, name: &str, value: &str) -> Sent {
        self.set(name, value);
        self
    }

    fn again(mut self, name: &str, value: &str) -> Sent {
        let name = HeaderName::from_bytes(name.as_bytes()).unwrap();
        self.headers.append(name, value.parse().unwrap());
        self
    }

    fn without(mut self, name: &str) -> Sent {
        self.headers.remove(name).expect("the header was there");
        self
    }

    fn secrets(mut self, secrets: &[&str]) -> Sent {
        self.secrets = secrets.iter().map(|&secret| secret.to_owned()).collect();
        self
    }

    fn at(mut self, now_s: i64) -> Sent {
        self.now_s = now_s;
        self
    }

    fn verify(&self) -> Result<Verified, Refused> {
        let scheme: Scheme = serde_json::from_value(self.scheme.into()).unwrap();
        let secrets: Vec<Secret> = self
            .secrets
            .iter()
            .map(|secret| scheme.secret(secret).unwrap())
            .collect();
        let delivered = Delivered {
            method: &self.method,
            url: &self.url,
            headers: &self.headers,
            body: &self.body,
        };
        scheme.verify(&delivered, &secrets, self.now_s * 1_000)
    }

    fn id(&self) -> DeliveryId {
        let verified = self.verify().expect("the delivery is genuine");
        verified.id.expect("the scheme has ids")
    }

    fn refused(&self, refused: Refused) {
        assert_eq!(self.verify(), Err(refused));
    }
}

fn signed(text: &str) -> DeliveryId {
    DeliveryId {
        text: text.to_owned(),
        signed: true,
    }
}

const STANDARD_BODY: &str = r#"{"test": 2432232314}"#;
const STANDARD_SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
const STANDARD_CODE: &str = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=";

/// The example of the reference libraries of Standard Webhooks (standardwebhooks.com, 1.0.0).
fn standard() -> Sent {
    Sent::new(
        "standard-webhooks",
        STANDARD_SECRET,
        1_614_265_330,
        &[
            ("webhook-id", "msg_p5jXN8AQM9LWM0D4loKWxJek"),
            ("webhook-timestamp", "1614265330"),
            ("webhook-signature", STANDARD_CODE),
        ],
    )
    .body(STANDARD_BODY)
}

/// The same delivery signed by Ed25519, as the reference library in Go has it; the public key is that of its seed:
/// `Ed25519PrivateKey.from_private_bytes(b"TESTSIGNINGKEYDONOTUSETHISFORANY")` of Python's `cryptography`.
const ED25519_KEY: &str = "whpk_ZlN4eg7dSSqi0moX9hQUk3orrOouK3QVQSlJa248c/g=";
const ED25519_SIGNATURE: &str =
    "v1a,tQ9V2XOqn7jL/DQenEFpqIugdBVtiMmER5mhSkXBNwM0mkATuDe6KYYUuxqtaiHeYGb7KaaBRdM5WqyeFiL8Ag==";

fn standard_public() -> Sent {
    standard()
        .with("webhook-signature", ED25519_SIGNATURE)
        .secrets(&[ED25519_KEY])
}

/// The example of GitHub's page on validating deliveries.
fn github() -> Sent {
    let signature = "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17";
    Sent::new(
        "github",
        "It's a Secret to Everybody",
        0,
        &[
            ("X-Hub-Signature-256", signature),
            ("X-GitHub-Delivery", "72d3162e-cc78-11e3-81ab-4c9367dc0958"),
        ],
    )
    .body("Hello, World!")
}

const STRIPE_CODE: &str = "a3fd46088997140634b9cf73851ca36a00efe9bc0ad715e9121f864e0927f0f0";

/// Computed with Python: `hmac.new(b"whsec_test_secret", b'1614265330.{"id": "evt_1","object":"event"}',
/// hashlib.sha256).hexdigest()`.
fn stripe() -> Sent {
    let signature = format!("t=1614265330,v1={STRIPE_CODE},v0=6ffbb59b");
    Sent::new(
        "stripe",
        "whsec_test_secret",
        1_614_265_330,
        &[("Stripe-Signature", &signature)],
    )
    .body(r#"{"id": "evt_1","object":"event"}"#)
}

/// The example of Slack's page on verifying requests.
fn slack() -> Sent {
    let signature = "v0=a2114d57b48eac39b9ad189dd8316235a7b4a8d21a10bd27519666489c69b503";
    Sent::new(
        "slack",
        "8f742231b10e8888abcd99yyyzzz85a5",
        1_531_420_618,
        &[
            ("X-Slack-Signature", signature),
            ("X-Slack-Request-Timestamp", "1531420618"),
        ],
    )
    .body(concat!(
        "token=xyzz0WbapA4vBCDEFasx0q6G&team_id=T1DC2JH3J&team_domain=testteamnow&channel_id=G8PSS9T3V",
        "&channel_name=foobar&user_id=U2CERLKJA&user_name=roadrunner&command=%2Fwebhook-collect&text=",
        "&response_url=https%3A%2F%2Fhooks.slack.com%2Fcommands%2FT1DC2JH3J%2F397700885554%2F96rGlfmibIGlgcZRskXaIFfN",
        "&trigger_id=398738663015.47445629121.803a0bc887a14d10d2c447fce8b6703c",
    ))
}

const TWILIO_URL: &str = "https://mycompany.com/myapp.php?foo=1&bar=2";
const TWILIO_FORM: &str = "Digits=1234&CallSid=CA1234567890ABCDE&To=%2B18005551212&From=%2B14158675309&Caller=%2B14158675309";

/// The example of Twilio's page on webhook security and of its helper libraries.
fn twilio() -> Sent {
    Sent::new(
        "twilio",
        "12345",
        0,
        &[
            ("X-Twilio-Signature", "RSOYDt4T1cUTdK1PDd93/VVr8B8="),
            (
                "Content-Type",
                "application/x-www-form-urlencoded; charset=UTF-8",
            ),
        ],
    )
    .url(TWILIO_URL)
    .body(TWILIO_FORM)
}

const TWILIO_DIGEST: &str = "0a1ff7634d9ab3b95db5c9a2dfe9416e41502b283a80c7cf19632632f96e6620";

/// The example of Twilio's helper libraries for other bodies.
fn twilio_json() -> Sent {
    Sent::new(
        "twilio",
        "12345",
        0,
        &[
            ("X-Twilio-Signature", "a9nBmqA0ju/hNViExpshrM61xv4="),
            ("Content-Type", "application/json"),
        ],
    )
    .url(&format!("{TWILIO_URL}&bodySHA256={TWILIO_DIGEST}"))
    .body(r#"{"property": "value", "boolean": true}"#)
}

/// The example of RFC 7617.
fn basic() -> Sent {
    Sent::new(
        "basic",
        "Aladdin:open sesame",
        0,
        &[("Authorization", "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==")],
    )
}

/// All of them, with the header that has the signature.
fn all() -> [(Sent, &'static str); 8] {
    [
        (standard(), "webhook-signature"),
        (standard_public(), "webhook-signature"),
        (github(), "x-hub-signature-256"),
        (stripe(), "stripe-signature"),
        (slack(), "x-slack-signature"),
        (twilio(), "x-twilio-signature"),
        (twilio_json(), "x-twilio-signature"),
        (basic(), "authorization"),
    ]
}

/// Those that sign the body.
fn signing() -> impl Iterator<Item = (Sent, &'static str)> {
    all().into_iter().filter(|(sent, _)| sent.scheme != "basic")
}

#[test]
fn published_examples_are_genuine() {
    let sent_at_s = Some(1_614_265_330);
    let id = Some(signed("msg_p5jXN8AQM9LWM0D4loKWxJek"));
    let standard_says = Ok(Verified { id, sent_at_s });
    assert_eq!(standard().verify(), standard_says);
    assert_eq!(standard_public().verify(), standard_says);

    let id = DeliveryId {
        text: "72d3162e-cc78-11e3-81ab-4c9367dc0958".to_owned(),
        signed: false,
    };
    let (id, none) = (Some(id), None);
    let github_says = Verified {
        id,
        sent_at_s: none,
    };
    assert_eq!(github().verify(), Ok(github_says));

    let id = Some(signed("evt_1"));
    assert_eq!(stripe().verify(), Ok(Verified { id, sent_at_s }));
    assert_eq!(slack().verify().unwrap().sent_at_s, Some(1_531_420_618));
    assert!(twilio().id().signed);
    assert!(twilio_json().id().signed);
    let (id, sent_at_s) = (None, None);
    assert_eq!(basic().verify(), Ok(Verified { id, sent_at_s }));
}

#[test]
fn another_secret_is_refused_and_several_may_be_right() {
    for (sent, _) in all() {
        let right = sent.secrets[0].clone();
        let wrong = match sent.scheme {
            "standard-webhooks" if right.starts_with("whsec_") => {
                "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSx".to_owned()
            }
            "standard-webhooks" => "whpk_11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=".to_owned(),
            _ => format!("{right}x"),
        };
        sent.clone().secrets(&[&wrong]).refused(Refused::Mismatch);
        sent.clone().secrets(&[]).refused(Refused::NoSecret);
        for secrets in [[&*wrong, &*right], [&*right, &*wrong]] {
            assert!(
                sent.clone().secrets(&secrets).verify().is_ok(),
                "{}",
                sent.scheme
            );
        }
    }
}

#[test]
fn a_key_of_the_other_kind_matches_nothing() {
    standard()
        .secrets(&[ED25519_KEY])
        .refused(Refused::Mismatch);
    standard_public()
        .secrets(&[STANDARD_SECRET])
        .refused(Refused::Mismatch);
    let public_as_shared = ED25519_KEY.replace("whpk_", "whsec_");
    standard_public()
        .secrets(&[&public_as_shared])
        .refused(Refused::Mismatch);
}

#[test]
fn nothing_of_the_body_can_be_changed() {
    for (sent, _) in signing() {
        // `%2B` and `%2b` are the same in a form.
        let bits: &[u8] = if sent.scheme == "twilio" {
            &[0, 1]
        } else {
            &[0, 1, 5, 7]
        };
        for index in 0..sent.body.len() {
            for bit in bits {
                let mut changed = sent.clone();
                changed.body[index] ^= 1 << bit;
                let taken = changed.verify();
                assert!(taken.is_err(), "{} {index}: {taken:?}", sent.scheme);
            }
        }
        for other in [
            Vec::new(),
            sent.body[..sent.body.len() - 1].to_vec(),
            [&sent.body[..], b"\n"].concat(),
            [&sent.body[..], &sent.body[..]].concat(),
            [b"\xef\xbb\xbf", &sent.body[..]].concat(),
        ] {
            assert!(
                sent.clone().body(other).verify().is_err(),
                "{}",
                sent.scheme
            );
        }
    }
}

#[test]
fn a_body_that_was_parsed_and_written_again_is_another() {
    for (sent, _) in [standard(), stripe(), twilio_json()].map(|sent| (sent, ())) {
        let parsed: serde_json::Value = serde_json::from_slice(&sent.body).unwrap();
        let written = serde_json::to_vec(&parsed).unwrap();
        assert_ne!(written, sent.body);
        sent.body(written).refused(Refused::Mismatch);
    }
}

#[test]
fn no_bit_of_a_signature_can_be_changed() {
    for (sent, header) in all() {
        let value = sent.headers[header].to_str().unwrap().to_owned();
        for index in 0..value.len() {
            let mut bytes = value.clone().into_bytes();
            bytes[index] ^= 1;
            let Ok(changed) = HeaderValue::from_bytes(&bytes) else {
                continue;
            };
            let mut tampered = sent.clone();
            tampered.headers.insert(header, changed);
            let unproved = unproved(&sent, &value);
            let taken = tampered.verify();
            assert!(
                taken.is_err() || unproved.contains(&index),
                "{} {index}: {taken:?}",
                sent.scheme
            );
        }
    }
}

/// Where a header says something that proves nothing.
fn unproved(sent: &Sent, value: &str) -> Range<usize> {
    match sent.scheme {
        "stripe" => value.find(",v0=").unwrap() + 1..value.len(),
        _ => 0..0,
    }
}

#[test]
fn a_header_is_there_once_and_short() {
    for (sent, header) in all() {
        let value = sent.headers[header].to_str().unwrap().to_owned();
        let taken = sent.clone().without(header).verify();
        assert!(matches!(taken, Err(Refused::Missing(name)) if name.eq_ignore_ascii_case(header)));
        for second in [&*value, "x", ""] {
            let taken = sent.clone().again(header, second).verify();
            assert!(matches!(taken, Err(Refused::Repeated(_))), "{header}");
        }
        for (filler, long) in [("v1,x ", 900), ("v1=0,", 900), ("0", 4_097), (",", 5_000)] {
            let taken = sent.clone().with(header, &filler.repeat(long)).verify();
            assert!(matches!(taken, Err(Refused::TooLong(_))), "{header}");
        }
        for empty in [
            "", " ", ",", "=", "v1", "v1,", "v1=", "v0=", "sha256=", "Basic", "Basic ",
        ] {
            let taken = sent.clone().with(header, empty).verify();
            assert!(taken.is_err(), "{header}: {empty:?}");
        }
        let mut binary = sent.clone();
        binary
            .headers
            .insert(header, HeaderValue::from_bytes(b"v1,\xff").unwrap());
        assert!(
            matches!(binary.verify(), Err(Refused::Malformed(_))),
            "{header}"
        );
    }
}

#[test]
fn replays_and_the_future_are_refused() {
    for sent in [standard(), standard_public(), stripe(), slack()] {
        let sent_at_s = sent.now_s;
        let window = i64::from(WINDOW_SECONDS);
        for (now_s, expected) in [
            (sent_at_s + window, None),
            (sent_at_s - window, None),
            (sent_at_s + window + 1, Some(Refused::Stale)),
            (sent_at_s - window - 1, Some(Refused::Early)),
            (i64::MAX / 1_000, Some(Refused::Stale)),
            (0, Some(Refused::Early)),
        ] {
            assert_eq!(
                sent.clone().at(now_s).verify().err(),
                expected,
                "{}",
                sent.scheme
            );
        }
    }
    // Half a second too late is too late; the clock is rounded down, as the sender's was.
    let scheme: Scheme = serde_json::from_str(r#"{"scheme":"slack","windowSeconds":1}"#).unwrap();
    let sent = slack();
    let secrets = [scheme.secret(&sent.secrets[0]).unwrap()];
    let delivered = Delivered {
        method: &sent.method,
        url: &sent.url,
        headers: &sent.headers,
        body: &sent.body,
    };
    let at = |now_ms| scheme.verify(&delivered, &secrets, now_ms).err();
    assert_eq!(at(sent.now_s * 1_000 + 1_999), None);
    assert_eq!(at(sent.now_s * 1_000 + 2_000), Some(Refused::Stale));
}

#[test]
fn the_time_is_part_of_what_was_signed() {
    for (sent, header) in [
        (standard(), "webhook-timestamp"),
        (standard_public(), "webhook-timestamp"),
        (slack(), "x-slack-request-timestamp"),
    ] {
        let later = (sent.now_s + 1_000).to_string();
        let moved = sent.clone().with(header, &later).at(sent.now_s + 1_000);
        moved.refused(Refused::Mismatch);
        // The same second in other digits.
        let padded = format!("0{}", sent.now_s);
        sent.clone()
            .with(header, &padded)
            .refused(Refused::Mismatch);
        for wrong in [
            "",
            "-1",
            "+1531420618",
            "1.5e9",
            "1531420618.0",
            " ",
            "9999999999999",
            "٣",
        ] {
            let value = HeaderValue::from_bytes(wrong.as_bytes()).unwrap();
            let mut changed = sent.clone();
            changed.headers.insert(header, value);
            let taken = changed.verify();
            assert!(matches!(taken, Err(Refused::Malformed(_))), "{wrong:?}");
        }
    }
    let later = format!("t=1614266330,v1={STRIPE_CODE}");
    stripe()
        .with("Stripe-Signature", &later)
        .at(1_614_266_330)
        .refused(Refused::Mismatch);
}

#[test]
fn a_signature_of_another_scheme_proves_nothing() {
    let every = all();
    for (sent, header) in &every {
        for (other, foreign) in &every {
            if sent.scheme == other.scheme {
                continue;
            }
            // The right headers of the other scheme beside none of this one.
            let mut swapped = sent.clone();
            swapped.headers = other.headers.clone();
            assert!(matches!(swapped.verify(), Err(Refused::Missing(_))));
            // The other's signature under this one's header.
            let mut swapped = sent.clone();
            let value = other.headers[*foreign].clone();
            swapped.headers.insert(*header, value);
            assert!(
                swapped.verify().is_err(),
                "{} as {}",
                other.scheme,
                sent.scheme
            );
        }
    }
}

#[test]
fn hexadecimal_digits_are_in_lower_case() {
    for (sent, header) in [
        (github(), "x-hub-signature-256"),
        (slack(), "x-slack-signature"),
        (stripe(), "stripe-signature"),
    ] {
        let value = sent.headers[header].to_str().unwrap();
        let (name, digits) = value.split_once('=').unwrap();
        let upper = match sent.scheme {
            "stripe" => value.replace(STRIPE_CODE, &STRIPE_CODE.to_uppercase()),
            _ => format!("{name}={}", digits.to_uppercase()),
        };
        let taken = sent.clone().with(header, &upper).verify();
        assert!(matches!(taken, Err(Refused::Malformed(_))), "{header}");
    }
}

#[test]
fn one_of_several_signatures_is_enough() {
    let wrong = "v1,Ceo5qEr07ixe2NLpvHk3FH9bwy/WavXrAFQ/9tdO6mc=";
    let list = format!("{wrong} v2,what-comes-next {STANDARD_CODE} {ED25519_SIGNATURE}");
    for secret in [STANDARD_SECRET, ED25519_KEY] {
        let sent = standard()
            .with("webhook-signature", &list)
            .secrets(&[secret]);
        assert!(sent.verify().is_ok(), "{secret}");
    }
    let wrong = wrong.to_owned();
    let many = |count: usize| vec![wrong.clone(); count].join(" ");
    let full = format!("{} {STANDARD_CODE}", many(SIGNATURES_MAX - 1));
    assert!(standard().with("webhook-signature", &full).verify().is_ok());
    let over = format!("{} {STANDARD_CODE}", many(SIGNATURES_MAX));
    standard()
        .with("webhook-signature", &over)
        .refused(Refused::TooManySignatures);

    let wrong = STRIPE_CODE.replace('a', "b");
    let list = |count: usize| {
        let wrong = format!(",v1={wrong}").repeat(count);
        format!("t=1614265330{wrong},v1={STRIPE_CODE}")
    };
    assert!(
        stripe()
            .with("Stripe-Signature", &list(SIGNATURES_MAX - 1))
            .verify()
            .is_ok()
    );
    let over = list(SIGNATURES_MAX);
    stripe()
        .with("Stripe-Signature", &over)
        .refused(Refused::TooManySignatures);
}

#[test]
fn part_of_a_standard_body_cannot_be_passed_off_as_its_time() {
    // Signed was `a.1.2.x`: id `a`, time 1, body `2.x`. With another cut it would be id `a.1`, time 2, body `x`.
    let code = "v1,Rx90jubTbjE68fmxZldU3VD89lT635H3wSJplfd2lE8=";
    let sent = standard()
        .with("webhook-id", "a")
        .with("webhook-timestamp", "1")
        .with("webhook-signature", code)
        .body("2.x")
        .at(1);
    assert_eq!(sent.id(), signed("a"));
    let cut = sent
        .with("webhook-id", "a.1")
        .with("webhook-timestamp", "2")
        .body("x");
    cut.refused(Refused::Malformed("webhook-id"));
}

#[test]
fn ids_are_short_and_printable() {
    let long = "x".repeat(DELIVERY_ID_CHARS_MAX + 1);
    for wrong in ["", "a b", "\t", &*long] {
        standard()
            .with("webhook-id", wrong)
            .refused(Refused::Malformed("webhook-id"));
        let header = "X-GitHub-Delivery";
        github()
            .with(header, wrong)
            .refused(Refused::Malformed(header));
        let header = "I-Twilio-Idempotency-Token";
        twilio()
            .with(header, wrong)
            .refused(Refused::Malformed(header));
    }
    let header = "X-GitHub-Delivery";
    github()
        .again(header, "x")
        .refused(Refused::Repeated(header));
    assert_eq!(github().without(header).verify().unwrap().id, None);
}

#[test]
fn a_stripe_signature_has_one_time() {
    for wrong in [
        format!("t=1614265330,t=1614265330,v1={STRIPE_CODE}"),
        format!("t=0,t=1614265330,v1={STRIPE_CODE}"),
        format!("t=,v1={STRIPE_CODE}"),
        format!("v1={STRIPE_CODE}"),
    ] {
        let sent = stripe().with("Stripe-Signature", &wrong);
        sent.refused(Refused::Malformed("Stripe-Signature"));
    }
}

#[test]
fn stripe_deliveries_without_a_usable_id_are_known_by_their_content() {
    for body in [
        "[]",
        "",
        "{",
        r#"{"id":7}"#,
        r#"{"id":""}"#,
        r#"{"id":"a","id":"b"}"#,
    ] {
        let message = format!("1614265330.{body}");
        let code = hmac_sha256(b"whsec_test_secret", message.as_bytes());
        let header = format!("t=1614265330,v1={code}");
        let id = stripe().with("Stripe-Signature", &header).body(body).id();
        assert!(id.signed && id.text.starts_with("sha256:"), "{id:?}");
    }
}

fn hmac_sha256(key: &[u8], message: &[u8]) -> String {
    let key = ring::hmac::Key::new(ring::hmac::HMAC_SHA256, key);
    hex(ring::hmac::sign(&key, message).as_ref())
}

#[test]
fn slack_events_have_their_own_id_and_commands_that_of_their_content() {
    let body = r#"{"type":"event_callback","event_id":"Ev9UQ52YNA"}"#;
    let sent = |body: &str, at_s: i64| {
        let message = format!("v0:{at_s}:{body}");
        let code = hmac_sha256(b"8f742231b10e8888abcd99yyyzzz85a5", message.as_bytes());
        let at = at_s.to_string();
        let sent = slack()
            .with("X-Slack-Request-Timestamp", &at)
            .body(body)
            .at(at_s);
        sent.with("X-Slack-Signature", &format!("v0={code}"))
    };
    assert_eq!(sent(body, 100).id(), signed("Ev9UQ52YNA"));
    assert_eq!(sent(body, 160).id(), signed("Ev9UQ52YNA"), "sent again");
    assert_eq!(slack().id(), slack().id());
    assert_ne!(sent("command=a", 100).id(), sent("command=b", 100).id());
}

#[test]
fn bodies_of_any_bytes_are_signed() {
    for body in ["Grüße, 世界 🚂".as_bytes(), b"\x00\xff\xfe\n\r\x80", b""] {
        let code = hmac_sha256(b"It's a Secret to Everybody", body);
        let sent = github()
            .with("X-Hub-Signature-256", &format!("sha256={code}"))
            .body(body);
        assert!(sent.verify().is_ok());
    }
}

#[test]
fn twilio_signs_urls_with_and_without_their_port() {
    // From the tests of Twilio's helper libraries.
    for (url, signature) in [
        (
            "https://mycompany.com:1234/myapp.php?foo=1&bar=2",
            "RSOYDt4T1cUTdK1PDd93/VVr8B8=",
        ),
        (
            "http://mycompany.com:1234/myapp.php?foo=1&bar=2",
            "Zmvh+3yNM1Phv2jhDCwEM3q5ebU=",
        ),
        (
            "https://mycompany.com/myapp.php?foo=1&bar=2",
            "kvajT1Ptam85bY51eRf/AJRuM3w=",
        ),
        (
            "http://mycompany.com/myapp.php?foo=1&bar=2",
            "0ZXoZLH/DfblKGATFgpif+LLRf4=",
        ),
    ] {
        let sent = twilio().url(url).with("X-Twilio-Signature", signature);
        assert!(sent.verify().is_ok(), "{url}");
    }
    for other in [
        "http://mycompany.com/myapp.php?foo=1&bar=2",
        "https://mycompany.com/myapp.php?foo=1&bar=3",
        "https://mycompany.com/myapp.php",
        "https://mycompany.com.evil.example/myapp.php?foo=1&bar=2",
        "",
        "://",
        "mailto:x",
    ] {
        twilio().url(other).refused(Refused::Mismatch);
    }
}

#[test]
fn the_other_port_is_that_of_the_host() {
    let other = twilio::with_other_port;
    for (url, expected) in [
        ("https://a:b@h/x:1", "https://a:b@h:443/x:1"),
        ("https://a:b@h:1/x", "https://a:b@h/x"),
        ("http://[::1]/x", "http://[::1]:80/x"),
        ("http://[::1]:8080?x", "http://[::1]?x"),
        ("https://h", "https://h:443"),
        ("https://h?a=://b:1", "https://h:443?a=://b:1"),
    ] {
        assert_eq!(other(url).as_deref(), Some(expected), "{url}");
    }
    assert_eq!(other("ftp://h/"), None);
}

#[test]
fn twilio_parameters_that_repeat_count_once_and_in_order() {
    // From the tests of Twilio's helper libraries.
    let sent = twilio().with("X-Twilio-Signature", "IK+Dwps556ElfBT0I3Rgjkr1wJU=");
    for form in [
        "Sid=CA123&SidAccount=AC123&Digits=5678&Digits=1234",
        "Digits=1234&SidAccount=AC123&Digits=5678&Digits=1234&Sid=CA123",
    ] {
        assert!(sent.clone().body(form).verify().is_ok(), "{form}");
    }
    sent.body("Sid=CA123&SidAccount=AC123&Digits=1234")
        .refused(Refused::Mismatch);
}

#[test]
fn twilio_may_sign_with_a_shared_key() {
    // Python: base64.b64encode(hmac.new(b"12345", (url + sorted parameters).encode(), hashlib.sha256).digest())
    let signature = "033hgUJA9M/hXIZsYjwkerEP/DBm35nEri5FhCYjA5s=";
    let header = "X-Twilio-Webhooks-Signature-Settings";
    let sent = twilio().with("X-Twilio-Signature", signature);
    let strong = sent
        .clone()
        .with(header, "key=webhooks_key_1,algorithm=HMAC_SHA256");
    assert!(strong.verify().is_ok());
    sent.refused(Refused::Malformed("X-Twilio-Signature"));
    assert!(
        twilio()
            .with(header, "key=x,algorithm=HMAC_SHA1")
            .verify()
            .is_ok()
    );
    for wrong in [
        "",
        "key=x",
        "algorithm=NONE",
        "algorithm=",
        "algorithm=HMAC_SHA1,algorithm=HMAC_SHA256",
    ] {
        twilio()
            .with(header, wrong)
            .refused(Refused::Malformed(header));
    }
}

#[test]
fn nothing_is_taken_from_twilio_that_its_signature_does_not_cover() {
    // Genuine: a request without a body.
    let bare = twilio()
        .with("X-Twilio-Signature", "zYQTYrRWXE7LtzbG4PfP7/bkkGo=")
        .body("");
    assert!(bare.verify().is_ok());
    let mut get = bare.clone();
    get.method = Method::GET;
    assert!(get.verify().is_ok());
    // The same with a body that nobody signed.
    get.clone().body("Digits=1").refused(Refused::Uncovered);
    bare.clone().body("Digits=1").refused(Refused::Mismatch);
    for kind in ["application/json", "text/plain", "multipart/form-data", ""] {
        bare.clone()
            .with("Content-Type", kind)
            .body("{}")
            .refused(Refused::Uncovered);
    }
    bare.without("content-type")
        .body("{}")
        .refused(Refused::Uncovered);
    // Called a form, a body is still the one that the URL has the digest of.
    let form = twilio_json().with("Content-Type", "application/x-www-form-urlencoded");
    assert!(form.verify().is_ok());
    form.body("x=1").refused(Refused::Mismatch);
    // Two digests: which one?
    let twice = format!("{}&bodySHA256={TWILIO_DIGEST}", twilio_json().url);
    twilio_json()
        .url(&twice)
        .refused(Refused::Malformed("bodySHA256"));
    // After `#` nothing is sent, so nothing is a digest.
    for before in ["#?", "#&"] {
        let fragment = format!("{TWILIO_URL}{before}bodySHA256={TWILIO_DIGEST}");
        twilio_json().url(&fragment).refused(Refused::Uncovered);
    }
}

#[test]
fn forms_that_are_no_text_are_not_made_alike() {
    let sent = |form: &'static str, value: &[u8]| {
        let message = [TWILIO_URL.as_bytes(), b"Body", value].concat();
        let key = ring::hmac::Key::new(ring::hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, b"12345");
        let code = ring::hmac::sign(&key, &message);
        let code = base64::Engine::encode(&base64::engine::general_purpose::STANDARD, code);
        twilio().with("X-Twilio-Signature", &code).body(form)
    };
    assert!(
        sent("Body=%EF%BF%BD+x", "\u{fffd} x".as_bytes())
            .verify()
            .is_ok()
    );
    sent("Body=%FF+x", "\u{fffd} x".as_bytes()).refused(Refused::Mismatch);
    let many = "a&".repeat(PARAMETERS_MAX + 1);
    twilio().body(many).refused(Refused::TooManyParameters);
}

#[test]
fn twilio_deliveries_are_known_by_their_token_or_else_by_their_content() {
    let token = DeliveryId {
        text: "t-1".to_owned(),
        signed: false,
    };
    assert_eq!(
        twilio().with("I-Twilio-Idempotency-Token", "t-1").id(),
        token
    );
    assert_eq!(twilio().id(), twilio().id());
    assert_ne!(twilio().id(), twilio_json().id());
}

#[test]
fn a_password_is_compared_whole() {
    let given = |text: &str| {
        let given = base64::Engine::encode(&base64::engine::general_purpose::STANDARD, text);
        basic()
            .with("Authorization", &format!("Basic {given}"))
            .verify()
    };
    assert!(given("Aladdin:open sesame").is_ok());
    for wrong in [
        "Aladdin:open sesam",
        "Aladdin:open sesame ",
        "aladdin:open sesame",
        "Aladdin",
        "Aladdin:",
        ":",
        "",
        ":open sesame",
        "Aladdin:open sesame\0",
    ] {
        assert_eq!(given(wrong), Err(Refused::Mismatch), "{wrong:?}");
    }
    assert!(
        basic()
            .with("Authorization", "bAsIc QWxhZGRpbjpvcGVuIHNlc2FtZQ==")
            .verify()
            .is_ok()
    );
    for malformed in [
        "Bearer QWxhZGRpbjpvcGVuIHNlc2FtZQ==",
        "Basic !",
        "QWxhZGRpbjpvcGVuIHNlc2FtZQ==",
    ] {
        let sent = basic().with("Authorization", malformed);
        sent.refused(Refused::Malformed("Authorization"));
    }
}

#[test]
fn only_the_scheme_none_needs_no_secret() {
    let none = Sent::new("none", "", 0, &[]).secrets(&[]);
    let (id, sent_at_s) = (None, None);
    assert_eq!(none.verify(), Ok(Verified { id, sent_at_s }));
}

#[test]
fn secrets_are_read_as_their_scheme_writes_them() {
    let scheme = |name: &str| serde_json::from_value::<Scheme>(name.into()).unwrap();
    let long = "x".repeat(1_025);
    let short = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaQ=";
    for (name, secret, expected) in [
        (
            "standard-webhooks",
            "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
            BadSecret::Prefix,
        ),
        (
            "standard-webhooks",
            "whsk_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
            BadSecret::Prefix,
        ),
        ("standard-webhooks", "whsec_!", BadSecret::Base64),
        ("standard-webhooks", "whsec_", BadSecret::Length),
        ("standard-webhooks", short, BadSecret::Length),
        (
            "standard-webhooks",
            "whpk_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
            BadSecret::Length,
        ),
        ("github", "", BadSecret::Empty),
        ("slack", &long, BadSecret::TooLong),
        ("basic", "user", BadSecret::UserAndPassword),
        ("basic", ":password", BadSecret::UserAndPassword),
        ("basic", "user:", BadSecret::UserAndPassword),
        ("none", "x", BadSecret::Unwanted),
    ] {
        assert_eq!(
            scheme(name).secret(secret).err(),
            Some(expected),
            "{name} {secret}"
        );
    }
    let shown = format!("{:?}", scheme("github").secret("hunter2").unwrap());
    assert_eq!(shown, "Secret");
}

#[test]
fn refusals_tell_nothing_of_the_secret_or_the_right_signature() {
    for (sent, header) in all() {
        let right = sent.headers[header].to_str().unwrap();
        let mut wrong = sent.clone();
        wrong.body.push(b'x');
        wrong.headers.remove("authorization");
        let refused = wrong.verify().unwrap_err();
        let told = format!("{refused} {refused:?}");
        assert!(!told.contains(right) && !told.contains(&sent.secrets[0]));
    }
}

proptest! {
    #[test]
    fn whatever_comes_is_judged(
        body in prop::collection::vec(any::<u8>(), 0..64),
        url in "[ -~]{0,40}",
        value in "[ -~]{0,80}",
        which in 0_usize..8,
    ) {
        let (mut sent, header) = all()[which].clone();
        sent.set(header, &value);
        sent.url = url;
        sent.body = body;
        prop_assert!(sent.verify().is_err());
    }
}
