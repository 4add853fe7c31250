//! What every task kind does with the tree of frames: drops parts of it, registers what a frame is owed, and names
//! places in it.

use ferrovia_dsl::plan::{Kind, TaskId};

use crate::error::{Error, ErrorType};
use crate::frame::{Activity, Frame, FrameId, Locals};
use crate::machine::Machine;
use crate::obligation::{Obligation, ObligationId};
use crate::trace::{TraceEntry, TraceEvent};

/// Obligations that a run may have open.
pub(crate) const OBLIGATIONS_MAX: usize = 2_000;

impl<'a> Machine<'a> {
    /// Drops a frame with all frames below it, and retracts what they were owed.
    pub(crate) fn remove(&mut self, id: FrameId) -> Option<Frame> {
        let mut below = self.run.frames.get(id)?.children.clone();
        while let Some(child) = below.pop() {
            if let Some(frame) = self.run.frames.remove(child) {
                below.extend(&frame.children);
                self.forget(child, &frame);
            }
        }
        let frame = self.run.frames.remove(id)?;
        self.forget(id, &frame);
        Some(frame)
    }

    /// The variables around a task: those of its parent.
    pub(crate) fn outer_locals(&self, frame: &Frame) -> Locals {
        let parent = frame.parent.and_then(|parent| self.run.frames.get(parent));
        parent
            .map(|parent| parent.locals.clone())
            .unwrap_or_default()
    }

    /// Drops all children of a frame.
    pub(crate) fn remove_children(&mut self, id: FrameId) {
        let children = self
            .run
            .frames
            .get(id)
            .map(|frame| frame.children.clone())
            .unwrap_or_default();
        for child in children {
            self.remove(child);
        }
    }

    pub(crate) fn forget(&mut self, id: FrameId, frame: &Frame) {
        frame
            .obligations
            .iter()
            .for_each(|id| self.run.obligations.retract(id));
        if matches!(frame.activity, Activity::Listen(_)) {
            self.run.listeners.retain(|listener| *listener != id);
        }
    }

    /// Registers what a frame is owed.
    pub(crate) fn owe(&mut self, frame: FrameId, id: ObligationId, obligation: Obligation) {
        if let Some(owner) = self.run.frames.get_mut(frame) {
            owner.obligations.push(id.clone());
        }
        self.run.obligations.add(id, frame, obligation);
    }

    /// Registers what the run as a whole is owed.
    pub(crate) fn owe_run(&mut self, id: ObligationId, obligation: Obligation) {
        if let Some(root) = self.run.frames.root() {
            self.run.obligations.add(id, root, obligation);
        }
    }

    /// Whether one more obligation fits.
    pub(crate) fn check_open(&self, instance: &str) -> Result<(), Error> {
        if self.run.obligations.len() < OBLIGATIONS_MAX {
            return Ok(());
        }
        let detail =
            format!("the run waits for {OBLIGATIONS_MAX} things already, which is the limit");
        Err(Error::standard(ErrorType::Runtime, instance, detail))
    }

    /// Notes something about a task, unless it is the body of a function: the call stands for it.
    pub(crate) fn note_task(&mut self, parent: FrameId, task: Option<TaskId>, event: TraceEvent) {
        let is_body = |frame: &Frame| matches!(frame.activity, Activity::Function);
        if !self.run.frames.get(parent).is_some_and(is_body) {
            self.note(task, event);
        }
    }

    pub(crate) fn note(&mut self, task: Option<TaskId>, event: TraceEvent) {
        self.trace.push(TraceEntry {
            at_ms: self.cx.now_ms,
            task,
            event,
        });
    }

    /// Where a frame is, repetitions included: the name of what it is owed.
    pub(crate) fn place(&self, id: FrameId) -> String {
        let Some(frame) = self.run.frames.get(id) else {
            return String::new();
        };
        self.named(frame.task, frame.parent)
    }

    /// Like [`Self::place`], told apart for each repetition of the frame's own list.
    pub(crate) fn place_below(&self, id: FrameId) -> String {
        let task = self.run.frames.get(id).and_then(|frame| frame.task);
        self.named(task, Some(id))
    }

    pub(crate) fn named(&self, task: Option<TaskId>, mut ancestor: Option<FrameId>) -> String {
        let mut repetitions = Vec::new();
        while let Some(frame) = ancestor.and_then(|id| self.run.frames.get(id)) {
            let wrapped = frame.task.map(|task| &*self.plan[task].pointer);
            frame.repetition(wrapped.unwrap_or_default(), &mut repetitions);
            ancestor = frame.parent;
        }
        let pointer = self.instance(task);
        if repetitions.is_empty() {
            return pointer.to_string();
        }
        repetitions.reverse();
        format!("{pointer}@{}", repetitions.join("."))
    }

    /// The pointer that errors of a task carry.
    pub(crate) fn instance(&self, task: Option<TaskId>) -> std::sync::Arc<str> {
        task.map_or_else(|| "/".into(), |task| self.plan[task].pointer.clone())
    }

    /// The kind of the task of a frame. The root frame is handled before anyone asks.
    pub(crate) fn kind(&self, frame: &Frame) -> Option<&'a Kind> {
        frame.task.map(|task| &self.plan[task].kind)
    }
}
