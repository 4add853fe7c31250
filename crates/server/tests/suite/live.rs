//! Streams: nothing missing, nothing twice, and an end.

use std::sync::Arc;
use std::time::Duration;

use ferrovia_expr::Value;
use ferrovia_store::Memory;
use reqwest::Response;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};

use crate::bed::{Bed, LONG, send};

/// A message of a stream.
#[derive(Clone, Debug, Default, PartialEq)]
struct Message {
    id: Option<String>,
    event: String,
    data: Value,
}

/// Where a stream comes from.
enum Source {
    Response(Response),
    /// One that takes little ahead of its reader.
    Narrow(TcpStream),
}

/// A stream that is read.
struct Stream {
    source: Source,
    text: String,
}

impl Stream {
    async fn open(bed: &Bed, path: &str, last: Option<&str>) -> Stream {
        let mut request = bed.request("GET", path);
        if let Some(last) = last {
            request = request.header("last-event-id", last);
        }
        let response = request.send().await.expect("the server answers");
        assert_eq!(response.status(), 200);
        assert_eq!(response.headers()["content-type"], "text/event-stream");
        Stream {
            source: Source::Response(response),
            text: String::new(),
        }
    }

    /// Over a connection that holds as little as possible.
    async fn narrow(bed: &Bed, run: &str) -> Stream {
        let socket = TcpSocket::new_v4().expect("there is IPv4");
        socket.set_recv_buffer_size(4_096).expect("it can be small");
        let stream = socket.connect(bed.address()).await;
        let mut stream = stream.expect("the server listens");
        let request = format!("GET /api/v1/runs/{run}/events HTTP/1.0\r\nhost: localhost\r\n\r\n");
        let sent = stream.write_all(request.as_bytes()).await;
        sent.expect("the server reads");
        let mut stream = Stream {
            source: Source::Narrow(stream),
            text: String::new(),
        };
        while !stream.text.contains("\r\n\r\n") {
            let more = stream.chunk().await.expect("there is an answer");
            stream.text.push_str(&more);
        }
        let (head, body) = stream.text.split_once("\r\n\r\n").expect("it was found");
        assert!(head.contains(" 200 "), "{head}");
        stream.text = body.to_owned();
        stream
    }

    async fn chunk(&mut self) -> Option<String> {
        let bytes = match &mut self.source {
            Source::Response(response) => {
                let chunk = response.chunk().await.expect("it is not cut off");
                chunk?.to_vec()
            }
            Source::Narrow(stream) => {
                let mut bytes = vec![0; 65_536];
                let count = stream.read(&mut bytes).await.expect("it is not cut off");
                bytes.truncate(count);
                if count == 0 {
                    return None;
                }
                bytes
            }
        };
        Some(String::from_utf8(bytes).expect("messages are not cut in a letter"))
    }

    async fn of(bed: &Bed, run: &str, last: Option<&str>) -> Stream {
        Stream::open(bed, &format!("/api/v1/runs/{run}/events"), last).await
    }

    /// The next message, or comment; nothing at the end.
    async fn block(&mut self) -> Option<String> {
        loop {
            if let Some((block, rest)) = self.text.split_once("\n\n") {
                let (block, rest) = (block.to_owned(), rest.to_owned());
                self.text = rest;
                return Some(block);
            }
            let chunk = self.chunk().await?;
            self.text.push_str(&chunk);
        }
    }

    async fn next(&mut self) -> Option<Message> {
        loop {
            let block = self.block().await?;
            if block.starts_with(':') {
                continue;
            }
            let mut message = Message::default();
            for line in block.lines() {
                match line.split_once(": ").expect("a field has a value") {
                    ("id", id) => message.id = Some(id.to_owned()),
                    ("event", event) => message.event = event.to_owned(),
                    ("data", data) => message.data = Value::parse_json(data).expect("it is JSON"),
                    (other, _) => panic!("unknown field {other}"),
                }
            }
            return Some(message);
        }
    }

    async fn rest(&mut self) -> Vec<Message> {
        let mut all = Vec::new();
        while let Some(message) = self.next().await {
            all.push(message);
        }
        all
    }

    async fn until(&mut self, wanted: impl Fn(&Message) -> bool) -> Vec<Message> {
        let mut all = Vec::new();
        loop {
            let message = self.next().await.expect("it comes before the end");
            let found = wanted(&message);
            all.push(message);
            if found {
                return all;
            }
        }
    }
}

