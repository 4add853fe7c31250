//! `ferrovia runs`: looks at durable runs and controls them, through a server or straight in the data directory.

mod otherwise;
pub(crate) mod table;
mod words;

use std::sync::Arc;
use std::time::Duration;

use anyhow::bail;
use clap::{Args, Subcommand};
use ferrovia_engine::{EffectOutput, ErrorType, Fault, ObligationId, Outcome};
use ferrovia_expr::{Object, Value};
use ferrovia_runtime::shard::Control;
use ferrovia_server::{PAGE_MAX, view};
use ferrovia_store::{Filter, Page, RunId, Status, Summary};
use http::Method;

use crate::args::Output;
use crate::data::DataArgs;
use crate::exit::Exit;
use crate::out;
use crate::remote::{Server, ServerArgs};
use crate::steer::steer;
use crate::stored::Reading;

/// How often a watcher looks.
const LOOK_EVERY: Duration = Duration::from_millis(300);

pub(crate) const EXAMPLES: &str = "Examples:
  ferrovia runs list --status waiting
  ferrovia runs show 06e8jvd4r3x0g --output json
  ferrovia runs watch 06e8jvd4r3x0g --server http://127.0.0.1:8080
  ferrovia runs cancel 06e8jvd4r3x0g --reason 'ordered twice'
  ferrovia runs settle 06e8jvd4r3x0g /do/0/pay --result '{\"paid\": true}'
  ferrovia runs repair 06e8jvd4r3x0g --dry-run
  ferrovia runs fork 06e8jvd4r3x0g --from /do/1/pay --input '{\"amount\": 7}'
  ferrovia runs migrate --workflow shop/order:1.0.0 --to 2.0.0 --dry-run

Without --server the runs are read from the data directory, beside the server that may have it. Changes go to that
server, with the key that it left there; where there is none they are written to the journal, and the next `ferrovia serve` goes on from there.
To repair, fork and migrate runs takes a server.

Exit codes: 0 done, 1 not readable, 2 refused; for `watch` those of `ferrovia run`";

#[derive(Args)]
pub(crate) struct RunsArgs {
    #[command(subcommand)]
    command: RunsCommand,
    #[command(flatten)]
    server: ServerArgs,
    /// How the result is printed
    #[arg(long, value_enum, default_value_t, global = true)]
    output: Output,
    #[command(flatten)]
    data: DataArgs,
}

#[derive(Subcommand)]
enum RunsCommand {
    /// Show the newest runs
    List(ListArgs),
    /// Show one run: what it came to, or what it waits for
    Show(Named),
    /// Follow a run until it ends
    Watch(Named),
    /// Show what happened in a run and why
    Trace(Named),
    /// End a run
    Cancel {
        #[command(flatten)]
        run: Named,
        /// Why, for the trace
        #[arg(long, value_name = "TEXT")]
        reason: Option<String>,
    },
    /// Stop a run until it is resumed
    Suspend(Named),
    /// Let a suspended run go on
    Resume(Named),
    /// Say how an effect ended of which nobody knows
    Settle {
        #[command(flatten)]
        run: Named,
        /// The effect, as `runs show` names it
        #[arg(value_name = "EFFECT")]
        effect: String,
        /// What it gave, as JSON
        #[arg(long, value_name = "JSON", required_unless_present = "error")]
        result: Option<String>,
        /// Why it failed
        #[arg(long, value_name = "TEXT", conflicts_with = "result")]
        error: Option<String>,
    },
    /// Let a faulted run go on where it faulted, as another run
    #[command(after_help = otherwise::REPAIR_EXAMPLES, disable_version_flag = true)]
    Repair {
        #[command(flatten)]
        run: Named,
        #[command(flatten)]
        changes: otherwise::Changes,
    },
    /// See what comes of a run with something changed, as another run
    #[command(after_help = otherwise::FORK_EXAMPLES, disable_version_flag = true)]
    Fork(otherwise::ForkArgs),
    /// Compare live runs with another version of their workflow, and move them to it
    #[command(after_help = otherwise::MIGRATE_EXAMPLES)]
    Migrate(otherwise::MigrateArgs),
}

#[derive(Args)]
struct Named {
    /// The id of the run
    #[arg(value_name = "RUN")]
    run: RunId,
}

#[derive(Args)]
struct ListArgs {
    /// Only runs of this workflow
    #[arg(long, value_name = "NAMESPACE/NAME")]
    workflow: Option<String>,
    #[arg(long, value_parser = status, value_name = "STATUS", help = "Only runs in this status")]
    status: Option<Status>,
    /// Only runs with this label
    #[arg(long, value_name = "NAME:VALUE")]
    label: Option<String>,
    /// Only runs older than this one
    #[arg(long, value_name = "RUN")]
    before: Option<RunId>,
    /// How many
    #[arg(long, value_name = "NUMBER", default_value_t = 50)]
    limit: usize,
}

fn status(text: &str) -> Result<Status, String> {
    let known = Status::ALL.into_iter().find(|known| known.as_str() == text);
    known.ok_or_else(|| {
        let all: Vec<_> = Status::ALL.iter().map(|status| status.as_str()).collect();
        format!("there is {}", all.join(", "))
    })
}

