//! A server that has runs, over its HTTP surface.

use anyhow::{Context, bail};
use bytes::Bytes;
use ferrovia_connect::ConnectConfig;
use ferrovia_connect::client::{GuardedClient, Outgoing};
use ferrovia_expr::Value;
use ferrovia_runtime::shard::Control;
use ferrovia_store::RunId;
use http::header::CONTENT_TYPE;
use http::{HeaderMap, HeaderValue, Method};
use url::Url;

use super::wire;

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

    async fn ask(&self, request: Outgoing) -> anyhow::Result<Value> {
        let answer = self.client.fetch(request, ANSWER_BYTES_MAX).await?;
        let text = std::str::from_utf8(&answer.body).unwrap_or_default();
        let body = Value::parse_json(text);
        if answer.status.is_success() {
            return body.with_context(|| format!("{} did not answer with JSON", self.base));
        }
        let text = |key: &str| body.as_ref().ok()?.get(key)?.as_str().map(str::to_owned);
        match (text("title"), text("detail")) {
            (Some(title), Some(detail)) => bail!("{title}: {detail}"),
            (Some(title), None) => bail!("{title}"),
            (None, _) => bail!("{} answered with {}", self.base, answer.status),
        }
    }
}
