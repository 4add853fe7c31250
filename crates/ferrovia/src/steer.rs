//! Cancels, suspends and resumes runs whose journal no process drives.
//!
//! The run takes in what waits for it and the change; the record is written, and nothing leaves. What follows from it
//! is left to the process that goes on with the runs, as after a crash.

use std::sync::mpsc;
use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::bail;
use ferrovia_runtime::shard::{Action, Control, Event, Shard, Surroundings, Token};
use ferrovia_runtime::{Definitions, Ids};
use ferrovia_server::view::Runs;
use ferrovia_store::{RunId, ShardId, StoreError, Ticket, Write};

/// Returns when the change is durable.
pub(crate) fn steer(runs: &dyn Runs, run: RunId, control: Control) -> anyhow::Result<()> {
    let journal = runs.journal();
    let id = ShardId::of(run, journal.shards());
    let mut shard = Shard::new(id, journal.acquire(id)?);
    let now_ms = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |since| since.as_millis() as i64);
    let mut definitions = Definitions::default();
    for stored in journal.definitions()? {
        // What this release cannot compile, it cannot start as a child either.
        if let Ok(plan) = runs.plan(stored.plan) {
            definitions.add(plan);
        }
    }
    definitions.read_standing(journal)?;
    let ids = Ids::new(rand::random());
    let mut new_id = || ids.next(now_ms);
    let mut cx = Surroundings {
        now_ms,
        definitions: &definitions,
        runtime: runs.runtime(),
        shards: journal.shards(),
        new_id: &mut new_id,
        watched: false,
    };
    let mut events = vec![Event::Control {
        token: Token(1),
        run,
        control,
    }];
    let mut actions = Vec::new();
    while !events.is_empty() {
        for event in std::mem::take(&mut events) {
            shard.handle(event, &mut cx, &mut actions);
        }
        shard.flush(&mut cx, &mut actions);
        for action in std::mem::take(&mut actions) {
            match action {
                Action::Load(run) => events.push(Event::Loaded {
                    run,
                    found: load(runs, run),
                }),
                Action::Write(batch) => events.push(match written(runs, batch) {
                    Ok(_) => Event::Committed,
                    Err(error) => Event::Refused(error),
                }),
                Action::Answer { answer, .. } => return Ok(answer.map(drop)?),
                Action::Full => bail!("the disk is full"),
                Action::Lost => bail!("another process has taken the runs over"),
                Action::Execute { .. }
                | Action::Abort { .. }
                | Action::Changed(_)
                | Action::Ended { .. } => {}
            }
        }
    }
    bail!("the run gave no answer")
}

type Found = Result<
    Option<
        Box<(
            ferrovia_store::StoredRun,
            std::sync::Arc<ferrovia_dsl::plan::Plan>,
        )>,
    >,
    std::sync::Arc<str>,
>;

fn load(runs: &dyn Runs, run: RunId) -> Found {
    let stored = runs.journal().load(run);
    let Some(stored) = stored.map_err(|error| error.to_string())? else {
        return Ok(None);
    };
    let plan = runs.plan(stored.summary.run.plan)?;
    Ok(Some(Box::new((stored, plan))))
}

fn written(runs: &dyn Runs, batch: Vec<Write>) -> Result<Ticket, StoreError> {
    let (sender, receiver) = mpsc::channel();
    let done = move |result| drop(sender.send(result));
    runs.journal().write(batch, Box::new(done));
    receiver
        .recv()
        .unwrap_or_else(|_| Err(StoreError::Fatal("the journal gave no answer".into())))
}
