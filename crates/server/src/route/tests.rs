//! The table holds together, and its document says all of it.

use std::collections::BTreeSet;

use super::*;

fn all() -> Vec<Route> {
    table()
        .into_iter()
        .flat_map(|section| section.routes)
        .collect()
}

/// The names between braces.
fn parameters(path: &str) -> BTreeSet<&str> {
    let opened = path.split('{').skip(1);
    opened
        .filter_map(|rest| rest.split_once('}'))
        .map(|(name, _)| name.trim_start_matches('*'))
        .collect()
}

#[test]
fn each_way_in_is_there_once() {
    let mut ways = BTreeSet::new();
    let mut operations = BTreeSet::new();
    for route in all() {
        assert!(
            ways.insert((route.path, route.method.to_string())),
            "{}",
            route.path
        );
        assert!(
            operations.insert(route.doc.operation),
            "{}",
            route.doc.operation
        );
    }
}

#[test]
fn parameters_of_paths_are_described_and_rules_name_them() {
    for route in all() {
        let described = route.doc.parameters.iter();
        let described: BTreeSet<&str> = described
            .filter(|parameter| parameter.place == In::Path)
            .map(|parameter| parameter.name)
            .collect();
        let known = parameters(route.path);
        assert_eq!(described, known, "{}", route.path);
        match route.rule {
            Rule::Needs(_, Where::Run) => assert!(known.contains("id"), "{}", route.path),
            Rule::Needs(_, Where::Path(name)) => assert!(known.contains(name), "{}", route.path),
            Rule::Needs(_, Where::Everywhere | Where::Body | Where::List)
            | Rule::SignedIn(_)
            | Rule::Public(_) => {}
        }
    }
}

#[test]
fn the_document_has_every_way_in_and_every_schema_it_names() {
    let document = openapi();
    for route in all() {
        let path = openapi::documented(route.path)
            .replace('~', "~0")
            .replace('/', "~1");
        let method = route.method.as_str().to_ascii_lowercase();
        let operation = document.pointer(&format!("/paths/{path}/{method}"));
        let operation = operation.unwrap_or_else(|| panic!("{method} {path} is missing"));
        assert_eq!(operation["operationId"], route.doc.operation);
    }
    let text = document.to_string();
    let named = text.split("\"$ref\":\"#").skip(1);
    for name in named.filter_map(|rest| rest.split('"').next()) {
        assert!(document.pointer(name).is_some(), "{name}");
    }
}

#[test]
fn nobody_gets_anything_without_a_rule_that_says_why() {
    for route in all() {
        if let Rule::Public(why) | Rule::SignedIn(why) = route.rule {
            assert!(why.len() > 20, "{} {}: {why}", route.method, route.path);
        }
    }
}
