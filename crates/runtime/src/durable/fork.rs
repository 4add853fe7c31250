//! Forks and repairs runs, and answers effects of forks from the journals of their origins.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use ferrovia_dsl::plan::{CallKind, Plan};
use ferrovia_engine::{EffectRequest, Ending, Obligation, ObligationId, Outcome};
use ferrovia_store::format::v1::Record;
use ferrovia_store::{NewRun, Origin, RunId, StoreError, Summary, Why};

use super::{Inner, Node, blocking, wall_ms};
use crate::fork::{Edits, From, NoFork, Past};
use crate::shard::{Adopted, Declined, Event, History, ReplayError, Seen, announce, replay};

/// Histories that are kept in memory for the forks that are under way.
const PASTS_MAX: usize = 64;
/// Records that are read at a time.
const RECORDS_AT_A_TIME: usize = 1_024;

/// A fork to be made.
#[derive(Clone, Debug)]
pub struct ForkRequest {
    pub run: RunId,
    pub why: Why,
    pub from: From,
    pub edits: Edits,
    /// Another plan than that of the origin.
    pub plan: Option<Arc<Plan>>,
    /// Told apart from all other starts.
    pub key: Option<Arc<str>>,
    /// Only say what would be done.
    pub dry: bool,
}

/// A fork, or what it would be.
#[derive(Clone, Debug)]
pub struct Forked {
    /// Absent when it was only asked what would be done.
    pub run: Option<RunId>,
    /// Effects and children whose outcomes were taken over.
    pub reused: Vec<ObligationId>,
    /// What is carried out first; effects also with what they call.
    pub open: Vec<(ObligationId, Option<CallKind>)>,
    /// It ends without anything being carried out.
    pub ended: bool,
}

/// Why there is no fork.
#[derive(Clone, Debug, thiserror::Error)]
pub enum ForkError {
    #[error("there is no such run")]
    Unknown,
    #[error(
        "it was started by run {0}, which goes on from what came of it: repair or fork that one"
    )]
    HasParent(RunId),
    #[error(transparent)]
    Impossible(#[from] NoFork),
    #[error("its journal cannot be read: {0}")]
    Unreadable(Arc<str>),
    #[error(transparent)]
    Declined(#[from] Declined),
}

impl std::convert::From<StoreError> for ForkError {
    fn from(error: StoreError) -> ForkError {
        ForkError::Declined(Declined::Store(error))
    }
}

impl std::convert::From<ReplayError> for ForkError {
    fn from(error: ReplayError) -> ForkError {
        ForkError::Unreadable(error.to_string().into())
    }
}

/// Histories of origins.
#[derive(Default)]
pub(crate) struct Pasts(Mutex<HashMap<RunId, Arc<Past>>>);

impl Node {
    /// Makes a run that begins where another one was. It is durable when this returns.
    pub async fn fork(&self, request: ForkRequest) -> Result<Forked, ForkError> {
        let inner = self.0.clone();
        let origin = request.run;
        let (summary, identity, past) = offload(move || {
            let (summary, identity) = about(&inner, origin)?;
            let past = read(&inner, &summary)?;
            Ok((summary, identity, past))
        })
        .await?;
        if let Some(parent) = summary
            .run
            .parent
            .as_ref()
            .filter(|of| of.obligation.is_some())
        {
            return Err(ForkError::HasParent(parent.run));
        }
        if request.why == Why::Repair && !past.has_faulted() {
            return Err(NoFork::NotFaulted.into());
        }
        let inner = &self.0;
        let plan = match request.plan {
            Some(plan) => plan,
            None => inner
                .plan(summary.run.plan)
                .map_err(ForkError::Unreadable)?,
        };
        let draft = past.draft(
            &plan,
            identity,
            inner.runtime.clone(),
            &request.from,
            &request.edits,
        )?;
        if let (Why::Repair, Some(Ending::Faulted(error))) =
            (request.why, draft.history.run.ending())
        {
            return Err(NoFork::FaultsAgain(error.to_string()).into());
        }
        let obligations = draft.history.run.obligations();
        let mut forked = Forked {
            run: None,
            reused: draft.reused,
            open: obligations.iter().filter_map(shown).collect(),
            ended: draft.history.run.ending().is_some(),
        };
        if request.dry {
            return Ok(forked);
        }
        let now_ms = wall_ms();
        let run = inner.ids.next(now_ms);
        let redo = draft.redo.into_iter().map(|id| id.0);
        let new = NewRun {
            labels: summary.run.labels.clone(),
            key: request.key,
            depth: summary.run.depth,
            origin: Some(Origin {
                why: request.why,
                run: request.run,
                via: Vec::new(),
                redo: redo.collect(),
                redo_last: request.from == From::Failure,
            }),
            ..announce(run, &plan, inner.shards.len() as u16, now_ms)
        };
        let (history, inputs) = (draft.history, draft.inputs);
        let asked = inner.ask(run, |token| Event::Adopt {
            token,
            adopted: Box::new(Adopted {
                new,
                plan,
                history,
                inputs,
                identity,
            }),
        });
        forked.run = Some(asked.await?);
        Ok(forked)
    }
}

fn shown((id, owed): (&ObligationId, &Obligation)) -> Option<(ObligationId, Option<CallKind>)> {
    match owed {
        Obligation::Effect(effect) => Some((id.clone(), Some(effect.request.kind))),
        Obligation::Child(_) => Some((id.clone(), None)),
        Obligation::Timer(_) | Obligation::Subscription | Obligation::Proceed => None,
    }
}

impl Inner {
    /// What came of an effect in the run that its run was forked from, if it was asked for in the same way.
    pub(crate) async fn past_answer(
        self: &Arc<Self>,
        origin: &Arc<Origin>,
        id: &ObligationId,
        request: &EffectRequest,
    ) -> Option<Outcome> {
        let (inner, of) = (self.clone(), origin.clone());
        // An origin that is gone, or that nobody can read any more, answers nothing.
        let past = offload(move || past_of(&inner, &of)).await.ok()??;
        past.answer(origin, id, request)
    }
}

pub(super) async fn offload<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, ForkError> + Send + 'static,
) -> Result<T, ForkError> {
    // The inner result is carried through: only a panic is an error of the journal.
    blocking(move || Ok(work())).await?
}

