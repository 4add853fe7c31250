//! A service that writes down every request before it answers. It is sometimes slow, and where it may be, unreliable.

use std::collections::BTreeSet;
use std::io::{BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Condvar, Mutex, MutexGuard};
use std::time::{Duration, Instant};

use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use serde_json::Value;

use crate::http::{Received, receive};

/// How long an answer may be held back.
const SLOW_MS: std::ops::Range<u64> = 10..120;
/// Read at the end of what a killed process sent.
const DRAIN_TIME_MAX: Duration = Duration::from_secs(20);

/// What a call says that it does.
#[derive(Clone, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub(crate) struct Effect {
    pub(crate) run: String,
    pub(crate) task: String,
    pub(crate) round: i64,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Reply {
    Receipt,
    Unavailable,
    /// The connection is closed without an answer.
    Nothing,
}

/// A request. Its receipt is its place in the ledger, from 1.
#[derive(Clone, Debug)]
pub(crate) struct Entry {
    pub(crate) key: String,
    pub(crate) body: Value,
    pub(crate) effect: Effect,
    pub(crate) reply: Reply,
}

#[derive(Clone)]
pub(crate) struct Ledger {
    pub(crate) address: String,
    shared: Arc<Shared>,
}

struct Shared {
    entries: Mutex<Vec<Entry>>,
    random: Mutex<StdRng>,
    connections: Mutex<Connections>,
    closed: Condvar,
}

#[derive(Default)]
struct Connections {
    next: u64,
    open: BTreeSet<u64>,
}

/// Connections up to here belong to processes that are dead.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Fence(u64);

impl Ledger {
    pub(crate) fn start(seed: u64) -> Ledger {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port is free");
        let address = listener.local_addr().expect("it is bound").to_string();
        let shared = Arc::new(Shared {
            entries: Mutex::default(),
            random: Mutex::new(StdRng::seed_from_u64(seed)),
            connections: Mutex::default(),
            closed: Condvar::new(),
        });
        let ledger = Ledger { address, shared };
        let accepting = ledger.clone();
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let number = accepting.opened();
                let ledger = accepting.clone();
                std::thread::spawn(move || {
                    ledger.serve(&stream);
                    drop(stream);
                    ledger.closed(number);
                });
            }
        });
        ledger
    }

    pub(crate) fn entries(&self) -> MutexGuard<'_, Vec<Entry>> {
        self.shared.entries.lock().expect("no holder panics")
    }

    /// The receipt of an effect, if it was asked for.
    pub(crate) fn receipt(&self, run: &str) -> Option<usize> {
        let entries = self.entries();
        let found = entries.iter().position(|entry| entry.effect.run == run);
        found.map(|at| at + 1)
    }

    /// After the end of a process, before the next one begins: all connections so far are those of dead processes.
    pub(crate) fn fence(&self) -> Fence {
        // Connections are accepted in order, so the others have been when this one is answered.
        let mut stream = TcpStream::connect(&self.address).expect("the ledger listens");
        let asked = stream.write_all(b"GET /fence HTTP/1.1\r\nconnection: close\r\n\r\n");
        asked.expect("the ledger reads");
        std::io::read_to_string(&stream).expect("the ledger answers");
        Fence(self.connections().next)
    }

    /// Waits until all that dead processes had sent was read.
    pub(crate) fn drained(&self, fence: Fence) {
        let until = Instant::now() + DRAIN_TIME_MAX;
        let mut connections = self.connections();
        while connections
            .open
            .first()
            .is_some_and(|first| *first < fence.0)
        {
            let left = until.saturating_duration_since(Instant::now());
            assert!(!left.is_zero(), "connections of a dead process stay open");
            let waited = self.shared.closed.wait_timeout(connections, left);
            connections = waited.expect("no holder panics").0;
        }
    }

    fn connections(&self) -> MutexGuard<'_, Connections> {
        self.shared.connections.lock().expect("no holder panics")
    }

    fn opened(&self) -> u64 {
        let mut connections = self.connections();
        let number = connections.next;
        connections.next += 1;
        connections.open.insert(number);
        number
    }

    fn closed(&self, number: u64) {
        self.connections().open.remove(&number);
        self.shared.closed.notify_all();
    }

    fn serve(&self, mut stream: &TcpStream) {
        let mut reader = BufReader::new(stream);
        while let Some(received) = receive(&mut reader) {
            if received.path == "/fence" {
                let _ = stream.write_all(b"HTTP/1.1 204 No Content\r\nconnection: close\r\n\r\n");
                return;
            }
            let (reply, pause) = self.choose(received.path == "/flaky");
            let receipt = self.write_down(received, reply);
            std::thread::sleep(pause);
            let answer = match reply {
                Reply::Receipt => ("200 OK", format!("{{\"receipt\": {receipt}}}")),
                Reply::Unavailable => ("503 Service Unavailable", String::new()),
                Reply::Nothing => return,
            };
            let answer = format!(
                "HTTP/1.1 {}\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n{}",
                answer.0,
                answer.1.len(),
                answer.1
            );
            // Who asked may be dead.
            if stream.write_all(answer.as_bytes()).is_err() {
                return;
            }
        }
    }

    fn choose(&self, unreliable: bool) -> (Reply, Duration) {
        let mut random = self.shared.random.lock().expect("no holder panics");
        let reply = match random.random_range(0..100) {
            0..20 if unreliable => Reply::Unavailable,
            20..40 if unreliable => Reply::Nothing,
            _ => Reply::Receipt,
        };
        let pause = if random.random_ratio(1, 5) {
            Duration::from_millis(random.random_range(SLOW_MS))
        } else {
            Duration::ZERO
        };
        (reply, pause)
    }

    fn write_down(&self, received: Received, reply: Reply) -> usize {
        let body: Value = serde_json::from_slice(&received.body).unwrap_or_default();
        let text = |name: &str| body[name].as_str().unwrap_or_default().to_owned();
        let effect = Effect {
            run: text("run"),
            task: text("task"),
            round: body["round"].as_i64().unwrap_or(-1),
        };
        let mut entries = self.entries();
        entries.push(Entry {
            key: received.key,
            effect,
            body,
            reply,
        });
        entries.len()
    }
}
