//! A shard with its time: which timers it knows of, and when they fire.

use std::sync::Arc;

use ferrovia_dsl::compile::{Links, Options, compile};
use ferrovia_dsl::plan::Plan;
use ferrovia_engine::{Ending, RuntimeInfo};
use ferrovia_expr::{Object, Value};
use ferrovia_runtime::Definitions;
use ferrovia_runtime::shard::{Action, Control, Event, Shard, Surroundings, Token};
use ferrovia_store::{
    Append, Epoch, NewRun, RunId, ShardId, StoreError, StoredRun, Summary, Update, Write,
};

const RUN: RunId = RunId(7);
const BEGIN_MS: i64 = 1_000;
const DUE_MS: i64 = 1_030;

struct Bed {
    shard: Shard,
    definitions: Definitions,
    runtime: RuntimeInfo,
    now_ms: i64,
    watched: bool,
    /// The first record.
    first: Option<Append>,
}

impl Bed {
    /// A run that begins with a wait of 30 ms, durably.
    fn waiting() -> Bed {
        Bed::waiting_for("milliseconds: 30")
    }

    fn waiting_for(wait: &str) -> Bed {
        let mut bed = Bed {
            shard: Shard::new(ShardId(0), Epoch(1)),
            definitions: Definitions::default(),
            runtime: RuntimeInfo {
                name: "test".into(),
                version: "0".into(),
                metadata: Value::Null,
            },
            now_ms: BEGIN_MS,
            watched: false,
            first: None,
        };
        let plan = plan(wait);
        let identity = plan.identity.clone();
        let new = NewRun {
            id: RUN,
            shard: ShardId(0),
            plan: plan.hash,
            namespace: identity.namespace,
            name: identity.name,
            version: "1.0.0".into(),
            parent: None,
            depth: 0,
            created_ms: BEGIN_MS,
            labels: Vec::new(),
            key: None,
            origin: None,
        };
        let actions = bed.handle(Event::Start {
            token: Token(1),
            new: new.into(),
            plan,
            input: Object::default().into(),
        });
        if let [Action::Write(writes)] = actions.as_slice()
            && let [Write::Append(append)] = writes.as_slice()
        {
            bed.first = Some(append.clone());
        }
        bed.handle(Event::Committed);
        bed
    }

    fn handle(&mut self, event: Event) -> Vec<Action> {
        let mut cx = Surroundings {
            now_ms: self.now_ms,
            definitions: &self.definitions,
            runtime: &self.runtime,
            shards: 1,
            new_id: &mut || unreachable!("nothing starts children"),
            watched: self.watched,
        };
        let mut actions = Vec::new();
        self.shard.handle(event, &mut cx, &mut actions);
        self.shard.flush(&mut cx, &mut actions);
        actions
    }

    fn control(&mut self, control: Control) -> Vec<Action> {
        let (token, run) = (Token(2), RUN);
        self.handle(Event::Control {
            token,
            run,
            control,
        })
    }

    /// The due time of the wait comes, and what is then written becomes durable.
    fn tick(&mut self) -> Vec<Action> {
        self.now_ms = DUE_MS;
        self.handle(Event::Tick);
        self.handle(Event::Committed)
    }
}

fn plan(wait: &str) -> Arc<Plan> {
    let text = format!(
        "document: {{ dsl: '1.0.3', namespace: test, name: nap, version: '1.0.0' }}
do:
  - nap: {{ wait: {{ {wait} }} }}"
    );
    let root = ferrovia_dsl::source::parse(&text).expect("the text is YAML");
    let compiled = compile(&text, &root, &Links::default(), Options::default());
    Arc::new(compiled.expect("the workflow is sound").plan)
}

fn ended(actions: &[Action]) -> bool {
    actions.iter().any(|action| {
        matches!(
            action,
            Action::Ended {
                run: RUN,
                ending: Ending::Completed(_)
            }
        )
    })
}

#[test]
fn a_wait_at_the_beginning_ends_when_it_is_due() {
    let mut bed = Bed::waiting();
    assert_eq!(bed.shard.wake_ms(), Some(DUE_MS));
    let actions = bed.tick();
    assert!(ended(&actions), "{actions:?}");
}

