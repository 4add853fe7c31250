//! Moves live runs to another plan, if they would have gone the same way on it.

use std::sync::Arc;

use ferrovia_dsl::plan::Plan;
use ferrovia_store::RunId;

use super::fork::{ForkError, about, offload, read_seeing};
use super::{Inner, Node};
use crate::migrate::{Shadow, Verdict};
use crate::shard::{Declined, Event, History, Moving};

/// How often it is tried again when the run went on meanwhile.
const TRIES: usize = 16;

impl Node {
    /// How a run stands to another plan, as far as it has come.
    pub async fn compare(&self, run: RunId, plan: Arc<Plan>) -> Result<Verdict, ForkError> {
        let inner = self.0.clone();
        offload(move || Ok(shadow(&inner, run, &plan)?.0)).await
    }

    /// Moves a run to another plan, if it would have gone the same way on it. It is durable when this returns; a run
    /// that differs stays as it is.
    pub async fn migrate(&self, run: RunId, plan: Arc<Plan>) -> Result<Verdict, ForkError> {
        let mut tried = 0;
        loop {
            let (inner, to) = (self.0.clone(), plan.clone());
            let (verdict, history) = offload(move || shadow(&inner, run, &to)).await?;
            if verdict != Verdict::Same {
                return Ok(verdict);
            }
            let plan = plan.clone();
            let moved = self.0.ask(run, |token| Event::Move {
                token,
                moving: Box::new(Moving { run, plan, history }),
            });
            match moved.await {
                Ok(_) => return Ok(Verdict::Same),
                // It went on between reading and moving.
                Err(Declined::GoneOn) if tried < TRIES => tried += 1,
                Err(declined) => return Err(declined.into()),
            }
        }
    }
}

/// What comes of a run on another plan.
fn shadow(inner: &Inner, run: RunId, plan: &Arc<Plan>) -> Result<(Verdict, History), ForkError> {
    let (summary, identity) = about(inner, run)?;
    if summary.status.is_terminal() {
        return Err(Declined::Refused(ferrovia_engine::Refusal::Ended).into());
    }
    let mut shadow: Option<Shadow> = None;
    let own = read_seeing(inner, &summary, |seen| {
        let shadow = shadow.get_or_insert_with(|| Shadow::new(identity, seen.history));
        shadow.take(seen.plan, plan, seen.seq, seen.stamped, seen.step);
    })?;
    let Some(shadow) = shadow else {
        return Err(crate::fork::NoFork::NotBegun.into());
    };
    let verdict = match &shadow.difference {
        Some(difference) => Verdict::Differs(difference.clone()),
        None => Verdict::Same,
    };
    let mut history = shadow.into_history();
    history.seq = own.seq;
    history.digest = own.moved_digest(plan);
    Ok((verdict, history))
}
