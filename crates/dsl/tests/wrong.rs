//! Wrong documents and what a person is told about them.
//!
//! Each file `tests/wrong/fvNNNN-what.{yaml,json}` stands beside `….txt`, the exact text shown for
//! it. The file's name begins with the code it is about. After a change of wording run the test with
//! `UPDATE_EXPECT=1` and read every difference as somebody would who sees the text for the first time.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use ferrovia_dsl::diagnostic::{Diagnostic, Style, codes, render, to_json};
use ferrovia_dsl::{shape, source};

const UPDATE: &str = "UPDATE_EXPECT";

/// Codes whose documents are too large for a file; other tests build them.
const GENERATED: [&str; 3] = ["FV0110", "FV0112", "FV0218"];

fn diagnose(text: &str) -> Vec<Diagnostic> {
    match source::parse(text) {
        Ok(root) => shape::check(&root),
        Err(findings) => findings,
    }
}

fn folder(of: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(of)
}

fn wrong_documents() -> Vec<PathBuf> {
    let files = fs::read_dir(folder("tests/wrong")).unwrap();
    let paths = files.map(|entry| entry.unwrap().path());
    let mut paths: Vec<_> = paths
        .filter(|path| path.extension().is_some_and(|e| e != "txt"))
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
        for finding in shape::check(&root) {
            let found = source::locate(&root, &finding.pointer);
            assert!(found.is_some(), "{path:?}: {}", finding.pointer);
        }
    }
}

#[test]
fn every_code_about_text_and_structure_has_a_document_and_a_page() {
    let shown: BTreeSet<String> = wrong_documents()
        .iter()
        .map(|p| name(p)[..6].to_uppercase())
        .collect();
    for (code, title) in codes::TABLE
        .iter()
        .filter(|(code, _)| code.starts_with("FV01") || code.starts_with("FV02"))
    {
        assert!(
            shown.contains(*code) || GENERATED.contains(code),
            "no wrong document shows {code}"
        );
        let page = folder("../../docs/errors").join(format!("{code}.md"));
        let page = fs::read_to_string(&page).unwrap_or_else(|_| panic!("{page:?} is missing"));
        assert!(
            page.starts_with(&format!("# {code}: {title}\n")),
            "the title of {code}"
        );
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
