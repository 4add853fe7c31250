//! The structural check and the JSON Schema: what is right passes both, and they agree on what is wrong.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::fs;
use std::path::{Path, PathBuf};

use ferrovia_dsl::source::Node;
use ferrovia_dsl::{shape, source};
use jsonschema::Validator;
use proptest::prelude::*;

/// Names a folder of further documents that must pass, such as the examples of the standard.
const EXAMPLES: &str = "FERROVIA_DSL_EXAMPLES";

fn documents(folder: &Path) -> Vec<(PathBuf, String)> {
    let files = fs::read_dir(folder).unwrap_or_else(|e| panic!("{folder:?}: {e}"));
    let paths = files.map(|entry| entry.unwrap().path());
    let documents =
        paths.filter(|path| path.extension().is_some_and(|e| e == "yaml" || e == "json"));
    documents
        .map(|path| (path.clone(), fs::read_to_string(&path).unwrap()))
        .collect()
}

fn ours(folder: &str) -> Vec<(PathBuf, String)> {
    documents(
        &Path::new(env!("CARGO_MANIFEST_DIR"))
            .join("tests")
            .join(folder),
    )
}

fn schema() -> Validator {
    let schema = serde_json::from_str(&shape::json_schema().to_json()).unwrap();
    jsonschema::draft202012::new(&schema).unwrap()
}

fn schema_errors(schema: &Validator, root: &Node) -> Vec<String> {
    let json = serde_json::from_str(&root.to_value().to_json()).unwrap();
    schema
        .iter_errors(&json)
        .map(|error| error.to_string())
        .collect()
}

fn check_errors(root: &Node) -> usize {
    shape::check(root)
        .iter()
        .filter(|finding| finding.is_error())
        .count()
}

#[test]
fn right_documents_pass_check_and_schema() {
    let schema = schema();
    let examples = std::env::var_os(EXAMPLES).map(|folder| documents(Path::new(&folder)));
    for (path, text) in ours("valid")
        .into_iter()
        .chain(examples.unwrap_or_default())
    {
        let root =
            source::parse(&text).unwrap_or_else(|findings| panic!("{path:?}: {findings:#?}"));
        let findings = shape::check(&root);
        assert!(findings.is_empty(), "{path:?}: {findings:#?}");
        let errors = schema_errors(&schema, &root);
        assert!(errors.is_empty(), "{path:?}: {errors:#?}");
    }
}

#[test]
fn what_the_check_refuses_the_schema_refuses_too() {
    let schema = schema();
    let readable = ours("wrong")
        .into_iter()
        .filter_map(|(path, text)| Some((path, source::parse(&text).ok()?)));
    for (path, root) in readable {
        let refused = !schema_errors(&schema, &root).is_empty();
        assert_eq!(refused, check_errors(&root) > 0, "{path:?}");
    }
}

#[test]
fn the_schema_names_and_explains_every_property() {
    let schema = shape::json_schema();
    let definitions = schema
        .get("$defs")
        .and_then(|defs| defs.as_object())
        .unwrap();
    assert!(definitions.len() > 70, "{}", definitions.len());
    for (name, definition) in definitions.iter() {
        assert!(
            definition.get("title").is_some() && definition.get("description").is_some(),
            "{name}"
        );
        let properties = definition.get("properties").and_then(|p| p.as_object());
        for (property, described) in properties.into_iter().flat_map(|p| p.iter()) {
            let text = described
                .get("description")
                .and_then(|d| d.as_str())
                .unwrap_or_default();
            assert!(text.ends_with(['.', ';']), "{name}.{property}: {text:?}");
        }
    }
}

