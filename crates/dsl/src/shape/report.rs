//! The findings of the structural check, in words.

use ferrovia_expr::Value;

use super::forms::is_expression;
use super::hints;
use super::place::{Place, View};
use super::suggest::{all, either, respelled, without_respellings};
use super::vocabulary::{Form, Named, Others, Property, Shape, Variant, Variants};
use crate::diagnostic::{Diagnostic, codes, with_hint};
use crate::source::{Data, Key, Node, Span};

/// Lists of names longer than this are not spelled out in a hint.
const LISTED_NAMES_MAX: usize = 12;

/// What a finding about a value underlines: a scalar itself, a container by its key.
fn mark(node: &Node, place: &Place<'_>) -> Span {
    match node.data {
        Data::Scalar(_) => node.span,
        Data::Sequence(_) | Data::Mapping(_) => place.mark,
    }
}

fn described(node: &Node) -> &'static str {
    match &node.data {
        Data::Scalar(Value::Null) => "empty",
        Data::Scalar(Value::Bool(_)) => "a truth value",
        Data::Scalar(Value::Int(_) | Value::Float(_)) => "a number",
        Data::Scalar(_) => "text",
        Data::Sequence(_) => "a list",
        Data::Mapping(_) => "a mapping",
    }
}

/// Completes "must be …".
fn expected(shape: &Shape) -> String {
    match shape {
        Shape::Any => "a value".to_owned(),
        Shape::Text(_) => "text".to_owned(),
        Shape::Dynamic(Form::Duration) => "a duration such as `PT15M`".to_owned(),
        Shape::Dynamic(_) => "text".to_owned(),
        Shape::Expression | Shape::Wrapped => "an expression".to_owned(),
        Shape::Choice(choices) if choices.len() <= LISTED_NAMES_MAX => {
            either(choices.iter().copied())
        }
        Shape::Choice(_) => "text".to_owned(),
        Shape::Boolean => "`true` or `false`".to_owned(),
        Shape::Integer { .. } => "a whole number".to_owned(),
        Shape::Map { .. } | Shape::Object(_) | Shape::Variants(_) => "a mapping".to_owned(),
        Shape::List(_) => "a list".to_owned(),
        Shape::Named(named) => format!("a list of {}s", named.noun),
        Shape::OneOf(alternatives) => {
            let parts: Vec<String> = alternatives.iter().map(expected).collect();
            parts.join(" or ")
        }
    }
}

pub(super) fn wrong_type(shape: &Shape, node: &Node, place: &Place<'_>) -> Diagnostic {
    let value = node.as_scalar();
    if let (Shape::Text(form) | Shape::Dynamic(form), Some(value)) = (shape, value)
        && !value.is_null()
    {
        return unquoted(*form, value, node, place);
    }
    let finding = Diagnostic::error(
        codes::WRONG_TYPE,
        mark(node, place),
        place.pointer(),
        format!("{} must be {}", place.name(), expected(shape)),
    )
    .label(format!("this is {}", described(node)));
    let doc = || {
        place
            .within
            .and_then(|view| Some(view.find(place.key()?)?.doc.to_owned()))
    };
    with_hint(finding, hints::for_type(shape, value).or_else(doc))
}

fn unquoted(form: Form, value: &Value, node: &Node, place: &Place<'_>) -> Diagnostic {
    Diagnostic::error(
        codes::UNQUOTED,
        node.span,
        place.pointer(),
        format!("{} must be text", place.name()),
    )
    .label(format!("YAML reads this as a {}", value.type_name()))
    .hint(hints::quoted(form, value))
}

pub(super) fn wrong_form(form: Form, text: &str, node: &Node, place: &Place<'_>) -> Diagnostic {
    let code = match form {
        Form::DslVersion => codes::DSL_VERSION,
        Form::NotEmpty => codes::EMPTY_VALUE,
        _ => codes::WRONG_FORM,
    };
    let finding = Diagnostic::error(
        code,
        node.span,
        place.pointer(),
        format!("{} must be {}", place.name(), form.description()),
    );
    if text.trim_start().starts_with("${") && !is_expression(text) {
        return finding
            .label("this expression is not closed")
            .hint("an expression is the whole text: '${ … }'");
    }
    let label = match form {
        Form::NotEmpty => "empty",
        Form::DslVersion => "not supported",
        _ => "does not have this form",
    };
    with_hint(finding.label(label), hints::for_form(form, text))
}

pub(super) fn not_an_expression(node: &Node, place: &Place<'_>) -> Diagnostic {
    Diagnostic::error(
        codes::EXPRESSION_NEEDED,
        node.span,
        place.pointer(),
        format!("as text, {} must be an expression", place.name()),
    )
    .label("this is literal text")
    .hint("write '${ … }' around an expression, or write a mapping")
}

