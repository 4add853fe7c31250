//! `metadata.undo`: what takes back what a task did.
//!
//! It is compiled as a task of its own, which runs outside of the list it was written in: it sees what the task gave as
//! its input, `$undone` (name, input and output of the task) and `$error` (why the run fails).

use std::sync::Arc;

use super::Compiler;
use super::flow::Siblings;
use super::site::{At, suggestion};
use super::task::KEYWORDS;
use crate::diagnostic::{Diagnostic, codes};
use crate::plan::TaskId;
use crate::source::Node;

/// Variables of an undo.
const UNDONE: &str = "undone";
const ERROR: &str = "error";

impl<'n> Compiler<'n> {
    pub(super) fn undo(&mut self, at: &At<'n>) -> Option<TaskId> {
        // What takes back is not taken back.
        if self.within_undo {
            return None;
        }
        let undo = at.path(&["metadata", "undo"])?;
        let (name, task): (Arc<str>, At<'n>) = match undo.node.as_str() {
            Some(name) => (name.into(), self.named_undo(&undo, name)?),
            None => (UNDONE.into(), undo),
        };
        self.within_undo = true;
        let (locals, caught) = (
            std::mem::take(&mut self.locals),
            std::mem::take(&mut self.caught),
        );
        self.caught.push(ERROR.into());
        let id = self.with_locals([UNDONE.into(), ERROR.into()], |compiler| {
            let id = compiler.plain_task(&name, &task, &Siblings::List(Vec::new()));
            compiler.extended(id, &task)
        });
        (self.locals, self.caught) = (locals, caught);
        self.within_undo = false;
        Some(id)
    }

    /// The task of the document that has a name, if one has it.
    fn named_undo(&mut self, at: &At<'n>, name: &str) -> Option<At<'n>> {
        let (mut found, mut names) = (Vec::new(), Vec::new());
        tasks(&At::root(self.root), &mut |task, at| {
            names.push(task);
            if task == name {
                found.push(at.clone());
            }
        });
        let (what, hint) = match found.len() {
            1 => {
                let task = found.pop()?;
                self.undos.insert(task.reference.clone());
                return Some(task);
            }
            0 => (
                format!("there is no task named `{name}`"),
                suggestion(name, &names).unwrap_or_else(|| {
                    "name a task of this document, or write the task itself here".to_owned()
                }),
            ),
            many => (
                format!("{many} tasks are named `{name}`"),
                "give it a name of its own, or write the task itself here".to_owned(),
            ),
        };
        self.report(
            Diagnostic::error(codes::UNKNOWN_UNDO, at.node.span, &at.pointer, what)
                .label("not one task")
                .hint(hint),
        );
        None
    }
}

/// Shows all tasks of a document, wherever they are.
fn tasks<'n>(at: &At<'n>, see: &mut impl FnMut(&'n str, &At<'n>)) {
    for (key, task) in at.named() {
        let is_task = |task: &Node| KEYWORDS.iter().any(|keyword| task.get(keyword).is_some());
        if is_task(task.node) {
            see(&key.name, &task);
        }
    }
    for item in at.items() {
        tasks(&item, see);
    }
    for (_, value) in at.entries() {
        tasks(&value, see);
    }
}