fn text(value: &Value, key: &str) -> String {
    value
        .get(key)
        .and_then(Value::as_str)
        .unwrap_or_default()
        .to_owned()
}

/// Entries of the trace among messages.
fn entries(messages: &[Message]) -> Vec<Value> {
    let traced = messages.iter().filter(|message| message.event == "trace");
    traced.map(|message| message.data.clone()).collect()
}

async fn trace(bed: &Bed, run: &str) -> Vec<Value> {
    let mut all = Vec::new();
    loop {
        let path = format!("/api/v1/runs/{run}/trace?after={}", all.len());
        let page = bed.get(&path).await.json();
        let new = page.get("entries").and_then(Value::as_array);
        all.extend(new.expect("a page has entries").iter().cloned());
        if page.get("after").is_none() {
            return all;
        }
    }
}

async fn tick(bed: &Bed, number: usize, data: &str) {
    let event = format!(
        "{{\"id\": \"{number}\", \"source\": \"/test\", \"type\": \"test.tick\", \"data\": \"{data}\"}}"
    );
    bed.post("events", &event).await.is(202);
}

async fn begin_ticks(bed: &Bed, count: usize) -> String {
    let order = format!("{{\"workflow\": \"test/ticks\", \"input\": {{\"count\": {count}}}}}");
    let answer = bed.post("runs", &order).await;
    answer.is(201).text_at("id")
}

fn waits(message: &Message) -> bool {
    message.event == "status" && text(&message.data, "status") == "waiting"
}

#[tokio::test]
async fn a_stream_has_the_trace_and_goes_on_live_until_the_end() {
    let bed = Bed::new().await;
    let run = begin_ticks(&bed, 2).await;
    let mut stream = Stream::of(&bed, &run, None).await;
    let first = stream.until(waits).await;
    tick(&bed, 1, "a").await;
    tick(&bed, 2, "b").await;
    let mut all = first;
    all.extend(stream.rest().await);
    let end = all.last().expect("there is an end").clone();
    assert_eq!(
        (end.event.as_str(), text(&end.data, "status").as_str()),
        ("end", "completed")
    );
    assert!(end.data.get("output").is_some(), "{end:?}");
    assert_eq!(entries(&all), trace(&bed, &run).await);
    // Whoever comes back has heard it all, and is told not to come again.
    let path = format!("/api/v1/runs/{run}/events");
    let last = end.id.expect("the end has an id");
    let again = bed.request("GET", &path).header("last-event-id", &last);
    send(again).await.is(204);
}

#[tokio::test]
async fn a_reader_that_comes_back_goes_on_where_it_was() {
    let bed = Bed::new().await;
    let run = begin_ticks(&bed, 3).await;
    for number in 0..3 {
        tick(&bed, number, "x").await;
    }
    bed.get(&format!("/api/v1/runs/{run}?{LONG}")).await.is(200);
    let all = Stream::of(&bed, &run, None).await.rest().await;
    let traced: Vec<_> = all
        .iter()
        .filter(|message| message.event == "trace")
        .collect();
    for (at, message) in traced.iter().enumerate() {
        let path = format!("/api/v1/runs/{run}/events");
        let last = message.id.as_deref().expect("entries have ids");
        if at + 1 == traced.len() {
            send(bed.request("GET", &path).header("last-event-id", last))
                .await
                .is(204);
            continue;
        }
        let rest = Stream::of(&bed, &run, Some(last)).await.rest().await;
        let expected: Vec<_> = traced[at + 1..]
            .iter()
            .map(|message| message.data.clone())
            .collect();
        assert_eq!(entries(&rest), expected, "after {last}");
    }
    let path = format!("/api/v1/runs/{run}/events");
    let wrong = send(bed.request("GET", &path).header("last-event-id", "soon")).await;
    wrong.problem(400, "malformed", None);
}

