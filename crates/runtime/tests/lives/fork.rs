//! Forks and repairs: what is carried out again, counted at the executor.

use std::collections::HashMap;
use std::sync::Arc;

use crate::bed::{Bed, workflow};
use ferrovia_engine::{EffectOutput, Ending, ObligationId, Outcome};
use ferrovia_expr::value;
use ferrovia_runtime::{Edits, ForkError, ForkFrom, ForkRequest, NoFork};
use ferrovia_store::{RunId, Status, Why};

fn repair(run: RunId) -> ForkRequest {
    ForkRequest {
        run,
        why: Why::Repair,
        from: ForkFrom::Failure,
        edits: Edits::default(),
        plan: None,
        key: None,
        dry: false,
    }
}

fn fork(run: RunId, from: ForkFrom) -> ForkRequest {
    ForkRequest {
        why: Why::Fork,
        from,
        ..repair(run)
    }
}

const CHAIN: &str = "
  - one: { call: http, with: { method: post, endpoint: 'http://s/one', body: '${ . }' } }
  - two: { call: http, with: { method: post, endpoint: 'http://s/two', body: '${ . }' } }
  - three: { call: http, with: { method: post, endpoint: 'http://s/three', body: { fixed: true } } }
  - all: { set: { last: '${ . }' } }";

#[tokio::test]
async fn a_repaired_run_goes_on_at_the_call_that_failed() {
    let bed = Bed::open().await;
    let plan = bed.define(&workflow("chain", CHAIN)).await;
    bed.fail("/two");
    let run = bed.run_to_end(&plan, value!({ "n": 1 })).await;
    assert_eq!(bed.status(run), Status::Faulted);
    assert_eq!(bed.calls(), ["/one", "/two"]);
    let keys = bed.keys();

    bed.work("/two");
    let forked = bed.node.fork(repair(run)).await.expect("it faulted");
    assert_eq!(forked.reused, [ObligationId("/do/0/one".into())]);
    let open: Vec<_> = forked.open.iter().map(|(id, _)| &*id.0).collect();
    assert_eq!(open, ["/do/1/two"]);
    let repaired = forked.run.expect("it was not dry");
    let ended = bed.ended(repaired).await;
    assert!(matches!(ended, Ending::Completed(_)), "{ended:?}");
    assert_eq!(bed.calls(), ["/one", "/two", "/two", "/three"]);
    // It is another run: a service must not take its call for the one that failed.
    assert_ne!(keys[1], bed.keys()[2]);
    // The old one stays as it was.
    assert_eq!(bed.status(run), Status::Faulted);
    bed.replays(repaired);
}

#[tokio::test]
async fn only_what_faulted_can_be_repaired() {
    let bed = Bed::open().await;
    let plan = bed.define(&workflow("chain", CHAIN)).await;
    let run = bed.run_to_end(&plan, value!({})).await;
    let refused = bed.node.fork(repair(run)).await;
    assert!(matches!(
        refused,
        Err(ForkError::Impossible(NoFork::NotFaulted))
    ));
    let refused = bed.node.fork(repair(RunId(1))).await;
    assert!(matches!(refused, Err(ForkError::Unknown)));
}

#[tokio::test]
async fn a_fork_carries_out_what_depends_on_the_change_and_nothing_else() {
    let bed = Bed::open().await;
    let plan = bed.define(&workflow("chain", CHAIN)).await;
    let run = bed.run_to_end(&plan, value!({ "n": 1 })).await;
    assert_eq!(bed.calls(), ["/one", "/two", "/three"]);

    // Another answer of the first call changes the request of the second, but not that of the third.
    let other = Outcome::Completed(EffectOutput {
        value: value!({ "other": true }),
        authorization_scheme: None,
    });
    let one = ObligationId("/do/0/one".into());
    let request = ForkRequest {
        edits: Edits {
            outcomes: HashMap::from([(one.clone(), other)]),
            ..Edits::default()
        },
        ..fork(run, ForkFrom::End)
    };
    let dry = ForkRequest {
        dry: true,
        ..request.clone()
    };
    let planned = bed.node.fork(dry).await.expect("it can be forked");
    assert_eq!((planned.run, &planned.reused), (None, &vec![one]));
    assert_eq!(&*planned.open[0].0.0, "/do/1/two");
    let forked = bed.node.fork(request).await.expect("it can be forked");
    bed.ended(forked.run.expect("it was not dry")).await;
    assert_eq!(bed.calls(), ["/one", "/two", "/three", "/two"]);
}

