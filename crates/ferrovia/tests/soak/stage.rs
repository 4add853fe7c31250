//! The server process, which comes and goes, and how others reach whichever there is.

use std::io::{BufRead, BufReader, ErrorKind};
use std::process::{Child, Stdio};
use std::sync::{Condvar, Mutex, MutexGuard};
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::http;
use crate::ledger::Fence;
use crate::support::Project;

/// Where the servers write their standard error.
pub(crate) const ERRORS: &str = "stderr.txt";
/// The data directory.
pub(crate) const DATA: &str = "data";
/// The directory of the definitions.
pub(crate) const FLOWS: &str = "flows";
/// How long an operation may go on without an answer.
const PATIENCE: Duration = Duration::from_secs(120);
/// How long a server that lives may take to answer; nobody asks it to wait longer than 20 s.
const ANSWER_TIME_MAX: Duration = Duration::from_secs(60);

/// A process that serves, or is about to.
pub(crate) struct Server {
    child: Child,
}

impl Server {
    pub(crate) fn spawn(project: &Project) -> Server {
        let errors = std::fs::File::options()
            .create(true)
            .append(true)
            .open(project.path(ERRORS));
        let child = project
            .command(&["serve", FLOWS, "--data", DATA, "--listen", "127.0.0.1:0"])
            .stderr(Stdio::from(errors.expect("a file can be written")))
            .spawn();
        Server {
            child: child.expect("the program starts"),
        }
    }

    /// Its address, once it serves.
    pub(crate) fn ready(&mut self) -> String {
        let out = self.child.stdout.as_mut();
        let mut line = String::new();
        let read = BufReader::new(out.expect("standard output is a pipe")).read_line(&mut line);
        read.expect("it prints text");
        let address = line.strip_prefix("serving at http://");
        let address = address.and_then(|line| line.split(',').next());
        let address =
            address.unwrap_or_else(|| panic!("it does not serve: {line:?}, see {ERRORS}"));
        address.to_owned()
    }

    /// `kill -9`. Nothing else may have ended it.
    pub(crate) fn kill(mut self) {
        let ended = self.child.try_wait().expect("it is a child");
        assert!(
            ended.is_none(),
            "it ended by itself, {ended:?}: see {ERRORS}"
        );
        self.child.kill().expect("it runs");
        self.child.wait().expect("it ends");
    }

    /// As service managers end it.
    pub(crate) fn stop(mut self) {
        let told = std::process::Command::new("sh")
            .args(["-c", &format!("kill -TERM {}", self.child.id())])
            .status();
        assert!(told.expect("there is a shell").success());
        let ended = self.child.wait().expect("it ends");
        assert_eq!(ended.code(), Some(0), "see {ERRORS}");
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It is dead, unless the test failed.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// What the threads of the test share.
#[derive(Default)]
pub(crate) struct Stage {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    address: Option<String>,
    fence: Fence,
    /// Operations that the load may begin.
    permits: usize,
    /// There will be no more.
    closed: bool,
}

impl Stage {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect("no holder panics")
    }

    pub(crate) fn enter(&self, address: String, permits: usize) {
        let mut state = self.state();
        state.address = Some(address);
        state.permits += permits;
        self.changed.notify_all();
    }

    pub(crate) fn leave(&self) {
        self.state().address = None;
    }

    pub(crate) fn fenced(&self, fence: Fence) {
        self.state().fence = fence;
    }

    /// What separates the connections of dead processes from those of the one that lives.
    pub(crate) fn fence(&self) -> Fence {
        self.state().fence
    }

    /// The load begins nothing more.
    pub(crate) fn close(&self) {
        self.state().closed = true;
        self.changed.notify_all();
    }

    /// Waits for leave to begin an operation; there is none any more once the stage is closed.
    pub(crate) fn permit(&self) -> bool {
        let mut state = self.state();
        loop {
            if state.closed {
                return false;
            }
            if state.permits > 0 {
                state.permits -= 1;
                return true;
            }
            state = self.changed.wait(state).expect("no holder panics");
        }
    }

    fn address(&self) -> String {
        let mut state = self.state();
        loop {
            if let Some(address) = &state.address {
                return address.clone();
            }
            let waited = self.changed.wait_timeout(state, PATIENCE);
            let (held, late) = waited.expect("no holder panics");
            assert!(!late.timed_out(), "no server came");
            state = held;
        }
    }

    /// One attempt. A server that was killed, or has no room, gives no answer.
    pub(crate) fn ask(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: &str,
    ) -> Option<(u16, Value)> {
        let address = self.address();
        match http::ask(&address, method, path, headers, body, ANSWER_TIME_MAX) {
            Ok((503, _)) => None,
            Ok(answer) => Some(answer),
            Err(error) => {
                let late = matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut);
                assert!(
                    !late,
                    "the server lives, but does not answer {method} {path} {body}"
                );
                // Its address is taken back in a moment.
                std::thread::yield_now();
                None
            }
        }
    }

    /// Until there is an answer, and after how many attempts.
    pub(crate) fn insist(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: &str,
    ) -> (usize, u16, Value) {
        let since = Instant::now();
        for attempt in 1.. {
            if let Some((status, answer)) = self.ask(method, path, headers, body) {
                return (attempt, status, answer);
            }
            assert!(
                since.elapsed() < PATIENCE,
                "no answer to {method} {path} {body}"
            );
        }
        unreachable!("the loop has no end")
    }

    /// What a server that lives must be able to show.
    pub(crate) fn get(&self, path: &str) -> Value {
        let (_, status, body) = self.insist("GET", path, &[], "");
        assert_eq!(status, 200, "{path}: {body}");
        body
    }
}
