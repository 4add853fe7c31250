//! What can be written on the command line.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Parser, Subcommand, ValueEnum};
use clap_complete::Shell;
use ferrovia_connect::egress::Rule;

/// Runs agentic workflows: a deterministic workflow is the track, AI agents are the trains.
#[derive(Parser)]
#[command(name = "ferrovia", version, propagate_version = true, after_help = EXAMPLES)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Subcommand)]
pub(crate) enum Command {
    /// Check workflow definitions without running them
    #[command(after_help = CHECK_EXAMPLES)]
    Check(CheckArgs),
    /// Run a workflow definition in this process, and print its output
    #[command(after_help = RUN_EXAMPLES)]
    Run(Box<RunArgs>),
    /// Keep workflows running: durable runs, started over HTTP, by events and by schedules
    #[command(after_help = crate::serve::EXAMPLES)]
    Serve(Box<crate::serve::ServeArgs>),
    /// Serve on this machine, and take changed definitions at once
    #[command(after_help = crate::dev::EXAMPLES)]
    Dev(Box<crate::serve::ServeArgs>),
    /// List, show and control durable runs
    #[command(after_help = crate::runs::EXAMPLES)]
    Runs(Box<crate::runs::RunsArgs>),
    /// Send CloudEvents to a server
    #[command(after_help = crate::events::EXAMPLES)]
    Events(crate::events::EventsArgs),
    /// Set, list and remove secrets, and change their key
    #[command(after_help = crate::secrets::EXAMPLES)]
    Secrets(crate::secrets::SecretsArgs),
    /// Write the files of a small project
    #[command(after_help = crate::init::EXAMPLES)]
    Init(crate::init::InitArgs),
    /// Add, list, change and remove the users of a server
    #[command(after_help = crate::users::EXAMPLES)]
    Users(crate::users::UsersArgs),
    /// Make, list and revoke API keys
    #[command(after_help = crate::keys::EXAMPLES)]
    Keys(crate::keys::KeysArgs),
    /// Derive a durable run again from its journal, and prove that it comes out as it was
    #[command(after_help = crate::replay::EXAMPLES)]
    Replay(crate::replay::ReplayArgs),
    /// Copy the runs of a data directory to a file
    #[command(after_help = crate::backup::BACKUP_EXAMPLES)]
    Backup(crate::backup::BackupArgs),
    /// Put a copy back
    #[command(after_help = crate::backup::RESTORE_EXAMPLES)]
    Restore(crate::backup::RestoreArgs),
    /// Print the settings that hold, and where each comes from
    #[command(after_help = crate::config::EXAMPLES)]
    Config(crate::config::ConfigArgs),
    /// Measure how fast durable runs are on this machine
    #[command(after_help = crate::bench::EXAMPLES)]
    Bench(Box<crate::bench::BenchArgs>),
    /// Print the page about the code of a finding or an error, such as FV0301
    Explain(ExplainArgs),
    /// Print the JSON Schema of workflow definitions, for editors
    #[command(after_help = SCHEMA_EXAMPLES)]
    Schema,
    /// Print the versions of the program, the language and the engine
    #[command(after_help = VERSION_EXAMPLES)]
    Version(VersionArgs),
    /// Print what a shell needs to complete command lines
    #[command(after_help = COMPLETIONS_EXAMPLES)]
    Completions(CompletionsArgs),
}

const EXAMPLES: &str = "Examples:
  ferrovia check order.yaml
  ferrovia run order.yaml --input '{\"orderId\": 7}' --trace

`ferrovia help COMMAND` has examples for each command.";

const SCHEMA_EXAMPLES: &str = "Examples:
  ferrovia schema > workflow.schema.json
  Then, as the first line of a definition, for editors with the YAML language server:
  # yaml-language-server: $schema=workflow.schema.json";

const VERSION_EXAMPLES: &str = "Examples:
  ferrovia version
  ferrovia version --output json";

const COMPLETIONS_EXAMPLES: &str = "Examples:
  source <(ferrovia completions bash)
  ferrovia completions zsh > ~/.zfunc/_ferrovia
  ferrovia completions fish > ~/.config/fish/completions/ferrovia.fish";

