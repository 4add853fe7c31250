//! A server, over its HTTP surface.

mod stream;

use std::path::PathBuf;

use anyhow::{Context, bail};
use bytes::Bytes;
use clap::Args;
use ferrovia_connect::ConnectConfig;
use ferrovia_connect::client::{GuardedClient, Outgoing};
use ferrovia_expr::Value;
use http::header::{AUTHORIZATION, CONTENT_TYPE};
use http::{HeaderMap, HeaderValue, Method};
use url::Url;

use crate::args::Output;
use crate::data::{DataArgs, Serving};
use crate::read::Source;

/// What an answer may have: a page of runs, or of a trace with its data.
const ANSWER_BYTES_MAX: usize = 256 * 1024 * 1024;
/// A file with an API key.
const KEY_FILE_BYTES_MAX: u64 = 1_024;
/// Where an API key may be without a file.
const KEY_VARIABLE: &str = "FERROVIA_API_KEY";

/// Which server, and how to show who asks.
#[derive(Args)]
pub(crate) struct ServerArgs {
    /// The server; that of the data directory unless given
    #[arg(long, value_name = "URL", global = true)]
    pub(crate) server: Option<String>,
    /// A file with the API key for --server; that in FERROVIA_API_KEY unless given
    #[arg(long, value_name = "FILE", global = true, requires = "server")]
    key_file: Option<PathBuf>,
}

/// What every command has that asks a server.
#[derive(Args)]
pub(crate) struct AskArgs {
    #[command(flatten)]
    server: ServerArgs,
    /// How the result is printed
    #[arg(long, value_enum, default_value_t, global = true)]
    pub(crate) output: Output,
    #[command(flatten)]
    pub(crate) data: DataArgs,
}

impl AskArgs {
    /// The server that was named, or the one that has the data directory.
    pub(crate) fn server(&self) -> anyhow::Result<Server> {
        self.server.any(&self.data)
    }
}

impl ServerArgs {
    /// The server that was named, if one was.
    pub(crate) fn named(&self, data: &DataArgs) -> anyhow::Result<Option<Server>> {
        let Some(url) = &self.server else {
            return Ok(None);
        };
        let key = match &self.key_file {
            Some(path) => {
                let text = Source::File(path).text(KEY_FILE_BYTES_MAX);
                Some(text.map_err(|why| anyhow::anyhow!("{}: {why}", path.display()))?)
            }
            // Not an option: what is on a command line, every user of the machine can see.
            None => std::env::var(KEY_VARIABLE).ok(),
        };
        let key = key.map(|key| key.trim().to_owned());
        Server::new(url, key.filter(|key| !key.is_empty()), data).map(Some)
    }

    /// The server that was named, or the one that has the data directory.
    pub(crate) fn any(&self, data: &DataArgs) -> anyhow::Result<Server> {
        if let Some(named) = self.named(data)? {
            return Ok(named);
        }
        let directory = data.directory()?;
        match directory.server() {
            Some(serving) => Server::local(serving, data),
            None => bail!(
                "no server has {}; start `ferrovia serve`, or name one with --server",
                directory.0.display()
            ),
        }
    }
}

pub(crate) struct Server {
    client: GuardedClient,
    base: Url,
    key: Option<HeaderValue>,
}

impl Server {
    /// The server of a data directory.
    pub(crate) fn local(serving: Serving, data: &DataArgs) -> anyhow::Result<Server> {
        Server::new(&serving.url, serving.key, data)
    }

    fn new(url: &str, key: Option<String>, data: &DataArgs) -> anyhow::Result<Server> {
        let wrong = || format!("`{url}` is no address of a server, such as http://127.0.0.1:8080");
        let mut base = Url::parse(url).with_context(wrong)?;
        let host = base.host_str().with_context(wrong)?;
        let mut config = ConnectConfig::default();
        // Who names a server wants to reach it.
        config.egress = config
            .egress
            .allow([host.trim_matches(['[', ']']).parse()?]);
        if base.scheme() == "https" {
            let settings = data.settings(Vec::new())?.config;
            if let Some(path) = settings.network.ca_certificate {
                let pem = std::fs::read_to_string(&path);
                config.extra_roots_pem = Some(pem.with_context(|| path.display().to_string())?);
            }
        }
        base.set_path(&format!("{}/api/v1/", base.path().trim_end_matches('/')));
        let key = key.map(|key| {
            let mut header = HeaderValue::from_str(&format!("Bearer {key}"))
                .ok()
                .context("this is no API key")?;
            header.set_sensitive(true);
            anyhow::Ok(header)
        });
        Ok(Server {
            client: GuardedClient::new(&config)?,
            base,
            key: key.transpose()?,
        })
    }

    /// `path` is relative to `/api/v1/`.
    pub(crate) async fn get(&self, path: &str) -> anyhow::Result<Value> {
        self.ask(Method::GET, path, None).await
    }

    /// Sends a request, with a body of JSON if there is one. `path` is relative to `/api/v1/`.
    pub(crate) async fn ask(
        &self,
        method: Method,
        path: &str,
        body: Option<&Value>,
    ) -> anyhow::Result<Value> {
        let mut headers = HeaderMap::new();
        if let Some(key) = &self.key {
            headers.insert(AUTHORIZATION, key.clone());
        }
        if body.is_some() {
            headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        }
        let request = Outgoing {
            method,
            url: self.base.join(path)?,
            headers,
            body: body.map_or_else(Bytes::new, |body| Bytes::from(body.to_json())),
            identity: None,
        };
        let answer = self.client.fetch(request, ANSWER_BYTES_MAX).await?;
        let text = std::str::from_utf8(&answer.body).unwrap_or_default();
        if answer.status.is_success() && text.is_empty() {
            return Ok(Value::Null);
        }
        let body = Value::parse_json(text);
        if answer.status.is_success() {
            return body.with_context(|| format!("{} did not answer with JSON", self.base));
        }
        if answer.status == http::StatusCode::UNAUTHORIZED {
            bail!(
                "{} does not know who asks: send an API key with --key-file or {KEY_VARIABLE}",
                self.base
            );
        }
        match body.ok().filter(|body| body.get("title").is_some()) {
            Some(body) => bail!("{}", problem(&body)),
            None => bail!("{} answered with {}", self.base, answer.status),
        }
    }
}

/// One part of a path, as it has to be written there.
pub(crate) fn part(text: &str) -> String {
    url::form_urlencoded::byte_serialize(text.as_bytes())
        .collect::<String>()
        .replace('+', "%20")
}

/// What a server says is wrong.
fn problem(body: &Value) -> String {
    let text = |key: &str| body.get(key).and_then(Value::as_str).unwrap_or_default();
    match (text("title"), text("detail")) {
        (title, "") => title.to_owned(),
        (title, detail) => format!("{title}: {detail}"),
    }
}
