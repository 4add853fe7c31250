//! Ctrl-C and SIGTERM: the run is cancelled, and nothing that it started goes on.
#![cfg(unix)]

use std::io::{BufRead, BufReader, Read};
use std::process::{Child, Command};

use serde_json::{Value, json};

use crate::support::Project;

fn send(signal: &str, child: &Child) {
    let status = Command::new("sh")
        .args(["-c", &format!("kill -{signal} {}", child.id())])
        .status();
    assert!(status.expect("there is a shell").success());
}

/// A shell command with children, all of which keep a pipe open: its end tells that they are gone. One that is left
/// alone says so in the end.
fn project() -> Project {
    let project = Project::new(&[]);
    let made = Command::new("mkfifo").arg(project.path("alive")).status();
    assert!(made.expect("there is mkfifo").success());
    let pipe = project.path("alive").display().to_string();
    let body = format!(
        "do:
  - both:
      fork:
        branches:
          - pause: {{ wait: PT1H }}
          - work: {{ run: {{ shell: {{ command: 'exec 3>{pipe}; (sleep 50; echo survived >&3) & (sleep 50; echo survived >&3) & echo begun >&3; sleep 50; echo survived >&3' }} }} }}
"
    );
    project.write(
        "flow.yaml",
        crate::support::definition("flow", &body).as_bytes(),
    );
    project
}

#[test]
fn a_signal_cancels_the_run_and_its_processes_are_gone() {
    for signal in ["INT", "TERM"] {
        let project = project();
        let child = project
            .command(&["run", "flow.yaml", "--output", "json"])
            .spawn()
            .expect("the program starts");
        let pipe = std::fs::File::open(project.path("alive")).expect("the command opens it too");
        let mut pipe = BufReader::new(pipe);
        let mut line = String::new();
        pipe.read_line(&mut line)
            .expect("the command says that it has begun");
        assert_eq!(line, "begun\n");
        send(signal, &child);
        let output = child.wait_with_output().expect("the program ends");
        assert_eq!(output.status.code(), Some(4), "{signal}: {output:?}");
        let object: Value = serde_json::from_slice(&output.stdout).expect("it is one object");
        assert_eq!(
            object,
            json!({"status": "cancelled", "output": null, "error": null, "events": [], "tasks": ["both", "pause", "work"]})
        );
        let mut rest = String::new();
        pipe.read_to_string(&mut rest).expect("the pipe ends");
        assert_eq!(rest, "", "{signal}: a process outlived its run");
    }
}

#[test]
fn waiting_for_the_event_of_a_schedule_can_be_cancelled() {
    let project = Project::flow(
        "schedule: { on: { one: { with: { type: t } } } }\ndo: [ { a: { set: { x: 1 } } } ]",
    );
    project.write(
        "events.json",
        br#"[{"after_ms": 50000, "event": {"id": "1", "source": "/t", "type": "t"}}]"#,
    );
    let mut child = project
        .command(&[
            "run",
            "flow.yaml",
            "--events",
            "events.json",
            "--trace",
            "--output",
            "json",
        ])
        .spawn()
        .expect("the program starts");
    let mut stderr = BufReader::new(child.stderr.take().expect("standard error is a pipe"));
    let mut line = String::new();
    stderr.read_line(&mut line).expect("it is text");
    assert!(line.contains("waiting for"), "{line}");
    send("INT", &child);
    let output = child.wait_with_output().expect("the program ends");
    assert_eq!(output.status.code(), Some(4), "{output:?}");
}
