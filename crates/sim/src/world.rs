//! The simulated world: what happens when, and to whom.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::{Arc, Mutex};

use ferrovia_dsl::plan::Plan;
use ferrovia_engine::{
    Effect, Ending, ErrorType, Fault, ObligationId, Outcome as Settlement, RuntimeInfo,
};
use ferrovia_expr::Value;
use ferrovia_runtime::shard::{Action, Control, Declined, Event, Shard, Surroundings, Token};
use ferrovia_store::format::v1::encode_event;
use ferrovia_store::{
    Accepted, Delivery, Epoch, Intake, Journal, Memory, NewRun, Page, RunId, ShardId, Status,
    StoreError, Ticket, Write,
};

use crate::check;
use crate::fault::{Canary, Faults};
use crate::service::Service;
use crate::workload::{Kind, Workload, input};

/// 2026-01-01T00:00:00Z.
const BEGIN_MS: i64 = 1_767_225_600_000;
const HOUR_MS: i64 = 3_600_000;
/// How far ahead a shard asks for timers.
const HORIZON_MS: i64 = HOUR_MS;
/// Happenings of one simulation, at the most: a livelock ends here.
const HAPPENINGS_MAX: u64 = 5_000_000;

/// How many happenings go by before somebody looks whether all is over.
const LOOK_EVERY: u64 = 128;

/// What came of a simulation.
#[derive(Debug, Default)]
pub struct Outcome {
    pub runs: usize,
    pub crashes: u32,
    pub records: u64,
    pub requests: u64,
    pub happenings: u64,
    /// Simulated time.
    pub hours: f64,
    /// What was violated. Empty if nothing was.
    pub violations: Vec<String>,
}

/// Something that happens at its time.
enum Happening {
    Begin(u64, Kind),
    Batch {
        shard: usize,
        life: u64,
        batch: Vec<Write>,
    },
    Load {
        shard: usize,
        life: u64,
        run: RunId,
    },
    Arrive {
        life: u64,
        run: RunId,
        id: ObligationId,
        effect: Effect,
    },
    Settle {
        life: u64,
        run: RunId,
        id: ObligationId,
        outcome: Settlement,
    },
    Post(Value),
    Wake {
        shard: usize,
        life: u64,
    },
    Ask {
        shard: usize,
        life: u64,
    },
    Crash,
    Room(bool),
    Jump(i64),
    Meddle(RunId),
    /// Somebody looks after what waits for a person.
    Person,
}

/// A start that was asked for.
pub(crate) struct Started {
    pub(crate) number: u64,
    pub(crate) kind: Kind,
    pub(crate) run: RunId,
    /// The answer said that it is durable.
    pub(crate) acknowledged: bool,
    pub(crate) meddled: bool,
}

pub(crate) struct World {
    random: fastrand::Rng,
    faults: Faults,
    canary: Option<Canary>,
    now_ms: i64,
    /// What the wall clock shows beside the true time.
    skew_ms: i64,
    queue: BTreeMap<(i64, u64), Happening>,
    sequence: u64,
    pub(crate) workload: Workload,
    pub(crate) store: Arc<Memory>,
    shards: Vec<Shard>,
    /// How often the process was started.
    life: u64,
    full: bool,
    runtime: RuntimeInfo,
    next_id: u64,
    pub(crate) service: Service,
    pub(crate) started: HashMap<RunId, Started>,
    tokens: HashMap<Token, RunId>,
    next_token: u64,
    /// Runs whose end was announced, with how.
    pub(crate) ended: HashMap<RunId, Ending>,
    posted: HashSet<u64>,
    pub(crate) outcome: Outcome,
    healed: bool,
}

