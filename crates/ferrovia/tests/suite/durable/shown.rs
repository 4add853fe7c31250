//! `ferrovia runs`, with a server and without one.

use serde_json::Value;

use super::Server;
use crate::support::{Project, Ran, definition};

fn project() -> Project {
    let flow = "do:
  - first: { set: { n: 1 } }
  - hear: { listen: { to: { one: { with: { type: test.heard } } } } }";
    Project::new(&[("hear.yaml", &definition("hear", flow))])
}

fn json(ran: &Ran) -> Value {
    assert_eq!(ran.code(), 0, "{ran:?}");
    serde_json::from_str(&ran.stdout).expect("it is JSON")
}

#[test]
fn reading_is_the_same_through_the_server_and_from_its_data() {
    let project = project();
    let server = Server::start(&project);
    let run = server.begin("test/hear");
    let url = server.url();
    for command in [
        &[
            "runs",
            "list",
            "--status",
            "waiting",
            "--workflow",
            "test/hear",
        ][..],
        &["runs", "show", &run],
        &["runs", "trace", &run],
    ] {
        for output in ["json", "text"] {
            let here = project.ferrovia(&[command, &["--output", output]].concat());
            let there =
                project.ferrovia(&[command, &["--output", output, "--server", &url]].concat());
            assert_eq!(here.code(), 0, "{here:?}");
            assert_eq!(here.stdout, there.stdout, "{command:?}");
            assert!(here.stdout.contains(if command[1] == "trace" {
                "/do/1/hear"
            } else {
                &run
            }));
        }
    }
}

#[test]
fn changes_go_to_the_server_that_has_the_runs() {
    let project = project();
    let server = Server::start(&project);
    let run = server.begin("test/hear");
    let suspended = project.ferrovia(&["runs", "suspend", &run, "--output", "json"]);
    assert!(suspended.stderr.contains(&server.url()), "{suspended:?}");
    assert_eq!(json(&suspended)["status"], "suspended");
    let again = project.ferrovia(&["runs", "suspend", &run]);
    assert_eq!(again.code(), 2, "{again:?}");
    assert_eq!(
        json(&project.ferrovia(&["runs", "resume", &run, "--output", "json"]))["status"],
        "waiting"
    );
    server.send("1", "test.heard");
    let watched = project.ferrovia(&["runs", "watch", &run, "--server", &server.url()]);
    assert_eq!(watched.code(), 0, "{watched:?}");
    assert!(watched.stdout.contains("run completed"), "{watched:?}");
}

#[test]
fn without_a_server_changes_are_written_for_the_next_one() {
    let project = project();
    let server = Server::start(&project);
    let (kept, ended) = (server.begin("test/hear"), server.begin("test/hear"));
    server.kill();
    let suspended = project.ferrovia(&["runs", "suspend", &kept, "--output", "json"]);
    assert_eq!(json(&suspended)["status"], "suspended");
    let cancelled = project.ferrovia(&[
        "runs", "cancel", &ended, "--reason", "no need", "--output", "json",
    ]);
    assert_eq!(json(&cancelled)["reason"], "no need");
    let again = project.ferrovia(&["runs", "cancel", &ended]);
    assert_eq!(again.code(), 2, "{again:?}");
    assert_eq!(project.ferrovia(&["runs", "watch", &ended]).code(), 4);

    let server = Server::start(&project);
    server.send("1", "test.heard");
    let shown = server.get(&format!("/api/v1/runs/{kept}"));
    assert_eq!(shown["status"], "suspended");
    server.ask("POST", &format!("/api/v1/runs/{kept}/resume"), "");
    assert_eq!(server.ended(&kept)["status"], "completed");
    for run in [&kept, &ended] {
        assert_eq!(project.ferrovia(&["replay", run]).code(), 0);
    }
}

#[test]
fn what_is_not_there_is_said() {
    let project = project();
    let nothing = project.ferrovia(&["runs", "list"]);
    assert_eq!(nothing.code(), 2, "{nothing:?}");
    assert!(nothing.stderr.contains("--data"), "{nothing:?}");
    assert!(!project.path(".ferrovia").exists());
    let server = Server::start(&project);
    for args in [
        &["runs", "show", "0000000000000"][..],
        &["runs", "show", "0000000000000", "--server", &server.url()],
        &["runs", "cancel", "0000000000000"],
        &["runs", "show", "nonsense"],
        &["runs", "list", "--status", "asleep"],
        &["runs", "list", "--server", "nonsense"],
        &["replay", "0000000000000"],
    ] {
        let ran = project.ferrovia(args);
        assert_eq!(ran.code(), 2, "{args:?} {ran:?}");
        assert!(
            ran.stderr.starts_with("error") || ran.stderr.starts_with("asking"),
            "{ran:?}"
        );
    }
    let listed = project.ferrovia(&["runs", "list"]);
    assert_eq!(listed.stdout, "no runs\n");
}
