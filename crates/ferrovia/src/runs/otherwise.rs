//! `ferrovia runs repair`, `fork` and `migrate`: runs that go on otherwise. Only a server does that: it drives the runs.

use anyhow::{Context, bail};
use clap::{ArgGroup, Args};
use ferrovia_expr::{Object, Value, value};
use ferrovia_store::RunId;
use http::Method;

use super::{Named, RunsArgs, print, table};
use crate::args::Output;
use crate::exit::Exit;
use crate::out;
use crate::remote::Server;
use crate::run::read_json;

/// What a fork is told besides where it begins in words.
const PLACES: [&str; 3] = ["start", "end", "failure"];

pub(super) const REPAIR_EXAMPLES: &str = "Examples:
  ferrovia runs repair 06e8jvd4r3x0g --dry-run
  ferrovia runs repair 06e8jvd4r3x0g
  ferrovia runs repair 06e8jvd4r3x0g --version 1.0.1
  ferrovia runs repair 06e8jvd4r3x0g --outcome '/do/1/pay={\"paid\": true}'

The repair is another run, which has all that happened until the failure: effects that were carried out are not carried
out again. The run that faulted stays as it was, and is repaired once. `--dry-run` says what would be done.

Exit codes: 0 done, 2 refused";

pub(super) const FORK_EXAMPLES: &str = "Examples:
  ferrovia runs fork 06e8jvd4r3x0g --from /do/1/pay --dry-run
  ferrovia runs fork 06e8jvd4r3x0g --from start --input @other.json
  ferrovia runs fork 06e8jvd4r3x0g --from start --version 2.0.0
  ferrovia runs fork 06e8jvd4r3x0g --outcome '/do/0/rate={\"rate\": 0.07}'

The fork is another run. Effects that it asks for as the first one did are answered from the journal of that; only the
others are carried out. `runs show` of the fork says which is which.

Exit codes: 0 done, 2 refused";

pub(super) const MIGRATE_EXAMPLES: &str = "Examples:
  ferrovia runs migrate 06e8jvd4r3x0g --to 2.0.0 --dry-run
  ferrovia runs migrate --workflow shop/order:1.0.0 --to 2.0.0 --dry-run
  ferrovia runs migrate --workflow shop/order:1.0.0 --to 2.0.0 --output json

A live run moves if it would have gone the same way on the other version, as far as it has come; it is tried on the run's
journal first. A run that differs stays as it is, with the first difference shown.

Exit codes: 0 all go the same way, 2 refused, or at least one differs";

#[derive(Args)]
pub(super) struct Changes {
    /// Go on with another version of the workflow, or `latest`
    #[arg(long, value_name = "VERSION")]
    version: Option<String>,
    /// Begin with another input: JSON, `@FILE` (JSON, or YAML by its name), or `-` for standard input
    #[arg(long, value_name = "JSON|@FILE|-", allow_hyphen_values = true)]
    input: Option<String>,
    /// What an effect is to have given instead, by its id; may be given several times
    #[arg(long, value_name = "ID=JSON")]
    outcome: Vec<String>,
    /// Why an effect is to have failed instead, by its id; may be given several times
    #[arg(long, value_name = "ID=TEXT")]
    error: Vec<String>,
    /// Only say what would be done
    #[arg(long)]
    dry_run: bool,
}

#[derive(Args)]
pub(super) struct ForkArgs {
    #[command(flatten)]
    pub(super) run: Named,
    /// From where on it goes its own way: `start`, `end`, `failure`, where a task was entered (`/do/1/pay`), or before
    /// an effect ended (`outcome:/do/1/pay`); `end` unless given
    #[arg(long, value_name = "PLACE")]
    from: Option<String>,
    #[command(flatten)]
    changes: Changes,
}

#[derive(Args)]
#[command(group = ArgGroup::new("which").required(true))]
pub(super) struct MigrateArgs {
    /// The id of the run
    #[arg(value_name = "RUN", group = "which")]
    run: Option<RunId>,
    /// All live runs of this version of a workflow
    #[arg(long, value_name = "NAMESPACE/NAME:VERSION", group = "which")]
    workflow: Option<String>,
    /// The version that they are to go on with, or `latest`
    #[arg(long, value_name = "VERSION")]
    to: String,
    /// Only compare
    #[arg(long)]
    dry_run: bool,
}

pub(super) async fn repair(args: &RunsArgs, run: RunId, changes: &Changes) -> anyhow::Result<Exit> {
    make(args, run, "repair", changes.order()?).await
}

