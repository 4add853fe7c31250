//! A service that remembers every request, and answers when the test lets it.

use std::io::{BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::mpsc::{Receiver, channel};
use std::sync::{Arc, Mutex};

use crate::http::receive;

/// A request: its path and its idempotency key.
pub(super) type Seen = (String, String);

pub(super) struct Service {
    pub(super) url: String,
    requests: Receiver<(Seen, TcpStream)>,
    seen: Arc<Mutex<Vec<Seen>>>,
}

impl Service {
    pub(super) fn start() -> Service {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port is free");
        let address = listener.local_addr().expect("it is bound");
        let (sender, requests) = channel();
        let seen = Arc::new(Mutex::new(Vec::new()));
        let noted = seen.clone();
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let Some(received) = receive(&mut BufReader::new(&stream)) else {
                    continue;
                };
                let request = (received.path, received.key);
                noted
                    .lock()
                    .expect("no holder panics")
                    .push(request.clone());
                if sender.send((request, stream)).is_err() {
                    return;
                }
            }
        });
        Service {
            url: format!("http://{address}"),
            requests,
            seen,
        }
    }

    /// The next request, which waits for its answer.
    pub(super) fn next(&self) -> (Seen, TcpStream) {
        self.requests.recv().expect("the service runs")
    }

    /// Answers the next request, and says what it was.
    pub(super) fn answer(&self) -> Seen {
        let (seen, stream) = self.next();
        answer(&stream);
        seen
    }

    /// Answers the next request with an error, and says what it was.
    pub(super) fn refuse(&self) -> Seen {
        let (seen, stream) = self.next();
        respond(&stream, "500 Internal Server Error", "{}");
        seen
    }

    /// The paths of all requests.
    pub(super) fn paths(&self) -> Vec<String> {
        self.seen().into_iter().map(|(path, _)| path).collect()
    }

    pub(super) fn seen(&self) -> Vec<Seen> {
        self.seen.lock().expect("no holder panics").clone()
    }
}

pub(super) fn answer(stream: &TcpStream) {
    respond(stream, "200 OK", r#"{"done": true}"#);
}

fn respond(mut stream: &TcpStream, status: &str, body: &str) {
    // Who asked may be gone: that is what the tests are about.
    let _ = write!(
        stream,
        "HTTP/1.1 {status}\r\ncontent-type: application/json\r\nconnection: close\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    );
}
