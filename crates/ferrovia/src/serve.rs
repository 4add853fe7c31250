//! `ferrovia serve`: definitions of a directory, durable runs, the HTTP surface.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use clap::Args;
use ferrovia_dsl::plan::VersionReq;
use ferrovia_runtime::Node;
use ferrovia_server::{Config, Hosts};
use ferrovia_store::Sqlite;
use tokio::net::TcpListener;

use crate::args::ReachArgs;
use crate::data::{Data, DataArgs, settled};
use crate::document::{Document, show};
use crate::durable;
use crate::exit::Exit;
use crate::links::Reach;
use crate::out;
use crate::run::{interrupted, read_secrets};
use crate::stored::Defined;

/// Files that one start reads.
const FILES_MAX: usize = 1_000;
/// Where definitions are looked for besides the current directory, unless the command line says.
const WORKFLOWS: &str = "workflows";

pub(crate) const EXAMPLES: &str = "Examples:
  ferrovia serve
  ferrovia serve workflows/ --listen 127.0.0.1:9000 --data /var/lib/ferrovia
  curl -s 'localhost:8080/api/v1/runs?wait=20s' --json '{\"workflow\": \"shop/order\", \"input\": {\"orderId\": 7}}'
  curl -s localhost:8080/api/v1/events --json '{\"id\": \"1\", \"source\": \"/me\", \"type\": \"com.example.paid\"}'

Runs survive the end of the process, however it ends: start it again on the same data directory, and they go on.
The server listens to this machine only, because nobody has to sign in yet: who reaches it can start and end runs and
read their data. --insecure-listen lets it listen elsewhere all the same, for instance behind a proxy that asks who
somebody is.

Exit codes: 0 stopped by a signal, 1 the store failed, 2 a definition or the usage is refused";

#[derive(Args)]
pub(crate) struct ServeArgs {
    /// Workflow definitions, or directories of them; the current directory and `workflows` unless given
    #[arg(value_name = "PATH")]
    paths: Vec<PathBuf>,
    /// Where to listen; port 0 takes a free one
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:8080")]
    listen: SocketAddr,
    /// Listen on an address that others can reach, although nobody has to sign in
    #[arg(long)]
    insecure_listen: bool,
    /// A further name that requests may call this server by
    #[arg(long, value_name = "NAME")]
    host: Vec<String>,
    #[command(flatten)]
    data: DataArgs,
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
            out::note(format_args!("error: {error:#}"));
            Exit::Refused
        }
    }
}

async fn start(args: &ServeArgs) -> anyhow::Result<Exit> {
    let public = !args.listen.ip().is_loopback();
    if public && !args.insecure_listen {
        bail!(
            "{} can be reached from outside, and nobody has to sign in yet: whoever reaches it can start and end runs \
             and read their data; listen on 127.0.0.1 or [::1], or say --insecure-listen",
            args.listen
        );
    }
    if args.reach.secrets_in_data {
        bail!("--secrets-in-data would write secrets into the journal");
    }
    let stop = interrupted()?;
    let paths = paths(&args.paths);
    let files = files(&paths)?;
    let reach = Reach::new(&args.reach, &base(&files))?;
    let Some(defined) = read_all(&files, &reach).await else {
        return Ok(Exit::Refused);
    };
    let secrets = args.secrets.as_deref().map(read_secrets).transpose()?;
    let data = Data(&args.data.data);
    let journal = data.open()?;
    let node = durable::open(
        journal.clone(),
        reach.connectors.executors.into_iter().collect(),
        secrets.unwrap_or_default(),
    )
    .await?;
    define(&node, defined).await?;
    if node.definitions().iter().next().is_none() {
        let shown: Vec<_> = paths
            .iter()
            .map(|path| path.display().to_string())
            .collect();
        bail!("there is no workflow definition in {}", shown.join(", "));
    }
    let listener = TcpListener::bind(args.listen)
        .await
        .with_context(|| args.listen.to_string())?;
    let url = format!("http://{}", listener.local_addr()?);
    let announced = data.announce(&url)?;
    let exit = out::result(
        &format!("serving at {url}, runs are kept in {}", data.0.display()),
        Exit::Completed,
    );
    let config = Config {
        hosts: Hosts {
            names: args.host.clone(),
            addresses: public,
        },
    };
    let failed = node.clone();
    let exit = tokio::select! {
        served = ferrovia_server::serve(listener, node, config, stop) => {
            served?;
            failed.drain(ferrovia_server::GRACE).await;
            settled(&*journal as &Sqlite).await;
            exit
        }
        why = failed.failed() => {
            out::note(format_args!("error: {why}"));
            Exit::Internal
        }
    };
    drop(announced);
    Ok(exit)
}

/// Makes the definitions known. One that is known with other content is refused: runs keep what they started with, and
/// nobody could tell which of the two a name means.
async fn define(node: &Node, defined: Vec<Defined>) -> anyhow::Result<()> {
    for Defined { plan, text, links } in defined {
        let identity = &plan.identity;
        let version = VersionReq::Exact(identity.version.clone());
        let definitions = node.definitions();
        let known = definitions.find(&identity.namespace, &identity.name, &version);
        if known.is_some_and(|known| known.hash != plan.hash) {
            bail!(
                "{identity} is kept with other content, which its runs go on with; give the changed definition another version"
            );
        }
        out::note(format_args!("  {identity}"));
        node.define(plan, &text, links.as_bytes()).await?;
    }
    Ok(())
}

/// All definitions, compiled; nothing if one of them is refused.
async fn read_all(files: &[PathBuf], reach: &Reach) -> Option<Vec<Defined>> {
    let (mut read, mut refused) = (Vec::new(), false);
    for path in files {
        let document = match Document::read(path) {
            Ok((document, findings)) => document
                .compile(reach, findings)
                .await
                .map(|ready| (document, ready)),
            Err(why) => Err(why),
        };
        match document {
            Ok((document, ready)) => {
                show(&ready.warnings, &document.name, &document.text);
                read.push(Defined {
                    plan: ready.plan,
                    text: document.text,
                    links: ready.links.keep(),
                });
            }
            Err(why) => {
                why.explain();
                refused = true;
            }
        }
    }
    (!refused).then_some(read)
}

fn paths(given: &[PathBuf]) -> Vec<PathBuf> {
    if !given.is_empty() {
        return given.to_vec();
    }
    let beside = Path::new(WORKFLOWS);
    let beside = beside.is_dir().then(|| beside.to_owned());
    [PathBuf::from(".")].into_iter().chain(beside).collect()
}

/// What relative paths of calls are seen from: the directory of the definitions, if all lie in one.
fn base(files: &[PathBuf]) -> PathBuf {
    let mut directories: Vec<_> = files.iter().map(|file| directory_of(file)).collect();
    directories.dedup();
    match directories.as_slice() {
        [one] => one.clone(),
        _ => PathBuf::from("."),
    }
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
    // One that cannot be parsed is meant to be a definition if it begins like one; then its findings are shown.
    named
        && std::fs::read_to_string(path).is_ok_and(|text| {
            ferrovia_dsl::source::parse(&text).map_or_else(
                |_| text.lines().any(|line| line.starts_with("document:")),
                |root| root.get("document").is_some() && root.get("do").is_some(),
            )
        })
}

fn directory_of(path: &Path) -> PathBuf {
    path.parent()
        .filter(|parent| !parent.as_os_str().is_empty())
        .unwrap_or(Path::new("."))
        .to_owned()
}