#[test]
fn a_timer_that_falls_due_while_its_run_is_suspended_fires_once_it_is_resumed() {
    let mut bed = Bed::waiting();
    bed.control(Control::Suspend);
    bed.now_ms = DUE_MS;
    assert_eq!(bed.handle(Event::Tick).len(), 0);
    assert_eq!(bed.shard.wake_ms(), None);
    bed.control(Control::Resume);
    assert_eq!(bed.shard.wake_ms(), Some(DUE_MS));
    bed.handle(Event::Committed);
    let mut actions = bed.tick();
    actions.extend(bed.handle(Event::Committed));
    assert!(ended(&actions), "{actions:?}");
}

/// When a shard wants to be woken that wrote a run while the store was being asked for timers.
fn woken_although_asked_before(wait: &str) -> Option<i64> {
    let mut bed = Bed::waiting_for(wait);
    bed.handle(Event::Due {
        before_ms: BEGIN_MS + 30_000,
        runs: Vec::new(),
    });
    bed.shard.wake_ms()
}

#[test]
fn a_run_that_left_memory_before_the_store_was_asked_again_is_woken() {
    assert_eq!(
        woken_although_asked_before("seconds: 5"),
        Some(BEGIN_MS + 5_000)
    );
}

#[test]
fn a_run_that_sleeps_long_takes_no_place_on_the_wheel() {
    assert_eq!(woken_although_asked_before("days: 30"), None);
}

/// The run as the store has it: with its first record, which is all that became durable.
fn stored(new: NewRun, update: Update, record: Vec<u8>) -> StoredRun {
    StoredRun {
        summary: Summary {
            run: new,
            status: update.status,
            wake_ms: update.wake_ms,
            active: update.active,
            updated_ms: update.updated_ms,
            reason: update.reason,
        },
        snapshot: None,
        records: vec![(1, record)],
        deliveries: Vec::new(),
    }
}

#[test]
fn a_record_that_is_refused_again_and_again_parks_its_run_after_pauses() {
    let mut bed = Bed::waiting();
    let first = bed.first.clone().expect("the first record was written");
    let (new, update) = (first.create, first.update);
    let (new, update) = (new.expect("it began"), update.expect("it waits"));
    bed.now_ms = DUE_MS;
    let mut written = bed.handle(Event::Tick);
    let mut pauses = Vec::new();
    loop {
        assert!(
            matches!(written.as_slice(), [Action::Write(_)]),
            "{written:?}"
        );
        let actions = bed.handle(Event::Refused(StoreError::Conflict(RUN, 2)));
        if let [Action::Write(writes)] = actions.as_slice() {
            let [Write::Park(park)] = writes.as_slice() else {
                panic!("nothing but the park is written: {writes:?}");
            };
            assert!(park.reason.contains("refused"), "{park:?}");
            break;
        }
        // Nothing is read or sent again before the pause is over.
        assert!(actions.is_empty(), "{actions:?}");
        let wake_ms = bed.shard.wake_ms().expect("it is read again later");
        pauses.push(wake_ms - bed.now_ms);
        bed.now_ms = wake_ms;
        let actions = bed.handle(Event::Tick);
        assert!(
            matches!(actions.as_slice(), [Action::Load(RUN)]),
            "{actions:?}"
        );
        let stored = stored(new.clone(), update.clone(), first.record.clone());
        let found = Ok(Some(Box::new((stored, plan("milliseconds: 30")))));
        written = bed.handle(Event::Loaded { run: RUN, found });
    }
    assert_eq!(pauses, [50, 100, 200, 400, 800, 1_600]);
}

#[test]
fn what_happens_is_told_with_its_trace_while_somebody_listens() {
    let mut bed = Bed::waiting();
    let heard = |actions: &[Action]| -> Vec<_> {
        let changes = actions.iter().filter_map(|action| match action {
            Action::Changed(change) => Some((change.record, change.trace.as_ref().map(Vec::len))),
            _ => None,
        });
        changes.collect()
    };
    bed.watched = true;
    bed.now_ms = DUE_MS;
    let actions = bed.handle(Event::Tick);
    assert!(
        heard(&actions).is_empty(),
        "it is not durable yet: {actions:?}"
    );
    let actions = bed.handle(Event::Committed);
    // The task and the run complete.
    assert_eq!(heard(&actions), [(Some(2), Some(2))]);
    // A record that was begun while nobody listened is told without its trace.
    let mut bed = Bed::waiting();
    bed.now_ms = DUE_MS;
    bed.handle(Event::Tick);
    bed.watched = true;
    assert_eq!(heard(&bed.handle(Event::Committed)), [(Some(2), None)]);
    // And nothing is told to nobody.
    let mut bed = Bed::waiting();
    assert!(heard(&bed.tick()).is_empty());
}