pub(super) fn not_a_choice(
    choices: &[&'static str],
    given: &str,
    node: &Node,
    place: &Place<'_>,
) -> Diagnostic {
    let finding = Diagnostic::error(
        codes::NOT_A_CHOICE,
        node.span,
        place.pointer(),
        format!("{} cannot be `{given}`", place.name()),
    )
    .label("not one of the allowed values");
    let listed = (choices.len() <= LISTED_NAMES_MAX)
        .then(|| format!("allowed are {}", all(without_respellings(choices))));
    let meant =
        respelled(given, choices.iter().copied()).map(|meant| format!("did you mean `{meant}`?"));
    with_hint(finding, meant.or(listed))
}

pub(super) fn out_of_range(min: i64, max: i64, node: &Node, place: &Place<'_>) -> Diagnostic {
    let range = if max == i64::MAX {
        format!("at least {min}")
    } else {
        format!("from {min} to {max}")
    };
    Diagnostic::error(
        codes::OUT_OF_RANGE,
        node.span,
        place.pointer(),
        format!("{} must be a whole number {range}", place.name()),
    )
    .label("out of range")
}

pub(super) fn empty(what: &str, node: &Node, place: &Place<'_>) -> Diagnostic {
    let finding = Diagnostic::error(
        codes::EMPTY_VALUE,
        mark(node, place),
        place.pointer(),
        format!("{} must not be empty", place.name()),
    );
    finding.label(format!("needs at least one {what}"))
}

/// Required properties that are not there.
pub(super) fn missing(properties: &[&'static Property], place: &Place<'_>) -> Diagnostic {
    let names = all(properties.iter().map(|property| property.name));
    let hint = match properties {
        [one] => format!("`{}`: {}{}", one.name, one.doc, hints::needs(&one.shape)),
        _ => "all of these are required here".to_owned(),
    };
    Diagnostic::error(
        codes::MISSING_PROPERTY,
        place.mark,
        place.pointer(),
        format!("{} lacks {names}", place.name()),
    )
    .label(format!("needs {names}"))
    .hint(hint)
}

/// None of several groups of properties is there.
pub(super) fn missing_any(groups: &[&[&str]], place: &Place<'_>) -> Diagnostic {
    let wanted = if groups.iter().all(|group| group.len() == 1) {
        either(groups.iter().copied().flatten().copied())
    } else {
        let groups: Vec<_> = groups
            .iter()
            .map(|group| all(group.iter().copied()))
            .collect();
        groups.join(", or ")
    };
    Diagnostic::error(
        codes::MISSING_PROPERTY,
        place.mark,
        place.pointer(),
        format!("{} needs {wanted}", place.name()),
    )
    .label("neither is here")
}

pub(super) fn exclusive(first: &Key, second: &Key, place: &Place<'_>) -> Diagnostic {
    Diagnostic::error(
        codes::EXCLUSIVE,
        second.span,
        place.pointer_to(&second.name),
        format!("`{}` and `{}` exclude one another", first.name, second.name),
    )
    .label("or this")
    .also(first.span, "either this")
    .hint("remove one of the two")
}

pub(super) fn needs_another(key: &Key, needed: &str, place: &Place<'_>) -> Diagnostic {
    Diagnostic::error(
        codes::NEEDS_ANOTHER,
        key.span,
        place.pointer_to(&key.name),
        format!("`{}` stands only together with `{needed}`", key.name),
    )
    .label(format!("without `{needed}`"))
    .hint(format!(
        "add `{needed}` to {}, or remove `{}`",
        place.name(),
        key.name
    ))
}

/// A property that is not described where it stands.
pub(super) fn unknown(
    key: &Key,
    view: View,
    suggestion: Option<&str>,
    others: Others,
    place: &Place<'_>,
) -> Diagnostic {
    let kind = view
        .family
        .map(|(family, variant)| format!("a {} with `{}`", family.noun, variant.key));
    let owner = kind.unwrap_or_else(|| place.name());
    let pointer = place.pointer_to(&key.name);
    let finding = match others {
        Others::Refused => Diagnostic::error(
            codes::UNKNOWN_PROPERTY,
            key.span,
            pointer,
            format!("{owner} has no property `{}`", key.name),
        )
        .label("unknown property"),
        Others::Warned | Others::Free => Diagnostic::warning(
            codes::LIKELY_TYPO,
            key.span,
            pointer,
            format!("`{}` has no meaning in {owner}", key.name),
        )
        .label("perhaps a typing error"),
    };
    let names = || view.properties().map(|property| property.name);
    let listed = || {
        let short = names().count() <= LISTED_NAMES_MAX;
        short.then(|| format!("it can have {}", all(names())))
    };
    with_hint(
        finding,
        suggestion
            .map(|meant| format!("did you mean `{meant}`?"))
            .or_else(listed),
    )
}

/// A property that has a meaning, elsewhere.
pub(super) fn misplaced(key: &Key, hint: String, others: Others, place: &Place<'_>) -> Diagnostic {
    let message = format!("`{}` does not belong in {}", key.name, place.name());
    let pointer = place.pointer_to(&key.name);
    let finding = match others {
        Others::Refused => Diagnostic::error(codes::MISPLACED, key.span, pointer, message),
        Others::Warned | Others::Free => {
            Diagnostic::warning(codes::MISPLACED, key.span, pointer, message)
        }
    };
    finding.label("in the wrong place").hint(hint)
}

/// `owned` is a property that is there and the variant it belongs to.
pub(super) fn no_kind(
    family: &Variants,
    owned: Option<(&Key, &Variant)>,
    place: &Place<'_>,
) -> Diagnostic {
    let hint = match owned {
        Some((key, variant)) => {
            format!("add `{}`: `{}` belongs to it", variant.key, key.name)
        }
        None => format!("give it one of {}", hints::keys(family)),
    };
    Diagnostic::error(
        codes::NO_KIND,
        place.mark,
        place.pointer(),
        format!("{} does not say {}", place.name(), family.question),
    )
    .label(format!("a key must say {}", family.question))
    .hint(hint)
}

pub(super) fn misspelled_kind(
    key: &Key,
    meant: &str,
    family: &Variants,
    place: &Place<'_>,
) -> Diagnostic {
    Diagnostic::error(
        codes::UNKNOWN_PROPERTY,
        key.span,
        place.pointer_to(&key.name),
        format!("`{}` does not say {}", key.name, family.question),
    )
    .label("unknown property")
    .hint(format!("did you mean `{meant}`?"))
}

pub(super) fn several_kinds(
    first: &Key,
    second: &Key,
    family: &Variants,
    place: &Place<'_>,
) -> Diagnostic {
    let name = place.name();
    Diagnostic::error(
        codes::SEVERAL_KINDS,
        second.span,
        place.pointer(),
        format!(
            "{name} says twice {}: `{}` and `{}`",
            family.question, first.name, second.name
        ),
    )
    .label("and again here")
    .also(first.span, "says it here")
    .hint(format!(
        "keep one of the two; the other needs a {} of its own",
        family.noun
    ))
}

/// A list of named items that is written as a mapping.
pub(super) fn not_a_list(named: &Named, entries: &[(Key, Node)], place: &Place<'_>) -> Diagnostic {
    let bare_item = entries
        .first()
        .is_some_and(|(key, _)| named.items.describes(&key.name));
    let hint = match entries.first() {
        Some((key, _)) if bare_item => format!(
            "a single {} stands in a list too, under a name: `- name: {{ {}: … }}`",
            named.noun, key.name
        ),
        Some((key, _)) => format!("put `- ` before each name, as in `- {}: …`", key.name),
        None => "write `[]` for an empty list".to_owned(),
    };
    Diagnostic::error(
        codes::NOT_A_LIST,
        place.mark,
        place.pointer(),
        format!("{} must be a list of {}s", place.name(), named.noun),
    )
    .label("this is a mapping")
    .hint(hint)
}

/// A list item that has several keys where only its name belongs.
pub(super) fn several_names(
    named: &Named,
    entries: &[(Key, Node)],
    place: &Place<'_>,
) -> Option<Diagnostic> {
    let [(first, value), (second, _), ..] = entries else {
        return None;
    };
    let noun = named.noun;
    let finding = |span: Span, message: String| {
        Diagnostic::error(codes::SEVERAL_NAMES, span, place.pointer(), message)
    };
    if named.items.describes(&first.name) && value.entries().is_none() {
        return Some(no_name(named, first, place));
    }
    let message = format!(
        "{} has several keys where only the name of the {noun} belongs",
        place.name()
    );
    let found =
        if value.as_scalar().is_some_and(Value::is_null) || named.items.describes(&second.name) {
            finding(second.span, message)
                .label(format!("stands beside `{}`", first.name))
                .also(first.span, format!("the {noun}"))
                .hint(format!(
                    "indent it further than `{}`, so that it belongs to the {noun}",
                    first.name
                ))
        } else {
            finding(second.span, message)
                .label(format!("a second {noun}?"))
                .also(first.span, format!("the {noun}"))
                .hint(format!("begin each {noun} with `- `"))
        };
    Some(found)
}

/// An item that begins with its content instead of its name.
pub(super) fn no_name(named: &Named, key: &Key, place: &Place<'_>) -> Diagnostic {
    let noun = named.noun;
    Diagnostic::error(
        codes::SEVERAL_NAMES,
        key.span,
        place.pointer(),
        format!("the {noun} has no name"),
    )
    .label(format!("expected the name of the {noun}"))
    .hint(format!(
        "write a name first and indent the {noun} under it: `- myName: {{ {}: … }}`",
        key.name
    ))
}

pub(super) fn not_named(named: &Named, node: &Node, place: &Place<'_>) -> Diagnostic {
    let noun = named.noun;
    Diagnostic::error(
        codes::SEVERAL_NAMES,
        mark(node, place),
        place.pointer(),
        format!("{} must be a name with its {noun}", place.name()),
    )
    .label(format!("this is {}", described(node)))
    .hint(format!("write `- name: …` with the {noun} under the name"))
}

pub(super) fn old_format(key: &Key) -> Diagnostic {
    Diagnostic::error(
        codes::OLD_FORMAT,
        key.span,
        format!("/{}", key.name),
        "this is the old Serverless Workflow 0.8 format",
    )
    .label("not part of the language since 1.0")
    .hint("the language was rewritten for 1.0: a document has `document` and `do`, and tasks instead of states")
}
