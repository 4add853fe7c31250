//! Where a part of a text value stands in the document: through quotes, escapes, indentation and folded lines.
//!
//! Owns the correspondence of a scalar as it is written with the value it is read as. Knows nothing of expressions.

use std::ops::Range;

/// The bytes of `written` (a scalar as the document has it) that became `part` of `value`.
/// `None` when the two do not correspond, as with an alias.
pub(super) fn part_as_written(
    written: &str,
    value: &str,
    part: Range<usize>,
) -> Option<Range<usize>> {
    let mut scalar = Scalar::new(written)?;
    let mut found: Option<Range<usize>> = None;
    for (offset, character) in value.char_indices() {
        let place = scalar.next(character)?;
        let end = offset + character.len_utf8();
        if offset < part.end.max(part.start + 1) && end > part.start {
            let start = found.map_or(place.start, |found| found.start);
            found = Some(start..place.end);
        }
    }
    // A place behind the last character: where an expression ends too early.
    Some(found.unwrap_or(scalar.at..scalar.at))
}

#[derive(Clone, Copy, PartialEq)]
enum Style {
    Plain,
    Block,
    Single,
    Double,
}

struct Scalar<'a> {
    written: &'a str,
    style: Style,
    at: usize,
}

impl<'a> Scalar<'a> {
    fn new(written: &'a str) -> Option<Self> {
        let (style, at) = match written.as_bytes().first()? {
            b'"' => (Style::Double, 1),
            b'\'' => (Style::Single, 1),
            // The value of a block scalar begins after the line of its indicator.
            b'|' | b'>' => (Style::Block, written.find('\n')? + 1),
            _ => (Style::Plain, 0),
        };
        Some(Scalar { written, style, at })
    }

    /// The place of the next character of the value.
    fn next(&mut self, character: char) -> Option<Range<usize>> {
        if !matches!(character, ' ' | '\t' | '\n' | '\r') {
            self.skip_blanks();
        }
        let start = self.at;
        let rest = &self.written[start..];
        let length = match (rest.chars().next(), self.style) {
            (Some('\\'), Style::Double) => escaped(rest).filter(|(c, _)| *c == character)?.1,
            (Some('\''), Style::Single) if character == '\'' => {
                rest.strip_prefix("''").map(|_| 2)?
            }
            (Some(written), _) if written == character => written.len_utf8(),
            // A line break that was folded into a blank.
            (Some('\n' | '\r'), _) if character == ' ' => rest.find('\n')? + 1,
            // Blanks that folding or indentation made differ; the next other character is exact again.
            _ if character.is_whitespace() => 0,
            _ => return None,
        };
        self.at += length;
        Some(start..self.at)
    }

    /// Indentation, folded lines and escaped line breaks, none of which the value has.
    fn skip_blanks(&mut self) {
        loop {
            let rest = &self.written[self.at..];
            let blanks = rest.len() - rest.trim_start_matches([' ', '\t', '\n', '\r']).len();
            let continued = self.style == Style::Double
                && (rest[blanks..].starts_with("\\\n") || rest[blanks..].starts_with("\\\r\n"));
            self.at += blanks + usize::from(continued);
            if !continued {
                return;
            }
        }
    }
}

/// The character that an escape of a double-quoted text stands for, and the length of the escape.
fn escaped(rest: &str) -> Option<(char, usize)> {
    let kind = rest[1..].chars().next()?;
    let code = |digits: usize| u32::from_str_radix(rest.get(2..2 + digits)?, 16).ok();
    let simple = |character: char| Some((character, 1 + kind.len_utf8()));
    match kind {
        'n' => simple('\n'),
        't' | '\t' => simple('\t'),
        'r' => simple('\r'),
        '"' | '\\' | '/' | ' ' => simple(kind),
        'b' => simple('\u{8}'),
        'f' => simple('\u{c}'),
        'a' => simple('\u{7}'),
        'v' => simple('\u{b}'),
        'e' => simple('\u{1b}'),
        '0' => simple('\0'),
        '_' => simple('\u{a0}'),
        'N' => simple('\u{85}'),
        'L' => simple('\u{2028}'),
        'P' => simple('\u{2029}'),
        'x' => Some((char::from_u32(code(2)?)?, 4)),
        'U' => Some((char::from_u32(code(8)?)?, 10)),
        'u' => match char::from_u32(code(4)?) {
            Some(character) => Some((character, 6)),
            // JSON writes characters beyond the first plane as two escapes.
            None => {
                let low = u16::from_str_radix(rest.get(8..12)?, 16).ok()?;
                let pair = [u16::try_from(code(4)?).ok()?, low];
                let character = char::decode_utf16(pair).next()?.ok()?;
                Some((character, 12))
            }
        },
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::source;

    #[test]
    fn parts_are_found_however_the_text_is_written() {
        for (document, part, expected) in [
            ("a: ${ .bad }", "bad", "bad"),
            ("a: '${ .bad }'", "bad", "bad"),
            ("a: '${ ''x'' bad }'", "bad", "bad"),
            ("a: '${ ''x'' bad }'", "'x'", "''x''"),
            (r#"a: "${ \"x\" bad }""#, "bad", "bad"),
            (r#"a: "${ \"x\" bad }""#, "\"x\"", "\\\"x\\\""),
            (r#"a: "\u00fc \U0001f682 \x41 \/ bad""#, "bad", "bad"),
            (r#"{"a": "\ud83d\ude82 bad"}"#, "bad", "bad"),
            ("a: |\n  ${ .x\n    | bad\n  }", "bad", "bad"),
            ("a: >-\n  ${ .x\n  | bad }\n", "bad", "bad"),
            ("a: > # note\n\n  ${ .x\n\n\n  | bad }\n", "bad", "bad"),
            ("a: \"${ .x\n  \\\n  | bad }\"", "bad", "bad"),
            ("a: '${ .x\n\n  | bad }'", "bad", "bad"),
            ("a: ${ .x\n  | bad }", "bad", "bad"),
            ("a: |\r\n  ${ .x\r\n  | bad }\r\n", "bad", "bad"),
            ("a: |2\n    ${ .größe | bad }", "bad", "bad"),
        ] {
            let root = source::parse(document).unwrap();
            let node = root.get("a").unwrap();
            let value = node.as_str().unwrap();
            let at = value.find(part).unwrap();
            let written = &document[node.span.start as usize..node.span.end as usize];
            let found = part_as_written(written, value, at..at + part.len());
            assert_eq!(found.map(|f| &written[f]), Some(expected), "{document:?}");
        }
    }

    #[test]
    fn what_does_not_correspond_is_not_guessed() {
        assert_eq!(part_as_written("*alias", ".x", 0..1), None);
        assert_eq!(part_as_written("", "x", 0..1), None);
    }
}