/// Runs one simulation: under faults first, then healed until everything has come to its end.
pub fn simulate(seed: u64, starts: u64, faults: Option<Faults>, canary: Option<Canary>) -> Outcome {
    let mut random = fastrand::Rng::with_seed(seed);
    let faults = faults.unwrap_or_else(|| Faults::drawn(&mut random));
    let mut world = World::new(random, faults, canary);
    for number in 0..starts {
        let kind = Kind::ALL[world.random.usize(..Kind::ALL.len())];
        let at_ms = BEGIN_MS + world.random.i64(0..4 * HOUR_MS);
        world.schedule(at_ms, Happening::Begin(number, kind));
    }
    world.plan_faults();
    world.go();
    check::all(&mut world);
    world.outcome.runs = world.started.len();
    world.outcome.hours = (world.now_ms - BEGIN_MS) as f64 / HOUR_MS as f64;
    world.outcome
}

impl World {
    fn new(mut random: fastrand::Rng, faults: Faults, canary: Option<Canary>) -> World {
        let shards = random.u16(1..=4);
        let mut world = World {
            random,
            faults,
            canary,
            now_ms: BEGIN_MS,
            skew_ms: 0,
            queue: BTreeMap::new(),
            sequence: 0,
            workload: Workload::new(),
            store: Arc::new(Memory::new(shards)),
            shards: Vec::new(),
            life: 0,
            full: false,
            runtime: RuntimeInfo {
                name: "Ferrovia".into(),
                version: "sim".into(),
                metadata: Value::Null,
            },
            next_id: 1,
            service: Service::default(),
            started: HashMap::new(),
            tokens: HashMap::new(),
            next_token: 1,
            ended: HashMap::new(),
            posted: HashSet::new(),
            outcome: Outcome::default(),
            healed: false,
        };
        world.boot();
        world
    }

    pub(crate) fn violation(&mut self, text: String) {
        self.outcome.violations.push(text);
    }

    fn schedule(&mut self, at_ms: i64, happening: Happening) {
        self.sequence += 1;
        self.queue
            .insert((at_ms.max(self.now_ms), self.sequence), happening);
    }

    fn soon(&mut self, max_ms: i64, happening: Happening) {
        let at_ms = self.now_ms + self.random.i64(1..=max_ms);
        self.schedule(at_ms, happening);
    }

    /// Faults of the first eight hours; then everything heals.
    fn plan_faults(&mut self) {
        let hours = 8.0;
        let span_ms = (hours * HOUR_MS as f64) as i64;
        let times = |rate: f64, random: &mut fastrand::Rng| {
            (rate * hours * 2.0 * random.f64()).round() as u32
        };
        for _ in 0..times(self.faults.crashes, &mut self.random) {
            let at_ms = BEGIN_MS + self.random.i64(0..span_ms);
            self.schedule(at_ms, Happening::Crash);
        }
        for _ in 0..times(self.faults.full, &mut self.random) {
            let at_ms = BEGIN_MS + self.random.i64(0..span_ms);
            self.schedule(at_ms, Happening::Room(false));
            let until_ms = at_ms + self.random.i64(1_000..600_000);
            self.schedule(until_ms, Happening::Room(true));
        }
        for _ in 0..times(self.faults.jumps, &mut self.random) {
            let at_ms = BEGIN_MS + self.random.i64(0..span_ms);
            let jump_ms = self.random.i64(-HOUR_MS..HOUR_MS);
            self.schedule(at_ms, Happening::Jump(jump_ms));
        }
        self.schedule(BEGIN_MS + span_ms + HOUR_MS, Happening::Room(true));
        self.schedule(BEGIN_MS + HOUR_MS, Happening::Person);
    }

    fn go(&mut self) {
        while let Some(((at_ms, _), happening)) = self.queue.pop_first() {
            self.outcome.happenings += 1;
            if self.outcome.happenings > HAPPENINGS_MAX {
                self.violation(format!(
                    "nothing comes to an end within {HAPPENINGS_MAX} happenings"
                ));
                return;
            }
            self.now_ms = self.now_ms.max(at_ms);
            self.healed |= self.now_ms > BEGIN_MS + 9 * HOUR_MS;
            self.happen(happening);
            if !self.outcome.happenings.is_multiple_of(LOOK_EVERY) {
                continue;
            }
            let all_begun = !self
                .queue
                .values()
                .any(|h| matches!(h, Happening::Begin(..) | Happening::Post(_)));
            if self.healed && all_begun && self.is_over() {
                return;
            }
        }
    }

