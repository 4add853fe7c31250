//! `ferrovia run --durable`: one workflow on the journal of a data directory.

use std::io::IsTerminal;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use ferrovia_dsl::plan::CallKind;
use ferrovia_engine::{Ending, Obligation, ObligationId, TraceEvent};
use ferrovia_expr::{Object, Value};
use ferrovia_runtime::shard::History;
use ferrovia_runtime::{
    Ended, Executors, Node, NodeConfig, Observed, Observer, Report, Silent, StartRequest,
};
use ferrovia_server::view::{self, Runs};
use ferrovia_store::{Journal, RunId};

use crate::args::{Output, RunArgs};
use crate::config::Config;
use crate::data::{Data, settled};
use crate::definitions;
use crate::document::{Document, show};
use crate::exit::Exit;
use crate::links::Reach;
use crate::out;
use crate::result::{self, Origins};
use crate::run::{Failure, interrupted, read_events, read_input, read_secrets};
use crate::stored::{Defined, Recompile, runtime};
use crate::trace::Trace;

/// Records read at a time.
const RECORDS_AT_A_TIME: usize = 256;

/// Opens what drives the runs of a journal.
pub(crate) async fn open(
    config: &Config,
    journal: Arc<dyn Journal>,
    executors: Executors,
    secrets: Object,
) -> anyhow::Result<Node> {
    let node = Node::open(NodeConfig {
        journal,
        executors,
        compiler: Arc::new(Recompile),
        runtime: runtime(),
        secrets: secrets.into(),
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
    let node = open(
        &loaded.config,
        journal.clone(),
        reach.connectors.executors.into_iter().collect(),
        secrets.unwrap_or_default(),
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
    let request = StartRequest {
        plan: ready.plan,
        input: input.unwrap_or_else(|| Object::default().into()),
        key: None,
        labels: Vec::new(),
    };
    let started = node.start_and_hear(request).await;
    let (run, hearing) = started.map_err(anyhow::Error::from)?;
    if args.trace || args.output == Output::Text && std::io::stderr().is_terminal() {
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
    let ending = tokio::select! {
        ending = hearing.ending() => ending,
        () = interrupted => None,
        () = limit(args.timeout) => None,
        why = node.failed() => {
            out::note(format_args!("error: {why}"));
            return Ok(Exit::Internal);
        }
    };
    node.drain(ferrovia_server::GRACE).await;
    settled(&*journal).await;
    finish(args, &data, &node, run, ending, &document).map_err(Failure::Usage)
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
    node: &Node,
    run: RunId,
    ending: Option<Ending>,
    document: &Document,
) -> anyhow::Result<Exit> {
    let mut observer: Box<dyn Observer> = if args.trace {
        Box::new(Trace::default())
    } else {
        Box::new(Silent)
    };
    let mut origins = Origins {
        observer: &mut *observer,
        last: None,
    };
    let (events, tasks) = read_back(node, run, &mut origins)?;
    let origin = origins.last;
    let goes_on = ending.is_none();
    let ended = match ending {
        Some(Ending::Completed(output)) => Ended::Completed(output),
        Some(Ending::Faulted(error)) => Ended::Faulted(error),
        Some(Ending::Cancelled { .. }) => Ended::Cancelled,
        None => Ended::Waiting,
    };
    let report = Report {
        ended,
        events,
        tasks,
    };
    if goes_on {
        out::note(format_args!(
            "run {run} goes on in the next `ferrovia serve --data {}`",
            data.0.display()
        ));
    }
    Ok(match args.output {
        Output::Json => result::print_json(&report),
        Output::Text if goes_on => Exit::Waiting,
        Output::Text => result::print_text(&report, document, origin.as_ref()),
    })
}

/// The events that a run published and the tasks that it started, as its journal has them.
fn read_back(
    node: &Node,
    run: RunId,
    observer: &mut dyn Observer,
) -> anyhow::Result<(Vec<Value>, Vec<Arc<str>>)> {
    let known = view::look(node, run)?.ok_or_else(|| anyhow::anyhow!("the run is gone"))?;
    let plan = Runs::plan(node, known.run.plan).map_err(|why| anyhow::anyhow!("{why}"))?;
    let mut history = History::new(run, Node::runtime(node).clone());
    let (mut emitted, mut tasks) = (Vec::<(ObligationId, Value)>::new(), Vec::new());
    loop {
        let records = node
            .journal()
            .records(run, history.seq + 1, RECORDS_AT_A_TIME)?;
        for (seq, record) in &records {
            history.take(&plan, *seq, record, |entries| {
                let observed = Observed {
                    number: 0,
                    depth: 0,
                    plan: &plan,
                };
                observer.observe(observed, entries);
                for entry in entries {
                    if let (TraceEvent::TaskStarted { .. }, Some(task)) = (&entry.event, entry.task)
                    {
                        tasks.push(plan[task].name.clone());
                    }
                }
            })?;
            // An effect leaves only after its record: each is open at the end of one.
            for (id, obligation) in history.run.obligations().iter() {
                let Obligation::Effect(effect) = obligation else {
                    continue;
                };
                let request = &effect.request;
                if request.kind == CallKind::Emit && emitted.iter().all(|(known, _)| known != id) {
                    emitted.push((id.clone(), request.arguments.value.clone()));
                }
            }
        }
        if records.len() < RECORDS_AT_A_TIME {
            let events = emitted.into_iter().map(|(_, event)| event).collect();
            return Ok((events, tasks));
        }
    }
}
