//! Explains what a YAML parser could not read, in the words of the person who wrote the text.

use granit_parser::ErrorKind;

use super::Span;
use crate::diagnostic::{Diagnostic, codes};

struct Explanation {
    code: &'static str,
    message: String,
    label: &'static str,
    hint: &'static str,
}

/// The finding for a parser error at byte `at`. `opened` is where the innermost open container began.
pub(super) fn explain(
    kind: &ErrorKind,
    text: &str,
    at: usize,
    opened: Option<usize>,
    pointer: String,
) -> Diagnostic {
    let at = text.floor_char_boundary(at.min(text.len()));
    if let Some(span) = tab_in_indentation(text, at) {
        return tab(span, pointer);
    }
    if let Some(bracket) = opened.and_then(|opened| forgotten_bracket(text, opened, at)) {
        return not_closed(bracket, pointer);
    }
    let after_quote = matches!(
        kind,
        ErrorKind::InvalidTrailingSingleQuotedScalar | ErrorKind::InvalidTrailingDoubleQuotedScalar
    );
    let next_quote = text[at..].starts_with(['"', '\'']);
    let flow = in_brackets(text, opened) || in_brackets(text.trim_start(), Some(0));
    let explanation = if after_quote && next_quote && flow {
        missing_comma()
    } else {
        explanation(kind)
    };
    Diagnostic::error(
        explanation.code,
        place(text, at),
        pointer,
        explanation.message,
    )
    .label(explanation.label)
    .hint(explanation.hint)
}

fn in_brackets(text: &str, opened: Option<usize>) -> bool {
    opened.is_some_and(|opened| text[opened..].starts_with(['[', '{']))
}

/// An open bracket, when a later line begins like an item of a list outside of brackets.
fn forgotten_bracket(text: &str, opened: usize, at: usize) -> Option<Span> {
    let line = text[..at].rfind('\n').map_or(0, |line| line + 1);
    let begins_item = text[line..].trim_start_matches(' ').starts_with("- ");
    (in_brackets(text, Some(opened)) && opened < line && begins_item)
        .then(|| Span::of(opened, opened + 1))
}

fn not_closed(bracket: Span, pointer: String) -> Diagnostic {
    Diagnostic::error(
        codes::NOT_CLOSED,
        bracket,
        pointer,
        "a bracket is not closed",
    )
    .label("has no partner")
    .hint("every `{` needs its `}` and every `[` its `]`")
}

fn tab(span: Span, pointer: String) -> Diagnostic {
    Diagnostic::error(
        codes::TAB_INDENTATION,
        span,
        pointer,
        "YAML is indented with spaces, not with tabs",
    )
    .label("a tab")
    .hint("replace it by two spaces; most editors can do so for the whole file")
}

/// The run of tabs that indents the line of `at` or a neighbour: the parser stops near the tab.
fn tab_in_indentation(text: &str, at: usize) -> Option<Span> {
    let start = text[..at].rfind('\n').map_or(0, |line| line + 1);
    let previous = text[..start.saturating_sub(1)]
        .rfind('\n')
        .map_or(0, |line| line + 1);
    let next = text[at..]
        .find('\n')
        .map_or(text.len(), |line| at + line + 1);
    [start, previous, next].into_iter().find_map(|start| {
        let line = text[start..].lines().next()?;
        let blank = &line[..line.len() - line.trim_start_matches([' ', '\t']).len()];
        let tab = blank.find('\t')?;
        let run = blank[tab..].bytes().take_while(|b| *b == b'\t').count();
        Some(Span::of(start + tab, start + tab + run))
    })
}

/// One character at `at`; at the end of the text, the last character that is not white space.
fn place(text: &str, at: usize) -> Span {
    let at = if text[at..].trim().is_empty() {
        let last = text.trim_end().char_indices().next_back();
        last.map_or(0, |(at, _)| at)
    } else {
        at
    };
    let length = text[at..].chars().next().map_or(0, char::len_utf8);
    Span::of(at, at + length)
}