    fn is_over(&self) -> bool {
        self.started
            .values()
            .filter(|started| started.acknowledged)
            .all(|started| {
                self.ended.contains_key(&started.run)
                    || self.status(started.run).is_some_and(Status::is_terminal)
            })
            && self
                .store
                .runs(
                    &Default::default(),
                    Page {
                        before: None,
                        limit: usize::MAX,
                    },
                )
                .is_ok_and(|runs| runs.iter().all(|summary| summary.status.is_terminal()))
    }

    pub(crate) fn status(&self, run: RunId) -> Option<Status> {
        self.store
            .summary(run)
            .ok()
            .flatten()
            .map(|summary| summary.status)
    }

    fn happen(&mut self, happening: Happening) {
        match happening {
            Happening::Begin(number, kind) => self.begin(number, kind),
            Happening::Batch { shard, life, batch } => self.durable(shard, life, batch),
            Happening::Load { shard, life, run } if life == self.life => self.load(shard, run),
            Happening::Arrive {
                life,
                run,
                id,
                effect,
            } => self.arrive(life, run, id, &effect),
            Happening::Settle {
                life,
                run,
                id,
                outcome,
            } if life == self.life => {
                self.tell(run, Event::Settled { run, id, outcome });
            }
            Happening::Post(event) => self.post(&event),
            Happening::Wake { shard, life } if life == self.life => self.pump(shard, Event::Tick),
            Happening::Ask { shard, life } if life == self.life => self.ask_for_timers(shard),
            // They belong to a process that is gone.
            Happening::Load { .. }
            | Happening::Settle { .. }
            | Happening::Wake { .. }
            | Happening::Ask { .. } => {}
            Happening::Crash => self.crash(),
            Happening::Room(room) => self.full = !room,
            Happening::Jump(jump_ms) => self.skew_ms += jump_ms,
            Happening::Meddle(run) => self.meddle(run),
            Happening::Person => self.look_after(),
        }
    }

    /// Starts the process: takes the shards over and recovers.
    fn boot(&mut self) {
        self.life += 1;
        self.shards.clear();
        for number in 0..self.store.shards() {
            let id = ShardId(number);
            let epoch = self.store.acquire(id).expect("the shard exists");
            self.shards.push(Shard::new(id, epoch));
        }
        for shard in 0..self.shards.len() {
            let open = self
                .store
                .unsettled(ShardId(shard as u16), None, usize::MAX)
                .expect("memory is readable");
            let forgets = self.canary == Some(Canary::NoRecovery);
            for run in open.into_iter().filter(|_| !forgets) {
                self.pump(shard, Event::Recover(run));
            }
            self.ask_for_timers(shard);
        }
    }

    /// Processes die while they do something rather than while they sleep.
    fn maybe_crash(&mut self, within_ms: i64) {
        if !self.healed && self.random.f64() < self.faults.crash_at_work {
            self.soon(within_ms, Happening::Crash);
        }
    }

