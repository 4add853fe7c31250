//! `--events`: early, late, in order, malformed; and the published events in the result.

use serde_json::{Value, json};

use crate::support::Project;

const COLLECT: &str = "do: [ { w: { wait: { milliseconds: 50 } } }, { l: { listen: { to: { any: [ { with: { type: t } } ], until: '${ length >= 3 }' } } } } ]";

fn event(after_ms: u64, data: u32) -> Value {
    json!({"after_ms": after_ms, "event": {"id": "1", "source": "/test", "type": "t", "data": data}})
}

#[test]
fn events_come_in_the_order_of_their_times_also_before_anybody_listens() {
    let project = Project::flow(COLLECT);
    // The first two come before the listener, the last one after it; without `after_ms` means at once.
    let events = json!([event(80, 3), event(1, 2), {"event": {"id": "2", "source": "/test", "type": "t", "data": 1}}]);
    project.write("events.json", events.to_string().as_bytes());
    let object = project.run(&["--events", "events.json"]).completed();
    assert_eq!(object["output"], json!([1, 2, 3]));
    assert_eq!(
        object["events"],
        json!([]),
        "what comes from outside was not published"
    );
}

#[test]
fn events_that_do_not_come_leave_the_run_waiting() {
    let project = Project::flow(COLLECT);
    project.write("events.json", json!([event(0, 1)]).to_string().as_bytes());
    let ran = project.run(&["--events", "events.json"]);
    assert_eq!(ran.code(), 5, "{ran:#?}");
    project.write(
        "events.json",
        json!([event(u64::MAX >> 1, 1)]).to_string().as_bytes(),
    );
    let ran = project.run(&["--events", "events.json", "--timeout", "60ms"]);
    assert_eq!(ran.code(), 5, "{ran:#?}");
}

#[test]
fn malformed_events_are_refused_with_their_place() {
    let project = Project::flow(COLLECT);
    for (events, message) in [
        ("{}", "events are a JSON list, not"),
        (
            "[1,\n]",
            "events.json: not JSON: trailing comma at line 2 column 1",
        ),
        (
            "[{\"event\": {\"type\": \"t\"}}, {\"after_ms\": 5}]",
            "item 1: `event` is a CloudEvent",
        ),
        ("[{\"event\": 5}]", "item 0: `event` is a CloudEvent"),
        ("[{\"event\": {}}]", "item 0: the event has no `type`"),
        (
            "[{\"after_ms\": -1, \"event\": {\"type\": \"t\"}}]",
            "item 0: `after_ms` is a whole number",
        ),
        (
            "[{\"after_ms\": 0.5, \"event\": {\"type\": \"t\"}}]",
            "item 0: `after_ms` is a whole number",
        ),
        (
            "[{\"after\": 5, \"event\": {\"type\": \"t\"}}]",
            "item 0: `after` is unknown",
        ),
    ] {
        project.write("events.json", events.as_bytes());
        let ran = project.run(&["--events", "events.json"]);
        assert_eq!(ran.code(), 2, "{events}: {ran:#?}");
        assert!(ran.stderr.contains(message), "{events}: {ran:#?}");
        assert_eq!(ran.object()["status"], "refused");
    }
    let ran = project.run(&["--events", "missing.json"]);
    assert_eq!(ran.code(), 2, "{ran:#?}");
    assert!(
        ran.stderr.contains("missing.json: there is no such file"),
        "{ran:#?}"
    );
}

#[test]
fn a_scheduled_definition_starts_with_its_event() {
    let project = Project::flow(
        "schedule: { on: { one: { with: { type: t } } } }\ndo: [ { a: { set: { got: '${ . }' } } } ]",
    );
    project.write("events.json", json!([event(1, 7)]).to_string().as_bytes());
    let object = project.run(&["--events", "events.json"]).completed();
    assert_eq!(object["output"], json!({"got": [7]}));
    // With an input it starts at once.
    let object = project
        .run(&["--events", "events.json", "--input", "5"])
        .completed();
    assert_eq!(object["output"], json!({"got": 5}));
}

#[test]
fn published_events_are_told_in_order_also_those_of_a_run_that_faults() {
    let project = Project::flow(
        "do:
  - one: { emit: { event: { with: { source: 'https://example.com', type: first } } } }
  - two: { emit: { event: { with: { source: 'https://example.com', type: second, data: { n: 2 } } } } }
  - no: { raise: { error: { type: 'https://example.com/e', status: 400 } } }",
    );
    let ran = project.run(&[]);
    assert_eq!(ran.code(), 3, "{ran:#?}");
    let object = ran.object();
    let kinds: Vec<_> = object["events"]
        .as_array()
        .expect("it is a list")
        .iter()
        .map(|event| event["type"].clone())
        .collect();
    assert_eq!(kinds, ["first", "second"]);
    assert_eq!(object["events"][1]["data"], json!({"n": 2}));
    assert_eq!(object["events"][1]["specversion"], "1.0");
}
