//! Every order in which the outside can answer small plans, and what must hold in each.

mod harness;

use std::collections::HashSet;

use ferrovia_engine::{
    EffectOutput, ErrorType, Fault, Input, Obligation, ObligationId, Outcome, Status,
};
use ferrovia_expr::Value;
use harness::{Session, plan, workflow};

/// Paths explored for one plan at the most; a plan that has more is too large for this test.
const PATHS_MAX: usize = 20_000;
/// Inputs on one path at the most.
const DEPTH_MAX: usize = 14;

/// Plans of up to four tasks that wait, with the number of distinct endings that their interleavings lead to.
const PLANS: &[(&str, &str, usize)] = &[
    (
        "sequence",
        "do: [ { a: { call: http, with: { method: get, endpoint: 'http://x' } } }, { b: { wait: PT1S } }, { c: { call: http, with: { method: get, endpoint: 'http://x' } } } ]",
        3,
    ),
    (
        "fork",
        "do: [ { f: { fork: { branches: [ { a: { call: http, with: { method: get, endpoint: 'http://x' } } }, { b: { wait: PT1S } }, { c: { call: http, with: { method: get, endpoint: 'http://x' } } } ] } } } ]",
        3,
    ),
    (
        "race",
        "do: [ { f: { fork: { compete: true, branches: [ { a: { call: http, with: { method: get, endpoint: 'http://x' } } }, { b: { wait: PT1S } }, { c: { call: http, with: { method: get, endpoint: 'http://x' } } } ] } } } ]",
        2,
    ),
    (
        "race of calls",
        "do: [ { f: { fork: { compete: true, branches: [ { a: { call: http, with: { method: get, endpoint: 'http://x' } } }, { b: { call: http, with: { method: get, endpoint: 'http://x' } } } ] } } } ]",
        3,
    ),
    (
        "timeout",
        "do: [ { d: { timeout: { after: PT1S }, do: [ { a: { call: http, with: { method: get, endpoint: 'http://x' } } }, { b: { call: http, with: { method: get, endpoint: 'http://x' } } } ] } } ]",
        4,
    ),
    (
        "caught timeout",
        "do: [ { t: { try: [ { d: { timeout: { after: PT1S }, call: http, with: { method: get, endpoint: 'http://x' } } } ], catch: { do: [ { s: { set: { caught: '${ $error.status }' } } } ] } } } ]",
        3,
    ),
    (
        "retry",
        "do: [ { t: { try: [ { a: { call: http, with: { method: get, endpoint: 'http://x' } } } ], catch: { retry: { delay: PT1S, limit: { attempt: { count: 2, duration: PT5S } } } } } } ]",
        3,
    ),
    (
        "listen",
        "do: [ { f: { fork: { branches: [ { l: { listen: { to: { one: { with: { type: t } } } } } }, { a: { call: http, with: { method: get, endpoint: 'http://x' } } } ] } } } ]",
        2,
    ),
    (
        "child",
        "do: [ { t: { try: [ { c: { run: { workflow: { namespace: n, name: c, version: latest } } } } ], catch: { then: end } } }, { w: { wait: PT1S } } ]",
        2,
    ),
    (
        "loop",
        "do: [ { l: { for: { in: '[1, 2]' }, do: [ { a: { call: http, with: { method: get, endpoint: 'http://x' } } } ] } } ]",
        2,
    ),
];

#[test]
fn every_interleaving_ends_clean_and_replays() {
    for (name, tasks, endings) in PLANS {
        let session = Session::started(plan(&workflow(tasks)), Value::Null);
        let mut explored = Explored::default();
        explore(&session, &mut explored, 0);
        assert!(explored.paths > 1, "{name}: nothing was interleaved");
        assert_eq!(
            explored.endings.len(),
            *endings,
            "{name}: {:#?}",
            explored.endings
        );
    }
}

#[derive(Default)]
struct Explored {
    paths: usize,
    endings: HashSet<String>,
}

fn explore(session: &Session, explored: &mut Explored, depth: usize) {
    let choices = choices(session);
    if choices.is_empty() {
        explored.paths += 1;
        assert!(
            explored.paths <= PATHS_MAX,
            "the plan has too many interleavings"
        );
        assert!(
            session.run.ending().is_some(),
            "a run that nothing can move has ended: {:?}",
            session.run
        );
        assert!(
            session.run.obligations().is_empty(),
            "a run that has ended is owed nothing"
        );
        session.check_determinism();
        explored.endings.insert(harness::ending(&session.run));
        return;
    }
    assert!(depth < DEPTH_MAX, "the run does not come to an end");
    for input in choices {
        let mut next = session.clone();
        next.apply(input.clone())
            .unwrap_or_else(|refusal| panic!("{input:?}: {refusal}"));
        // A second delivery of the same settlement changes nothing.
        if !matches!(input, Input::MessageArrived { .. }) {
            let before = next.run.clone();
            assert!(
                next.clone().apply(input.clone()).is_err(),
                "{input:?} was taken twice"
            );
            assert_eq!(before, next.run);
        }
        explore(&next, explored, depth + 1);
    }
}

/// Everything that the outside may do now.
fn choices(session: &Session) -> Vec<Input> {
    if session.run.status() == Status::Pending {
        return vec![Input::Start {
            input: Value::Null,
            secrets: None,
        }];
    }
    let mut inputs = Vec::new();
    for (id, obligation) in session.run.obligations().iter() {
        let id = id.clone();
        match obligation {
            Obligation::Effect(_) => {
                inputs.extend(outcomes().map(|outcome| Input::EffectSettled {
                    id: id.clone(),
                    outcome,
                }));
            }
            Obligation::Child(_) => {
                inputs.extend(outcomes().map(|outcome| Input::ChildSettled {
                    id: id.clone(),
                    outcome,
                }));
            }
            Obligation::Timer(_) => inputs.push(Input::TimerFired { id }),
            Obligation::Subscription => inputs.push(Input::MessageArrived {
                event: Value::parse_json(r#"{"id":"1","source":"/","type":"t","data":1}"#)
                    .expect("the text is JSON"),
            }),
            Obligation::Proceed => inputs.push(Input::Proceed),
        }
    }
    // An event that has been consumed is not sent again and again.
    let events = session
        .inputs
        .iter()
        .filter(|(_, input)| matches!(input, Input::MessageArrived { .. }))
        .count();
    inputs.retain(|input| events == 0 || !matches!(input, Input::MessageArrived { .. }));
    inputs
}

fn outcomes() -> impl Iterator<Item = Outcome> {
    let fault = Fault {
        kind: ErrorType::Communication,
        status: Some(503),
        title: None,
        detail: None,
    };
    let output = EffectOutput {
        value: Value::from("ok"),
        authorization_scheme: None,
    };
    [Outcome::Completed(output), Outcome::Failed(fault)].into_iter()
}

#[test]
fn what_is_unknown_is_refused_and_changes_nothing() {
    let mut session = Session::started(
        plan(&workflow("do: [ { w: { wait: PT1S } } ]")),
        Value::Null,
    );
    let before = session.run.clone();
    for id in ["/do/0/w", "/do/9/x#wait", "proceed", ""] {
        assert!(
            session
                .apply(Input::TimerFired {
                    id: ObligationId(id.into())
                })
                .is_err(),
            "{id}"
        );
    }
    assert!(session.apply(Input::Proceed).is_err());
    assert!(
        session
            .apply(Input::Start {
                input: Value::Null,
                secrets: None
            })
            .is_err()
    );
    assert_eq!(session.run, before);
}
