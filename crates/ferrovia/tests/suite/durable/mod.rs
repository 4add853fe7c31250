//! Runs that survive: the server, `run --durable`, and the commands that look at what is kept.

mod crash;
mod dev;
mod door;
mod hooks;
mod kept;
mod otherwise;
mod refused;
mod secrets;
mod service;
mod shown;
mod told;
mod upgrade;

use std::io::{BufRead, BufReader, Read};
use std::process::{Child, ChildStdout, Stdio};
use std::time::Duration;

use serde_json::Value;

use crate::http::ask;
use crate::support::Project;

/// Longer than any answer takes that still comes.
const ANSWER_TIME_MAX: Duration = Duration::from_secs(400);

/// A running `ferrovia serve`. It is killed when the test is over.
struct Server {
    child: Child,
    out: BufReader<ChildStdout>,
    address: String,
}

impl Server {
    fn start(project: &Project) -> Server {
        Server::with(project, &[])
    }

    fn with(project: &Project, args: &[&str]) -> Server {
        Server::by("serve", project, args)
    }

    /// Started by a command.
    fn by(command: &str, project: &Project, args: &[&str]) -> Server {
        let args = [&[command, "--listen", "127.0.0.1:0"], args].concat();
        let mut child = project
            .command(&args)
            .stderr(Stdio::inherit())
            .spawn()
            .expect("the program starts");
        let mut out = BufReader::new(child.stdout.take().expect("standard output is a pipe"));
        let mut line = String::new();
        out.read_line(&mut line).expect("it prints one line");
        let address = line
            .strip_prefix("serving at http://")
            .and_then(|line| line.split(',').next())
            .unwrap_or_else(|| panic!("it is not ready: {line:?}"));
        Server {
            address: address.to_owned(),
            child,
            out,
        }
    }

    /// Without a chance to do anything.
    fn kill(mut self) {
        self.child.kill().expect("it runs");
        self.child.wait().expect("it ends");
    }

    /// Ends it as service managers do, and gives back what it had still to say.
    fn terminate(mut self) -> (Option<i32>, String) {
        let killed = std::process::Command::new("sh")
            .args(["-c", &format!("kill -TERM {}", self.child.id())])
            .status();
        assert!(killed.expect("there is a shell").success());
        let mut rest = String::new();
        self.out.read_to_string(&mut rest).expect("it prints text");
        (self.child.wait().expect("it ends").code(), rest)
    }

    fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Status and body of an answer.
    fn ask(&self, method: &str, path: &str, body: &str) -> (u16, Value) {
        self.ask_with(method, path, &[], body)
    }

    fn ask_with(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: &str,
    ) -> (u16, Value) {
        ask(&self.address, method, path, headers, body, ANSWER_TIME_MAX)
            .expect("the server answers")
    }

    fn get(&self, path: &str) -> Value {
        let (status, body) = self.ask("GET", path, "");
        assert_eq!(status, 200, "{body}");
        body
    }

    /// Starts a run, and answers with its id.
    fn begin(&self, workflow: &str) -> String {
        let order = format!("{{\"workflow\": \"{workflow}\"}}");
        let (status, body) = self.ask("POST", "/api/v1/runs", &order);
        assert_eq!(status, 201, "{body}");
        body["id"].as_str().expect("an id is text").to_owned()
    }

    /// A run once it has ended.
    fn ended(&self, run: &str) -> Value {
        self.get(&format!("/api/v1/runs/{run}?wait=300s"))
    }

    fn send(&self, id: &str, kind: &str) -> (u16, Value) {
        let event = format!("{{\"id\": \"{id}\", \"source\": \"/test\", \"type\": \"{kind}\"}}");
        self.ask("POST", "/api/v1/events", &event)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Ids of the runs that a data directory keeps, newest first.
fn kept(project: &Project) -> Vec<String> {
    let ran = project.ferrovia(&["runs", "list", "--output", "json"]);
    let listed: Value = serde_json::from_str(&ran.stdout).expect("the list is JSON");
    let runs = listed["runs"].as_array().expect("it has runs");
    runs.iter()
        .map(|run| run["id"].as_str().expect("an id is text").to_owned())
        .collect()
}
