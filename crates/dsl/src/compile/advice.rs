//! What an author may have meant by an expression that is none, or stands where none is evaluated.
//!
//! Owns the habits of other languages and the words for them in jq. Knows nothing of documents.

use std::ops::Range;

use ferrovia_expr::{ExprError, ExprErrorKind};

use super::expression::OPENING;

/// Names the wrong thing under its place.
pub(super) fn label(error: &ExprError) -> Option<&'static str> {
    match error.kind {
        ExprErrorKind::UnknownFunction => Some("unknown function"),
        ExprErrorKind::UnknownVariable => Some("unknown variable"),
        ExprErrorKind::Forbidden => Some("not available"),
        ExprErrorKind::Syntax | ExprErrorKind::Nesting | ExprErrorKind::Size => None,
    }
}

/// What to do about an error that the expression language itself has no advice for.
pub(super) fn about(source: &str, error: &ExprError) -> Option<String> {
    let found = source.get(error.span.clone()).unwrap_or_default();
    match error.kind {
        ExprErrorKind::Syntax => syntax(source, found, error).map(str::to_owned),
        ExprErrorKind::UnknownFunction => function(source, found, error),
        ExprErrorKind::Size => {
            Some("split it over several tasks, or move it into a script".to_owned())
        }
        ExprErrorKind::Nesting => {
            Some("give parts a name with `… as $name |`, or split it over several tasks".to_owned())
        }
        ExprErrorKind::UnknownVariable | ExprErrorKind::Forbidden => None,
    }
}

fn syntax(source: &str, found: &str, error: &ExprError) -> Option<&'static str> {
    let before = source
        .get(..error.span.start)
        .unwrap_or_default()
        .trim_end();
    let ends = found.is_empty();
    Some(match found {
        _ if source.trim().is_empty() => "write an expression between `${` and `}`",
        _ if source.contains(OPENING) => {
            "`${ … }` stands around the whole expression, not inside it; texts take values with `\\(…)`"
        }
        "&" | "&&" => "jq writes `and`",
        "|" if before.ends_with('|') => "jq writes `or`; `//` gives a default for null",
        "!" => "jq writes `… | not`, and `!=` for unequal",
        "=" | "==" | "===" => "jq compares with `==`",
        ")" if before.ends_with('(') => {
            "a function without arguments is called without parentheses"
        }
        _ if before.ends_with('?') && !ends => "jq writes `if … then … else … end`",
        _ if error.message.starts_with("expected `}`") && !ends => {
            "members of an object are separated by `,`, and their values need parentheses around operators"
        }
        _ if error.message.starts_with("expected `]`") && !ends => {
            "items of an array are separated by `,`"
        }
        _ => return None,
    })
}

fn function(source: &str, found: &str, error: &ExprError) -> Option<String> {
    if found.starts_with('@') {
        return Some(
            "formats are @text, @json, @csv, @tsv, @html, @uri, @urid, @sh, @base64 and @base64d"
                .to_owned(),
        );
    }
    if let Some((_, here)) = HABITS.iter().find(|(names, _)| {
        let mut names = names.split(' ');
        names.any(|name| name.eq_ignore_ascii_case(found))
    }) {
        return Some(format!("jq has {here} for this"));
    }
    let after = source.get(error.span.end..).unwrap_or_default();
    let before = source.get(..error.span.start).unwrap_or_default();
    let is_called = after.trim_start().starts_with('(') || before.trim_end().ends_with('|');
    (!is_called).then(|| format!("a text is written \"{found}\", a property of the input .{found}"))
}

/// Functions of other languages, and how jq says it.
const HABITS: &[(&str, &str)] = &[
    (
        "upcase upper uppercase toUpper toUpperCase",
        "`ascii_upcase`",
    ),
    (
        "downcase lower lowercase toLower toLowerCase",
        "`ascii_downcase`",
    ),
    ("len size count strlen", "`length`"),
    ("substring substr slice mid left right", "`.[from:to]`"),
    (
        "int float number parseInt parseFloat toNumber Number",
        "`tonumber`",
    ),
    ("str string toString String", "`tostring`"),
    ("sum total", "`add`"),
    ("avg average mean", "`add / length`"),
    ("concat", "`+`, and `\\(…)` inside a text,"),
    ("replace replaceAll", "`sub` and `gsub`"),
    ("includes indexOf", "`contains` and `index`"),
    ("filter where", "`map(select(…))`"),
    ("coalesce default ifNull nvl", "`//`"),
    ("isNull isEmpty", "`== null` and `length == 0`"),
    ("distinct uniq", "`unique`"),
    ("sortBy orderBy", "`sort_by(…)`"),
    ("groupBy", "`group_by(…)`"),
    (
        "date today currentDate getDate",
        "`now | strftime(\"%Y-%m-%d\")`",
    ),
    ("parse parseJson fromJson", "`fromjson`"),
    ("stringify toJson", "`tojson`"),
    ("ceiling", "`ceil`"),
];

