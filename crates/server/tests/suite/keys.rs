//! API keys.

use ferrovia_expr::{Value, value};
use ferrovia_server::access::Role;
use ferrovia_server::access::token::{Purpose, Token};
use ferrovia_store::{Expected, Journal, Put, Write};

use crate::bed::{Bed, send};
use crate::people::{Proof, grant};

/// The text of a token with another secret, and a checksum that fits it.
fn forged(text: &str) -> String {
    let body = &text[..text.len() - 8];
    let last = if body.ends_with('0') { "1" } else { "0" };
    let body = format!("{}{last}", &body[..body.len() - 1]);
    let checksum = crc32fast::hash(body.as_bytes());
    format!("{body}{checksum:08x}")
}

#[tokio::test]
async fn a_key_that_is_none_is_refused_whatever_else_is_shown() {
    let bed = Bed::closed().await;
    bed.add_user("ada", &[grant(Role::Editor, "*")]).await;
    let Proof::Session(cookie) = bed.session("ada").await else {
        panic!("a session is a cookie");
    };
    let made = bed.key("ada", value!({ "up-to": "viewer" }), "*").await;
    let key = made.is(201).text_at("key");
    let stranger = Token::new(Purpose::Key).expect("there are random numbers");
    let session = cookie.trim_start_matches("ferrovia=");
    bed.ask(&Proof::Key(key.clone()), "GET", "runs", None)
        .await
        .is(200);
    for wrong in [
        forged(&key),
        forged(&bed.people.operator_key()),
        stranger.text().to_string(),
        format!("{key}0"),
        key[..key.len() - 1].to_owned(),
        key.to_uppercase(),
        session.to_owned(),
        session.replacen("fvs_", "fvk_", 1),
        String::new(),
        "x".repeat(10_000),
    ] {
        let request = bed.request("GET", "/api/v1/runs").header("cookie", &cookie);
        let request = request.header("authorization", format!("Bearer {wrong}"));
        send(request).await.problem(401, "unauthenticated", None);
    }
    let twice = bed.request("GET", "/api/v1/runs");
    let twice = twice
        .header("authorization", format!("Bearer {key}"))
        .header("authorization", format!("Bearer {key}"));
    send(twice).await.is(401);
    let basic = bed
        .request("GET", "/api/v1/runs")
        .header("authorization", format!("Basic {key}"));
    send(basic).await.is(401);
    for wrong in [
        forged(session),
        key.replacen("fvk_", "fvs_", 1),
        key,
        format!("{session}; ferrovia={session}"),
        Token::new(Purpose::Session)
            .expect("there are random numbers")
            .text()
            .to_string(),
    ] {
        let proof = Proof::Session(format!("ferrovia={wrong}"));
        bed.ask(&proof, "GET", "runs", None)
            .await
            .problem(401, "unauthenticated", None);
    }
}

#[tokio::test]
async fn a_key_is_shown_once_and_kept_as_a_digest() {
    let bed = Bed::closed().await;
    bed.add_user("ada", &[grant(Role::Operator, "test")]).await;
    let session = bed.session("ada").await;
    let order = value!({
        "label": "import",
        "scopes": [{ "actions": { "only": ["start-runs"] }, "namespace": "test" }],
        "expiresInSeconds": 3600,
    });
    let made = bed.ask(&session, "POST", "keys", Some(order)).await;
    let (id, key) = (made.is(201).text_at("id"), made.text_at("key"));
    let secret = &key[21..];
    let listed = bed.ask(&session, "GET", "keys", None).await;
    assert_eq!(listed.is(200).at("/keys/0/id"), value!(id.as_str()));
    assert!(!listed.text.contains(secret), "{listed:?}");
    for kind in ["key", "user", "session"] {
        let entries = Journal::entries(&*bed.journal, kind, None, None, 100);
        for entry in entries.expect("memory is readable") {
            let text = String::from_utf8_lossy(&entry.value).into_owned();
            assert!(!text.contains(secret), "{text}");
            assert!(!text.contains(crate::people::PASSWORD), "{text}");
        }
    }
    // It does what its scope says, and no more.
    let key = Proof::Key(key);
    let run = Some(value!({ "workflow": "test/listen" }));
    bed.ask(&key, "POST", "runs", run).await.is(201);
    bed.ask(
        &key,
        "POST",
        "runs",
        Some(value!({ "workflow": "zone/listen" })),
    )
    .await
    .is(422);
    let runs = bed.ask(&key, "GET", "runs", None).await;
    assert_eq!(runs.at("/runs"), value!([]));
    bed.ask(&key, "GET", "keys", None).await.is(403);
    let me = bed.ask(&key, "GET", "me", None).await;
    assert_eq!(me.at("/kind"), value!("key"));

    let path = format!("keys/{id}");
    bed.add_user("bob", &[]).await;
    let bob = bed.session("bob").await;
    bed.ask(&bob, "DELETE", &path, None).await.is(404);
    bed.ask(&key, "GET", "me", None).await.is(200);
    bed.ask(&session, "DELETE", &path, None).await.is(204);
    bed.ask(&key, "GET", "me", None).await.is(401);
    bed.ask(&session, "DELETE", &path, None).await.is(404);
}

