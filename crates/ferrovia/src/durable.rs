//! `ferrovia run --durable`: one workflow on the journal of a data directory.

use std::io::IsTerminal;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;

use ferrovia_engine::Ending;
use ferrovia_expr::{Object, Value};
use ferrovia_runtime::{
    Ended, Executors, Node, NodeConfig, Observer, Report, SecretSource, Silent, StartRequest,
};
use ferrovia_server::seal::{KEYS_VARIABLE, Keyring};
use ferrovia_server::{KeysIn, Vault};
use ferrovia_store::Journal;
use zeroize::Zeroizing;

use crate::args::{Output, RunArgs};
use crate::config::Config;
use crate::data::{Data, settled};
use crate::definitions;
use crate::document::{Document, show};
use crate::exit::Exit;
use crate::follow::Follower;
use crate::links::Reach;
use crate::out;
use crate::progress::Progress;
use crate::result::{self, Origin, Origins};
use crate::run::{Failure, interrupted, read_events, read_input, read_secrets};
use crate::stored::{Defined, Recompile, runtime};
use crate::trace::Trace;

/// How often what has happened is shown.
const LOOK: Duration = Duration::from_millis(100);

/// The key of the secrets, where the settings name no file.
const KEY_FILE: &str = "secrets.key";

/// Opens the secrets that a journal keeps, with those of a file behind them.
pub(crate) fn vault(
    config: &Config,
    journal: Arc<dyn Journal>,
    beside: Object,
) -> anyhow::Result<Vault> {
    let keys = match std::env::var(KEYS_VARIABLE) {
        Ok(text) => {
            let text = Zeroizing::new(text);
            KeysIn::Given(Keyring::parse(&text).context(KEYS_VARIABLE)?)
        }
        Err(_) => {
            let own = config.secrets.key_file.clone();
            KeysIn::File(own.unwrap_or_else(|| config.data.directory.join(KEY_FILE)))
        }
    };
    Ok(Vault::open(journal, keys, beside)?)
}

/// Opens what drives the runs of a journal.
pub(crate) async fn open(
    config: &Config,
    journal: Arc<dyn Journal>,
    executors: Executors,
    secrets: Arc<dyn SecretSource>,
) -> anyhow::Result<Node> {
    let node = Node::open(NodeConfig {
        journal,
        executors,
        compiler: Arc::new(Recompile),
        runtime: runtime(),
        secrets,
        limits: config.limits.limits(),
        retention: config.retention.retention(),
        salt: rand::random(),
    });
    Ok(node.await?)
}

pub(crate) async fn run(args: Box<RunArgs>) -> Exit {
    let (summary, findings) = match drive(&args).await {
        Ok(exit) => return exit,
        Err(Failure::Refused(refused)) => {
            refused.explain();
            (refused.summary(), refused.findings())
        }
        Err(Failure::Usage(error)) => {
            out::note(format_args!("error: {error:#}"));
            (format!("{error:#}"), Vec::<Value>::new().into())
        }
    };
    match args.output {
        Output::Text => Exit::Refused,
        Output::Json => result::print_refused(&summary, findings),
    }
}

