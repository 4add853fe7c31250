//! Walks a document along the description of the language and reports what does not fit.

use std::cell::LazyCell;

use ferrovia_expr::Value;

use super::FINDINGS_MAX;
use super::forms::is_expression;
use super::place::{Place, View};
use super::report;
use super::rules::Subject;
use super::suggest::{closest, respelled};
use super::task::TASK_KINDS;
use super::vocabulary::{Form, Named, Object, Others, Property, Rule, Shape, Variant, Variants};
use super::workflow::DOCUMENT;
use crate::diagnostic::{Diagnostic, in_order, more};
use crate::source::{Data, Key, Node, Span};

/// Everything about the structure of a document that is wrong or looks wrong, in the order of the text.
pub fn check(root: &Node) -> Vec<Diagnostic> {
    if let Some(finding) = old_format(root) {
        return vec![finding];
    }
    let mut checker = Checker::default();
    let place = Place::root(first_key(root));
    checker.value(&Shape::Object(&DOCUMENT), root, &place);
    checker.finish()
}

/// The same for a document that is a task: a function of a catalog.
pub fn check_task(root: &Node) -> Vec<Diagnostic> {
    let mut checker = Checker::default();
    let place = Place::root(first_key(root));
    checker.value(&Shape::Variants(&TASK_KINDS), root, &place);
    checker.finish()
}

/// Keys that only documents before 1.0 have.
const OLD_KEYS: [&str; 2] = ["states", "specVersion"];

fn old_format(root: &Node) -> Option<Diagnostic> {
    let entries = root.entries()?;
    let old = entries
        .iter()
        .find(|(key, _)| OLD_KEYS.contains(&&*key.name));
    let (key, _) = old.filter(|_| root.get("document").is_none())?;
    Some(report::old_format(key))
}

fn first_key(node: &Node) -> Span {
    match node.entries().and_then(<[_]>::first) {
        Some((key, _)) => key.span,
        None => node.span,
    }
}

#[derive(Default)]
struct Checker {
    findings: Vec<Diagnostic>,
    unseen: usize,
    /// Properties found too far in, with the mark of the object they belong to: it does not lack them.
    displaced: Vec<(Span, String)>,
}

impl Checker {
    fn finish(mut self) -> Vec<Diagnostic> {
        let mut findings = in_order(std::mem::take(&mut self.findings));
        if let Some(last) = findings.last().filter(|_| self.unseen > 0) {
            let more = more(self.unseen, last);
            findings.push(more);
        }
        findings
    }

    fn report(&mut self, finding: Diagnostic) {
        if self.is_full() {
            self.unseen += 1;
        } else {
            self.findings.push(finding);
        }
    }

    /// Whether only the count of further findings is kept. The last place is for telling it.
    fn is_full(&self) -> bool {
        self.findings.len() >= FINDINGS_MAX - 1
    }

    fn value(&mut self, shape: &Shape, node: &Node, place: &Place<'_>) {
        match (shape, &node.data) {
            (Shape::Any, _) | (Shape::Boolean, Data::Scalar(Value::Bool(_))) => {}
            (Shape::OneOf(alternatives), _) => {
                match alternatives.iter().find(|shape| fits_type(shape, node)) {
                    Some(shape) => self.value(shape, node, place),
                    None => self.report(report::wrong_type(shape, node, place)),
                }
            }
            (Shape::Integer { min, max }, Data::Scalar(Value::Int(number))) => {
                if !(*min..=*max).contains(number) {
                    self.report(report::out_of_range(*min, *max, node, place));
                }
            }
            (Shape::Map { values, least }, Data::Mapping(entries)) => {
                self.map(values, *least, node, entries, place)
            }
            (Shape::List(items), Data::Sequence(nodes)) => {
                for (index, node) in nodes.iter().enumerate() {
                    self.value(items, node, &place.item(index, first_key(node)));
                }
            }
            (Shape::Named(named), Data::Sequence(nodes)) => self.named(named, nodes, node, place),
            (Shape::Named(named), Data::Mapping(entries)) => self.unlisted(named, entries, place),
            (Shape::Object(object), Data::Mapping(entries)) => {
                self.object(object, node, entries, place)
            }
            (Shape::Variants(family), Data::Mapping(entries)) => {
                self.variants(family, entries, place)
            }
            (_, Data::Scalar(Value::Str(text))) => self.text(shape, text, node, place),
            _ => self.report(report::wrong_type(shape, node, place)),
        }
    }

