//! A server that has runs, over its HTTP surface.

use std::time::Duration;

use anyhow::{Context, bail};
use bytes::Bytes;
use ferrovia_connect::ConnectConfig;
use ferrovia_connect::client::{GuardedClient, Outgoing};
use ferrovia_expr::Value;
use ferrovia_runtime::shard::Control;
use ferrovia_store::RunId;
use http::header::CONTENT_TYPE;
use http::{HeaderMap, HeaderValue, Method, StatusCode};
use url::Url;

use super::wire;

/// Connections in a row that bring nothing before the server is given up.
const FAILURES_MAX: u32 = 5;
/// How long it is left alone after the first of them.
const PAUSE: Duration = Duration::from_millis(200);
/// What an answer may have: a page of runs, or of a trace with its data.
const ANSWER_BYTES_MAX: usize = 256 * 1024 * 1024;

pub(super) struct Server {
    client: GuardedClient,
    base: Url,
}

impl Server {
    pub(super) fn new(url: &str) -> anyhow::Result<Server> {
        let wrong = || format!("`{url}` is no address of a server, such as http://127.0.0.1:8080");
        let mut base = Url::parse(url).with_context(wrong)?;
        let host = base.host_str().with_context(wrong)?;
        let mut config = ConnectConfig::default();
        // Who names a server wants to reach it.
        config.egress = config
            .egress
            .allow([host.trim_matches(['[', ']']).parse()?]);
        base.set_path(&format!("{}/api/v1/", base.path().trim_end_matches('/')));
        Ok(Server {
            client: GuardedClient::new(&config)?,
            base,
        })
    }

    /// `path` is relative to `/api/v1/`.
    pub(super) async fn get(&self, path: &str) -> anyhow::Result<Value> {
        self.ask(Outgoing::get(self.base.join(path)?)).await
    }

    pub(super) async fn control(&self, run: RunId, control: &Control) -> anyhow::Result<Value> {
        let (name, body) = wire(control);
        let mut headers = HeaderMap::new();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        self.ask(Outgoing {
            method: Method::POST,
            url: self.base.join(&format!("runs/{run}/{name}"))?,
            headers,
            body: Bytes::from(Value::from(body).to_json()),
            identity: None,
        })
        .await
    }

    /// Shows the entries of a trace as they come, each once, until the run has ended. A connection that breaks is made
    /// again, and goes on after the last entry. False if `show` wants no more.
    pub(super) async fn follow(
        &self,
        run: RunId,
        mut show: impl FnMut(&Value) -> bool,
    ) -> anyhow::Result<bool> {
        let mut last: Option<String> = None;
        let mut failures = 0;
        loop {
            let mut request = Outgoing::get(self.base.join(&format!("runs/{run}/events"))?);
            if let Some(last) = last.as_deref().and_then(|last| last.parse().ok()) {
                request.headers.insert("last-event-id", last);
            }
            match self.client.open(request).await {
                Ok(mut answer) if answer.status() == StatusCode::OK => {
                    let mut text = Vec::new();
                    while let Ok(Some(chunk)) = answer.chunk().await {
                        text.extend_from_slice(&chunk);
                        while let Some(message) = Message::take(&mut text) {
                            failures = 0;
                            last = message.id.or(last);
                            match message.event.as_str() {
                                "trace" if !show(&message.data) => return Ok(false),
                                "end" => return Ok(true),
                                "problem" => bail!("{}", problem(&message.data)),
                                _ => {}
                            }
                        }
                        if text.len() > ANSWER_BYTES_MAX {
                            bail!("{} sends what is no stream", self.base);
                        }
                    }
                }
                // There is nothing more.
                Ok(answer) if answer.status() == StatusCode::NO_CONTENT => return Ok(true),
                Ok(answer) if answer.status().is_client_error() => {
                    // The server says why, as it does about the run itself.
                    self.get(&format!("runs/{run}")).await?;
                    bail!("{} answered with {}", self.base, answer.status());
                }
                Ok(_) => {}
                Err(error) if failures >= FAILURES_MAX => return Err(error.into()),
                Err(_) => {}
            }
            failures += 1;
            if failures > FAILURES_MAX {
                bail!("{} does not tell what becomes of the run", self.base);
            }
            tokio::time::sleep(PAUSE * failures).await;
        }
    }

    async fn ask(&self, request: Outgoing) -> anyhow::Result<Value> {
        let answer = self.client.fetch(request, ANSWER_BYTES_MAX).await?;
        let text = std::str::from_utf8(&answer.body).unwrap_or_default();
        let body = Value::parse_json(text);
        if answer.status.is_success() {
            return body.with_context(|| format!("{} did not answer with JSON", self.base));
        }
        match body.ok().filter(|body| body.get("title").is_some()) {
            Some(body) => bail!("{}", problem(&body)),
            None => bail!("{} answered with {}", self.base, answer.status),
        }
    }
}

/// What a server says is wrong.
fn problem(body: &Value) -> String {
    let text = |key: &str| body.get(key).and_then(Value::as_str).unwrap_or_default();
    match (text("title"), text("detail")) {
        (title, "") => title.to_owned(),
        (title, detail) => format!("{title}: {detail}"),
    }
}

/// A message of a stream of Server-Sent Events.
#[derive(Debug, PartialEq)]
struct Message {
    id: Option<String>,
    event: String,
    data: Value,
}

impl Message {
    /// Takes the first whole message out of what came.
    fn take(text: &mut Vec<u8>) -> Option<Message> {
        let end = text.windows(2).position(|pair| pair == b"\n\n")?;
        let block: Vec<u8> = text.drain(..end + 2).collect();
        let mut message = Message {
            id: None,
            event: String::new(),
            data: Value::Null,
        };
        for line in String::from_utf8_lossy(&block).lines() {
            match line.split_once(": ") {
                Some(("id", id)) => message.id = Some(id.to_owned()),
                Some(("event", event)) => message.event = event.to_owned(),
                Some(("data", data)) => message.data = Value::parse_json(data).unwrap_or_default(),
                // A comment.
                _ => {}
            }
        }
        Some(message)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ferrovia_expr::value;

    #[test]
    fn messages_are_taken_when_they_are_whole() {
        let mut text = b": still here\n\nid: 1:0\nevent: trace\ndata: {\"n\":1}\n".to_vec();
        let comment = Message::take(&mut text).expect("it is whole");
        assert_eq!((comment.id, comment.event.as_str()), (None, ""));
        assert_eq!(Message::take(&mut text), None);
        text.extend_from_slice(b"\nevent");
        let expected = Message {
            id: Some("1:0".to_owned()),
            event: "trace".to_owned(),
            data: value!({ "n": 1 }),
        };
        assert_eq!(Message::take(&mut text), Some(expected));
        assert_eq!(text, b"event");
    }
}
