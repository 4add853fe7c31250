//! `ferrovia serve`: definitions of a directory, durable runs, the HTTP surface.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context, bail};
use clap::Args;
use ferrovia_connect::egress::Rule;
use ferrovia_runtime::Node;
use ferrovia_server::{Config, Hosts, People, Tls};
use ferrovia_store::Sqlite;
use tokio::net::TcpListener;
use url::Url;

use crate::args::ReachArgs;
use crate::config::{Config as Settings, Given, Loaded, TlsFiles};
use crate::data::{Data, DataArgs, settled};
use crate::dev::Watcher;
use crate::document::{Document, show};
use crate::durable;
use crate::exit::Exit;
use crate::hooks;
use crate::links::Reach;
use crate::notify::{Outfit, Telling};
use crate::out;
use crate::provider::provider;
use crate::run::{interrupted, read_secrets};
use crate::stored::{Defined, Publishing};

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
A new server has no users: whoever reaches it can start and end runs and read their data, so it listens to this machine
only. It prints a link to make the first administrator, which works once; `ferrovia users add` does it, too. From then on
everybody has to sign in. To listen elsewhere takes an administrator and a certificate (server.tls in ferrovia.toml);
--insecure-listen does without, for instance behind a proxy that encrypts and asks who somebody is.

Exit codes: 0 stopped by a signal, 1 the store failed, 2 a definition or the usage is refused";

#[derive(Args)]
pub(crate) struct ServeArgs {
    /// Workflow definitions, or directories of them; the project's directory and `workflows` in it unless given
    #[arg(value_name = "PATH")]
    paths: Vec<PathBuf>,
    /// Where to listen, 127.0.0.1:8080 unless given; port 0 takes a free one
    #[arg(long, value_name = "ADDRESS")]
    listen: Option<SocketAddr>,
    /// Listen on an address that others can reach without encryption, and even if nobody has to sign in
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

/// Who it serves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mode {
    Serve,
    /// The author of the workflows.
    Dev,
}

/// Serves until a signal stops it.
pub(crate) async fn serve(args: Box<ServeArgs>, mode: Mode) -> Exit {
    match start(&args, mode).await {
        Ok(exit) => exit,
        Err(error) => {
            out::note(format_args!("error: {error:#}"));
            Exit::Refused
        }
    }
}

