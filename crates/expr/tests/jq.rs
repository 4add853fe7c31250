//! The language as authors know it from jq: expression, input, outputs.

use ferrovia_expr::{EvalError, Expr, Scope, Value, value};

struct At(i64);

impl Scope for At {
    fn variable(&self, name: &str) -> Option<Value> {
        (name == "x").then(|| value!({"a": 7}))
    }
    fn now_ms(&self) -> i64 {
        self.0
    }
}

fn outputs(source: &str, input: &str) -> Result<String, String> {
    let expr = Expr::compile(source, &["x"])
        .map_err(|errors| format!("{:?} {}", errors[0].kind, errors[0].message))?;
    let input = Value::parse_json(input).expect("the input of a case is JSON");
    match expr.evaluate_all(&input, &At(1_500)) {
        Ok(values) => Ok(values
            .iter()
            .map(Value::to_json)
            .collect::<Vec<_>>()
            .join(" ")),
        Err(EvalError::Raised(value)) => Err(value
            .as_str()
            .map_or_else(|| value.to_json(), str::to_owned)),
        Err(limit) => Err(limit.to_string()),
    }
}

/// One case a line: expression ⇒ input ⇒ outputs, or `!` and a part of the message.
fn check(cases: &str) {
    let mut wrong = Vec::new();
    for case in cases.lines().map(str::trim).filter(|line| !line.is_empty()) {
        let parts: Vec<_> = case.split('⇒').map(str::trim).collect();
        let [source, input, expected] = parts[..] else {
            panic!("malformed case: {case}")
        };
        let got = outputs(source, input);
        let fits = match (expected.strip_prefix('!'), &got) {
            (Some(part), Err(message)) => message.contains(part.trim()),
            (None, Ok(text)) => text == expected,
            _ => false,
        };
        if !fits {
            wrong.push(format!(
                "{source} on {input}\n  expected {expected}\n  got      {got:?}"
            ));
        }
    }
    assert!(
        wrong.is_empty(),
        "{} wrong:\n{}",
        wrong.len(),
        wrong.join("\n")
    );
}

#[test]
fn paths_read_and_fail_as_in_jq() {
    check(include_str!("jq/paths.txt"));
}
#[test]
fn operators_follow_jq_in_meaning_and_order() {
    check(include_str!("jq/operators.txt"));
}
#[test]
fn control_structures_generate_and_catch() {
    check(include_str!("jq/control.txt"));
}
#[test]
fn updates_change_what_their_path_names() {
    check(include_str!("jq/updates.txt"));
}
#[test]
fn strings_formats_and_patterns() {
    check(include_str!("jq/strings.txt"));
}
#[test]
fn arrays_and_objects() {
    check(include_str!("jq/collections.txt"));
}
#[test]
fn numbers_and_dates() {
    check(include_str!("jq/numbers.txt"));
}
/// Every line was also evaluated by jq 1.8, with the same outputs.
#[test]
fn outputs_are_those_of_jq() {
    check(include_str!("jq/compatible.txt"));
}
#[test]
fn findings_name_kind_and_reason() {
    check(include_str!("jq/findings.txt"));
}