#[tokio::test]
async fn a_stream_goes_on_with_the_next_process() {
    let journal = Arc::new(Memory::new(4));
    let bed = Bed::on(journal.clone()).await;
    let run = begin_ticks(&bed, 2).await;
    let mut stream = Stream::of(&bed, &run, None).await;
    let mut all = stream.until(waits).await;
    tick(&bed, 1, "a").await;
    all.extend(
        stream
            .until(|message| text(&message.data, "what") == "event-consumed")
            .await,
    );
    // The server stops, and with it the stream; the run goes on elsewhere.
    bed.stop();
    all.extend(stream.rest().await);
    bed.stopped().await;
    let bed = Bed::on(journal).await;
    let last = all.iter().rev().find_map(|message| message.id.clone());
    let mut stream = Stream::of(&bed, &run, last.as_deref()).await;
    tick(&bed, 2, "b").await;
    all.extend(stream.rest().await);
    assert_eq!(
        all.last().map(|message| message.event.as_str()),
        Some("end")
    );
    assert_eq!(entries(&all), trace(&bed, &run).await);
}

#[tokio::test]
async fn a_slow_reader_misses_nothing_and_holds_nobody_up() {
    let bed = Bed::new().await;
    let count = 120;
    let run = begin_ticks(&bed, count).await;
    let mut stream = Stream::narrow(&bed, &run).await;
    let mut all = stream.until(waits).await;
    // More than connections hold.
    let data = "x".repeat(60_000);
    for number in 0..count {
        // Each is durable when it is answered, so there are at least two records for every event.
        for control in ["suspend", "resume"] {
            bed.post(&format!("runs/{run}/{control}"), "").await.is(200);
        }
        tick(&bed, number, &data).await;
    }
    bed.get(&format!("/api/v1/runs/{run}?{LONG}")).await.is(200);
    all.extend(stream.rest().await);
    let missed = bed.get("/metrics").await.text;
    assert!(
        !missed.contains("ferrovia_feed_missed_total 0\n"),
        "it was not slow"
    );
    assert_eq!(
        all.last().map(|message| message.event.as_str()),
        Some("end")
    );
    assert_eq!(entries(&all).len(), trace(&bed, &run).await.len());
    assert!(entries(&all) == trace(&bed, &run).await);
}

#[tokio::test]
async fn a_quiet_stream_says_that_it_is_there_and_ends_when_the_server_stops() {
    let bed = Bed::beating(Duration::from_millis(1)).await;
    let run = bed.begin("test/listen").await;
    let mut stream = Stream::of(&bed, &run, None).await;
    while stream.block().await.expect("it does not end") != ": still here" {}
    let mut changes = Stream::open(&bed, "/api/v1/events/stream", None).await;
    while changes.block().await.expect("it does not end") != ": still here" {}
    bed.stop();
    while stream.block().await.is_some() {}
    while changes.block().await.is_some() {}
    bed.stopped().await;
}

#[tokio::test]
async fn changes_of_all_runs_are_told_to_those_who_want_them() {
    let bed = Bed::new().await;
    let mut all = Stream::open(&bed, "/api/v1/events/stream", None).await;
    let some = "/api/v1/events/stream?workflow=test/f*&status=faulted,parked";
    let mut some = Stream::open(&bed, some, None).await;
    let greeted = bed.begin("test/greet").await;
    let faulted = bed.begin("test/fault").await;
    let of = |run: &str| {
        let run = run.to_owned();
        move |message: &Message| text(&message.data, "id") == run
    };
    let told = all
        .until(of(&greeted))
        .await
        .pop()
        .expect("it was found")
        .data;
    assert_eq!(text(&told, "status"), "completed");
    assert_eq!(text(&told, "workflow"), "test/greet:1.0.0");
    let told = some.next().await.expect("it comes");
    assert_eq!(text(&told.data, "id"), faulted);
    assert_eq!(text(&told.data, "status"), "faulted");
    assert!(text(&told.data, "reason").contains("Empty"), "{told:?}");
    for (query, _name) in [
        ("workflow=test", "workflow"),
        ("status=dead", "status"),
        ("x=1", "x"),
    ] {
        let path = format!("/api/v1/events/stream?{query}");
        bed.get(&path).await.problem(400, "malformed", None);
    }
}

#[tokio::test]
async fn a_run_that_is_not_there_has_no_stream() {
    let bed = Bed::new().await;
    let path = "/api/v1/runs/0000000000001/events";
    bed.get(path).await.problem(404, "not-found", None);
    bed.get("/api/v1/runs/x/events")
        .await
        .problem(404, "not-found", None);
}
