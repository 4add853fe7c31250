//! `ferrovia run`: one workflow in this process.

use std::io::IsTerminal;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, bail};
use ferrovia_engine::RuntimeInfo;
use ferrovia_expr::{Object, Value};
use ferrovia_runtime::{Local, LocalConfig, Observer, Report, Silent};

use crate::args::{Output, RunArgs};
use crate::definitions;
use crate::document::{Document, Ready, Refused, show};
use crate::exit::Exit;
use crate::links::Reach;
use crate::progress::{Progress, Trace};
use crate::result;

/// Runs a definition and prints what came of it.
pub(crate) async fn run(args: Box<RunArgs>) -> Exit {
    match prepare(&args).await {
        Ok(prepared) => prepared.run(&args).await,
        Err(Failure::Refused(refused)) => {
            refused.explain();
            Exit::Refused
        }
        Err(Failure::Usage(error)) => {
            anstream::eprintln!("error: {error:#}");
            Exit::Refused
        }
    }
}

enum Failure {
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
    let definitions = definitions::collect(&ready.plan, &document.directory, &reach).await?;
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
            Box::new(Progress::default())
        } else {
            Box::new(Silent)
        };
        let waits_for_events = input.is_none()
            && !config.events.is_empty()
            && ready
                .plan
                .schedule
                .as_ref()
                .is_some_and(|schedule| schedule.on.is_some());
        let plan = ready.plan.clone();
        let local = Local::new(config, &mut *observer);
        let report = if waits_for_events {
            local.run_on_events(plan, interrupted()).await
        } else {
            local
                .run(
                    plan,
                    input.unwrap_or_else(|| Object::default().into()),
                    interrupted(),
                )
                .await
        };
        finish(&report, &document, args.output)
    }
}

fn finish(report: &Report, document: &Document, output: Output) -> Exit {
    match output {
        Output::Json => result::print_json(report),
        Output::Text => result::print_text(report, document),
    }
    result::exit(report)
}

/// Completes when the person at the terminal wants the run to stop.
async fn interrupted() {
    if tokio::signal::ctrl_c().await.is_err() {
        std::future::pending::<()>().await;
    }
}

fn read_input(argument: &str) -> anyhow::Result<Value> {
    let (what, text) = match argument.strip_prefix('@') {
        Some(path) => (
            path,
            std::fs::read_to_string(path).with_context(|| path.to_owned())?,
        ),
        None if argument == "-" => (
            "standard input",
            std::io::read_to_string(std::io::stdin()).context("standard input")?,
        ),
        None => ("--input", argument.to_owned()),
    };
    match Value::parse_json(&text) {
        Ok(value) => Ok(value),
        // A file may also be YAML, like the definitions.
        Err(error) => match (
            argument.starts_with('@'),
            ferrovia_dsl::source::parse(&text),
        ) {
            (true, Ok(root)) => Ok(root.to_value()),
            _ => bail!("{what} is not JSON: {error}"),
        },
    }
}

fn read_json(path: &Path) -> anyhow::Result<Value> {
    let text = std::fs::read_to_string(path).with_context(|| path.display().to_string())?;
    Value::parse_json(&text).with_context(|| format!("{} is not JSON", path.display()))
}

pub(crate) fn read_secrets(path: &Path) -> anyhow::Result<Object> {
    match read_json(path)? {
        Value::Object(secrets) => Ok(secrets),
        other => bail!(
            "{}: secrets are a JSON object by name, not {}",
            path.display(),
            other.type_name()
        ),
    }
}

fn read_events(path: &Path) -> anyhow::Result<Vec<(Duration, Value)>> {
    let events = read_json(path)?;
    let Some(items) = events.as_array() else {
        bail!(
            "{}: events are a JSON list, not {}",
            path.display(),
            events.type_name()
        );
    };
    let event = |(index, item): (usize, &Value)| {
        let place = || format!("{}, item {index}", path.display());
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
