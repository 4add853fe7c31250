//! `ferrovia serve`: definitions of a directory, durable runs, the HTTP surface.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context, bail};
use clap::Args;
use ferrovia_dsl::compile::{Links, Options, SecretsInData, compile};
use ferrovia_dsl::plan::Plan;
use ferrovia_engine::RuntimeInfo;
use ferrovia_expr::{Object, Value};
use ferrovia_runtime::{Compiler, Node, NodeConfig};
use ferrovia_store::{Definition, Sqlite};
use tokio::net::TcpListener;

use crate::args::ReachArgs;
use crate::document::{Document, show};
use crate::exit::Exit;
use crate::links::Reach;

/// Effects that are carried out at the same time.
const CONCURRENT_EFFECTS: usize = 256;
/// Files that one start reads.
const FILES_MAX: usize = 1_000;
/// The database in the data directory.
const DATABASE: &str = "ferrovia.db";

pub(crate) const EXAMPLES: &str = "Examples:
  ferrovia serve workflows/
  ferrovia serve order.yaml --listen 127.0.0.1:9000 --data /var/lib/ferrovia
  curl -s 'localhost:8080/api/v1/runs?wait=20' -d '{\"workflow\": \"shop/order\", \"input\": {\"orderId\": 7}}'
  curl -s localhost:8080/api/v1/events -d '{\"id\": \"1\", \"source\": \"/me\", \"type\": \"com.example.paid\"}'

Runs survive the end of the process: start it again on the same data directory, and they go on.

Exit codes: 0 stopped by a signal, 2 a definition or the usage is refused, 1 the store failed";

#[derive(Args)]
pub(crate) struct ServeArgs {
    /// Workflow definitions, or directories of them
    #[arg(value_name = "PATH", default_value = ".")]
    paths: Vec<PathBuf>,
    /// Where to listen; only addresses of this machine, since nobody has to sign in yet
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:8080")]
    listen: SocketAddr,
    /// Where runs are kept
    #[arg(long, value_name = "DIRECTORY", default_value = ".ferrovia")]
    data: PathBuf,
    /// Secrets by name, as a JSON object
    #[arg(long, value_name = "FILE")]
    secrets: Option<PathBuf>,
    #[command(flatten)]
    reach: ReachArgs,
}

/// Serves until a signal stops it.
pub(crate) async fn serve(args: Box<ServeArgs>) -> Exit {
    match start(&args).await {
        Ok(exit) => exit,
        Err(error) => {
            anstream::eprintln!("error: {error:#}");
            Exit::Refused
        }
    }
}

async fn start(args: &ServeArgs) -> anyhow::Result<Exit> {
    if !args.listen.ip().is_loopback() {
        bail!(
            "{} can be reached from outside, and nobody has to sign in yet: listen on 127.0.0.1 or [::1]",
            args.listen
        );
    }
    let directory = args
        .paths
        .first()
        .map(|path| directory_of(path))
        .unwrap_or_default();
    let reach = Reach::new(&args.reach, &directory)?;
    let Some(definitions) = read_all(&args.paths, &reach).await? else {
        return Ok(Exit::Refused);
    };
    std::fs::create_dir_all(&args.data).with_context(|| args.data.display().to_string())?;
    let journal = Sqlite::open(args.data.join(DATABASE), ferrovia_store::Options::default())?;
    let secrets = args
        .secrets
        .as_deref()
        .map(crate::run::read_secrets)
        .transpose()?;
    let compiler = Recompile {
        secrets_in_data: args.reach.secrets_in_data,
    };
    let node = Node::open(NodeConfig {
        journal: Arc::new(journal),
        executors: reach.connectors.executors.into_iter().collect(),
        compiler: Arc::new(compiler),
        runtime: RuntimeInfo {
            name: "Ferrovia".into(),
            version: env!("CARGO_PKG_VERSION").into(),
            metadata: Object::default().into(),
        },
        secrets: secrets.map(Value::from).unwrap_or_default(),
        concurrent_effects: CONCURRENT_EFFECTS,
        salt: rand::random(),
    })
    .await?;
    for (plan, text, links) in definitions {
        anstream::eprintln!("  {}", plan.identity);
        node.define(plan, &text, links.as_bytes()).await?;
    }
    let listener = TcpListener::bind(args.listen)
        .await
        .with_context(|| args.listen.to_string())?;
    anstream::eprintln!(
        "serving at http://{}, runs are kept in {}",
        listener.local_addr()?,
        args.data.display()
    );
    let failed = node.clone();
    tokio::select! {
        served = ferrovia_server::serve(listener, node, stopped()) => served.map(|()| Exit::Completed).map_err(Into::into),
        why = failed.failed() => {
            anstream::eprintln!("error: {why}");
            Ok(Exit::Internal)
        }
    }
}

