//! Tells administrators of runs that need them: those that faulted, and those that are parked.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use ferrovia_store::{Committed, Filter, Page, RunId, Status, StoreError, Summary};
use serde::{Deserialize, Serialize};
use tokio::time::Instant;

use super::form::Form;
use super::group::{Groups, Incident, Pace};
use super::trail::Trail;
use super::{Counts, Courier, Log, deliver};
use crate::durable::{Inner, Node, wall_ms};
use crate::selection::Selection;

/// How often a message is tried, for about a quarter of an hour in all.
const ATTEMPTS_MAX: u32 = 12;
/// Messages of one rule in an hour.
const PER_HOUR_MAX: usize = 60;
/// Parked runs that are told apart from those that were parked before.
const PARKED_MAX: usize = 1_000;
/// How often it looks, even if nobody says that there is something. A run that cannot be followed is parked without a
/// record.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// What people want to hear of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum When {
    Faulted,
    Parked,
}

impl When {
    pub fn as_str(self) -> &'static str {
        match self {
            When::Faulted => "faulted",
            When::Parked => "parked",
        }
    }
}

/// Who is told what.
pub struct Alerting {
    /// Names the rule: what it was told is kept under this name.
    pub name: String,
    pub when: Vec<When>,
    /// All, if none is named.
    pub workflows: Vec<Selection>,
    pub courier: Arc<dyn Courier>,
    pub form: Form,
    /// How long further runs with the same trouble are only counted after a message.
    pub window: Duration,
    /// Where the server is found, for links.
    pub public_url: Option<String>,
}

impl Node {
    /// Tells people of what happens from now on, or from where an earlier process stopped.
    pub async fn alert(&self, alerting: Alerting, log: Log) -> Arc<Counts> {
        let counts = Arc::new(Counts::default());
        let pump = Pump {
            trail: Trail::new(Arc::downgrade(&self.0), "alert", &alerting.name),
            pace: Pace {
                window_ms: i64::try_from(alerting.window.as_millis()).unwrap_or(i64::MAX),
                per_hour_max: PER_HOUR_MAX,
            },
            alerting,
            log,
            counts: counts.clone(),
        };
        if let Some(state) = pump.begin().await {
            tokio::spawn(pump.go_on(state));
        }
        counts
    }
}

/// What is kept, all of it at once: an incident is either behind the place and in a group, or before it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
struct State {
    position: u64,
    /// Runs that were parked at the last look.
    parked: BTreeSet<u64>,
    groups: Groups,
}

struct Pump {
    trail: Trail,
    alerting: Alerting,
    pace: Pace,
    log: Log,
    counts: Arc<Counts>,
}

impl Pump {
    /// Where to go on. Nothing if the node is gone.
    async fn begin(&self) -> Option<State> {
        match self.trail.kept::<State>().await? {
            Some(state) => Some(state),
            None => {
                let state = State {
                    position: self.trail.position().await?,
                    ..State::default()
                };
                self.trail.keep(&state).await.then_some(state)
            }
        }
    }

    /// Until the node is gone.
    async fn go_on(self, mut state: State) -> Option<()> {
        let mut looked = None;
        loop {
            let before = state.clone();
            self.look(&mut state, &mut looked).await?;
            if state != before && !self.trail.keep(&state).await {
                return None;
            }
            while let Some((key, group)) = state.groups.due(wall_ms(), self.pace) {
                let id = format!("{}/{}/{}", group.run, group.what.as_str(), group.told);
                let public_url = self.alerting.public_url.as_deref();
                let dispatch = self.alerting.form.dispatch(id, &group, public_url);
                let courier = &*self.alerting.courier;
                let (counts, log) = (&self.counts, &self.log);
                deliver(courier, &dispatch, Some(ATTEMPTS_MAX), counts, log).await;
                state.groups.told(&key, wall_ms(), self.pace);
                if !self.trail.keep(&state).await {
                    return None;
                }
            }
        }
    }

    /// Waits for something to happen, and takes in what did.
    async fn look(&self, state: &mut State, looked: &mut Option<Instant>) -> Option<()> {
        let behind = self.trail.position().await?.saturating_sub(state.position);
        self.counts.behind.store(behind, Ordering::Relaxed);
        let recently = looked.is_some_and(|looked| looked.elapsed() < LOOK_EVERY);
        if self.alerting.when.contains(&When::Parked) && !recently {
            *looked = Some(Instant::now());
            self.look_at_parked(state).await?;
        }
        let now_ms = wall_ms();
        let within = match state.groups.next_ms(self.pace) {
            Some(due_ms) => Duration::from_millis(due_ms.saturating_sub(now_ms).max(0) as u64),
            None => LOOK_EVERY,
        };
        let page = self.trail.page(state.position, within).await?;
        let Some(last) = page.last() else {
            return Some(());
        };
        state.position = last.position;
        if self.alerting.when.contains(&When::Faulted) {
            let faulted = self.trail.read(move |inner| faulted(inner, &page)).await?;
            for summary in faulted {
                self.add(state, When::Faulted, &summary);
            }
        }
        Some(())
    }

    async fn look_at_parked(&self, state: &mut State) -> Option<()> {
        let parked = self.trail.read(|inner| {
            let filter = Filter {
                status: Some(Status::Parked),
                ..Filter::default()
            };
            let page = Page {
                before: None,
                limit: PARKED_MAX,
            };
            inner.journal.runs(&filter, page)
        });
        let parked = parked.await?;
        for summary in &parked {
            if !state.parked.contains(&summary.run.id.0) {
                self.add(state, When::Parked, summary);
            }
        }
        state.parked = parked.iter().map(|summary| summary.run.id.0).collect();
        Some(())
    }

    fn add(&self, state: &mut State, what: When, summary: &Summary) {
        let run = &summary.run;
        let all = self.alerting.workflows.is_empty();
        let mut workflows = self.alerting.workflows.iter();
        if !all && !workflows.any(|selection| selection.takes(&run.namespace, &run.name)) {
            return;
        }
        let incident = Incident {
            what,
            workflow: format!("{}/{}", run.namespace, run.name),
            run: run.id.to_string(),
            reason: summary.reason.as_deref().unwrap_or_default().to_owned(),
        };
        state.groups.add(incident, summary.updated_ms);
    }
}

/// Runs that faulted with one of these records. Those that another run waits for are its business.
fn faulted(inner: &Inner, page: &[Committed]) -> Result<Vec<Summary>, StoreError> {
    let runs: BTreeSet<RunId> = page.iter().map(|record| record.run).collect();
    let mut faulted = Vec::new();
    for run in runs {
        let of_run = page.iter().filter(|record| record.run == run);
        let last = of_run.map(|record| record.seq).max().unwrap_or(0);
        let Some(summary) = inner.journal.summary(run)? else {
            continue;
        };
        let parent = summary.run.parent.as_ref();
        let awaited = parent.is_some_and(|parent| parent.obligation.is_some());
        if summary.status == Status::Faulted
            && !awaited
            // The record that it ended with.
            && inner.journal.records(run, last + 1, 1)?.is_empty()
        {
            faulted.push(summary);
        }
    }
    Ok(faulted)
}
