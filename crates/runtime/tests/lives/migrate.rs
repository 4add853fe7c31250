//! Live runs move to another plan, or do not.

use std::sync::Arc;

use crate::bed::{Bed, workflow};
use ferrovia_dsl::plan::Plan;
use ferrovia_engine::Ending;
use ferrovia_expr::value;
use ferrovia_runtime::Verdict;
use ferrovia_store::Status;

/// A call, an event that has to come within the hour, another call.
const TASKS: &str = "
  - one: { call: http, with: { method: post, endpoint: 'http://s/one', body: '${ . }' } }
  - keep: { set: { kept: '${ . }' } }
  - nap: { listen: { to: { one: { with: { type: go } } } }, timeout: { after: { hours: 1 } } }
  - two: { call: http, with: { method: post, endpoint: 'http://s/two', body: '${ . }' } }";

async fn second(bed: &Bed, change: impl FnOnce(&str) -> String) -> Arc<Plan> {
    let text = workflow("live", &change(TASKS)).replace("1.0.0", "2.0.0");
    bed.define(&text).await
}

#[tokio::test]
async fn a_run_moves_if_it_would_have_gone_the_same_way() {
    let bed = Bed::open().await;
    let first = bed.define(&workflow("live", TASKS)).await;
    let run = bed.start(&first, value!({ "n": 1 })).await;
    bed.until(|| bed.status(run) == Status::Waiting).await;
    // What comes is another matter: the second call goes elsewhere, and one more task follows.
    let second = second(&bed, |tasks| {
        format!(
            "{}\n  - done: {{ set: {{ version: 2 }} }}",
            tasks.replace("http://s/two", "http://s/other")
        )
    })
    .await;
    assert_eq!(
        bed.node.compare(run, second.clone()).await.ok(),
        Some(Verdict::Same)
    );
    assert_eq!(
        bed.summary(run).run.plan,
        first.hash,
        "comparing moves nothing"
    );
    assert_eq!(
        bed.node.migrate(run, second.clone()).await.ok(),
        Some(Verdict::Same)
    );
    let summary = bed.summary(run);
    assert_eq!(
        (summary.run.plan, &*summary.run.version),
        (second.hash, "2.0.0")
    );
    assert_eq!(summary.status, Status::Waiting);
    bed.replays(run);

    let bed = bed.reopen().await;
    bed.send("go").await;
    let ended = bed.ended(run).await;
    let Ending::Completed(output) = &ended else {
        panic!("{ended:?}");
    };
    assert_eq!(output, &value!({ "version": 2 }));
    assert_eq!(bed.calls(), ["/one", "/other"]);
    assert_eq!(bed.replays(run), Some(ended));
}