    fn crash(&mut self) {
        self.outcome.crashes += 1;
        // Batches become durable in the order in which they were queued: a prefix of them survives.
        let mut writer_lives = true;
        let mut kept = BTreeMap::new();
        let mut survivors = Vec::new();
        for (place, happening) in std::mem::take(&mut self.queue) {
            match happening {
                Happening::Batch { batch, shard, life } if life == self.life => {
                    writer_lives &= self.random.f64() < self.faults.batch_survives;
                    if writer_lives {
                        survivors.push(batch);
                    } else if self.random.f64() < self.faults.batch_late {
                        kept.insert(place, Happening::Batch { shard, life, batch });
                    }
                }
                Happening::Arrive { .. } if self.random.f64() >= self.faults.request_survives => {}
                other => drop(kept.insert(place, other)),
            }
        }
        self.queue = kept;
        for batch in survivors {
            let _ = self.write(batch);
        }
        // Clients whose question was open lose their connection.
        let mut open: Vec<_> = self.tokens.drain().collect();
        open.sort();
        open.into_iter().for_each(|(_, run)| self.begin_again(run));
        self.boot();
    }

    fn begin(&mut self, number: u64, kind: Kind) {
        let run = self.new_id();
        let plan = self.workload.plan(kind).clone();
        let new = NewRun {
            id: run,
            shard: ShardId::of(run, self.store.shards()),
            plan: plan.hash,
            namespace: plan.identity.namespace.clone(),
            name: plan.identity.name.clone(),
            version: plan.identity.version.to_string().into(),
            parent: None,
            depth: 0,
            created_ms: self.now_ms,
            labels: Vec::new(),
            key: Some(format!("start-{number}").into()),
        };
        let token = Token(self.next_token);
        self.next_token += 1;
        self.tokens.insert(token, run);
        self.started.insert(
            run,
            Started {
                number,
                kind,
                run,
                acknowledged: false,
                meddled: false,
            },
        );
        self.tell(
            run,
            Event::Start {
                token,
                new: Box::new(new),
                plan,
                input: input(number),
            },
        );
        if self.posted.insert(number)
            && let Some(event) = kind.event(number)
        {
            // Its event may come before the run listens, and twice.
            let at_ms = self.now_ms + self.random.i64(1..HOUR_MS);
            if self.random.f64() < self.faults.meddling {
                let again_ms = at_ms + self.random.i64(1..HOUR_MS);
                self.schedule(again_ms, Happening::Post(event.clone()));
            }
            self.schedule(at_ms, Happening::Post(event));
        }
        if self.random.f64() < self.faults.meddling {
            self.soon(HOUR_MS, Happening::Meddle(run));
        }
    }

    /// A client that got no answer asks again, with the same key.
    fn begin_again(&mut self, run: RunId) {
        if let Some(started) = self.started.remove(&run) {
            let at_ms = self.now_ms + self.random.i64(1_000..60_000);
            self.schedule(at_ms, Happening::Begin(started.number, started.kind));
        }
    }

    fn post(&mut self, event: &Value) {
        let wants = |plan: &&Arc<Plan>| {
            plan.interests
                .iter()
                .any(|filter| filter.could_match(event))
        };
        let plans = self
            .workload
            .definitions
            .iter()
            .filter(wants)
            .map(|plan| plan.hash)
            .collect();
        let text = |key: &str| {
            event
                .get(key)
                .and_then(Value::as_str)
                .unwrap_or_default()
                .into()
        };
        // Waits until the run that wants it is there, as a careful sender would.
        let order = event
            .get("data")
            .and_then(|data| data.get("order"))
            .and_then(Value::as_i64);
        let ready = self
            .started
            .values()
            .any(|started| Some(started.number as i64) == order && started.acknowledged);
        if !ready || self.full {
            let again = Happening::Post(event.clone());
            return self.soon(HOUR_MS, again);
        }
        let intake = Intake {
            source: text("source"),
            id: text("id"),
            at_ms: self.now_ms,
            event: encode_event(event).into(),
            plans,
            starts: Vec::new(),
            triggers: Vec::new(),
        };
        let Ok(ticket) = self.write(vec![Write::Accept(intake)]) else {
            return;
        };
        for accepted in ticket.accepted {
            if let Accepted::New(accept) = accepted {
                self.spread(accept.deliveries);
            }
        }
    }

    fn spread(&mut self, deliveries: Vec<Delivery>) {
        for delivery in deliveries {
            self.tell(delivery.run, Event::Deliver(delivery));
        }
    }

