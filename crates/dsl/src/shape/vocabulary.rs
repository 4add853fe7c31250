//! The words in which the language is described. The description itself is in the sibling modules
//! of the language's parts; the structural check and the JSON Schema are both read from it.

/// What a value must look like.
#[derive(Clone, Copy)]
pub(super) enum Shape {
    Any,
    /// A literal text.
    Text(Form),
    /// A literal text of this form, or an expression in its place.
    Dynamic(Form),
    /// A text that is evaluated, with or without `${ }`.
    Expression,
    /// An expression in `${ }`.
    Wrapped,
    Choice(&'static [&'static str]),
    Boolean,
    Integer {
        min: i64,
        max: i64,
    },
    /// Free names with values of one shape.
    Map {
        values: &'static Shape,
        least: usize,
    },
    List(&'static Shape),
    Named(&'static Named),
    Object(&'static Object),
    Variants(&'static Variants),
    /// Alternatives, each of another JSON type.
    OneOf(&'static [Shape]),
}

/// The form of a text.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    Free,
    NotEmpty,
    /// A DNS label.
    Name,
    Version,
    DslVersion,
    Uri,
    Duration,
    DateTime,
    Host,
}

/// A list whose items are objects with one key: the item's name.
pub(super) struct Named {
    /// What one item is called in messages.
    pub(super) noun: &'static str,
    pub(super) items: Shape,
    pub(super) least: usize,
    pub(super) doc: &'static str,
}

pub(super) struct Object {
    /// The name of its definition in the JSON Schema.
    pub(super) name: &'static str,
    pub(super) doc: &'static str,
    pub(super) properties: &'static [Property],
    pub(super) others: Others,
    pub(super) rules: &'static [Rule],
}

pub(super) struct Property {
    pub(super) name: &'static str,
    pub(super) shape: Shape,
    pub(super) presence: Presence,
    pub(super) doc: &'static str,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Presence {
    Required,
    Optional,
}

/// What becomes of properties that are not described.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Others {
    Refused,
    /// The standard leaves the object open: a likely typing error is a warning.
    Warned,
    Free,
}

/// What several properties owe each other.
pub(super) enum Rule {
    /// Exactly one group is present, and complete.
    OneGroup(&'static [&'static [&'static str]]),
    /// At least one of them is present.
    Some(&'static [&'static str]),
    NotEmpty,
    Needs {
        property: &'static str,
        other: &'static str,
    },
    /// `property` is required when `other` has this value and forbidden otherwise.
    ExactlyWhen {
        property: &'static str,
        other: &'static str,
        value: &'static str,
    },
}

/// An object that says what it is by one of its keys.
pub(super) struct Variants {
    pub(super) name: &'static str,
    pub(super) noun: &'static str,
    /// Completes "the task does not say …".
    pub(super) question: &'static str,
    pub(super) doc: &'static str,
    /// Properties that every variant has.
    pub(super) common: &'static [Property],
    pub(super) variants: &'static [Variant],
}

pub(super) struct Variant {
    pub(super) name: &'static str,
    pub(super) key: &'static str,
    /// Where variants share a key, its value decides; the one without a value is for all others.
    pub(super) value: Option<&'static str>,
    pub(super) doc: &'static str,
    /// The properties besides the common ones, the deciding key among them.
    pub(super) properties: &'static [Property],
}

pub(super) const fn required(name: &'static str, shape: Shape, doc: &'static str) -> Property {
    Property {
        name,
        shape,
        presence: Presence::Required,
        doc,
    }
}

pub(super) const fn optional(name: &'static str, shape: Shape, doc: &'static str) -> Property {
    Property {
        name,
        shape,
        presence: Presence::Optional,
        doc,
    }
}

/// A closed object without rules.
pub(super) const fn object(
    name: &'static str,
    doc: &'static str,
    properties: &'static [Property],
) -> Object {
    Object {
        name,
        doc,
        properties,
        others: Others::Refused,
        rules: &[],
    }
}

impl Object {
    pub(super) const fn with_rules(mut self, rules: &'static [Rule]) -> Self {
        self.rules = rules;
        self
    }

    pub(super) const fn with_others(mut self, others: Others) -> Self {
        self.others = others;
        self
    }
}

pub(super) const TEXT: Shape = Shape::Text(Form::Free);
pub(super) const NOT_EMPTY: Shape = Shape::Text(Form::NotEmpty);
pub(super) const FREE_MAP: Shape = Shape::Map {
    values: &Shape::Any,
    least: 0,
};
/// A free map, or an expression that gives one.
pub(super) const MAP_OR_EXPRESSION: Shape = Shape::OneOf(&[FREE_MAP, Shape::Wrapped]);
