//! Builds the tree from what a reader sees, and holds it to the rules both readers share: keys are
//! texts and unique, nothing is too deep or too large, aliases stay within their budget.

use std::collections::HashMap;
use std::sync::Arc;

use ferrovia_expr::Value;

use super::{
    ALIAS_NODES_MAX, DEPTH_MAX, Data, Key, NODES_MAX, Node, Span, TEXT_FINDINGS_MAX, push_step,
};
use crate::diagnostic::{Diagnostic, codes};

/// A limit is reached; its finding is recorded and reading must end.
#[derive(Debug)]
pub(super) struct Stop;

/// Mappings with more keys than this look up duplicates in an index.
const SCANNED_KEYS_MAX: usize = 16;

#[derive(Default)]
pub(super) struct Tree {
    open: Vec<Open>,
    root: Option<Node>,
    nodes: usize,
    alias_nodes: usize,
    anchors: HashMap<usize, Anchored>,
    findings: Vec<Diagnostic>,
}

/// A mapping or list whose end has not been seen.
struct Open {
    start: usize,
    anchor: usize,
    nodes_before: usize,
    /// Levels of containers below this one.
    height: usize,
    content: Content,
}

enum Content {
    Sequence(Vec<Node>),
    Mapping(Entries),
}

#[derive(Default)]
struct Entries {
    pairs: Vec<(Key, Node)>,
    index: HashMap<Arc<str>, usize>,
    key: Option<PendingKey>,
}

enum PendingKey {
    Good(Key),
    /// Its value is read and dropped; the finding is recorded.
    Bad(Key),
}

impl PendingKey {
    fn key(&self) -> &Key {
        let (PendingKey::Good(key) | PendingKey::Bad(key)) = self;
        key
    }
}

struct Anchored {
    node: Node,
    nodes: usize,
    height: usize,
}

/// How a scalar was written: only plain ones can be merge keys.
#[derive(Clone, Copy, PartialEq)]
pub(super) enum Notation {
    Plain,
    Quoted,
}

impl Tree {
    pub(super) fn finish(mut self) -> Result<Node, Vec<Diagnostic>> {
        if self.findings.is_empty() && self.root.is_none() {
            self.findings.push(empty());
        }
        match self.root {
            Some(root) if self.findings.is_empty() => Ok(root),
            _ => Err(self.findings),
        }
    }

    pub(super) fn report(&mut self, finding: Diagnostic) -> Result<(), Stop> {
        self.findings.push(finding);
        if self.findings.len() < TEXT_FINDINGS_MAX {
            Ok(())
        } else {
            Err(Stop)
        }
    }

    /// The pointer to the value that comes next.
    pub(super) fn pointer(&self) -> String {
        let mut pointer = String::new();
        for open in &self.open {
            match &open.content {
                Content::Sequence(items) => push_step(&mut pointer, &items.len().to_string()),
                Content::Mapping(entries) => {
                    if let Some(key) = &entries.key {
                        push_step(&mut pointer, &key.key().name);
                    }
                }
            }
        }
        pointer
    }

    /// The key whose value comes next.
    pub(super) fn pending_key(&self) -> Option<Span> {
        match &self.open.last()?.content {
            Content::Sequence(_) => None,
            Content::Mapping(entries) => Some(entries.key.as_ref()?.key().span),
        }
    }

    /// Where the innermost container that is not closed begins.
    pub(super) fn innermost_start(&self) -> Option<usize> {
        self.open.last().map(|open| open.start)
    }

    pub(super) fn open_sequence(&mut self, span: Span, anchor: usize) -> Result<(), Stop> {
        self.open(span, anchor, Content::Sequence(Vec::new()))
    }

    pub(super) fn open_mapping(&mut self, span: Span, anchor: usize) -> Result<(), Stop> {
        self.open(span, anchor, Content::Mapping(Entries::default()))
    }

    fn open(&mut self, span: Span, anchor: usize, content: Content) -> Result<(), Stop> {
        if self.open.len() == DEPTH_MAX {
            return self.too_deep(span);
        }
        let nodes_before = self.nodes;
        self.count(1, span)?;
        self.open.push(Open {
            start: span.start as usize,
            anchor,
            nodes_before,
            height: 0,
            content,
        });
        Ok(())
    }

