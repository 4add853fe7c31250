//! Sends lifecycle events to a sink, in the order in which their records became durable, each at least once.

use std::collections::HashMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use ferrovia_dsl::plan::Plan;
use ferrovia_expr::Value;
use ferrovia_store::{Committed, StoreError};

use super::event::{Maker, Place};
use super::trail::Trail;
use super::{Counts, Courier, Dispatch, Log, deliver};
use crate::durable::{Inner, Node};
use crate::shard::History;

/// Runs whose state is kept between two of their records.
const HISTORIES_MAX: usize = 256;
/// What a batch may have, unless it is one event alone.
const BATCH_BYTES_MAX: usize = 1024 * 1024;
const LOOK_EVERY: Duration = Duration::from_secs(5);

/// Of what there are events.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    Workflow,
    Task,
}

impl Scope {
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Scope::Workflow => "workflow",
            Scope::Task => "task",
        }
    }
}

/// Where lifecycle events go.
pub struct Lifecycle {
    pub courier: Arc<dyn Courier>,
    /// `source` of all events. A receiver tells events apart by it and their ids.
    pub source: String,
    pub scopes: Vec<Scope>,
    /// Events in one message. One alone goes in the structured mode of CloudEvents, more in the batched one.
    pub batch: usize,
}

impl Node {
    /// Sends lifecycle events from now on, or from where an earlier process stopped. What happens after this returned is
    /// told.
    pub async fn publish(&self, lifecycle: Lifecycle, log: Log) -> Arc<Counts> {
        let counts = Arc::new(Counts::default());
        let pump = Pump {
            trail: Trail::new(Arc::downgrade(&self.0), "lifecycle", "sink"),
            lifecycle,
            log,
            counts: counts.clone(),
            histories: Arc::default(),
        };
        if let Some(position) = pump.begin().await {
            tokio::spawn(pump.go_on(position));
        }
        counts
    }
}

type Histories = HashMap<ferrovia_store::RunId, (Arc<Plan>, History)>;

struct Pump {
    trail: Trail,
    lifecycle: Lifecycle,
    log: Log,
    counts: Arc<Counts>,
    histories: Arc<Mutex<Histories>>,
}

impl Pump {
    /// Where to go on. Nothing if the node is gone.
    async fn begin(&self) -> Option<u64> {
        match self.trail.kept::<u64>().await? {
            Some(position) => Some(position),
            // What was before nobody wanted to hear.
            None => {
                let position = self.trail.position().await?;
                self.trail.keep(&position).await.then_some(position)
            }
        }
    }

    /// Until the node is gone.
    async fn go_on(self, mut position: u64) -> Option<()> {
        loop {
            let behind = self.trail.position().await?.saturating_sub(position);
            self.counts.behind.store(behind, Ordering::Relaxed);
            let page = self.trail.page(position, LOOK_EVERY).await?;
            let Some(last) = page.last().copied() else {
                continue;
            };
            for dispatch in self.pack(self.events(page).await?) {
                deliver(
                    &*self.lifecycle.courier,
                    &dispatch,
                    None,
                    &self.counts,
                    &self.log,
                )
                .await;
            }
            position = last.position;
            if !self.trail.keep(&position).await {
                return None;
            }
        }
    }

    async fn events(&self, page: Vec<Committed>) -> Option<Vec<Value>> {
        let (histories, log) = (self.histories.clone(), self.log.clone());
        let (source, scopes) = (self.lifecycle.source.clone(), self.lifecycle.scopes.clone());
        let derive = move |inner: &Inner| {
            let maker = Maker {
                source: &source,
                scopes: &scopes,
            };
            let mut histories = histories.lock().unwrap_or_else(PoisonError::into_inner);
            let mut events = Vec::new();
            for record in &page {
                let derived = catch_unwind(AssertUnwindSafe(|| {
                    derive(inner, &mut histories, &maker, *record)
                }));
                // A defect in one run holds up no other (G8).
                let defect = |_| Err(Underivable::Because("a defect in Ferrovia".to_owned()));
                match derived.unwrap_or_else(defect) {
                    Ok(new) => events.extend(new),
                    Err(Underivable::Store(error)) => return Err(error),
                    Err(Underivable::Because(why)) => log(&format!(
                        "record {} of run {} gives no lifecycle events: {why}",
                        record.seq, record.run
                    )),
                }
            }
            Ok(events)
        };
        self.trail.read(derive).await
    }

    fn pack(&self, events: Vec<Value>) -> Vec<Dispatch> {
        let (mut packed, mut texts, mut bytes) = (Vec::new(), Vec::new(), 0);
        let batch = self.lifecycle.batch.max(1);
        for event in events {
            let text = event.to_json();
            if texts.len() == batch || (!texts.is_empty() && bytes + text.len() > BATCH_BYTES_MAX) {
                packed.push(dispatch(std::mem::take(&mut texts), batch));
                bytes = 0;
            }
            bytes += text.len();
            texts.push((event, text));
        }
        if !texts.is_empty() {
            packed.push(dispatch(texts, batch));
        }
        packed
    }
}

fn dispatch(events: Vec<(Value, String)>, batch: usize) -> Dispatch {
    let id = events.first().and_then(|(event, _)| event.get("id"));
    let id = id.and_then(Value::as_str).unwrap_or_default().to_owned();
    let subject = format!("the lifecycle event {id}");
    let texts: Vec<String> = events.into_iter().map(|(_, text)| text).collect();
    let (media_type, body) = if batch == 1 {
        ("application/cloudevents+json", texts.concat())
    } else {
        let body = format!("[{}]", texts.join(","));
        ("application/cloudevents-batch+json", body)
    };
    Dispatch {
        id,
        media_type,
        subject,
        body,
    }
}

/// Why a record gives no events.
enum Underivable {
    /// It may later.
    Store(StoreError),
    Because(String),
}

impl From<StoreError> for Underivable {
    fn from(error: StoreError) -> Underivable {
        Underivable::Store(error)
    }
}

/// The events of one record. One that was purged gives none.
fn derive(
    inner: &Inner,
    histories: &mut Histories,
    maker: &Maker<'_>,
    wanted: Committed,
) -> Result<Vec<Value>, Underivable> {
    let Committed { run, seq, .. } = wanted;
    let known = histories.remove(&run).filter(|(_, known)| known.seq < seq);
    let (plan, mut history) = match known {
        Some(known) => known,
        None => {
            let Some(summary) = inner.journal.summary(run)? else {
                return Ok(Vec::new());
            };
            let plan = inner.plan(summary.run.plan);
            let plan = plan.map_err(|why| Underivable::Because(why.to_string()))?;
            (plan, History::new(run, inner.runtime.clone()))
        }
    };
    let mut events = Vec::new();
    while history.seq < seq {
        let records = inner.journal.records(run, history.seq + 1, 64)?;
        if records.is_empty() {
            return Ok(Vec::new());
        }
        for (record, bytes) in records.iter().take_while(|(record, _)| *record <= seq) {
            let record = *record;
            let mut index = 0;
            let taken = history.take(&plan, record, bytes, |entries| {
                for entry in entries {
                    if record == seq {
                        let place = Place { run, record, index };
                        events.extend(maker.events(&plan, place, entry));
                    }
                    index += 1;
                }
            });
            taken.map_err(|why| Underivable::Because(why.to_string()))?;
        }
    }
    if history.run.ending().is_none() {
        if histories.len() >= HISTORIES_MAX {
            histories.clear();
        }
        histories.insert(run, (plan, history));
    }
    Ok(events)
}
