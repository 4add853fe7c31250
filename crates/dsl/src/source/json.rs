//! Reads JSON (RFC 8259) with places. What is no JSON is left to the YAML reader.

use ferrovia_expr::Value;

use super::tree::{Notation, Stop, Tree};
use super::{Node, Span, scalar};
use crate::diagnostic::{Diagnostic, codes};

/// `None` when `text` from `start` on is no JSON.
pub(super) fn read(text: &str, start: usize) -> Option<Result<Node, Vec<Diagnostic>>> {
    let mut reader = Reader {
        text,
        at: start,
        tree: Tree::default(),
    };
    match reader.document() {
        Ok(()) | Err(Fail::Stopped) => Some(reader.tree.finish()),
        Err(Fail::NotJson) => None,
    }
}

struct Reader<'a> {
    text: &'a str,
    at: usize,
    tree: Tree,
}

enum Fail {
    NotJson,
    Stopped,
}

impl From<Stop> for Fail {
    fn from(Stop: Stop) -> Self {
        Fail::Stopped
    }
}

impl<'a> Reader<'a> {
    fn document(&mut self) -> Result<(), Fail> {
        self.value()?;
        match self.next_byte() {
            None => Ok(()),
            Some(_) => Err(Fail::NotJson),
        }
    }

    /// Recursion is bounded: the tree stops at its depth limit.
    fn value(&mut self) -> Result<(), Fail> {
        match self.next_byte().ok_or(Fail::NotJson)? {
            b'{' => self.object(),
            b'[' => self.array(),
            b'"' => {
                let (value, span) = self.string()?;
                Ok(self.tree.scalar(value, span, 0, Notation::Quoted)?)
            }
            b'-' | b'0'..=b'9' => self.number(),
            _ => self.literal(),
        }
    }

    fn object(&mut self) -> Result<(), Fail> {
        self.tree.open_mapping(Span::of(self.at, self.at + 1), 0)?;
        self.at += 1;
        if !self.skip(b'}') {
            loop {
                if self.next_byte() != Some(b'"') {
                    return Err(Fail::NotJson);
                }
                let (key, span) = self.string()?;
                self.tree.scalar(key, span, 0, Notation::Quoted)?;
                self.expect(b':')?;
                self.value()?;
                if !self.skip(b',') {
                    break;
                }
            }
            self.expect(b'}')?;
        }
        Ok(self.tree.close(Some(self.at))?)
    }

    fn array(&mut self) -> Result<(), Fail> {
        self.tree.open_sequence(Span::of(self.at, self.at + 1), 0)?;
        self.at += 1;
        if !self.skip(b']') {
            loop {
                self.value()?;
                if !self.skip(b',') {
                    break;
                }
            }
            self.expect(b']')?;
        }
        Ok(self.tree.close(Some(self.at))?)
    }

    fn string(&mut self) -> Result<(Value, Span), Fail> {
        let bytes = self.text.as_bytes();
        let start = self.at;
        let mut end = start + 1;
        let mut escaped = false;
        loop {
            match bytes.get(end).ok_or(Fail::NotJson)? {
                b'"' => break,
                b'\\' => {
                    escaped = true;
                    end += 2;
                }
                byte if *byte < b' ' => return Err(Fail::NotJson),
                _ => end += 1,
            }
        }
        self.at = end + 1;
        let value = if escaped {
            let token = &self.text[start..self.at];
            let decoded: String = serde_json::from_str(token).map_err(|_| Fail::NotJson)?;
            Value::from(decoded)
        } else {
            Value::from(&self.text[start + 1..end])
        };
        Ok((value, Span::of(start, self.at)))
    }

    fn number(&mut self) -> Result<(), Fail> {
        let token =
            self.token(|b| b.is_ascii_digit() || matches!(b, b'+' | b'-' | b'.' | b'e' | b'E'));
        if !is_json_number(token) {
            return Err(Fail::NotJson);
        }
        let span = Span::of(self.at - token.len(), self.at);
        let value = match scalar::number(token).ok_or(Fail::NotJson)? {
            Ok(value) => value,
            Err(scalar::NotJson) => {
                self.tree
                    .report(number_too_large(token, span, self.tree.pointer()))?;
                Value::Null
            }
        };
        Ok(self.tree.scalar(value, span, 0, Notation::Quoted)?)
    }

    fn literal(&mut self) -> Result<(), Fail> {
        let token = self.token(|b| b.is_ascii_alphabetic());
        let value = match token {
            "null" => Value::Null,
            "true" => Value::Bool(true),
            "false" => Value::Bool(false),
            _ => return Err(Fail::NotJson),
        };
        let span = Span::of(self.at - token.len(), self.at);
        Ok(self.tree.scalar(value, span, 0, Notation::Quoted)?)
    }

    fn token(&mut self, belongs: impl Fn(u8) -> bool) -> &'a str {
        let rest = &self.text[self.at..];
        let length = rest.bytes().take_while(|byte| belongs(*byte)).count();
        self.at += length;
        &rest[..length]
    }

    /// The next byte that is no white space.
    fn next_byte(&mut self) -> Option<u8> {
        let bytes = self.text.as_bytes();
        while matches!(bytes.get(self.at), Some(b' ' | b'\t' | b'\n' | b'\r')) {
            self.at += 1;
        }
        bytes.get(self.at).copied()
    }

    fn skip(&mut self, byte: u8) -> bool {
        let found = self.next_byte() == Some(byte);
        self.at += usize::from(found);
        found
    }

    fn expect(&mut self, byte: u8) -> Result<(), Fail> {
        if self.skip(byte) {
            Ok(())
        } else {
            Err(Fail::NotJson)
        }
    }
}

/// JSON is stricter than YAML: no plus sign, no leading zeros, digits on both sides of the point.
fn is_json_number(token: &str) -> bool {
    let unsigned = token.strip_prefix('-').unwrap_or(token);
    let mantissa = unsigned.split(['e', 'E']).next().unwrap_or_default();
    let whole = mantissa.split('.').next().unwrap_or_default();
    let digits_only = !whole.is_empty() && whole.bytes().all(|b| b.is_ascii_digit());
    digits_only && (whole == "0" || !whole.starts_with('0')) && !mantissa.ends_with('.')
}

pub(super) fn number_too_large(text: &str, span: Span, pointer: String) -> Diagnostic {
    const SHOWN_CHARS_MAX: usize = 40;
    let shown = match text.char_indices().nth(SHOWN_CHARS_MAX) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    };
    Diagnostic::error(
        codes::NUMBER_NOT_JSON,
        span,
        pointer,
        format!("`{shown}` is a number that JSON cannot write"),
    )
    .label("not a finite number")
    .hint("data is JSON everywhere in a workflow; quote it if it is meant as text")
}
