//! Ten `set` tasks, in memory, on one thread: Ferrovia's engine and the crate `swf-runtime`, in turns.
//!
//! Prints workflows per second of both (the median of the rounds) and their ratio, once with expressions and once
//! with constants only.

use std::time::{Duration, Instant};

use ferrovia_dsl::compile::{Links, Options, compile};
use ferrovia_dsl::plan::Plan;
use ferrovia_engine::{Cx, Ending, Input, Run, RuntimeInfo, step};
use ferrovia_expr::Value;
use swf_core::models::workflow::WorkflowDefinition;
use swf_runtime::WorkflowRunner;

const ROUNDS: usize = 7;
const ROUND: Duration = Duration::from_secs(1);

fn definition(expressions: bool) -> String {
    let head = "document:\n  dsl: '1.0.0'\n  namespace: bench\n  name: ten-set\n  version: '0.1.0'\ndo:\n";
    let task = |n: u32| {
        if expressions {
            format!("  - s{n}:\n      set:\n        n: ${{ (.n // 0) + 1 }}\n        msg: ${{ \"hello \" + .user + \" step {n}\" }}\n        user: ${{ .user }}\n")
        } else {
            format!("  - s{n}:\n      set:\n        n: {n}\n        msg: hello step {n}\n        user: ada\n")
        }
    };
    head.to_owned() + &(0..10).map(task).collect::<String>()
}

fn ferrovia(plan: &Plan, input: &Value, cx: &Cx<'_>) -> Value {
    let mut run = Run::new("bench", 1);
    step(plan, &mut run, Input::Start { input: input.clone(), secrets: None }, cx).expect("a new run starts");
    match run.ending() {
        Some(Ending::Completed(output)) => output.clone(),
        other => panic!("the run did not complete: {other:?}"),
    }
}

/// Runs per second over one round.
fn rate(mut once: impl FnMut()) -> f64 {
    let (begun, mut runs) = (Instant::now(), 0u32);
    while begun.elapsed() < ROUND {
        once();
        runs += 1;
    }
    f64::from(runs) / begun.elapsed().as_secs_f64()
}

fn median(mut rates: Vec<f64>) -> f64 {
    rates.sort_by(f64::total_cmp);
    rates[rates.len() / 2]
}

fn main() {
    let tokio = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime starts");
    let runtime = RuntimeInfo { name: "bench".into(), version: "0".into(), metadata: Value::Null };
    let cx = Cx { now_ms: 1_767_225_600_000, runtime: &runtime };
    for (name, expressions) in [("with expressions", true), ("constants", false)] {
        let text = definition(expressions);
        let root = ferrovia_dsl::source::parse(&text).expect("the definition is valid");
        let plan = compile(&text, &root, &Links::default(), Options::default()).expect("the definition compiles").plan;
        let parsed: WorkflowDefinition = serde_yaml::from_str(&text).expect("the peer reads the definition");
        let peer = WorkflowRunner::new(parsed).expect("the peer takes the definition");

        let ours = Value::parse_json(r#"{"user":"ada"}"#).expect("the input is JSON");
        let theirs = serde_json::json!({ "user": "ada" });
        let same = tokio.block_on(peer.run(theirs.clone())).expect("the peer runs");
        let output = ferrovia(&plan, &ours, &cx);
        assert_eq!(serde_json::to_value(&output).expect("a value is JSON"), same, "both compute the same");

        let (mut a, mut b) = (Vec::new(), Vec::new());
        for _ in 0..ROUNDS {
            a.push(rate(|| drop(ferrovia(&plan, &ours, &cx))));
            b.push(rate(|| drop(tokio.block_on(peer.run(theirs.clone())).expect("the peer runs"))));
        }
        let (a, b) = (median(a), median(b));
        println!("10 sets, {name}: ferrovia {a:.0}/s, swf-runtime {b:.0}/s, ratio {:.1}", a / b);
    }
}
