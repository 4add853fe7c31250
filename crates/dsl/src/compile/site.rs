//! Places: a node with its pointer, and which variables an expression may use there.

use std::sync::Arc;

use crate::shape::suggest::respelled;
use crate::source::{Key, Node};

/// A node of the document with where it is.
#[derive(Clone, Debug)]
pub(super) struct At<'n> {
    pub(super) node: &'n Node,
    /// JSON pointer in the document.
    pub(super) pointer: String,
    /// The pointer tasks below report as theirs. Differs from `pointer` in an expanded function.
    pub(super) reference: String,
}

impl<'n> At<'n> {
    pub(super) fn root(node: &'n Node) -> Self {
        At {
            node,
            pointer: String::new(),
            reference: String::new(),
        }
    }

    pub(super) fn get(&self, key: &str) -> Option<At<'n>> {
        Some(self.below(self.node.get(key)?, key))
    }

    /// The member at a path of keys.
    pub(super) fn path(&self, keys: &[&str]) -> Option<At<'n>> {
        keys.iter().try_fold(self.clone(), |at, key| at.get(key))
    }

    pub(super) fn items(&self) -> impl ExactSizeIterator<Item = At<'n>> + '_ {
        let items = self.node.items().unwrap_or_default();
        items
            .iter()
            .enumerate()
            .map(|(index, node)| self.below(node, &index.to_string()))
    }

    pub(super) fn entries(&self) -> impl ExactSizeIterator<Item = (&'n Key, At<'n>)> + '_ {
        let entries = self.node.entries().unwrap_or_default();
        entries
            .iter()
            .map(|(key, node)| (key, self.below(node, &key.name)))
    }

    /// The items of a list of single-key objects: name and value.
    pub(super) fn named(&self) -> Vec<(&'n Key, At<'n>)> {
        self.items()
            .filter_map(|item| item.entries().next())
            .collect()
    }

    pub(super) fn is(&self, text: &str) -> bool {
        self.node.as_str() == Some(text)
    }

    pub(super) fn flag(&self, key: &str) -> Option<bool> {
        self.node.get(key)?.as_scalar()?.as_bool()
    }

    pub(super) fn text(&self, key: &str) -> Option<Arc<str>> {
        self.node.get(key)?.as_str().map(Into::into)
    }

    fn below(&self, node: &'n Node, key: &str) -> At<'n> {
        let step = key.replace('~', "~0").replace('/', "~1");
        At {
            node,
            pointer: format!("{}/{step}", self.pointer),
            reference: format!("{}/{step}", self.reference),
        }
    }
}

/// What an expression is evaluated for; decides which variables exist.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Site {
    WorkflowInput,
    WorkflowOutput,
    /// `if` and `input.from` of a task: before the input is known, so `$input` is the raw input.
    TaskInput,
    /// Inside a task.
    Definition,
    /// Arguments of an effect: secrets are allowed and stay sealed.
    Effect,
    OutputAs,
    ExportAs,
    /// Attributes and correlations of an event filter of a schedule: no run exists yet.
    ScheduleEvent,
}

impl Site {
    /// The standard's variables at this place, `$secrets` and `$authorization` aside.
    pub(super) fn variables(self) -> &'static [&'static str] {
        match self {
            Site::WorkflowInput => &["workflow", "runtime", "input"],
            Site::WorkflowOutput => &["context", "workflow", "runtime", "input"],
            Site::TaskInput => &["context", "input", "task", "workflow", "runtime"],
            Site::Definition | Site::Effect | Site::OutputAs => {
                &["context", "input", "task", "workflow", "runtime"]
            }
            Site::ExportAs => &["context", "input", "output", "task", "workflow", "runtime"],
            Site::ScheduleEvent => &["runtime"],
        }
    }
}

/// “did you mean …”, when one of the candidates is close enough.
pub(super) fn suggestion(wanted: &str, candidates: &[&str]) -> Option<String> {
    let meant = respelled(wanted, candidates.iter().copied())?;
    Some(format!("did you mean `{meant}`?"))
}
