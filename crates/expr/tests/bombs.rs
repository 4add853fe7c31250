//! Expressions made to harm: each ends as an error or a value, soon, on a small stack.

use std::time::Instant;

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

/// What all tests of this file may hold together, should they run in one process at the same time.
const MEMORY_KIB_MAX: u64 = 256 * 1024;

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

/// Definitions that call themselves without end.
const RECURSIVE: &[&str] = &[
    "def f: f | f; f",
    "def f: f, f; f",
    "def f: [f]; f",
    "def f: {a: f}; f",
    "def f: \"\\(f)\"; f",
    "def f: -f; f",
    "def f: .[f]; f",
    "def f: f // 1; f",
    "def f: try f catch f; f",
    "def f: (f | f)?; f",
    "def f(g): f(g | g); f(.)",
    "def f($a): f($a + 1); f(0)",
    "def f($a): [$a, f($a + 1)]; f(0)",
    "def f: def g: f; g; f",
    "def f: reduce f as $x (0; f); f",
    "def f: foreach (1, f) as $x (0; 1); last(f)",
    "def f: path(f); f",
    "def f: first(f); f",
    "def f: [limit(3; f)]; f",
    "def f: label $x | f; f",
    "def f: . as [$a] ?// $a | f; f",
    "def f: f += 1; f",
    "def f: f |= 1; f",
    "def f: .a |= f; f",
    "def f: walk(f); f",
    "def f: getpath([f]); f",
    "def f: . as $x | f as $y | $x; f",
    "def f: 1, f; last(f)",
    "def f: 1, f; [f]",
    "def f: ., (. * 2 | f); [f]",
    "def f: sort_by(f); [1, 2] | f",
    "def f: any(f; .); f",
    "def a: def b: def c: a; b; c; a",
    "def f(x): x | f(x | x); 1 | f(. + .)",
    "def f: . + . | f; \"ab\" | f",
    "def f: [., .] | f; 1 | f",
];

/// More ways to take too much time or memory.
const COSTLY: &[&str] = &[
    "[range(1e18)] | length",
    "last(range(1e18))",
    "[limit(1e9; range(1e9)) | select(false)]",
    "\"a\" * 1e9",
    "\"ab\" * 3e7",
    "[range(100)] | [.[] as $a | .[] as $b | .[] as $c | .[] as $d | 1] | length",
    "[range(9)] | [., ., ., ., ., ., ., .] | [combinations] | length",
    "[range(10)] | [combinations(8)] | length",
    "\"a\" * 40000 | [match(\"(a|aa)+$\"; \"g\")] | until(false; .)",
    "\"a\" * 40 + \"b\" | [limit(1e6; repeat(test(\"(a+)+(?!b)\\\\b\")))]",
    "\"a\" | test(\"(a{100000}){1000}\")",
    "\"a\" | test(\"(?:\" * 2000 + \"a\" + \")\" * 2000)",
    "\"ab\" * 400000 | [splits(\"a\")] | map(explode) | add | length",
    "\"x\" * 1000000 | gsub(\"\"; \"yyyyyyyyyy\")",
    "[range(1e6) | 1114111] | implode | explode | implode | length",
    "\"x\" * 20000000 | @base64 | @base64 | length",
    "setpath([1e9]; 1)",
    ".[1e9:1e9] = [1] | .[5e6] = 1",
    "[range(5e5)] | indices([range(1e3)]) | last(repeat(.))",
    "[range(1e6) | {a: .}]",
    "[range(1e6) | [.]]",
    "[range(1e6) | null | .a = 1]",
    "[range(1e6) | gmtime]",
    "[range(1e6) | \"{\\\"a\\\":1}\" | fromjson]",
    "\"[\" + (\"{\\\"a\\\":1},\" * 1000000) + \"1]\" | fromjson",
    "[range(1e6) | {a: .}] | sort_by(.a) | to_entries",
    "reduce range(1e5) as $i (null; setpath([range(1e5)]; 1))",
    "0 | strftime(\"%c\" * 2000000) | length",
    "[range(1e6)] | group_by(. % 7) | map(group_by(. % 3)) | length",
    "[range(5e5)] | unique_by(. % 1000) | length | last(repeat(1))",
    "[range(1000)] | map([range(1000)]) | walk(.)",
    "[range(1000)] | map([range(1000)]) | add | sort_by(-.)",
    "[repeat(1) | label $f | (1, break $f)]",
    "last(repeat(try error(\"x\") catch .))",
    "[range(1e6) | tojson | fromjson] | length",
    "getpath([range(1e6)]) | last(repeat(.))",
    "[range(1e6) | ascii] | add",
    "delpaths([range(3e5) | [.]])",
    "[range(1e5)] | to_entries | from_entries | to_entries | map(.value) | combinations(2)",
    "reduce range(1e6) as $i ({}; .[$i | tostring] = {a: $i})",
    "[range(300)] | transpose? // [range(3000)] | map([range(3000)]) | transpose",
    "isempty(range(1e9) | select(. < 0))",
    "[limit(1e7; range(1e9))] | last",
    "skip(1e9; range(1e10))",
    "nth(1e9; range(1e10))",
    "any(range(1e10); . < 0)",
    "[splits(\"a\")] | error",
];

