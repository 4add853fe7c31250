//! Publish, look at, compare, roll back, pause.

use ferrovia_expr::{Value, value};
use ferrovia_server::access::Role;

use crate::bed::{Bed, LONG, definition, send};
use crate::people::grant;

fn says(text: &str) -> String {
    format!("do:\n  - say: {{ set: {{ text: {text} }} }}")
}

/// What a run of a workflow gives.
async fn said(bed: &Bed, workflow: &str) -> Value {
    let order = format!("{{\"workflow\": \"{workflow}\"}}");
    let ended = bed.post(&format!("runs?{LONG}"), &order).await;
    ended.is(200).at("/output/text")
}

#[tokio::test]
async fn a_version_that_is_published_can_be_started_and_never_changes() {
    let bed = Bed::new().await;
    let made = bed.publish("say", "1.0.0", &says("one")).await;
    assert_eq!(made.is(201).at("/workflow"), value!("test/say:1.0.0"));
    assert_eq!(made.at("/findings"), value!([]));
    assert_eq!(said(&bed, "test/say").await, value!("one"));
    let same = bed.publish("say", "1.0.0", &says("one")).await;
    assert_eq!(same.is(200).at("/hash"), made.at("/hash"));
    let other = bed.publish("say", "1.0.0", &says("two")).await;
    other.problem(409, "conflict", None);
    assert!(other.text.contains("another version"), "{other:?}");
    // The next process knows it, too.
    let after = Bed::on(bed.journal.clone()).await;
    assert_eq!(said(&after, "test/say").await, value!("one"));
}

#[tokio::test]
async fn what_is_only_checked_is_not_published() {
    let bed = Bed::new().await;
    let text = definition("test", "say", "1.0.0", &says("one"));
    for (path, member) in [
        ("definitions?dryRun=true", "/version"),
        ("definitions/validate", "/valid"),
    ] {
        let request = bed.request("POST", &format!("/api/v1/{path}"));
        let checked = send(request.body(text.clone())).await;
        checked.is(200).at(member);
    }
    bed.get("/api/v1/definitions/test/say")
        .await
        .problem(404, "not-found", None);
    bed.post("definitions?dry=true", "{}")
        .await
        .problem(400, "malformed", None);
}

#[tokio::test]
async fn what_is_wrong_with_a_definition_is_found() {
    let bed = Bed::new().await;
    for (body, named) in [
        ("do: [", false),
        ("do:\n  - a: { set: '${ .x | }' }", true),
        ("do: 7", true),
    ] {
        let text = match named {
            true => definition("test", "bad", "1.0.0", body),
            false => body.to_owned(),
        };
        for path in ["definitions", "definitions/validate"] {
            let request = bed.request("POST", &format!("/api/v1/{path}"));
            let refused = send(request.body(text.clone())).await;
            refused.problem(422, "definition", None);
            let code = refused.at("/findings/0/code");
            assert!(code.as_str().is_some(), "{refused:?}");
        }
    }
    let request = bed.request("POST", "/api/v1/definitions");
    send(request.header("content-type", "image/png").body("x"))
        .await
        .problem(415, "media-type", None);
}

#[tokio::test]
async fn versions_are_shown_as_text_and_as_data_and_compared() {
    let bed = Bed::new().await;
    bed.publish("say", "1.0.0", &says("one")).await.is(201);
    bed.publish("say", "1.10.0", &says("two")).await.is(201);
    let shown = bed.get("/api/v1/definitions/test/say").await;
    assert_eq!(shown.is(200).at("/latest"), value!("1.10.0"));
    assert_eq!(shown.at("/versions/0/version"), value!("1.10.0"));
    assert_eq!(shown.at("/versions/1/latest"), value!(false));
    let one = bed.get("/api/v1/definitions/test/say/1.0.0").await;
    let text = definition("test", "say", "1.0.0", &says("one"));
    assert_eq!(one.is(200).at("/text"), value!(text));
    assert_eq!(one.at("/definition/do/0/say/set/text"), value!("one"));
    let latest = bed.get("/api/v1/definitions/test/say/latest").await;
    assert_eq!(latest.at("/version"), value!("1.10.0"));
    let diff = bed
        .get("/api/v1/definitions/test/say/diff?from=1.0.0&to=latest")
        .await;
    let diff = diff.is(200).text_at("diff");
    assert!(
        diff.starts_with("--- test/say:1.0.0\n+++ test/say:1.10.0\n@@"),
        "{diff}"
    );
    assert!(diff.contains("\n-  - say: { set: { text: one } }\n+  - say: { set: { text: two } }"));
    for path in ["none", "say/2.0.0", "say/x"] {
        bed.get(&format!("/api/v1/definitions/test/{path}"))
            .await
            .problem(404, "not-found", None);
    }
    bed.get("/api/v1/definitions/test/say/diff?from=1.0.0&to=9.0.0")
        .await
        .problem(400, "malformed", None);
}

