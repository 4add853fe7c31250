//! Random plans under random answers: replay, bookkeeping and limits hold for all of them.

mod harness;

use ferrovia_engine::{
    EffectOutput, ErrorType, Fault, Input, Obligation, Outcome, TRANSITIONS_PER_STEP_MAX,
};
use ferrovia_expr::Value;
use harness::{Session, plan, workflow};
use proptest::prelude::*;

const CASES: u32 = 300;
/// Inputs given to one run.
const INPUTS_MAX: usize = 60;

/// A random task; `depth` bounds how deeply it nests.
fn task(depth: u32) -> BoxedStrategy<String> {
    let leaf = prop_oneof![
        Just("{ set: '${ . }' }".to_owned()),
        Just("{ set: { n: '${ (.n? // 0) + 1 }' } }".to_owned()),
        Just("{ call: http, with: { method: get, endpoint: 'http://x/{n}' } }".to_owned()),
        Just("{ wait: PT1S }".to_owned()),
        Just("{ timeout: { after: PT3S }, wait: PT2S }".to_owned()),
        Just("{ raise: { error: { type: 'https://example.com/e', status: 500 } } }".to_owned()),
        Just("{ emit: { event: { with: { type: t } } } }".to_owned()),
        Just("{ listen: { to: { one: { with: { type: t } } } } }".to_owned()),
        Just("{ if: '(.n? // 0) > 1', set: { big: true } }".to_owned()),
        Just("{ run: { workflow: { namespace: n, name: c, version: latest } } }".to_owned()),
        Just("{ set: { x: 1 }, export: { as: '$context + { seen: true }' } }".to_owned()),
        Just("{ set: { x: 1 }, then: exit }".to_owned()),
    ];
    leaf.prop_recursive(depth, 12, 3, |inner| {
        let list = prop::collection::vec(inner.clone(), 1..4).prop_map(|tasks| named(&tasks));
        prop_oneof![
            list.clone().prop_map(|list| format!("{{ do: {list} }}")),
            list.clone().prop_map(|list| format!("{{ for: {{ in: '[1, 2]' }}, do: {list} }}")),
            (list.clone(), any::<bool>())
                .prop_map(|(list, compete)| format!("{{ fork: {{ compete: {compete}, branches: {list} }} }}")),
            (list.clone(), list.clone())
                .prop_map(|(body, handler)| format!("{{ try: {body}, catch: {{ do: {handler} }} }}")),
            list.clone().prop_map(|list| format!(
                "{{ try: {list}, catch: {{ retry: {{ delay: PT1S, backoff: {{ exponential: {{}} }}, jitter: {{ from: PT0S, to: PT1S }}, limit: {{ attempt: {{ count: 2 }} }} }} }} }}"
            )),
            list.prop_map(|list| format!("{{ timeout: {{ after: PT5S }}, do: {list} }}")),
        ]
    })
    .boxed()
}

fn named(tasks: &[String]) -> String {
    let tasks: Vec<String> = tasks
        .iter()
        .enumerate()
        .map(|(index, task)| format!("{{ t{index}: {task} }}"))
        .collect();
    format!("[ {} ]", tasks.join(", "))
}

/// Gives the run one of the answers that it waits for, chosen by a number.
fn answer(session: &mut Session, choice: u32) -> bool {
    let open: Vec<_> = session
        .run
        .obligations()
        .iter()
        .map(|(id, o)| (id.clone(), o.clone()))
        .collect();
    let Some((id, obligation)) = open.get(choice as usize % open.len().max(1)).cloned() else {
        return false;
    };
    session.now_ms += i64::from(choice % 700);
    let outcome = match choice % 3 {
        0 => Outcome::Failed(Fault {
            kind: ErrorType::Communication,
            status: Some(503),
            title: None,
            detail: None,
        }),
        _ => Outcome::Completed(EffectOutput {
            value: Value::parse_json(r#"{"n":2}"#).expect("the text is JSON"),
            authorization_scheme: None,
        }),
    };
    let input = match obligation {
        Obligation::Effect(_) => Input::EffectSettled { id, outcome },
        Obligation::Child(_) => Input::ChildSettled { id, outcome },
        Obligation::Timer(_) => Input::TimerFired { id },
        Obligation::Subscription => Input::MessageArrived {
            event: Value::parse_json(r#"{"id":"1","source":"/","type":"t","data":{"n":3}}"#)
                .expect("the text is JSON"),
        },
        Obligation::Proceed => Input::Proceed,
    };
    session.apply(input).expect("what is owed is taken");
    if choice.is_multiple_of(17) {
        let _ = session.apply(Input::Suspend);
        let _ = session.apply(Input::Resume);
    }
    session.run.ending().is_none()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(CASES))]

    #[test]
    fn replay_gives_the_same_run(
        tasks in prop::collection::vec(task(3), 1..4),
        choices in prop::collection::vec(any::<u32>(), 1..INPUTS_MAX),
    ) {
        let text = workflow(&format!("do: {}", named(&tasks)));
        let mut session = Session::started(plan(&text), Value::parse_json(r#"{"n":1}"#).unwrap());
        for choice in choices {
            if session.run.ending().is_some() || !answer(&mut session, choice) {
                break;
            }
        }
        session.check_determinism();
        if session.run.ending().is_some() {
            prop_assert!(session.run.obligations().is_empty());
        }
    }
}

#[test]
fn a_loop_that_never_waits_stops_to_be_continued() {
    let text = workflow(
        "do: [ { a: { set: { n: '${ (.n // 0) + 1 }' } } }, { b: { set: '${ . }', then: a } } ]",
    );
    let plan = plan(&text);
    let mut run = ferrovia_engine::Run::new("r", 1);
    let runtime = harness::runtime();
    let cx = ferrovia_engine::Cx {
        now_ms: harness::EPOCH_MS,
        runtime: &runtime,
    };
    let start = Input::Start {
        input: Value::parse_json("{}").expect("the text is JSON"),
        secrets: None,
    };
    let mut step = ferrovia_engine::step(&plan, &mut run, start, &cx).unwrap();
    for _ in 0..5 {
        assert!(step.trace.len() <= 2 * TRANSITIONS_PER_STEP_MAX as usize);
        assert_eq!(
            run.obligations().iter().count(),
            1,
            "only to proceed is owed"
        );
        step = ferrovia_engine::step(&plan, &mut run, Input::Proceed, &cx).unwrap();
    }
    ferrovia_engine::step(&plan, &mut run, Input::Cancel { reason: None }, &cx).unwrap();
    assert_eq!(run.status(), ferrovia_engine::Status::Cancelled);
}

#[test]
fn too_many_open_effects_are_an_error_of_that_task() {
    let branches: Vec<String> = (0..2_100)
        .map(|n| {
            format!("{{ b{n}: {{ call: http, with: {{ method: get, endpoint: 'http://x' }} }} }}")
        })
        .collect();
    let text = workflow(&format!(
        "do: [ {{ f: {{ fork: {{ branches: [ {} ] }} }} }} ]",
        branches.join(", ")
    ));
    let session = Session::started(plan(&text), Value::Null);
    let ending = harness::ending(&session.run);
    assert!(ending.contains("2000"), "{ending}");
    assert!(session.run.obligations().is_empty());
}