async fn start(args: &ServeArgs, mode: Mode) -> anyhow::Result<Exit> {
    let loaded = args.data.settings(args.given())?;
    let config = &loaded.config;
    let listen = config.server.listen;
    let public = !listen.ip().is_loopback();
    if public && mode == Mode::Dev {
        bail!("{listen} can be reached from outside; `ferrovia dev` is for this machine");
    }
    let exposed = public && !config.server.insecure_listen;
    let tls = tls(&config.server.tls)?;
    let oidc = provider(config)?;
    if exposed && tls.is_none() {
        bail!(
            "{listen} can be reached from outside, and what is sent there is not encrypted: passwords, keys and data \
             can be read on the way; set server.tls in ferrovia.toml, listen on 127.0.0.1 or [::1], or say \
             --insecure-listen"
        );
    }
    if args.reach.secrets_in_data {
        bail!("--secrets-in-data would write secrets into the journal");
    }
    let stop = interrupted()?;
    let paths = paths(&loaded);
    let files = files(&paths)?;
    let directory = base(&files, &loaded);
    let reach = Arc::new(Reach::new(&reach_args(config, &args.reach)?, &directory)?);
    let defined = match mode {
        Mode::Serve => read_all(&files, &reach).await,
        Mode::Dev => Some(Vec::new()),
    };
    let Some(defined) = defined else {
        return Ok(Exit::Refused);
    };
    let secrets = config.secrets.file.as_deref();
    let secrets = secrets.map(read_secrets).transpose()?;
    let secrets = secrets.unwrap_or_default();
    let outfit = Outfit::new(config, reach.connectors.client.clone(), &secrets);
    let telling = outfit.plan()?;
    let webhooks = hooks::hooks(config, &outfit)?;
    let data = Data(config.data.directory.clone());
    let journal = data.open()?;
    let people = journal.clone();
    let people = tokio::task::spawn_blocking(move || People::open(people)).await??;
    if exposed && !people.has_administrator() {
        bail!(
            "{listen} can be reached from outside, and nobody has to sign in yet: whoever reaches it can start and end \
             runs and read their data; start on 127.0.0.1 first and make an administrator, or say --insecure-listen"
        );
    }
    let vault = durable::vault(config, journal.clone(), secrets)?;
    let node = durable::open(
        config,
        journal.clone(),
        reach.connectors.executors.iter().cloned().collect(),
        Arc::new(vault.clone()),
    )
    .await?;
    define(&node, defined).await?;
    let mut watcher = Watcher::new(node.clone(), paths.clone(), reach.clone());
    if mode == Mode::Dev {
        watcher.look().await;
    }
    if mode == Mode::Serve && node.definitions().iter().next().is_none() {
        let shown: Vec<_> = paths
            .iter()
            .map(|path| path.display().to_string())
            .collect();
        bail!("there is no workflow definition in {}", shown.join(", "));
    }
    hooks::remark(config, &node);
    let listener = TcpListener::bind(listen)
        .await
        .with_context(|| listen.to_string())?;
    let address = listener.local_addr()?;
    let url = match (&tls, config.server.hosts.first()) {
        (None, _) => format!("http://{address}"),
        // What the certificate is probably for.
        (Some(_), Some(host)) => format!("https://{host}:{}", address.port()),
        (Some(_), None) => format!("https://{address}"),
    };
    let announced = data.announce(&url, &people.operator_key())?;
    if let Some(token) = people.set_up_token().await? {
        out::note(format_args!(
            "nobody has to sign in yet; make the first administrator at {url}/setup#token={}",
            *token
        ));
    }
    let exit = out::result(
        &format!("serving at {url}, runs are kept in {}", data.0.display()),
        Exit::Completed,
    );
    let Telling { lifecycle, alerts } = telling.begin(&node).await;
    let mut names = config.server.hosts.clone();
    // The provider sends browsers back to the one, senders of webhooks are told the other.
    let called = oidc.as_ref().map(|(oidc, _)| oidc.public_url.as_str());
    let called = [called, config.server.public_url.as_deref()];
    let called = called.into_iter().flatten();
    let called = called.filter_map(|url| Url::parse(url).ok());
    names.extend(called.filter_map(|url| url.host_str().map(str::to_owned)));
    let config = Config {
        lifecycle,
        alerts,
        webhooks,
        hosts: Hosts {
            names,
            addresses: public,
        },
        people: Some(people),
        publisher: Some(Arc::new(Publishing { reach, directory })),
        vault: Some(vault),
        tls,
        oidc,
        ..Config::default()
    };
    let failed = node.clone();
    let watched = async {
        match mode {
            Mode::Serve => std::future::pending().await,
            Mode::Dev => watcher.watch().await,
        }
    };
    let exit = tokio::select! {
        () = watched => Exit::Internal,
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

fn tls(files: &TlsFiles) -> anyhow::Result<Option<Tls>> {
    match (&files.certificate, &files.key) {
        (None, None) => Ok(None),
        (Some(certificate), Some(key)) => Ok(Some(Tls::read(certificate, key)?)),
        (Some(_), None) => bail!("`server.tls.key` is missing: a certificate needs its key"),
        (None, Some(_)) => bail!("`server.tls.certificate` is missing: a key needs a certificate"),
    }
}

/// Makes the definitions known. One that is known with other content is refused: runs keep what they started with, and
/// nobody could tell which of the two a name means.
async fn define(node: &Node, defined: Vec<Defined>) -> anyhow::Result<()> {
    for Defined { plan, text, links } in defined {
        let identity = plan.identity.to_string();
        node.publish_definition(plan, &text, links.as_bytes())
            .await?;
        out::note(format_args!("  {identity}"));
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

fn paths(loaded: &Loaded) -> Vec<PathBuf> {
    let given = &loaded.config.server.workflows;
    if !given.is_empty() {
        return given.clone();
    }
    let beside = loaded.directory.join(WORKFLOWS);
    let beside = beside.is_dir().then_some(beside);
    [loaded.directory.clone()]
        .into_iter()
        .chain(beside)
        .collect()
}

/// What relative paths of calls are seen from: the directory of the definitions if all lie in one, else the project's.
fn base(files: &[PathBuf], loaded: &Loaded) -> PathBuf {
    let mut directories: Vec<_> = files.iter().map(|file| file.parent()).collect();
    directories.dedup();
    match directories.as_slice() {
        [Some(one)] if !one.as_os_str().is_empty() => (*one).to_owned(),
        _ => loaded.directory.clone(),
    }
}

/// What may be reached, as the settings say.
fn reach_args(config: &Settings, given: &ReachArgs) -> anyhow::Result<ReachArgs> {
    let rules = |name: &str, rules: &[String]| -> anyhow::Result<Vec<Rule>> {
        let read = |rule: &String| {
            let read = rule.parse::<Rule>();
            read.map_err(|error| anyhow::anyhow!("`{name}`: `{rule}`: {error}"))
        };
        rules.iter().map(read).collect()
    };
    Ok(ReachArgs {
        offline: given.offline,
        allow_net: rules("network.allow", &config.network.allow)?,
        deny_net: rules("network.deny", &config.network.deny)?,
        ca_cert: config.network.ca_certificate.clone(),
        secrets_in_data: false,
    })
}

impl ServeArgs {
    /// What the command line says of the settings. Each takes the place of what the file says.
    fn given(&self) -> Given {
        let mut given = Given::new();
        let texts = |texts: &mut dyn Iterator<Item = String>| texts.collect::<Vec<_>>().into();
        let path = |path: &Path| path.to_string_lossy().into_owned();
        if let Some(listen) = self.listen {
            given.push(("server.listen", listen.to_string().into()));
        }
        if self.insecure_listen {
            given.push(("server.insecure_listen", true.into()));
        }
        if !self.host.is_empty() {
            given.push(("server.hosts", texts(&mut self.host.iter().cloned())));
        }
        if !self.paths.is_empty() {
            let mut paths = self.paths.iter().map(|at| path(at));
            given.push(("server.workflows", texts(&mut paths)));
        }
        if let Some(secrets) = &self.secrets {
            given.push(("secrets.file", path(secrets).into()));
        }
        if let Some(certificate) = &self.reach.ca_cert {
            given.push(("network.ca_certificate", path(certificate).into()));
        }
        for (name, rules) in [
            ("network.allow", &self.reach.allow_net),
            ("network.deny", &self.reach.deny_net),
        ] {
            if !rules.is_empty() {
                given.push((name, texts(&mut rules.iter().map(Rule::to_string))));
            }
        }
        given
    }
}

/// The files that were named, and the definitions in the directories that were.
pub(crate) fn files(paths: &[PathBuf]) -> anyhow::Result<Vec<PathBuf>> {
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
