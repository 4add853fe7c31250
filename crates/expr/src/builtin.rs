//! The functions of the language by name: native ones, those that run filters, and the prelude.

mod array;
mod format;
mod number;
mod pattern;
mod text;
mod time;

use std::sync::OnceLock;

use crate::Value;
use crate::eval::{Machine, Stop};
use crate::program::Def;

pub(crate) type Run = fn(&Machine<'_>, Value, &[Value]) -> Result<Value, Stop>;

/// A function of values: one output or an error for each combination of its arguments.
#[derive(Debug)]
pub(crate) struct Native {
    pub(crate) name: &'static str,
    pub(crate) arity: usize,
    pub(crate) run: Run,
}

pub(crate) const fn native_fn(name: &'static str, arity: usize, run: Run) -> Native {
    Native { name, arity, run }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Control {
    Empty,
    Select,
    Map,
    RecurseAll,
    Recurse,
    Repeat,
    While,
    Until,
    Range,
    First,
    Last,
    Limit,
    Skip,
    IsEmpty,
    Path,
    GetPath,
    Delete,
    SortBy,
    GroupBy,
    UniqueBy,
    MinBy,
    MaxBy,
}

impl Control {
    /// Gives exactly one output whatever its filter gives.
    pub(crate) fn is_single(self) -> bool {
        self.collects()
    }
    /// Runs its filter to the end on its own.
    pub(crate) fn collects(self) -> bool {
        use Control::*;
        matches!(
            self,
            Map | IsEmpty | Delete | SortBy | GroupBy | UniqueBy | MinBy | MaxBy
        )
    }
}

const CONTROLS: [(&str, usize, Control); 24] = [
    ("empty", 0, Control::Empty),
    ("select", 1, Control::Select),
    ("map", 1, Control::Map),
    ("recurse", 0, Control::RecurseAll),
    ("recurse", 1, Control::Recurse),
    ("repeat", 1, Control::Repeat),
    ("while", 2, Control::While),
    ("until", 2, Control::Until),
    ("range", 1, Control::Range),
    ("range", 2, Control::Range),
    ("range", 3, Control::Range),
    ("first", 1, Control::First),
    ("last", 1, Control::Last),
    ("limit", 2, Control::Limit),
    ("skip", 2, Control::Skip),
    ("isempty", 1, Control::IsEmpty),
    ("path", 1, Control::Path),
    ("getpath", 1, Control::GetPath),
    ("del", 1, Control::Delete),
    ("sort_by", 1, Control::SortBy),
    ("group_by", 1, Control::GroupBy),
    ("unique_by", 1, Control::UniqueBy),
    ("min_by", 1, Control::MinBy),
    ("max_by", 1, Control::MaxBy),
];

pub(crate) enum Found {
    Native(&'static Native),
    Control(Control),
    Literal(Value),
}

/// Functions that are literals.
const CONSTANTS: [&str; 7] = [
    "null",
    "true",
    "false",
    "nan",
    "infinite",
    "have_literal_numbers",
    "have_decnum",
];

static BUILTINS: &[Native] = &[native_fn("builtins", 0, builtins)];

fn natives() -> impl Iterator<Item = &'static Native> {
    [
        text::FUNCTIONS,
        array::FUNCTIONS,
        number::FUNCTIONS,
        format::FUNCTIONS,
        pattern::FUNCTIONS,
        time::FUNCTIONS,
        BUILTINS,
    ]
    .into_iter()
    .flatten()
}

pub(crate) fn native(name: &str, arity: usize) -> Option<Found> {
    let literal = match (name, arity) {
        ("null", 0) => Some(Value::Null),
        ("true", 0) => Some(true.into()),
        ("false", 0) => Some(false.into()),
        ("nan", 0) => Some(Value::Float(f64::NAN)),
        ("infinite", 0) => Some(Value::Float(f64::INFINITY)),
        ("have_literal_numbers", 0) => Some(true.into()),
        ("have_decnum", 0) => Some(false.into()),
        _ => None,
    };
    let control = || {
        CONTROLS
            .iter()
            .find(|(n, a, _)| *n == name && *a == arity)
            .map(|(_, _, c)| Found::Control(*c))
    };
    let function = || {
        natives()
            .find(|f| f.arity == arity && f.name == name)
            .map(Found::Native)
    };
    literal
        .map(Found::Literal)
        .or_else(control)
        .or_else(function)
}

/// Definitions written in the language itself.
pub(crate) struct Prelude {
    pub(crate) defs: Vec<Def>,
    names: Vec<(String, usize, usize)>,
}

pub(crate) fn prelude() -> &'static Prelude {
    static PRELUDE: OnceLock<Prelude> = OnceLock::new();
    PRELUDE.get_or_init(|| {
        let (defs, names) = crate::syntax::parse_prelude(include_str!("builtin/prelude.jq"));
        Prelude { defs, names }
    })
}

pub(crate) fn prelude_def(name: &str, arity: usize) -> Option<usize> {
    let mut names = prelude().names.iter().rev();
    names
        .find(|(n, a, _)| *a == arity && n == name)
        .map(|(_, _, index)| *index)
}

/// `name/arity` of all functions.
fn builtins(machine: &Machine<'_>, _: Value, _: &[Value]) -> Result<Value, Stop> {
    let own = CONSTANTS
        .into_iter()
        .map(|name| (name, 0))
        .chain(signatures());
    let own = own.filter(|(name, _)| !name.starts_with('@'));
    machine.array(
        own.map(|(name, arity)| format!("{name}/{arity}").into())
            .collect(),
    )
}

/// All functions that an author may name, for hints.
pub(crate) fn signatures<'a>() -> impl Iterator<Item = (&'a str, usize)> {
    let native = natives().map(|f| (f.name, f.arity));
    let control = CONTROLS.iter().map(|(name, arity, _)| (*name, *arity));
    let defined = prelude()
        .names
        .iter()
        .map(|(name, arity, _)| (name.as_str(), *arity));
    let all = native.chain(control).chain(defined);
    all.filter(|(name, _)| !name.starts_with('_'))
}
