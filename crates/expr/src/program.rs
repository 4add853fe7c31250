//! A compiled expression: a tree whose names are resolved. It knows how deep it is and which parts
//! give exactly one output, and nothing of text or evaluation.

use std::sync::Arc;

use crate::Value;
use crate::builtin::{Control, Native};

/// How deep the tree of one expression may be, operators included.
pub(crate) const TREE_DEPTH_MAX: u16 = 1_000;

#[derive(Debug)]
pub(crate) struct Node {
    pub(crate) kind: Kind,
    /// Exactly one output or an error, found without searching.
    pub(crate) single: bool,
    pub(crate) depth: u16,
}

/// Where a name lives at run time: frames to go up, and the slot there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Address {
    pub(crate) up: usize,
    pub(crate) slot: usize,
}

/// A definition in the table of the expression itself, or of the prelude.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum DefId {
    Own(usize),
    Prelude(usize),
}

#[derive(Debug)]
pub(crate) struct Def {
    /// `true` marks a parameter written `$name`.
    pub(crate) params: Vec<Param>,
    pub(crate) body: Node,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Param {
    Value,
    Filter,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Math {
    Add,
    Subtract,
    Multiply,
    Divide,
    Remainder,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Compare {
    Equal,
    NotEqual,
    Less,
    LessEqual,
    Greater,
    GreaterEqual,
}

/// The operator of an update.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Update {
    /// `=`
    Set,
    /// `+=` and its kin
    Math(Math),
    /// `//=`
    Default,
}

#[derive(Debug)]
pub(crate) enum Pattern {
    Variable(usize),
    Array(Vec<Pattern>),
    Object(Vec<Entry>),
}

#[derive(Debug)]
pub(crate) struct Entry {
    pub(crate) key: Node,
    /// `$name` as the key also binds the value.
    pub(crate) variable: Option<usize>,
    pub(crate) pattern: Option<Pattern>,
}

/// `source as pattern ?// pattern | …`; all patterns share one frame of `variables` slots.
#[derive(Debug)]
pub(crate) struct Binding {
    pub(crate) source: Node,
    pub(crate) patterns: Vec<Pattern>,
    pub(crate) variables: usize,
}

#[derive(Debug)]
pub(crate) enum Part {
    Text(Arc<str>),
    Node(Node),
}

#[derive(Debug)]
pub(crate) enum Kind {
    Identity,
    Literal(Value),
    Global(Arc<str>),
    Local(Address),
    Filter(Address),
    Field(Box<Node>, Arc<str>),
    Index(Box<Node>, Box<Node>),
    Slice(Box<Node>, Option<Box<Node>>, Option<Box<Node>>),
    Each(Box<Node>),
    Pipe(Box<Node>, Box<Node>),
    Comma(Box<Node>, Box<Node>),
    Math(Math, Box<Node>, Box<Node>),
    Compare(Compare, Box<Node>, Box<Node>),
    And(Box<Node>, Box<Node>),
    Or(Box<Node>, Box<Node>),
    Alternative(Box<Node>, Box<Node>),
    Negate(Box<Node>),
    If(Box<Node>, Box<Node>, Box<Node>),
    Try(Box<Node>, Option<Box<Node>>),
    Reduce(Box<Binding>, Box<Node>, Box<Node>),
    Foreach(Box<Binding>, Box<Node>, Box<Node>, Option<Box<Node>>),
    Bind(Box<Binding>, Box<Node>),
    Label(Box<Node>),
    Break(usize),
    Array(Option<Box<Node>>),
    Object(Vec<(Node, Node)>),
    Text(&'static Native, Vec<Part>),
    Update(Update, Box<Node>, Box<Node>),
    Modify(Box<Node>, Box<Node>),
    Call(DefId, usize, Vec<Node>),
    Native(&'static Native, Vec<Node>),
    Control(Control, Vec<Node>),
}

impl Node {
    pub(crate) fn new(kind: Kind) -> Node {
        let mut below = 0;
        let mut single = true;
        each_child(&kind, &mut |child| {
            below = below.max(child.depth);
            single &= child.single;
        });
        Node {
            single: single && may_be_single(&kind),
            depth: below.saturating_add(1),
            kind,
        }
    }

    pub(crate) fn literal(value: impl Into<Value>) -> Node {
        Node::new(Kind::Literal(value.into()))
    }
}

/// Given that all children are single.
fn may_be_single(kind: &Kind) -> bool {
    match kind {
        Kind::Identity
        | Kind::Literal(_)
        | Kind::Global(_)
        | Kind::Local(_)
        | Kind::Field(..)
        | Kind::Index(..)
        | Kind::Slice(..)
        | Kind::Pipe(..)
        | Kind::Math(..)
        | Kind::Compare(..)
        | Kind::And(..)
        | Kind::Or(..)
        | Kind::Alternative(..)
        | Kind::Negate(_)
        | Kind::If(..)
        | Kind::Object(_)
        | Kind::Text(..)
        | Kind::Native(..) => true,
        Kind::Array(_) => true,
        Kind::Try(_, handler) => handler.is_some(),
        Kind::Control(control, _) => control.is_single(),
        Kind::Filter(_)
        | Kind::Each(_)
        | Kind::Comma(..)
        | Kind::Reduce(..)
        | Kind::Foreach(..)
        | Kind::Bind(..)
        | Kind::Label(_)
        | Kind::Break(_)
        | Kind::Update(..)
        | Kind::Modify(..)
        | Kind::Call(..) => false,
    }
}

fn each_child(kind: &Kind, see: &mut dyn FnMut(&Node)) {
    match kind {
        Kind::Identity
        | Kind::Literal(_)
        | Kind::Global(_)
        | Kind::Local(_)
        | Kind::Filter(_)
        | Kind::Break(_) => {}
        Kind::Field(of, _) | Kind::Each(of) | Kind::Negate(of) | Kind::Label(of) => see(of),
        Kind::Index(a, b)
        | Kind::Pipe(a, b)
        | Kind::Comma(a, b)
        | Kind::Math(_, a, b)
        | Kind::Compare(_, a, b)
        | Kind::And(a, b)
        | Kind::Or(a, b)
        | Kind::Alternative(a, b)
        | Kind::Update(_, a, b)
        | Kind::Modify(a, b) => [a, b].into_iter().for_each(|n| see(n)),
        Kind::Slice(of, from, to) => {
            see(of);
            from.iter().chain(to).for_each(|n| see(n));
        }
        Kind::If(a, b, c) => [a, b, c].into_iter().for_each(|n| see(n)),
        Kind::Try(body, handler) => {
            see(body);
            handler.iter().for_each(|n| see(n));
        }
        Kind::Reduce(binding, init, update) => {
            each_in_binding(binding, see);
            see(init);
            see(update);
        }
        Kind::Foreach(binding, init, update, extract) => {
            each_in_binding(binding, see);
            see(init);
            see(update);
            extract.iter().for_each(|n| see(n));
        }
        Kind::Bind(binding, body) => {
            each_in_binding(binding, see);
            see(body);
        }
        // An array collects whatever its content gives, so that does not count for `single`.
        Kind::Array(content) => content.iter().for_each(|n| {
            see(&Node {
                kind: Kind::Identity,
                single: true,
                depth: n.depth,
            });
        }),
        Kind::Object(entries) => entries.iter().for_each(|(k, v)| {
            see(k);
            see(v);
        }),
        Kind::Text(_, parts) => parts.iter().for_each(|part| {
            if let Part::Node(node) = part {
                see(node);
            }
        }),
        Kind::Call(_, _, args) | Kind::Native(_, args) => args.iter().for_each(see),
        Kind::Control(control, args) => args.iter().for_each(|n| {
            let single = n.single || control.collects();
            see(&Node {
                kind: Kind::Identity,
                single,
                depth: n.depth,
            });
        }),
    }
}

fn each_in_binding(binding: &Binding, see: &mut dyn FnMut(&Node)) {
    see(&binding.source);
    binding
        .patterns
        .iter()
        .for_each(|p| each_in_pattern(p, see));
}

fn each_in_pattern(pattern: &Pattern, see: &mut dyn FnMut(&Node)) {
    match pattern {
        Pattern::Variable(_) => {}
        Pattern::Array(items) => items.iter().for_each(|p| each_in_pattern(p, see)),
        Pattern::Object(entries) => entries.iter().for_each(|entry| {
            see(&entry.key);
            entry.pattern.iter().for_each(|p| each_in_pattern(p, see));
        }),
    }
}
