//! `tasks`: the names of the root run's tasks in the order in which they started.

use serde_json::json;

use crate::support::{Project, definition};

#[test]
fn tasks_are_told_in_the_order_in_which_they_start() {
    for (what, body, expected) in [
        (
            "fork: all branches start before one goes on",
            "do: [ { f: { fork: { branches: [ { a: { do: [ { a1: { wait: { milliseconds: 1 } } } ] } }, { b: { set: { x: 1 } } } ] } } }, { z: { set: { x: 1 } } } ]",
            json!(["f", "a", "b", "a1", "z"]),
        ),
        (
            "for: each round anew",
            "do: [ { l: { for: { in: '[1, 2]' }, do: [ { x: { set: { a: 1 } } }, { y: { set: { a: 1 } } } ] } } ]",
            json!(["l", "x", "y", "x", "y"]),
        ),
        (
            "for: no rounds",
            "do: [ { l: { for: { in: '[]' }, do: [ { x: { set: { a: 1 } } } ] } } ]",
            json!(["l"]),
        ),
        (
            "retry: each attempt anew, then the handler",
            "do: [ { t: { try: [ { x: { raise: { error: { type: 'https://example.com/e', status: 503 } } } } ], catch: { retry: { delay: { milliseconds: 1 }, limit: { attempt: { count: 2 } } }, do: [ { h: { set: { a: 1 } } } ] } } } ]",
            json!(["t", "x", "x", "x", "h"]),
        ),
        (
            "function: the call, then the tasks inside",
            "use: { functions: { twice: { do: [ { in1: { set: { a: 1 } } }, { in2: { set: { a: 2 } } } ] } } }\ndo: [ { c: { call: twice } }, { z: { set: { a: 1 } } } ]",
            json!(["c", "in1", "in2", "z"]),
        ),
        (
            "extension: before, the task, after",
            "use: { extensions: [ { log: { extend: set, before: [ { pre: { set: { a: 1 } } } ], after: [ { post: { set: { a: 1 } } } ] } } ] }\ndo: [ { x: { set: { a: 1 } } } ]",
            json!(["pre", "x", "post"]),
        ),
        (
            "skipped: not started",
            "do: [ { x: { if: 'false', set: { a: 1 } } }, { y: { set: { a: 1 } } } ]",
            json!(["y"]),
        ),
        (
            "jumps: as control goes",
            "do: [ { x: { set: { n: '${ (.n // 0) + 1 }' } } }, { s: { switch: [ { again: { when: '.n < 3', then: x } } ] } } ]",
            json!(["x", "s", "x", "s", "x", "s"]),
        ),
    ] {
        let object = Project::flow(body).run(&[]).completed();
        assert_eq!(object["tasks"], expected, "{what}");
    }
}

#[test]
fn tasks_of_children_are_their_own_business() {
    let project = Project::new(&[
        (
            "flow.yaml",
            &definition(
                "flow",
                "do: [ { start: { run: { workflow: { namespace: test, name: child, version: '1.0.0' } } } } ]",
            ),
        ),
        (
            "child.yaml",
            &definition("child", "do: [ { inside: { set: { a: 1 } } } ]"),
        ),
    ]);
    assert_eq!(project.run(&[]).completed()["tasks"], json!(["start"]));
}
