//! Runs that fail take back what they did.

use ferrovia_engine::{Ending, Refusal};
use ferrovia_expr::value;
use ferrovia_runtime::shard::{Control, Declined};
use ferrovia_store::Status;

use crate::bed::{Bed, workflow};

/// The calls of a trip that fails, repetitions left out.
const ALL: [&str; 5] = [
    "/flight",
    "/hotel",
    "/pay",
    "/cancel-hotel",
    "/cancel-flight",
];

/// A task that calls a path, and takes that back by calling another one.
fn booking(name: &str) -> String {
    format!(
        "
  - {name}:
      call: http
      with: {{ method: post, endpoint: 'http://s/{name}' }}
      metadata:
        undo: {{ call: http, with: {{ method: post, endpoint: 'http://s/cancel-{name}', body: '${{ $undone }}' }} }}"
    )
}

fn trip() -> String {
    let pay = "
  - pay: { call: http, with: { method: post, endpoint: 'http://s/pay' } }";
    format!("{}{}{pay}", booking("flight"), booking("hotel"))
}

#[tokio::test]
async fn the_last_is_taken_back_first_and_the_run_fails_as_it_would_have() {
    let bed = Bed::open().await;
    let plan = bed.define(&workflow("trip", &trip())).await;
    bed.fail("/pay");
    let run = bed.run_to_end(&plan, value!({})).await;
    assert_eq!(
        bed.calls(),
        [
            "/flight",
            "/hotel",
            "/pay",
            "/cancel-hotel",
            "/cancel-flight"
        ]
    );
    let Some(Ending::Faulted(error)) = bed.replays(run) else {
        panic!("it faulted");
    };
    assert_eq!((error.status, &*error.instance), (503, "/do/2/pay"));
    let keys = bed.keys();
    assert!(
        keys[3].ends_with("/do/1/hotel/metadata/undo@undo1"),
        "{}",
        keys[3]
    );
    assert!(
        keys[4].ends_with("/do/0/flight/metadata/undo@undo0"),
        "{}",
        keys[4]
    );
}

#[tokio::test]
async fn nothing_is_taken_back_when_all_goes_well_or_somebody_catches() {
    let bed = Bed::open().await;
    let plan = bed.define(&workflow("trip", &trip())).await;
    bed.run_to_end(&plan, value!({})).await;
    assert_eq!(bed.calls(), ["/flight", "/hotel", "/pay"]);
    let caught = format!(
        "
  - tried:
      try:{}
        - bad: {{ call: http, with: {{ method: post, endpoint: 'http://s/bad' }} }}
      catch: {{ do: [ {{ ok: {{ set: {{ ok: true }} }} }} ] }}",
        booking("car").replace('\n', "\n      ")
    );
    let plan = bed.define(&workflow("caught", &caught)).await;
    bed.fail("/bad");
    let run = bed.run_to_end(&plan, value!({})).await;
    assert_eq!(bed.status(run), Status::Completed);
    assert_eq!(bed.calls()[3..], ["/car", "/bad"]);
}

#[tokio::test]
async fn every_round_of_a_loop_and_every_branch_is_taken_back() {
    let bed = Bed::open().await;
    let tasks = "
  - each:
      for: { each: n, in: '${ [range(3)] }' }
      do:
        - book:
            call: http
            with: { method: post, endpoint: '${ \"http://s/book-\\($n)\" }' }
            output: { as: '${ { n: $n } }' }
            metadata: { undo: { call: http, with: { method: post, endpoint: '${ \"http://s/cancel-\\(.n)\" }' } } }
  - both:
      fork:
        branches:
          - left:
              call: http
              with: { method: post, endpoint: 'http://s/left' }
              metadata: { undo: { call: http, with: { method: post, endpoint: 'http://s/unleft' } } }
          - right: { do: [ { wait: { wait: { milliseconds: 5 } } }, { bad: { call: http, with: { method: post, endpoint: 'http://s/bad' } } } ] }";
    let plan = bed.define(&workflow("many", tasks)).await;
    bed.fail("/bad");
    let run = bed.run_to_end(&plan, value!({})).await;
    assert_eq!(bed.status(run), Status::Faulted);
    assert_eq!(
        bed.calls(),
        [
            "/book-0",
            "/book-1",
            "/book-2",
            "/left",
            "/bad",
            "/unleft",
            "/cancel-2",
            "/cancel-1",
            "/cancel-0"
        ]
    );
    let keys: std::collections::HashSet<_> = bed.keys().into_iter().collect();
    assert_eq!(keys.len(), 9, "each has a key of its own");
    bed.replays(run);
}

