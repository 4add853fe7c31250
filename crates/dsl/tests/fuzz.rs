//! Whatever the text, reading, checking and showing it never panics, and every place lies in it.

mod mutation;

use ferrovia_dsl::compile::{Compiled, Links, Options, compile};
use ferrovia_dsl::diagnostic::{Diagnostic, Style, render, to_json};
use ferrovia_dsl::source::{Data, Node, Span};
use ferrovia_dsl::{shape, source};
use proptest::prelude::*;
use serde_json::Value as Json;

const VALID: [&str; 3] = [
    include_str!("valid/every-task.yaml"),
    include_str!("valid/authentications.yaml"),
    include_str!("valid/json.json"),
];

fn inside(text: &str, span: Span) -> bool {
    text.get(span.start as usize..span.end as usize).is_some()
}

fn all_inside(text: &str, node: &Node) -> bool {
    let below = match &node.data {
        Data::Scalar(_) => true,
        Data::Sequence(items) => items.iter().all(|item| all_inside(text, item)),
        Data::Mapping(entries) => entries
            .iter()
            .all(|(key, node)| inside(text, key.span) && all_inside(text, node)),
    };
    below && inside(text, node.span)
}

fn survives(text: &str) {
    let findings: Vec<Diagnostic> = match source::parse(text) {
        Ok(root) => {
            assert!(all_inside(text, &root), "{text:?}");
            let findings = shape::check(&root);
            if findings.iter().any(Diagnostic::is_error) {
                findings
            } else {
                compiled(text, &root)
            }
        }
        Err(findings) => {
            assert!(!findings.is_empty());
            findings
        }
    };
    for finding in &findings {
        let related = finding
            .related
            .iter()
            .all(|related| inside(text, related.span));
        assert!(
            related && inside(text, finding.span),
            "{text:?}: {finding:#?}"
        );
    }
    assert_eq!(
        render(&findings, "a.yaml", text, Style::Plain).is_empty(),
        findings.is_empty()
    );
    to_json(&findings, text);
}

/// What compiling says; a refusal says why.
fn compiled(text: &str, root: &Node) -> Vec<Diagnostic> {
    match compile(text, root, &Links::default(), Options::default()) {
        Ok(Compiled { warnings, .. }) => warnings,
        Err(findings) => {
            assert!(findings.iter().any(Diagnostic::is_error), "{text:?}");
            findings
        }
    }
}

/// A valid document as a tree.
fn tree(which: usize) -> Json {
    let root = source::parse(VALID[which]).expect("the document is valid");
    serde_json::from_str(&root.to_value().to_json()).expect("values are JSON")
}

/// One slip of an editor: some bytes of the text go, something else comes.
fn slip() -> impl Strategy<Value = (prop::sample::Index, usize, String)> {
    let inserted = prop_oneof![
        Just(String::new()),
        "[ \\t\\n:,\\-\\[\\]{}'\"&*!|>%@`#~<]{1,4}",
        "\\PC{0,3}",
        prop::sample::select(vec![
            "null", "1.0", "true", "- ", "\n  ", "ü😀", "<<: *a", "&a ", "\u{feff}", "\0", "---\n"
        ])
        .prop_map(str::to_owned),
    ];
    (any::<prop::sample::Index>(), 0usize..24, inserted)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn arbitrary_text(text in any::<String>()) {
        survives(&text);
    }

    #[test]
    fn arbitrary_punctuation(text in "([ \\t\\n]{0,3}[-:,{}\\[\\]'\"&*!|>%@`#~<a1ü😀.\\\\]{0,3}){0,40}") {
        survives(&text);
    }

    #[test]
    fn documents_with_slips(which in 0..VALID.len(), slips in prop::collection::vec(slip(), 1..5)) {
        let mut text = VALID[which].to_owned();
        for (at, gone, come) in slips {
            let start = text.floor_char_boundary(at.index(text.len() + 1));
            let end = text.ceil_char_boundary((start + gone).min(text.len()));
            text.replace_range(start..end, &come);
        }
        survives(&text);
    }
    #[test]
    fn documents_with_parts_moved(
        which in 0..VALID.len(),
        edits in prop::collection::vec(mutation::edit(), 1..6),
        pretty in any::<bool>(),
    ) {
        let mut tree = tree(which);
        for edit in edits {
            edit.apply(&mut tree);
        }
        let text = if pretty { serde_json::to_string_pretty(&tree) } else { serde_json::to_string(&tree) };
        survives(&text.expect("a tree is JSON"));
    }
}
