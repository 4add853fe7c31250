//! Wrong documents and what a person is told about them.
//!
//! Each file `tests/wrong/fvNNNN-what.{yaml,json}` stands beside `….txt`, the exact text shown for
//! it. The file's name begins with the code it is about. After a change of wording run the test with
//! `UPDATE_EXPECT=1` and read every difference as somebody would who sees the text for the first time.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use ferrovia_dsl::compile::{FunctionSource, Link, Links, Options, Reference, compile, references};
use ferrovia_dsl::diagnostic::{Diagnostic, Style, codes, in_order, render, to_json};
use ferrovia_dsl::source::Node;
use ferrovia_dsl::{shape, source};

const UPDATE: &str = "UPDATE_EXPECT";

/// Codes that no file shows, and why.
const WITHOUT_A_FILE: [(&str, &str); 4] = [
    (
        "FV0110",
        "too large for a file: `documents_that_are_too_much_are_explained` makes it",
    ),
    (
        "FV0112",
        "too large for a file: `documents_that_are_too_much_are_explained` makes it",
    ),
    (
        "FV0218",
        "too large for a file: `documents_that_are_too_much_are_explained` makes it",
    ),
    (
        "FV0311",
        "too large for a file: `documents_that_are_too_much_are_explained` makes it",
    ),
];

/// Codes of a run, which no document shows before it runs.
const OF_A_RUN: &str = "FV10";

/// All that the program tells about a document: of its text, else of its structure, else of all the rest.
fn diagnose(text: &str) -> Vec<Diagnostic> {
    let root = match source::parse(text) {
        Ok(root) => root,
        Err(findings) => return findings,
    };
    let mut findings = shape::check(&root);
    if !findings.iter().any(Diagnostic::is_error) {
        findings.extend(
            match compile(text, &root, &links(&root), Options::default()) {
                Ok(compiled) => compiled.warnings,
                Err(findings) => findings,
            },
        );
    }
    in_order(findings)
}

/// What a document refers to lies beside it: the catalog `default` in `functions/`, schemas in `schemas/`.
fn links(root: &Node) -> Links {
    let mut links = Links::default();
    let mut wanted = references(root, root);
    while let Some(Reference { key, source }) = wanted.pop() {
        let load = |path: &str| {
            let path = folder("tests/wrong").join(path);
            fs::read_to_string(path).map_err(|_| "no such file".to_owned())
        };
        let loaded = match source {
            FunctionSource::Cataloged {
                endpoint: None,
                name,
                version,
                ..
            } => load(&format!("functions/{name}/{version}/function.yaml"))
                .and_then(|text| Link::parse_function(&text)),
            FunctionSource::Schema { uri, .. } => load(&uri).and_then(|text| Link::parse(&text)),
            FunctionSource::Function { .. } | FunctionSource::Cataloged { .. } => {
                Err("the host does not answer".to_owned())
            }
        };
        if let Some(document) = loaded.as_ref().ok().and_then(Link::document) {
            let further = references(root, document).into_iter();
            wanted.extend(
                further.filter(|further| !links.0.contains_key(&further.key) && further.key != key),
            );
        }
        links.0.insert(key, loaded);
    }
    links
}

fn folder(of: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(of)
}

fn wrong_documents() -> Vec<PathBuf> {
    let files = fs::read_dir(folder("tests/wrong")).unwrap();
    let paths = files.map(|entry| entry.unwrap().path());
    let mut paths: Vec<_> = paths
        .filter(|path| path.is_file() && path.extension().is_some_and(|e| e != "txt"))
        .collect();
    paths.sort();
    paths
}

fn name(path: &Path) -> String {
    path.file_name().unwrap().to_str().unwrap().to_owned()
}

#[test]
fn wrong_documents_are_explained() {
    let mut different = Vec::new();
    for path in wrong_documents() {
        let text = fs::read_to_string(&path).unwrap();
        let findings = diagnose(&text);
        let code = name(&path)[..6].to_uppercase();
        assert!(
            findings.iter().any(|d| d.code == code),
            "{path:?} shows no {code}: {findings:#?}"
        );
        let shown = render(&findings, &name(&path), &text, Style::Plain);
        let expected = path.with_extension("txt");
        if std::env::var_os(UPDATE).is_some() {
            fs::write(&expected, &shown).unwrap();
        } else if fs::read_to_string(&expected).ok().as_deref() != Some(&shown) {
            different.push(format!("{}:\n{shown}", name(&path)));
        }
    }
    let count = different.len();
    assert!(
        different.is_empty(),
        "{count} differ; {UPDATE}=1 accepts:\n\n{}",
        different.join("\n")
    );
}

#[test]
fn every_place_lies_in_the_text() {
    for path in wrong_documents() {
        let text = fs::read_to_string(&path).unwrap();
        for finding in diagnose(&text) {
            let spans = [finding.span]
                .into_iter()
                .chain(finding.related.iter().map(|r| r.span));
            for span in spans {
                let slice = text.get(span.start as usize..span.end as usize);
                assert!(slice.is_some(), "{path:?}: {finding:#?}");
            }
        }
    }
}

#[test]
fn a_pointer_leads_to_the_finding() {
    for path in wrong_documents() {
        let text = fs::read_to_string(&path).unwrap();
        let Ok(root) = source::parse(&text) else {
            continue;
        };
        for finding in diagnose(&text) {
            let found = source::locate(&root, &finding.pointer);
            assert!(found.is_some(), "{path:?}: {}", finding.pointer);
        }
    }
}

