//! Effects under way: each a task that reports its outcome to the shard of its run.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use ferrovia_dsl::plan::{CallKind, Plan};
use ferrovia_engine::{Effect, EffectOutput, ErrorType, Fault, ObligationId, Outcome};
use ferrovia_store::{Origin, RunId};
use tokio::task::AbortHandle;

use super::{Inner, intake, wall_ms};
use crate::carry::{execute, outcome};
use crate::port::Call;
use crate::shard::Event;

#[derive(Default)]
pub(super) struct Effects {
    under_way: HashMap<(RunId, ObligationId), AbortHandle>,
}

impl Effects {
    /// Carries an effect out. Answers at once when that needs no waiting.
    pub(super) fn execute(
        &mut self,
        inner: &Arc<Inner>,
        run: RunId,
        plan: &Arc<Plan>,
        id: ObligationId,
        effect: Effect,
        origin: Option<Arc<Origin>>,
    ) -> Option<Event> {
        if let Some(origin) = origin {
            self.look_back(inner, run, plan, id, effect, origin);
            return None;
        }
        let request = &effect.request;
        if request.kind == CallKind::Emit {
            let (inner, event) = (inner.clone(), request.arguments.value.clone());
            tokio::spawn(async move {
                let outcome = match intake::receive(&inner, event).await {
                    Ok(_) => Outcome::Completed(EffectOutput::default()),
                    Err(error) => failed(ErrorType::Runtime, error.to_string()),
                };
                inner.send(run, settled(run, id, outcome));
            });
            return None;
        }
        let opened =
            match crate::secrets::open(&request.arguments, plan, &*inner.secrets, wall_ms()) {
                Ok(opened) => opened,
                Err(fault) => {
                    return Some(settled(run, id, Outcome::Failed(fault)));
                }
            };
        let Some(executor) = inner.executors.get(request.kind) else {
            let detail = format!(
                "this build of Ferrovia has nothing that carries out `{}`",
                request.kind.as_str()
            );
            return Some(settled(run, id, failed(ErrorType::Configuration, detail)));
        };
        let call = Call {
            kind: request.kind.as_str().into(),
            arguments: opened.arguments,
            secrets: opened.secrets,
            idempotency_key: format!("{run}{id}").into(),
            time_limit: None,
        };
        if let Some(result) = executor.immediate(&call) {
            return Some(settled(run, id, outcome(result, &call.secrets)));
        }
        self.forget_finished();
        let (node, lanes) = (inner.clone(), inner.lanes.clone());
        let open = Open::count(inner);
        if request.detached {
            tokio::spawn(async move {
                let _open = open;
                execute(Some(executor), &lanes, call).await
            });
            let outcome = Outcome::Completed(EffectOutput::default());
            return Some(settled(run, id, outcome));
        }
        let key = (run, id.clone());
        let task = tokio::spawn(async move {
            let _open = open;
            let outcome = execute(Some(executor), &lanes, call).await;
            node.send(run, settled(run, id, outcome));
        });
        self.under_way.insert(key, task.abort_handle());
        None
    }

    /// Asks the journal of the origin first. What is not found there is asked for again, without an origin.
    fn look_back(
        &mut self,
        inner: &Arc<Inner>,
        run: RunId,
        plan: &Arc<Plan>,
        id: ObligationId,
        effect: Effect,
        origin: Arc<Origin>,
    ) {
        self.forget_finished();
        let (node, plan, key) = (inner.clone(), plan.clone(), (run, id.clone()));
        let task = tokio::spawn(async move {
            let found = node.past_answer(&origin, &id, &effect.request).await;
            let event = match found {
                Some(outcome) => Event::Settled {
                    run,
                    id,
                    outcome,
                    reused: true,
                },
                None => Event::Anew {
                    run,
                    plan,
                    id,
                    effect,
                },
            };
            node.send(run, event);
        });
        self.under_way.insert(key, task.abort_handle());
    }

    /// Drops an effect that is no longer wanted.
    pub(super) fn abort(&mut self, run: RunId, id: &ObligationId) {
        if let Some(task) = self.under_way.remove(&(run, id.clone())) {
            task.abort();
        }
    }

    /// Keeps the table in proportion to what is under way.
    fn forget_finished(&mut self) {
        if self.under_way.len() == self.under_way.capacity() {
            self.under_way.retain(|_, task| !task.is_finished());
        }
    }
}

/// Counts an effect as open until it is dropped.
struct Open(Arc<Inner>);

impl Open {
    fn count(inner: &Arc<Inner>) -> Open {
        inner.open_effects.fetch_add(1, Ordering::Relaxed);
        Open(inner.clone())
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        self.0.open_effects.fetch_sub(1, Ordering::Relaxed);
    }
}

fn settled(run: RunId, id: ObligationId, outcome: Outcome) -> Event {
    Event::Settled {
        run,
        id,
        outcome,
        reused: false,
    }
}

fn failed(kind: ErrorType, detail: String) -> Outcome {
    Outcome::Failed(Fault {
        kind,
        status: None,
        title: None,
        detail: Some(detail.into()),
    })
}
