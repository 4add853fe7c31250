//! Takes events in: durable first, then to the runs that want them and as starts of new ones.
//!
//! Events are taken one after another by one task, because what a trigger has collected so far decides whether the
//! next event starts a run. Many that wait travel in one batch.

use std::collections::HashMap;
use std::sync::{Arc, Weak};

use ferrovia_dsl::plan::Plan;
use ferrovia_expr::{Object, Value};
use ferrovia_store::format::v1::{encode_event, encode_input};
use ferrovia_store::{Accepted, DeliveryKind, Intake, RunId, StoreError, Ticket, Write};
use tokio::sync::{mpsc, oneshot};

use super::{Inner, blocking, wall_ms};
use crate::shard::{Event, announce};
use crate::trigger::Trigger;

/// Events that wait to be taken in; senders wait for a place.
pub(super) const QUEUE_MAX: usize = 1_024;
/// Events that travel in one batch.
const BATCH_MAX: usize = 256;

/// An event on its way in.
pub(crate) struct Arriving {
    event: Value,
    source: Arc<str>,
    id: Arc<str>,
    done: oneshot::Sender<Result<Received, StoreError>>,
}

/// What came of an event.
#[derive(Clone, Debug, PartialEq)]
pub struct Received {
    /// It had come before; nothing happened.
    pub known: bool,
    /// Runs that it started.
    pub started: Vec<RunId>,
    /// Runs that got it.
    pub delivered: usize,
}

/// Takes an event in; it is durable when this returns. `id` and `source` are filled in where they are missing.
pub(super) async fn receive(inner: &Inner, event: Value) -> Result<Received, StoreError> {
    let text = |key: &str| event.get(key).and_then(Value::as_str).map(Arc::from);
    let now_ms = wall_ms();
    let id: Arc<str> = text("id").unwrap_or_else(|| inner.ids.next(now_ms).to_string().into());
    let source: Arc<str> = text("source").unwrap_or_else(|| "/".into());
    let mut complete: Object = event.as_object().cloned().unwrap_or_default();
    complete.insert("id", id.clone());
    complete.insert("source", source.clone());
    let (done, answer) = oneshot::channel();
    let arriving = Arriving {
        event: complete.into(),
        source,
        id,
        done,
    };
    let gone = || StoreError::Unusable("the node is shutting down".into());
    inner.intake.send(arriving).await.map_err(|_| gone())?;
    answer.await.unwrap_or_else(|_| Err(gone()))
}

/// Until the node is gone.
pub(super) async fn take_in(node: Weak<Inner>, mut queue: mpsc::Receiver<Arriving>) {
    let mut triggers = Triggers::default();
    let mut batch = Vec::new();
    while queue.recv_many(&mut batch, BATCH_MAX).await > 0 {
        let Some(inner) = node.upgrade() else { return };
        triggers.take(&inner, std::mem::take(&mut batch)).await;
    }
}

/// What the triggers of all workflows have collected.
#[derive(Default)]
struct Triggers(HashMap<Arc<str>, Trigger>);