    /// Ends the innermost container. Without a closing bracket it ends where its last child does.
    pub(super) fn close(&mut self, bracket_end: Option<usize>) -> Result<(), Stop> {
        let Some(open) = self.open.pop() else {
            return Ok(());
        };
        let last_child = match &open.content {
            Content::Sequence(items) => items.last().map(|node| node.span.end),
            Content::Mapping(entries) => entries
                .pairs
                .last()
                .map(|(key, node)| node.span.end.max(key.span.end)),
        };
        let end = bracket_end
            .or(last_child.map(|end| end as usize))
            .unwrap_or(open.start)
            .max(open.start);
        let data = match open.content {
            Content::Sequence(items) => Data::Sequence(items),
            Content::Mapping(entries) => Data::Mapping(entries.pairs),
        };
        let node = Node {
            span: Span::of(open.start, end),
            data,
        };
        let nodes = self.nodes - open.nodes_before;
        let height = open.height + 1;
        self.remember(open.anchor, &node, nodes, height);
        self.attach(node, height)
    }

    pub(super) fn scalar(
        &mut self,
        value: Value,
        span: Span,
        anchor: usize,
        notation: Notation,
    ) -> Result<(), Stop> {
        let node = Node {
            span,
            data: Data::Scalar(value),
        };
        if notation == Notation::Plain && self.awaits_key() && node.as_str() == Some("<<") {
            return self.merge_key(span);
        }
        let values = usize::from(!self.awaits_key());
        self.count(values, span)?;
        self.remember(anchor, &node, 1, 0);
        self.attach(node, 0)
    }

    /// Repeats the value of an anchor. Its inner places stay those of the anchor.
    pub(super) fn alias(&mut self, anchor: usize, span: Span) -> Result<(), Stop> {
        let Some(anchored) = self.anchors.get(&anchor) else {
            // The only anchors of an alias that are known to the parser and not to us are open ones.
            let finding = Diagnostic::error(
                codes::ALIAS_EXPANSION,
                span,
                self.pointer(),
                "this alias repeats a value that contains the alias itself",
            );
            self.report(finding.label("would never end"))?;
            return Err(Stop);
        };
        let (nodes, height) = (anchored.nodes, anchored.height);
        self.alias_nodes += nodes;
        if self.alias_nodes > ALIAS_NODES_MAX {
            let finding = Diagnostic::error(
                codes::ALIAS_EXPANSION,
                span,
                self.pointer(),
                format!("aliases expand to more than {ALIAS_NODES_MAX} values"),
            );
            let finding = finding.label(format!("repeats {nodes} more"));
            self.report(finding.hint(
                "write the values out, or build them with an expression when the workflow runs",
            ))?;
            return Err(Stop);
        }
        if self.open.len() + height > DEPTH_MAX {
            return self.too_deep(span);
        }
        let node = Node {
            span,
            data: anchored.node.data.clone(),
        };
        self.count(nodes, span)?;
        self.attach(node, height)
    }

    fn remember(&mut self, anchor: usize, node: &Node, nodes: usize, height: usize) {
        if anchor != 0 {
            let node = node.clone();
            self.anchors.insert(
                anchor,
                Anchored {
                    node,
                    nodes,
                    height,
                },
            );
        }
    }

    fn awaits_key(&self) -> bool {
        let innermost = self.open.last().map(|open| &open.content);
        matches!(innermost, Some(Content::Mapping(entries)) if entries.key.is_none())
    }

    fn attach(&mut self, node: Node, height: usize) -> Result<(), Stop> {
        let awaits_key = self.awaits_key();
        let Some(open) = self.open.last_mut() else {
            self.root = Some(node);
            return Ok(());
        };
        open.height = open.height.max(height);
        match &mut open.content {
            Content::Sequence(items) => items.push(node),
            Content::Mapping(_) if awaits_key => return self.key(node),
            Content::Mapping(entries) => entries.put(node),
        }
        Ok(())
    }

    fn key(&mut self, node: Node) -> Result<(), Stop> {
        let key = Key {
            name: match &node.data {
                Data::Scalar(Value::Str(name)) => name.clone(),
                Data::Scalar(other) => other.to_json().into(),
                Data::Sequence(_) | Data::Mapping(_) => "?".into(),
            },
            span: node.span,
        };
        let parent = self.pointer();
        let Some(Content::Mapping(entries)) = self.open.last_mut().map(|open| &mut open.content)
        else {
            return Ok(());
        };
        if node.as_str().is_none() {
            let finding = key_not_text(&node, &key, parent);
            entries.key = Some(PendingKey::Bad(key));
            return self.report(finding);
        }
        let Some(first) = entries.find(&key.name) else {
            entries.key = Some(PendingKey::Good(key));
            return Ok(());
        };
        let finding = duplicate_key(&key, first, parent);
        entries.key = Some(PendingKey::Bad(key));
        self.report(finding)
    }

