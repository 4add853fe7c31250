//! The process under test: the real shards, over a store, a network and a clock that are simulated.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use ferrovia_engine::{Effect, ObligationId};
use ferrovia_runtime::shard::{Action, Event, Shard, Surroundings};
use ferrovia_store::{Delivery, Epoch, Journal, RunId, ShardId, StoreError, Ticket, Write};

use super::{HORIZON_MS, Happening, World};
use crate::check;
use crate::fault::Canary;

impl World {
    /// Starts the process: takes the shards over and recovers.
    pub(super) fn boot(&mut self) {
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
    pub(super) fn maybe_crash(&mut self, within_ms: i64) {
        if !self.healed && self.random.f64() < self.faults.crash_at_work {
            self.soon(within_ms, Happening::Crash);
        }
    }

    /// Ends as service managers ask for it: what is under way is recorded, for as long as it may take.
    pub(super) fn stop(&mut self) {
        for shard in 0..self.shards.len() {
            self.pump(shard, Event::Drain);
        }
        self.soon(10_000, Happening::Crash);
    }

    pub(super) fn crash(&mut self) {
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

    /// Makes a batch durable.
    pub(super) fn write(&mut self, batch: Vec<Write>) -> Result<Ticket, StoreError> {
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

    pub(super) fn spread(&mut self, deliveries: Vec<Delivery>) {
        for delivery in deliveries {
            self.tell(delivery.run, Event::Deliver(delivery));
        }
    }

    pub(super) fn durable(&mut self, shard: usize, life: u64, mut batch: Vec<Write>) {
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

    pub(super) fn load(&mut self, shard: usize, run: RunId) {
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

    pub(super) fn arrive(&mut self, life: u64, run: RunId, id: ObligationId, effect: &Effect) {
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

    pub(super) fn ask_for_timers(&mut self, shard: usize) {
        let before_ms = self.wall_ms() + HORIZON_MS;
        let runs = self
            .store
            .due(ShardId(shard as u16), before_ms, usize::MAX)
            .expect("memory is readable");
        self.pump(shard, Event::Due { before_ms, runs });
        let life = self.life;
        self.schedule(self.now_ms + HORIZON_MS / 2, Happening::Ask { shard, life });
    }

    /// Gives a shard an event, and acts on what it wants.
    pub(super) fn pump(&mut self, shard: usize, event: Event) {
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
            watched: false,
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

    pub(super) fn act(&mut self, shard: usize, action: Action) {
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
            Action::Changed(_) => {}
            Action::Ended { run, ending } => {
                check::ended(self, run, &ending);
                self.ended.insert(run, ending);
            }
            Action::Full => self.schedule(self.now_ms + 250, Happening::Wake { shard, life }),
            Action::Lost => self.violation("the only process lost a shard".to_owned()),
        }
    }
}
