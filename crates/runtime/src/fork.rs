//! Runs that begin in the middle of another one: what of its history holds for them too.
//!
//! A fork takes over the inputs of its origin up to a point, at the times they had, as far as they still fit: an effect
//! that is asked for in the same way as then has the outcome of then. What does not fit is left out and carried out
//! anew; and where the fork, going on, asks for something as its origin did, it is answered from the origin's journal.
//!
//! Pure: it is given histories, and gives one.

use std::collections::HashMap;
use std::sync::Arc;

use ferrovia_dsl::plan::Plan;
use ferrovia_engine::{
    Effect, EffectRequest, Ending, Input, Obligation, ObligationId, Outcome, RuntimeInfo,
    TraceEvent,
};
use ferrovia_expr::Value;
use ferrovia_store::format::v1::Stamped;
use ferrovia_store::{Origin, RunId};

use crate::shard::{History, Seen};

/// Inputs of a run that can be forked.
pub(crate) const INPUTS_MAX: usize = 200_000;

/// The history of a run, as forks need it.
pub(crate) struct Past {
    inputs: Vec<Happened>,
    settled: HashMap<ObligationId, usize>,
    /// Which input a task was entered with, by its place in the document; the first time.
    entered: HashMap<Arc<str>, usize>,
    faulted: bool,
}

struct Happened {
    stamped: Stamped,
    /// What it settled.
    asked: Option<Obligation>,
}

/// What is to be different in a fork.
#[derive(Clone, Debug, Default)]
pub struct Edits {
    /// Another input of the run.
    pub input: Option<Value>,
    /// Other outcomes of effects and children, by the names of these.
    pub outcomes: HashMap<ObligationId, Outcome>,
}

/// From where on a fork goes its own way.
#[derive(Clone, Debug, PartialEq)]
pub enum From {
    /// From its start: everything is decided again.
    Start,
    /// Where it faulted: before the failure of an effect or a child, or before a time limit was over, if that made it
    /// fault. Otherwise its definition did, with what it had, and all of that is taken over.
    Failure,
    /// Before the outcome of an effect or a child.
    Outcome(ObligationId),
    /// When a task was entered, for the first time; named by its place, `/do/3/pay`.
    Task(Arc<str>),
    /// The end: all that happened is taken over where it fits.
    End,
}

/// Why there is no such fork.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum NoFork {
    #[error("the run did not fault; fork it instead")]
    NotFaulted,
    #[error("it would fault again at once: {0}")]
    FaultsAgain(String),
    #[error("nothing was settled under the name `{0}`")]
    NoOutcome(ObligationId),
    #[error("the run never came to the task {0}")]
    NoTask(Arc<str>),
    #[error("more than {INPUTS_MAX} things happened to the run")]
    TooLong,
    #[error("the run never began")]
    NotBegun,
    #[error("the plan does not take the input: {0}")]
    Refused(ferrovia_engine::Refusal),
}

/// The beginning of a fork.
pub(crate) struct Draft {
    pub(crate) history: History,
    pub(crate) inputs: Vec<Stamped>,
    /// Effects and children whose outcomes were taken over.
    pub(crate) reused: Vec<ObligationId>,
    /// What is left out of the origin's journal for good.
    pub(crate) redo: Vec<ObligationId>,
}

impl Past {
    /// Gathers what [`crate::shard::replay`] shows.
    pub(crate) fn new() -> Past {
        Past {
            inputs: Vec::new(),
            settled: HashMap::new(),
            entered: HashMap::new(),
            faulted: false,
        }
    }

    pub(crate) fn see(&mut self, seen: &Seen<'_>) {
        let at = self.inputs.len();
        if at >= INPUTS_MAX {
            return;
        }
        if let Some(id) = seen.stamped.input.settles() {
            self.settled.insert(id.clone(), at);
        }
        for entry in &seen.step.trace {
            if let (TraceEvent::TaskStarted { .. }, Some(task)) = (&entry.event, entry.task) {
                let place = &seen.plan[task].pointer;
                if !self.entered.contains_key(place) {
                    self.entered.insert(place.clone(), at);
                }
            }
        }
        self.inputs.push(Happened {
            stamped: seen.stamped.clone(),
            asked: seen.asked.cloned(),
        });
    }

    pub(crate) fn over(&mut self, history: &History) -> Result<(), NoFork> {
        self.faulted = matches!(history.run.ending(), Some(Ending::Faulted(_)));
        match self.inputs.len() {
            0 => Err(NoFork::NotBegun),
            INPUTS_MAX.. => Err(NoFork::TooLong),
            _ => Ok(()),
        }
    }

    pub(crate) fn has_faulted(&self) -> bool {
        self.faulted
    }

    /// Whether the last thing that happened is the failure of something outside, which may go well another time.
    fn last_is_failure(&self) -> bool {
        match self.inputs.last().map(|last| &last.stamped.input) {
            Some(Input::EffectSettled { outcome, .. } | Input::ChildSettled { outcome, .. }) => {
                !matches!(outcome, Outcome::Completed(_))
            }
            Some(Input::TimerFired { .. }) => true,
            _ => false,
        }
    }

