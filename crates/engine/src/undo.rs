//! A run that fails takes back what it did.
//!
//! ```text
//! nobody caught an error ──► all branches end ──► undo of the last task that can be taken back
//!                                                        │          ▲
//!                                                        └── over ──┘ until none is left ──► faulted
//! ```
//!
//! One after another, the last one first, whatever loop or branch it was in. One that fails is told, and the others
//! go on. Meanwhile the run cannot be cancelled: it would leave the rest as it is.

use std::sync::Arc;

use ferrovia_expr::Object;

use crate::error::Error;
use crate::frame::{Activity, Locals};
use crate::machine::Machine;
use crate::run::{Undo, Undoing, Work};
use crate::trace::TraceEvent;

impl Machine<'_> {
    pub(crate) fn begin_undoing(&mut self, error: Error) {
        let Some(root) = self.run.frames.root() else {
            return self.fault_at_last(error);
        };
        self.remove_children(root);
        self.run.work.clear();
        let tasks = self.run.undos.len() as u32;
        self.note(
            None,
            TraceEvent::RunUndoing {
                error: error.clone(),
                tasks,
            },
        );
        self.run.undoing = Some(Undoing {
            error,
            of: None,
            left: Vec::new(),
        });
        // The time limit of the workflow is over with the workflow; events still come.
        if let Some(frame) = self.run.frames.get_mut(root) {
            frame.cursor = None;
            let timers = frame.obligations.extract_if(.., |id| id.0.contains('#'));
            timers.for_each(|id| self.run.obligations.retract(&id));
        }
        self.undo_next();
    }

    /// What was being taken back is, or cannot be.
    pub(crate) fn undone(&mut self, how: Result<(), Error>) {
        let Some(undoing) = &mut self.run.undoing else {
            return;
        };
        let Some(of) = undoing.of.take() else { return };
        let event = match how {
            Ok(()) => TraceEvent::UndoCompleted,
            Err(error) => {
                undoing.left.push(self.plan[of].name.clone());
                TraceEvent::UndoFaulted { error }
            }
        };
        self.note(Some(of), event);
        self.undo_next();
    }

    fn undo_next(&mut self) {
        let Some(root) = self.run.frames.root() else {
            return;
        };
        let Some(Undo { of, input, output }) = self.run.undos.pop() else {
            return self.end_undoing();
        };
        let (Some(undo), Some(undoing)) = (self.plan[of].undo, &mut self.run.undoing) else {
            return self.undo_next();
        };
        undoing.of = Some(of);
        let error = undoing.error.to_value();
        let mut undone = Object::default();
        undone.insert("name", self.plan[of].name.clone());
        undone.insert("input", input);
        undone.insert("output", output.clone());
        let number = self.run.undos.len() as u32;
        if let Some(frame) = self.run.frames.get_mut(root) {
            frame.activity = Activity::Undo { number };
            frame.locals = Locals::default()
                .bind(&Arc::from("undone"), undone.into())
                .bind(&Arc::from("error"), error);
        }
        self.note(Some(of), TraceEvent::UndoStarted);
        self.run.work.push_back(Work::Enter {
            parent: root,
            slot: 0,
            task: undo,
            input: output,
        });
    }

    fn end_undoing(&mut self) {
        let Some(Undoing {
            mut error, left, ..
        }) = self.run.undoing.clone()
        else {
            return;
        };
        if !left.is_empty() {
            let left = left.join(", ");
            let detail = error.detail.as_deref().unwrap_or_default();
            let more = format!("{detail} (and could not be taken back: {left})");
            error.detail = Some(more.trim_start().into());
        }
        self.fault_at_last(error);
    }
}
