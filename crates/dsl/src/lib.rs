//! The workflow language: text → document with places → diagnostics → [`Plan`](plan::Plan).
//!
//! Pure: reads no file and no clock; what a document refers to is handed in.

pub mod compile;
pub mod diagnostic;
pub mod plan;
pub mod shape;
pub mod source;

use compile::{Compiled, Links, Options};
use diagnostic::Diagnostic;

/// Everything that is wrong, or looks wrong, with a definition that refers to nothing outside itself.
pub fn diagnose(text: &str) -> Vec<Diagnostic> {
    let root = match source::parse(text) {
        Ok(root) => root,
        Err(findings) => return findings,
    };
    let mut findings = shape::check(&root);
    if findings.iter().all(|finding| !finding.is_error()) {
        let compiled = compile::compile(text, &root, &Links::default(), Options::default());
        findings
            .extend(compiled.map_or_else(|errors| errors, |Compiled { warnings, .. }| warnings));
    }
    findings
}
