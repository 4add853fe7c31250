//! What the properties of one object owe each other.

use super::place::{Place, View};
use super::report;
use super::vocabulary::Rule;
use crate::diagnostic::Diagnostic;
use crate::source::{Key, Node};

/// The object whose rules are checked.
pub(super) struct Subject<'a> {
    pub(super) entries: &'a [(Key, Node)],
    pub(super) view: View,
    pub(super) place: &'a Place<'a>,
    /// Properties that are there, misspelled or in the wrong place; they are not missed.
    pub(super) elsewhere: &'a [&'static str],
}

impl Subject<'_> {
    fn key(&self, name: &str) -> Option<&Key> {
        let entry = self.entries.iter().find(|(key, _)| &*key.name == name);
        entry.map(|(key, _)| key)
    }

    fn has(&self, name: &str) -> bool {
        self.key(name).is_some() || self.elsewhere.contains(&name)
    }

    /// The finding about required properties.
    pub(super) fn missing(&self) -> Option<Diagnostic> {
        let missing: Vec<_> = self.view.required().filter(|p| !self.has(p.name)).collect();
        (!missing.is_empty()).then(|| report::missing(&missing, self.place))
    }

    pub(super) fn breaks(&self, rule: &'static Rule) -> Option<Diagnostic> {
        match rule {
            Rule::OneGroup(groups) => self.one_group(groups),
            Rule::Some(names) => {
                let none = !names.iter().any(|name| self.has(name));
                let groups: Vec<_> = names.chunks(1).collect();
                none.then(|| report::missing_any(&groups, self.place))
            }
            Rule::NotEmpty => None,
            Rule::Needs { property, other } => {
                let key = self.key(property)?;
                (!self.has(other)).then(|| report::needs_another(key, other, self.place))
            }
            Rule::ExactlyWhen {
                property,
                other,
                value,
            } => self.exactly_when(property, other, value),
        }
    }

    fn one_group(&self, groups: &'static [&'static [&'static str]]) -> Option<Diagnostic> {
        let mut present = groups
            .iter()
            .filter(|group| group.iter().any(|name| self.has(name)));
        let Some(first) = present.next() else {
            return Some(report::missing_any(groups, self.place));
        };
        if let Some(second) = present.next() {
            let written = |group: &[&str]| group.iter().find_map(|name| self.key(name));
            let mut pair = [written(first)?, written(second)?];
            pair.sort_by_key(|key| key.span.start);
            return Some(report::exclusive(pair[0], pair[1], self.place));
        }
        let absent = first.iter().filter(|name| !self.has(name));
        let missing: Vec<_> = absent.filter_map(|name| self.view.find(name)).collect();
        (!missing.is_empty()).then(|| report::missing(&missing, self.place))
    }

    fn exactly_when(&self, property: &str, other: &str, value: &str) -> Option<Diagnostic> {
        let entry = self.entries.iter().find(|(key, _)| &*key.name == other);
        let applies = entry.is_some_and(|(_, node)| node.as_str() == Some(value));
        match (applies, self.key(property)) {
            (true, None) if !self.has(property) => {
                let missing = self.view.find(property)?;
                Some(report::missing(&[missing], self.place))
            }
            (false, Some(key)) => Some(report::needs_another(
                key,
                &format!("{other}: {value}"),
                self.place,
            )),
            _ => None,
        }
    }
}
