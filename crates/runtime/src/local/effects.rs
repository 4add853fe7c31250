//! Effects under way: each a task of the async runtime that reports its outcome to the inbox.

use std::collections::HashMap;
use std::future::poll_fn;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::task::Poll;

use ferrovia_engine::{
    EffectOutput, EffectRequest, ErrorType, Fault, Input, ObligationId, Outcome,
};
use tokio::sync::{Semaphore, mpsc};
use tokio::task::{AbortHandle, JoinSet};

use super::RunKey;
use crate::port::{Call, Executor, Success};
use crate::registry::Executors;
use crate::secrets::Opened;

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
    let secrets = call.secrets.clone();
    match carried_out(&*executor, call).await {
        Ok(success) => Outcome::Completed(EffectOutput {
            value: success.output,
            authorization_scheme: success.authorization_scheme.map(Into::into),
        }),
        Err(mut fault) => {
            fault.title = secrets.mask(&fault.title);
            fault.detail = fault.detail.map(|detail| secrets.mask(&detail));
            Outcome::Failed(fault.into())
        }
    }
}

/// A defect of an executor is a fault of the one task that met it: without an outcome its run would wait for ever.
async fn carried_out(executor: &dyn Executor, call: Call) -> Result<Success, crate::port::Fault> {
    let mut running = executor.execute(call);
    let ended = poll_fn(|context| {
        match catch_unwind(AssertUnwindSafe(|| running.as_mut().poll(context))) {
            Ok(Poll::Pending) => Poll::Pending,
            Ok(Poll::Ready(ended)) => Poll::Ready(Some(ended)),
            Err(_panic) => Poll::Ready(None),
        }
    });
    ended.await.unwrap_or_else(|| {
        Err(crate::port::Fault {
            kind: ErrorType::Runtime,
            status: None,
            title: "Internal defect".to_owned(),
            detail: Some(
                "the connector failed in a way it should not; please report this".to_owned(),
            ),
        })
    })
}

#[cfg(test)]
mod tests {
    use async_trait::async_trait;
    use ferrovia_expr::Value;

    use super::*;
    use crate::port::{Fault as PortFault, Secrets};

    /// Fails in the way that the arguments name, quoting them.
    struct Failing;

    #[async_trait]
    impl Executor for Failing {
        async fn execute(&self, call: Call) -> Result<Success, PortFault> {
            let quoted = call.arguments.to_json();
            assert_ne!(quoted, "null", "a defect");
            Err(PortFault {
                kind: ErrorType::Communication,
                status: None,
                title: format!("about {quoted}"),
                detail: Some(quoted),
            })
        }
    }

    async fn failure(arguments: Value) -> Fault {
        let call = Call {
            kind: "http".into(),
            secrets: Secrets::of([&arguments]),
            arguments,
            idempotency_key: "run/effect".into(),
            time_limit: None,
        };
        match execute(Some(Arc::new(Failing)), &Semaphore::new(1), call).await {
            Outcome::Failed(fault) => fault,
            other => panic!("not a failure: {other:?}"),
        }
    }

    #[tokio::test]
    async fn faults_quote_no_secret() {
        let fault = failure("hush-hush".into()).await;
        assert_eq!(fault.title.as_deref(), Some("about \"***\""));
        assert_eq!(fault.detail.as_deref(), Some("\"***\""));
    }

    #[tokio::test]
    async fn a_defect_of_an_executor_is_a_fault_of_the_task() {
        let fault = failure(Value::Null).await;
        assert_eq!(fault.kind, ErrorType::Runtime);
        assert_eq!(fault.title.as_deref(), Some("Internal defect"));
    }
}