/// An expression inside a text, where it is not evaluated.
pub(super) struct Interpolation {
    pub(super) part: Range<usize>,
    pub(super) hint: String,
}

/// Finds what looks like an expression in a text that is none as a whole.
pub(super) fn interpolation(text: &str, pointer: &str) -> Option<Interpolation> {
    let start = text.find(OPENING)?;
    let part = start..closing(text, start).unwrap_or(text.len());
    let inner = text
        .get(start + OPENING.len()..part.end - 1)
        .unwrap_or_default()
        .trim();
    let hint = if is_program(pointer) {
        // Shells and JavaScript write `${name}` themselves.
        if !inner.starts_with(['.', '$']) {
            return None;
        }
        format!("hand the value over: `environment: {{ VALUE: '${{ {inner} }}' }}`")
    } else if text.trim_end().contains('\n') {
        format!("make the whole text one expression, with `\\({inner})` at this place")
    } else {
        match interpolated(text) {
            Some(whole) => format!("make the whole text one expression: {whole}"),
            None => "make the whole text one expression: `${ \"Hello \\(.name)\" }`".to_owned(),
        }
    };
    Some(Interpolation { part, hint })
}

/// Whether a text is a program in a language of its own.
fn is_program(pointer: &str) -> bool {
    pointer.ends_with("/shell/command") || pointer.ends_with("/script/code")
}

/// The end of the `${ … }` that begins at a place of a text. Braces in quotes do not count.
fn closing(text: &str, start: usize) -> Option<usize> {
    let mut depth = 0;
    let mut quoted = false;
    let mut escaped = false;
    for (offset, character) in text[start..].char_indices() {
        match character {
            _ if escaped => escaped = false,
            '\\' if quoted => escaped = true,
            '"' => quoted = !quoted,
            '{' if !quoted => depth += 1,
            '}' if !quoted => {
                depth -= 1;
                if depth == 0 {
                    return Some(start + offset + 1);
                }
            }
            _ => {}
        }
    }
    None
}

/// A text with `${ … }` in it as the one expression that was meant.
fn interpolated(text: &str) -> Option<String> {
    let mut whole = String::from("${ \"");
    let mut rest = text.trim_end();
    if rest.contains('\n') {
        return None;
    }
    while let Some(start) = rest.find(OPENING) {
        let end = closing(rest, start)?;
        let inner = rest[start + OPENING.len()..end - 1].trim();
        push_quoted(&mut whole, &rest[..start]);
        whole.push_str(&format!("\\({inner})"));
        rest = &rest[end..];
    }
    push_quoted(&mut whole, rest);
    whole.push_str("\" }");
    // As YAML wants it in single quotes.
    Some(format!("'{}'", whole.replace('\'', "''")))
}

fn push_quoted(to: &mut String, text: &str) {
    to.push_str(&text.replace('\\', "\\\\").replace('"', "\\\""));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_with_an_expression_in_it_is_rewritten_as_one_expression() {
        for (text, expected) in [
            ("Hello ${ .name }", Some(r#"'${ "Hello \(.name)" }'"#)),
            (
                "${.a}/${ .b | \"}\" }",
                Some(r#"'${ "\(.a)/\(.b | "}")" }'"#),
            ),
            ("it's \"${.a}\"", Some(r#"'${ "it''s \"\(.a)\"" }'"#)),
            ("${ {a: {}} } x", Some(r#"'${ "\({a: {}}) x" }'"#)),
            ("Hello ${ .name", None),
        ] {
            assert_eq!(interpolated(text).as_deref(), expected, "{text}");
        }
    }

    #[test]
    fn programs_keep_their_own_variables() {
        let hint = |text, pointer| interpolation(text, pointer).map(|found| found.hint);
        assert_eq!(hint("echo ${HOME}", "/do/0/a/run/shell/command"), None);
        assert_eq!(hint("log(`${name}`)", "/do/0/a/run/script/code"), None);
        assert_eq!(
            hint("echo ${ .id }", "/do/0/a/run/shell/command").as_deref(),
            Some("hand the value over: `environment: { VALUE: '${ .id }' }`")
        );
        assert!(hint("Dear ${name}", "/do/0/a/set/text").is_some());
    }
}
