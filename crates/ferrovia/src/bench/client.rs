//! A client that starts runs and waits for their ends: over HTTP, as lean as can be, or in this process.

use std::net::SocketAddr;
use std::sync::Arc;

use anyhow::{anyhow, bail};
use ferrovia_dsl::plan::Plan;
use ferrovia_engine::Ending;
use ferrovia_expr::Value;
use ferrovia_runtime::Node;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::bed::request;

/// An answer, with its head.
const ANSWER_BYTES_MAX: usize = 64 * 1024;

/// How runs are started.
#[derive(Clone)]
pub(super) enum Way {
    Http(SocketAddr),
    InProcess(Node),
}

impl Way {
    pub(super) fn name(&self) -> &'static str {
        match self {
            Way::Http(_) => "http",
            Way::InProcess(_) => "in process",
        }
    }

    pub(super) async fn client(&self, plan: &Arc<Plan>, input: &Value) -> anyhow::Result<Client> {
        Ok(match self {
            Way::Http(address) => Client::Http(Connection::open(*address, plan, input).await?),
            Way::InProcess(node) => Client::InProcess(node.clone(), plan.clone(), input.clone()),
        })
    }
}

pub(super) enum Client {
    Http(Connection),
    InProcess(Node, Arc<Plan>, Value),
}

impl Client {
    /// One run, from its start to its end, which has to be a completed one.
    pub(super) async fn run(&mut self) -> anyhow::Result<()> {
        match self {
            Client::Http(connection) => connection.run().await,
            Client::InProcess(node, plan, input) => {
                let (_, hearing) = node.start_and_hear(request(plan, input.clone())).await?;
                match hearing.ending().await {
                    Some(Ending::Completed(_)) => Ok(()),
                    Some(Ending::Faulted(error)) => Err(anyhow!("a run faulted: {error}")),
                    Some(Ending::Cancelled { .. }) => Err(anyhow!("a run was cancelled")),
                    None => Err(anyhow!("a run was lost")),
                }
            }
        }
    }
}

/// A connection that is kept, and the one request that goes over it again and again.
pub(super) struct Connection {
    stream: TcpStream,
    request: Vec<u8>,
    answer: Vec<u8>,
}

impl Connection {
    async fn open(address: SocketAddr, plan: &Plan, input: &Value) -> anyhow::Result<Connection> {
        let identity = &plan.identity;
        let body = format!(
            r#"{{"workflow":"{}/{}","input":{}}}"#,
            identity.namespace,
            identity.name,
            input.to_json()
        );
        Connection::prepare(address, &body).await
    }

    /// A connection over which runs are started with this body.
    pub(super) async fn prepare(address: SocketAddr, body: &str) -> anyhow::Result<Connection> {
        let stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        let request = format!(
            "POST /api/v1/runs?wait=60s HTTP/1.1\r\nhost: {address}\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
            body.len()
        );
        Ok(Connection {
            stream,
            request: request.into_bytes(),
            answer: Vec::with_capacity(1024),
        })
    }

    pub(super) async fn run(&mut self) -> anyhow::Result<()> {
        self.stream.write_all(&self.request).await?;
        self.answer.clear();
        loop {
            if self.stream.read_buf(&mut self.answer).await? == 0 {
                bail!("the server closed the connection");
            }
            if let Some(body) = whole(&self.answer)? {
                if self.answer.starts_with(b"HTTP/1.1 200 ")
                    && contains(body, br#""status":"completed""#)
                {
                    return Ok(());
                }
                bail!(
                    "the server answered {}",
                    String::from_utf8_lossy(&self.answer)
                );
            }
            if self.answer.len() > ANSWER_BYTES_MAX {
                bail!("the answer is too large");
            }
        }
    }
}

/// The body of an answer that has come as a whole.
fn whole(answer: &[u8]) -> anyhow::Result<Option<&[u8]>> {
    let Some(head) = answer.windows(4).position(|window| window == b"\r\n\r\n") else {
        return Ok(None);
    };
    let (head, body) = answer.split_at(head + 4);
    let lines = head.split(|byte| *byte == b'\n');
    let length = lines.filter_map(|line| std::str::from_utf8(line).ok()?.split_once(':'));
    let length = length
        .filter(|(name, _)| name.eq_ignore_ascii_case("content-length"))
        .find_map(|(_, length)| length.trim().parse::<usize>().ok())
        .ok_or_else(|| anyhow!("the answer does not say how long it is"))?;
    Ok((body.len() >= length).then_some(body))
}

fn contains(body: &[u8], part: &[u8]) -> bool {
    body.windows(part.len()).any(|window| window == part)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_whole_when_its_body_has_come() {
        let answer = b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\n";
        assert_eq!(whole(&answer[..20]).expect("so far it is right"), None);
        assert_eq!(
            whole(&[answer, b"ab".as_slice()].concat()).expect("it is right"),
            None
        );
        let all = [answer, b"abcd".as_slice()].concat();
        assert_eq!(whole(&all).expect("it is right"), Some(b"abcd".as_slice()));
        assert!(whole(b"HTTP/1.1 200 OK\r\n\r\n").is_err());
    }
}