    fn merge_key(&mut self, span: Span) -> Result<(), Stop> {
        let finding = Diagnostic::error(
            codes::MERGE_KEY,
            span,
            self.pointer(),
            "merge keys (`<<`) are not supported",
        )
        .label("not part of YAML 1.2")
        .hint("repeat a whole value with `*name`, or put what is shared under `use`");
        if let Some(Content::Mapping(entries)) = self.open.last_mut().map(|open| &mut open.content)
        {
            entries.key = Some(PendingKey::Bad(Key {
                name: "<<".into(),
                span,
            }));
        }
        self.report(finding)
    }

    fn count(&mut self, nodes: usize, span: Span) -> Result<(), Stop> {
        self.nodes += nodes;
        if self.nodes <= NODES_MAX {
            return Ok(());
        }
        let finding = Diagnostic::error(
            codes::TOO_MANY_VALUES,
            span,
            self.pointer(),
            format!("the document holds more than {NODES_MAX} values"),
        );
        self.report(
            finding
                .label("one too many")
                .hint("keep data out of the definition: pass it as input or load it by a task"),
        )?;
        Err(Stop)
    }

    fn too_deep(&mut self, span: Span) -> Result<(), Stop> {
        let finding = Diagnostic::error(
            codes::TOO_DEEP,
            span,
            self.pointer(),
            format!("the document is nested more than {DEPTH_MAX} levels deep"),
        );
        self.report(
            finding
                .label("one level too deep")
                .hint("move inner tasks into a workflow or function of their own"),
        )?;
        Err(Stop)
    }
}

impl Entries {
    fn put(&mut self, node: Node) {
        if let Some(PendingKey::Good(key)) = self.key.take() {
            if self.pairs.len() == SCANNED_KEYS_MAX {
                let seen = self.pairs.iter().enumerate();
                self.index = seen.map(|(at, (key, _))| (key.name.clone(), at)).collect();
            }
            if self.pairs.len() >= SCANNED_KEYS_MAX {
                self.index.insert(key.name.clone(), self.pairs.len());
            }
            self.pairs.push((key, node));
        }
    }

    fn find(&self, name: &str) -> Option<Span> {
        let at = if self.pairs.len() <= SCANNED_KEYS_MAX {
            self.pairs.iter().position(|(key, _)| &*key.name == name)?
        } else {
            *self.index.get(name)?
        };
        Some(self.pairs[at].0.span)
    }
}

pub(super) fn empty() -> Diagnostic {
    Diagnostic::error(codes::EMPTY, Span::default(), "", "the document is empty")
        .label("nothing here")
        .hint("a workflow begins with `document:` and has its tasks under `do:`")
}

fn duplicate_key(key: &Key, first: Span, mut pointer: String) -> Diagnostic {
    push_step(&mut pointer, &key.name);
    Diagnostic::error(
        codes::DUPLICATE_KEY,
        key.span,
        pointer,
        format!("the key `{}` appears twice in one mapping", key.name),
    )
    .label("again here")
    .also(first, "first here")
    .hint("remove or rename one of the two")
}

fn key_not_text(node: &Node, key: &Key, pointer: String) -> Diagnostic {
    let finding = |what: &str| {
        Diagnostic::error(
            codes::KEY_NOT_TEXT,
            node.span,
            pointer,
            format!("{what} cannot be a key; keys are texts"),
        )
    };
    match &node.data {
        Data::Scalar(value) => {
            let finding = finding(&format!("a {}", value.type_name()));
            let label = format!("YAML reads this as a {}", value.type_name());
            finding
                .label(label)
                .hint(format!("quote it: '{}'", key.name))
        }
        Data::Sequence(_) => finding("a list")
            .label("used as a key")
            .hint("quote it if it is meant as text"),
        Data::Mapping(_) => finding("a mapping")
            .label("used as a key")
            .hint("if this is meant as a template, write an expression in quotes: '${ .name }'"),
    }
}
