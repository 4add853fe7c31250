//! What the world owes a run. Commands are the difference of two sets of obligations, so the hot path and
//! recovery are one piece of code: recovering is the difference to nothing.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use ferrovia_dsl::plan::{Arguments, CallKind, Delivery, TaskId, VersionReq};
use ferrovia_expr::Value;
use serde::{Deserialize, Serialize};

use crate::frame::FrameId;

/// Names an obligation by its place in the plan and its repetitions: `/do/1/loop/do/0/charge@3`. The same after
/// replay, so an effect's id is its idempotency key within the run.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct ObligationId(pub Arc<str>);

impl fmt::Display for ObligationId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Obligation {
    Effect(Effect),
    Timer(Timer),
    Child(Child),
    /// Deliver every event that passes one of the plan's interests.
    Subscription,
    /// Send [`crate::Input::Proceed`]: the run has work left that needs nothing from outside.
    Proceed,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Effect {
    pub task: TaskId,
    pub request: Arc<EffectRequest>,
}

/// What is to be carried out.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct EffectRequest {
    pub kind: CallKind,
    pub arguments: Arguments,
    /// Settle as soon as it has begun.
    pub detached: bool,
    pub delivery: Delivery,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Timer {
    pub due_ms: i64,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Child {
    pub namespace: Arc<str>,
    pub name: Arc<str>,
    pub version: VersionReq,
    pub input: Value,
    /// Settle as soon as it has begun.
    pub detached: bool,
}

/// All that a run is owed.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Obligations {
    open: BTreeMap<ObligationId, Owed>,
    next: u64,
    #[serde(skip)]
    touched: BTreeMap<ObligationId, Option<Owed>>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Owed {
    pub(crate) frame: FrameId,
    pub(crate) obligation: Obligation,
    /// Order of creation: commands start in this order.
    order: u64,
}

/// What the runtime has to do.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub enum Command {
    Start(ObligationId, Obligation),
    Retract(ObligationId),
}

impl Obligations {
    pub fn len(&self) -> usize {
        self.open.len()
    }

    pub fn is_empty(&self) -> bool {
        self.open.is_empty()
    }

    pub fn get(&self, id: &ObligationId) -> Option<&Obligation> {
        self.open.get(id).map(|owed| &owed.obligation)
    }

    pub fn iter(&self) -> impl Iterator<Item = (&ObligationId, &Obligation)> {
        self.open.iter().map(|(id, owed)| (id, &owed.obligation))
    }

    pub(crate) fn owner(&self, id: &ObligationId) -> Option<FrameId> {
        self.open.get(id).map(|owed| owed.frame)
    }

    pub(crate) fn add(&mut self, id: ObligationId, frame: FrameId, obligation: Obligation) {
        let owed = Owed {
            frame,
            obligation,
            order: self.next,
        };
        self.next += 1;
        let before = self.open.insert(id.clone(), owed);
        self.touched.entry(id).or_insert(before);
    }

    pub(crate) fn retract(&mut self, id: &ObligationId) {
        if let Some(owed) = self.open.remove(id) {
            self.touched.entry(id.clone()).or_insert(Some(owed));
        }
    }

    /// Removes an obligation that an input settled: there is nothing left to retract.
    pub(crate) fn settle(&mut self, id: &ObligationId) {
        self.open.remove(id);
    }

    pub(crate) fn retract_all(&mut self) {
        let ids: Vec<_> = self.open.keys().cloned().collect();
        ids.iter().for_each(|id| self.retract(id));
    }

    /// The commands since the last call: the difference, from the places that changed.
    pub(crate) fn take_commands(&mut self) -> Vec<Command> {
        let touched = std::mem::take(&mut self.touched);
        let changed = touched
            .iter()
            .map(|(id, before)| (id, before.as_ref(), self.open.get(id)));
        difference(changed)
    }
}

/// The commands that lead from one set of obligations to another. From nothing: what recovery has to do.
pub fn commands(before: &Obligations, after: &Obligations) -> Vec<Command> {
    let gone = before
        .open
        .iter()
        .filter(|(id, _)| !after.open.contains_key(*id));
    let gone = gone.map(|(id, owed)| (id, Some(owed), None));
    let kept = after
        .open
        .iter()
        .map(|(id, owed)| (id, before.open.get(id), Some(owed)));
    difference(gone.chain(kept))
}

fn difference<'a>(
    changes: impl Iterator<Item = (&'a ObligationId, Option<&'a Owed>, Option<&'a Owed>)>,
) -> Vec<Command> {
    let mut retracts = Vec::new();
    let mut starts = Vec::new();
    for (id, before, after) in changes {
        if before.map(|owed| owed.order) == after.map(|owed| owed.order) {
            continue;
        }
        if before.is_some() {
            retracts.push(Command::Retract(id.clone()));
        }
        if let Some(owed) = after {
            starts.push((
                owed.order,
                Command::Start(id.clone(), owed.obligation.clone()),
            ));
        }
    }
    starts.sort_by_key(|(order, _)| *order);
    retracts.extend(starts.into_iter().map(|(_, command)| command));
    retracts
}