impl Triggers {
    async fn take(&mut self, inner: &Arc<Inner>, batch: Vec<Arriving>) {
        let before = self.0.clone();
        let mut writes = Vec::with_capacity(batch.len());
        let mut started = Vec::with_capacity(batch.len());
        for arriving in &batch {
            match self.intake(inner, arriving).await {
                Ok(intake) => {
                    started.push(
                        intake
                            .starts
                            .iter()
                            .map(|(new, _)| new.id)
                            .collect::<Vec<_>>(),
                    );
                    writes.push(Write::Accept(intake));
                }
                Err(error) => return refuse(batch, &error),
            }
        }
        let (sender, receiver) = oneshot::channel();
        let node = Arc::downgrade(inner);
        // On the journal's thread, so that deliveries keep the order in which they became durable.
        let done = Box::new(move |result: Result<Ticket, StoreError>| {
            if let (Ok(ticket), Some(inner)) = (&result, node.upgrade()) {
                for delivery in accepted(ticket) {
                    inner.send(delivery.run, Event::Deliver(delivery.clone()));
                }
            }
            let _ = sender.send(result);
        });
        inner.journal.write(writes, done);
        match receiver
            .await
            .unwrap_or_else(|_| Err(StoreError::Fatal("the journal gave no answer".into())))
        {
            Ok(ticket) => {
                let known = ticket.accepted.contains(&Accepted::Known);
                if known {
                    // A trigger took what had been taken before; it is read again.
                    self.0.clear();
                }
                for ((arriving, started), accepted) in
                    batch.into_iter().zip(started).zip(ticket.accepted)
                {
                    let received = match accepted {
                        Accepted::Known => Received {
                            known: true,
                            started: Vec::new(),
                            delivered: 0,
                        },
                        Accepted::New(accept) => Received {
                            known: false,
                            delivered: accept.deliveries.len() - started.len(),
                            started,
                        },
                    };
                    let _ = arriving.done.send(Ok(received));
                }
            }
            Err(error) => {
                self.0 = before;
                if let StoreError::Fatal(why) = &error {
                    inner.fail(why);
                }
                refuse(batch, &error);
            }
        }
    }

    async fn intake(
        &mut self,
        inner: &Arc<Inner>,
        arriving: &Arriving,
    ) -> Result<Intake, StoreError> {
        let definitions = inner.definitions();
        let now_ms = wall_ms();
        let event = &arriving.event;
        let wants = |plan: &&Arc<Plan>| {
            plan.interests
                .iter()
                .any(|filter| filter.could_match(event))
        };
        let plans = definitions
            .iter()
            .filter(wants)
            .map(|plan| plan.hash)
            .collect();
        let (mut starts, mut changed) = (Vec::new(), Vec::new());
        for plan in definitions.startable() {
            let Some(schedule) = plan
                .schedule
                .as_ref()
                .filter(|schedule| schedule.on.is_some())
            else {
                continue;
            };
            let name: Arc<str> = plan.identity.to_string().into();
            let trigger = match self.0.get_mut(&name) {
                Some(trigger) => trigger,
                None => {
                    let kept = self.kept(inner, &name).await?;
                    let Some(trigger) = kept.or_else(|| Trigger::new(schedule)) else {
                        continue;
                    };
                    self.0.entry(name.clone()).or_insert(trigger)
                }
            };
            let input = trigger.take(schedule, event, now_ms);
            if trigger.is_stateful(schedule) {
                changed.push((name, trigger.encode()));
            }
            if let Some(input) = input {
                let run = inner.ids.next(now_ms);
                let start = DeliveryKind::Start(encode_input(&input).into());
                starts.push((
                    announce(run, plan, inner.shards.len() as u16, now_ms),
                    start,
                ));
            }
        }
        Ok(Intake {
            source: arriving.source.clone(),
            id: arriving.id.clone(),
            at_ms: now_ms,
            event: encode_event(event).into(),
            plans,
            starts,
            triggers: changed,
        })
    }

    async fn kept(
        &self,
        inner: &Arc<Inner>,
        name: &Arc<str>,
    ) -> Result<Option<Trigger>, StoreError> {
        let (journal, name) = (inner.journal.clone(), name.clone());
        let kept = blocking(move || journal.trigger(&name)).await?;
        Ok(kept.and_then(|kept| Trigger::decode(&kept)))
    }
}

fn accepted(ticket: &Ticket) -> impl Iterator<Item = &ferrovia_store::Delivery> {
    ticket.accepted.iter().flat_map(|accepted| match accepted {
        Accepted::Known => &[][..],
        Accepted::New(accept) => &accept.deliveries,
    })
}

fn refuse(batch: Vec<Arriving>, error: &StoreError) {
    for arriving in batch {
        let _ = arriving.done.send(Err(error.clone()));
    }
}
