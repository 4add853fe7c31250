//! Effects under way: each a task of the async runtime that reports its outcome to the inbox.

use std::collections::HashMap;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::task::Poll;

use ferrovia_engine::{
    EffectOutput, EffectRequest, ErrorType, Fault, Input, ObligationId, Outcome,
};
use ferrovia_expr::Value;
use tokio::sync::{Semaphore, mpsc};
use tokio::task::{AbortHandle, JoinSet};

use super::RunKey;
use crate::port::{Call, Executor};
use crate::registry::Executors;

/// Effects that are carried out at the same time; further ones wait for their turn.
const CONCURRENT_EFFECTS_MAX: usize = 256;

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
    turns: Arc<Semaphore>,
    tasks: JoinSet<()>,
    awaited: HashMap<(RunKey, ObligationId), AbortHandle>,
    detached: usize,
}

impl Effects {
    pub(super) fn new(executors: Executors, outbox: mpsc::Sender<Arrival>) -> Effects {
        Effects {
            executors,
            outbox,
            turns: Arc::new(Semaphore::new(CONCURRENT_EFFECTS_MAX)),
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
        arguments: Value,
    ) {
        // Tasks that are over leave the set here, so that it does not grow with the effects ever made.
        while self.tasks.try_join_next().is_some() {}
        let call = Call {
            kind: request.kind.as_str().into(),
            arguments,
            idempotency_key: format!("{run_id}{id}").into(),
            time_limit: None,
        };
        let executor = self.executors.get(request.kind);
        let (outbox, turns) = (self.outbox.clone(), self.turns.clone());
        // A send fails only when the driver is gone and nobody waits any more.
        if request.detached {
            self.detached += 1;
            self.tasks.spawn(async move {
                let _ = outbox.send(Arrival::Began { run, id }).await;
                execute(executor, &turns, call).await;
                let _ = outbox.send(Arrival::Ended).await;
            });
        } else {
            let key = (run, id.clone());
            let task = self.tasks.spawn(async move {
                let outcome = execute(executor, &turns, call).await;
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

async fn execute(executor: Option<Arc<dyn Executor>>, turns: &Semaphore, call: Call) -> Outcome {
    let Some(executor) = executor else {
        let detail = format!(
            "this build of Ferrovia has nothing that carries out `{}`",
            call.kind
        );
        return Outcome::Failed(Fault {
            kind: ErrorType::Configuration,
            status: None,
            title: None,
            detail: Some(detail.into()),
        });
    };
    let _turn = turns.acquire().await;
    let kind = call.kind.clone();
    match without_panic(executor.execute(call)).await {
        None => Outcome::Failed(Fault {
            kind: ErrorType::Runtime,
            status: None,
            title: None,
            detail: Some(format!("what carries out `{kind}` has a defect and panicked").into()),
        }),
        Some(Ok(success)) => Outcome::Completed(EffectOutput {
            value: success.output,
            authorization_scheme: success.authorization_scheme.map(Into::into),
        }),
        Some(Err(fault)) => Outcome::Failed(fault.into()),
    }
}

/// `None` when the future panics: the run it belongs to would otherwise wait for ever. A future that panicked is not
/// polled again, so nothing sees what it left half done.
async fn without_panic<T>(future: impl Future<Output = T>) -> Option<T> {
    let mut future = std::pin::pin!(future);
    std::future::poll_fn(|cx| {
        match std::panic::catch_unwind(AssertUnwindSafe(|| future.as_mut().poll(cx))) {
            Ok(poll) => poll.map(Some),
            Err(_) => Poll::Ready(None),
        }
    })
    .await
}