/// The history of an origin, or of the child of it that is meant.
fn past_of(inner: &Inner, origin: &Origin) -> Result<Option<Arc<Past>>, ForkError> {
    let mut run = origin.run;
    for obligation in &origin.via {
        let children = inner.journal.children(run)?;
        let child = children.into_iter().rev().find(|child| {
            let parent = child.run.parent.as_ref();
            parent.is_some_and(|parent| parent.obligation.as_ref() == Some(obligation))
        });
        match child {
            Some(child) => run = child.run.id,
            None => return Ok(None),
        }
    }
    if let Some(known) = inner.pasts.lock().get(&run) {
        return Ok(Some(known.clone()));
    }
    let (summary, _) = about(inner, run)?;
    let past = Arc::new(read(inner, &summary)?);
    // One that goes on may have more to say later.
    if summary.status.is_terminal() {
        let mut pasts = inner.pasts.lock();
        if pasts.len() >= PASTS_MAX {
            pasts.clear();
        }
        pasts.insert(run, past.clone());
    }
    Ok(Some(past))
}

impl Pasts {
    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<RunId, Arc<Past>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The row of a run, and the run whose id and seed it has.
pub(super) fn about(inner: &Inner, run: RunId) -> Result<(Summary, RunId), ForkError> {
    let summary = inner.journal.summary(run)?.ok_or(ForkError::Unknown)?;
    let first = inner.journal.records(run, 1, 1)?;
    let first = first.first().map(|(_, record)| Record::decode(record));
    let identity = first.transpose()?.and_then(|record| record.identity);
    Ok((summary, identity.unwrap_or(run)))
}

fn read(inner: &Inner, summary: &Summary) -> Result<Past, ForkError> {
    let mut past = Past::new();
    let history = read_seeing(inner, summary, |seen| past.see(&seen))?;
    past.over(&history)?;
    Ok(past)
}

/// Replays a run as its journal has it now.
pub(super) fn read_seeing(
    inner: &Inner,
    summary: &Summary,
    see: impl FnMut(Seen<'_>),
) -> Result<History, ForkError> {
    let run = summary.run.id;
    replay(
        run,
        summary.run.plan,
        inner.runtime.clone(),
        |from| Ok(inner.journal.records(run, from, RECORDS_AT_A_TIME)?),
        |hash| inner.plan(hash).map_err(ForkError::Unreadable),
        see,
        |_| Ok(()),
    )
}
