//! What happens around a batch: what goes into it, what leaves once it is durable, and what is done when it is refused.

use ferrovia_dsl::plan::Delivery as Promise;
use ferrovia_engine::{Command, Input, Obligation};
use ferrovia_store::{Park, RunId, Status, StoreError, Write};

use super::hot::{Follows, line};
use super::machine::Shard;
use super::{Action, Answered, BATCH_RECORDS_MAX, Change, Declined, Surroundings};

/// Refusals of the record of a run in a row before it is parked.
const REFUSALS_MAX: u32 = 6;
/// How long a run is left alone after the first of them; twice as long after each further one.
const REFUSED_PAUSE_MS: i64 = 50;

/// A batch that is being written, with what follows.
pub(super) struct Batch {
    pub(super) writes: Vec<Write>,
    after: Vec<After>,
}

pub(super) struct After {
    run: RunId,
    follows: Follows,
    answers: Vec<Answered>,
    is_new: bool,
}

impl Shard {
    /// Queues what runs gave, unless a batch is still being written.
    pub fn flush(&mut self, cx: &mut Surroundings<'_>, out: &mut Vec<Action>) {
        if self.writing.is_some() || self.lost || self.full {
            return;
        }
        let batch = match self.again.pop_front() {
            Some(batch) => batch,
            None => self.gather(cx.now_ms),
        };
        if !batch.writes.is_empty() {
            out.push(Action::Write(batch.writes.clone()));
            self.writing = Some(batch);
        }
    }

    fn gather(&mut self, now_ms: i64) -> Batch {
        let many = self.dirty.len().min(BATCH_RECORDS_MAX);
        let mut batch = Batch {
            writes: Vec::with_capacity(many),
            after: Vec::with_capacity(many),
        };
        if !self.parks.is_empty() {
            // A batch of their own: what follows a record stands at the same place as its write.
            batch.writes.extend(self.parks.drain(..).map(Write::Park));
            return batch;
        }
        for run in self.dirty.drain(..many) {
            let Some(hot) = self.hot.get_mut(&run).filter(|hot| hot.dirty) else {
                continue;
            };
            let (append, follows) = hot.record((self.id, self.epoch), now_ms);
            batch.after.push(After {
                run,
                follows,
                answers: self.answers.remove(&run).unwrap_or_default(),
                is_new: append.create.is_some(),
            });
            batch.writes.push(Write::Append(append));
        }
        batch
    }

    pub(super) fn committed(&mut self, cx: &mut Surroundings<'_>, out: &mut Vec<Action>) {
        let Some(batch) = self.writing.take() else {
            return;
        };
        if cx.watched {
            out.extend(batch.writes.iter().filter_map(parked).map(Action::Changed));
        }
        for after in batch.after {
            out.extend(
                after
                    .answers
                    .into_iter()
                    .map(|(token, answer)| Action::Answer { token, answer }),
            );
            let Some(hot) = self.hot.get_mut(&after.run) else {
                continue;
            };
            hot.in_flight = false;
            if !self.refusals.is_empty() {
                self.refusals.remove(&after.run);
            }
            let Follows {
                commands,
                before,
                trace,
            } = after.follows;
            if cx.watched {
                out.push(Action::Changed(hot.change(before, trace)));
            }
            if let Some(ending) = hot.ending().filter(|_| !hot.dirty).cloned() {
                // What was under way for it is not wanted any more.
                let aborted = hot
                    .executing
                    .drain()
                    .map(|id| Action::Abort { run: after.run, id });
                out.extend(aborted);
                out.push(Action::Ended {
                    run: after.run,
                    ending,
                });
                self.hot.remove(&after.run);
                continue;
            }
            self.release(after.run, commands, cx, out);
            self.rest(after.run, cx.now_ms);
        }
    }