#[tokio::test]
async fn a_run_stays_where_it_would_have_gone_another_way() {
    let bed = Bed::open().await;
    let first = bed.define(&workflow("live", TASKS)).await;
    let run = bed.start(&first, value!({ "n": 1 })).await;
    bed.until(|| bed.status(run) == Status::Waiting).await;
    let second = second(&bed, |tasks| {
        tasks.replace("{ kept: '${ . }' }", "{ lost: true }")
    })
    .await;
    for _ in 0..2 {
        match bed.node.migrate(run, second.clone()).await {
            Ok(Verdict::Differs(difference)) => {
                assert_eq!(difference.task.as_deref(), Some("/do/1/keep"));
                let (was, would) = (difference.was.unwrap(), difference.would_be.unwrap());
                assert!(
                    was.contains("kept") && would.contains("lost"),
                    "{was} {would}"
                );
            }
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(bed.summary(run).run.plan, first.hash);
}

#[tokio::test]
async fn what_is_under_way_goes_on() {
    let bed = Bed::open().await;
    let first = bed.define(&workflow("live", TASKS)).await;
    bed.hold();
    let run = bed.start(&first, value!({})).await;
    bed.until(|| bed.calls().len() == 1).await;
    let second = second(&bed, |tasks| tasks.replace("type: go", "type: other")).await;
    assert_eq!(
        bed.node.migrate(run, second).await.ok(),
        Some(Verdict::Same)
    );
    bed.release();
    bed.until(|| bed.status(run) == Status::Waiting).await;
    bed.send("other").await;
    assert!(matches!(bed.ended(run).await, Ending::Completed(_)));
    assert_eq!(bed.calls(), ["/one", "/two"]);
    bed.replays(run);
}

#[tokio::test]
async fn a_run_moves_more_than_once() {
    let bed = Bed::open().await;
    let first = bed.define(&workflow("live", TASKS)).await;
    let run = bed.start(&first, value!({})).await;
    bed.until(|| bed.status(run) == Status::Waiting).await;
    for version in ["2.0.0", "3.0.0", "4.0.0"] {
        let text = workflow("live", TASKS).replace("1.0.0", version);
        let text = text.replace("http://s/two", &format!("http://s/{version}"));
        let plan = bed.define(&text).await;
        assert_eq!(bed.node.migrate(run, plan).await.ok(), Some(Verdict::Same));
        bed.replays(run);
    }
    bed.send("go").await;
    assert!(matches!(bed.ended(run).await, Ending::Completed(_)));
    assert_eq!(bed.calls(), ["/one", "/4.0.0"]);
    bed.replays(run);
}

/// The verdict against what really happens: the run is begun on the other plan, and comes as far in the same way or
/// does not.
#[tokio::test]
async fn no_verdict_is_same_without_being_so() {
    type Change = fn(&str) -> String;
    let changes: [(Change, bool); 12] = [
        (|tasks| tasks.to_owned(), true),
        (|tasks| tasks.replace("s/two", "s/zwei"), true),
        (
            |tasks| format!("{tasks}\n  - more: {{ set: {{ a: 1 }} }}"),
            true,
        ),
        (
            |tasks| tasks.replace("  - two:", "  - between: { set: { a: 1 } }\n  - two:"),
            true,
        ),
        (|tasks| tasks.replace("s/one", "s/eins"), false),
        (|tasks| tasks.replace("{ hours: 1 }", "{ hours: 2 }"), false),
        (
            |tasks| tasks.replace("{ kept: '${ . }' }", "{ kept: 1 }"),
            false,
        ),
        (
            |tasks| tasks.replace("  - keep:", "  - before: { set: '${ . }' }\n  - keep:"),
            false,
        ),
        (|tasks| tasks.replace("- keep", "- kept"), false),
        (
            |tasks| tasks.replace("s/one', body: '${ . }'", "s/one', body: 1"),
            false,
        ),
        (
            |tasks| {
                tasks.replace(
                    "set: { kept: '${ . }' }",
                    "if: '${ false }', set: { kept: '${ . }' }",
                )
            },
            false,
        ),
        (
            |tasks| {
                tasks.replace(
                    "set: { kept: '${ . }' }",
                    "set: { kept: '${ . }' }, export: { as: '${ . }' }",
                )
            },
            false,
        ),
    ];
    for (number, (change, same)) in changes.into_iter().enumerate() {
        let bed = Bed::open().await;
        let first = bed.define(&workflow("live", TASKS)).await;
        let second = second(&bed, change).await;
        let run = bed.start(&first, value!({ "n": 1 })).await;
        bed.until(|| bed.status(run) == Status::Waiting).await;
        let verdict = bed.node.compare(run, second.clone()).await;
        let verdict = verdict.expect("it is readable") == Verdict::Same;
        assert_eq!(verdict, same, "change {number}");
        let other = bed.start(&second, value!({ "n": 1 })).await;
        bed.until(|| bed.status(other) == Status::Waiting).await;
        assert_eq!(bed.story(run) == bed.story(other), same, "change {number}");
    }
}

/// Goes different ways for different inputs, and comes to wait.
const WAYS: &str = "
  - kind:
      switch:
        - big: { when: '${ .n > 30 }', then: large }
        - odd: { when: '${ .n % 2 == 1 }', then: loop }
        - else: { then: both }
  - large: { call: http, with: { method: post, endpoint: 'http://s/large', body: '${ .n }' }, then: rest }
  - loop:
      for: { each: i, in: '${ [range(.n % 4)] }' }
      do:
        - call: { call: http, with: { method: post, endpoint: '${ \"http://s/loop/\\($i)\" }' } }
      then: rest
  - both:
      fork:
        branches:
          - left: { call: http, with: { method: post, endpoint: 'http://s/left', body: '${ .n }' } }
          - right: { set: { right: '${ .n }' } }
  - rest: { set: { rest: '${ . }' }, export: { as: '${ { seen: . } }' } }
  - try:
      try:
        - flaky: { call: http, with: { method: post, endpoint: 'http://s/flaky' } }
      catch: { do: [ { caught: { set: { caught: true } } } ] }
  - hear: { listen: { to: { one: { with: { type: go } } } }, timeout: { after: { hours: 1 } } }
  - after: { call: http, with: { method: post, endpoint: 'http://s/after', body: '${ $context }' } }";

/// Twenty changes, of which some concern some of the runs.
const CHANGES: [(&str, &str); 20] = [
    ("http://s/after", "http://s/danach"),
    ("http://s/large", "http://s/gross"),
    ("http://s/left", "http://s/links"),
    ("http://s/loop/", "http://s/schleife/"),
    ("http://s/flaky", "http://s/launisch"),
    ("${ .n > 30 }", "${ .n > 40 }"),
    ("${ .n > 30 }", "${ .n >= 30 }"),
    ("${ .n % 2 == 1 }", "${ .n % 2 == 0 }"),
    ("${ [range(.n % 4)] }", "${ [range(.n % 2)] }"),
    ("{ right: '${ .n }' }", "{ right: 1 }"),
    ("{ rest: '${ . }' }", "{ rest: '${ .. | numbers }' }"),
    (
        "export: { as: '${ { seen: . } }' }",
        "export: { as: '${ { saw: . } }' }",
    ),
    ("{ caught: true }", "{ caught: false }"),
    ("type: go }", "type: gone }"),
    ("{ hours: 1 }", "{ hours: 2 }"),
    ("then: rest }\n  - loop", "then: both }\n  - loop"),
    ("- big: {", "- huge: {"),
    ("  - after:", "  - before: { set: { x: 1 } }\n  - after:"),
    ("  - kind:", "  - first: { set: '${ . }' }\n  - kind:"),
    (
        "http://s/left', body: '${ .n }'",
        "http://s/left', body: '${ .n + 0 }'",
    ),
];

#[tokio::test]
async fn verdicts_hold_for_a_thousand_live_runs_and_twenty_changes() {
    let bed = Bed::open().await;
    bed.fail("/flaky");
    bed.fail("/launisch");
    let first = bed.define(&workflow("ways", WAYS)).await;
    let (mut same, mut differ) = (0, 0);
    for (number, (was, becomes)) in CHANGES.into_iter().enumerate() {
        assert!(WAYS.contains(was), "{was}");
        let text = workflow("ways", &WAYS.replace(was, becomes));
        let second = bed
            .define(&text.replace("1.0.0", &format!("2.0.{number}")))
            .await;
        let mut runs = Vec::new();
        for n in 0..50 {
            let input = value!({ "n": n });
            let run = bed.start(&first, input.clone()).await;
            runs.push((n, run, bed.start(&second, input).await));
        }
        for (n, run, other) in runs {
            bed.until(|| bed.status(run) == Status::Waiting).await;
            // With some changes it fails before it comes to wait.
            let rests = |status: Status| status == Status::Waiting || status.is_terminal();
            bed.until(|| rests(bed.status(other))).await;
            let alike = bed.story(run) == bed.story(other);
            let verdict = bed.node.migrate(run, second.clone()).await;
            let verdict = verdict.expect("it is readable") == Verdict::Same;
            assert_eq!(verdict, alike, "`{was}` becomes `{becomes}`, n is {n}");
            let plan = bed.summary(run).run.plan;
            assert_eq!(plan == second.hash, alike);
            if alike {
                bed.replays(run);
            }
            same += usize::from(alike);
            differ += usize::from(!alike);
        }
    }
    assert_eq!(same + differ, 1_000);
    assert!(same > 300 && differ > 300, "{same} {differ}");
}