#[tokio::test]
async fn another_input_changes_what_reads_it() {
    let bed = Bed::open().await;
    let plan = bed.define(&workflow("chain", CHAIN)).await;
    let run = bed.run_to_end(&plan, value!({ "n": 1 })).await;
    let request = ForkRequest {
        edits: Edits {
            input: Some(value!({ "n": 2 })),
            ..Edits::default()
        },
        ..fork(run, ForkFrom::Start)
    };
    let forked = bed.node.fork(request).await.expect("it can be forked");
    let run = forked.run.expect("it was not dry");
    bed.ended(run).await;
    // What the first call answers does not depend on its body here, so the second asks as before.
    assert_eq!(bed.calls(), ["/one", "/two", "/three", "/one"]);
    bed.replays(run);
}

#[tokio::test]
async fn a_call_that_is_named_is_carried_out_again() {
    let bed = Bed::open().await;
    let plan = bed.define(&workflow("chain", CHAIN)).await;
    let run = bed.run_to_end(&plan, value!({})).await;
    let from = ForkFrom::Outcome(ObligationId("/do/1/two".into()));
    let forked = bed.node.fork(fork(run, from)).await;
    bed.ended(
        forked
            .expect("it can be forked")
            .run
            .expect("it was not dry"),
    )
    .await;
    assert_eq!(bed.calls(), ["/one", "/two", "/three", "/two"]);
    let from = ForkFrom::Outcome(ObligationId("/do/9/nine".into()));
    let refused = bed.node.fork(fork(run, from)).await;
    assert!(matches!(
        refused,
        Err(ForkError::Impossible(NoFork::NoOutcome(_)))
    ));
}

#[tokio::test]
async fn loops_are_repaired_in_the_round_that_failed() {
    let bed = Bed::open().await;
    let tasks = "
  - each:
      for: { each: n, in: '${ [range(5)] }' }
      do:
        - call: { call: http, with: { method: post, endpoint: '${ \"http://s/\\($n)\" }' } }";
    let plan = bed.define(&workflow("loop", tasks)).await;
    bed.fail("/3");
    let run = bed.run_to_end(&plan, value!({})).await;
    assert_eq!(bed.status(run), Status::Faulted);
    bed.work("/3");
    let forked = bed.node.fork(repair(run)).await.expect("it faulted");
    assert_eq!(forked.reused.len(), 3);
    bed.ended(forked.run.expect("it was not dry")).await;
    assert_eq!(bed.calls(), ["/0", "/1", "/2", "/3", "/3", "/4"]);
}

#[tokio::test]
async fn a_child_that_failed_goes_on_where_it_was() {
    let bed = Bed::open().await;
    bed.define(&workflow("chain", CHAIN)).await;
    let tasks = "
  - before: { call: http, with: { method: post, endpoint: 'http://s/before' } }
  - child: { run: { workflow: { namespace: test, name: chain, version: '1.0.0', input: { n: 1 } } } }
  - after: { call: http, with: { method: post, endpoint: 'http://s/after' } }";
    let plan = bed.define(&workflow("parent", tasks)).await;
    bed.fail("/two");
    let run = bed.run_to_end(&plan, value!({})).await;
    assert_eq!(bed.status(run), Status::Faulted);
    let child = bed.child(run);
    let refused = bed.node.fork(repair(child)).await;
    assert!(matches!(refused, Err(ForkError::HasParent(parent)) if parent == run));

    bed.work("/two");
    let forked = bed.node.fork(repair(run)).await.expect("it faulted");
    let repaired = forked.run.expect("it was not dry");
    let ended = bed.ended(repaired).await;
    assert!(matches!(ended, Ending::Completed(_)), "{ended:?}");
    assert_eq!(
        bed.calls(),
        ["/before", "/one", "/two", "/two", "/three", "/after"]
    );
    bed.replays(bed.child(repaired));
}