/// Where the runs are.
enum Place {
    Server(Server),
    Data(Arc<Reading>),
}

pub(crate) async fn runs(args: Box<RunsArgs>) -> Exit {
    out::exit(answer(&args).await)
}

async fn answer(args: &RunsArgs) -> anyhow::Result<Exit> {
    let (run, control) = match &args.command {
        RunsCommand::List(list) => {
            let found = Place::of(args)?.list(list).await?;
            return Ok(print(args.output, &found, table::list));
        }
        RunsCommand::Show(Named { run }) => {
            let found = Place::of(args)?.show(*run).await?;
            return Ok(print(args.output, &found, table::run));
        }
        RunsCommand::Trace(Named { run }) => {
            let entries: Value = Place::of(args)?.entries(*run, 0).await?.into();
            return Ok(print(args.output, &entries, table::trace));
        }
        RunsCommand::Watch(Named { run }) => return watch(args, &Place::of(args)?, *run).await,
        RunsCommand::Repair { run, changes } => {
            return otherwise::repair(args, run.run, changes).await;
        }
        RunsCommand::Fork(fork) => return otherwise::fork(args, fork).await,
        RunsCommand::Migrate(migrate) => return otherwise::migrate(args, migrate).await,
        RunsCommand::Cancel { run, reason } => {
            let reason = reason.as_deref().map(Into::into);
            (run, Control::Cancel { reason })
        }
        RunsCommand::Suspend(run) => (run, Control::Suspend),
        RunsCommand::Resume(run) => (run, Control::Resume),
        RunsCommand::Settle {
            run,
            effect,
            result,
            error,
        } => {
            let effect = ObligationId(effect.as_str().into());
            let outcome = outcome(result.as_deref(), error.as_deref())?;
            (run, Control::Settle { effect, outcome })
        }
    };
    let changed = Place::of(args)?.control(args, run.run, control).await?;
    Ok(print(args.output, &changed, table::run))
}

fn outcome(result: Option<&str>, error: Option<&str>) -> anyhow::Result<Outcome> {
    match result {
        Some(text) => {
            let value = Value::parse_json(text)
                .map_err(|error| anyhow::anyhow!("--result is not JSON: {error}"))?;
            Ok(Outcome::Completed(EffectOutput {
                value,
                authorization_scheme: None,
            }))
        }
        None => Ok(Outcome::Failed(Fault {
            kind: ErrorType::Runtime,
            status: None,
            title: None,
            detail: error.map(Into::into),
        })),
    }
}

fn print(output: Output, found: &Value, as_text: impl FnOnce(&Value) -> String) -> Exit {
    let text = match output {
        Output::Json => found.to_json_pretty(),
        Output::Text => as_text(found),
    };
    out::result(&text, Exit::Completed)
}

/// Prints the trace as it grows, and in the end what the run came to.
async fn watch(args: &RunsArgs, place: &Place, run: RunId) -> anyhow::Result<Exit> {
    if let Some(server) = place.live(args)? {
        let show = |entry: &Value| {
            let wanted = args.output == Output::Text;
            !wanted || out::result(&table::entry(entry), Exit::Completed) == Exit::Completed
        };
        if !server.follow(run, show).await? {
            return Ok(Exit::Internal);
        }
        let found = server.get(&format!("runs/{run}")).await?;
        return Ok(conclude(args, &found).unwrap_or(Exit::Internal));
    }
    let mut seen = 0;
    loop {
        // First the run, then its trace: what a run has come to is at the end of the trace.
        let found = place.show(run).await?;
        if args.output == Output::Text {
            let new = place.entries(run, seen).await?;
            seen += new.len();
            for entry in &new {
                if out::result(&table::entry(entry), Exit::Completed) != Exit::Completed {
                    return Ok(Exit::Internal);
                }
            }
        }
        if let Some(exit) = conclude(args, &found) {
            return Ok(exit);
        }
        tokio::time::sleep(LOOK_EVERY).await;
    }
}

/// Prints what a run came to, if it has ended.
fn conclude(args: &RunsArgs, found: &Value) -> Option<Exit> {
    let exit = match found.get("status").and_then(Value::as_str) {
        Some("completed") => Exit::Completed,
        Some("faulted") => Exit::Faulted,
        Some("cancelled") => Exit::Cancelled,
        _ => return None,
    };
    let text = match args.output {
        Output::Json => found.to_json_pretty(),
        Output::Text => table::run(found),
    };
    Some(out::result(&text, exit))
}

impl Place {
    /// The server that drives the runs, if there is one.
    fn live(&self, args: &RunsArgs) -> anyhow::Result<Option<Server>> {
        if let Some(named) = args.server.named(&args.data)? {
            return Ok(Some(named));
        }
        let serving = args.data.directory()?.server();
        serving
            .map(|serving| Server::local(serving, &args.data))
            .transpose()
    }

    fn of(args: &RunsArgs) -> anyhow::Result<Place> {
        Ok(match args.server.named(&args.data)? {
            Some(server) => Place::Server(server),
            None => Place::Data(Arc::new(Reading::new(
                args.data.directory()?.read()?.into(),
            ))),
        })
    }

