//! A share of all runs as a pure state machine: events in, actions out. It waits for nothing, reads no clock and
//! stores nothing; a thin driver, or a simulation, does that.
//!
//! ```text
//! event ──► run takes inputs ──► records, one batch at a time ──► Write
//!                                                                   │ durable
//! Execute, Abort, Ended, Answer ◄── commands of these records ◄── Committed
//! ```
//!
//! Inputs are durable before a command that follows from them leaves (INV-3). While a batch is being written, runs
//! go on taking inputs; what they give travels in the next batch.

mod hot;
mod replay;

use std::collections::{BTreeSet, HashMap, VecDeque};
use std::sync::Arc;

use ferrovia_dsl::plan::Plan;
use ferrovia_engine::{
    Command, Effect, Ending, Input, Obligation, ObligationId, Outcome, Refusal, RuntimeInfo,
};
use ferrovia_expr::Value;
use ferrovia_store::format::v1::{decode_event, decode_input, decode_outcome};
use ferrovia_store::{
    Delivery, DeliveryKind, Epoch, NewRun, RunId, ShardId, StoreError, StoredRun, Update, Write,
};

use crate::registry::Definitions;
use hot::Hot;
pub(crate) use hot::announce;
pub use replay::{History, ReplayError};

/// How deep workflows may start workflows.
pub(crate) const CHILD_DEPTH_MAX: u16 = 16;
/// Records since the last snapshot after which a new one is taken; more when the snapshot itself is larger.
pub(crate) const SNAPSHOT_BYTES: usize = 64 * 1024;
/// Records that travel in one batch.
const BATCH_RECORDS_MAX: usize = 1_024;
/// How soon a timer must be due for its run to stay in memory.
const STAY_MS: i64 = 2_000;

/// The store is asked for timers at least this often.
pub(crate) const ASKED_WITHIN_MS: i64 = 15_000;

/// What a shard may know of the world while it handles an event.
pub struct Surroundings<'a> {
    pub now_ms: i64,
    pub definitions: &'a Definitions,
    pub runtime: &'a RuntimeInfo,
    pub shards: u16,
    pub new_id: &'a mut dyn FnMut() -> RunId,
}

/// Names a question, so that its answer finds back.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Token(pub u64);

/// What a person or a program may do to a run.
#[derive(Clone, Debug, PartialEq)]
pub enum Control {
    Cancel {
        reason: Option<Arc<str>>,
    },
    Suspend,
    Resume,
    /// Says how an effect of unknown outcome ended.
    Settle {
        effect: ObligationId,
        outcome: Outcome,
    },
}

/// Why a question is not answered with yes.
#[derive(Clone, Debug, thiserror::Error)]
pub enum Declined {
    #[error("there is no such run")]
    Unknown,
    #[error(transparent)]
    Refused(#[from] Refusal),
    #[error("the run was started with this key before: {0}")]
    Started(RunId),
    #[error("the run is parked: {0}")]
    Parked(Arc<str>),
    #[error(transparent)]
    Store(StoreError),
}

/// A run with its plan; nothing if there is none; or why it cannot be had.
pub type Found = Result<Option<Box<(StoredRun, Arc<Plan>)>>, Arc<str>>;

/// The answer to a question.
type Answered = (Token, Result<RunId, Declined>);

/// What happened.
#[derive(Debug)]
pub enum Event {
    /// A run begins that nobody announced.
    Start {
        token: Token,
        new: Box<NewRun>,
        plan: Arc<Plan>,
        input: Value,
    },
    /// The answer to [`Action::Load`].
    Loaded {
        run: RunId,
        found: Found,
    },
    Settled {
        run: RunId,
        id: ObligationId,
        outcome: Outcome,
    },
    Deliver(Delivery),
    Control {
        token: Token,
        run: RunId,
        control: Control,
    },
    /// Runs with a timer due before a point in time, as the store knows them.
    Due {
        before_ms: i64,
        runs: Vec<(i64, RunId)>,
    },
    /// A run that recovery has to look at.
    Recover(RunId),
    /// Time has passed.
    Tick,
    Committed,
    Refused(StoreError),
}

/// What the driver has to do.
#[derive(Debug)]
pub enum Action {
    /// Make this batch durable, then say [`Event::Committed`] or [`Event::Refused`].
    Write(Vec<Write>),
    Load(RunId),
    Execute {
        run: RunId,
        plan: Arc<Plan>,
        id: ObligationId,
        effect: Effect,
    },
    Abort {
        run: RunId,
        id: ObligationId,
    },
    Answer {
        token: Token,
        answer: Result<RunId, Declined>,
    },
    /// A run has ended, durably.
    Ended {
        run: RunId,
        ending: Ending,
    },
    /// The store is full; try the batch again later with [`Event::Tick`].
    Full,
    /// The shard belongs to somebody else now.
    Lost,
}

/// A batch that is being written, with what follows.
struct Batch {
    writes: Vec<Write>,
    after: Vec<After>,
}

struct After {
    run: RunId,
    commands: Vec<Command>,
    answers: Vec<Answered>,
    is_new: bool,
}

/// A share of all runs.
pub struct Shard {
    id: ShardId,
    epoch: Epoch,
    hot: HashMap<RunId, Hot>,
    /// Events for runs that are being read.
    loading: HashMap<RunId, Vec<Event>>,
    /// When runs are due that are in memory, or due soon.
    wheel: BTreeSet<(i64, RunId)>,
    /// Up to here the wheel knows all sleeping runs.
    horizon_ms: i64,
    dirty: Vec<RunId>,
    answers: HashMap<RunId, Vec<Answered>>,
    writing: Option<Batch>,
    /// Batches that have to be written before anything new: parts of one that was refused as a whole.
    again: VecDeque<Batch>,
    full: bool,
    lost: bool,
}

impl Shard {
    pub fn new(id: ShardId, epoch: Epoch) -> Shard {
        Shard {
            id,
            epoch,
            hot: HashMap::new(),
            loading: HashMap::new(),
            wheel: BTreeSet::new(),
            horizon_ms: i64::MIN,
            dirty: Vec::new(),
            answers: HashMap::new(),
            writing: None,
            again: VecDeque::new(),
            full: false,
            lost: false,
        }
    }