    fn text(&mut self, shape: &Shape, text: &str, node: &Node, place: &Place<'_>) {
        let wrong_form =
            |form: Form| (!form.matches(text)).then(|| report::wrong_form(form, text, node, place));
        let finding = match shape {
            Shape::Text(form) => wrong_form(*form),
            Shape::Dynamic(form) if !is_expression(text) => wrong_form(*form),
            Shape::Dynamic(_) => None,
            Shape::Expression => wrong_form(Form::NotEmpty),
            Shape::Wrapped => {
                (!is_expression(text)).then(|| report::not_an_expression(node, place))
            }
            Shape::Choice(choices) => {
                (!choices.contains(&text)).then(|| report::not_a_choice(choices, text, node, place))
            }
            _ => Some(report::wrong_type(shape, node, place)),
        };
        if let Some(finding) = finding {
            self.report(finding);
        }
    }

    fn map(
        &mut self,
        values: &Shape,
        least: usize,
        node: &Node,
        entries: &[(Key, Node)],
        place: &Place<'_>,
    ) {
        if entries.len() < least {
            self.report(report::empty("entry", node, place));
        }
        for (key, node) in entries {
            self.value(values, node, &place.entry(key));
        }
    }

    fn named(&mut self, named: &Named, nodes: &[Node], list: &Node, place: &Place<'_>) {
        if nodes.len() < named.least {
            self.report(report::empty(named.noun, list, place));
        }
        for (index, node) in nodes.iter().enumerate() {
            let item = place.item(index, first_key(node));
            match node.entries() {
                Some([(key, content)]) if begins_with_content(named, key, content) => {
                    self.report(report::no_name(named, key, &item));
                }
                Some([(key, content)]) => self.value(&named.items, content, &item.entry(key)),
                Some(entries) if entries.len() > 1 => self.several(named, entries, &item),
                _ => self.report(report::not_named(named, node, &item)),
            }
        }
    }

    fn several(&mut self, named: &Named, entries: &[(Key, Node)], item: &Place<'_>) {
        if let Some(finding) = report::several_names(named, entries, item) {
            self.report(finding);
        }
        // Two items run together are still worth looking into; parts of one item are not.
        let items = entries
            .iter()
            .filter(|(key, _)| !named.items.describes(&key.name));
        for (key, node) in items.filter(|(_, node)| is_complete(named, node)) {
            self.value(&named.items, node, &item.entry(key));
        }
    }

    /// A list of named items that is written as a mapping: its items may have mistakes of their own.
    fn unlisted(&mut self, named: &Named, entries: &[(Key, Node)], place: &Place<'_>) {
        self.report(report::not_a_list(named, entries, place));
        for (key, node) in entries.iter().filter(|(_, node)| is_complete(named, node)) {
            self.value(&named.items, node, &place.entry(key));
        }
    }

    fn variants(&mut self, family: &'static Variants, entries: &[(Key, Node)], place: &Place<'_>) {
        match present(family, entries)[..] {
            [] => self.no_variant(family, entries, place),
            [(_, variant)] => {
                let view = View::of_variant(family, variant);
                self.properties(view, Others::Refused, &[], entries, place);
            }
            [(first, _), (second, _), ..] => {
                self.report(report::several_kinds(first, second, family, place));
            }
        }
    }