    async fn list(&self, args: &ListArgs) -> anyhow::Result<Value> {
        let limit = args.limit.clamp(1, PAGE_MAX);
        match self {
            Place::Server(server) => server.get(&format!("runs?{}", query(args, limit))).await,
            Place::Data(runs) => {
                let (namespace, name) = pair(args.workflow.as_deref(), '/', "--workflow")?;
                let (label, value) = pair(args.label.as_deref(), ':', "--label")?;
                let filter = Filter {
                    namespace,
                    name,
                    status: args.status,
                    label: label.zip(value),
                    ..Filter::default()
                };
                let before = args.before;
                Ok(view::list(&**runs, &filter, Page { before, limit })?)
            }
        }
    }

    async fn show(&self, run: RunId) -> anyhow::Result<Value> {
        match self {
            Place::Server(server) => server.get(&format!("runs/{run}")).await,
            Place::Data(runs) => Ok(view::whole(&**runs, &look(runs, run)?)?),
        }
    }

    /// All entries of a trace after as many.
    async fn entries(&self, run: RunId, after: usize) -> anyhow::Result<Vec<Value>> {
        let mut entries = Vec::new();
        loop {
            let from = after + entries.len();
            let page = match self {
                Place::Server(server) => {
                    server
                        .get(&format!("runs/{run}/trace?after={from}&limit={PAGE_MAX}"))
                        .await?
                }
                Place::Data(runs) => view::trace(&**runs, &look(runs, run)?, from, usize::MAX)?,
            };
            let new = page.get("entries").and_then(Value::as_array);
            entries.extend(new.iter().flat_map(|new| new.iter().cloned()));
            if page.get("after").is_none() {
                return Ok(entries);
            }
        }
    }

    async fn control(
        &self,
        args: &RunsArgs,
        run: RunId,
        control: Control,
    ) -> anyhow::Result<Value> {
        if let Place::Server(server) = self {
            return ask(server, run, &control).await;
        }
        let data = args.data.directory()?;
        let runs = match data.open() {
            Ok(journal) => Arc::new(Reading::new(journal)),
            Err(error) => {
                let Some(serving) = data.server() else {
                    return Err(error);
                };
                out::note(format_args!("asking the server at {}", serving.url));
                let server = Server::local(serving, &args.data)?;
                return ask(&server, run, &control).await;
            }
        };
        let known = look(&runs, run)?;
        if matches!(control, Control::Settle { .. }) && known.status != Status::Parked {
            bail!("no effect of this run has an unknown outcome");
        }
        steer(&*runs, run, control)?;
        if !look(&runs, run)?.status.is_terminal() {
            out::note("written; the next `ferrovia serve` with this directory goes on from here");
        }
        Ok(view::whole(&*runs, &look(&runs, run)?)?)
    }
}

fn look(runs: &Arc<Reading>, run: RunId) -> anyhow::Result<Summary> {
    let known = view::look(&**runs, run)?;
    known.ok_or_else(|| anyhow::anyhow!("no run has the id {run}"))
}

fn query(args: &ListArgs, limit: usize) -> String {
    let mut query = url::form_urlencoded::Serializer::new(String::new());
    query.append_pair("limit", &limit.to_string());
    let before = args.before.map(|run| run.to_string());
    for (name, value) in [
        ("workflow", args.workflow.as_deref()),
        ("status", args.status.map(Status::as_str)),
        ("label", args.label.as_deref()),
        ("before", before.as_deref()),
    ] {
        query.extend_pairs(value.map(|value| (name, value)));
    }
    query.finish()
}

type Pair = (Option<Arc<str>>, Option<Arc<str>>);

fn pair(text: Option<&str>, between: char, option: &str) -> anyhow::Result<Pair> {
    let Some(text) = text else {
        return Ok((None, None));
    };
    match text.split_once(between) {
        Some((first, second)) => Ok((Some(first.into()), Some(second.into()))),
        None => bail!("{option} has two parts with `{between}` between them"),
    }
}

async fn ask(server: &Server, run: RunId, control: &Control) -> anyhow::Result<Value> {
    let (name, body) = wire(control);
    let path = format!("runs/{run}/{name}");
    server.ask(Method::POST, &path, Some(&body.into())).await
}

/// What a control is called on the wire, and its body.
fn wire(control: &Control) -> (&'static str, Object) {
    let mut body = Object::default();
    match control {
        Control::Cancel { reason } => {
            if let Some(reason) = reason {
                body.insert("reason", reason.clone());
            }
            ("cancel", body)
        }
        Control::Suspend => ("suspend", body),
        Control::Resume => ("resume", body),
        Control::Settle { effect, outcome } => {
            body.insert("effect", effect.0.clone());
            match outcome {
                Outcome::Completed(output) => body.insert("output", output.value.clone()),
                Outcome::Failed(fault) => {
                    body.insert("error", fault.detail.clone().unwrap_or_default());
                }
                Outcome::Faulted(error) => body.insert("error", error.to_string()),
            }
            ("settle", body)
        }
    }
}