type Read = (Arc<Plan>, String, String);

/// All definitions, compiled; nothing if one of them is refused.
async fn read_all(paths: &[PathBuf], reach: &Reach) -> anyhow::Result<Option<Vec<Read>>> {
    let (mut read, mut refused) = (Vec::new(), false);
    for path in files(paths)? {
        let document = match Document::read(&path) {
            Ok((document, findings)) => document
                .compile(reach, findings)
                .await
                .map(|ready| (document, ready)),
            Err(why) => Err(why),
        };
        match document {
            Ok((document, ready)) => {
                show(&ready.warnings, &document.name, &document.text);
                read.push((ready.plan, document.text, ready.links.keep()));
            }
            Err(why) => {
                why.explain();
                refused = true;
            }
        }
    }
    if read.is_empty() && !refused {
        bail!("there is no workflow definition in {}", paths[0].display());
    }
    Ok((!refused).then_some(read))
}

/// The files that were named, and the definitions in the directories that were.
fn files(paths: &[PathBuf]) -> anyhow::Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    for path in paths {
        if !path.is_dir() {
            files.push(path.clone());
            continue;
        }
        let entries = std::fs::read_dir(path).with_context(|| path.display().to_string())?;
        let mut inside: Vec<_> = entries
            .filter_map(|entry| Some(entry.ok()?.path()))
            .filter(|path| is_definition(path))
            .collect();
        inside.sort();
        files.extend(inside);
    }
    if files.len() > FILES_MAX {
        bail!("there are more than {FILES_MAX} definitions");
    }
    Ok(files)
}

/// Other YAML and JSON files may lie beside definitions.
fn is_definition(path: &Path) -> bool {
    let named = matches!(
        path.extension().and_then(|extension| extension.to_str()),
        Some("yaml" | "yml" | "json")
    );
    named
        && std::fs::read_to_string(path).is_ok_and(|text| {
            ferrovia_dsl::source::parse(&text).is_ok_and(|root| root.get("document").is_some())
        })
}

fn directory_of(path: &Path) -> PathBuf {
    if path.is_dir() {
        return path.to_owned();
    }
    path.parent()
        .filter(|parent| !parent.as_os_str().is_empty())
        .unwrap_or(Path::new("."))
        .to_owned()
}

/// Compiles what the store holds.
struct Recompile {
    secrets_in_data: bool,
}

impl Compiler for Recompile {
    fn compile(&self, definition: &Definition) -> Result<Arc<Plan>, String> {
        let root = ferrovia_dsl::source::parse(&definition.text)
            .map_err(|_| "its text cannot be read".to_owned())?;
        let links = std::str::from_utf8(&definition.links).map_err(|error| error.to_string())?;
        let links = if links.is_empty() {
            Links::default()
        } else {
            Links::kept(links)?
        };
        let secrets_in_data = if self.secrets_in_data {
            SecretsInData::Allow
        } else {
            SecretsInData::Refuse
        };
        let compiled = compile(&definition.text, &root, &links, Options { secrets_in_data });
        let compiled = compiled.map_err(|findings| {
            findings
                .first()
                .map_or_else(String::new, |finding| finding.message.clone())
        })?;
        Ok(Arc::new(compiled.plan))
    }
}

/// Completes when somebody wants the process to stop.
async fn stopped() {
    use tokio::signal::unix::{SignalKind, signal};
    let Ok(mut terminate) = signal(SignalKind::terminate()) else {
        return std::future::pending().await;
    };
    tokio::select! {
        _ = terminate.recv() => {}
        interrupted = tokio::signal::ctrl_c() => if interrupted.is_err() { std::future::pending::<()>().await },
    }
}
