//! Tokens of the language with their places. String contents stay raw; the parser reads them.

use std::ops::Range;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// A name or keyword, such as `map` or `if`.
    Word,
    /// `.name`.
    Field,
    /// `$name`.
    Variable,
    /// `@name`.
    Format,
    Number,
    /// A whole string literal with its quotes, double or single; interpolations are lexed again from inside.
    Text,
    Symbol,
    End,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Token {
    pub(crate) kind: Kind,
    pub(crate) span: Range<usize>,
}

/// Symbols, the longest first.
const SYMBOLS: [&str; 37] = [
    "?//=", "?//", "//=", "..", "|=", "+=", "-=", "*=", "/=", "%=", "==", "!=", "<=", ">=", "//",
    "::", "|", ",", "=", "<", ">", "+", "-", "*", "/", "%", ".", "[", "]", "(", ")", "{", "}", ":",
    ";", "?", "$",
];

/// Splits `source[range]` into tokens, or returns the place and reason of what is none.
pub(crate) fn lex(
    source: &str,
    range: Range<usize>,
) -> Result<Vec<Token>, (Range<usize>, &'static str)> {
    let bytes = &source.as_bytes()[..range.end];
    let mut tokens = Vec::new();
    let mut at = range.start;
    while let Some(&byte) = bytes.get(at) {
        let start = at;
        let kind = match byte {
            b' ' | b'\t' | b'\n' | b'\r' => {
                at += 1;
                continue;
            }
            b'#' => {
                at = comment_end(bytes, at);
                continue;
            }
            b'"' | b'\'' => {
                at = text_end(bytes, at)?;
                Kind::Text
            }
            b'$' | b'@' if bytes.get(at + 1).is_some_and(|b| is_word_start(*b)) => {
                at = word_end(bytes, at + 1);
                if byte == b'$' {
                    Kind::Variable
                } else {
                    Kind::Format
                }
            }
            b'.' if bytes.get(at + 1).is_some_and(|b| is_word_start(*b)) => {
                at = word_end(bytes, at + 1);
                Kind::Field
            }
            b'.' if bytes.get(at + 1).is_some_and(u8::is_ascii_digit) => {
                at = number_end(bytes, at);
                Kind::Number
            }
            b if b.is_ascii_digit() => {
                at = number_end(bytes, at);
                Kind::Number
            }
            b if is_word_start(b) => {
                at = word_end(bytes, at);
                Kind::Word
            }
            _ => {
                let rest = &bytes[at..];
                let symbol = SYMBOLS.iter().find(|s| rest.starts_with(s.as_bytes()));
                let Some(symbol) = symbol.filter(|s| **s != "?//=") else {
                    let width = source[at..].chars().next().map_or(1, char::len_utf8);
                    return Err((at..at + width, "this character means nothing here"));
                };
                at += symbol.len();
                Kind::Symbol
            }
        };
        tokens.push(Token {
            kind,
            span: start..at,
        });
    }
    tokens.push(Token {
        kind: Kind::End,
        span: range.end..range.end,
    });
    Ok(tokens)
}

fn is_word_start(byte: u8) -> bool {
    byte.is_ascii_alphabetic() || byte == b'_'
}

fn word_end(bytes: &[u8], mut at: usize) -> usize {
    let is_part = |b: &u8| b.is_ascii_alphanumeric() || *b == b'_';
    while bytes.get(at).is_some_and(is_part) {
        at += 1;
    }
    at
}

fn number_end(bytes: &[u8], mut at: usize) -> usize {
    let digits = |mut at: usize| {
        while bytes.get(at).is_some_and(u8::is_ascii_digit) {
            at += 1;
        }
        at
    };
    at = digits(at);
    if bytes.get(at) == Some(&b'.') {
        at = digits(at + 1);
    }
    if matches!(bytes.get(at), Some(b'e' | b'E')) {
        let signed = at + 1 + usize::from(matches!(bytes.get(at + 1), Some(b'+' | b'-')));
        if bytes.get(signed).is_some_and(u8::is_ascii_digit) {
            at = digits(signed);
        }
    }
    at
}

/// A comment goes on in the next line after an odd number of backslashes.
fn comment_end(bytes: &[u8], mut at: usize) -> usize {
    let mut backslashes = 0;
    while let Some(&byte) = bytes.get(at) {
        match byte {
            b'\\' => backslashes += 1,
            b'\r' if bytes.get(at + 1) == Some(&b'\n') => {}
            b'\n' if backslashes % 2 == 0 => return at,
            _ => backslashes = 0,
        }
        at += 1;
    }
    at
}

/// The end of the string that starts at `start`, with the same quote. Works with a stack of its own, not the thread's:
/// interpolations nest.
fn text_end(bytes: &[u8], start: usize) -> Result<usize, (Range<usize>, &'static str)> {
    // What is open: strings by their quotes, and parentheses in interpolations. The last is the innermost.
    let mut open = vec![bytes[start]];
    let mut at = start + 1;
    while let (Some(&inner), Some(&byte)) = (open.last(), bytes.get(at)) {
        at += 1;
        match (inner, byte) {
            (b'(', b'#') => at = comment_end(bytes, at),
            (b'(', b')') => drop(open.pop()),
            (b'(', b'(' | b'"' | b'\'') => open.push(byte),
            (b'(', _) => {}
            (_, b'\\') => {
                if bytes.get(at) == Some(&b'(') {
                    open.push(b'(');
                }
                at += 1;
            }
            (quote, _) if quote == byte => drop(open.pop()),
            _ => {}
        }
        if open.is_empty() {
            return Ok(at);
        }
    }
    Err((start..bytes.len(), "this string has no end"))
}
