//! Which names exist at a place of the text, and where they will live at run time.

use std::sync::Arc;

use crate::builtin::{self, Found};
use crate::program::{Address, DefId, Kind, Node};

enum Entry {
    Variable {
        name: String,
        frame: usize,
        slot: usize,
    },
    Filter {
        name: String,
        frame: usize,
        slot: usize,
    },
    Label {
        name: String,
        frame: usize,
    },
    Def {
        name: String,
        arity: usize,
        id: DefId,
        frame: usize,
    },
}

pub(super) struct Scope {
    entries: Vec<Entry>,
    frames: usize,
    globals: Vec<String>,
    pub(super) used: Vec<Arc<str>>,
    is_prelude: bool,
}

/// What a call means.
pub(super) enum Callee {
    Filter(Address),
    Def(DefId, usize),
    Builtin(Found),
    Unknown,
}

/// Where the scope stood before names were added.
pub(super) struct Mark {
    entries: usize,
    frames: usize,
}

impl Scope {
    pub(super) fn user(known: &[&str]) -> Scope {
        let globals = known.iter().map(|name| (*name).to_owned()).collect();
        Scope {
            entries: Vec::new(),
            frames: 0,
            globals,
            used: Vec::new(),
            is_prelude: false,
        }
    }

    pub(super) fn prelude() -> Scope {
        Scope {
            is_prelude: true,
            ..Scope::user(&[])
        }
    }

    pub(super) fn is_prelude(&self) -> bool {
        self.is_prelude
    }

    pub(super) fn def_id(&self, index: usize) -> DefId {
        if self.is_prelude {
            DefId::Prelude(index)
        } else {
            DefId::Own(index)
        }
    }

    pub(super) fn mark(&self) -> Mark {
        Mark {
            entries: self.entries.len(),
            frames: self.frames,
        }
    }

    pub(super) fn reset(&mut self, mark: Mark) {
        self.entries.truncate(mark.entries);
        self.frames = mark.frames;
    }

    pub(super) fn push_variables(&mut self, names: &[String]) {
        self.frames += 1;
        let frame = self.frames;
        self.entries.extend(
            names
                .iter()
                .enumerate()
                .map(|(slot, name)| Entry::Variable {
                    name: name.clone(),
                    frame,
                    slot,
                }),
        );
    }

    pub(super) fn push_label(&mut self, name: &str) {
        self.frames += 1;
        self.entries.push(Entry::Label {
            name: name.to_owned(),
            frame: self.frames,
        });
    }

    /// Makes a definition callable, from its own body too.
    pub(super) fn open_def(&mut self, name: &str, arity: usize, id: DefId) {
        let frame = self.frames;
        self.entries.push(Entry::Def {
            name: name.to_owned(),
            arity,
            id,
            frame,
        });
    }

    /// Enters a definition: its parameters, each with `$` when it is a value.
    /// Without parameters there is no frame.
    pub(super) fn push_params(&mut self, params: &[&str]) {
        if params.is_empty() {
            return;
        }
        self.frames += 1;
        let frame = self.frames;
        for (slot, param) in params.iter().enumerate() {
            let name = param.trim_start_matches('$').to_owned();
            if param.starts_with('$') {
                self.entries.push(Entry::Variable {
                    name: name.clone(),
                    frame,
                    slot,
                });
            }
            self.entries.push(Entry::Filter { name, frame, slot });
        }
    }

    pub(super) fn variable(&mut self, wanted: &str) -> Option<Kind> {
        let local = self.entries.iter().rev().find_map(|entry| match entry {
            Entry::Variable { name, frame, slot } if name == wanted => Some(Kind::Local(Address {
                up: self.frames - frame,
                slot: *slot,
            })),
            _ => None,
        });
        local.or_else(|| {
            self.globals
                .iter()
                .any(|g| g == wanted)
                .then(|| Kind::Global(self.use_global(wanted)))
        })
    }

    fn use_global(&mut self, name: &str) -> Arc<str> {
        if let Some(used) = self.used.iter().find(|u| &***u == name) {
            return used.clone();
        }
        let name: Arc<str> = name.into();
        self.used.push(name.clone());
        name
    }

