//! Findings as text for people, in the manner of a compiler.

use std::ops::Range;

use annotate_snippets::{Annotation, AnnotationKind, Level, Renderer, Snippet};

use super::{Diagnostic, Severity};
use crate::source::Span;

/// Whether the text may carry terminal colours.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Style {
    Plain,
    Color,
}

/// A line of the source wider than this is cut around the underlined part.
const WIDTH: usize = 120;

/// All findings, each with its place in the text, and a closing line that counts them.
/// Empty when there are none.
pub fn render(diagnostics: &[Diagnostic], file: &str, text: &str, style: Style) -> String {
    if diagnostics.is_empty() {
        return String::new();
    }
    let renderer = match style {
        Style::Plain => Renderer::plain(),
        Style::Color => Renderer::styled(),
    }
    .term_width(WIDTH);
    let mut out = String::new();
    for diagnostic in diagnostics {
        out.push_str(&one(diagnostic, file, text, &renderer));
        out.push_str("\n\n");
    }
    out.push_str(&summary(diagnostics));
    out.push('\n');
    out
}

fn one(diagnostic: &Diagnostic, file: &str, text: &str, renderer: &Renderer) -> String {
    let level = match diagnostic.severity {
        Severity::Error => Level::ERROR,
        Severity::Warning => Level::WARNING,
    };
    let title = level
        .primary_title(diagnostic.message.as_str())
        .id(diagnostic.code);
    let mut group = title.element(snippet(diagnostic, file, text));
    if !diagnostic.pointer.is_empty() {
        let at = Level::NOTE.with_name("at");
        group = group.element(at.message(diagnostic.pointer.as_str()));
    }
    if let Some(hint) = &diagnostic.hint {
        group = group.element(Level::HELP.message(hint.as_str()));
    }
    renderer.render(&[group])
}

fn snippet<'a>(
    diagnostic: &'a Diagnostic,
    file: &'a str,
    text: &'a str,
) -> Snippet<'a, Annotation<'a>> {
    let primary = clamp(diagnostic.span, text);
    let related = || {
        diagnostic
            .related
            .iter()
            .map(|r| (clamp(r.span, text), r.label.as_str()))
    };
    let shown = || related().filter(|(range, _)| is_showable(range, &primary, text));
    let window = window(shown().map(|(range, _)| range), &primary, text);
    let line = 1 + count_lines(&text[..window.start]);
    let inside = |range: &Range<usize>| range.start - window.start..range.end - window.start;
    let annotation = AnnotationKind::Primary
        .span(inside(&primary))
        .label(diagnostic.label.as_deref());
    let others =
        shown().map(|(range, label)| AnnotationKind::Context.span(inside(&range)).label(label));
    Snippet::source(&text[window.clone()])
        .path(file)
        .line_start(line)
        .annotation(annotation)
        .annotations(others)
}

/// Two places of one line further apart than its visible part cannot be shown together.
fn is_showable(related: &Range<usize>, primary: &Range<usize>, text: &str) -> bool {
    let between = related.start.min(primary.start)..related.start.max(primary.start);
    between.len() < WIDTH || text[between].contains('\n')
}

/// The whole lines that hold all places of a finding. The lines between two places are folded.
fn window(
    related: impl Iterator<Item = Range<usize>>,
    primary: &Range<usize>,
    text: &str,
) -> Range<usize> {
    let all = related.fold(primary.clone(), |all, one| {
        all.start.min(one.start)..all.end.max(one.end)
    });
    let start = text[..all.start].rfind('\n').map_or(0, |at| at + 1);
    let end = text[all.end..]
        .find('\n')
        .map_or(text.len(), |at| all.end + at);
    start..end
}

/// The part of a place that is underlined: within the text, and no longer than fits on a line.
fn clamp(span: Span, text: &str) -> Range<usize> {
    let start = text.floor_char_boundary(span.start as usize);
    let end = text.ceil_char_boundary(span.end as usize).max(start);
    let visible = text.floor_char_boundary(start + WIDTH / 2);
    let is_long_line = end > visible && !text[start..visible].contains('\n');
    start..if is_long_line { visible } else { end }
}

fn count_lines(text: &str) -> usize {
    text.bytes().filter(|b| *b == b'\n').count()
}

fn summary(diagnostics: &[Diagnostic]) -> String {
    let errors = diagnostics.iter().filter(|d| d.is_error()).count();
    let parts = [(errors, "error"), (diagnostics.len() - errors, "warning")];
    parts
        .into_iter()
        .filter(|(count, _)| *count > 0)
        .map(|(count, noun)| format!("{count} {noun}{}", if count == 1 { "" } else { "s" }))
        .collect::<Vec<_>>()
        .join(", ")
}
