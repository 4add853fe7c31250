//! What is wrong with a document, where, and what to do about it.
//!
//! Owns the finding itself, the table of codes and the two ways to show findings: text for people
//! ([`render`]) and JSON for programs ([`to_json`]). Knows nothing of what is checked.

mod json;
mod order;
mod pages;
mod render;

pub mod codes;

pub use json::to_json;
pub(crate) use order::more;
pub use order::{capped, in_order};
pub use pages::page;
pub use render::{Style, render};

use crate::source::Span;

/// How bad a finding is: an error keeps a document from running, a warning does not.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    Error,
    Warning,
}

/// A second place that explains a finding, such as the first of two equal keys.
#[derive(Clone, Debug, PartialEq)]
pub struct Related {
    pub span: Span,
    pub label: String,
}

/// One finding in a document.
#[derive(Clone, Debug, PartialEq)]
pub struct Diagnostic {
    /// Stable, such as `FV0201`; each has a row in [`codes::TABLE`] and a page in `docs/errors/`.
    pub code: &'static str,
    pub severity: Severity,
    pub message: String,
    pub span: Span,
    /// JSON pointer to the value in the document, such as `/do/0/getPet/with/endpoint`.
    pub pointer: String,
    /// Says the wrong thing in a few words under the underlined text.
    pub label: Option<String>,
    /// What to do.
    pub hint: Option<String>,
    /// Other places that belong to the story.
    pub related: Vec<Related>,
}

impl Diagnostic {
    /// A finding that keeps the document from running.
    pub fn error(
        code: &'static str,
        span: Span,
        pointer: impl Into<String>,
        message: impl Into<String>,
    ) -> Self {
        Self::new(Severity::Error, code, span, pointer.into(), message.into())
    }

    /// A finding the author should know of, though the document can run.
    pub fn warning(
        code: &'static str,
        span: Span,
        pointer: impl Into<String>,
        message: impl Into<String>,
    ) -> Self {
        Self::new(
            Severity::Warning,
            code,
            span,
            pointer.into(),
            message.into(),
        )
    }

    fn new(
        severity: Severity,
        code: &'static str,
        span: Span,
        pointer: String,
        message: String,
    ) -> Self {
        Diagnostic {
            code,
            severity,
            message,
            span,
            pointer,
            label: None,
            hint: None,
            related: Vec::new(),
        }
    }

    /// Names the wrong thing in a few words under the underlined text.
    #[must_use]
    pub fn label(mut self, label: impl Into<String>) -> Self {
        self.label = Some(label.into());
        self
    }

    /// Says what to do.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// Points to a second place.
    #[must_use]
    pub fn also(mut self, span: Span, label: impl Into<String>) -> Self {
        self.related.push(Related {
            span,
            label: label.into(),
        });
        self
    }

    pub fn is_error(&self) -> bool {
        self.severity == Severity::Error
    }
}

pub(crate) fn with_hint(finding: Diagnostic, hint: Option<String>) -> Diagnostic {
    match hint {
        Some(hint) => finding.hint(hint),
        None => finding,
    }
}
