//! Reads YAML 1.2 with places: turns parser events into the tree.

use std::ops::Range;

use ferrovia_expr::Value;
use granit_parser::{Event, Parser, ScalarStyle, StructureStyle, Tag};

use super::json::number_too_large;
use super::tree::{Notation, Stop, Tree, empty};
use super::{Node, Span, scalar, syntax};
use crate::diagnostic::{Diagnostic, codes};

/// Reads `text` from `start` on.
pub(super) fn read(text: &str, start: usize) -> Result<Node, Vec<Diagnostic>> {
    let mut options = granit_parser::options! {};
    options.set_emit_comments(false);
    let parser = Parser::new_from_str_with_options(&text[start..], options);
    let mut reader = Reader {
        text,
        start,
        tree: Tree::default(),
        documents: 0,
        blank: true,
    };
    // A stop has recorded why: the findings of the tree say it.
    let _ = reader.events(parser);
    if reader.blank {
        reader.tree.report(empty()).ok();
    }
    reader.tree.finish()
}

struct Reader<'a> {
    text: &'a str,
    start: usize,
    tree: Tree,
    documents: usize,
    /// Nothing but comments and markers so far.
    blank: bool,
}

impl<'a> Reader<'a> {
    fn events(&mut self, parser: Parser<'a, granit_parser::StrInput<'a>>) -> Result<(), Stop> {
        for next in parser {
            match next {
                Ok((event, place)) => self.event(event, place)?,
                Err(error) => {
                    self.blank = false;
                    let at = self.start + error.marker().byte_offset().unwrap_or_default();
                    let opened = self.tree.innermost_start();
                    let pointer = self.tree.pointer();
                    let finding = syntax::explain(error.kind(), self.text, at, opened, pointer);
                    return self.tree.report(finding);
                }
            }
        }
        Ok(())
    }

    fn event(&mut self, event: Event<'a>, place: granit_parser::Span) -> Result<(), Stop> {
        let bytes = self.bytes(&place);
        match event {
            Event::DocumentStart(..) => self.document(bytes),
            Event::Alias(anchor) => self.tree.alias(anchor, trimmed(self.text, bytes)),
            Event::Scalar(text, style, anchor, tag) => {
                let tag = tag.as_deref().map(|tag| (tag, self.tag_span(&place)));
                self.scalar(&text, style, anchor, tag, bytes)
            }
            Event::SequenceStart(style, anchor, tag) => {
                self.blank = false;
                let tag = tag.as_deref().map(|tag| (tag, self.tag_span(&place)));
                self.container_tag("seq", tag)?;
                self.tree.open_sequence(opening(style, bytes), anchor)
            }
            Event::MappingStart(style, anchor, tag) => {
                self.blank = false;
                let tag = tag.as_deref().map(|tag| (tag, self.tag_span(&place)));
                self.container_tag("map", tag)?;
                self.tree.open_mapping(opening(style, bytes), anchor)
            }
            Event::SequenceEnd => self.tree.close(self.bracket_end(bytes, b']')),
            Event::MappingEnd => self.tree.close(self.bracket_end(bytes, b'}')),
            // Stream and document ends carry nothing; comments are switched off; unresolved
            // aliases end the parse as an error. The enum is open, so future events land here.
            _ => Ok(()),
        }
    }

    fn document(&mut self, bytes: Range<usize>) -> Result<(), Stop> {
        self.documents += 1;
        if self.documents == 1 {
            return Ok(());
        }
        self.blank = false;
        let finding = Diagnostic::error(
            codes::SEVERAL_DOCUMENTS,
            trimmed(self.text, bytes),
            "",
            "the file holds several documents",
        );
        self.tree.report(
            finding
                .label("a second document begins here")
                .hint("write one workflow in each file"),
        )?;
        Err(Stop)
    }

    fn scalar(
        &mut self,
        text: &str,
        style: ScalarStyle,
        anchor: usize,
        tag: Option<(&Tag, Span)>,
        bytes: Range<usize>,
    ) -> Result<(), Stop> {
        let absent = bytes.is_empty() && style == ScalarStyle::Plain;
        self.blank &= absent && self.tree.pending_key().is_none();
        let span = match self.tree.pending_key() {
            Some(key) if absent => Span::of(key.end as usize, self.colon_end(key.end as usize)),
            _ => trimmed(self.text, bytes),
        };
        let notation = match style {
            ScalarStyle::Plain => Notation::Plain,
            _ => Notation::Quoted,
        };
        let value = match (tag, notation) {
            (Some((tag, at)), _) => self.tagged(text, tag, at)?,
            (None, Notation::Quoted) => Value::from(text),
            (None, Notation::Plain) => self.plain(text, span)?,
        };
        self.tree.scalar(value, span, anchor, notation)
    }