    /// Makes a batch durable.
    fn write(&mut self, batch: Vec<Write>) -> Result<Ticket, StoreError> {
        if self.full {
            return Err(StoreError::Full("simulated".into()));
        }
        let answer = Arc::new(Mutex::new(None));
        let slot = answer.clone();
        let records = batch.len() as u64;
        self.store.write(
            batch,
            Box::new(move |result| *slot.lock().expect("nobody panics here") = Some(result)),
        );
        let result = answer
            .lock()
            .expect("nobody panics here")
            .take()
            .expect("memory answers at once");
        if result.is_ok() {
            self.outcome.records += records;
        }
        result
    }

    fn durable(&mut self, shard: usize, life: u64, mut batch: Vec<Write>) {
        if self.canary == Some(Canary::NoFence) {
            let epoch = Epoch(self.life);
            for write in &mut batch {
                if let Write::Append(append) = write {
                    append.fence.1 = epoch;
                }
            }
        }
        let result = self.write(batch);
        if life != self.life {
            if result.is_ok() {
                self.violation("a process that lost its shards wrote a batch".to_owned());
            }
            return;
        }
        match result {
            Ok(ticket) => {
                self.spread(ticket.deliveries);
                if self.canary != Some(Canary::EarlyCommit) {
                    self.pump(shard, Event::Committed);
                }
            }
            Err(error) => self.pump(shard, Event::Refused(error)),
        }
    }

    fn load(&mut self, shard: usize, run: RunId) {
        let found = self
            .store
            .load(run)
            .map_err(|error| Arc::from(error.to_string()));
        let found = found.map(|stored| {
            let stored = stored?;
            let plan = self
                .workload
                .definitions
                .get(stored.summary.run.plan)?
                .clone();
            Some(Box::new((stored, plan)))
        });
        self.pump(shard, Event::Loaded { run, found });
    }

    fn arrive(&mut self, life: u64, run: RunId, id: ObligationId, effect: &Effect) {
        self.outcome.requests += 1;
        let outcome = self.service.arrive(&format!("{run}{id}"), &effect.request);
        self.soon(
            2_000,
            Happening::Settle {
                life,
                run,
                id,
                outcome,
            },
        );
    }

    fn ask_for_timers(&mut self, shard: usize) {
        let before_ms = self.wall_ms() + HORIZON_MS;
        let runs = self
            .store
            .due(ShardId(shard as u16), before_ms, usize::MAX)
            .expect("memory is readable");
        self.pump(shard, Event::Due { before_ms, runs });
        let life = self.life;
        self.schedule(self.now_ms + HORIZON_MS / 2, Happening::Ask { shard, life });
    }

    fn meddle(&mut self, run: RunId) {
        let control = match self.random.u8(0..3) {
            0 => Control::Cancel {
                reason: Some("a whim".into()),
            },
            1 => Control::Suspend,
            _ => Control::Resume,
        };
        if control == Control::Suspend {
            self.soon(HOUR_MS, Happening::Meddle(run));
        }
        self.control(run, control);
    }

    /// Settles what may or may not have been sent by the books of the service, and resumes what was forgotten.
    fn look_after(&mut self) {
        let all = Page {
            before: None,
            limit: usize::MAX,
        };
        for summary in self
            .store
            .runs(&Default::default(), all)
            .expect("memory is readable")
        {
            let run = summary.run.id;
            match summary.status {
                Status::Parked => {
                    for id in check::owed_effects(self, run) {
                        let known = self.service.0.get(&format!("{run}{id}"));
                        let lost = Fault {
                            kind: ErrorType::Runtime,
                            status: None,
                            title: None,
                            detail: None,
                        };
                        let outcome =
                            known.map_or(Settlement::Failed(lost), |seen| seen.outcome.clone());
                        self.control(
                            run,
                            Control::Settle {
                                effect: id,
                                outcome,
                            },
                        );
                    }
                }
                Status::Suspended if self.healed => self.control(run, Control::Resume),
                _ => {}
            }
        }
        self.schedule(self.now_ms + HOUR_MS, Happening::Person);
    }