    /// What came of an effect, if it was asked for in the same way.
    pub(crate) fn answer(
        &self,
        origin: &Origin,
        id: &ObligationId,
        request: &EffectRequest,
    ) -> Option<Outcome> {
        let at = *self.settled.get(id)?;
        let is_last = at + 1 == self.inputs.len();
        let failed = origin.redo_last && self.faulted && self.last_is_failure();
        if (failed && is_last) || origin.redo.contains(&id.0) {
            return None;
        }
        let happened = &self.inputs[at];
        match (&happened.asked, &happened.stamped.input) {
            (Some(Obligation::Effect(asked)), Input::EffectSettled { outcome, .. })
                if same_request(&asked.request, request) =>
            {
                Some(outcome.clone())
            }
            _ => None,
        }
    }

    /// How many inputs are taken over.
    fn cut(&self, from: &From) -> Result<usize, NoFork> {
        match from {
            From::Start => Ok(1),
            From::End => Ok(self.inputs.len()),
            From::Failure if self.faulted => {
                let last = usize::from(self.last_is_failure());
                Ok((self.inputs.len() - last).max(1))
            }
            From::Failure => Err(NoFork::NotFaulted),
            From::Outcome(id) => self
                .settled
                .get(id)
                .copied()
                .ok_or_else(|| NoFork::NoOutcome(id.clone())),
            From::Task(task) => self
                .entered
                .get(task)
                .map(|at| at + 1)
                .ok_or_else(|| NoFork::NoTask(task.clone())),
        }
    }

    /// The beginning of a fork on a plan. `identity` is the run whose id and seed it keeps.
    pub(crate) fn draft(
        &self,
        plan: &Plan,
        identity: RunId,
        runtime: RuntimeInfo,
        from: &From,
        edits: &Edits,
    ) -> Result<Draft, NoFork> {
        let cut = self.cut(from)?;
        let mut history = History::new(identity, runtime);
        let (mut inputs, mut reused) = (Vec::new(), Vec::new());
        for (at, happened) in self.inputs[..cut].iter().enumerate() {
            if history.run.ending().is_some() {
                break;
            }
            let Some(input) = fitting(&history, happened, edits) else {
                continue;
            };
            let id = input.settles().cloned();
            let stamped = Stamped {
                at_ms: happened.stamped.at_ms.max(history.at_ms),
                input,
                reused: at > 0,
            };
            let taken = history.input(plan, stamped.input.clone(), stamped.at_ms);
            match taken {
                Ok(_) => {}
                // The start is refused by plans of other semantics; the rest does not fit any more.
                Err(refusal) if at == 0 => return Err(NoFork::Refused(refusal)),
                Err(_) => continue,
            }
            inputs.push(stamped);
            if let Some(id) = id.filter(|_| happened.asked.as_ref().is_some_and(is_work)) {
                reused.push(id);
            }
        }
        let redo = match from {
            From::Outcome(id) => vec![id.clone()],
            From::Start | From::Failure | From::Task(_) | From::End => Vec::new(),
        };
        Ok(Draft {
            history,
            inputs,
            reused,
            redo,
        })
    }
}

/// An input of the origin, as far as it fits a fork.
fn fitting(history: &History, happened: &Happened, edits: &Edits) -> Option<Input> {
    let open = |id: &ObligationId| history.run.obligations().get(id);
    match &happened.stamped.input {
        Input::Start { input, secrets } => Some(Input::Start {
            input: edits.input.clone().unwrap_or_else(|| input.clone()),
            secrets: secrets.clone(),
        }),
        Input::EffectSettled { id, outcome } => {
            let edited = edits.outcomes.get(id);
            let same = match (open(id)?, &happened.asked) {
                (Obligation::Effect(now), Some(Obligation::Effect(then))) => same_effect(now, then),
                _ => false,
            };
            (same || edited.is_some()).then(|| Input::EffectSettled {
                id: id.clone(),
                outcome: edited.unwrap_or(outcome).clone(),
            })
        }
        Input::ChildSettled { id, outcome } => {
            let edited = edits.outcomes.get(id);
            let same = Some(open(id)?) == happened.asked.as_ref();
            (same || edited.is_some()).then(|| Input::ChildSettled {
                id: id.clone(),
                outcome: edited.unwrap_or(outcome).clone(),
            })
        }
        Input::TimerFired { id } => match open(id)? {
            // One that is due later in the fork fires when its time comes.
            Obligation::Timer(timer) if timer.due_ms <= happened.stamped.at_ms => {
                Some(happened.stamped.input.clone())
            }
            _ => None,
        },
        Input::MessageArrived { .. } => Some(happened.stamped.input.clone()),
        Input::Proceed => open(&ObligationId("proceed".into())).map(|_| Input::Proceed),
        // What people did to the origin is not done to the fork.
        Input::Cancel { .. } | Input::Suspend | Input::Resume => None,
    }
}

/// Something that is carried out, rather than time that passes.
fn is_work(asked: &Obligation) -> bool {
    match asked {
        Obligation::Effect(_) | Obligation::Child(_) => true,
        Obligation::Timer(_) | Obligation::Subscription | Obligation::Proceed => false,
    }
}

fn same_effect(now: &Effect, then: &Effect) -> bool {
    same_request(&now.request, &then.request)
}

/// Whether two requests ask for the same. How often one may be sent is no part of that.
fn same_request(now: &EffectRequest, then: &EffectRequest) -> bool {
    (now.kind, &now.arguments, now.detached) == (then.kind, &then.arguments, then.detached)
}
