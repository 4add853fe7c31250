//! `ferrovia dev`: what is written to a file holds for the next run.

use serde_json::{Value, json};

use super::Server;
use crate::support::{Project, definition};

fn says(text: &str) -> String {
    let flow = format!(
        "do:
  - hear: {{ listen: {{ to: {{ one: {{ with: {{ type: test.heard }} }} }} }} }}
  - say: {{ set: {{ text: {text} }} }}"
    );
    definition("say", &flow)
}

/// Waits until `latest` means a version.
fn until(server: &Server, version: &str) {
    let latest = || server.ask("GET", "/api/v1/definitions/test/say", "").1["latest"].clone();
    while latest() != version {
        std::thread::yield_now();
    }
}

/// What a run gives that began now.
fn said(server: &Server, run: &str, event: &str) -> Value {
    server.send(event, "test.heard");
    server.ended(run)["output"].clone()
}

#[test]
fn a_changed_definition_holds_for_new_runs_and_the_last_good_one_stays() {
    let project = Project::new(&[("say.yaml", &says("one"))]);
    let server = Server::by("dev", &project, &[]);
    until(&server, "1.0.0");
    let before = server.begin("test/say");
    project.write("say.yaml", says("two").as_bytes());
    until(&server, "1.0.0+dev.1");
    let after = server.begin("test/say");
    assert_eq!(said(&server, &before, "1"), json!({ "text": "one" }));
    assert_eq!(said(&server, &after, "2"), json!({ "text": "two" }));

    // A broken one changes nothing. It is looked at before the one that comes after it in the directory.
    project.write("say.yaml", b"document: {");
    let other = definition("zzz", "do:\n  - a: { set: { b: 1 } }");
    project.write("zzz.yaml", other.as_bytes());
    while server.ask("GET", "/api/v1/definitions/test/zzz", "").0 != 200 {
        std::thread::yield_now();
    }
    until(&server, "1.0.0+dev.1");
    project.write("say.yaml", says("three").as_bytes());
    until(&server, "1.0.0+dev.2");
    server.kill();

    // Started again on the same file, it is the same build.
    let server = Server::by("dev", &project, &[]);
    let known = server.get("/api/v1/definitions/test/say");
    assert_eq!(known["latest"], "1.0.0+dev.2");
    assert_eq!(known["versions"].as_array().map(Vec::len), Some(3));
}

#[test]
fn it_is_for_this_machine() {
    let project = Project::new(&[("say.yaml", &says("one"))]);
    let refused = project.ferrovia(&["dev", "--listen", "0.0.0.0:0", "--insecure-listen"]);
    assert_eq!(refused.code(), 2, "{refused:?}");
    assert!(refused.stderr.contains("ferrovia dev"), "{refused:?}");
}
