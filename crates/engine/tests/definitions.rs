//! Whatever document passes the check, running it never panics: every input is taken or refused.

#[path = "../../dsl/tests/mutation/mod.rs"]
mod mutation;

use std::sync::Arc;

use ferrovia_dsl::compile::{Compiled, Links, Options, compile};
use ferrovia_dsl::diagnostic::Diagnostic;
use ferrovia_dsl::plan::Plan;
use ferrovia_dsl::{shape, source};
use ferrovia_engine::{
    Cx, EffectOutput, ErrorType, Fault, Input, Obligation, Outcome, Run, RuntimeInfo, step,
};
use ferrovia_expr::Value;
use proptest::prelude::*;
use serde_json::{Value as Json, json};

const VALID: [&str; 3] = [
    include_str!("../../dsl/tests/valid/every-task.yaml"),
    include_str!("../../dsl/tests/valid/authentications.yaml"),
    include_str!("../../dsl/tests/valid/json.json"),
];
/// Inputs given to one run.
const INPUTS_MAX: u32 = 40;

fn tree(which: usize) -> Json {
    let root = source::parse(VALID[which]).expect("the document is valid");
    serde_json::from_str(&root.to_value().to_json()).expect("values are JSON")
}

fn plan(text: &str) -> Option<Arc<Plan>> {
    let root = source::parse(text).ok()?;
    if shape::check(&root).iter().any(Diagnostic::is_error) {
        return None;
    }
    let compiled = compile(text, &root, &Links::default(), Options::default());
    let Compiled { plan, .. } = compiled.ok()?;
    Some(Arc::new(plan))
}

fn value(json: &Json) -> Value {
    Value::parse_json(&json.to_string()).expect("a tree is JSON")
}

/// Answers what the run is owed, with something else each time.
fn answer(run: &Run, choice: u32) -> Option<Input> {
    let at = choice as usize % run.obligations().len().max(1);
    let (id, obligation) = run.obligations().iter().nth(at)?;
    let id = id.clone();
    let given = [
        json!(null),
        json!({"a": [1]}),
        json!("text"),
        json!([1, 2]),
        json!({"statusCode": 200}),
    ];
    let outcome = match choice % 4 {
        0 => Outcome::Failed(Fault {
            kind: ErrorType::Communication,
            status: Some(503),
            title: None,
            detail: None,
        }),
        _ => Outcome::Completed(EffectOutput {
            value: value(&given[choice as usize % given.len()]),
            authorization_scheme: Some("Bearer".into()),
        }),
    };
    Some(match obligation {
        Obligation::Effect(_) => Input::EffectSettled { id, outcome },
        Obligation::Child(_) => Input::ChildSettled { id, outcome },
        Obligation::Timer(_) => Input::TimerFired { id },
        Obligation::Subscription => Input::MessageArrived {
            event: value(
                &json!({"id": "1", "source": "/", "type": "com.example", "data": {"n": 3}}),
            ),
        },
        Obligation::Proceed => Input::Proceed,
    })
}

fn survives(plan: &Plan, input: Value, mut choice: u32) {
    let runtime = RuntimeInfo {
        name: "test".into(),
        version: "1".into(),
        metadata: Value::Null,
    };
    let mut run = Run::new("r", 1);
    let mut next = Some(Input::Start {
        input,
        secrets: None,
    });
    for round in 0..INPUTS_MAX {
        let Some(input) = next else {
            return;
        };
        let cx = Cx {
            now_ms: i64::from(round) * 1000,
            runtime: &runtime,
        };
        // A refusal is an answer too.
        let _ = step(plan, &mut run, input, &cx);
        choice = choice.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        next = answer(&run, choice >> 16);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn documents_that_pass_the_check_run(
        which in 0..VALID.len(),
        edits in prop::collection::vec(mutation::edit(), 0..4),
        input in prop::sample::select(vec!["null", "{}", r#"{"a": 1, "items": [1, 2], "n": "x"}"#, "[]", "7"]),
        choice in any::<u32>(),
    ) {
        let mut tree = tree(which);
        for edit in edits {
            edit.apply(&mut tree);
        }
        if let Some(plan) = plan(&tree.to_string()) {
            survives(&plan, Value::parse_json(input).expect("the input is JSON"), choice);
        }
    }
}