fn explanation(kind: &ErrorKind) -> Explanation {
    let say = |code, message: &str, label, hint| Explanation {
        code,
        message: message.to_owned(),
        label,
        hint,
    };
    match kind {
        ErrorKind::UnclosedQuotedScalar | ErrorKind::DocumentIndicatorInQuotedScalar => say(
            codes::NOT_CLOSED,
            "a quoted text is not closed",
            "has no closing quote",
            "end the text with the same quote it began with; inside '…' a quote is written twice",
        ),
        ErrorKind::UnclosedFlowCollection { .. }
        | ErrorKind::MismatchedFlowCollectionEnd { .. }
        | ErrorKind::UnexpectedEofFlowMapping
        | ErrorKind::UnexpectedEofFlowSequence
        | ErrorKind::UnexpectedEofImplicitFlowMapping => say(
            codes::NOT_CLOSED,
            "a bracket is not closed",
            "has no partner",
            "every `{` needs its `}` and every `[` its `]`",
        ),
        ErrorKind::UnknownAnchor => say(
            codes::UNKNOWN_ANCHOR,
            "the alias names an anchor that is not defined before it",
            "no such anchor",
            "mark the value to repeat with `&name`; quote the text when it only happens to begin with `*`",
        ),
        ErrorKind::UndeclaredTagHandle => say(
            codes::UNKNOWN_TAG,
            "the tag is not known",
            "unknown tag",
            "remove it, or quote the text when it only happens to begin with `!`",
        ),
        ErrorKind::TabNotAllowed
        | ErrorKind::TabInBlockIndentation
        | ErrorKind::TabInIndentation
        | ErrorKind::TabAtBlockScalarStart
        | ErrorKind::TabInPlainScalar => say(
            codes::TAB_INDENTATION,
            "YAML is indented with spaces, not with tabs",
            "a tab before this",
            "replace it by two spaces; most editors can do so for the whole file",
        ),
        ErrorKind::RecursionLimitExceeded => say(
            codes::TOO_DEEP,
            "the document is nested too deeply",
            "one level too deep",
            "move inner tasks into a workflow or function of their own",
        ),
        _ => syntax(kind),
    }
}

/// Mistakes against the grammar itself. The parser's set of kinds is open; the rest keeps its words.
fn syntax(kind: &ErrorKind) -> Explanation {
    let say = |message: &str, label, hint| Explanation {
        code: codes::SYNTAX,
        message: message.to_owned(),
        label,
        hint,
    };
    match kind {
        ErrorKind::MappingValueNotAllowed | ErrorKind::InvalidColonPlacement => say(
            "a `:` is not allowed here",
            "unexpected `:`",
            "quote the text when the colon belongs to it, as in '${ { a: 1 } }'; otherwise look at the indentation",
        ),
        ErrorKind::UnexpectedCharacter { .. } => say(
            "a text cannot begin with this character",
            "needs quotes",
            "put the whole text in quotes: '…'",
        ),
        ErrorKind::ExpectedBlockMappingKey
        | ErrorKind::InvalidIndentation
        | ErrorKind::ExpectedBlockSequenceEntry
        | ErrorKind::MappingKeyNotAllowed
        | ErrorKind::BlockSequenceEntryNotAllowed
        | ErrorKind::InvalidFlowScalarIndent
        | ErrorKind::InvalidQuotedScalarIndent
        | ErrorKind::InvalidBlockScalarIndent => say(
            "the line does not fit the lines above it",
            "indentation or punctuation is off",
            "keys of one mapping begin in the same column, and so do the `-` of one list; a quoted text ends at its closing quote",
        ),
        ErrorKind::SimpleKeyExpected | ErrorKind::InvalidSimpleKey => say(
            "a key is not followed by `:`",
            "expected `key: value`",
            "write a colon and a space after the key",
        ),
        ErrorKind::ExpectedFlowMappingSeparator | ErrorKind::ExpectedFlowSequenceSeparator => {
            missing_comma()
        }
        ErrorKind::InvalidTrailingSingleQuotedScalar
        | ErrorKind::InvalidTrailingDoubleQuotedScalar => say(
            "something follows a quoted text",
            "after the closing quote",
            "put the whole text in quotes, and write a quote inside '…' twice",
        ),
        ErrorKind::UnknownQuotedScalarEscape => say(
            "the backslash begins no known escape",
            "unknown escape",
            "in \"…\" write `\\\\` for a backslash, or use '…' where a backslash is only a backslash",
        ),
        other => Explanation {
            code: codes::SYNTAX,
            message: format!("the text is no valid YAML: {other}"),
            label: "here",
            hint: "quote texts that hold special characters, and look at the indentation above",
        },
    }
}

fn missing_comma() -> Explanation {
    Explanation {
        code: codes::SYNTAX,
        message: "a comma or a closing bracket is missing".to_owned(),
        label: "expected `,` before this",
        hint: "separate the entries of {…} and […] with commas, and quote texts that hold brackets, commas or colons",
    }
}