#[tokio::test]
async fn a_key_is_never_more_than_its_owner() {
    let bed = Bed::closed().await;
    bed.add_user(
        "ada",
        &[grant(Role::Operator, "test"), grant(Role::Viewer, "*")],
    )
    .await;
    for (actions, namespace, status) in [
        (value!({ "up-to": "operator" }), "test", 201),
        (value!({ "up-to": "viewer" }), "*", 201),
        (value!({ "only": ["read-metrics"] }), "*", 201),
        (value!({ "up-to": "editor" }), "test", 422),
        (value!({ "up-to": "operator" }), "zone", 422),
        (value!({ "up-to": "operator" }), "*", 422),
        (
            value!({ "only": ["start-runs", "repair-runs"] }),
            "test",
            422,
        ),
        (value!({ "only": ["manage-users"] }), "*", 422),
        (value!({ "only": ["own-account"] }), "*", 422),
        (value!({ "only": ["set-up"] }), "*", 422),
        (value!({ "only": ["everything"] }), "*", 422),
    ] {
        let answer = bed.key("ada", actions.clone(), namespace).await;
        assert_eq!(answer.status, status, "{actions:?} {namespace} {answer:?}");
    }
    let key = bed
        .key("ada", value!({ "up-to": "operator" }), "test")
        .await
        .text_at("key");
    let key = Proof::Key(key);
    let run = || Some(value!({ "workflow": "test/listen" }));
    bed.ask(&key, "POST", "runs", run()).await.is(201);
    // What the owner loses, the key loses: at once, although it was shown a moment ago.
    let viewer = Some(value!({ "roles": [{ "role": "viewer", "namespace": "test" }] }));
    bed.ask(&bed.operator(), "PUT", "users/ada/roles", viewer)
        .await
        .is(204);
    bed.ask(&key, "POST", "runs", run()).await.is(403);
    let kept = Journal::entries(&*bed.journal, "key", None, None, 100);
    let kept = kept.expect("memory is readable");
    bed.ask(&bed.operator(), "DELETE", "users/ada", None)
        .await
        .is(204);
    bed.ask(&key, "POST", "runs", run()).await.is(401);
    bed.add_user("ada", &[grant(Role::Administrator, "*")])
        .await;
    // As if it had been made while its owner was removed: another user of that name is another owner.
    let again = kept.into_iter().map(|entry| {
        Write::Put(Put {
            key: entry.key,
            expected: Expected::Absent,
            value: Some(entry.value),
            expires_ms: None,
        })
    });
    let written = Box::new(|written: Result<_, _>| drop(written.expect("it is written")));
    bed.journal.write(again.collect(), written);
    bed.ask(&key, "POST", "runs", run()).await.is(401);
}

#[tokio::test]
async fn what_is_over_proves_nothing() {
    let bed = Bed::closed().await;
    bed.add_user("ada", &[grant(Role::Viewer, "*")]).await;
    let key = bed
        .key("ada", value!({ "up-to": "viewer" }), "*")
        .await
        .text_at("key");
    let shown = [Proof::Key(key), bed.session("ada").await];
    for proof in &shown {
        bed.ask(proof, "GET", "me", None).await.is(200);
    }
    for kind in ["key", "session"] {
        let entries = Journal::entries(&*bed.journal, kind, None, None, 100);
        for entry in entries.expect("memory is readable") {
            let text = String::from_utf8_lossy(&entry.value).into_owned();
            let kept = Value::parse_json(&text).expect("it is JSON");
            let mut kept = kept.as_object().expect("it is an object").clone();
            kept.insert("expires_ms", 1);
            let kept = Value::from(kept);
            let change = Write::Put(Put {
                key: entry.key,
                expected: Expected::Anything,
                value: Some(kept.to_json().into_bytes().into()),
                expires_ms: None,
            });
            bed.journal.write(
                vec![change],
                Box::new(|written| drop(written.expect("it is written"))),
            );
        }
    }
    let after = Bed::on(bed.journal.clone()).await;
    for proof in &shown {
        for path in ["me", "runs"] {
            after.ask(proof, "GET", path, None).await.is(401);
        }
    }
    // Keys go with their owner.
    after
        .ask(&after.operator(), "DELETE", "users/ada", None)
        .await
        .is(204);
    let left = Journal::entries(&*bed.journal, "key", None, None, 100);
    assert_eq!(left.expect("memory is readable"), []);
}

#[tokio::test]
async fn the_key_of_the_data_directory_ends_with_the_process() {
    let bed = Bed::closed().await;
    let operator = bed.operator();
    bed.ask(&operator, "GET", "users", None).await.is(200);
    let after = Bed::on(bed.journal.clone()).await;
    after.ask(&operator, "GET", "users", None).await.is(401);
    after
        .ask(&after.operator(), "GET", "users", None)
        .await
        .is(200);
}
