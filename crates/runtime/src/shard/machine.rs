//! The state of a shard, and how it takes events in.

use std::collections::{BTreeSet, HashMap, VecDeque};
use std::sync::Arc;

use ferrovia_dsl::plan::Plan;
use ferrovia_engine::{Input, ObligationId, Outcome, Refusal};
use ferrovia_expr::Value;
use ferrovia_store::format::v1::{decode_event, decode_input, decode_outcome};
use ferrovia_store::{Delivery, DeliveryKind, Epoch, NewRun, Park, RunId, ShardId, StoreError};

use super::commit::Batch;
use super::hot::Hot;
use super::replay::History;
use super::{Action, Adopted, Answered, Control, Declined, Event, Moving, Surroundings, Token};

/// A share of all runs.
pub struct Shard {
    pub(super) id: ShardId,
    pub(super) epoch: Epoch,
    pub(super) hot: HashMap<RunId, Hot>,
    /// Events for runs that are being read.
    pub(super) loading: HashMap<RunId, Vec<Event>>,
    /// When runs are due that are in memory, or due soon.
    pub(super) wheel: BTreeSet<(i64, RunId)>,
    /// Up to here the wheel knows all sleeping runs.
    pub(super) horizon_ms: i64,
    pub(super) dirty: Vec<RunId>,
    pub(super) answers: HashMap<RunId, Vec<Answered>>,
    pub(super) writing: Option<Batch>,
    /// Batches that have to be written before anything new: parts of one that was refused as a whole.
    pub(super) again: VecDeque<Batch>,
    /// Rows of runs that cannot be followed, to be written.
    pub(super) parks: Vec<Park>,
    /// How often in a row the store refused the record of a run.
    pub(super) refusals: HashMap<RunId, u32>,
    pub(super) full: bool,
    pub(super) lost: bool,
    /// Nothing new begins: the process is about to end.
    pub(super) draining: bool,
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
            parks: Vec::new(),
            refusals: HashMap::new(),
            full: false,
            lost: false,
            draining: false,
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
            && self.parks.is_empty()
            && self.loading.is_empty()
            && self.hot.values().all(|hot| hot.executing.is_empty())
    }

    /// It is to begin nothing else, and what was under way is over.
    pub fn is_drained(&self) -> bool {
        self.draining && self.is_quiet()
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
            Event::Adopt { token, adopted } => self.adopt(token, *adopted, cx, out),
            Event::Move { token, moving } => self.migrate(token, moving, out),
            Event::Loaded { run, found } => self.loaded(run, found, cx, out),
            Event::Settled {
                run,
                id,
                outcome,
                reused,
            } => self.settled(run, id, outcome, reused, cx),
            Event::Anew {
                run,
                plan,
                id,
                effect,
            } => {
                let wanted = self.hot.get(&run);
                if wanted.is_some_and(|hot| hot.executing.contains(&id)) {
                    out.push(Action::Execute {
                        run,
                        plan,
                        id,
                        effect,
                        origin: None,
                    });
                }
            }
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
            Event::Refused(error) => self.refused(error, cx.now_ms, out),
            Event::Drain => self.draining = true,
        }
    }

    pub(super) fn touch(&mut self, run: RunId) {
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
        if self.refuses(token, out) {
            return;
        }
        let run = new.id;
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
        self.begun(token, hot);
    }

    fn adopt(
        &mut self,
        token: Token,
        adopted: Adopted,
        cx: &mut Surroundings<'_>,
        out: &mut Vec<Action>,
    ) {
        if self.refuses(token, out) {
            return;
        }
        let Adopted {
            new,
            plan,
            history,
            inputs,
            identity,
        } = adopted;
        let hot = Hot::new(new.id, plan, history, new.depth, new.parent.clone())
            .created(new)
            .adopted(identity, inputs, cx);
        self.begun(token, hot);
    }

    /// Nothing new begins while the store is full, or when the process is about to end.
    fn refuses(&mut self, token: Token, out: &mut Vec<Action>) -> bool {
        let declined = if self.draining {
            Declined::Stopping
        } else if self.full {
            Declined::Store(StoreError::Full("it was full a moment ago".into()))
        } else {
            return false;
        };
        out.push(Action::Answer {
            token,
            answer: Err(declined),
        });
        true
    }

    fn begun(&mut self, token: Token, hot: Hot) {
        let run = hot.id;
        self.answers.entry(run).or_default().push((token, Ok(run)));
        self.hot.insert(run, hot);
        self.touch(run);
        self.time(run);
    }

    fn settled(
        &mut self,
        run: RunId,
        id: ObligationId,
        outcome: Outcome,
        reused: bool,
        cx: &mut Surroundings<'_>,
    ) {
        let Some(hot) = self.hot.get_mut(&run) else {
            return;
        };
        // A late outcome: what it settles was retracted meanwhile.
        if !hot.executing.remove(&id) {
            return;
        }
        let _ = hot.take_from(Input::EffectSettled { id, outcome }, reused, cx);
        self.touch(run);
        self.time(run);
    }

    pub(super) fn deliver(
        &mut self,
        delivery: Delivery,
        cx: &mut Surroundings<'_>,
        out: &mut Vec<Action>,
    ) {
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

    fn migrate(&mut self, token: Token, moving: Box<Moving>, out: &mut Vec<Action>) {
        let run = moving.run;
        if !self.hot.contains_key(&run) {
            self.reach(run, || Event::Move { token, moving }, out);
            return;
        }
        let Some(hot) = self.hot.get_mut(&run) else {
            return;
        };
        let answer = match hot.ending() {
            Some(_) => Err(Refusal::Ended.into()),
            None if hot.is_defective() => Err(Declined::Parked("it met a defect".into())),
            None => hot.migrate(*moving),
        };
        match answer {
            Ok(()) => self.answers.entry(run).or_default().push((token, Ok(run))),
            Err(declined) => out.push(Action::Answer {
                token,
                answer: Err(declined),
            }),
        }
        self.touch(run);
    }

    fn tick(&mut self, cx: &mut Surroundings<'_>, out: &mut Vec<Action>) {
        self.full = false;
        if self.draining {
            return;
        }
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
    pub(super) fn time(&mut self, run: RunId) {
        if let Some(wake_ms) = self.hot.get(&run).and_then(Hot::wake_ms) {
            self.wheel.insert((wake_ms, run));
        }
    }
}