    fn control(&mut self, run: RunId, control: Control) {
        if let Some(started) = self.started.get_mut(&run) {
            started.meddled = true;
        }
        let token = Token(self.next_token);
        self.next_token += 1;
        self.tell(
            run,
            Event::Control {
                token,
                run,
                control,
            },
        );
    }

    fn wall_ms(&self) -> i64 {
        self.now_ms + self.skew_ms
    }

    fn new_id(&mut self) -> RunId {
        self.next_id += 1;
        RunId(self.next_id)
    }

    fn tell(&mut self, run: RunId, event: Event) {
        let shard = usize::from(ShardId::of(run, self.store.shards()).0);
        self.pump(shard, event);
    }

    /// Gives a shard an event, and acts on what it wants.
    fn pump(&mut self, shard: usize, event: Event) {
        let mut actions = Vec::new();
        let now_ms = self.wall_ms();
        let next_id = &mut self.next_id;
        let mut new_id = || {
            *next_id += 1;
            RunId(*next_id)
        };
        let mut cx = Surroundings {
            now_ms,
            definitions: &self.workload.definitions,
            runtime: &self.runtime,
            shards: self.store.shards(),
            new_id: &mut new_id,
        };
        let machine = &mut self.shards[shard];
        machine.handle(event, &mut cx, &mut actions);
        machine.flush(&mut cx, &mut actions);
        let wake_ms = machine.wake_ms();
        for action in actions {
            self.act(shard, action);
        }
        if let Some(wake_ms) = wake_ms {
            let (life, at_ms) = (self.life, wake_ms - self.skew_ms);
            self.schedule(at_ms.max(self.now_ms + 1), Happening::Wake { shard, life });
        }
    }

    fn act(&mut self, shard: usize, action: Action) {
        let life = self.life;
        match action {
            Action::Write(batch) => {
                self.soon(40, Happening::Batch { shard, life, batch });
                self.maybe_crash(40);
                if self.canary == Some(Canary::EarlyCommit) {
                    self.pump(shard, Event::Committed);
                }
            }
            Action::Load(run) => self.soon(5, Happening::Load { shard, life, run }),
            Action::Execute {
                run, id, effect, ..
            } => {
                check::commanded(self, run, &id);
                self.soon(
                    3_000,
                    Happening::Arrive {
                        life,
                        run,
                        id,
                        effect,
                    },
                );
                self.maybe_crash(3_000);
            }
            Action::Abort { .. } => {}
            Action::Answer { token, answer } => self.answered(token, answer),
            Action::Ended { run, ending } => {
                check::ended(self, run, &ending);
                self.ended.insert(run, ending);
            }
            Action::Full => self.schedule(self.now_ms + 250, Happening::Wake { shard, life }),
            Action::Lost => self.violation("the only process lost a shard".to_owned()),
        }
    }

    fn answered(&mut self, token: Token, answer: Result<RunId, Declined>) {
        let Some(run) = self.tokens.remove(&token) else {
            return;
        };
        match answer {
            Ok(_) => {
                check::acknowledged(self, run);
                if let Some(started) = self.started.get_mut(&run) {
                    started.acknowledged = true;
                }
            }
            // An earlier attempt had come through although nobody heard of it.
            Err(Declined::Started(earlier)) => {
                if let Some(mut started) = self.started.remove(&run) {
                    started.run = earlier;
                    started.acknowledged = true;
                    self.started.insert(earlier, started);
                }
            }
            Err(_) => self.begin_again(run),
        }
    }
}

impl World {
    pub(crate) fn runtime(&self) -> RuntimeInfo {
        self.runtime.clone()
    }
}