#[tokio::test]
async fn latest_moves_by_publishing_and_by_rolling_back_alone() {
    let bed = Bed::new().await;
    for (version, text) in [("1.0.0", "one"), ("2.0.0", "two")] {
        bed.publish("say", version, &says(text)).await.is(201);
    }
    assert_eq!(said(&bed, "test/say").await, value!("two"));
    let roll_back = "definitions/test/say/roll-back";
    let rolled = bed.post(roll_back, r#"{"version": "1.0.0"}"#).await;
    assert_eq!(rolled.is(200).at("/latest"), value!("1.0.0"));
    assert_eq!(said(&bed, "test/say").await, value!("one"));
    assert_eq!(said(&bed, "test/say:2.0.0").await, value!("two"));
    // It is kept, and what is known already moves nothing.
    let bed = Bed::on(bed.journal.clone()).await;
    bed.publish("say", "2.0.0", &says("two")).await.is(200);
    assert_eq!(said(&bed, "test/say").await, value!("one"));
    // A lower one does not either; a correction of what `latest` means does.
    bed.publish("say", "0.9.0", &says("old")).await.is(201);
    assert_eq!(said(&bed, "test/say").await, value!("one"));
    bed.publish("say", "1.0.1", &says("better")).await.is(201);
    assert_eq!(said(&bed, "test/say").await, value!("better"));
    bed.publish("say", "3.0.0", &says("three")).await.is(201);
    assert_eq!(said(&bed, "test/say").await, value!("three"));
    for (body, pointer) in [
        ("{}", "/version"),
        (r#"{"version": "x"}"#, "/version"),
        (r#"{"version": "7.0.0"}"#, "/version"),
        (r#"{"to": "1.0.0"}"#, "/to"),
    ] {
        bed.post(roll_back, body)
            .await
            .problem(422, "invalid", Some(pointer));
    }
    bed.post("definitions/test/none/roll-back", r#"{"version": "1.0.0"}"#)
        .await
        .problem(404, "not-found", None);
}

#[tokio::test]
async fn events_start_what_latest_means() {
    let bed = Bed::new().await;
    let react = |text: &str| {
        let schedule = "schedule: { on: { one: { with: { type: test.say } } } }";
        format!("{schedule}\n{}", says(text))
    };
    for (version, text) in [("1.0.0", "one"), ("2.0.0", "two")] {
        bed.publish("reply", version, &react(text)).await.is(201);
    }
    let order = r#"{"version": "1.0.0"}"#;
    bed.post("definitions/test/reply/roll-back", order)
        .await
        .is(200);
    let event = r#"{"id": "1", "source": "/me", "type": "test.say"}"#;
    let run = bed.post("events", event).await.at("/started/0");
    let run = run.as_str().expect("one is started");
    let shown = bed.get(&format!("/api/v1/runs/{run}?{LONG}")).await;
    assert_eq!(shown.at("/output/text"), value!("one"));
}

#[tokio::test]
async fn a_paused_workflow_starts_nothing_and_its_runs_go_on() {
    let bed = Bed::new().await;
    let run = bed.begin("test/listen").await;
    for workflow in ["listen", "react"] {
        let pause = format!("definitions/test/{workflow}/pause");
        let paused = bed.post(&pause, r#"{"reason": "the bank is down"}"#).await;
        assert_eq!(
            paused.is(200).at("/paused/reason"),
            value!("the bank is down")
        );
        bed.post(&pause, "").await.problem(409, "conflict", None);
    }
    let bed = Bed::on(bed.journal.clone()).await;
    let order = r#"{"workflow": "test/listen"}"#;
    for path in ["runs".to_owned(), format!("runs?{LONG}")] {
        let refused = bed.post(&path, order).await;
        refused.problem(409, "conflict", None);
        assert!(refused.text.contains("the bank is down"), "{refused:?}");
    }
    let event = r#"{"id": "1", "source": "/me", "type": "test.react"}"#;
    let taken = bed.post("events", event).await;
    assert_eq!(taken.is(202).at("/started"), value!([]));
    let event = r#"{"id": "2", "source": "/me", "type": "test.heard", "data": 1}"#;
    bed.post("events", event).await.is(202);
    let shown = bed.get(&format!("/api/v1/runs/{run}?{LONG}")).await;
    assert_eq!(shown.at("/status"), value!("completed"));

    let resumed = bed.post("definitions/test/listen/resume", "").await;
    assert_eq!(resumed.is(200).json().get("paused"), None);
    bed.post("runs", order).await.is(201);
    bed.post("definitions/test/listen/resume", "")
        .await
        .problem(409, "conflict", None);
    bed.post("definitions/test/none/pause", "")
        .await
        .problem(404, "not-found", None);
    let long = format!("{{\"reason\": \"{}\"}}", "x".repeat(1_001));
    bed.post("definitions/test/listen/pause", &long)
        .await
        .problem(422, "invalid", Some("/reason"));
}

#[tokio::test]
async fn definitions_belong_to_their_namespace() {
    let bed = Bed::closed().await;
    for (name, role) in [("reader", Role::Viewer), ("writer", Role::Editor)] {
        bed.add_user(name, &[grant(role, "test")]).await;
    }
    let (reader, writer) = (bed.session("reader").await, bed.session("writer").await);
    let publish = async |proof, namespace: &str, path: &str| {
        let text = definition(namespace, "say", "1.0.0", &says("one"));
        let text = Value::parse_json(
            &ferrovia_dsl::source::parse(&text)
                .map_or_else(|_| String::new(), |root| root.to_value().to_json()),
        );
        let body = text.expect("it is a definition");
        bed.ask(proof, "POST", path, Some(body)).await
    };
    publish(&writer, "zone", "definitions")
        .await
        .problem(404, "not-found", None);
    publish(&writer, "test", "definitions").await.is(201);
    publish(&reader, "test", "definitions")
        .await
        .problem(403, "forbidden", None);
    publish(&reader, "test", "definitions/validate")
        .await
        .is(200);
    publish(&reader, "zone", "definitions/validate")
        .await
        .problem(404, "not-found", None);
    let path = "definitions/zone/listen";
    bed.ask(&writer, "GET", path, None)
        .await
        .problem(404, "not-found", None);
    let listed = bed.ask(&reader, "GET", "workflows", None).await;
    assert!(!listed.is(200).text.contains("zone/"), "{listed:?}");
}
