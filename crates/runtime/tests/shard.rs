//! A shard knows when its runs are due.

use std::sync::Arc;

use ferrovia_dsl::compile::{Links, Options, compile};
use ferrovia_engine::RuntimeInfo;
use ferrovia_expr::{Object, Value};
use ferrovia_runtime::Definitions;
use ferrovia_runtime::shard::{Action, Event, Shard, Surroundings, Token};
use ferrovia_store::{Epoch, NewRun, RunId, ShardId};

const NOW_MS: i64 = 1_000_000;

/// Starts a run that waits first, makes it durable, and answers when the shard wants to be woken.
fn wake_after_start(wait: &str) -> Option<i64> {
    let text = format!(
        "document: {{ dsl: '1.0.3', namespace: test, name: nap, version: '1.0.0' }}\ndo:\n  - nap: {{ wait: {wait} }}\n"
    );
    let root = ferrovia_dsl::source::parse(&text).expect("the definition can be read");
    let compiled = compile(&text, &root, &Links::default(), Options::default());
    let plan = Arc::new(compiled.expect("the definition compiles").plan);
    let run = RunId(7);
    let new = NewRun {
        id: run,
        shard: ShardId(0),
        plan: plan.hash,
        namespace: "test".into(),
        name: "nap".into(),
        version: "1.0.0".into(),
        parent: None,
        depth: 0,
        created_ms: NOW_MS,
        labels: Vec::new(),
        key: None,
    };
    let definitions = Definitions::default();
    let runtime = RuntimeInfo {
        name: "Ferrovia".into(),
        version: "test".into(),
        metadata: Value::Null,
    };
    let mut cx = Surroundings {
        now_ms: NOW_MS,
        definitions: &definitions,
        runtime: &runtime,
        shards: 1,
        new_id: &mut || RunId(8),
    };
    let mut shard = Shard::new(ShardId(0), Epoch(1));
    let mut actions = Vec::new();
    let start = Event::Start {
        token: Token(1),
        new: Box::new(new),
        plan,
        input: Object::default().into(),
    };
    shard.handle(start, &mut cx, &mut actions);
    shard.flush(&mut cx, &mut actions);
    assert!(
        matches!(actions.as_slice(), [Action::Write(_)]),
        "{actions:?}"
    );
    // The store was asked for what is due before this batch was written.
    let asked_before = Event::Due {
        before_ms: NOW_MS + 30_000,
        runs: Vec::new(),
    };
    shard.handle(Event::Committed, &mut cx, &mut actions);
    shard.handle(asked_before, &mut cx, &mut actions);
    shard.wake_ms()
}

#[test]
fn a_run_that_begins_with_a_wait_is_woken_when_it_is_over() {
    assert_eq!(
        wake_after_start("{ milliseconds: 300 }"),
        Some(NOW_MS + 300)
    );
}

#[test]
fn a_run_that_left_memory_before_the_store_was_asked_again_is_woken() {
    assert_eq!(wake_after_start("{ seconds: 5 }"), Some(NOW_MS + 5_000));
}

#[test]
fn a_run_that_sleeps_long_takes_no_place_on_the_wheel() {
    assert_eq!(wake_after_start("{ days: 30 }"), None);
}
