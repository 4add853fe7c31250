//! What every back end has to keep, as tests: one for each sentence of the contract. A back end runs all of them with
//! [`journal_suite!`](crate::journal_suite).

pub mod appends;
pub mod deliveries;
pub mod entries;
pub mod events;
pub mod lists;
pub mod parks;
pub mod purges;

use std::sync::{Arc, mpsc};

use ferrovia_dsl::plan::PlanHash;

use crate::ids::{Epoch, RunId, ShardId};
use crate::journal::{Journal, StoreError, Ticket};
use crate::row::{Append, DeliveryKind, Intake, NewRun, Parent, Status, Update, Write};

/// Shards of the journals under test.
pub const SHARDS: u16 = 4;

/// Makes a test of each sentence for a back end. The argument is a function that gives an empty journal with a number
/// of shards, together with whatever has to live as long: `fn(u16) -> (impl Journal, impl Sized)`.
#[macro_export]
macro_rules! journal_suite {
    ($open:ident) => {
        $crate::journal_suite!($open;
            appends: a_run_reads_back, records_are_in_order, a_taken_position_is_a_conflict,
            a_gap_is_a_conflict, a_run_that_nobody_created_is_a_conflict, a_run_begins_once,
            a_refused_batch_changes_nothing, a_refused_batch_does_not_concern_others,
            an_older_epoch_is_fenced, a_fence_of_another_shard_is_refused, a_key_starts_one_run,
            an_unknown_shard_is_refused, a_snapshot_shortens_what_is_loaded, no_update_changes_no_row,
            ids_beyond_63_bits_are_refused, records_have_positions, one_caller_writes_in_order, many_callers_write_at_once;
            deliveries: a_delivery_waits_until_it_is_consumed, a_delivery_is_consumed_once,
            deliveries_are_in_order, a_run_that_ended_gets_nothing, what_waits_for_a_run_ends_with_it,
            spawned_runs_begin_with_a_delivery, abandoned_children_are_cancelled, children_are_in_order,
            all_kinds_read_back;
            events: an_event_is_taken_once, an_event_goes_to_open_runs_of_its_plans, an_event_starts_runs,
            an_event_changes_triggers, an_event_with_a_known_start_is_refused;
            lists: unsettled_runs_are_active_or_have_deliveries, unsettled_runs_come_in_pages,
            due_runs_come_earliest_first, a_wake_that_changed_is_not_due, runs_are_newest_first_in_pages,
            filters_hold_together, definitions_are_known_once, schedules_keep_the_last_slot, stats_count;
            entries: an_entry_reads_back, an_entry_that_changed_is_refused, an_entry_that_went_comes_back_as_another,
            a_refused_entry_changes_nothing, entries_are_in_order_and_pages, entries_expire;
            parks: a_parked_run_says_why_and_is_looked_at_again, a_run_that_ended_is_not_parked,
            parking_is_fenced;
            purges: old_runs_go_with_all_they_had, open_and_young_runs_stay, children_go_with_their_parents,
            a_purge_is_bounded, events_are_forgotten, the_newest_can_be_kept;
        );
    };
    ($open:ident; $($module:ident: $($name:ident),+;)+) => {
        $(mod $module {
            $(#[test]
            fn $name() {
                let (journal, _kept) = super::$open($crate::suite::SHARDS);
                $crate::suite::$module::$name(&$crate::suite::Bed::new(&journal));
            })+
        })+
    };
}

/// A journal under test, with its shards taken over.
pub struct Bed<'a> {
    pub journal: &'a dyn Journal,
    epochs: Vec<Epoch>,
}

