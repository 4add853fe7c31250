//! The simulated world: what happens when, and to whom.

mod client;
mod process;

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;

use ferrovia_engine::{Effect, Ending, ObligationId, Outcome as Settlement, RuntimeInfo};
use ferrovia_expr::Value;
use ferrovia_runtime::shard::{Event, Shard, Token};
use ferrovia_store::{Journal, Memory, Page, RunId, ShardId, Status, Write};

use crate::check;
use crate::fault::{Canary, Faults};
use crate::service::Service;
use crate::workload::{Kind, Workload};

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
    /// The process is told to end.
    Stop,
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
            let how = match self.random.bool() {
                true => Happening::Crash,
                false => Happening::Stop,
            };
            self.schedule(at_ms, how);
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
            Happening::Stop => self.stop(),
            Happening::Room(room) => self.full = !room,
            Happening::Jump(jump_ms) => self.skew_ms += jump_ms,
            Happening::Meddle(run) => self.meddle(run),
            Happening::Person => self.look_after(),
        }
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

    pub(crate) fn runtime(&self) -> RuntimeInfo {
        self.runtime.clone()
    }
}