    pub fn id(&self) -> ShardId {
        self.id
    }

    /// When the next timer is due that the shard knows of.
    pub fn wake_ms(&self) -> Option<i64> {
        self.wheel.first().map(|(due_ms, _)| *due_ms)
    }

    /// Runs in memory.
    pub fn resident(&self) -> usize {
        self.hot.len()
    }

    /// Nothing is under way: no batch, no reading, no effect.
    pub fn is_quiet(&self) -> bool {
        self.writing.is_none()
            && self.again.is_empty()
            && self.dirty.is_empty()
            && self.loading.is_empty()
            && self.hot.values().all(|hot| hot.executing.is_empty())
    }

    /// Takes an event in. Records are written when [`Shard::flush`] is called, after all events at hand.
    pub fn handle(&mut self, event: Event, cx: &mut Surroundings<'_>, out: &mut Vec<Action>) {
        if self.lost {
            return;
        }
        match event {
            Event::Start {
                token,
                new,
                plan,
                input,
            } => self.start(token, *new, plan, input, cx, out),
            Event::Loaded { run, found } => self.loaded(run, found, cx, out),
            Event::Settled { run, id, outcome } => self.settled(run, id, outcome, cx),
            Event::Deliver(delivery) => self.deliver(delivery, cx, out),
            Event::Control {
                token,
                run,
                control,
            } => self.control(token, run, control, cx, out),
            Event::Due { before_ms, runs } => {
                self.horizon_ms = self.horizon_ms.max(before_ms);
                self.wheel.extend(runs);
            }
            Event::Recover(run) => drop(self.reach(run, || Event::Recover(run), out)),
            Event::Tick => self.tick(cx, out),
            Event::Committed => self.committed(cx, out),
            Event::Refused(error) => self.refused(error, out),
        }
    }

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
        for run in self.dirty.drain(..many) {
            let Some(hot) = self.hot.get_mut(&run).filter(|hot| hot.dirty) else {
                continue;
            };
            let (append, commands) = hot.record((self.id, self.epoch), now_ms);
            batch.after.push(After {
                run,
                commands,
                answers: self.answers.remove(&run).unwrap_or_default(),
                is_new: append.create.is_some(),
            });
            batch.writes.push(Write::Append(append));
        }
        batch
    }

    fn touch(&mut self, run: RunId) {
        if self.hot.get(&run).is_some_and(|hot| hot.dirty) {
            self.dirty.push(run);
        }
    }

    fn start(
        &mut self,
        token: Token,
        new: NewRun,
        plan: Arc<Plan>,
        input: Value,
        cx: &mut Surroundings<'_>,
        out: &mut Vec<Action>,
    ) {
        let run = new.id;
        if self.full {
            let declined = Declined::Store(StoreError::Full("it was full a moment ago".into()));
            return out.push(Action::Answer {
                token,
                answer: Err(declined),
            });
        }
        let history = History::new(run, cx.runtime.clone());
        let mut hot = Hot::new(run, plan, history, new.depth, new.parent.clone()).created(new);
        let taken = hot.take(
            Input::Start {
                input,
                secrets: None,
            },
            cx,
        );
        debug_assert!(taken.is_ok(), "a new run takes its start");
        self.answers.entry(run).or_default().push((token, Ok(run)));
        self.hot.insert(run, hot);
        self.touch(run);
        self.time(run);
    }

    /// The run, if it is in memory; else the event waits until it was read.
    fn reach(&mut self, run: RunId, event: impl FnOnce() -> Event, out: &mut Vec<Action>) -> bool {
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

    fn loaded(
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
        for event in waiting {
            if let Event::Control { token, .. } = event {
                out.push(Action::Answer {
                    token,
                    answer: Err(declined.clone()),
                });
            }
        }
    }

    /// Puts a run into memory as it was, and does what a crash may have left undone.
    fn revive(
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
            written,
            tail_bytes,
            snapshot_bytes,
        );
        let commands = hot.recovered();
        self.hot.insert(run, hot);
        self.release(run, commands, cx, out);
        for delivery in deliveries {
            self.deliver(delivery, cx, out);
        }
        self.touch(run);
        self.time(run);
        Ok(())
    }

