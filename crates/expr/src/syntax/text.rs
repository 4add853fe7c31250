//! String literals: escapes and interpolations.

use super::lex::Kind as Lexeme;
use super::parse::{Parser, Read, Stuck};
use crate::builtin::{self, Found, Native};
use crate::error::ExprErrorKind;
use crate::program::{Kind, Node, Part};

impl Parser<'_> {
    /// A string, its interpolations put through `format` (`tostring` unless given).
    pub(super) fn string_literal(&mut self, format: Option<&'static Native>) -> Read<Node> {
        if self.kind() != Lexeme::Text {
            return self.unexpected("a string");
        }
        let (span, _) = self.advance();
        let end = span.end - 1;
        let mut at = span.start + 1;
        let mut parts = Vec::new();
        let mut text = String::new();
        while at < end {
            let rest = &self.source[at..end];
            let Some(backslash) = rest.find('\\') else {
                text.push_str(rest);
                break;
            };
            text.push_str(&rest[..backslash]);
            at += backslash;
            if self.source[at..].starts_with("\\(") {
                let close = self.interpolation_end(at + 1, end);
                if !text.is_empty() {
                    parts.push(Part::Text(std::mem::take(&mut text).into()));
                }
                parts.push(Part::Node(self.inside(at + 2..close)?));
                at = close + 1;
            } else {
                at = self.escape(at, end, &mut text)?;
            }
        }
        if parts.is_empty() {
            return Ok(Node::literal(text));
        }
        if !text.is_empty() {
            parts.push(Part::Text(text.into()));
        }
        let to_text = || match builtin::native("tostring", 0) {
            Some(Found::Native(native)) => native,
            _ => unreachable!("tostring is native"),
        };
        self.node(Kind::Text(format.unwrap_or_else(to_text), parts))
    }

    /// The place of the `)` that closes the `(` at `open`. The lexer has seen that it exists.
    fn interpolation_end(&self, open: usize, end: usize) -> usize {
        let bytes = self.source.as_bytes();
        // Which brackets are open: `(` or a string.
        let mut stack = vec![b'('];
        let mut at = open + 1;
        while at < end {
            let quote = stack.last().copied().filter(|open| *open != b'(');
            let in_text = quote.is_some();
            match bytes[at] {
                b'\\' if in_text => {
                    at += 1;
                    if bytes[at] == b'(' {
                        stack.push(b'(');
                    }
                }
                byte if quote == Some(byte) => drop(stack.pop()),
                byte @ (b'"' | b'\'') if !in_text => stack.push(byte),
                b'(' if !in_text => stack.push(b'('),
                b')' if !in_text => {
                    stack.pop();
                    if stack.is_empty() {
                        return at;
                    }
                }
                b'#' if !in_text => {
                    while at + 1 < end && bytes[at + 1] != b'\n' {
                        at += 1;
                    }
                }
                _ => {}
            }
            at += 1;
        }
        end
    }

    /// Reads the escape at `at` into `text`; returns the place after it.
    fn escape(&mut self, at: usize, end: usize, text: &mut String) -> Read<usize> {
        let plain = match self.source.as_bytes()[at + 1] {
            quote @ (b'"' | b'\'') => char::from(quote),
            b'\\' => '\\',
            b'/' => '/',
            b'b' => '\u{8}',
            b'f' => '\u{c}',
            b'n' => '\n',
            b'r' => '\r',
            b't' => '\t',
            b'u' => return self.unicode(at, end, text),
            _ => {
                let width = self.source[at + 1..]
                    .chars()
                    .next()
                    .map_or(1, char::len_utf8);
                self.fail(
                    ExprErrorKind::Syntax,
                    at..at + 1 + width,
                    "this escape means nothing",
                );
                return Err(Stuck);
            }
        };
        text.push(plain);
        Ok(at + 2)
    }

    fn unicode(&mut self, at: usize, end: usize, text: &mut String) -> Read<usize> {
        let unit = |at: usize| {
            let hex = self.source.get(at..at + 6).filter(|_| at + 6 <= end)?;
            let digits = hex.strip_prefix("\\u")?;
            let all_hex = digits.bytes().all(|b| b.is_ascii_hexdigit());
            all_hex
                .then(|| u16::from_str_radix(digits, 16).ok())
                .flatten()
        };
        let Some(first) = unit(at) else {
            self.fail(
                ExprErrorKind::Syntax,
                at..(at + 6).min(end),
                "`\\u` takes four hexadecimal digits",
            );
            return Err(Stuck);
        };
        let pair: Vec<u16> = std::iter::once(first).chain(unit(at + 6)).collect();
        if let Some(Ok(c)) = char::decode_utf16([first]).next() {
            text.push(c);
            return Ok(at + 6);
        }
        if let Some(Ok(c)) = char::decode_utf16(pair).next() {
            text.push(c);
            return Ok(at + 12);
        }
        text.push(char::REPLACEMENT_CHARACTER);
        Ok(at + 6)
    }
}
