//! `run --durable`, `replay`, `backup`, `restore`: what is in the data directory, and that it suffices.

use std::io::{BufRead, BufReader};

use serde_json::{Value, json};

use super::{Server, kept};
use crate::support::Project;

/// A workflow that refers to a function and to a schema, each in a file of its own, and publishes an event.
fn project() -> Project {
    let body = "input: { schema: { resource: { endpoint: schema.json } } }
do:
  - greet: { call: 'greet:1.0.0', with: { name: '${ .name }' } }
  - tell: { emit: { event: { with: { source: /test, type: test.greeted, data: '${ . }' } } } }";
    let project = Project::flow(body);
    std::fs::create_dir_all(project.path("functions/greet/1.0.0")).expect("there is room");
    let function = "set: { text: '${ \"Hello, \" + .name }' }";
    project.write("functions/greet/1.0.0/function.yaml", function.as_bytes());
    project.write(
        "schema.json",
        br#"{"type": "object", "required": ["name"]}"#,
    );
    project
}

#[test]
fn a_durable_run_has_the_output_of_any_other() {
    let project = project();
    let input = ["--input", r#"{"name": "Ada"}"#];
    let durable = project.run(&[&input[..], &["--durable"]].concat());
    let (mut durable, mut plain) = (durable.completed(), project.run(&input).completed());
    for object in [&mut durable, &mut plain] {
        for unlike in ["id", "time"] {
            object["events"][0][unlike] = Value::Null;
            object["output"][unlike] = Value::Null;
        }
    }
    assert_eq!(durable, plain);
    let refused = project.run(&["--durable", "--input", "{}"]);
    assert_eq!(refused.code(), 3, "{refused:?}");
    assert_eq!(kept(&project).len(), 2);
}

#[test]
fn a_journal_holds_all_that_a_replay_needs() {
    let project = project();
    project
        .run(&["--durable", "--input", r#"{"name": "Ada"}"#])
        .completed();
    let run = kept(&project).remove(0);
    for file in [
        "flow.yaml",
        "schema.json",
        "functions/greet/1.0.0/function.yaml",
    ] {
        std::fs::remove_file(project.path(file)).expect("it was there");
    }
    let ran = project.ferrovia(&["replay", &run, "--output", "json", "--trace"]);
    assert_eq!(ran.code(), 0, "{ran:?}");
    let proof: Value = serde_json::from_str(&ran.stdout).expect("it is JSON");
    assert_eq!(proof["identical"], true);
    assert_eq!(proof["status"], "completed");
    assert_eq!(proof["trace"][0]["what"], "run-started");
    assert_eq!(proof["digest"].as_str().map(str::len), Some(32), "{proof}");
    // A server without any definition at hand compiles what the journal holds.
    let server = Server::start(&project);
    let known = server.get("/api/v1/definitions");
    assert_eq!(known["definitions"][0]["workflow"], "test/flow:1.0.0");
    let order = r#"{"workflow": "test/flow", "input": {"name": "Bob"}}"#;
    let (_, ended) = server.ask("POST", "/api/v1/runs?wait=300s", order);
    assert_eq!(ended["status"], "completed", "{ended}");
}

#[test]
fn a_durable_run_that_is_left_goes_on_in_a_server() {
    let project =
        Project::flow("do:\n  - hear: { listen: { to: { one: { with: { type: test.heard } } } } }");
    let left = project.run(&["--durable", "--timeout", "1ms"]);
    assert_eq!(left.code(), 5, "{left:?}");
    assert_eq!(left.object()["status"], "waiting");
    assert!(left.stderr.contains("ferrovia serve"), "{left:?}");
    let run = kept(&project).remove(0);
    let server = Server::start(&project);
    server.send("1", "test.heard");
    assert_eq!(server.ended(&run)["status"], "completed");
}

#[test]
fn a_durable_run_is_shown_while_it_goes() {
    let project = Project::flow(
        "do:
  - first: { set: { n: 1 } }
  - hear: { listen: { to: { one: { with: { type: test.heard } } } } }",
    );
    let mut child = project
        .command(&["run", "flow.yaml", "--durable", "--trace"])
        .spawn()
        .expect("the program starts");
    let shown = BufReader::new(child.stderr.take().expect("it is a pipe")).lines();
    let mut shown = shown.map(|line| line.expect("it is text"));
    // It does not end by itself: what is not shown now is never shown.
    assert!(shown.any(|line| line.contains("/do/1/hear started")));
    child.kill().expect("it runs");
    child.wait().expect("it ends");
}

#[test]
fn a_backup_is_taken_beside_a_server_and_put_back() {
    let project = project();
    let server = Server::start(&project);
    let order = r#"{"workflow": "test/flow", "input": {"name": "Ada4711"}}"#;
    let (_, ended) = server.ask("POST", "/api/v1/runs?wait=300s", order);
    let run = ended["id"].as_str().expect("an id is text").to_owned();
    let copied = project.ferrovia(&["backup", "copy.db"]);
    assert_eq!(copied.code(), 0, "{copied:?}");
    assert_eq!(project.ferrovia(&["backup", "copy.db"]).code(), 2);
    let in_use = project.ferrovia(&["restore", "copy.db", "--replace"]);
    assert_eq!(in_use.code(), 2, "{in_use:?}");
    assert!(in_use.stderr.contains(&server.url()), "{in_use:?}");
    drop(server);

    let elsewhere = ["--data", "elsewhere"];
    let restore = [&["restore", "copy.db"], &elsewhere[..]].concat();
    assert_eq!(project.ferrovia(&restore).code(), 0);
    assert_eq!(project.ferrovia(&restore).code(), 2, "a store is there");
    let ran = project.ferrovia(&[&["replay", &run], &elsewhere[..]].concat());
    assert_eq!(ran.code(), 0, "{ran:?}");

    // One character of the input is another one.
    let bytes = std::fs::read(project.path("copy.db")).expect("it is there");
    let text = bytes
        .windows(7)
        .position(|text| text == b"Ada4711")
        .expect("the input is in it");
    let mut changed = bytes;
    changed[text] = b'E';
    project.write("copy.db", &changed);
    let replace = [&restore[..], &["--replace"]].concat();
    assert_eq!(project.ferrovia(&replace).code(), 0);
    let ran = project.ferrovia(&[&["replay", &run, "--output", "json"], &elsewhere[..]].concat());
    assert_eq!(ran.code(), 1, "{ran:?}");
    let proof: Value = serde_json::from_str(&ran.stdout).expect("it is JSON");
    assert_eq!(
        (&proof["identical"], &proof["record"]),
        (&json!(false), &json!(1))
    );
    let missing = project.ferrovia(&["restore", "nothing.db", "--data", "third"]);
    assert_eq!(missing.code(), 2, "{missing:?}");
}
