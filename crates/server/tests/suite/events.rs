//! CloudEvents in all modes, and what they do.

use ferrovia_expr::{Value, value};

use crate::bed::{Answer, Bed, LONG, send};

async fn heard(bed: &Bed, run: &str) -> Value {
    let shown = bed.get(&format!("/api/v1/runs/{run}?{LONG}")).await;
    shown.is(200).at("/output")
}

#[tokio::test]
async fn an_event_reaches_the_run_that_listens_once() {
    let bed = Bed::new().await;
    let run = bed.begin("test/listen").await;
    let event = r#"{"specversion": "1.0", "id": "1", "source": "/me", "type": "test.heard", "data": {"n": 1}}"#;
    let structured = || {
        let request = bed.request("POST", "/api/v1/events");
        send(
            request
                .header(
                    "content-type",
                    "application/cloudevents+json; charset=utf-8",
                )
                .body(event),
        )
    };
    let first = structured().await;
    assert_eq!(
        first.is(202).json(),
        value!({ "known": false, "started": [], "delivered": 1 })
    );
    assert_eq!(heard(&bed, &run).await, value!([{ "n": 1 }]));
    let second_run = bed.begin("test/listen").await;
    let again = structured().await;
    assert_eq!(
        again.is(200).json(),
        value!({ "known": true, "started": [], "delivered": 0 })
    );
    let shown = bed.get(&format!("/api/v1/runs/{second_run}")).await;
    assert_eq!(shown.at("/status"), value!("waiting"));
}

#[tokio::test]
async fn an_event_starts_one_run_however_often_it_comes() {
    let bed = Bed::new().await;
    let event = r#"{"id": "e1", "source": "/shop", "type": "test.react", "data": 7}"#;
    let mut started = Vec::new();
    for _ in 0..3 {
        let answer = bed.post("events", event).await;
        let runs = answer.at("/started");
        started.extend(runs.as_array().expect("a list").iter().cloned());
    }
    assert_eq!(started.len(), 1);
    let run = started[0].as_str().expect("an id is text");
    assert_eq!(heard(&bed, run).await, value!({ "seen": 7 }));
}

async fn binary(bed: &Bed, kind: Option<&str>, data: &'static [u8]) -> Answer {
    let run = bed.begin("test/listen").await;
    let mut request = bed
        .request("POST", "/api/v1/events")
        .header("ce-specversion", "1.0")
        .header("ce-id", run.as_str())
        .header("ce-source", "/me")
        .header("ce-type", "test.heard")
        .header("ce-subject", "Z%C3%BCrich%20HB")
        .body(data);
    if let Some(kind) = kind {
        request = request.header("content-type", kind);
    }
    send(request).await.is(202);
    // Answered when the event is durable, which is before the run has taken it in.
    heard(bed, &run).await;
    bed.get(&format!("/api/v1/runs/{run}/trace?after=2&limit=1"))
        .await
}

#[tokio::test]
async fn binary_mode_reads_attributes_from_headers_and_data_by_its_media_type() {
    let bed = Bed::new().await;
    for (kind, data, member, expected) in [
        (
            Some("application/json"),
            &br#"{"n": 1}"#[..],
            "data",
            value!({ "n": 1 }),
        ),
        (
            Some("application/vnd.acme+json"),
            b"[1]",
            "data",
            value!([1]),
        ),
        (None, b"true", "data", value!(true)),
        (
            Some("text/plain; charset=utf-8"),
            b"hello",
            "data",
            value!("hello"),
        ),
        (
            Some("application/octet-stream"),
            b"\xff\x00",
            "data_base64",
            value!("/wA="),
        ),
    ] {
        let trace = binary(&bed, kind, data).await;
        let event = trace.at("/entries/0/event");
        assert_eq!(event.get(member), Some(&expected), "{kind:?}");
        assert_eq!(
            event.get("subject"),
            Some(&value!("Z\u{fc}rich HB")),
            "{kind:?}"
        );
        assert_eq!(event.get("datacontenttype"), kind.map(Value::from).as_ref());
    }
}

#[tokio::test]
async fn a_batch_is_answered_event_by_event() {
    let bed = Bed::new().await;
    let batch = |ids: &[&str]| {
        let events: Vec<_> = ids
            .iter()
            .map(|id| format!(r#"{{"id": "{id}", "source": "/me", "type": "test.react"}}"#))
            .collect();
        let request = bed.request("POST", "/api/v1/events");
        let request = request.header("content-type", "application/cloudevents-batch+json");
        send(request.body(format!("[{}]", events.join(","))))
    };
    let first = batch(&["a", "b"]).await;
    assert_eq!(first.is(202).at("/events/1/known"), value!(false));
    let second = batch(&["b", "c"]).await;
    assert_eq!(second.is(202).at("/events/0/known"), value!(true));
    assert_eq!(second.at("/events/1/known"), value!(false));
    let third = batch(&["b", "c"]).await;
    assert_eq!(third.is(200).at("/events/1/known"), value!(true));
    batch(&[]).await.is(200);
}

#[tokio::test]
async fn what_is_no_event_is_refused_at_its_place() {
    let bed = Bed::new().await;
    for (kind, body, status, problem, pointer) in [
        (
            "application/json",
            r#"{"source": "/me", "type": "t"}"#,
            422,
            "invalid",
            Some("/id"),
        ),
        (
            "application/json",
            r#"{"id": "", "source": "/me", "type": "t"}"#,
            422,
            "invalid",
            Some("/id"),
        ),
        (
            "application/json",
            r#"{"id": 1, "source": "/me", "type": "t"}"#,
            422,
            "invalid",
            Some("/id"),
        ),
        (
            "application/json",
            r#"{"id": "1", "source": "/me"}"#,
            422,
            "invalid",
            Some("/type"),
        ),
        (
            "application/json",
            r#"{"id": "1", "source": "/me", "type": "t", "specversion": "0.3"}"#,
            422,
            "invalid",
            Some("/specversion"),
        ),
        ("application/json", "7", 422, "invalid", Some("")),
        (
            "application/json",
            r#"[{"id": "1", "source": "/me", "type": "t"}, {"id": "2"}]"#,
            422,
            "invalid",
            Some("/1/source"),
        ),
        (
            "application/cloudevents-batch+json",
            "{}",
            422,
            "invalid",
            Some(""),
        ),
        ("application/cloudevents+json", "{", 400, "malformed", None),
        (
            "application/cloudevents+avro",
            "{}",
            415,
            "media-type",
            None,
        ),
        ("text/plain", "{}", 415, "media-type", None),
    ] {
        let request = bed.request("POST", "/api/v1/events");
        let answer = send(request.header("content-type", kind).body(body)).await;
        answer.problem(status, problem, pointer);
    }
    let many =
        vec![r#"{"id": "1", "source": "/me", "type": "t"}"#; ferrovia_server::EVENTS_MAX + 1];
    let answer = bed.post("events", &format!("[{}]", many.join(","))).await;
    answer.problem(413, "too-large", None);
    // A batch with one that is wrong is not taken in part.
    let answer = bed
        .post("events", r#"{"id": "1", "source": "/me", "type": "t"}"#)
        .await;
    assert_eq!(answer.is(202).at("/known"), value!(false));
}
