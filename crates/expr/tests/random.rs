//! Programs from a grammar on inputs of all shapes: none panics, and the two ways to evaluate agree.

use ferrovia_expr::{EvalError, Expr, Limit, Scope, Value, value};
use proptest::prelude::*;

struct Nothing;

impl Scope for Nothing {
    fn variable(&self, _: &str) -> Option<Value> {
        None
    }
    fn now_ms(&self) -> i64 {
        1_500
    }
}

const FUNCTIONS: &[&str] = &[
    "length",
    "utf8bytelength",
    "not",
    "keys",
    "values",
    "add",
    "any",
    "all",
    "flatten",
    "floor",
    "sqrt",
    "tostring",
    "tonumber",
    "tojson",
    "fromjson",
    "type",
    "sort",
    "unique",
    "min",
    "max",
    "reverse",
    "to_entries",
    "from_entries",
    "transpose",
    "explode",
    "implode",
    "ascii_downcase",
    "recurse",
    "paths",
    "leaf_paths",
    "tostream",
    "first",
    "last",
    "error",
    "combinations",
    "todate",
    "fromdate",
    "gmtime",
    "mktime",
    "trim",
    "@csv",
    "@sh",
    "@base64",
    "@base64d",
    "@uri",
    "@urid",
    "@html",
    "@json",
    "abs",
    "toarray",
    "isnan",
    "infinite",
    "nan",
    "now",
    "builtins | length",
    "..",
    ".a",
    ".[0]",
    ".[]",
    ".[]?",
    ".[-1]",
    ".[1:]",
    ".[:-1]",
    "empty",
    "frexp",
    "logb",
    "tgamma",
];
const OF_FILTERS: &[&str] = &[
    "map",
    "select",
    "path",
    "del",
    "map_values",
    "with_entries",
    "sort_by",
    "group_by",
    "min_by",
    "unique_by",
    "walk",
    "isempty",
    "first",
    "last",
    "recurse",
    "pick",
    "any",
    "all",
    "has",
    "contains",
    "inside",
    "index",
    "indices",
    "startswith",
    "ltrimstr",
    "split",
    "join",
    "test",
    "match",
    "scan",
    "splits",
    "capture",
    "getpath",
    "flatten",
    "range",
    "error",
    "add",
    "bsearch",
    "strftime",
    "strptime",
    "in",
    "fromstream",
    "INDEX",
    "IN",
    "paths",
    "combinations",
    "nth",
    "delpaths",
];
const OF_TWO: &[&str] = &[
    "limit",
    "skip",
    "nth",
    "until",
    "while",
    "range",
    "setpath",
    "sub",
    "gsub",
    "test",
    "any",
    "all",
    "pow",
    "atan2",
    "ldexp",
    "IN",
    "INDEX",
    "split",
    "truncate_stream",
    "recurse",
];
const OPERATORS: &[&str] = &[
    "+", "-", "*", "/", "%", "==", "!=", "<", "<=", "and", "or", "//", ",", "|", "=", "|=", "+=",
    "-=", "*=", "/=", "%=", "//=",
];

fn literal() -> impl Strategy<Value = String> {
    prop_oneof![
        Just(".".to_owned()),
        (-5_i32..20).prop_map(|n| n.to_string()),
        Just("1e300".to_owned()),
        Just("0.5".to_owned()),
        Just("9007199254740993".to_owned()),
        Just("null".to_owned()),
        Just("true".to_owned()),
        Just("[]".to_owned()),
        Just("{}".to_owned()),
        Just("$v".to_owned()),
        Just("f".to_owned()),
        "\"[ab(.*+é%Y]{0,4}\"",
        proptest::sample::select(FUNCTIONS).prop_map(str::to_owned),
    ]
}