const CHECK_EXAMPLES: &str = "Examples:
  ferrovia check order.yaml
  ferrovia check workflows/*.yaml --output json
  ferrovia check order.yaml --offline

Exit codes: 0 nothing wrong (warnings may be shown), 2 at least one error";

const RUN_EXAMPLES: &str = "Examples:
  ferrovia run order.yaml --input '{\"orderId\": 7}'
  ferrovia run order.yaml --input @order.json --trace
  curl -s https://example.com/order | ferrovia run order.yaml --input -
  ferrovia run order.yaml --secrets secrets.json --timeout 20s --output json
  ferrovia run listener.yaml --events events.json
  ferrovia run order.yaml --durable

Files:
  --events   [{\"after_ms\": 100, \"event\": {\"id\": \"1\", \"source\": \"/me\", \"type\": \"com.example.paid\", \"data\": {}}}]
  --secrets  {\"apiKey\": \"…\"}

Durable runs:
  With --durable every step is in the data directory before its effects leave. A run whose process was killed goes on
  in the next `ferrovia serve` or `ferrovia run --durable` with this directory; `ferrovia runs` and `ferrovia replay`
  show it.

Exit codes: 0 completed, 1 the result could not be written, 2 definition or usage refused, 3 faulted, 4 cancelled,
5 still waiting";

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum Output {
    #[default]
    Text,
    Json,
}

#[derive(Args)]
pub(crate) struct CheckArgs {
    /// Workflow definitions (YAML or JSON); `-` reads one from standard input
    #[arg(required = true, value_name = "FILE")]
    pub(crate) files: Vec<PathBuf>,
    /// How findings are printed
    #[arg(long, value_enum, default_value_t)]
    pub(crate) output: Output,
    #[command(flatten)]
    pub(crate) reach: ReachArgs,
}

#[derive(Args)]
pub(crate) struct ExplainArgs {
    /// The code, as in `error[FV0301]`
    #[arg(value_name = "CODE")]
    pub(crate) code: String,
}

#[derive(Args)]
pub(crate) struct VersionArgs {
    /// How the versions are printed
    #[arg(long, value_enum, default_value_t)]
    pub(crate) output: Output,
}

#[derive(Args)]
pub(crate) struct CompletionsArgs {
    #[arg(value_enum)]
    pub(crate) shell: Shell,
}

#[derive(Args)]
pub(crate) struct RunArgs {
    /// The workflow definition (YAML or JSON), `-` for standard input; others in its directory are found by namespace,
    /// name and version
    #[arg(value_name = "FILE")]
    pub(crate) file: PathBuf,
    /// The input: JSON, `@FILE` (JSON, or YAML by its name), or `-` for JSON on standard input; `{}` unless given
    #[arg(long, value_name = "JSON|@FILE|-", allow_hyphen_values = true)]
    pub(crate) input: Option<String>,
    /// Events that arrive while the workflow runs
    #[arg(long, value_name = "FILE")]
    pub(crate) events: Option<PathBuf>,
    /// Secrets by name, as a JSON object
    #[arg(long, value_name = "FILE")]
    pub(crate) secrets: Option<PathBuf>,
    /// Stop waiting after this time, such as `500ms`, `20s`, `5m` or `PT1H`
    #[arg(long, value_name = "DURATION", value_parser = duration)]
    pub(crate) timeout: Option<Duration>,
    /// How the result is printed
    #[arg(long, value_enum, default_value_t)]
    pub(crate) output: Output,
    /// Show why each branch was taken, each retry and each change of the context (on standard error)
    #[arg(long)]
    pub(crate) trace: bool,
    /// Makes random choices (jitter, generated ids) repeatable
    #[arg(long, value_name = "NUMBER")]
    pub(crate) seed: Option<u64>,
    /// Keep the run in the data directory: if this process ends, `ferrovia serve` goes on with it
    #[arg(long, conflicts_with_all = ["seed", "secrets_in_data"])]
    pub(crate) durable: bool,
    #[command(flatten)]
    pub(crate) data: crate::data::DataArgs,
    #[command(flatten)]
    pub(crate) reach: ReachArgs,
}

/// What may be reached from here.
#[derive(Args)]
pub(crate) struct ReachArgs {
    /// Load nothing from the network while checking; functions and schemas there count as missing
    #[arg(long)]
    pub(crate) offline: bool,
    /// Also reach these: a host, `*.domain`, an address, a network such as `10.0.0.0/8`, `:port`
    #[arg(long, value_name = "RULE")]
    pub(crate) allow_net: Vec<Rule>,
    /// Never reach these
    #[arg(long, value_name = "RULE")]
    pub(crate) deny_net: Vec<Rule>,
    /// Trust these certificates (PEM) beside the public ones
    #[arg(long, value_name = "FILE")]
    pub(crate) ca_cert: Option<PathBuf>,
    /// Let `$secrets` be used as data; their values are then part of the run's state
    #[arg(long)]
    pub(crate) secrets_in_data: bool,
}

/// Reads `500ms`, `20s`, `5m`, `2h`, `1d`, or an ISO 8601 duration.
pub(crate) fn duration(text: &str) -> Result<Duration, String> {
    let refused =
        || format!("`{text}` is not a duration; write for instance 500ms, 20s, 5m, 2h or PT1M30S");
    if text.starts_with('P') {
        let ms = ferrovia_dsl::plan::parse_iso8601(text).ok_or_else(refused)?;
        return Ok(Duration::from_millis(ms as u64));
    }
    let digits = text
        .find(|c: char| !c.is_ascii_digit())
        .ok_or_else(refused)?;
    let (number, unit) = text.split_at(digits);
    let scale_ms = match unit {
        "ms" => 1,
        "s" => 1_000,
        "m" => 60_000,
        "h" => 3_600_000,
        "d" => 86_400_000,
        _ => return Err(refused()),
    };
    let number: u64 = number.parse().map_err(|_| refused())?;
    number
        .checked_mul(scale_ms)
        .map(Duration::from_millis)
        .ok_or_else(refused)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn time_limits_are_read_with_their_units() {
        for (text, expected) in [
            ("500ms", Some(500)),
            ("20s", Some(20_000)),
            ("5m", Some(300_000)),
            ("PT1M30S", Some(90_000)),
            ("20", None),
            ("s", None),
            ("-5s", None),
            ("99999999999999999999s", None),
        ] {
            assert_eq!(
                duration(text).ok(),
                expected.map(Duration::from_millis),
                "{text}"
            );
        }
    }
}
