//! Drives one shard: hands it events, carries out its actions, keeps its time.

use std::collections::VecDeque;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Weak};
use std::time::Duration;

use ferrovia_store::{StoreError, Ticket};
use tokio::sync::mpsc;

use super::effects::Effects;
use super::{Inner, blocking, wall_ms};
use crate::shard::{ASKED_WITHIN_MS, Action, Event, Shard, Surroundings};

/// Events that are taken in before their records are written.
const ROUND_EVENTS_MAX: usize = 1_024;
/// How far ahead the driver asks the journal for timers.
const HORIZON_MS: i64 = 2 * ASKED_WITHIN_MS;
/// Timers that it asks for at a time.
const DUE_PAGE: usize = 4_096;
/// How soon it asks again after as many, so that those of the page have a chance to fire.
const PAGE_PAUSE_MS: i64 = 50;
/// Longest sleep: a wall clock that jumps is noticed within it.
const SLEEP_MAX: Duration = Duration::from_millis(500);
/// How long a full store is left alone.
const FULL_PAUSE_MS: i64 = 250;

/// Until the node is gone, or the shard is lost.
pub(super) async fn drive(
    node: Weak<Inner>,
    mut shard: Shard,
    mut inbox: mpsc::UnboundedReceiver<Event>,
) {
    let mut driver = Driver {
        effects: Effects::default(),
        local: VecDeque::new(),
        actions: Vec::new(),
        ask_at_ms: i64::MIN,
        asking: false,
        full_until_ms: None,
        lost: false,
    };
    let _watch = Watch(node.clone());
    loop {
        let Some(inner) = node.upgrade() else { return };
        driver.round(&inner, &mut shard, &mut inbox);
        if shard.is_drained() {
            inner.drained(shard.id());
        }
        if driver.lost {
            return;
        }
        inner.resident[usize::from(shard.id().0)].store(shard.resident(), Ordering::Relaxed);
        driver.ask_for_timers(&inner, &shard);
        let sleep = driver.sleep(&shard);
        drop(inner);
        tokio::select! {
            event = inbox.recv() => match event {
                Some(event) => driver.local.push_back(event),
                None => return,
            },
            () = tokio::time::sleep(sleep) => driver.local.push_back(Event::Tick),
        }
    }
}

/// A shard without its driver would leave all who ask it waiting: whatever ends one ends the node.
struct Watch(Weak<Inner>);

impl Drop for Watch {
    fn drop(&mut self) {
        if let Some(inner) = self.0.upgrade() {
            inner.fail("the driver of a shard met a defect");
        }
    }
}

struct Driver {
    effects: Effects,
    /// Events that came of actions, to be taken in before anything else.
    local: VecDeque<Event>,
    actions: Vec<Action>,
    /// When to ask the journal for timers again.
    ask_at_ms: i64,
    asking: bool,
    full_until_ms: Option<i64>,
    lost: bool,
}

impl Driver {
    /// Takes in what is at hand and acts on it, until nothing is left.
    fn round(
        &mut self,
        inner: &Arc<Inner>,
        shard: &mut Shard,
        inbox: &mut mpsc::UnboundedReceiver<Event>,
    ) {
        loop {
            let definitions = inner.definitions();
            let now_ms = wall_ms();
            let mut new_id = || inner.ids.next(now_ms);
            let mut cx = Surroundings {
                now_ms,
                definitions: &definitions,
                runtime: &inner.runtime,
                shards: inner.shards.len() as u16,
                new_id: &mut new_id,
                watched: false,
            };
            let mut taken = 0;
            while taken < ROUND_EVENTS_MAX {
                let Some(event) = self.local.pop_front().or_else(|| inbox.try_recv().ok()) else {
                    break;
                };
                taken += 1;
                match &event {
                    Event::Due { before_ms, .. } => {
                        self.asking = false;
                        let again_ms = (*before_ms).max(now_ms + PAGE_PAUSE_MS);
                        self.ask_at_ms = self.ask_at_ms.min(again_ms);
                    }
                    Event::Tick => self.full_until_ms = None,
                    _ => {}
                }
                // Asked anew for each: who has just begun to listen has just read the journal, too.
                cx.watched = inner.feeds.is_watched();
                shard.handle(event, &mut cx, &mut self.actions);
            }
            shard.flush(&mut cx, &mut self.actions);
            if self.actions.is_empty() && taken == 0 {
                return;
            }
            for action in std::mem::take(&mut self.actions) {
                self.act(inner, shard, action);
            }
            if self.lost || (taken == 0 && self.local.is_empty()) {
                return;
            }
        }
    }

