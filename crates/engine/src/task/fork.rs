//! `fork`: branches side by side.
//!
//! ```text
//! begin ──► open branches ──all done──► array of outputs, in declaration order
//!                         ├─compete, first done──► its output; the others are dropped
//!                         └─one fails──► error (compete: only when all have failed)
//! ```

use ferrovia_dsl::plan::{Fork, Kind};
use ferrovia_expr::Value;
use serde::{Deserialize, Serialize};

use crate::error::Error;
use crate::frame::{Activity, FrameId};
use crate::machine::{Machine, Next, Transition};
use crate::run::Work;
use crate::trace::TraceEvent;

/// The branches of one `fork`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Branches {
    outputs: Vec<Option<Value>>,
    open: u32,
}

impl Machine<'_> {
    pub(crate) fn begin_fork(&mut self, id: FrameId, fork: &Fork) -> Transition {
        let Some(frame) = self.run.frames.get_mut(id) else {
            return Ok(Next::Wait);
        };
        let input = frame.input.clone();
        if fork.branches.is_empty() {
            return Ok(Next::Output(if fork.compete {
                input
            } else {
                Value::Array(Default::default())
            }));
        }
        let branches = fork.branches.len();
        frame.activity = Activity::Fork(Branches {
            outputs: vec![None; branches],
            open: branches as u32,
        });
        for (slot, task) in fork.branches.iter().enumerate() {
            let input = input.clone();
            self.run.work.push_back(Work::Enter {
                parent: id,
                slot: slot as u32,
                task: *task,
                input,
            });
        }
        Ok(Next::Wait)
    }

    pub(crate) fn branch_done(&mut self, id: FrameId, slot: u32, output: Value) -> Transition {
        if self.competes(id) {
            self.drop_losers(id);
            return Ok(Next::Output(output));
        }
        let Some(Activity::Fork(branches)) =
            self.run.frames.get_mut(id).map(|frame| &mut frame.activity)
        else {
            return Ok(Next::Wait);
        };
        branches.outputs[slot as usize] = Some(output);
        branches.open -= 1;
        if branches.open > 0 {
            return Ok(Next::Wait);
        }
        let outputs = std::mem::take(&mut branches.outputs)
            .into_iter()
            .map(Option::unwrap_or_default);
        Ok(Next::Output(outputs.collect::<Vec<_>>().into()))
    }

    pub(crate) fn branch_failed(&mut self, id: FrameId, _slot: u32, error: Error) -> Transition {
        if !self.competes(id) {
            return Err(error);
        }
        let Some(Activity::Fork(branches)) =
            self.run.frames.get_mut(id).map(|frame| &mut frame.activity)
        else {
            return Ok(Next::Wait);
        };
        branches.open -= 1;
        if branches.open == 0 {
            Err(error)
        } else {
            Ok(Next::Wait)
        }
    }

    fn competes(&self, id: FrameId) -> bool {
        let kind = self.run.frames.get(id).and_then(|frame| self.kind(frame));
        matches!(kind, Some(Kind::Fork(fork)) if fork.compete)
    }

    fn drop_losers(&mut self, id: FrameId) {
        let children = self
            .run
            .frames
            .get(id)
            .map(|frame| frame.children.clone())
            .unwrap_or_default();
        for child in children {
            if let Some(loser) = self.remove(child) {
                self.note(loser.task, TraceEvent::BranchLost);
            }
        }
    }
}
