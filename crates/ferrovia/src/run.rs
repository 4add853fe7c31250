//! `ferrovia run`: one workflow in this process.

use std::io::IsTerminal;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, bail};
use ferrovia_dsl::diagnostic::{Style, render};
use ferrovia_engine::RuntimeInfo;
use ferrovia_expr::{Object, Value};
use ferrovia_runtime::{Local, LocalConfig, Observer, Silent};
use tokio::signal::unix::{SignalKind, signal};

use crate::args::{Output, RunArgs};
use crate::definitions;
use crate::document::{Document, Ready, Refused, show};
use crate::durable;
use crate::exit::Exit;
use crate::links::Reach;
use crate::out;
use crate::progress::Progress;
use crate::read::{INPUT_BYTES_MAX, Source};
use crate::result::{self, Origins};
use crate::trace::Trace;

/// Runs a definition and prints what came of it.
pub(crate) async fn run(args: Box<RunArgs>) -> Exit {
    if args.durable {
        return durable::run(args).await;
    }
    let (summary, findings) = match prepare(&args).await {
        Ok(prepared) => return prepared.run(&args).await,
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

pub(crate) enum Failure {
    Refused(Refused),
    Usage(anyhow::Error),
}

impl From<Refused> for Failure {
    fn from(refused: Refused) -> Self {
        Failure::Refused(refused)
    }
}

impl From<anyhow::Error> for Failure {
    fn from(error: anyhow::Error) -> Self {
        Failure::Usage(error)
    }
}

/// Everything that is needed, read and found sound before anything runs.
struct Prepared {
    document: Document,
    ready: Ready,
    config: LocalConfig,
    input: Option<Value>,
}

async fn prepare(args: &RunArgs) -> Result<Prepared, Failure> {
    if args.file == Path::new("-") && args.input.as_deref() == Some("-") {
        return Err(Failure::Usage(anyhow::anyhow!(
            "definition and input cannot both come from standard input"
        )));
    }
    let (document, findings) = Document::read(&args.file)?;
    let input = args.input.as_deref().map(read_input).transpose()?;
    let events = args
        .events
        .as_deref()
        .map(read_events)
        .transpose()?
        .unwrap_or_default();
    let secrets = args
        .secrets
        .as_deref()
        .map(read_secrets)
        .transpose()?
        .unwrap_or_default();
    let reach = Reach::new(&args.reach, &document.directory)?;
    let ready = document.compile(&reach, findings).await?;
    let (definitions, _) = definitions::collect(&ready.plan, &document.directory, &reach).await?;
    let config = LocalConfig {
        executors: reach.connectors.executors.into_iter().collect(),
        definitions,
        runtime: RuntimeInfo {
            name: "Ferrovia".into(),
            version: env!("CARGO_PKG_VERSION").into(),
            metadata: Object::default().into(),
        },
        secrets: secrets.into(),
        secrets_in_data: args.reach.secrets_in_data,
        seed: args.seed.unwrap_or_else(rand::random),
        events,
        time_limit: args.timeout,
    };
    Ok(Prepared {
        document,
        ready,
        config,
        input,
    })
}

impl Prepared {
    async fn run(self, args: &RunArgs) -> Exit {
        let Prepared {
            document,
            ready,
            config,
            input,
        } = self;
        show(&ready.warnings, &document.name, &document.text);
        let mut observer: Box<dyn Observer> = if args.trace {
            Box::new(Trace::default())
        } else if args.output == Output::Text && std::io::stderr().is_terminal() {
            Box::new(Progress::start())
        } else {
            Box::new(Silent)
        };
        let interrupted = match interrupted() {
            Ok(interrupted) => interrupted,
            Err(error) => {
                out::note(format_args!("error: signals cannot be received: {error}"));
                return Exit::Internal;
            }
        };
        let waits_for_events = input.is_none()
            && !config.events.is_empty()
            && ready
                .plan
                .schedule
                .as_ref()
                .is_some_and(|schedule| schedule.on.is_some());
        let plan = ready.plan.clone();
        let mut origins = Origins {
            observer: &mut *observer,
            last: None,
        };
        let local = Local::new(config, &mut origins);
        let report = if waits_for_events {
            if args.trace || std::io::stderr().is_terminal() {
                out::note("waiting for the events that start the workflow");
            }
            local.run_on_events(plan, interrupted).await
        } else {
            let input = input.unwrap_or_else(|| Object::default().into());
            local.run(plan, input, interrupted).await
        };
        let origin = origins.last;
        // Leaves the terminal to the result.
        drop(observer);
        match args.output {
            Output::Json => result::print_json(&report),
            Output::Text => result::print_text(&report, &document, origin.as_ref()),
        }
    }
}

/// Completes when somebody wants the run to stop: Ctrl-C, or SIGTERM as service managers send it. From now on these
/// signals no longer end the program by themselves.
pub(crate) fn interrupted() -> std::io::Result<impl Future<Output = ()>> {
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    Ok(async move {
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
        }
    })
}

pub(crate) fn read_input(argument: &str) -> anyhow::Result<Value> {
    read_json(argument, "--input")
}

/// JSON, `@FILE` (JSON, or YAML by its name), or `-` for JSON on standard input. `what` names the argument.
pub(crate) fn read_json(argument: &str, what: &str) -> anyhow::Result<Value> {
    match argument.strip_prefix('@').map(Path::new) {
        Some(path) if is_yaml(path) => read_yaml(path),
        Some(path) => Source::File(path).json(),
        None if argument == "-" => Source::StandardInput.json(),
        None => Value::parse_json(argument).map_err(|error| {
            let option = what.strip_prefix("--").map_or("", |_| what);
            let file = format!("{option} @FILE");
            anyhow::anyhow!(
                "{what} is not JSON: {error} (a file is given as {})",
                file.trim_start()
            )
        }),
    }
}

fn is_yaml(path: &Path) -> bool {
    let extension = path.extension().and_then(|extension| extension.to_str());
    matches!(extension, Some("yaml" | "yml"))
}

/// Data in the YAML of definitions, with their limits.
fn read_yaml(path: &Path) -> anyhow::Result<Value> {
    let source = Source::File(path);
    let text = source
        .text(INPUT_BYTES_MAX)
        .map_err(|reason| anyhow::anyhow!("{}: {reason}", source.name()))?;
    let parsed = ferrovia_dsl::source::parse(&text);
    parsed.map(|root| root.to_value()).map_err(|findings| {
        let shown = render(&findings, &source.name(), &text, Style::Plain);
        anyhow::anyhow!("{}: not YAML\n{}", source.name(), shown.trim_end())
    })
}

pub(crate) fn read_secrets(path: &Path) -> anyhow::Result<Object> {
    match Source::File(path).json()? {
        Value::Object(secrets) => Ok(secrets),
        other => bail!(
            "{}: secrets are a JSON object by name, not {}",
            path.display(),
            other.type_name()
        ),
    }
}

pub(crate) fn read_events(path: &Path) -> anyhow::Result<Vec<(Duration, Value)>> {
    let events = Source::File(path).json()?;
    let Some(items) = events.as_array() else {
        bail!(
            "{}: events are a JSON list, not {}",
            path.display(),
            events.type_name()
        );
    };
    let event = |(index, item): (usize, &Value)| {
        let place = || format!("{}, item {index}", path.display());
        let unknown = item.as_object().and_then(|item| {
            let known = |key: &str| matches!(key, "after_ms" | "event");
            item.iter().map(|(key, _)| key).find(|key| !known(key))
        });
        if let Some(key) = unknown {
            bail!(
                "{}: `{key}` is unknown; an item has `after_ms` and `event`",
                place()
            );
        }
        let after = item
            .get("after_ms")
            .map_or(Some(0), Value::as_i64)
            .and_then(|ms| u64::try_from(ms).ok());
        let after =
            after.with_context(|| format!("{}: `after_ms` is a whole number from 0", place()))?;
        let event = item
            .get("event")
            .filter(|event| event.as_object().is_some());
        let event = event
            .with_context(|| format!("{}: `event` is a CloudEvent, a JSON object", place()))?;
        let has_type = event
            .get("type")
            .and_then(Value::as_str)
            .is_some_and(|kind| !kind.is_empty());
        if !has_type {
            bail!("{}: the event has no `type`", place());
        }
        Ok((Duration::from_millis(after), event.clone()))
    };
    items.iter().enumerate().map(event).collect()
}
