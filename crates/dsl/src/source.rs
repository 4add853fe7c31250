//! A document as a tree whose every key and value knows its place in the text.
//!
//! Owns: reading YAML 1.2 (core schema) and JSON into [`Node`]s, the limits of a document, and
//! finding a node by its JSON pointer. Refuses to know what the document means.

mod json;
mod scalar;
mod syntax;
mod tree;
mod yaml;

use std::sync::Arc;

use ferrovia_expr::Value;

use crate::diagnostic::{Diagnostic, codes};

/// The longest text that is read, in bytes.
pub const TEXT_BYTES_MAX: usize = 1 << 20;
/// How many mappings and lists may be open at once.
pub const DEPTH_MAX: usize = 64;
/// How many values a document may hold, aliases expanded.
pub const NODES_MAX: usize = 20_000;
/// How many values aliases may add to a document.
pub const ALIAS_NODES_MAX: usize = 10_000;
/// Reading stops after this many findings about the text.
pub const TEXT_FINDINGS_MAX: usize = 20;

const BYTE_ORDER_MARK: &str = "\u{feff}";

/// Reads one YAML or JSON document. Places count from the start of `text`, a byte order mark included.
///
/// A text that begins like JSON and is JSON is read by the rules of JSON; any other as YAML.
pub fn parse(text: &str) -> Result<Node, Vec<Diagnostic>> {
    if text.len() > TEXT_BYTES_MAX {
        return Err(vec![too_large(text)]);
    }
    if let Some(finding) = control_character(text) {
        return Err(vec![finding]);
    }
    let start = if text.starts_with(BYTE_ORDER_MARK) {
        BYTE_ORDER_MARK.len()
    } else {
        0
    };
    let looks_like_json = text[start..].trim_start().starts_with(['{', '[']);
    let json = looks_like_json.then(|| json::read(text, start)).flatten();
    json.unwrap_or_else(|| yaml::read(text, start))
}

/// The node a JSON pointer (RFC 6901) names; the empty pointer names `root`.
pub fn locate<'a>(root: &'a Node, pointer: &str) -> Option<&'a Node> {
    if pointer.is_empty() {
        return Some(root);
    }
    let steps = pointer.strip_prefix('/')?;
    steps
        .split('/')
        .try_fold(root, |node, step| match &node.data {
            Data::Scalar(_) => None,
            Data::Sequence(items) => items.get(step.parse::<usize>().ok()?),
            Data::Mapping(_) if step.contains('~') => {
                node.get(&step.replace("~1", "/").replace("~0", "~"))
            }
            Data::Mapping(_) => node.get(step),
        })
}

/// What a finding about the value at a pointer underlines: a scalar itself, a container by its key.
pub fn mark(root: &Node, pointer: &str) -> Option<Span> {
    let node = locate(root, pointer)?;
    if let Data::Scalar(_) = node.data {
        return Some(node.span);
    }
    Some(key_span(root, pointer).unwrap_or(node.span))
}

/// The key under which the value at a pointer stands. `None` for the root and for items of lists.
pub fn key_span(root: &Node, pointer: &str) -> Option<Span> {
    let (parent, name) = pointer.rsplit_once('/')?;
    let name = name.replace("~1", "/").replace("~0", "~");
    let entries = locate(root, parent)?.entries()?;
    entries
        .iter()
        .find(|(key, _)| *key.name == *name)
        .map(|(key, _)| key.span)
}

/// Appends `step` to a JSON pointer with the escapes of RFC 6901.
pub(crate) fn push_step(pointer: &mut String, step: &str) {
    pointer.push('/');
    if step.contains(['~', '/']) {
        pointer.push_str(&step.replace('~', "~0").replace('/', "~1"));
    } else {
        pointer.push_str(step);
    }
}

fn too_large(text: &str) -> Diagnostic {
    let end = text.ceil_char_boundary(TEXT_BYTES_MAX);
    Diagnostic::error(
        codes::TEXT_TOO_LARGE,
        Span::of(text.floor_char_boundary(TEXT_BYTES_MAX - 1), end),
        "",
        format!(
            "the text is {} bytes long; {TEXT_BYTES_MAX} is the limit",
            text.len()
        ),
    )
    .label("the limit is here")
    .hint("move parts into workflows of their own and call them with `run: { workflow: … }`")
}

fn control_character(text: &str) -> Option<Diagnostic> {
    let forbidden = |byte: u8| byte < b' ' && !matches!(byte, b'\t' | b'\n' | b'\r');
    let at = text.bytes().position(forbidden)?;
    let byte = text.as_bytes()[at];
    let name = format!("U+{byte:04X}");
    let finding = Diagnostic::error(
        codes::CONTROL_CHARACTER,
        Span::of(at, at + 1),
        "",
        format!("the text holds the control character {name}"),
    );
    Some(finding.label("not allowed in YAML or JSON").hint(format!(
        "remove it, or write \"\\u{byte:04x}\" in a double-quoted text"
    )))
}

/// A half-open range of bytes in the source text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct Span {
    pub start: u32,
    pub end: u32,
}

impl Span {
    /// Offsets fit because [`TEXT_BYTES_MAX`] does; a longer text saturates.
    pub(crate) fn of(start: usize, end: usize) -> Self {
        let narrow = |offset: usize| u32::try_from(offset).unwrap_or(u32::MAX);
        Span {
            start: narrow(start),
            end: narrow(end),
        }
    }
}

/// A value with its place.
#[derive(Clone, Debug)]
pub struct Node {
    pub span: Span,
    pub data: Data,
}

/// What a [`Node`] holds. Scalars are already typed by the YAML 1.2 core schema.
#[derive(Clone, Debug)]
pub enum Data {
    Scalar(Value),
    Sequence(Vec<Node>),
    Mapping(Vec<(Key, Node)>),
}

/// A mapping key with its place.
#[derive(Clone, Debug)]
pub struct Key {
    pub name: Arc<str>,
    pub span: Span,
}

impl Node {
    pub fn as_str(&self) -> Option<&str> {
        if let Data::Scalar(v) = &self.data {
            v.as_str()
        } else {
            None
        }
    }
    pub fn as_scalar(&self) -> Option<&Value> {
        if let Data::Scalar(v) = &self.data {
            Some(v)
        } else {
            None
        }
    }
    pub fn items(&self) -> Option<&[Node]> {
        if let Data::Sequence(items) = &self.data {
            Some(items)
        } else {
            None
        }
    }
    pub fn entries(&self) -> Option<&[(Key, Node)]> {
        if let Data::Mapping(entries) = &self.data {
            Some(entries)
        } else {
            None
        }
    }
    pub fn get(&self, key: &str) -> Option<&Node> {
        self.entries()?
            .iter()
            .find(|(k, _)| &*k.name == key)
            .map(|(_, n)| n)
    }
    /// The same tree without places.
    pub fn to_value(&self) -> Value {
        match &self.data {
            Data::Scalar(v) => v.clone(),
            Data::Sequence(items) => items.iter().map(Node::to_value).collect::<Vec<_>>().into(),
            Data::Mapping(entries) => Value::Object(
                entries
                    .iter()
                    .map(|(k, n)| (k.name.clone(), n.to_value()))
                    .collect(),
            ),
        }
    }
}
