//! Those outside: who starts runs, sends events, meddles with runs, and looks after what waits for a person.

use std::sync::Arc;

use ferrovia_dsl::plan::Plan;
use ferrovia_engine::{ErrorType, Fault, Outcome as Settlement};
use ferrovia_expr::Value;
use ferrovia_runtime::shard::{Control, Declined, Event, Token};
use ferrovia_store::format::v1::encode_event;
use ferrovia_store::{Accepted, Intake, Journal, NewRun, Page, RunId, ShardId, Status, Write};

use super::{HOUR_MS, Happening, Started, World};
use crate::check;
use crate::workload::{Kind, input};

impl World {
    pub(super) fn begin(&mut self, number: u64, kind: Kind) {
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
    pub(super) fn begin_again(&mut self, run: RunId) {
        if let Some(started) = self.started.remove(&run) {
            let at_ms = self.now_ms + self.random.i64(1_000..60_000);
            self.schedule(at_ms, Happening::Begin(started.number, started.kind));
        }
    }

    pub(super) fn post(&mut self, event: &Value) {
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

    pub(super) fn meddle(&mut self, run: RunId) {
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
    pub(super) fn look_after(&mut self) {
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

    pub(super) fn control(&mut self, run: RunId, control: Control) {
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

    pub(super) fn answered(&mut self, token: Token, answer: Result<RunId, Declined>) {
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