    fn act(&mut self, inner: &Arc<Inner>, shard: &Shard, action: Action) {
        match action {
            Action::Write(batch) => {
                let (node, id) = (Arc::downgrade(inner), shard.id());
                let done = Box::new(move |result: Result<Ticket, StoreError>| {
                    if let Some(inner) = node.upgrade() {
                        written(&inner, usize::from(id.0), result);
                    }
                });
                inner.journal.write(batch, done);
            }
            Action::Load(run) => {
                let inner = inner.clone();
                tokio::task::spawn_blocking(move || {
                    let found = inner
                        .journal
                        .load(run)
                        .map_err(|error| Arc::from(error.to_string()));
                    let found = found.and_then(|stored| {
                        stored
                            .map(|stored| {
                                Ok(Box::new((inner.plan(stored.summary.run.plan)?, stored)))
                            })
                            .map(|pair| pair.map(|pair| Box::new((pair.1, pair.0))))
                            .transpose()
                    });
                    inner.send(run, Event::Loaded { run, found });
                });
            }
            Action::Execute {
                run,
                plan,
                id,
                effect,
                origin,
            } => {
                let settled = self.effects.execute(inner, run, &plan, id, effect, origin);
                self.local.extend(settled);
            }
            Action::Abort { run, id } => self.effects.abort(run, &id),
            Action::Answer { token, answer } => inner.answer(token, answer),
            Action::Changed(change) => inner.feeds.tell(change),
            Action::Ended { run, ending } => inner.ended(run, &ending),
            Action::Full => self.full_until_ms = Some(wall_ms() + FULL_PAUSE_MS),
            Action::Lost => {
                self.lost = true;
                inner.fail("another process has taken the runs over");
            }
        }
    }

    /// Asks the journal for what is due before the horizon, unless it was asked.
    fn ask_for_timers(&mut self, inner: &Arc<Inner>, shard: &Shard) {
        let now_ms = wall_ms();
        if self.asking || now_ms < self.ask_at_ms {
            return;
        }
        self.asking = true;
        self.ask_at_ms = now_ms + ASKED_WITHIN_MS;
        let (inner, id, until_ms) = (inner.clone(), shard.id(), now_ms + HORIZON_MS);
        tokio::spawn(async move {
            let journal = inner.journal.clone();
            match blocking(move || journal.due(id, until_ms, DUE_PAGE)).await {
                Ok(runs) => {
                    // More may be due after the last one of a full page.
                    let last = runs.last().filter(|_| runs.len() == DUE_PAGE);
                    let before_ms = last.map_or(until_ms, |(due_ms, _)| *due_ms);
                    let _ = inner.shards[usize::from(id.0)].send(Event::Due { before_ms, runs });
                }
                Err(error) => inner.fail(&error.to_string()),
            }
        });
    }

    fn sleep(&self, shard: &Shard) -> Duration {
        let now_ms = wall_ms();
        let due_ms = [shard.wake_ms(), self.full_until_ms, Some(self.ask_at_ms)]
            .into_iter()
            .flatten()
            .min();
        let until_due = due_ms.map_or(SLEEP_MAX, |due_ms| {
            Duration::from_millis((due_ms - now_ms).max(0) as u64)
        });
        until_due.min(SLEEP_MAX)
    }
}

/// What a shard hears of its batch. On a thread of the journal: the order in which batches became durable is the
/// order in which deliveries reach their runs.
fn written(inner: &Arc<Inner>, shard: usize, result: Result<Ticket, StoreError>) {
    let event = match result {
        Ok(ticket) => {
            for delivery in ticket.deliveries {
                inner.send(delivery.run, Event::Deliver(delivery));
            }
            inner.commits.notify_waiters();
            Event::Committed
        }
        Err(StoreError::Fatal(why)) => return inner.fail(&why),
        Err(error) => Event::Refused(error),
    };
    let _ = inner.shards[shard].send(event);
}