    fn settled(
        &mut self,
        run: RunId,
        id: ObligationId,
        outcome: Outcome,
        cx: &mut Surroundings<'_>,
    ) {
        let Some(hot) = self.hot.get_mut(&run) else {
            return;
        };
        // A late outcome: what it settles was retracted meanwhile.
        if !hot.executing.remove(&id) {
            return;
        }
        let _ = hot.take(Input::EffectSettled { id, outcome }, cx);
        self.touch(run);
        self.time(run);
    }

    fn deliver(&mut self, delivery: Delivery, cx: &mut Surroundings<'_>, out: &mut Vec<Action>) {
        let run = delivery.run;
        if !self.reach(run, || Event::Deliver(delivery.clone()), out) {
            return;
        }
        // What comes for a run that has ended goes with it.
        let Some(hot) = self
            .hot
            .get_mut(&run)
            .filter(|hot| !hot.is_defective() && hot.ending().is_none())
        else {
            return;
        };
        if !hot.is_new(delivery.id) {
            return;
        }
        let input = match delivery.kind {
            DeliveryKind::Start(input) => decode_input(&input).map(|input| Input::Start {
                input,
                secrets: None,
            }),
            DeliveryKind::Event(event) => {
                decode_event(&event).map(|event| Input::MessageArrived { event })
            }
            DeliveryKind::Child(id, outcome) => {
                let id = ObligationId(id);
                decode_outcome(&outcome).map(|outcome| Input::ChildSettled { id, outcome })
            }
            DeliveryKind::Cancel => Ok(Input::Cancel {
                reason: Some("its parent does not wait for it any more".into()),
            }),
        };
        match input {
            // A refused one is late: it is taken off the list all the same.
            Ok(input) => drop(hot.take(input, cx)),
            Err(error) => hot.park(error.to_string()),
        }
        if !hot.is_defective() {
            hot.consume(delivery.id);
        }
        self.touch(run);
        self.time(run);
    }

    fn control(
        &mut self,
        token: Token,
        run: RunId,
        control: Control,
        cx: &mut Surroundings<'_>,
        out: &mut Vec<Action>,
    ) {
        if !self.reach(
            run,
            || Event::Control {
                token,
                run,
                control: control.clone(),
            },
            out,
        ) {
            return;
        }
        let Some(hot) = self.hot.get_mut(&run) else {
            return;
        };
        let input = match control {
            Control::Cancel { reason } => Input::Cancel { reason },
            Control::Suspend => Input::Suspend,
            Control::Resume => Input::Resume,
            Control::Settle { effect, outcome } => Input::EffectSettled {
                id: effect,
                outcome,
            },
        };
        match hot.take(input, cx) {
            Ok(()) => self.answers.entry(run).or_default().push((token, Ok(run))),
            Err(refusal) => out.push(Action::Answer {
                token,
                answer: Err(refusal.into()),
            }),
        }
        self.touch(run);
        self.time(run);
        self.rest(run, cx.now_ms);
    }

    fn tick(&mut self, cx: &mut Surroundings<'_>, out: &mut Vec<Action>) {
        self.full = false;
        while let Some((due_ms, run)) = self.wheel.first().copied() {
            if due_ms > cx.now_ms {
                break;
            }
            self.wheel.remove(&(due_ms, run));
            if !self.reach(run, || Event::Tick, out) {
                continue;
            }
            self.fire(run, cx);
        }
    }

    fn fire(&mut self, run: RunId, cx: &mut Surroundings<'_>) {
        let Some(hot) = self.hot.get_mut(&run).filter(|hot| !hot.is_defective()) else {
            return;
        };
        for id in hot.due(cx.now_ms) {
            let _ = hot.take(Input::TimerFired { id }, cx);
        }
        self.touch(run);
        self.time(run);
    }

    /// Notes when a run is due next.
    fn time(&mut self, run: RunId) {
        if let Some(wake_ms) = self.hot.get(&run).and_then(Hot::wake_ms) {
            self.wheel.insert((wake_ms, run));
        }
    }

    /// Lets a run go that has nothing to do for a while.
    fn rest(&mut self, run: RunId, now_ms: i64) {
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

    fn committed(&mut self, cx: &mut Surroundings<'_>, out: &mut Vec<Action>) {
        let Some(batch) = self.writing.take() else {
            return;
        };
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
            self.release(after.run, after.commands, cx, out);
            self.rest(after.run, cx.now_ms);
        }
    }

    /// Carries out commands whose record is durable.
    fn release(
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
                    if hot.history.run.obligations().get(&id).is_some() {
                        hot.executing.insert(id.clone());
                        out.push(Action::Execute {
                            run,
                            plan: hot.plan.clone(),
                            id,
                            effect,
                        });
                    }
                }
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

    fn refused(&mut self, error: StoreError, out: &mut Vec<Action>) {
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
                        self.reach(after.run, || Event::Recover(after.run), out);
                    }
                }
            }
        }
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
