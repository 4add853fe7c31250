//! What small expressions cost: those that most tasks of most workflows have.

use std::hint::black_box;

use criterion::{Criterion, criterion_group, criterion_main};
use ferrovia_expr::{Expr, Scope, Value};

struct Nothing;

impl Scope for Nothing {
    fn variable(&self, _name: &str) -> Option<Value> {
        None
    }
    fn now_ms(&self) -> i64 {
        0
    }
}

fn small(criterion: &mut Criterion) {
    let input =
        r#"{"a": {"b": "text"}, "n": 41, "x": [1, 2], "y": 2.5, "more": {"one": 1, "two": 2}}"#;
    let input = Value::parse_json(input).expect("the benchmark's input is JSON");
    let mut group = criterion.benchmark_group("small");
    for source in [".a.b", ".n + 1", "{a: .x, b: (.y * 2)}"] {
        let expression = Expr::compile(source, &[]).expect("the benchmark's expression is valid");
        group.bench_function(source, |bencher| {
            bencher.iter(|| expression.evaluate(black_box(&input), &Nothing));
        });
    }
    group.finish();
}

criterion_group!(benches, small);
criterion_main!(benches);