pub(super) async fn fork(args: &RunsArgs, fork: &ForkArgs) -> anyhow::Result<Exit> {
    let mut order = fork.changes.order()?;
    if let Some(from) = &fork.from {
        order.insert("from", place(from)?);
    }
    make(args, fork.run.run, "fork", order).await
}

async fn make(args: &RunsArgs, run: RunId, what: &str, order: Object) -> anyhow::Result<Exit> {
    let server = args.server.any(&args.data)?;
    let dry = order.get("dryRun").is_some();
    let path = format!("runs/{run}/{what}");
    let made = server.ask(Method::POST, &path, Some(&order.into())).await?;
    let shown = |made: &Value| table::forked(made, dry);
    Ok(print(args.output, &made, shown))
}

pub(super) async fn migrate(args: &RunsArgs, migrate: &MigrateArgs) -> anyhow::Result<Exit> {
    let server = args.server.any(&args.data)?;
    let mut order = Object::default();
    order.insert("version", migrate.to.as_str());
    if migrate.dry_run {
        order.insert("dryRun", true);
    }
    let verdicts = match (migrate.run, &migrate.workflow) {
        (Some(run), _) => {
            let path = format!("runs/{run}/migrate");
            vec![server.ask(Method::POST, &path, Some(&order.into())).await?]
        }
        (None, Some(workflow)) => {
            order.insert("workflow", workflow.as_str());
            all(&server, order).await?
        }
        (None, None) => bail!("name a run, or a version of a workflow with --workflow"),
    };
    let same = |verdict: &Value| verdict.get("same") == Some(&true.into());
    let exit = match verdicts.iter().all(same) {
        true => Exit::Completed,
        false => Exit::Refused,
    };
    let shown = match args.output {
        Output::Json => value!({ "runs": verdicts }).to_json_pretty(),
        Output::Text => table::verdicts(&verdicts),
    };
    Ok(out::result(&shown, exit))
}

/// Page by page.
async fn all(server: &Server, mut order: Object) -> anyhow::Result<Vec<Value>> {
    let mut verdicts = Vec::new();
    loop {
        let body = order.clone().into();
        let page = server.ask(Method::POST, "migrations", Some(&body)).await?;
        let runs = page.get("runs").and_then(Value::as_array);
        verdicts.extend(runs.iter().flat_map(|runs| runs.iter().cloned()));
        match page.get("before") {
            Some(before) => order.insert("before", before.clone()),
            None => return Ok(verdicts),
        }
    }
}

fn place(text: &str) -> anyhow::Result<Value> {
    if PLACES.contains(&text) {
        return Ok(text.into());
    }
    match text.split_once(':') {
        Some(("outcome", id)) => Ok(value!({ "outcome": id })),
        _ if text.starts_with('/') => Ok(value!({ "task": text })),
        _ => bail!(
            "--from `{text}`: write {}, the place of a task such as /do/1/pay, or outcome:/do/1/pay",
            PLACES.join(", ")
        ),
    }
}

impl Changes {
    /// The body of the request.
    fn order(&self) -> anyhow::Result<Object> {
        let mut order = Object::default();
        if let Some(version) = &self.version {
            order.insert("version", version.as_str());
        }
        if let Some(input) = &self.input {
            order.insert("input", read_json(input, "--input")?);
        }
        let mut outcomes = Object::default();
        for given in &self.outcome {
            let (id, text) = given
                .split_once('=')
                .with_context(|| format!("--outcome `{given}`: write ID=JSON"))?;
            let output = Value::parse_json(text)
                .map_err(|error| anyhow::anyhow!("--outcome `{id}` is not JSON: {error}"))?;
            outcomes.insert(id, value!({ "output": output }));
        }
        for given in &self.error {
            let (id, text) = given
                .split_once('=')
                .with_context(|| format!("--error `{given}`: write ID=TEXT"))?;
            if outcomes.get(id).is_some() {
                bail!("the effect {id} cannot have failed and given something");
            }
            outcomes.insert(id, value!({ "error": text }));
        }
        if !outcomes.is_empty() {
            order.insert("outcomes", outcomes);
        }
        if self.dry_run {
            order.insert("dryRun", true);
        }
        Ok(order)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_a_word_a_task_or_an_effect() {
        for (written, sent) in [
            ("start", Some(value!("start"))),
            ("/do/1/pay", Some(value!({ "task": "/do/1/pay" }))),
            (
                "outcome:/do/1/pay",
                Some(value!({ "outcome": "/do/1/pay" })),
            ),
            ("pay", None),
            ("", None),
        ] {
            assert_eq!(place(written).ok(), sent, "{written}");
        }
    }
}
