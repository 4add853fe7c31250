//! Findings as JSON, for editors and other programs.

use ferrovia_expr::{Array, Object, Value};

use super::{Diagnostic, Severity};
use crate::source::Span;

/// Each finding as an object with `code`, `severity`, `message`, `pointer`, `label`, `hint` and the
/// place (`start` and `end` with 1-based `line` and `column`, counted in characters).
pub fn to_json(diagnostics: &[Diagnostic], text: &str) -> Value {
    let lines = Lines::of(text);
    let findings: Array = diagnostics.iter().map(|d| finding(d, &lines)).collect();
    Value::Array(findings)
}

fn finding(diagnostic: &Diagnostic, lines: &Lines<'_>) -> Value {
    let mut object = Object::default();
    object.insert("code", diagnostic.code);
    object.insert(
        "severity",
        match diagnostic.severity {
            Severity::Error => "error",
            Severity::Warning => "warning",
        },
    );
    object.insert("message", diagnostic.message.as_str());
    object.insert("pointer", diagnostic.pointer.as_str());
    lines.insert_range(&mut object, diagnostic.span);
    if let Some(label) = &diagnostic.label {
        object.insert("label", label.as_str());
    }
    if let Some(hint) = &diagnostic.hint {
        object.insert("hint", hint.as_str());
    }
    if !diagnostic.related.is_empty() {
        let related: Array = diagnostic
            .related
            .iter()
            .map(|r| {
                let mut place = Object::default();
                place.insert("label", r.label.as_str());
                lines.insert_range(&mut place, r.span);
                Value::Object(place)
            })
            .collect();
        object.insert("related", related);
    }
    Value::Object(object)
}

/// The text with the byte offset of each of its lines.
struct Lines<'a> {
    text: &'a str,
    starts: Vec<usize>,
}

impl<'a> Lines<'a> {
    fn of(text: &'a str) -> Self {
        let after_breaks = text.match_indices('\n').map(|(at, _)| at + 1);
        Lines {
            text,
            starts: std::iter::once(0).chain(after_breaks).collect(),
        }
    }

    fn insert_range(&self, object: &mut Object, span: Span) {
        object.insert("start", self.position(span.start as usize));
        object.insert("end", self.position(span.end as usize));
    }

    fn position(&self, offset: usize) -> Value {
        let offset = self.text.floor_char_boundary(offset);
        let line = self.starts.partition_point(|start| *start <= offset);
        let column = self.text[self.starts[line - 1]..offset].chars().count() + 1;
        let mut position = Object::default();
        position.insert("line", line as i64);
        position.insert("column", column as i64);
        Value::Object(position)
    }
}
