//! Expressions made to harm: each ends as an error or a value, soon, on a small stack.

use std::time::{Duration, Instant};

use ferrovia_expr::{Expr, Scope, Value};

struct Nothing;

impl Scope for Nothing {
    fn variable(&self, _: &str) -> Option<Value> {
        None
    }
    fn now_ms(&self) -> i64 {
        0
    }
}

/// Generous: the machine that runs the tests may be busy and the build is not optimised.
const PATIENCE: Duration = Duration::from_secs(10);

const REFUSED: &[&str] = &[
    "def f: 1+f; f",
    "def f: f; f",
    "[range(3e8)]",
    "\"x\" * 2e9",
    "last(repeat(1))",
    "[repeat(\"x\"*1000)]",
    "reduce range(1e6) as $i (null; [.])",
    "until(false; .)",
    "last(range(infinite))",
    "[limit(1e9; repeat(1))]",
    "\"a\" | until(length > 1e9; . + .)",
    "[range(1e5)] | [combinations(3)]",
    "[range(2000)] | [.[] as $a | .[] as $b | .[] as $c | 1]",
    "try last(repeat(1)) catch 1",
    "last(repeat(1))? // 1",
    "reduce range(100) as $i (1; [., .])",
    "reduce range(60) as $i (\"a\"; . + . ) | length",
    "reduce range(100) as $i (1; [., .]) | tojson",
    "reduce range(100) as $i (1; [., .]) | . == (.[0] | [., .])",
    ".[1e9] = 1",
    "setpath([1e12]; 1)",
    "[recurse(. + 1)]",
    "1 | walk([., .] | .[0] |= last(repeat(1)))",
    "limit(-1; 1)",
    "path(getpath([range(1e5) | \"a\"]))",
    "[range(3000)] as $a | [$a[] | select(. as $x | $a | index($x))] | map($a == $a) | map($a - $a)",
    "\"a\" * 30000 | [match(\"(a*)*b\"; \"g\")] | until(false; .)",
    "\"a\" * 30 | test(\"(a|aa)+(?=b)\\\\1\") | last(repeat(.))",
    "\"a\" | test(\"((a{1000}){1000}){1000}\")",
];

const HARMLESS: &[&str] = &[
    "first(repeat(1))",
    "[.[1e9:]]",
    "first(recurse(empty))",
    "[range(1e4)] | sort_by(-.) | .[0]",
    "[range(10000)] | map(tostring) | join(\",\") | length",
    "reduce range(20000) as $i ([]; . + [$i]) | length",
    "reduce range(20000) as $i ({}; .[$i | tostring] = $i) | length",
    "[1114112, -1, 55296] | implode",
    "pow(10; 400) | tostring",
    "try (\"!!\" | @base64d) catch 0",
    "0 | strftime(\"%Y\" * 1000) | length",
];

fn on_small_stack(source: String, input: Value) -> Result<Value, String> {
    let run = move || {
        let expr = Expr::compile(&source, &[]).map_err(|errors| errors[0].message.clone())?;
        expr.evaluate(&input, &Nothing)
            .map_err(|error| error.to_string())
    };
    let thread = std::thread::Builder::new()
        .stack_size(2 * 1024 * 1024)
        .spawn(run);
    thread
        .expect("a thread starts")
        .join()
        .expect("no expression panics")
}

fn check(source: String, input: Value) -> Result<Value, String> {
    let shown: String = source.chars().take(80).collect();
    let start = Instant::now();
    let result = on_small_stack(source, input);
    let took = start.elapsed();
    println!(
        "{took:>10.1?}  {shown}  {}",
        result
            .as_ref()
            .map_or_else(Clone::clone, |v| v.type_name().to_owned())
    );
    assert!(took < PATIENCE, "{shown} took {took:?}");
    result
}

#[test]
fn bombs_end_as_errors() {
    for source in REFUSED {
        let result = check((*source).to_owned(), Value::Null);
        assert!(result.is_err(), "{source} gave {result:?}");
    }
}

#[test]
fn what_only_looks_dangerous_gives_a_value() {
    for source in HARMLESS {
        let result = check((*source).to_owned(), Value::Null);
        assert!(result.is_ok(), "{source} gave {result:?}");
    }
}

#[test]
fn nesting_and_long_chains_do_not_overflow_the_stack() {
    let repeated = [
        format!("{}1{}", "(".repeat(8_000), ")".repeat(8_000)),
        format!("{}1{}", "[".repeat(150), "]".repeat(150)),
        format!("1{}", "|.".repeat(8_000)),
        format!("1{}", "+1".repeat(8_000)),
        format!("1{}", "+1".repeat(900)),
        format!("1{}", ",1".repeat(900)),
        format!("1{}", "|.+1".repeat(400)),
        format!("1{}", "//1".repeat(5_000)),
        format!("{}1", "-".repeat(16_000)),
        format!("{}1", "try ".repeat(4_000)),
        format!(".{}", "[0]".repeat(5_000)),
        format!(".{}", "?".repeat(16_000)),
        format!("{}1{}", "\"\\(".repeat(2_000), ")\"".repeat(2_000)),
        format!("{}1", "if 1 then ".repeat(1_500)),
        format!("def f: .; {}f", "def f: f|f; ".repeat(1_000)),
        format!("def f(g): g|g; {}.{}", "f(".repeat(80), ")".repeat(80)),
    ];
    for source in repeated {
        drop(check(source, Value::Null));
    }
    assert!(check("1".repeat(17_000), Value::Null).is_err());
}

#[test]
fn the_deepest_values_pass_through_every_recursion() {
    assert!(Value::parse_json(&"[".repeat(100_000)).is_err());
    let depth = ferrovia_expr::VALUE_DEPTH_MAX as usize;
    let deep = Value::parse_json(&format!("{}{}", "[".repeat(depth), "]".repeat(depth)))
        .expect("just not too deep");
    for source in [
        "reduce .. as $x (0; . + 1)",
        "tojson | fromjson",
        "flatten",
        ". == .",
        "walk(.)",
        "[paths] | length",
        ".. |= .",
        "tostream",
    ] {
        let result = check(source.to_owned(), deep.clone());
        assert!(result.is_ok(), "{source}: {result:?}");
    }
    assert!(check("[.]".to_owned(), deep).is_err());
}
