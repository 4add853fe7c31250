//! What compiling and stepping cost, in process and in memory.

use std::hint::black_box;
use std::sync::Arc;

use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use ferrovia_dsl::compile::{Links, Options, compile};
use ferrovia_dsl::plan::Plan;
use ferrovia_engine::{Cx, EffectOutput, Input, ObligationId, Outcome, Run, RuntimeInfo, step};
use ferrovia_expr::Value;

fn plan(text: &str) -> Arc<Plan> {
    let root = ferrovia_dsl::source::parse(text).expect("the benchmark's definition is valid");
    let compiled = compile(text, &root, &Links::default(), Options::default());
    Arc::new(compiled.expect("the benchmark's definition compiles").plan)
}

fn document(tasks: &str) -> String {
    format!(
        "document: {{ dsl: '1.0.3', namespace: bench, name: case, version: '1.0.0' }}\ndo:\n{tasks}"
    )
}

/// Ten `set` tasks with three expressions each.
fn ten_sets() -> String {
    let task = |n| {
        format!(
            "  - s{n}:\n      set:\n        n: ${{ (.n // 0) + 1 }}\n        msg: ${{ \"hello \" + .user + \" step {n}\" }}\n        user: ${{ .user }}\n"
        )
    };
    document(&(0..10).map(task).collect::<String>())
}

fn two_hundred_tasks() -> String {
    let task = |n| match n % 4 {
        0 => format!("  - t{n}: {{ set: {{ a: '${{ .a + {n} }}', b: text }} }}\n"),
        1 => format!(
            "  - t{n}: {{ call: http, with: {{ method: get, endpoint: 'https://example.com/{{id}}/{n}' }} }}\n"
        ),
        2 => format!(
            "  - t{n}: {{ switch: [ {{ yes: {{ when: .a > {n}, then: continue }} }}, {{ no: {{ then: continue }} }} ] }}\n"
        ),
        _ => format!(
            "  - t{n}: {{ if: .a != null, wait: {{ seconds: {n} }}, output: {{ as: '{{ a: .a, n: {n} }}' }} }}\n"
        ),
    };
    document(&(0..200).map(task).collect::<String>())
}

fn started(plan: &Plan, input: &Value, cx: &Cx<'_>) -> Run {
    let mut run = Run::new("bench", 1);
    step(
        plan,
        &mut run,
        Input::Start {
            input: input.clone(),
            secrets: None,
        },
        cx,
    )
    .expect("a new run starts");
    run
}

fn benches(c: &mut Criterion) {
    let runtime = RuntimeInfo {
        name: "bench".into(),
        version: "0".into(),
        metadata: Value::Null,
    };
    let cx = Cx {
        now_ms: 1_767_225_600_000,
        runtime: &runtime,
    };

    let text = two_hundred_tasks();
    c.bench_function("compile/200 tasks, from text", |b| {
        b.iter(|| plan(black_box(&text)))
    });

    let sets = plan(&ten_sets());
    let input = Value::parse_json(r#"{"user":"ada"}"#).expect("the input is JSON");
    let mut group = c.benchmark_group("workflow");
    group.throughput(Throughput::Elements(1));
    group.bench_function("10 sets, from start to end", |b| {
        b.iter(|| {
            let run = started(&sets, &input, &cx);
            assert!(run.ending().is_some());
            run
        });
    });
    group.finish();

    // The cost of one step must not depend on how many were done before it.
    let polling = document(
        "  - poll: { call: http, with: { method: get, endpoint: 'http://x/{n}' } }\n  - again: { set: '${ . }', then: poll }\n",
    );
    let polling = plan(&polling);
    let mut group = c.benchmark_group("one step of a loop");
    for done in [10u32, 1_000, 100_000] {
        let mut run = started(&polling, &input, &cx);
        for _ in 0..done {
            settle(&polling, &mut run, &cx);
        }
        group.bench_function(format!("after {done}"), |b| {
            b.iter_batched_ref(
                || run.clone(),
                |run| settle(&polling, run, &cx),
                BatchSize::SmallInput,
            );
        });
    }
    group.finish();
}

/// Settles the one effect that the run waits for.
fn settle(plan: &Plan, run: &mut Run, cx: &Cx<'_>) {
    let id: ObligationId = run
        .obligations()
        .iter()
        .next()
        .map(|(id, _)| id.clone())
        .expect("the run waits");
    let output = EffectOutput {
        value: Value::from(1),
        authorization_scheme: None,
    };
    let input = Input::EffectSettled {
        id,
        outcome: Outcome::Completed(output),
    };
    step(plan, run, input, cx).expect("what is owed is taken");
}

criterion_group!(engine, benches);
criterion_main!(engine);