    /// Carries out commands whose record is durable.
    pub(super) fn release(
        &mut self,
        run: RunId,
        commands: Vec<Command>,
        cx: &mut Surroundings<'_>,
        out: &mut Vec<Action>,
    ) {
        for command in commands {
            let Some(hot) = self.hot.get_mut(&run) else {
                return;
            };
            match command {
                Command::Start(id, Obligation::Effect(effect)) => {
                    // It may have been retracted by a later record that is not durable yet: then it never leaves.
                    if self.draining && effect.request.delivery == Promise::AtLeastOnce {
                        // The next process finds it owed. One that may be sent once only has to leave now that its
                        // intent is durable: nobody could tell later that it has not.
                        continue;
                    }
                    if hot.history.run.obligations().get(&id).is_some() {
                        hot.executing.insert(id.clone());
                        out.push(Action::Execute {
                            run,
                            plan: hot.plan.clone(),
                            id,
                            effect,
                            origin: hot.origin.clone(),
                        });
                    }
                }
                Command::Start(_, Obligation::Proceed) if self.draining => {}
                Command::Start(_, Obligation::Proceed) => {
                    let _ = hot.take(Input::Proceed, cx);
                    self.touch(run);
                    self.time(run);
                }
                Command::Start(
                    _,
                    Obligation::Timer(_) | Obligation::Child(_) | Obligation::Subscription,
                ) => {}
                Command::Retract(id) => {
                    if hot.executing.remove(&id) {
                        out.push(Action::Abort { run, id });
                    }
                }
            }
        }
    }

    pub(super) fn refused(&mut self, error: StoreError, now_ms: i64, out: &mut Vec<Action>) {
        let Some(batch) = self.writing.take() else {
            return;
        };
        match error {
            StoreError::Fenced(..) => {
                self.lost = true;
                out.push(Action::Lost);
            }
            StoreError::Full(_) | StoreError::Busy(_) => self.wait_for_room(batch, &error, out),
            // One of them is to blame; alone, each gets its own answer.
            _ if batch.writes.len() > 1 => {
                let parts = batch.writes.into_iter().zip(batch.after);
                let parts = parts.map(|(write, after)| Batch {
                    writes: vec![write],
                    after: vec![after],
                });
                self.again = parts.chain(std::mem::take(&mut self.again)).collect();
            }
            error => {
                for after in batch.after {
                    self.hot.remove(&after.run);
                    let declined = match &error {
                        StoreError::Started(run) => Declined::Started(*run),
                        other => Declined::Store(other.clone()),
                    };
                    let tokens = after.answers.into_iter().map(|(token, _)| token);
                    out.extend(tokens.map(|token| Action::Answer {
                        token,
                        answer: Err(declined.clone()),
                    }));
                    let late = self.answers.remove(&after.run).unwrap_or_default();
                    let late = late.into_iter().map(|(token, _)| token);
                    out.extend(late.map(|token| Action::Answer {
                        token,
                        answer: Err(declined.clone()),
                    }));
                    // What another writer did is read again; a run that never was, is forgotten.
                    if !after.is_new {
                        self.again_later(after.run, &error, now_ms);
                    }
                }
            }
        }
    }

    /// Reads a run again after a pause, the longer the more often its record was refused. What is refused every time is
    /// no other writer, but a defect: the run is parked (G8).
    fn again_later(&mut self, run: RunId, error: &StoreError, now_ms: i64) {
        let refusals = self.refusals.entry(run).or_default();
        *refusals += 1;
        if *refusals > REFUSALS_MAX {
            self.refusals.remove(&run);
            let reason = format!("the store refused its record {REFUSALS_MAX} times: {error}");
            return self.parks.push(Park {
                fence: (self.id, self.epoch),
                run,
                at_ms: now_ms,
                reason: line(&reason),
            });
        }
        let pause_ms = REFUSED_PAUSE_MS << (*refusals - 1);
        self.wheel.insert((now_ms + pause_ms, run));
    }

    /// Keeps the records of runs that exist until there is room, and refuses new runs (G6).
    fn wait_for_room(&mut self, batch: Batch, error: &StoreError, out: &mut Vec<Action>) {
        let (mut writes, mut kept) = (Vec::new(), Vec::new());
        for (write, after) in batch.writes.into_iter().zip(batch.after) {
            if !after.is_new {
                writes.push(write);
                kept.push(after);
                continue;
            }
            self.hot.remove(&after.run);
            let tokens = after.answers.into_iter().map(|(token, _)| token);
            let declined = Declined::Store(error.clone());
            out.extend(tokens.map(|token| Action::Answer {
                token,
                answer: Err(declined.clone()),
            }));
        }
        if !writes.is_empty() {
            self.again.push_front(Batch {
                writes,
                after: kept,
            });
        }
        self.full = true;
        out.push(Action::Full);
    }
}

/// A run that cannot be followed, for those who listen.
fn parked(write: &Write) -> Option<Change> {
    let Write::Park(park) = write else {
        return None;
    };
    Some(Change {
        run: park.run,
        plan: None,
        before: None,
        after: Status::Parked,
        reason: Some(park.reason.clone()),
        record: None,
        trace: None,
    })
}