impl<'a> Bed<'a> {
    pub fn new(journal: &'a dyn Journal) -> Bed<'a> {
        Bed::take_over(journal).expect("nothing is in the way")
    }

    pub fn take_over(journal: &'a dyn Journal) -> Result<Bed<'a>, StoreError> {
        let epochs = (0..journal.shards()).map(|shard| journal.acquire(ShardId(shard)));
        let epochs = epochs.collect::<Result<_, _>>()?;
        Ok(Bed { journal, epochs })
    }

    /// Writes a batch and waits for the answer.
    pub fn write(&self, batch: Vec<Write>) -> Result<Ticket, StoreError> {
        let (sender, receiver) = mpsc::channel();
        let done = Box::new(move |answer| sender.send(answer).expect("the test waits"));
        self.journal.write(batch, done);
        receiver.recv().expect("every batch is answered")
    }

    /// Writes what has to succeed.
    pub fn put(&self, writes: impl IntoIterator<Item = Write>) -> Ticket {
        self.write(writes.into_iter().collect())
            .expect("nothing is in the way")
    }

    pub fn fence(&self, run: u64) -> (ShardId, Epoch) {
        let shard = shard(run);
        (shard, self.epochs[usize::from(shard.0)])
    }

    /// The first record of a run that nobody announced.
    pub fn first(&self, new: NewRun) -> Append {
        Append {
            create: Some(new.clone()),
            ..self.next(new.id.0, 1)
        }
    }

    /// A record of a run that is there.
    pub fn next(&self, run: u64, seq: u64) -> Append {
        Append {
            fence: self.fence(run),
            run: RunId(run),
            seq,
            record: record(run, seq),
            create: None,
            update: None,
            snapshot: None,
            consumed: Vec::new(),
            deliver: Vec::new(),
            spawn: Vec::new(),
            abandon: Vec::new(),
            migrate: None,
        }
    }

    /// Runs that have begun, in a status.
    pub fn begin(&self, status: Status, runs: impl IntoIterator<Item = u64>) {
        self.put(runs.into_iter().map(|run| {
            Write::Append(Append {
                update: Some(update(status)),
                ..self.first(new_run(run))
            })
        }));
    }

    pub fn positions(&self, run: u64) -> Vec<u64> {
        let records = self.journal.records(RunId(run), 0, usize::MAX);
        let records = records.expect("records are readable").into_iter();
        records
            .map(|(seq, bytes)| {
                assert_eq!(bytes, record(run, seq), "record {seq} of {run}");
                seq
            })
            .collect()
    }

    /// What waits for a run.
    pub fn waiting(&self, run: u64) -> Vec<DeliveryKind> {
        let stored = self.journal.load(RunId(run)).expect("runs are readable");
        let deliveries = stored.expect("the run is there").deliveries;
        deliveries
            .into_iter()
            .map(|delivery| delivery.kind)
            .collect()
    }

    pub fn exists(&self, run: u64) -> bool {
        let summary = self.journal.summary(RunId(run));
        summary.expect("runs are readable").is_some()
    }
}

pub fn shard(run: u64) -> ShardId {
    ShardId::of(RunId(run), SHARDS)
}

/// The first runs of one shard.
pub fn of_shard(wanted: ShardId) -> impl Iterator<Item = u64> {
    (1..).filter(move |run| shard(*run) == wanted)
}

/// Bytes that no other record has.
pub fn record(run: u64, seq: u64) -> Vec<u8> {
    let mut bytes = run.to_be_bytes().to_vec();
    bytes.extend(seq.to_be_bytes());
    bytes.resize(120, (run ^ seq) as u8);
    bytes
}

pub fn plan(number: u8) -> PlanHash {
    PlanHash([number; 32])
}

pub fn new_run(run: u64) -> NewRun {
    NewRun {
        id: RunId(run),
        shard: shard(run),
        plan: plan(1),
        namespace: "shop".into(),
        name: "order".into(),
        version: "1.0.0".into(),
        parent: None,
        depth: 0,
        created_ms: 1_000 + (run % 1_000_000) as i64,
        labels: Vec::new(),
        key: None,
        origin: None,
    }
}

pub fn child(run: u64, parent: u64, obligation: Option<&str>) -> NewRun {
    NewRun {
        parent: Some(Parent {
            run: RunId(parent),
            obligation: obligation.map(Arc::from),
        }),
        depth: 1,
        ..new_run(run)
    }
}

pub fn update(status: Status) -> Update {
    Update {
        status,
        wake_ms: None,
        active: false,
        updated_ms: 2_000,
        reason: None,
    }
}

pub fn event(text: &str) -> DeliveryKind {
    DeliveryKind::Event(Arc::from(text.as_bytes()))
}

pub fn start(text: &str) -> DeliveryKind {
    DeliveryKind::Start(Arc::from(text.as_bytes()))
}

pub fn intake(id: &str) -> Intake {
    Intake {
        source: "/desk".into(),
        id: id.into(),
        at_ms: 5_000,
        event: Arc::from(id.as_bytes()),
        plans: vec![plan(1)],
        starts: Vec::new(),
        triggers: Vec::new(),
    }
}