async fn drive(args: &RunArgs) -> Result<Exit, Failure> {
    if args.file == Path::new("-") && args.input.as_deref() == Some("-") {
        return Err(Failure::Usage(anyhow::anyhow!(
            "definition and input cannot both come from standard input"
        )));
    }
    let (document, findings) = Document::read(&args.file)?;
    let input = args.input.as_deref().map(read_input).transpose()?;
    let events = args.events.as_deref().map(read_events).transpose()?;
    let secrets = args.secrets.as_deref().map(read_secrets).transpose()?;
    let reach = Reach::new(&args.reach, &document.directory)?;
    let ready = document.compile(&reach, findings).await?;
    let (_, mut defined) = definitions::collect(&ready.plan, &document.directory, &reach).await?;
    show(&ready.warnings, &document.name, &document.text);
    let interrupted = interrupted().map_err(anyhow::Error::from)?;
    let loaded = args.data.settings(Vec::new())?;
    let data = Data(loaded.config.data.directory.clone());
    let journal = data.open()?;
    let vault = vault(&loaded.config, journal.clone(), secrets.unwrap_or_default())?;
    let node = open(
        &loaded.config,
        journal.clone(),
        reach.connectors.executors.into_iter().collect(),
        Arc::new(vault),
    )
    .await?;
    defined.push(Defined {
        plan: ready.plan.clone(),
        text: document.text.clone(),
        links: ready.links.keep(),
    });
    for Defined { plan, text, links } in defined {
        let kept = node.define(plan, &text, links.as_bytes()).await;
        kept.map_err(anyhow::Error::from)?;
    }
    let plan = ready.plan.clone();
    let request = StartRequest {
        plan: ready.plan,
        input: input.unwrap_or_else(|| Object::default().into()),
        key: None,
        labels: Vec::new(),
    };
    let started = node.start_and_hear(request).await;
    let (run, hearing) = started.map_err(anyhow::Error::from)?;
    if shows(args) {
        out::note(format_args!("run {run}, kept in {}", data.0.display()));
    }
    for (after, event) in events.unwrap_or_default() {
        let node = node.clone();
        tokio::spawn(async move {
            tokio::time::sleep(after).await;
            // An event that cannot be kept is one that did not come; the store says why when the run ends.
            let _ = node.receive(event).await;
        });
    }
    let mut observer = observer(args);
    let mut origins = Origins {
        observer: &mut *observer,
        last: None,
    };
    let mut follower = Follower::new(run, plan, &node);
    let (limit, failed) = (limit(args.timeout), node.failed());
    let ended = hearing.ending();
    tokio::pin!(ended, interrupted, limit, failed);
    let mut look = tokio::time::interval(LOOK);
    let ending = loop {
        tokio::select! {
            ending = &mut ended => break ending,
            () = &mut interrupted => break None,
            () = &mut limit => break None,
            why = &mut failed => {
                out::note(format_args!("error: {why}"));
                return Ok(Exit::Internal);
            }
            _ = look.tick(), if shows(args) => follower.catch_up(&node, &mut origins)?,
        }
    };
    node.drain(ferrovia_server::GRACE).await;
    settled(&*journal).await;
    follower.catch_up(&node, &mut origins)?;
    let origin = origins.last;
    // Leaves the terminal to the result.
    drop(observer);
    Ok(finish(
        args,
        &data,
        follower,
        ending,
        &document,
        origin.as_ref(),
    ))
}

/// Whether somebody sees how the run goes.
fn shows(args: &RunArgs) -> bool {
    args.trace || args.output == Output::Text && std::io::stderr().is_terminal()
}

fn observer(args: &RunArgs) -> Box<dyn Observer> {
    if args.trace {
        Box::new(Trace::default())
    } else if shows(args) {
        Box::new(Progress::start())
    } else {
        Box::new(Silent)
    }
}

async fn limit(timeout: Option<Duration>) {
    match timeout {
        Some(timeout) => tokio::time::sleep(timeout).await,
        None => std::future::pending().await,
    }
}

fn finish(
    args: &RunArgs,
    data: &Data,
    follower: Follower,
    ending: Option<Ending>,
    document: &Document,
    origin: Option<&Origin>,
) -> Exit {
    let goes_on = ending.is_none();
    let ended = match ending {
        Some(Ending::Completed(output)) => Ended::Completed(output),
        Some(Ending::Faulted(error)) => Ended::Faulted(error),
        Some(Ending::Cancelled { .. }) => Ended::Cancelled,
        None => Ended::Waiting,
    };
    if goes_on {
        out::note(format_args!(
            "run {} goes on in the next `ferrovia serve --data {}`",
            follower.run,
            data.0.display()
        ));
    }
    let emitted = follower.emitted.into_iter();
    let report = Report {
        ended,
        events: emitted.map(|(_, event)| event).collect(),
        tasks: follower.tasks,
    };
    match args.output {
        Output::Json => result::print_json(&report),
        Output::Text if goes_on => Exit::Waiting,
        Output::Text => result::print_text(&report, document, origin),
    }
}