#[test]
fn every_code_has_a_wrong_document() {
    let shown: BTreeSet<String> = wrong_documents()
        .iter()
        .map(|p| name(p)[..6].to_uppercase())
        .collect();
    for (code, _) in codes::TABLE {
        let excused =
            code.starts_with(OF_A_RUN) || WITHOUT_A_FILE.iter().any(|(other, _)| other == code);
        assert!(
            shown.contains(*code) != excused,
            "{code}: shown by a document {}, excused {excused}",
            shown.contains(*code)
        );
    }
}

#[test]
fn every_code_has_a_page_and_every_page_a_code() {
    let pages = fs::read_dir(folder("../../docs/errors")).unwrap();
    let pages: BTreeSet<String> = pages
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|page| page != "README.md")
        .collect();
    let expected: BTreeSet<String> = codes::TABLE
        .iter()
        .map(|(code, _)| format!("{code}.md"))
        .collect();
    assert_eq!(pages, expected);
    let index = fs::read_to_string(folder("../../docs/errors/README.md")).unwrap();
    for (code, title) in codes::TABLE {
        let page = folder("../../docs/errors").join(format!("{code}.md"));
        let page = fs::read_to_string(&page).unwrap();
        assert!(
            page.starts_with(&format!("# {code}: {title}\n\n")),
            "the title of {code} is `{title}`"
        );
        let row = format!("| [{code}]({code}.md) | {title} |\n");
        assert!(index.contains(&row), "the index lacks {row}");
        assert_eq!(ferrovia_dsl::diagnostic::page(code), Some(page.as_str()));
    }
}

#[test]
fn documents_that_are_too_much_are_explained() {
    let head = "document: { dsl: '1.0.3', namespace: a, name: b, version: '1.0.0' }\n";
    let values = format!("{head}do:\n- a:\n    set: [{}]\n", "0, ".repeat(20_001));
    // Each function calls the next one ten times: expanding all of it would never end.
    let calls = |to: usize| {
        let call = format!("        - a{{}}: {{ call: f{to} }}\n");
        (0..10)
            .map(|n| call.replace("{}", &n.to_string()))
            .collect::<String>()
    };
    let functions: String = (0..12)
        .map(|n| format!("    f{n}:\n      do:\n{}", calls(n + 1)))
        .collect();
    let tasks = format!(
        "{head}use:\n  functions:\n{functions}    f12: {{ set: {{ a: 1 }} }}\ndo:\n  - all: {{ call: f0 }}\n"
    );
    let many = format!("{head}do:\n{}", "  - a: { banana: 1 }\n".repeat(60));
    for (document, code, expected) in [
        (
            format!("{head}# {}\n", "-".repeat(source::TEXT_BYTES_MAX)),
            "FV0110",
            "error[FV0110]: the text is 1048647 bytes long; 1048576 is the limit",
        ),
        (
            values,
            "FV0112",
            "error[FV0112]: the document holds more than 20000 values",
        ),
        (
            many,
            "FV0218",
            "warning[FV0218]: 11 more findings are not shown",
        ),
        (
            tasks,
            "FV0311",
            "error[FV0311]: the workflow has more than 20000 tasks once its functions are expanded",
        ),
    ] {
        let findings = diagnose(&document);
        let of_code = findings.iter().filter(|finding| finding.code == code);
        assert_eq!(of_code.count(), 1, "{code}");
        let shown = render(&findings, "a.yaml", &document, Style::Plain);
        assert!(shown.contains(expected), "{shown}");
    }
}

#[test]
fn programs_get_the_same_findings_with_line_and_column() {
    let text = "größe: 1\ngröße: 2\n";
    let findings = to_json(&diagnose(text), text).to_json();
    let expected = concat!(
        r#"[{"code":"FV0104","severity":"error","message":"the key `größe` appears twice in one mapping","#,
        r#""pointer":"/größe","start":{"line":2,"column":1},"end":{"line":2,"column":6},"#,
        r#""label":"again here","hint":"remove or rename one of the two","#,
        r#""related":[{"label":"first here","start":{"line":1,"column":1},"end":{"line":1,"column":6}}]}]"#,
    );
    assert_eq!(findings, expected);
}

#[test]
fn no_finding_shows_no_text() {
    assert_eq!(render(&[], "a.yaml", "", Style::Plain), "");
}

#[test]
fn colour_is_added_only_on_request() {
    let findings = diagnose("");
    assert!(!render(&findings, "a.yaml", "", Style::Plain).contains('\u{1b}'));
    assert!(render(&findings, "a.yaml", "", Style::Color).contains('\u{1b}'));
}

#[test]
fn findings_are_bounded() {
    let tasks = "  - a: { banana: 1 }\n".repeat(200);
    let findings = diagnose(&format!("document: {{}}\ndo:\n{tasks}"));
    assert_eq!(findings.len(), shape::FINDINGS_MAX);
    assert_eq!(findings.last().map(|d| d.code), Some(codes::MORE_FINDINGS));
}

#[test]
fn a_very_long_line_is_cut_around_the_place() {
    let items = "'größe', ".repeat(2_000);
    let text = format!("{{ do: [{items}], do: '{}' }}", "ü".repeat(2_000));
    let shown = render(&diagnose(&text), "a.yaml", &text, Style::Plain);
    assert!(
        shown.contains("appears twice") && shown.contains("again here"),
        "{shown}"
    );
    assert!(shown.len() < 1_000, "{shown}");
}