    fn plain(&mut self, text: &str, span: Span) -> Result<Value, Stop> {
        match scalar::resolve(text) {
            Ok(value) => Ok(value),
            Err(scalar::NotJson) => {
                self.tree
                    .report(number_too_large(text, span, self.tree.pointer()))?;
                Ok(Value::Null)
            }
        }
    }

    fn tagged(&mut self, text: &str, tag: &Tag, at: Span) -> Result<Value, Stop> {
        let Some(name) = tag.core_suffix() else {
            if tag.parts() != ("", "!") && tag.original() != "!" {
                self.unknown_tag(tag, at)?;
            }
            return Ok(Value::from(text));
        };
        let value = self.plain(text, at)?;
        let fits = match (name, &value) {
            ("str", _) => return Ok(Value::from(text)),
            ("null", Value::Null) | ("bool", Value::Bool(_)) | ("int", Value::Int(_)) => true,
            ("float", Value::Int(_) | Value::Float(_)) => true,
            _ => false,
        };
        if !fits {
            self.tag_does_not_fit(tag, at)?;
        }
        Ok(value)
    }

    fn container_tag(&mut self, fits: &str, tag: Option<(&Tag, Span)>) -> Result<(), Stop> {
        match tag {
            Some((tag, at)) if tag.is_custom() && tag.original() != "!" => {
                self.unknown_tag(tag, at)
            }
            Some((tag, at)) if tag.core_suffix().is_some_and(|name| name != fits) => {
                self.tag_does_not_fit(tag, at)
            }
            _ => Ok(()),
        }
    }

    fn unknown_tag(&mut self, tag: &Tag, at: Span) -> Result<(), Stop> {
        let tag = tag.original();
        let finding = Diagnostic::error(
            codes::UNKNOWN_TAG,
            at,
            self.tree.pointer(),
            format!("the tag `{tag}` is not known"),
        );
        self.tree.report(finding.label("unknown tag").hint(format!(
            "remove it, or quote the text when it only happens to begin with `!`: '{tag} …'"
        )))
    }

    fn tag_does_not_fit(&mut self, tag: &Tag, at: Span) -> Result<(), Stop> {
        let finding = Diagnostic::error(
            codes::UNKNOWN_TAG,
            at,
            self.tree.pointer(),
            format!("the tag `{}` does not fit its value", tag.original()),
        );
        self.tree
            .report(finding.label("says another type").hint("remove the tag"))
    }

    fn tag_span(&self, place: &granit_parser::Span) -> Span {
        let tag = place.tag_span().unwrap_or(*place);
        trimmed(self.text, self.bytes(&tag))
    }

    fn bytes(&self, place: &granit_parser::Span) -> Range<usize> {
        let range = place.byte_range().unwrap_or(0..0);
        let end = (self.start + range.end).min(self.text.len());
        (self.start + range.start).min(end)..end
    }

    fn bracket_end(&self, bytes: Range<usize>, bracket: u8) -> Option<usize> {
        let ends_here = bytes.end > bytes.start && self.text.as_bytes()[bytes.end - 1] == bracket;
        ends_here.then_some(bytes.end)
    }

    /// The end of the colon after a key, or the end of the key where there is none.
    fn colon_end(&self, key_end: usize) -> usize {
        let rest = &self.text[key_end..];
        let blanks = rest.len() - rest.trim_start_matches(' ').len();
        if rest[blanks..].starts_with(':') {
            key_end + blanks + 1
        } else {
            key_end
        }
    }
}

/// A block container opens with its first child: its own place begins there.
fn opening(style: StructureStyle, bytes: Range<usize>) -> Span {
    match style {
        StructureStyle::Block => Span::of(bytes.start, bytes.start),
        StructureStyle::Flow => Span::of(bytes.start, bytes.end),
    }
}

/// Without the white space a block scalar ends in.
fn trimmed(text: &str, bytes: Range<usize>) -> Span {
    let length = text[bytes.clone()].trim_end().len();
    Span::of(bytes.start, bytes.start + length)
}
