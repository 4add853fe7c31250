//! Documents with parts missing, moved, renamed and replaced: well-formed, and mostly not what they should be.

use proptest::prelude::*;
use proptest::sample::Index;
use serde_json::{Map, Value as Json, json};

/// One change to a tree. Indices choose among all its places.
#[derive(Debug, Clone)]
pub(crate) enum Edit {
    Remove(Index),
    Repeat(Index),
    Replace(Index, Index),
    /// The first place becomes what stands at the second.
    Move(Index, Index),
    Rename(Index, Index),
    Wrap(Index, Index),
}

pub(crate) fn edit() -> impl Strategy<Value = Edit> {
    let index = any::<Index>;
    prop_oneof![
        2 => index().prop_map(Edit::Remove),
        1 => index().prop_map(Edit::Repeat),
        4 => (index(), index()).prop_map(|(at, by)| Edit::Replace(at, by)),
        3 => (index(), index()).prop_map(|(at, from)| Edit::Move(at, from)),
        2 => (index(), index()).prop_map(|(at, to)| Edit::Rename(at, to)),
        1 => (index(), index()).prop_map(|(at, by)| Edit::Wrap(at, by)),
    ]
}

impl Edit {
    pub(crate) fn apply(&self, root: &mut Json) {
        let places = places(root);
        let at = |index: &Index| index.get(&places).as_str();
        match self {
            Edit::Remove(place) => remove(root, at(place)),
            Edit::Repeat(place) => {
                if let Some(Json::Array(items)) = root.pointer_mut(at(place)) {
                    items.extend(items.first().cloned());
                }
            }
            Edit::Replace(place, by) => put(root, at(place), by.get(&oddities()).clone()),
            Edit::Move(place, from) => {
                let moved = root.pointer(at(from)).cloned().unwrap_or_default();
                // A tree that doubles with each edit soon meets nothing but the limits.
                if size(&moved) < 400 {
                    put(root, at(place), moved);
                }
            }
            Edit::Rename(place, to) => {
                let names = names(root);
                if let Some(Json::Object(members)) = root.pointer_mut(at(place)) {
                    rename(members, to.get::<String>(&names));
                }
            }
            Edit::Wrap(place, by) => {
                let inner = root.pointer(at(place)).cloned().unwrap_or_default();
                let wrapped = match by.index(4) {
                    0 => json!([inner]),
                    1 => json!({ "inner": inner }),
                    2 => json!([{ "inner": { "do": inner } }]),
                    _ => json!({ "as": inner }),
                };
                put(root, at(place), wrapped);
            }
        }
    }
}

/// JSON pointers to all values.
fn places(root: &Json) -> Vec<String> {
    fn walk(value: &Json, pointer: &str, places: &mut Vec<String>) {
        places.push(pointer.to_owned());
        match value {
            Json::Array(items) => {
                for (at, item) in items.iter().enumerate() {
                    walk(item, &format!("{pointer}/{at}"), places);
                }
            }
            Json::Object(members) => {
                for (name, member) in members {
                    let name = name.replace('~', "~0").replace('/', "~1");
                    walk(member, &format!("{pointer}/{name}"), places);
                }
            }
            _ => {}
        }
    }
    let mut places = Vec::new();
    walk(root, "", &mut places);
    places
}

fn size(value: &Json) -> usize {
    places(value).len()
}

fn put(root: &mut Json, pointer: &str, value: Json) {
    if let Some(place) = root.pointer_mut(pointer) {
        *place = value;
    }
}

fn remove(root: &mut Json, pointer: &str) {
    let Some((parent, last)) = pointer.rsplit_once('/') else {
        return;
    };
    match root.pointer_mut(parent) {
        Some(Json::Array(items)) => {
            if let Some(at) = last.parse().ok().filter(|at| *at < items.len()) {
                items.remove(at);
            }
        }
        Some(Json::Object(members)) => {
            members.remove(&last.replace("~1", "/").replace("~0", "~"));
        }
        _ => {}
    }
}

fn rename(members: &mut Map<String, Json>, to: &str) {
    let Some(first) = members.keys().next().cloned() else {
        return;
    };
    let value = members.remove(&first).unwrap_or_default();
    members.insert(to.to_owned(), value);
}

/// Every name of the tree, and some that have a meaning elsewhere.
fn names(root: &Json) -> Vec<String> {
    let mut names: Vec<String> = places(root)
        .iter()
        .filter_map(|place| Some(place.rsplit_once('/')?.1.to_owned()))
        .collect();
    let more = [
        "",
        "continue",
        "end",
        "exit",
        "do",
        "then",
        "for",
        "try",
        "catch",
        "$ref",
        "~",
        "a/b",
        "a.b",
        "item",
        "__proto__",
        "ü😀",
        "{x}",
        "${ .x }",
        "<<",
    ];
    names.extend(more.map(str::to_owned));
    names
}

/// Values that are wrong in most places, and at the edge in the others.
fn oddities() -> Vec<Json> {
    let mut deep = json!(1);
    for _ in 0..70 {
        deep = json!([deep]);
    }
    vec![
        json!(null),
        json!(true),
        json!(-1),
        json!(0),
        json!(1e300),
        json!(0.1),
        json!(i64::MAX),
        json!(u64::MAX),
        json!(""),
        json!(" "),
        json!([]),
        json!({}),
        json!([null]),
        json!({"": null}),
        json!({"use": "nothing"}),
        json!("x".repeat(20_000)),
        deep,
        json!("${ . }"),
        json!("${ .a.b[0] }"),
        json!("${"),
        json!("${ }"),
        json!("${ ( }"),
        json!("${ $context }"),
        json!("${ $secrets.x }"),
        json!("${ $nobody }"),
        json!("${ error(\"x\") }"),
        json!("${ empty }"),
        json!("${ [range(1000)] }"),
        json!("${ def f: f; f }"),
        json!("${ now | todate }"),
        json!("${ input }"),
        json!("."),
        json!("false"),
        json!("null"),
        json!("PT0S"),
        json!("P1Y2M3W4DT5H6M7.8S"),
        json!("P99999999999999Y"),
        json!("-PT1S"),
        json!({"milliseconds": 0}),
        json!({"days": i64::MAX, "hours": i64::MAX}),
        json!("continue"),
        json!("exit"),
        json!("end"),
        json!("1.0.3"),
        json!("99999999999999999999.0.0"),
        json!("latest"),
        json!("http://x/{a}/../{b}"),
        json!("file:///etc/passwd"),
        json!("name:1.0.0@default"),
        json!("*/5 * * * *"),
        json!("0 0 31 2 *"),
        json!("[a-z"),
        json!("(a+)+$"),
        json!("\u{0}"),
        json!("\u{feff}ü😀\u{202e}"),
        json!({"set": {"x": 1}}),
        json!({"wait": "PT1S"}),
        json!([{"a": {"set": {"x": 1}, "then": "a"}}]),
        json!([{"a": {"set": {"x": 1}}}, {"a": {"set": {"x": 1}}}]),
        json!([{"a": {"set": {"x": 1}}, "b": {"set": {"x": 1}}}]),
        json!({"format": "json", "document": {"type": "nonsense", "$ref": "#/x"}}),
        json!({"type": "object", "properties": {"a": {"$ref": "#"}}, "pattern": "["}),
    ]
}