/// A few bytes that stand for values of astronomical size, since their parts are shared.
const SHARED: &[&str] = &[
    "reduce range(60) as $i ([]; [., .]) | tojson",
    "reduce range(60) as $i ([]; [., .]) | flatten",
    "reduce range(60) as $i ([]; [., .]) | [..] | length",
    "reduce range(60) as $i ([]; [., .]) | [paths] | length",
    "reduce range(60) as $i ([]; [., .]) | [tostream] | length",
    "reduce range(60) as $i ([]; [., .]) as $a | reduce range(60) as $i ([]; [., .]) as $b | $a == $b",
    "reduce range(60) as $i ([]; [., .]) | sort | contains(.)",
    "reduce range(60) as $i ([]; [., .]) | walk(.)",
    "reduce range(60) as $i ({}; {a: ., b: .}) | . * . | tostring",
    "reduce range(60) as $i ([]; [., .]) | @json, @text, @html",
    "reduce range(60) as $i ([]; [., .]) | try error(tojson) catch .",
    "reduce range(40) as $i (\"x\"; \"\\(.)\\(.)\") | length",
    "reduce range(60) as $i ([]; [., .]) | . == .",
];

/// What jq has to reach out of an evaluation.
const REACHING_OUT: &[&str] = &[
    "input",
    "[inputs]",
    "$ENV.PATH",
    "env.PATH",
    "halt",
    "halt_error",
    "debug",
    "stderr",
    "input_filename",
    "input_line_number",
    "get_search_list",
    "modulemeta",
    "import \"a\" as a; .",
    "include \"a\"; .",
    "$__prog_args",
];

const HARMLESS: &[&str] = &[
    "def f: if . > 0 then . - 1 | f end; 100000 | f",
    "def f: if . > 500 then . else . + 1 | f | . + 0 end; 0 | f",
    "def f: 1, f; first(f)",
    "[range(30) as $i | def f: if . < 2 then . else (. - 1 | f) end; $i | f]",
    "[limit(0; def f: f; f)]",
    "0 | todate, localtime, strflocaltime(\"%H:%M %Z\"), now",
    "\"a\" | indices(\"\")",
    "pow(10; 1e9)",
    "\"a\" * 1000 | test(\"^(a+)+$\")",
    "[range(1e5)] | group_by(. % 10) | length",
    "getpath([range(1e4)])",
    "try (\"a\" * 1e9) catch .",
    "[.[1e9:], .[:1e9]]",
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
        "{took:>10.1?} {:>8} KiB  {shown}  {}",
        memory_peak_kib(),
        result
            .as_ref()
            .map_or_else(Clone::clone, |v| v.type_name().to_owned())
    );
    let peak = memory_peak_kib();
    assert!(peak < MEMORY_KIB_MAX, "{shown}: {peak} KiB");
    result
}

/// The most memory that the process ever held; 0 where the system does not tell.
fn memory_peak_kib() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let number = line.and_then(|line| line.split_whitespace().next());
    number.and_then(|n| n.parse().ok()).unwrap_or(0)
}

#[test]
fn bombs_end_as_errors() {
    for source in REFUSED {
        let result = check((*source).to_owned(), Value::Null);
        assert!(result.is_err(), "{source} gave {result:?}");
    }
}

#[test]
fn definitions_without_end_end_as_errors() {
    for source in RECURSIVE {
        let result = check((*source).to_owned(), Value::Null);
        assert!(result.is_err(), "{source} gave {result:?}");
    }
}

#[test]
fn what_costs_too_much_is_an_error() {
    for source in COSTLY {
        let result = check((*source).to_owned(), Value::Null);
        assert!(result.is_err(), "{source} gave {result:?}");
    }
}

#[test]
fn shared_parts_count_as_often_as_they_are_visited() {
    for source in SHARED {
        let result = check((*source).to_owned(), Value::Null);
        assert!(result.is_err(), "{source} gave {result:?}");
    }
}

#[test]
fn nothing_outside_can_be_reached() {
    for source in REACHING_OUT {
        let result = Expr::compile(source, &[]);
        assert!(result.is_err(), "{source} compiles");
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
        format!(".{}", ".a".repeat(8_000)),
        format!("{}.{}", "-(".repeat(5_000), ")".repeat(5_000)),
        format!("1{}", " as $a | $a".repeat(1_400)),
        format!("{}1{}", "{a:".repeat(5_000), "}".repeat(5_000)),
        format!(". as {}$a{} | 1", "[".repeat(7_000), "]".repeat(7_000)),
        format!("reduce {}1", "reduce ".repeat(2_000)),
        format!("{}1", "label $a | ".repeat(1_400)),
        format!("{}1", "def f: f; ".repeat(1_500)),
        format!("{}1", "def f: ".repeat(2_000)),
        format!("1{}", " and 1".repeat(2_600)),
        format!("1{}", " |= 1".repeat(2_600)),
        "\"".repeat(16_001),
        format!(
            "{} 1",
            (0..700)
                .map(|i| format!("def f{i}: f{i}, {i}; "))
                .collect::<String>()
        ),
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
