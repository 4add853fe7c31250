//! Runs come into memory when something happens to them, and leave it when nothing will for a while.

use std::sync::Arc;

use ferrovia_dsl::plan::Plan;
use ferrovia_engine::{Refusal, RuntimeInfo};
use ferrovia_store::{Park, RunId, StoredRun, Update};

use super::hot::{Hot, line};
use super::machine::Shard;
use super::replay::{History, ReplayError};
use super::{ASKED_WITHIN_MS, Action, Declined, Event, Found, STAY_MS, Surroundings};

impl Shard {
    /// The run, if it is in memory; else the event waits until it was read.
    pub(super) fn reach(
        &mut self,
        run: RunId,
        event: impl FnOnce() -> Event,
        out: &mut Vec<Action>,
    ) -> bool {
        if self.hot.contains_key(&run) {
            return true;
        }
        let waiting = self.loading.entry(run).or_default();
        if waiting.is_empty() {
            out.push(Action::Load(run));
        }
        waiting.push(event());
        false
    }

    pub(super) fn loaded(
        &mut self,
        run: RunId,
        found: Found,
        cx: &mut Surroundings<'_>,
        out: &mut Vec<Action>,
    ) {
        let waiting = self.loading.remove(&run).unwrap_or_default();
        let declined = match found {
            Ok(Some(found)) => {
                let (stored, plan) = *found;
                match self.revive(run, stored, plan, cx, out) {
                    Ok(()) => {
                        for event in waiting {
                            self.handle(event, cx, out);
                        }
                        self.rest(run, cx.now_ms);
                        return;
                    }
                    Err(declined) => declined,
                }
            }
            Ok(None) => Declined::Unknown,
            Err(why) => Declined::Parked(why),
        };
        if let Declined::Parked(why) = &declined {
            self.parks.push(Park {
                fence: (self.id, self.epoch),
                run,
                at_ms: cx.now_ms,
                reason: line(why),
            });
        }
        for event in waiting {
            if let Event::Control { token, .. } | Event::Move { token, .. } = event {
                out.push(Action::Answer {
                    token,
                    answer: Err(declined.clone()),
                });
            }
        }
    }

    /// Puts a run into memory as it was, and does what a crash may have left undone.
    pub(super) fn revive(
        &mut self,
        run: RunId,
        stored: StoredRun,
        plan: Arc<Plan>,
        cx: &mut Surroundings<'_>,
        out: &mut Vec<Action>,
    ) -> Result<(), Declined> {
        let StoredRun {
            summary,
            snapshot,
            records,
            deliveries,
        } = stored;
        if summary.status.is_terminal() {
            return Err(Declined::Refused(Refusal::Ended));
        }
        let tail_bytes = records.iter().map(|(_, record)| record.len()).sum();
        let snapshot_bytes = snapshot.as_ref().map_or(0, |snapshot| snapshot.state.len());
        let history = match restore(run, &plan, snapshot, &records, cx.runtime) {
            Ok(history) => history,
            // It is left as it is: a later release, or a person, may be able to read it (G8).
            Err(error) => {
                return Err(Declined::Parked(
                    format!("its journal cannot be replayed: {error}").into(),
                ));
            }
        };
        let written = Update {
            status: summary.status,
            wake_ms: summary.wake_ms,
            active: summary.active,
            updated_ms: summary.updated_ms,
            reason: summary.reason,
        };
        let depth = summary.run.depth;
        let mut hot = Hot::new(run, plan, history, depth, summary.run.parent).read_back(
            summary.run.origin,
            written,
            tail_bytes,
            snapshot_bytes,
        );
        let commands = hot.recovered();
        hot.correct_row(cx.now_ms);
        self.hot.insert(run, hot);
        self.release(run, commands, cx, out);
        for delivery in deliveries {
            self.deliver(delivery, cx, out);
        }
        self.touch(run);
        self.time(run);
        Ok(())
    }

    /// Lets a run go that has nothing to do for a while.
    pub(super) fn rest(&mut self, run: RunId, now_ms: i64) {
        let Some(hot) = self.hot.get(&run).filter(|hot| hot.is_idle()) else {
            return;
        };
        let wake_ms = hot.wake_ms();
        if wake_ms.is_some_and(|wake_ms| wake_ms < now_ms + STAY_MS) && !hot.is_defective() {
            return;
        }
        // Beyond the horizon the store remembers. It may be asked just now, and not see this run yet: so what is due
        // before it is asked again stays on the wheel.
        let remembered_ms = self.horizon_ms.max(now_ms + ASKED_WITHIN_MS);
        if let Some(wake_ms) = wake_ms.filter(|wake_ms| *wake_ms > remembered_ms) {
            self.wheel.remove(&(wake_ms, run));
        }
        self.hot.remove(&run);
    }
}

/// A run as its snapshot and the records after it make it.
fn restore(
    run: RunId,
    plan: &Plan,
    snapshot: Option<ferrovia_store::Snapshot>,
    records: &[(u64, Vec<u8>)],
    runtime: &RuntimeInfo,
) -> Result<History, ReplayError> {
    let mut history = match snapshot {
        Some(snapshot) => History::from_snapshot(snapshot.seq, &snapshot.state, runtime.clone())?,
        None => History::new(run, runtime.clone()),
    };
    for (seq, record) in records {
        history.take(plan, *seq, record, |_| {})?;
    }
    Ok(history)
}
