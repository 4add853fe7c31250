//! Follows a run over a stream of Server-Sent Events.

use std::time::Duration;

use anyhow::bail;
use ferrovia_connect::client::Outgoing;
use ferrovia_expr::Value;
use ferrovia_store::RunId;
use http::StatusCode;
use http::header::AUTHORIZATION;

use super::{ANSWER_BYTES_MAX, Server, problem};

/// Connections in a row that bring nothing before the server is given up.
const FAILURES_MAX: u32 = 5;
/// How long it is left alone after the first of them.
const PAUSE: Duration = Duration::from_millis(200);

impl Server {
    /// Shows the entries of a trace as they come, each once, until the run has ended. A connection that breaks is made
    /// again, and goes on after the last entry. False if `show` wants no more.
    pub(crate) async fn follow(
        &self,
        run: RunId,
        mut show: impl FnMut(&Value) -> bool,
    ) -> anyhow::Result<bool> {
        let mut last: Option<String> = None;
        let mut failures = 0;
        loop {
            let mut request = Outgoing::get(self.base.join(&format!("runs/{run}/events"))?);
            if let Some(key) = &self.key {
                request.headers.insert(AUTHORIZATION, key.clone());
            }
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