    pub(super) fn label(&self, wanted: &str) -> Option<Node> {
        self.entries.iter().rev().find_map(|entry| match entry {
            Entry::Label { name, frame } if name == wanted => {
                Some(Node::new(Kind::Break(self.frames - frame)))
            }
            _ => None,
        })
    }

    pub(super) fn callee(&self, wanted: &str, args: usize) -> Callee {
        for entry in self.entries.iter().rev() {
            match entry {
                Entry::Filter { name, frame, slot } if args == 0 && name == wanted => {
                    return Callee::Filter(Address {
                        up: self.frames - frame,
                        slot: *slot,
                    });
                }
                Entry::Def {
                    name,
                    arity,
                    id,
                    frame,
                } if *arity == args && name == wanted => {
                    return Callee::Def(*id, self.frames - frame);
                }
                _ => {}
            }
        }
        if let Some(found) = builtin::native(wanted, args) {
            return Callee::Builtin(found);
        }
        // While the prelude itself is read, its table does not exist yet.
        if self.is_prelude {
            return Callee::Unknown;
        }
        match builtin::prelude_def(wanted, args) {
            Some(index) => Callee::Def(DefId::Prelude(index), self.frames),
            None => Callee::Unknown,
        }
    }

    /// The known variable most like `wanted`.
    pub(super) fn variable_like(&self, wanted: &str) -> Option<String> {
        let locals = self.entries.iter().filter_map(|entry| match entry {
            Entry::Variable { name, .. } => Some(name.as_str()),
            _ => None,
        });
        nearest(
            wanted,
            locals.chain(self.globals.iter().map(String::as_str)),
        )
        .map(|n| format!("${n}"))
    }

    /// The known function most like `wanted`, with its number of arguments.
    pub(super) fn function_like(&self, wanted: &str, args: usize) -> Option<String> {
        let locals = self.entries.iter().filter_map(|entry| match entry {
            Entry::Def { name, arity, .. } => Some((name.as_str(), *arity)),
            Entry::Filter { name, .. } => Some((name.as_str(), 0)),
            _ => None,
        });
        let all: Vec<_> = locals.chain(builtin::signatures()).collect();
        let same_name = all.iter().filter(|(name, _)| *name == wanted);
        if let Some((name, arity)) = same_name.min_by_key(|(_, arity)| arity.abs_diff(args)) {
            return Some(format!("{name}/{arity}"));
        }
        let name = nearest(wanted, all.iter().map(|(name, _)| *name))?;
        let arity = all.iter().filter(|(n, _)| *n == name).map(|(_, a)| *a);
        let arity = arity.min_by_key(|a| a.abs_diff(args))?;
        Some(format!("{name}/{arity}"))
    }
}

/// The candidate with the fewest edits, if these are few for its length.
fn nearest<'a>(wanted: &str, candidates: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let close = |name: &&str| name.len().abs_diff(wanted.len()) <= 2;
    let scored = candidates
        .filter(close)
        .map(|name| (edits(wanted, name), name));
    let (distance, name) = scored.min()?;
    (distance <= 1 + wanted.len() / 5).then_some(name)
}

/// Levenshtein distance, a swap of neighbours counting once.
fn edits(a: &str, b: &str) -> usize {
    let (a, b) = (a.as_bytes(), b.as_bytes());
    let mut rows = vec![vec![0; b.len() + 1]; a.len() + 1];
    for i in 0..=a.len() {
        for j in 0..=b.len() {
            rows[i][j] = match (i, j) {
                (0, n) | (n, 0) => n,
                _ => {
                    let replace = rows[i - 1][j - 1] + usize::from(a[i - 1] != b[j - 1]);
                    let mut best = replace.min(rows[i - 1][j] + 1).min(rows[i][j - 1] + 1);
                    if i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] {
                        best = best.min(rows[i - 2][j - 2] + 1);
                    }
                    best
                }
            };
        }
    }
    rows[a.len()][b.len()]
}