#[tokio::test]
async fn a_corrected_definition_takes_over_what_it_asks_in_the_same_way() {
    let bed = Bed::open().await;
    let tasks = "
  - one: { call: http, with: { method: post, endpoint: 'http://s/one' } }
  - wrong: { set: { x: '${ .missing.deep | error(\"no\") }' } }
  - two: { call: http, with: { method: post, endpoint: 'http://s/two' } }";
    let plan = bed.define(&workflow("fixed", tasks)).await;
    let run = bed.run_to_end(&plan, value!({})).await;
    assert_eq!(bed.status(run), Status::Faulted);
    let corrected = workflow(
        "fixed",
        &tasks.replace("${ .missing.deep | error(\"no\") }", "fine"),
    );
    let corrected = bed.define(&corrected.replace("1.0.0", "1.0.1")).await;
    let refused = bed.node.fork(repair(run)).await;
    assert!(matches!(
        refused,
        Err(ForkError::Impossible(NoFork::FaultsAgain(_)))
    ));
    let request = ForkRequest {
        plan: Some(corrected),
        ..repair(run)
    };
    let forked = bed.node.fork(request).await.expect("it faulted");
    let repaired = forked.run.expect("it was not dry");
    assert!(matches!(bed.ended(repaired).await, Ending::Completed(_)));
    assert_eq!(bed.calls(), ["/one", "/two"]);
    bed.replays(repaired);
}

#[tokio::test]
async fn branches_that_were_cut_off_are_carried_out() {
    let bed = Bed::open().await;
    let tasks = "
  - both:
      fork:
        branches:
          - bad: { do: [ { a: { call: http, with: { method: post, endpoint: 'http://s/bad' } } } ] }
          - slow: { do: [ { wait: { wait: { hours: 1 } } }, { b: { call: http, with: { method: post, endpoint: 'http://s/b' } } } ] }";
    let plan = bed.define(&workflow("fork", tasks)).await;
    bed.fail("/bad");
    let run = bed.run_to_end(&plan, value!({})).await;
    assert_eq!(bed.status(run), Status::Faulted);
    bed.work("/bad");
    let forked = bed.node.fork(repair(run)).await.expect("it faulted");
    let repaired = forked.run.expect("it was not dry");
    bed.until(|| bed.calls() == ["/bad", "/bad"]).await;
    bed.until(|| bed.status(repaired) == Status::Waiting).await;
    let summary = bed.summary(repaired);
    // The hour has passed in part already: it counts from when the branch began.
    assert_eq!(summary.wake_ms, bed.first_wake(run));
}

#[tokio::test]
async fn a_fork_is_durable_and_goes_on_in_another_process() {
    let bed = Bed::open().await;
    let plan = bed.define(&workflow("chain", CHAIN)).await;
    bed.fail("/two");
    let run = bed.run_to_end(&plan, value!({})).await;
    bed.hold();
    bed.work("/two");
    let forked = bed.node.fork(repair(run)).await.expect("it faulted");
    let repaired = forked.run.expect("it was not dry");
    bed.until(|| bed.calls().len() == 3).await;
    let bed = bed.reopen().await;
    bed.release();
    let ended = bed.ended(repaired).await;
    assert!(matches!(ended, Ending::Completed(_)), "{ended:?}");
    // The call that was under way is sent again, with its key.
    let keys: Vec<Arc<str>> = bed.keys();
    assert_eq!(bed.calls(), ["/one", "/two", "/two", "/two", "/three"]);
    assert_eq!(keys[2], keys[3]);
    bed.replays(repaired);
}

#[tokio::test]
async fn a_key_makes_one_fork() {
    let bed = Bed::open().await;
    let plan = bed.define(&workflow("chain", CHAIN)).await;
    bed.fail("/two");
    let run = bed.run_to_end(&plan, value!({})).await;
    let keyed = || ForkRequest {
        key: Some("repair".into()),
        ..repair(run)
    };
    let first = bed.node.fork(keyed()).await.expect("it faulted").run;
    let second = bed.node.fork(keyed()).await;
    match second {
        Err(ForkError::Declined(ferrovia_runtime::shard::Declined::Started(run))) => {
            assert_eq!(Some(run), first);
        }
        other => panic!("{other:?}"),
    }
}