    fn no_variant(
        &mut self,
        family: &'static Variants,
        entries: &[(Key, Node)],
        place: &Place<'_>,
    ) {
        let keys = family.variants.iter().map(|variant| variant.key);
        let common = |name: &str| family.common.iter().find(|property| property.name == name);
        let owner = |name: &str| {
            let has = |variant: &&Variant| variant.properties.iter().any(|p| p.name == name);
            family.variants.iter().find(has)
        };
        let keys_here = || {
            entries
                .iter()
                .map(|(key, _)| key)
                .filter(|key| common(&key.name).is_none())
        };
        let owned = keys_here().find_map(|key| Some((key, owner(&key.name)?)));
        let misspelled = keys_here()
            .filter(|key| owner(&key.name).is_none())
            .find_map(|key| Some((key, closest(&key.name, keys.clone())?)));
        self.report(match misspelled {
            Some((key, meant)) => report::misspelled_kind(key, meant, family, place),
            None => report::no_kind(family, owned, place),
        });
        for (key, node) in entries {
            if let Some(property) = common(&key.name) {
                self.value(&property.shape, node, &place.entry(key));
            }
        }
    }

    fn object(
        &mut self,
        object: &'static Object,
        node: &Node,
        entries: &[(Key, Node)],
        place: &Place<'_>,
    ) {
        if entries.is_empty()
            && object
                .rules
                .iter()
                .any(|rule| matches!(rule, Rule::NotEmpty))
        {
            self.report(report::empty("property", node, place));
            return;
        }
        self.properties(
            View::of(object),
            object.others,
            object.rules,
            entries,
            place,
        );
    }

    fn properties(
        &mut self,
        view: View,
        others: Others,
        rules: &'static [Rule],
        entries: &[(Key, Node)],
        place: &Place<'_>,
    ) {
        let mut elsewhere = Vec::new();
        // Once for all unknown keys: an object may have thousands of them.
        let absent = LazyCell::new(|| absent(view, entries));
        for (key, node) in entries {
            match view.find(&key.name) {
                Some(property) => self.value(&property.shape, node, &place.property(key, view)),
                None if others == Others::Free => {}
                None => elsewhere.extend(self.unknown(view, others, key, &absent, place)),
            }
        }
        let displaced = |name: &str| {
            self.displaced
                .iter()
                .any(|(mark, n)| *mark == place.mark && n == name)
        };
        elsewhere.extend(
            view.required()
                .map(|p| p.name)
                .filter(|name| displaced(name)),
        );
        let subject = Subject {
            entries,
            view,
            place,
            elsewhere: &elsewhere,
        };
        let findings = rules.iter().filter_map(|rule| subject.breaks(rule));
        for finding in subject.missing().into_iter().chain(findings) {
            self.report(finding);
        }
    }

    /// Reports a property that is not described here; gives the one that is there in its stead.
    fn unknown(
        &mut self,
        view: View,
        others: Others,
        key: &Key,
        absent: &[&'static str],
        place: &Place<'_>,
    ) -> Option<&'static str> {
        if self.is_full() {
            self.unseen += usize::from(others == Others::Refused);
            return None;
        }
        // A warning alone must not hide that a required property is missing.
        let excused = |name| (others == Others::Refused).then_some(name);
        if let Some((owner, beside)) = further_out(&key.name, place) {
            let hint = format!("indent it less: `{}` belongs beside {beside}", key.name);
            if others == Others::Refused {
                self.displaced.push((owner, key.name.to_string()));
            }
            self.report(report::misplaced(key, hint, others, place));
            return None;
        }
        if let Some(inner) = further_in(view, &key.name, absent) {
            let hint = format!("`{}` belongs inside `{inner}`", key.name);
            self.report(report::misplaced(key, hint, others, place));
            return excused(inner);
        }
        if let Some(hint) = other_kind(view, &key.name) {
            self.report(report::misplaced(key, hint, others, place));
            return None;
        }
        let names = absent.iter().copied();
        let needed = view
            .required()
            .map(|property| property.name)
            .filter(|name| absent.contains(name));
        let meant = match others {
            Others::Refused => closest(&key.name, names),
            Others::Warned | Others::Free => {
                respelled(&key.name, names).or_else(|| closest(&key.name, needed))
            }
        };
        if others == Others::Refused || meant.is_some() {
            self.report(report::unknown(key, view, meant, others, place));
        }
        meant.and_then(excused)
    }
}

