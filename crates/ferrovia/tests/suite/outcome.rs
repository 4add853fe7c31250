//! How runs end: exit codes, the object of `--output json`, and the two streams.

use std::io::Read;
use std::process::Stdio;

use serde_json::json;

use crate::support::{Project, definition};

const RAISE: &str = "do: [ { no: { raise: { error: { type: 'https://example.com/e', status: 418, title: Teapot, detail: short } } } } ]";
const LISTEN: &str = "do: [ { l: { listen: { to: { one: { with: { type: never } } } } } } ]";
const LONG_WAIT: &str = "do: [ { w: { wait: PT1H } } ]";

#[test]
fn every_ending_has_its_exit_code_and_one_object() {
    let error = json!({
        "type": "https://example.com/e", "status": 418, "title": "Teapot", "detail": "short", "instance": "/do/0/no",
    });
    for (body, args, code, expected) in [
        (
            "do: [ { a: { set: { x: 1 } } } ]",
            &[][..],
            0,
            json!({"status": "completed", "output": {"x": 1}, "error": null, "events": [], "tasks": ["a"]}),
        ),
        (
            RAISE,
            &[],
            3,
            json!({"status": "faulted", "output": null, "error": error, "events": [], "tasks": ["no"]}),
        ),
        (
            LISTEN,
            &[],
            5,
            json!({"status": "waiting", "output": null, "error": null, "events": [], "tasks": ["l"]}),
        ),
        (
            LONG_WAIT,
            &["--timeout", "10ms"],
            5,
            json!({"status": "waiting", "output": null, "error": null, "events": [], "tasks": ["w"]}),
        ),
        (
            "do: [ { a: { sit: 1 } } ]",
            &[],
            2,
            json!({"status": "refused", "output": null, "events": [], "tasks": []}),
        ),
    ] {
        let ran = Project::flow(body).run(args);
        assert_eq!(ran.code(), code, "{body}: {ran:#?}");
        let mut object = ran.object();
        if code == 2 {
            let object = object.as_object_mut().expect("it is an object");
            assert_eq!(object["error"]["status"], 400);
            assert_eq!(object["findings"][0]["code"], "FV0202");
            assert_eq!(
                object["findings"][0]["start"],
                json!({"line": 2, "column": 14})
            );
            object.remove("error");
            object.remove("findings");
            assert!(ran.stderr.contains("flow.yaml:2:14"), "{ran:#?}");
        }
        assert_eq!(object, expected, "{body}");
        assert_eq!(ran.stdout.lines().count(), 1, "{body}");
    }
}

#[test]
fn text_has_the_result_alone_on_standard_output() {
    for (body, args, code, stdout, stderr) in [
        (
            "do: [ { a: { set: { x: [ 1 ] } } } ]",
            &[][..],
            0,
            "{\n  \"x\": [\n    1\n  ]\n}\n",
            "",
        ),
        (RAISE, &[], 3, "", "flow.yaml:2:9"),
        (LISTEN, &[], 5, "", "still waiting"),
        (LONG_WAIT, &["--timeout", "10ms"], 5, "", "still waiting"),
    ] {
        let project = Project::flow(body);
        let ran = project.ferrovia(&[&["run", "flow.yaml"], args].concat());
        assert_eq!((ran.code(), &*ran.stdout), (code, stdout), "{body}");
        assert!(ran.stderr.contains(stderr), "{ran:#?}");
        // Neither colours nor progress where nobody looks.
        assert!(
            !ran.stderr.contains('\u{1b}') && !ran.stderr.contains('✓'),
            "{ran:#?}"
        );
    }
}

#[test]
fn an_error_of_a_child_is_shown_where_the_child_is_started() {
    let project = Project::new(&[
        (
            "flow.yaml",
            &definition(
                "flow",
                "do:\n  - no: { set: { x: 1 } }\n  - start: { run: { workflow: { namespace: test, name: child, version: latest } } }",
            ),
        ),
        ("child.yaml", &definition("child", RAISE)),
    ]);
    let ran = project.ferrovia(&["run", "flow.yaml"]);
    assert_eq!(ran.code(), 3, "{ran:#?}");
    assert!(ran.stderr.contains("flow.yaml:4:5"), "{ran:#?}");
    assert!(ran.stderr.contains("it comes from /do/0/no"), "{ran:#?}");
    assert_eq!(project.run(&[]).object()["error"]["instance"], "/do/0/no");
}