#[tokio::test]
async fn one_that_cannot_be_taken_back_is_named_and_the_others_are() {
    let bed = Bed::open().await;
    let plan = bed.define(&workflow("trip", &trip())).await;
    bed.fail("/pay");
    bed.fail("/cancel-hotel");
    let run = bed.run_to_end(&plan, value!({})).await;
    assert_eq!(bed.calls()[3..], ["/cancel-hotel", "/cancel-flight"]);
    let Some(Ending::Faulted(error)) = bed.replays(run) else {
        panic!("it faulted");
    };
    let detail = error.detail.expect("it says what is left");
    assert!(
        detail.contains("could not be taken back: hotel"),
        "{detail}"
    );
}

#[tokio::test]
async fn what_is_being_taken_back_is_not_cancelled() {
    let bed = Bed::open().await;
    let plan = bed.define(&workflow("trip", &trip())).await;
    bed.fail("/pay");
    bed.hold();
    let run = bed.start(&plan, value!({})).await;
    for calls in 1..=3 {
        bed.until(|| bed.calls().len() == calls).await;
        bed.step();
    }
    bed.until(|| bed.calls().len() == 4).await;
    let refused = bed
        .node
        .control(run, Control::Cancel { reason: None })
        .await;
    assert!(
        matches!(refused, Err(Declined::Refused(Refusal::Undoing))),
        "{refused:?}"
    );
    bed.release();
    bed.ended(run).await;
    assert_eq!(bed.status(run), Status::Faulted);
    assert_eq!(bed.calls()[3..], ["/cancel-hotel", "/cancel-flight"]);
}

#[tokio::test]
async fn a_named_task_takes_back_and_is_not_reached_otherwise() {
    let bed = Bed::open().await;
    let tasks = "
  - flight:
      call: http
      with: { method: post, endpoint: 'http://s/flight' }
      metadata: { undo: cancelFlight }
  - pay: { call: http, with: { method: post, endpoint: 'http://s/pay' }, then: end }
  - cancelFlight: { call: http, with: { method: post, endpoint: 'http://s/cancel-flight' } }";
    let plan = bed.define(&workflow("named", tasks)).await;
    bed.run_to_end(&plan, value!({})).await;
    assert_eq!(bed.calls(), ["/flight", "/pay"]);
    bed.fail("/pay");
    bed.run_to_end(&plan, value!({})).await;
    assert_eq!(bed.calls()[2..], ["/flight", "/pay", "/cancel-flight"]);
}

#[tokio::test]
async fn a_process_that_ends_while_taking_back_leaves_nothing() {
    let bed = Bed::open().await;
    let plan = bed.define(&workflow("trip", &trip())).await;
    bed.fail("/pay");
    bed.hold();
    let run = bed.start(&plan, value!({})).await;
    let mut bed = bed;
    // At each of the five calls the process ends before it hears of the answer, and the next one asks again.
    for calls in 1..=5 {
        bed.until(|| bed.calls().len() == 2 * calls - 1).await;
        bed = bed.reopen().await;
        bed.until(|| bed.calls().len() == 2 * calls).await;
        bed.step();
    }
    bed.release();
    bed.ended(run).await;
    assert_eq!(bed.status(run), Status::Faulted);
    assert_eq!(bed.distinct_calls(), ALL);
    bed.replays(run);
}

#[tokio::test]
async fn a_process_that_ends_after_any_record_leaves_nothing() {
    for records in 1..=5 {
        let mut bed = Bed::open().await;
        let plan = bed.define(&workflow("trip", &trip())).await;
        bed.fail("/pay");
        bed.hold();
        let run = bed.start(&plan, value!({})).await;
        // The run starts with one record, and each answered call adds one.
        for answered in 1..records {
            bed.until(|| bed.calls().len() == answered).await;
            bed.step();
        }
        bed.until(|| bed.calls().len() == records).await;
        assert_eq!(bed.records(run), records);
        assert!(!bed.status(run).is_terminal());
        bed = bed.reopen().await;
        bed.release();
        bed.ended(run).await;
        assert_eq!(bed.status(run), Status::Faulted);
        assert_eq!(bed.distinct_calls(), ALL, "ended after {records} records");
        bed.replays(run);
    }
}
