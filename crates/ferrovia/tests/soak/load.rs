//! What clients do: start, send events, cancel, suspend, resume; again and again until they get an answer.

use rand::Rng;
use rand::rngs::StdRng;
use serde_json::{Value, json};

use crate::book::{Book, Fate};
use crate::flows::{CONTROLLED, LISTENER, STARTED};
use crate::stage::Stage;

pub(crate) struct Client<'a> {
    pub(crate) stage: &'a Stage,
    pub(crate) book: &'a Book,
    pub(crate) random: StdRng,
    /// Tells its tokens from those of others.
    pub(crate) name: usize,
    pub(crate) tokens: usize,
}

impl Client<'_> {
    /// Until there is no leave to begin anything.
    pub(crate) fn work(mut self) {
        while self.stage.permit() {
            match self.random.random_range(0..10) {
                0 | 1 => self.listen(),
                2 => self.trigger(),
                3 => self.cancel(),
                4 => self.suspend(),
                _ => self.start(),
            }
        }
    }

    fn token(&mut self) -> String {
        self.tokens += 1;
        format!("{}-{}", self.name, self.tokens)
    }

    fn start(&mut self) {
        let workflow = STARTED[self.random.random_range(0..STARTED.len())];
        let path = match self.random.random_ratio(1, 3) {
            true => "/api/v1/runs?wait=20s",
            false => "/api/v1/runs",
        };
        if self.random.random() {
            self.start_with_key(workflow, path);
        } else {
            self.start_without_key(workflow, path);
        }
    }

    fn start_without_key(&mut self, workflow: &'static str, path: &str) {
        let token = self.token();
        for attempt in 1.. {
            let token = format!("{token}-attempt{attempt}");
            let start = self.book.begin(workflow, &token);
            let body = order(workflow, &token);
            if let Some((status, answer)) = self.stage.ask("POST", path, &[], &body) {
                self.started(start, status, answer);
                return;
            }
        }
    }

    /// Its token and the run.
    fn start_with_key(&mut self, workflow: &'static str, path: &str) -> (String, usize, String) {
        let token = self.token();
        let key = format!("key-{token}");
        let key = [("idempotency-key", key.as_str())];
        let start = self.book.begin(workflow, &token);
        let body = order(workflow, &token);
        let (attempts, status, answer) = self.stage.insist("POST", path, &key, &body);
        if attempts == 1 && status == 200 && answer["output"].is_null() {
            let what = format!("{token}: a new key was known: {answer}");
            self.book.wrong(what);
        }
        let run = self.started(start, status, answer);
        if self.random.random_ratio(1, 3) {
            let (_, status, again) = self.stage.insist("POST", "/api/v1/runs", &key, &body);
            if status != 200 || again["id"] != *run {
                let what = format!("{token}: a key of run {run} was answered {status} {again}");
                self.book.wrong(what);
            }
        }
        (token, start, run)
    }

    fn started(&self, start: usize, status: u16, answer: Value) -> String {
        let mut pages = self.book.pages();
        let run = answer["id"].as_str().unwrap_or_default().to_owned();
        if !matches!(status, 200..=202) || run.is_empty() {
            let token = pages.starts[start].token.clone();
            pages
                .wrong
                .push(format!("{token}: a start was answered {status} {answer}"));
        }
        // Only who waited is told the output.
        pages.starts[start].told = answer.get("output").is_some().then_some(answer);
        pages.starts[start].run = Some(run.clone());
        run
    }

    fn listen(&mut self) {
        let (token, ..) = self.start_with_key(LISTENER, "/api/v1/runs");
        for n in 1..=2 {
            self.send("test.confirmed", &token, n);
        }
    }

    fn trigger(&mut self) {
        let token = self.token();
        self.send("test.triggered", &token, 1);
        self.book.pages().triggers.push(token);
    }

    /// An event, until it is answered, and perhaps again.
    fn send(&mut self, kind: &str, token: &str, n: i64) {
        let event = json!({
            "id": format!("{token}-{n}"), "source": "/soak", "type": kind, "data": { "t": token, "n": n },
        });
        let event = event.to_string();
        let (attempts, status, answer) = self.stage.insist("POST", "/api/v1/events", &[], &event);
        let known = status == 200 && answer["known"] == true;
        let new = status == 202 && answer["known"] == false;
        if !(new || known && attempts > 1) {
            let what =
                format!("{token}: attempt {attempts} of {event} was answered {status} {answer}");
            self.book.wrong(what);
        }
        self.book.pages().events += 1;
        if self.random.random_ratio(1, 3) {
            let (_, status, answer) = self.stage.insist("POST", "/api/v1/events", &[], &event);
            if status != 200 || answer["known"] != true {
                let what =
                    format!("{token}: {event}, taken before, was answered {status} {answer}");
                self.book.wrong(what);
            }
        }
    }

    fn cancel(&mut self) {
        let workflow = STARTED[self.random.random_range(0..CONTROLLED)];
        let (token, start, run) = self.start_with_key(workflow, "/api/v1/runs");
        self.book.pages().starts[start].cancelled = Fate::Perhaps;
        let (status, answer) = self.control(&run, "cancel");
        match status {
            200 if answer["status"] == "cancelled" => {
                self.book.pages().starts[start].cancelled = Fate::Yes;
            }
            // It had ended, or an attempt without an answer had cancelled it.
            409 => {}
            _ => {
                let what = format!("{token}: cancelling {run} was answered {status} {answer}");
                self.book.wrong(what);
            }
        }
    }

    fn suspend(&mut self) {
        let workflow = STARTED[self.random.random_range(0..CONTROLLED)];
        let (token, _, run) = self.start_with_key(workflow, "/api/v1/runs");
        for what in ["suspend", "resume"] {
            let (status, answer) = self.control(&run, what);
            if !matches!(status, 200 | 409) {
                let what = format!("{token}: {what} of {run} was answered {status} {answer}");
                self.book.wrong(what);
            }
        }
    }

    fn control(&self, run: &str, what: &str) -> (u16, Value) {
        let path = format!("/api/v1/runs/{run}/{what}");
        let (_, status, answer) = self.stage.insist("POST", &path, &[], "");
        (status, answer)
    }
}

fn order(workflow: &str, token: &str) -> String {
    let order = json!({
        "workflow": format!("test/{workflow}"), "input": { "t": token }, "labels": { "token": token },
    });
    order.to_string()
}
