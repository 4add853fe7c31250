//! A run of this process, followed through its journal while it goes. Owns how far it was read; shows nothing.

use std::sync::Arc;

use ferrovia_dsl::plan::{CallKind, Plan};
use ferrovia_engine::{Obligation, ObligationId, TraceEvent};
use ferrovia_expr::Value;
use ferrovia_runtime::shard::History;
use ferrovia_runtime::{Node, Observed, Observer};
use ferrovia_store::RunId;

/// Records read at a time.
const RECORDS_AT_A_TIME: usize = 256;

/// Reads a run as its journal grows, with the events that it published and the tasks that it started.
pub(crate) struct Follower {
    pub(crate) run: RunId,
    plan: Arc<Plan>,
    history: History,
    /// By the effects that published them.
    pub(crate) emitted: Vec<(ObligationId, Value)>,
    pub(crate) tasks: Vec<Arc<str>>,
}

impl Follower {
    pub(crate) fn new(run: RunId, plan: Arc<Plan>, node: &Node) -> Follower {
        Follower {
            run,
            plan,
            history: History::new(run, node.runtime().clone()),
            emitted: Vec::new(),
            tasks: Vec::new(),
        }
    }

    /// Takes the records that are new.
    pub(crate) fn catch_up(
        &mut self,
        node: &Node,
        observer: &mut dyn Observer,
    ) -> anyhow::Result<()> {
        let Follower {
            run,
            plan,
            history,
            emitted,
            tasks,
        } = self;
        loop {
            let records = node
                .journal()
                .records(*run, history.seq + 1, RECORDS_AT_A_TIME)?;
            for (seq, record) in &records {
                history.take(plan, *seq, record, |entries| {
                    let observed = Observed {
                        number: 0,
                        depth: 0,
                        plan,
                    };
                    observer.observe(observed, entries);
                    for entry in entries {
                        if let (TraceEvent::TaskStarted { .. }, Some(task)) =
                            (&entry.event, entry.task)
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
                    if request.kind == CallKind::Emit
                        && emitted.iter().all(|(known, _)| known != id)
                    {
                        emitted.push((id.clone(), request.arguments.value.clone()));
                    }
                }
            }
            if records.len() < RECORDS_AT_A_TIME {
                return Ok(());
            }
        }
    }
}
