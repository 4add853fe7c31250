//! `ferrovia replay`: derives a run again from its journal, and proves that it comes out as it was.

use clap::Args;
use ferrovia_expr::{Object, Value};
use ferrovia_runtime::shard::{History, ReplayError};
use ferrovia_server::view::{self, Runs};
use ferrovia_store::format::v1::{Digest, State};
use ferrovia_store::{RunId, Snapshot, StoreError};

use crate::args::Output;
use crate::data::DataArgs;
use crate::exit::Exit;
use crate::out;
use crate::runs::table;
use crate::stored::Reading;

/// Records read at a time.
const RECORDS_AT_A_TIME: usize = 256;

pub(crate) const EXAMPLES: &str = "Examples:
  ferrovia replay 06e8jvd4r3x0g
  ferrovia replay 06e8jvd4r3x0g --trace

Nothing is sent and nothing is loaded: the journal holds all that happened, and every record a digest of what it gave.

Exit codes: 0 identical, 1 not identical or not readable, 2 the usage is refused";

#[derive(Args)]
pub(crate) struct ReplayArgs {
    /// The id of the run
    #[arg(value_name = "RUN")]
    run: RunId,
    /// Show what happened and why
    #[arg(long)]
    trace: bool,
    /// How the result is printed
    #[arg(long, value_enum, default_value_t)]
    output: Output,
    #[command(flatten)]
    data: DataArgs,
}

/// How far a replay came.
struct Reached {
    records: u64,
    digest: Digest,
    status: &'static str,
}

impl Reached {
    fn by(history: &History) -> Reached {
        Reached {
            records: history.seq,
            digest: history.digest,
            status: history.run.status().as_str(),
        }
    }
}

/// What a replay came to.
struct Proof {
    reached: Reached,
    trace: Vec<Value>,
    /// The first record that differs, and why.
    differs: Option<(u64, String)>,
}

pub(crate) fn replay(args: &ReplayArgs) -> Exit {
    let proved = args.data.directory().and_then(|data| {
        let runs = Reading::new(data.read()?.into());
        prove(&runs, args.run)
    });
    match proved {
        Ok(Some(proof)) => proof.print(args),
        Ok(None) => {
            out::note(format_args!("error: no run has the id {}", args.run));
            Exit::Refused
        }
        Err(error) => {
            out::note(format_args!("error: {error:#}"));
            Exit::Internal
        }
    }
}

fn prove(runs: &dyn Runs, run: RunId) -> anyhow::Result<Option<Proof>> {
    let journal = runs.journal();
    let Some(stored) = journal.load(run)? else {
        return Ok(None);
    };
    let mut trace = Vec::new();
    let mut reached = Reached::by(&History::new(run, runs.runtime().clone()));
    let replayed = ferrovia_runtime::shard::replay(
        run,
        stored.summary.run.plan,
        runs.runtime().clone(),
        |from| Ok(journal.records(run, from, RECORDS_AT_A_TIME)?),
        |hash| {
            let plan = runs.plan(hash);
            plan.map_err(|why| Stop::Failed(anyhow::anyhow!("{why}")))
        },
        |seen| {
            let entries = seen.step.trace.iter();
            trace.extend(entries.map(|entry| view::entry(seen.plan, seen.seq, entry)));
        },
        |history| {
            reached = Reached::by(history);
            compare(history, stored.snapshot.as_ref()).map_err(Stop::Differs)
        },
    );
    let differs = match replayed {
        Ok(_) => None,
        Err(Stop::Differs(why)) => Some((reached.records, why)),
        Err(Stop::Refused(why)) => Some((reached.records + 1, why.to_string())),
        Err(Stop::Failed(error)) => return Err(error),
    };
    Ok(Some(Proof {
        reached,
        trace,
        differs,
    }))
}

/// Why a replay does not come to its end.
enum Stop {
    Failed(anyhow::Error),
    Refused(ReplayError),
    /// A snapshot holds another state.
    Differs(String),
}

impl From<StoreError> for Stop {
    fn from(error: StoreError) -> Stop {
        Stop::Failed(error.into())
    }
}

impl From<ReplayError> for Stop {
    fn from(error: ReplayError) -> Stop {
        Stop::Refused(error)
    }
}

/// The state at the record after which a snapshot was taken has to be the one in the snapshot.
fn compare(history: &History, snapshot: Option<&Snapshot>) -> Result<(), String> {
    let Some(snapshot) = snapshot.filter(|snapshot| snapshot.seq == history.seq) else {
        return Ok(());
    };
    match State::decode(&snapshot.state) {
        Ok(state) if state == history.state() => Ok(()),
        Ok(_) => Err(format!(
            "record {}: the snapshot holds another state",
            history.seq
        )),
        Err(error) => Err(error.to_string()),
    }
}

impl Proof {
    fn print(self, args: &ReplayArgs) -> Exit {
        let exit = match self.differs {
            None => Exit::Completed,
            Some(_) => Exit::Internal,
        };
        let digest = format!("{:032x}", self.reached.digest.0);
        let text = match args.output {
            Output::Json => {
                let mut object = Object::default();
                object.insert("run", args.run.to_string());
                object.insert("records", self.reached.records as i64);
                object.insert("digest", digest);
                object.insert("status", self.reached.status);
                object.insert("identical", self.differs.is_none());
                if let Some((record, why)) = self.differs {
                    object.insert("record", record as i64);
                    object.insert("why", why);
                }
                if args.trace {
                    object.insert("trace", self.trace);
                }
                Value::from(object).to_json_pretty()
            }
            Output::Text => {
                let mut lines = Vec::new();
                if args.trace {
                    lines.extend(self.trace.iter().map(table::entry));
                }
                let verdict = match self.differs {
                    None => "identical".to_owned(),
                    Some((_, why)) => format!("NOT identical: {}", out::harmless(&why)),
                };
                let records = match self.reached.records {
                    1 => "1 record".to_owned(),
                    many => format!("{many} records"),
                };
                lines.push(format!(
                    "{records}, digest {digest}, {}: {verdict}",
                    self.reached.status,
                ));
                lines.join("\n")
            }
        };
        out::result(&text, exit)
    }
}