/// The object around this one that has such a property, by its mark, and what the property belongs beside.
fn further_out(name: &str, place: &Place<'_>) -> Option<(Span, String)> {
    let mut outer = std::iter::successors(Some(place), |place| place.parent);
    let beside = outer.find(|place| place.within.is_some_and(|view| view.find(name).is_some()))?;
    Some((beside.parent?.mark, beside.name()))
}

/// The described properties that an object does not have.
fn absent(view: View, entries: &[(Key, Node)]) -> Vec<&'static str> {
    let is_absent = |name: &&str| entries.iter().all(|(key, _)| *key.name != **name);
    let names = view.properties().map(|property| property.name);
    names.filter(is_absent).collect()
}

/// The property of this object inside which such a property is described.
fn further_in(view: View, name: &str, absent: &[&'static str]) -> Option<&'static str> {
    let has = |property: &&Property| !absent.contains(&property.name);
    let inner = |property: &&Property| property.shape.describes(name);
    let mut present = view.properties().filter(has).filter(inner);
    let mut needed = view.required().filter(inner);
    let property = present.next().or_else(|| needed.next())?;
    Some(property.name)
}

fn other_kind(view: View, name: &str) -> Option<String> {
    let (family, _) = view.family?;
    let has = |variant: &&Variant| {
        variant
            .properties
            .iter()
            .any(|property| property.name == name)
    };
    let owner = family.variants.iter().find(has)?;
    Some(format!(
        "`{name}` belongs to a {} with `{}`",
        family.noun, owner.key
    ))
}

/// The variants an object claims to be. A key that belongs to another claim is none of its own:
/// `do` beside `for` is part of the loop.
fn present<'e>(
    family: &'static Variants,
    entries: &'e [(Key, Node)],
) -> Vec<(&'e Key, &'static Variant)> {
    let claims: Vec<_> = entries
        .iter()
        .filter_map(|(key, node)| {
            let applies = |variant: &&Variant| {
                variant.key == &*key.name
                    && variant
                        .value
                        .is_none_or(|value| node.as_str() == Some(value))
            };
            Some((key, family.variants.iter().find(applies)?))
        })
        .collect();
    let part_of_other = |key: &Key| {
        let others = claims
            .iter()
            .filter(|(_, variant)| variant.key != &*key.name);
        others
            .flat_map(|(_, variant)| variant.properties)
            .any(|property| *property.name == *key.name)
    };
    claims
        .iter()
        .filter(|(key, _)| !part_of_other(key))
        .copied()
        .collect()
}

/// An item such as `- set: { a: 1 }`, whose name was forgotten.
fn begins_with_content(named: &Named, key: &Key, content: &Node) -> bool {
    let Shape::Variants(family) = named.items else {
        return false;
    };
    let is_kind = family
        .variants
        .iter()
        .any(|variant| variant.key == &*key.name);
    is_kind
        && content
            .entries()
            .is_none_or(|entries| present(family, entries).is_empty())
}

/// Whether a value has enough of an item to be checked as one.
fn is_complete(named: &Named, node: &Node) -> bool {
    let described = |(key, _): &(Key, Node)| named.items.describes(&key.name);
    node.entries()
        .is_some_and(|entries| entries.iter().any(described))
}

/// Whether a value is of the JSON type of a shape.
fn fits_type(shape: &Shape, node: &Node) -> bool {
    match shape {
        Shape::Any => true,
        Shape::Text(_)
        | Shape::Dynamic(_)
        | Shape::Expression
        | Shape::Wrapped
        | Shape::Choice(_) => node.as_str().is_some(),
        Shape::Boolean => matches!(node.data, Data::Scalar(Value::Bool(_))),
        Shape::Integer { .. } => matches!(node.data, Data::Scalar(Value::Int(_) | Value::Float(_))),
        Shape::Map { .. } | Shape::Object(_) | Shape::Variants(_) => node.entries().is_some(),
        Shape::List(_) | Shape::Named(_) => node.items().is_some(),
        Shape::OneOf(alternatives) => alternatives.iter().any(|shape| fits_type(shape, node)),
    }
}