/// Inside `def f: …;` and `… as $v | …`.
fn program() -> impl Strategy<Value = String> {
    let inner = literal().prop_recursive(5, 40, 3, |of| {
        let two = (of.clone(), of.clone());
        prop_oneof![
            (proptest::sample::select(OPERATORS), two.clone())
                .prop_map(|(op, (a, b))| format!("({a}) {op} ({b})")),
            (proptest::sample::select(OF_FILTERS), of.clone())
                .prop_map(|(name, a)| format!("{name}({a})")),
            (proptest::sample::select(OF_TWO), two.clone())
                .prop_map(|(name, (a, b))| format!("{name}({a}; {b})")),
            two.clone()
                .prop_map(|(a, b)| format!("try ({a}) catch ({b})")),
            two.clone().prop_map(|(a, b)| format!("({a}) as $v | {b}")),
            two.clone()
                .prop_map(|(a, b)| format!("({a}) as [$v, {{a: $w}}] ?// $v | {b}")),
            two.clone()
                .prop_map(|(a, b)| format!("reduce ({a}) as $v (.; {b})")),
            two.clone()
                .prop_map(|(a, b)| format!("foreach ({a}) as $v (0; {b}; [., $v])")),
            two.clone()
                .prop_map(|(a, b)| format!("label $l | ({a}) | ({b}), break $l")),
            two.clone().prop_map(|(a, b)| format!("def f: {a}; {b}")),
            two.clone()
                .prop_map(|(a, b)| format!("def g(f; $v): {a}; g({b}; {b})")),
            two.clone()
                .prop_map(|(a, b)| format!("\"\\({a})-\\({b})\"")),
            two.clone()
                .prop_map(|(a, b)| format!("{{a: ({a}), ({b} | tostring): 1, \"k\\({a})\"}}")),
            (of.clone(), of.clone(), of.clone())
                .prop_map(|(a, b, c)| format!("if {a} then {b} else {c} end")),
            (of.clone(), of.clone(), of.clone()).prop_map(|(a, b, c)| format!("({a})[{b}:{c}]")),
            two.prop_map(|(a, b)| format!("({a})[{b}]")),
            of.clone().prop_map(|a| format!("[{a}]")),
            of.clone().prop_map(|a| format!("({a})?")),
            of.prop_map(|a| format!("-({a})")),
        ]
    });
    inner.prop_map(|body| format!("1 as $v | 2 as $w | def f: {body}; {body}"))
}

fn input() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        (-3_i64..4).prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        "[ab1é😀 ,%-]{0,6}".prop_map(Value::from),
        Just(Value::from("2015-03-05T23:51:47Z")),
    ];
    leaf.prop_recursive(3, 20, 4, |of| {
        prop_oneof![
            proptest::collection::vec(of.clone(), 0..4).prop_map(Value::from),
            proptest::collection::vec(of, 0..4).prop_map(|items| {
                let names = ["a", "b", "key", "é"];
                let entries = names.into_iter().zip(items);
                Value::Object(entries.collect())
            }),
        ]
    })
}

/// A few cases each time; `PROPTEST_CASES` asks for more.
fn config() -> ProptestConfig {
    let config = ProptestConfig::default();
    let cases = match std::env::var_os("PROPTEST_CASES") {
        Some(_) => config.cases,
        None => 48,
    };
    ProptestConfig {
        cases,
        max_shrink_iters: 500,
        failure_persistence: None,
        ..config
    }
}

fn same(a: &Value, b: &Value) -> bool {
    a.to_json() == b.to_json()
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn both_ways_to_evaluate_agree(source in program(), input in input()) {
        let Ok(expr) = Expr::compile(&source, &[]) else {
            return Ok(());
        };
        let first = expr.evaluate(&input, &Nothing);
        match (&first, expr.evaluate_all(&input, &Nothing)) {
            (Ok(first), Ok(all)) => {
                let expected = all.into_iter().next().unwrap_or_default();
                prop_assert!(same(first, &expected), "{first} but {expected}");
            }
            // An error or a limit after the first output, or because of the other ones.
            (Ok(_), Err(_)) => {}
            (Err(EvalError::Raised(a)), Err(EvalError::Raised(b))) => prop_assert!(same(a, &b)),
            (Err(EvalError::Limit(_)), Err(_)) | (Err(_), Err(EvalError::Limit(_))) => {}
            (Err(EvalError::Limit(Limit::Memory)), Ok(_)) => {}
            (Err(error), Ok(all)) => {
                prop_assert!(false, "{error} but {}", value!({"all": all}));
            }
        }
    }

    #[test]
    fn any_text_is_read_or_refused(source in "[a-z0-9.|,()\\[\\]{}\"\\\\$@?/:;+*=# -]{0,60}") {
        if let Ok(expr) = Expr::compile(&source, &["v"]) {
            drop(expr.evaluate(&Value::Null, &Nothing));
        }
    }
}
