//! `ferrovia bench`: how fast durable runs are on this machine and this disk.
//!
//! Everything goes through the code that `ferrovia serve` runs, on a directory of its own that is removed afterwards.
//! Only effects are pretended: they do nothing, so that what is measured is Ferrovia and the disk.

mod bed;
mod child;
mod client;
mod load;
mod machine;
mod report;
mod rounds;
mod sleepers;
mod start;
mod throughput;

use std::path::PathBuf;
use std::time::Duration;

use anyhow::Context;
use clap::{Args, ValueEnum};

use crate::args::Output;
use crate::exit::Exit;
use crate::out;
use bed::Base;
use report::Report;

/// Seconds of one measurement.
const SECONDS_MAX: u64 = 600;
/// How often everything may be measured again.
const REPEATS_MAX: u64 = 99;
/// Clients at the same time.
const CLIENTS_MAX: u64 = 4_096;
/// Sleeping runs.
const RUNS_MAX: u64 = 10_000_000;
/// Rounds of the loop.
const ROUNDS_MAX: u64 = 10_000_000;

pub(crate) const EXAMPLES: &str = "Examples:
  ferrovia bench
  ferrovia bench steps --clients 1,64,512 --seconds 10 --repeat 5
  ferrovia bench sleepers --runs 100000 --data /var/lib
  ferrovia bench start --output json

Scenarios:
  steps     ten steps, each an effect that does nothing and whose result is durable before the next begins
  set       ten `set` tasks, with expressions and with constants, in one durable commit
  sleepers  many runs that wait: memory and disk of each, and how soon a server is ready that has them
  loop      one run of many rounds with an effect each: is the last as fast as the first?
  start     size of the program, and how soon and how large `ferrovia serve` is ready

`steps` and `set` are asked over HTTP, from a load generator in a thread of this process, and also without HTTP. Ten
commits of SQLite alone are measured beside `steps`. Medians of the repeats are shown, with the least and the most.

Exit codes: 0 measured, 1 something failed, 2 usage refused";

/// What is measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Scenario {
    Steps,
    Set,
    Sleepers,
    Loop,
    Start,
    All,
}

#[derive(Args)]
pub(crate) struct BenchArgs {
    /// What to measure
    #[arg(value_enum, default_value = "all")]
    scenario: Scenario,
    /// Measure on the disk of this directory; a directory of its own is made in it, and removed afterwards [default:
    /// the system's directory for temporary files]
    #[arg(long, value_name = "DIRECTORY")]
    data: Option<PathBuf>,
    /// How long each measurement of `steps` and `set` lasts
    #[arg(long, value_name = "NUMBER", default_value_t = 3, value_parser = clap::value_parser!(u64).range(1..=SECONDS_MAX))]
    seconds: u64,
    /// How often `steps`, `set` and `start` are measured
    #[arg(long, value_name = "NUMBER", default_value_t = 3, value_parser = clap::value_parser!(u64).range(1..=REPEATS_MAX))]
    repeat: u64,
    /// How many clients start runs at the same time [default: 1,64,512 for `steps` and 1,64 for `set`]
    #[arg(long, value_name = "NUMBERS", value_delimiter = ',', value_parser = clap::value_parser!(u64).range(1..=CLIENTS_MAX))]
    clients: Vec<u64>,
    /// How many runs sleep
    #[arg(long, value_name = "NUMBER", default_value_t = 1_000_000, value_parser = clap::value_parser!(u64).range(1..=RUNS_MAX))]
    runs: u64,
    /// How many rounds the loop makes
    #[arg(long, value_name = "NUMBER", default_value_t = 100_000, value_parser = clap::value_parser!(u64).range(1..=ROUNDS_MAX))]
    rounds: u64,
    /// How the figures are printed
    #[arg(long, value_enum, default_value_t)]
    output: Output,
}

impl BenchArgs {
    fn wants(&self, scenario: Scenario) -> bool {
        self.scenario == scenario || self.scenario == Scenario::All
    }

    /// How to measure throughput, with so many clients unless the command line says.
    fn plan(&self, clients: &[u64]) -> throughput::Plan {
        let clients = if self.clients.is_empty() {
            clients
        } else {
            &self.clients
        };
        throughput::Plan {
            clients: clients.iter().map(|clients| *clients as usize).collect(),
            time: Duration::from_secs(self.seconds),
            repeats: self.repeat as usize,
        }
    }
}

pub(crate) async fn bench(args: Box<BenchArgs>) -> Exit {
    match measure(&args).await {
        Ok(report) => report.print(args.output),
        Err(error) => {
            out::note(format_args!("error: {error:#}"));
            Exit::Internal
        }
    }
}

async fn measure(args: &BenchArgs) -> anyhow::Result<Report> {
    let directory = args.data.clone().unwrap_or_else(std::env::temp_dir);
    let base = Base::new(&directory).with_context(|| directory.display().to_string())?;
    let mut report = Report::new(&base);
    if cfg!(debug_assertions) {
        report.warn("this program was built without optimisation: the figures say nothing");
    }
    if base.is_memory() {
        report.warn("the directory is in memory, where commits cost nothing: name one on a disk with --data");
    }
    if args.wants(Scenario::Start) {
        start::measure(&base, args.repeat as usize, &mut report).await?;
    }
    if args.wants(Scenario::Steps) {
        throughput::steps(&base, &args.plan(&[1, 64, 512]), &mut report).await?;
    }
    if args.wants(Scenario::Set) {
        throughput::set(&base, &args.plan(&[1, 64]), &mut report).await?;
    }
    if args.wants(Scenario::Loop) {
        rounds::measure(&base, args.rounds, &mut report).await?;
    }
    if args.wants(Scenario::Sleepers) {
        sleepers::measure(&base, args.runs, &mut report).await?;
    }
    Ok(report)
}
