//! `ferrovia replay`: derives a run again from its journal, and proves that it comes out as it was.

use clap::Args;
use ferrovia_expr::{Object, Value};
use ferrovia_runtime::shard::History;
use ferrovia_server::view::{self, Runs};
use ferrovia_store::format::v1::State;
use ferrovia_store::{RunId, Snapshot};

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

/// What a replay came to.
struct Proof {
    history: History,
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
    let plan = runs
        .plan(stored.summary.run.plan)
        .map_err(|why| anyhow::anyhow!("{why}"))?;
    let mut history = History::new(run, runs.runtime().clone());
    let mut trace = Vec::new();
    let mut differs = None;
    while differs.is_none() {
        let records = journal.records(run, history.seq + 1, RECORDS_AT_A_TIME)?;
        for (seq, record) in &records {
            let taken = history.take(&plan, *seq, record, |entries| {
                trace.extend(entries.iter().map(|entry| view::entry(&plan, *seq, entry)));
            });
            let compared = taken
                .map_err(|error| error.to_string())
                .and_then(|()| compare(&history, stored.snapshot.as_ref()));
            if let Err(why) = compared {
                differs = Some((*seq, why));
                break;
            }
        }
        if records.len() < RECORDS_AT_A_TIME {
            break;
        }
    }
    Ok(Some(Proof {
        history,
        trace,
        differs,
    }))
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
        let digest = format!("{:032x}", self.history.digest.0);
        let text = match args.output {
            Output::Json => {
                let mut object = Object::default();
                object.insert("run", args.run.to_string());
                object.insert("records", self.history.seq as i64);
                object.insert("digest", digest);
                object.insert("status", self.history.run.status().as_str());
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
                let records = match self.history.seq {
                    1 => "1 record".to_owned(),
                    many => format!("{many} records"),
                };
                lines.push(format!(
                    "{records}, digest {digest}, {}: {verdict}",
                    self.history.run.status().as_str(),
                ));
                lines.join("\n")
            }
        };
        out::result(&text, exit)
    }
}
