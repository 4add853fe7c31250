//! Effects under way: each a task of the async runtime that reports its outcome to the inbox.

use std::collections::HashMap;
use std::sync::Arc;

use ferrovia_engine::{EffectOutput, EffectRequest, Input, ObligationId, Outcome};
use tokio::sync::mpsc;
use tokio::task::{AbortHandle, JoinSet};

use super::RunKey;
use crate::carry::execute;
use crate::lane::{Lanes, Limits};
use crate::port::Call;
use crate::registry::Executors;
use crate::secrets::Opened;

/// News of an effect.
pub(super) enum Arrival {
    Settled {
        run: RunKey,
        id: ObligationId,
        outcome: Outcome,
    },
    /// A detached effect has begun: all its run waits for.
    Began { run: RunKey, id: ObligationId },
    /// A detached effect is over.
    Ended,
}

pub(super) struct Effects {
    executors: Executors,
    outbox: mpsc::Sender<Arrival>,
    lanes: Arc<Lanes>,
    tasks: JoinSet<()>,
    awaited: HashMap<(RunKey, ObligationId), AbortHandle>,
    detached: usize,
}

impl Effects {
    pub(super) fn new(executors: Executors, outbox: mpsc::Sender<Arrival>) -> Effects {
        Effects {
            executors,
            outbox,
            lanes: Arc::new(Lanes::new(Limits::default())),
            tasks: JoinSet::new(),
            awaited: HashMap::new(),
            detached: 0,
        }
    }

    /// Nothing is under way and no news is on its way.
    pub(super) fn is_idle(&self) -> bool {
        self.awaited.is_empty() && self.detached == 0
    }

    pub(super) fn start(
        &mut self,
        run: RunKey,
        run_id: &str,
        id: ObligationId,
        request: &EffectRequest,
        opened: Opened,
    ) {
        // Tasks that are over leave the set here, so that it does not grow with the effects ever made.
        while self.tasks.try_join_next().is_some() {}
        let call = Call {
            kind: request.kind.as_str().into(),
            arguments: opened.arguments,
            secrets: opened.secrets,
            idempotency_key: format!("{run_id}{id}").into(),
            time_limit: None,
        };
        let executor = self.executors.get(request.kind);
        let (outbox, lanes) = (self.outbox.clone(), self.lanes.clone());
        // A send fails only when the driver is gone and nobody waits any more.
        if request.detached {
            self.detached += 1;
            self.tasks.spawn(async move {
                let _ = outbox.send(Arrival::Began { run, id }).await;
                execute(executor, &lanes, call).await;
                let _ = outbox.send(Arrival::Ended).await;
            });
        } else {
            let key = (run, id.clone());
            let task = self.tasks.spawn(async move {
                let outcome = execute(executor, &lanes, call).await;
                let _ = outbox.send(Arrival::Settled { run, id, outcome }).await;
            });
            self.awaited.insert(key, task);
        }
    }

    /// The input that news of an effect is, if a run still waits for it.
    pub(super) fn arrived(&mut self, arrival: Arrival) -> Option<(RunKey, Input)> {
        match arrival {
            Arrival::Settled { run, id, outcome } => {
                self.awaited.remove(&(run, id.clone()))?;
                Some((run, Input::EffectSettled { id, outcome }))
            }
            Arrival::Began { run, id } => {
                let outcome = Outcome::Completed(EffectOutput::default());
                Some((run, Input::EffectSettled { id, outcome }))
            }
            Arrival::Ended => {
                self.detached -= 1;
                None
            }
        }
    }

    /// Drops an effect that is no longer wanted.
    pub(super) fn stop(&mut self, run: RunKey, id: &ObligationId) {
        if let Some(task) = self.awaited.remove(&(run, id.clone())) {
            task.abort();
        }
    }

    /// Drops everything under way, and waits until it is gone: no process outlives its run.
    pub(super) async fn shut_down(&mut self) {
        self.tasks.shutdown().await;
    }
}
