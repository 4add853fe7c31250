//! G1, G3, INV-1, INV-3, INV-5: what was acknowledged is there, commands follow what is durable, journals replay.

use ferrovia_engine::{Ending, Obligation, ObligationId};
use ferrovia_runtime::shard::History;
use ferrovia_store::{Journal, Page, RunId, Status};

use crate::world::World;

/// A start was acknowledged: its run must be in the store.
pub(crate) fn acknowledged(world: &mut World, run: RunId) {
    if world.status(run).is_none() {
        world.violation(format!(
            "G3: run {run} was acknowledged and is not in the store"
        ));
    }
}

/// An effect leaves: the records in the store must owe it.
pub(crate) fn commanded(world: &mut World, run: RunId, id: &ObligationId) {
    let owed =
        replay(world, run).is_some_and(|history| history.run.obligations().get(id).is_some());
    if !owed {
        world.violation(format!(
            "INV-3: effect {run}{id} leaves, and no durable record asks for it"
        ));
    }
}

/// Effects that the store says a run waits for.
pub(crate) fn owed_effects(world: &mut World, run: RunId) -> Vec<ObligationId> {
    let open = replay(world, run)
        .map(|history| history.run.obligations().clone())
        .unwrap_or_default();
    let effects = open
        .iter()
        .filter(|(_, owed)| matches!(owed, Obligation::Effect(_)));
    effects.map(|(id, _)| id.clone()).collect()
}

/// An end was announced: it must be durable.
pub(crate) fn ended(world: &mut World, run: RunId, ending: &Ending) {
    let durable = replay(world, run).and_then(|history| history.run.ending().cloned());
    if durable.as_ref() != Some(ending) {
        world.violation(format!(
            "G1: run {run} was said to have ended with {ending:?}, and the store has {durable:?}"
        ));
    }
    if world.ended.contains_key(&run) {
        world.violation(format!("INV-5: run {run} ended twice"));
    }
}

/// Every journal replays to what it says, and its index row agrees.
pub(crate) fn journals(world: &mut World) {
    let all = Page {
        before: None,
        limit: usize::MAX,
    };
    for summary in world
        .store
        .runs(&Default::default(), all)
        .expect("memory is readable")
    {
        let run = summary.run.id;
        let Some(history) = replay(world, run) else {
            continue;
        };
        let status = match history.run.ending() {
            Some(Ending::Completed(_)) => Some(Status::Completed),
            Some(Ending::Faulted(_)) => Some(Status::Faulted),
            Some(Ending::Cancelled { .. }) => Some(Status::Cancelled),
            None => None,
        };
        if summary.status.is_terminal() != status.is_some()
            || status.is_some_and(|status| status != summary.status)
        {
            world.violation(format!(
                "run {run} is {:?} in the index and {status:?} by its journal",
                summary.status
            ));
        }
    }
}

fn replay(world: &mut World, run: RunId) -> Option<History> {
    let summary = world.store.summary(run).ok().flatten()?;
    let plan = world.workload.definitions.get(summary.run.plan)?.clone();
    let mut history = History::new(run, world.runtime());
    for (seq, record) in world
        .store
        .records(run, 1, usize::MAX)
        .expect("memory is readable")
    {
        if let Err(error) = history.take(&plan, seq, &record, |_| {}) {
            world.violation(format!("INV-1: run {run} does not replay: {error}"));
            return None;
        }
    }
    Some(history)
}
