//! A compiled expression: a tree whose names are resolved. It knows how deep it is and which parts
//! give exactly one output, and nothing of text or evaluation.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::Value;
use crate::builtin::{Control, Native};

/// How deep the tree of one expression may be, operators included.
pub(crate) const TREE_DEPTH_MAX: u16 = 1_000;

#[derive(Debug)]
pub(crate) struct Node {
    pub(crate) kind: Kind,
    /// See [`Node::single`]. Settled by [`settle`] once all definitions are known.
    single: AtomicBool,
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
    /// As the value of an entry: the input's member of that entry's key.
    SameMember,
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
        let mut single = may_be_single(&kind, &|_| false);
        each_child(&kind, &mut |child, counts| {
            below = below.max(child.depth);
            single &= !counts || child.single();
        });
        Node {
            single: AtomicBool::new(single),
            depth: below.saturating_add(1),
            kind,
        }
    }

    pub(crate) fn literal(value: impl Into<Value>) -> Node {
        Node::new(Kind::Literal(value.into()))
    }

    /// Exactly one output or an error, found without searching.
    #[inline]
    pub(crate) fn single(&self) -> bool {
        self.single.load(Ordering::Relaxed)
    }

    /// Finds again which nodes are single, now that it is known which definitions are.
    fn mark(&self, is_single: &dyn Fn(DefId) -> bool) -> bool {
        let mut single = may_be_single(&self.kind, is_single);
        each_child(&self.kind, &mut |child, counts| {
            let child = child.mark(is_single);
            single &= !counts || child;
        });
        self.single.store(single, Ordering::Relaxed);
        single
    }
}

/// Finds which definitions give exactly one output. A definition that calls itself does if it does
/// whenever the inner call does, so all are taken for single until one proves not to be.
pub(crate) fn settle(defs: &[Def], main: Option<&Node>, prelude: &[Def]) {
    /// Rounds after which definitions that call each other in a circle count as not single.
    const ROUNDS_MAX: usize = 8;
    let mut single = vec![true; defs.len()];
    for round in 0.. {
        let mut stable = true;
        for (at, def) in defs.iter().enumerate() {
            let known = |id: DefId| match id {
                DefId::Own(index) => single[index],
                DefId::Prelude(index) => match prelude.get(index) {
                    Some(def) => def.body.single(),
                    None => single[index],
                },
            };
            let now = def.body.mark(&known) && round < ROUNDS_MAX;
            stable &= now == single[at];
            single[at] &= now;
        }
        if stable {
            break;
        }
    }
    if let Some(main) = main {
        main.mark(&|id| match id {
            DefId::Own(index) => single[index],
            DefId::Prelude(index) => prelude[index].body.single(),
        });
    }
}

/// Given that all children that count are single.
fn may_be_single(kind: &Kind, is_single: &dyn Fn(DefId) -> bool) -> bool {
    match kind {
        Kind::Identity
        | Kind::SameMember
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
        | Kind::Native(..)
        | Kind::Array(_)
        | Kind::Reduce(..)
        | Kind::Update(..)
        | Kind::Modify(..) => true,
        Kind::Try(_, handler) => handler.is_some(),
        Kind::Bind(binding, _) => binding.patterns.len() == 1,
        Kind::Call(id, _, _) => is_single(*id),
        Kind::Control(control, _) => control.is_single(),
        Kind::Filter(_)
        | Kind::Each(_)
        | Kind::Comma(..)
        | Kind::Foreach(..)
        | Kind::Label(_)
        | Kind::Break(_) => false,
    }
}

/// Shows each child, and whether its outputs multiply those of the node.
fn each_child(kind: &Kind, see: &mut dyn FnMut(&Node, bool)) {
    match kind {
        Kind::Identity
        | Kind::SameMember
        | Kind::Literal(_)
        | Kind::Global(_)
        | Kind::Local(_)
        | Kind::Filter(_)
        | Kind::Break(_) => {}
        Kind::Field(of, _) | Kind::Each(of) | Kind::Negate(of) | Kind::Label(of) => see(of, true),
        Kind::Index(a, b)
        | Kind::Pipe(a, b)
        | Kind::Comma(a, b)
        | Kind::Math(_, a, b)
        | Kind::Compare(_, a, b)
        | Kind::And(a, b)
        | Kind::Or(a, b)
        | Kind::Alternative(a, b) => [a, b].into_iter().for_each(|n| see(n, true)),
        Kind::Update(_, path, right) => {
            see(path, false);
            see(right, true);
        }
        Kind::Modify(path, change) => [path, change].into_iter().for_each(|n| see(n, false)),
        Kind::Slice(of, from, to) => {
            see(of, true);
            from.iter().chain(to).for_each(|n| see(n, true));
        }
        Kind::If(a, b, c) => [a, b, c].into_iter().for_each(|n| see(n, true)),
        Kind::Try(body, handler) => {
            see(body, true);
            handler.iter().for_each(|n| see(n, true));
        }
        Kind::Reduce(binding, init, update) => {
            each_in_binding(binding, &mut |n, _| see(n, false));
            see(init, true);
            see(update, false);
        }
        Kind::Foreach(binding, init, update, extract) => {
            each_in_binding(binding, see);
            see(init, true);
            see(update, true);
            extract.iter().for_each(|n| see(n, true));
        }
        Kind::Bind(binding, body) => {
            each_in_binding(binding, see);
            see(body, true);
        }
        Kind::Array(content) => content.iter().for_each(|n| see(n, false)),
        Kind::Object(entries) => entries.iter().for_each(|(k, v)| {
            see(k, true);
            see(v, true);
        }),
        Kind::Text(_, parts) => parts.iter().for_each(|part| {
            if let Part::Node(node) = part {
                see(node, true);
            }
        }),
        Kind::Call(_, _, args) | Kind::Native(_, args) => args.iter().for_each(|n| see(n, true)),
        Kind::Control(control, args) => {
            args.iter().for_each(|n| see(n, !control.collects()));
        }
    }
}

fn each_in_binding(binding: &Binding, see: &mut dyn FnMut(&Node, bool)) {
    see(&binding.source, true);
    binding
        .patterns
        .iter()
        .for_each(|p| each_in_pattern(p, see));
}

fn each_in_pattern(pattern: &Pattern, see: &mut dyn FnMut(&Node, bool)) {
    match pattern {
        Pattern::Variable(_) => {}
        Pattern::Array(items) => items.iter().for_each(|p| each_in_pattern(p, see)),
        Pattern::Object(entries) => entries.iter().for_each(|entry| {
            see(&entry.key, true);
            entry.pattern.iter().for_each(|p| each_in_pattern(p, see));
        }),
    }
}
