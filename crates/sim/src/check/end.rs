//! After healing, every run that was acknowledged has ended, once, with the output that it has without faults.

use ferrovia_dsl::plan::Plan;
use ferrovia_engine::{Cx, Ending, Input, Obligation, Run, RuntimeInfo, step};
use ferrovia_expr::Value;
use ferrovia_runtime::shard::History;
use ferrovia_store::{Journal, RunId, Status};

use crate::service::Service;
use crate::workload::{Kind, input};
use crate::world::World;

pub(crate) fn outputs(world: &mut World) {
    let mut numbers = std::collections::HashMap::new();
    let runs: Vec<(RunId, u64, Kind, bool, bool)> = world
        .started
        .values()
        .map(|started| {
            (
                started.run,
                started.number,
                started.kind,
                started.acknowledged,
                started.meddled,
            )
        })
        .collect();
    for (run, number, kind, acknowledged, meddled) in runs {
        if !acknowledged {
            world.violation(format!(
                "start {number} of `{}` was never acknowledged",
                kind.name()
            ));
            continue;
        }
        if let Some(other) = numbers.insert(number, run) {
            world.violation(format!(
                "G3: start {number} has two runs, {run} and {other}"
            ));
        }
        let status = world.status(run);
        if !status.is_some_and(Status::is_terminal) {
            world.violation(format!(
                "run {run} of `{}` has not ended: it is {status:?}",
                kind.name()
            ));
            continue;
        }
        if meddled || matches!(kind, Kind::Once | Kind::Parent) {
            continue;
        }
        let expected = oracle(world, kind, number);
        let actual = ending(world, run, kind);
        if expected.is_some() && actual != expected {
            world.violation(format!(
                "run {run} of `{}` gave {actual:?} instead of {expected:?}",
                kind.name()
            ));
        }
    }
}

fn ending(world: &World, run: RunId, kind: Kind) -> Option<Value> {
    let plan = world.workload.plan(kind);
    let mut history = History::new(run, world.runtime());
    for (seq, record) in world.store.records(run, 1, usize::MAX).ok()? {
        history.take(plan, seq, &record, |_| {}).ok()?;
    }
    match history.run.ending() {
        Some(Ending::Completed(output)) => Some(output.clone()),
        _ => None,
    }
}

/// The output of a run that nothing disturbs. `None` for kinds that depend on more than the service.
fn oracle(world: &World, kind: Kind, number: u64) -> Option<Value> {
    let plan = world.workload.plan(kind);
    let runtime = world.runtime();
    let mut service = Service::default();
    let mut run = Run::new("oracle", 1);
    let mut now_ms = 0;
    let mut next = Some(Input::Start {
        input: input(number),
        secrets: None,
    });
    let mut event = kind.event(number);
    while let Some(input) = next.take() {
        take(plan, &mut run, input, now_ms, &runtime)?;
        if let Some(Ending::Completed(output)) = run.ending() {
            return Some(output.clone());
        }
        let owed = run
            .obligations()
            .iter()
            .find(|(_, owed)| !matches!(owed, Obligation::Subscription));
        next = match owed.map(|(id, owed)| (id.clone(), owed.clone())) {
            Some((id, Obligation::Effect(effect))) => {
                let outcome = service.arrive(&format!("oracle{id}"), &effect.request);
                Some(Input::EffectSettled { id, outcome })
            }
            Some((id, Obligation::Timer(timer))) => {
                now_ms = timer.due_ms;
                Some(Input::TimerFired { id })
            }
            Some((_, Obligation::Proceed)) => Some(Input::Proceed),
            Some((_, Obligation::Child(_) | Obligation::Subscription)) => None,
            None => event.take().map(|event| Input::MessageArrived { event }),
        };
    }
    None
}

fn take(
    plan: &Plan,
    run: &mut Run,
    input: Input,
    now_ms: i64,
    runtime: &RuntimeInfo,
) -> Option<()> {
    step(plan, run, input, &Cx { now_ms, runtime })
        .ok()
        .map(drop)
}