/// A document with one text in a place of each form.
fn with_text(place: &str, text: &str) -> Node {
    let quoted = serde_json::Value::from(text).to_string();
    let head = |name: &str, version: &str| {
        format!(
            r#""document":{{"dsl":"1.0.3","namespace":"shop","name":{name},"version":{version}}}"#
        )
    };
    let (head, task) = match place {
        "name" => (head(&quoted, "\"1.0.0\""), r#"{"wait":"PT1S"}"#.to_owned()),
        "version" => (head("\"a\"", &quoted), r#"{"wait":"PT1S"}"#.to_owned()),
        "duration" => (
            head("\"a\"", "\"1.0.0\""),
            format!(r#"{{"wait":{quoted}}}"#),
        ),
        "uri" => {
            let with = format!(r#"{{"method":"get","endpoint":{quoted}}}"#);
            (
                head("\"a\"", "\"1.0.0\""),
                format!(r#"{{"call":"http","with":{with}}}"#),
            )
        }
        "time" => {
            let event = format!(r#"{{"event":{{"with":{{"type":"a","time":{quoted}}}}}}}"#);
            (head("\"a\"", "\"1.0.0\""), format!(r#"{{"emit":{event}}}"#))
        }
        "host" => {
            let service = format!(r#"{{"name":"a","host":{quoted}}}"#);
            let with =
                format!(r#"{{"proto":{{"endpoint":"a"}},"service":{service},"method":"b"}}"#);
            (
                head("\"a\"", "\"1.0.0\""),
                format!(r#"{{"call":"grpc","with":{with}}}"#),
            )
        }
        other => panic!("no place for {other}"),
    };
    source::parse(&format!(r#"{{{head},"do":[{{"t":{task}}}]}}"#)).unwrap()
}

#[test]
fn texts_must_have_the_form_of_their_place() {
    let long = "a".repeat(64);
    let cases: &[(&str, &[&str], &[&str])] = &[
        (
            "name",
            &["a", "A-1", "0", &long[..63]],
            &["", "-a", "a-", "a_b", "a.b", "ä", &long, "${ .x }"],
        ),
        (
            "version",
            &["0.0.0", "1.2.3-a.1+b", "1.0.0--", "1.0.0+001"],
            &[
                "1",
                "1.0",
                "01.0.0",
                "1.0.0-01",
                "v1.0.0",
                "1.0.0-",
                "1.0.0-a..b",
            ],
        ),
        (
            "duration",
            &["PT1S", "P1Y2M3W4DT5H6M7.5S", "P0D", "${ .d }", "${\n.d\n}"],
            &[
                "", "P", "PT", "P1DT", "PT1", "P1S", "PT1M1H", "PT.5S", "P-1D", "1s", "${ .d",
            ],
        ),
        (
            "uri",
            &[
                "https://a.example/{id}?q={q}",
                "file://a",
                "a/b",
                "/a",
                "${ .u }",
            ],
            &[
                "",
                "a b",
                "https://a.example/${ .id }",
                " https://a.example",
            ],
        ),
        (
            "time",
            &[
                "2026-01-31T12:00:00Z",
                "2026-01-31t12:00:00.25+01:00",
                "${ now }",
            ],
            &[
                "2026-01-31",
                "12:00:00Z",
                "2026-01-31T12:00:00",
                "2026-01-31T12:00:00.Z",
                "today",
            ],
        ),
        (
            "host",
            &["a", "a.example", "10.0.0.1"],
            &["", "a:80", "https://a", "a/b", "-a", "a."],
        ),
    ];
    let schema = schema();
    for (place, right, wrong) in cases {
        for text in *right {
            let root = with_text(place, text);
            assert_eq!(
                (check_errors(&root), schema_errors(&schema, &root).len()),
                (0, 0),
                "{place} {text:?}"
            );
        }
        for text in *wrong {
            let root = with_text(place, text);
            assert_eq!(
                (check_errors(&root), schema_errors(&schema, &root).len()),
                (1, 1),
                "{place} {text:?}"
            );
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn check_and_schema_agree_on_every_text(
        place in prop::sample::select(vec!["name", "version", "duration", "uri", "time", "host"]),
        text in prop_oneof![
            "P?[0-9]{0,2}[.YMWDTHS]{0,3}[0-9.]{0,3}[YMWDTHS]?",
            "[0-9a-z.+-]{0,12}",
            "[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt ][0-9:]{8}[.0-9]{0,3}(Z|[+-][0-9]{2}:[0-9]{2})?",
            "[a-zäß${} :/.-]{0,12}",
        ],
    ) {
        thread_local!(static SCHEMA: Validator = schema());
        let root = with_text(place, &text);
        let refused = SCHEMA.with(|schema| !schema_errors(schema, &root).is_empty());
        prop_assert_eq!(check_errors(&root) > 0, refused);
    }
}

#[test]
fn a_version_beyond_all_numbers_is_refused_with_its_place() {
    let text = "document: { dsl: '1.0.3', namespace: n, name: n, version: 99999999999999999999.0.0 }\ndo: []\n";
    let findings = ferrovia_dsl::diagnose(text);
    let codes: Vec<_> = findings.iter().map(|finding| finding.code).collect();
    assert_eq!(codes, ["FV0205"]);
}

#[test]
fn a_wait_beyond_all_durations_is_refused_with_its_place() {
    let text = "document: { dsl: '1.0.3', namespace: n, name: n, version: 1.0.0 }\ndo: [ { a: { wait: P99999999999999Y } } ]\n";
    let findings = ferrovia_dsl::diagnose(text);
    let places: Vec<_> = findings.iter().map(|finding| &*finding.pointer).collect();
    assert_eq!(places, ["/do/0/a/wait"], "{findings:#?}");
}
