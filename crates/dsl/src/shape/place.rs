//! Where the check is: the way from the root to a value, and the objects passed on it.

use super::vocabulary::{Object, Presence, Property, Shape, Variant, Variants};
use crate::source::{Key, Span, push_step};

/// One step of the way to a value, linked to the steps before it.
pub(super) struct Place<'a> {
    pub(super) parent: Option<&'a Place<'a>>,
    pub(super) step: Step<'a>,
    /// What a finding about the whole value underlines: its key, where it has one.
    pub(super) mark: Span,
    /// The object of which this is a described property.
    pub(super) within: Option<View>,
}

#[derive(Clone, Copy)]
pub(super) enum Step<'a> {
    Root,
    Key(&'a str),
    Index(usize),
}

impl<'a> Place<'a> {
    pub(super) fn root(mark: Span) -> Self {
        Place {
            parent: None,
            step: Step::Root,
            mark,
            within: None,
        }
    }

    pub(super) fn property(&'a self, key: &'a Key, within: View) -> Place<'a> {
        Place {
            within: Some(within),
            ..self.entry(key)
        }
    }

    /// A value under a free name.
    pub(super) fn entry(&'a self, key: &'a Key) -> Place<'a> {
        Place {
            parent: Some(self),
            step: Step::Key(&key.name),
            mark: key.span,
            within: None,
        }
    }

    pub(super) fn item(&'a self, index: usize, mark: Span) -> Place<'a> {
        Place {
            parent: Some(self),
            step: Step::Index(index),
            mark,
            within: None,
        }
    }

    pub(super) fn pointer(&self) -> String {
        let mut pointer = self.parent.map_or_else(String::new, Place::pointer);
        match self.step {
            Step::Root => {}
            Step::Key(name) => push_step(&mut pointer, name),
            Step::Index(index) => push_step(&mut pointer, &index.to_string()),
        }
        pointer
    }

    pub(super) fn pointer_to(&self, name: &str) -> String {
        let mut pointer = self.pointer();
        push_step(&mut pointer, name);
        pointer
    }

    pub(super) fn key(&self) -> Option<&'a str> {
        match self.step {
            Step::Key(name) => Some(name),
            Step::Root | Step::Index(_) => None,
        }
    }

    /// What the value is called in messages.
    pub(super) fn name(&self) -> String {
        match (self.step, self.parent) {
            (Step::Key(name), _) => format!("`{name}`"),
            (Step::Index(index), Some(list)) => format!("item {} of {}", index + 1, list.name()),
            (Step::Index(_) | Step::Root, _) => "the document".to_owned(),
        }
    }
}

/// The properties an object may have.
#[derive(Clone, Copy)]
pub(super) struct View {
    pub(super) own: &'static [Property],
    pub(super) common: &'static [Property],
    /// Of an object that says what it is by a key: what it could have been, and what it is.
    pub(super) family: Option<(&'static Variants, &'static Variant)>,
}

impl View {
    pub(super) fn of(object: &'static Object) -> Self {
        View {
            own: object.properties,
            common: &[],
            family: None,
        }
    }

    pub(super) fn of_variant(family: &'static Variants, variant: &'static Variant) -> Self {
        View {
            own: variant.properties,
            common: family.common,
            family: Some((family, variant)),
        }
    }

    pub(super) fn properties(self) -> impl Iterator<Item = &'static Property> + Clone {
        self.own.iter().chain(self.common)
    }

    pub(super) fn find(self, name: &str) -> Option<&'static Property> {
        self.properties().find(|property| property.name == name)
    }

    pub(super) fn required(self) -> impl Iterator<Item = &'static Property> + Clone {
        self.properties()
            .filter(|property| property.presence == Presence::Required)
    }
}

impl Shape {
    /// Whether an object of this shape can have a property of this name. Free maps do not count.
    pub(super) fn describes(&self, name: &str) -> bool {
        let has = |properties: &[Property]| properties.iter().any(|p| p.name == name);
        match self {
            Shape::Object(object) => has(object.properties),
            Shape::Variants(family) => {
                has(family.common) || family.variants.iter().any(|v| has(v.properties))
            }
            Shape::OneOf(alternatives) => alternatives.iter().any(|shape| shape.describes(name)),
            Shape::Any
            | Shape::Text(_)
            | Shape::Dynamic(_)
            | Shape::Expression
            | Shape::Wrapped
            | Shape::Choice(_)
            | Shape::Boolean
            | Shape::Integer { .. }
            | Shape::Map { .. }
            | Shape::List(_)
            | Shape::Named(_) => false,
        }
    }
}
