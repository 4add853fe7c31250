//! Files for one test, and the program started among them.

use std::io::Write;
use std::path::PathBuf;
use std::process::{Command, ExitStatus, Stdio};

use serde_json::Value;

/// A directory of its own for each test.
pub(crate) struct Project(tempfile::TempDir);

/// What a program printed and how it ended.
#[derive(Debug)]
pub(crate) struct Ran {
    pub(crate) status: ExitStatus,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Project {
    pub(crate) fn new(files: &[(&str, &str)]) -> Project {
        let project = Project(tempfile::tempdir().expect("there is room for temporary files"));
        for (name, text) in files {
            project.write(name, text.as_bytes());
        }
        project
    }

    /// One definition, `flow.yaml`.
    pub(crate) fn flow(body: &str) -> Project {
        Project::new(&[("flow.yaml", &definition("flow", body))])
    }

    /// From now on it stays when the test is over.
    pub(crate) fn keep(&mut self) {
        self.0.disable_cleanup(true);
    }

    /// It may go when the test is over.
    pub(crate) fn discard(&mut self) {
        self.0.disable_cleanup(false);
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    pub(crate) fn write(&self, name: &str, bytes: &[u8]) {
        std::fs::write(self.path(name), bytes).expect("a file can be written");
    }

    pub(crate) fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_ferrovia"));
        command
            .args(args)
            .current_dir(self.0.path())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        command
    }

    pub(crate) fn ferrovia(&self, args: &[&str]) -> Ran {
        let output = self.command(args).output().expect("the program starts");
        Ran {
            status: output.status,
            stdout: text(output.stdout),
            stderr: text(output.stderr),
        }
    }

    pub(crate) fn ferrovia_reading(&self, stdin: &[u8], args: &[&str]) -> Ran {
        let mut child = self
            .command(args)
            .stdin(Stdio::piped())
            .spawn()
            .expect("the program starts");
        let mut pipe = child.stdin.take().expect("standard input is a pipe");
        // A program that refuses need not read to the end.
        let _ = pipe.write_all(stdin);
        drop(pipe);
        let output = child.wait_with_output().expect("the program ends");
        Ran {
            status: output.status,
            stdout: text(output.stdout),
            stderr: text(output.stderr),
        }
    }

    /// `ferrovia run flow.yaml --output json` with further arguments.
    pub(crate) fn run(&self, args: &[&str]) -> Ran {
        self.ferrovia(&[&["run", "flow.yaml", "--output", "json"], args].concat())
    }
}

impl Ran {
    pub(crate) fn code(&self) -> i32 {
        self.status.code().unwrap_or(-1)
    }

    /// The one object on standard output, which must have all its keys.
    pub(crate) fn object(&self) -> Value {
        let object: Value = serde_json::from_str(&self.stdout)
            .unwrap_or_else(|error| panic!("not one JSON value ({error}): {self:#?}"));
        for key in ["status", "output", "error", "events", "tasks"] {
            assert!(object.get(key).is_some(), "{key} is missing: {self:#?}");
        }
        object
    }

    /// The object of a run that completed.
    pub(crate) fn completed(&self) -> Value {
        assert_eq!(self.code(), 0, "{self:#?}");
        self.object()
    }
}

pub(crate) fn definition(name: &str, body: &str) -> String {
    format!(
        "document: {{ dsl: '1.0.3', namespace: test, name: {name}, version: '1.0.0' }}\n{body}\n"
    )
}

fn text(bytes: Vec<u8>) -> String {
    String::from_utf8(bytes).expect("the program prints UTF-8")
}