#[test]
fn an_error_inside_a_function_is_shown_at_the_call() {
    let project = Project::flow(
        "use:\n  functions:\n    deep: { do: [ { inner: { raise: { error: { type: 'https://example.com/e', status: 400 } } } } ] }\ndo:\n  - outer: { call: deep }",
    );
    let ran = project.ferrovia(&["run", "flow.yaml"]);
    assert_eq!(ran.code(), 3, "{ran:#?}");
    assert!(ran.stderr.contains("flow.yaml:6:5"), "{ran:#?}");
}

#[test]
fn the_trace_says_why_on_standard_error_and_leaves_the_result_alone() {
    let project = Project::flow(
        "do: [ { choose: { switch: [ { big: { when: '.n > 2', then: end } }, { other: { then: continue } } ] } }, { s: { if: 'false', set: { a: 1 } } } ]",
    );
    for (input, reason) in [
        ("{\"n\":3}", "`.n > 2` is true"),
        ("{\"n\":1}", "no other case held"),
    ] {
        let ran = project.run(&["--input", input, "--trace"]);
        ran.completed();
        assert!(ran.stderr.contains(reason), "{ran:#?}");
        assert!(!ran.stderr.contains('\u{1b}'), "{ran:#?}");
    }
}

#[test]
fn names_and_messages_cannot_steer_the_terminal() {
    let project = Project::flow(
        "do: [ { \"a\\e[2Jb\": { raise: { error: { type: 'https://example.com/e', status: 400, title: \"x\\e[31m\\ry\" } } } } ]",
    );
    for args in [&["run", "flow.yaml"][..], &["run", "flow.yaml", "--trace"]] {
        let ran = project.ferrovia(args);
        assert_eq!(ran.code(), 3, "{ran:#?}");
        assert!(!ran.stderr.contains(['\u{1b}', '\r']), "{ran:#?}");
    }
}

#[test]
fn a_reader_that_leaves_early_is_no_failure() {
    let project = Project::flow("do: [ { a: { set: { x: '${ [range(9000)] }' } } } ]");
    for args in [
        &["run", "flow.yaml"][..],
        &["run", "flow.yaml", "--output", "json"],
        &["run", "flow.yaml", "--trace"],
        &["schema"],
    ] {
        let mut child = project.command(args).spawn().expect("the program starts");
        drop(child.stdout.take());
        let mut stderr = String::new();
        let mut pipe = child.stderr.take().expect("standard error is a pipe");
        pipe.read_to_string(&mut stderr).expect("it is text");
        let status = child.wait().expect("the program ends");
        assert_eq!(status.code(), Some(0), "{args:?}: {stderr}");
        assert!(!stderr.contains("panicked"), "{stderr}");
    }
    let mut child = project
        .command(&["run", "flow.yaml", "--trace"])
        .stdout(Stdio::null())
        .spawn()
        .expect("the program starts");
    drop(child.stderr.take());
    assert_eq!(child.wait().expect("the program ends").code(), Some(0));
}

#[test]
#[cfg(target_os = "linux")]
fn a_result_that_cannot_be_written_is_no_success() {
    let project = Project::flow("do: [ { a: { set: { x: 1 } } } ]");
    for args in [
        &["run", "flow.yaml"][..],
        &["schema"],
        &["version"],
        &["check", "flow.yaml"],
    ] {
        let full = std::fs::OpenOptions::new().write(true).open("/dev/full");
        let output = project
            .command(args)
            .stdout(full.expect("Linux has this device"))
            .output()
            .expect("the program starts");
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(1), "{args:?}: {stderr}");
        assert!(stderr.contains("cannot be written"), "{stderr}");
        assert!(!stderr.contains("panicked"), "{stderr}");
    }
}

#[test]
fn a_large_output_comes_whole() {
    let project = Project::flow("do: [ { a: { set: { x: '${ [range(200000)] }' } } } ]");
    let object = project.run(&[]).completed();
    let items = object["output"]["x"].as_array().expect("it is a list");
    assert_eq!((items.len(), &items[199_999]), (200_000, &json!(199_999)));
}

#[test]
fn the_same_seed_makes_the_same_run() {
    let project = Project::flow("do: [ { a: { set: { id: '${ $workflow.id }' } } } ]");
    let id = |seed: &str| project.run(&["--seed", seed]).completed()["output"]["id"].clone();
    assert_eq!(id("7"), id("7"));
    assert_ne!(id("7"), id("8"));
}
