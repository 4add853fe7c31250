//! Reading YAML and JSON: values, places, pointers, limits.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

use ferrovia_dsl::diagnostic::Diagnostic;
use ferrovia_dsl::source::{self, Data, Node, Span};
use ferrovia_expr::Value;

fn read(text: &str) -> Node {
    source::parse(text).unwrap_or_else(|findings| panic!("{text:?}: {findings:#?}"))
}

fn refuse(text: &str) -> Vec<Diagnostic> {
    source::parse(text).expect_err(text)
}

fn slice(text: &str, span: Span) -> &str {
    &text[span.start as usize..span.end as usize]
}

fn json(text: &str) -> Value {
    Value::parse_json(text).unwrap()
}

#[test]
fn yaml_and_json_give_the_same_values() {
    let cases = [
        ("a: 1\nb: [x, 'y', \"z\"]", r#"{"a":1,"b":["x","y","z"]}"#),
        (
            "a:\n- 1\n- b: ~\n  c:\n",
            r#"{"a":[1,{"b":null,"c":null}]}"#,
        ),
        ("on: yes\nv: 1.0.3\n", r#"{"on":"yes","v":"1.0.3"}"#),
        (
            "a: |\n  x\n  y\nb: >-\n  x\n  y\n",
            r#"{"a":"x\ny\n","b":"x y"}"#,
        ),
        ("a: &x {k: 1}\nb: *x\n", r#"{"a":{"k":1},"b":{"k":1}}"#),
        (
            "a: !!str 1\nb: !!int '2'\nc: ! 3",
            r#"{"a":"1","b":2,"c":"3"}"#,
        ),
        ("\u{feff}# comment\n---\na: 1\n...\n", r#"{"a":1}"#),
        (
            "{\n\t\"a\"\t:\t[ 1e2 , -0.5 , true , null ]\n}\n",
            r#"{"a":[100,-0.5,true,null]}"#,
        ),
        (
            r#"{"a": "\ud83d\ude00 \/ \u00e9 \n"}"#,
            r#"{"a":"😀 / é \n"}"#,
        ),
        ("{a: 1, b: [c, d],}", r#"{"a":1,"b":["c","d"]}"#),
        ("[]", "[]"),
        ("do: []", r#"{"do":[]}"#),
        ("'<<': 1\n\"2\": 3", r#"{"<<":1,"2":3}"#),
        ("e: ${\n    .a\n    + 1\n  }\n", r#"{"e":"${ .a + 1 }"}"#),
        ("text: plain", r#"{"text":"plain"}"#),
    ];
    for (text, expected) in cases {
        assert_eq!(read(text).to_value(), json(expected), "{text:?}");
    }
}

#[test]
fn places_cover_exactly_what_was_written() {
    let cases = [
        ("a: one\nb: two", "/b", "two"),
        ("größe: 'ü'\nb:  two # note", "/b", "two"),
        ("größe: 'ü'\nb: two", "/größe", "'ü'"),
        (
            "a:\n  - x: 1\n    y: 2\n  - z\nb: 1",
            "/a/0",
            "x: 1\n    y: 2",
        ),
        ("a:\n  - x: 1\n  - z\nb: 1", "/a", "- x: 1\n  - z"),
        ("a: { x: [1, 2] }\n", "/a", "{ x: [1, 2] }"),
        ("a: { x: [1, 2] }\n", "/a/x", "[1, 2]"),
        ("a: |\n  x\n  y\n\nb: 1", "/a", "x\n  y"),
        ("a:\nb: 1", "/a", ":"),
        ("a: &m { k: 1 }\nb: *m", "/b", "*m"),
        ("\u{feff}a: 1", "/a", "1"),
        ("{\"a\" : [ {\"é\": \"b\\n\"}, 2 ] }", "/a/0/é", "\"b\\n\""),
        (
            "{\"a\" : [ {\"é\": \"b\"}, 2 ] }",
            "/a",
            "[ {\"é\": \"b\"}, 2 ]",
        ),
        ("{\"a/b~c\": 1}", "/a~1b~0c", "1"),
    ];
    for (text, pointer, expected) in cases {
        let root = read(text);
        let node = source::locate(&root, pointer).unwrap_or_else(|| panic!("{pointer}"));
        assert_eq!(slice(text, node.span), expected, "{text:?} {pointer}");
    }
}

#[test]
fn keys_know_their_places() {
    let text = "größe: 1\n'b c':\n  - d : 2\n";
    let root = read(text);
    let keys: Vec<_> = root
        .entries()
        .unwrap()
        .iter()
        .map(|(key, _)| slice(text, key.span))
        .collect();
    assert_eq!(keys, ["größe", "'b c'"]);
    let inner = source::locate(&root, "/b c/0").unwrap();
    assert_eq!(slice(text, inner.entries().unwrap()[0].0.span), "d");
}

#[test]
fn a_pointer_to_nothing_finds_nothing() {
    let root = read("a: [1]");
    for pointer in ["a", "/b", "/a/1", "/a/x", "/a/0/y"] {
        assert!(source::locate(&root, pointer).is_none(), "{pointer}");
    }
}

#[test]
fn texts_that_break_a_rule_are_refused_at_the_place() {
    let cases = [
        ("", "FV0102", ""),
        ("# only a comment\n", "FV0102", ""),
        ("---\n", "FV0102", ""),
        ("a:\n\t- b\n", "FV0103", "\t"),
        ("a:\n  b: 1\n\tc: 2\n", "FV0103", "\t"),
        ("a: 1\nb: 2\na: 3\n", "FV0104", "a"),
        ("{\"a\": 1, \"a\": 2}", "FV0104", "\"a\""),
        ("1: x", "FV0105", "1"),
        ("true: x", "FV0105", "true"),
        ("[a]: x", "FV0105", "[a]"),
        ("a: {{ b }}", "FV0105", "{ b }"),
        ("a: &x {k: 1}\nb:\n  <<: *x\n", "FV0106", "<<"),
        ("a: 1\n---\nb: 1\n", "FV0107", "---"),
        ("a: *x", "FV0108", "*"),
        ("a: &x [ *x ]", "FV0109", "*x"),
        ("a: !thing 1", "FV0113", "!thing"),
        ("a: !!int x", "FV0113", "!!int"),
        ("a: .inf", "FV0114", ".inf"),
        ("{\"a\": 1e999}", "FV0114", "1e999"),
        ("a: \"x\u{0}\"", "FV0115", "\u{0}"),
        ("a: 'x", "FV0116", "'"),
        ("a: [x", "FV0116", "["),
        ("a: b: c", "FV0101", ":"),
        ("a: @b", "FV0101", "@"),
    ];
    for (text, code, place) in cases {
        let findings = refuse(text);
        let found = &findings[0];
        assert_eq!(
            (found.code, slice(text, found.span)),
            (code, place),
            "{text:?}: {findings:#?}"
        );
    }
}

#[test]
fn several_findings_are_told_at_once() {
    let codes: Vec<_> = refuse("a: 1\na: 2\n3: .nan\n")
        .iter()
        .map(|d| d.code)
        .collect();
    assert_eq!(codes, ["FV0104", "FV0105", "FV0114"]);
}

#[test]
fn limits_hold() {
    let open = |depth: usize| format!("{}{}", "[".repeat(depth), "]".repeat(depth));
    let block = |depth: usize| {
        (0..depth)
            .map(|d| format!("{}a:\n", " ".repeat(d)))
            .collect::<String>()
    };
    let list = |items: usize| "- 1\n".repeat(items);
    let json = |items: usize| format!("[{}]", vec!["1"; items].join(","));
    let passes = [
        open(64),
        block(64),
        list(19_999),
        json(19_999),
        format!("a: {}", "x".repeat((1 << 20) - 3)),
    ];
    for text in passes {
        read(&text);
    }
    let refused = [
        (open(65), "FV0111"),
        (open(100_000), "FV0111"),
        (block(65), "FV0111"),
        (list(20_000), "FV0112"),
        (json(20_000), "FV0112"),
        (format!("a: {}", "x".repeat((1 << 20) - 2)), "FV0110"),
    ];
    for (text, code) in refused {
        assert_eq!(refuse(&text)[0].code, code, "{} bytes", text.len());
    }
}

#[test]
fn aliases_cannot_grow_without_bound() {
    let mut laughs = String::from("a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n");
    for level in 1..12 {
        let aliases = vec![format!("*a{}", level - 1); 10].join(", ");
        laughs += &format!("a{level}: &a{level} [{aliases}]\n");
    }
    assert_eq!(refuse(&laughs)[0].code, "FV0109");

    let mut tower = String::from("a0: &a0 [x]\n");
    for level in 1..80 {
        tower += &format!("a{level}: &a{level} [*a{}]\n", level - 1);
    }
    assert_eq!(refuse(&tower)[0].code, "FV0111");
}

#[test]
fn many_keys_are_still_checked_for_duplicates() {
    let mut text: String = (0..5_000).map(|n| format!("k{n}: 1\n")).collect();
    read(&text);
    text += "k17: 2\n";
    assert_eq!(refuse(&text)[0].code, "FV0104");
}

/// Each of these once took, or might take, time or memory out of all proportion.
#[test]
fn texts_that_are_all_one_thing_are_answered() {
    let numbered = |name: &str, count: usize, value: &str| {
        (0..count)
            .map(|n| format!("{name}{n}: {value}\n"))
            .collect::<String>()
    };
    let indented = |text: String| text.replace('\n', "\n      ");
    let head = "document: { dsl: '1.0.3', namespace: n, name: n, version: '1.0.0' }\n";
    let texts = [
        numbered("k", 19_000, "1"),
        numbered("k", 19_000, "1").repeat(2),
        format!(
            "{head}do: [ {{ a: {{ set: {{ x: 1 }} }} }} ]\n{}",
            numbered("k", 9_000, "1")
        ),
        format!(
            "{head}use:\n  functions:\n      {}\ndo:\n{}",
            indented(numbered("function", 3_000, "{ set: { x: 1 } }")),
            (0..3_000)
                .map(|n| format!("  - t{n}: {{ call: fonction{n} }}\n"))
                .collect::<String>()
        ),
        format!(
            "{head}do:\n{}",
            (0..4_000)
                .map(|n| format!("  - task{n}: {{ set: {{ x: 1 }}, then: tusk{n} }}\n"))
                .collect::<String>()
        ),
        format!("{{\"{}\": 1}}", "k".repeat(900_000)),
        "- ".repeat(500_000),
        "? ".repeat(500_000),
        "{a: ".repeat(250_000),
        ":".repeat(1_000_000),
        "'".repeat(1_000_001),
        "\n".repeat(1_000_000),
        "#\n".repeat(500_000),
        "...\n".repeat(250_000),
        "%A b\n".repeat(200_000),
        "*a ".repeat(300_000),
        format!("[{}]", ",".repeat(500_000)),
        format!("a: |\n{}", "  x\n".repeat(250_000)),
        format!("a: x\n{}  y\n", "\n".repeat(900_000)),
        format!("[{}]", "9".repeat(1_000_000)),
        format!("a: 0x{}", "f".repeat(1_000_000)),
    ];
    for text in texts {
        let findings = ferrovia_dsl::diagnose(&text);
        let shown: String = text.chars().take(60).collect();
        for finding in findings {
            let place = finding.span.start as usize..finding.span.end as usize;
            assert!(text.get(place).is_some(), "{shown}: {finding:#?}");
        }
    }
}

#[test]
fn an_empty_list_item_is_null() {
    let root = read("- \n- 1\n");
    let items = root.items().unwrap();
    assert!(matches!(&items[0].data, Data::Scalar(Value::Null)));
}
