//! A task wrapped by extensions.
//!
//! ```text
//! begin ──► Before(0) ──► Before(1) ──► … ──► Target ──► After(last) ──► … ──► After(0) ──► output of the target
//!              └──`then: exit`──► output of the list; the target is bypassed
//! ```
//! The wrapper has no data flow of its own; control goes on as the target says.

use ferrovia_dsl::plan::{Extended, Flow, Kind};
use ferrovia_expr::Value;

use crate::error::Error;
use crate::frame::{Activity, Cursor, ExtendedPhase, Frame, FrameId};
use crate::machine::{Machine, Next};
use crate::run::Work;
use crate::scope::Scoped;
use crate::trace::TraceEvent;

impl<'a> Machine<'a> {
    pub(crate) fn begin_extended(&mut self, mut frame: Frame, extended: &Extended) {
        match self.applying(&frame, extended) {
            Ok(applying) => {
                frame.activity = Activity::Extended {
                    applying,
                    at: 0,
                    phase: ExtendedPhase::Before,
                };
                let id = self.run.frames.insert(frame);
                self.run_before(id);
            }
            Err(error) => {
                self.note(
                    frame.task,
                    TraceEvent::TaskFaulted {
                        error: error.clone(),
                    },
                );
                if let Some(parent) = frame.parent {
                    self.run.work.push_back(Work::Failed {
                        parent,
                        slot: frame.slot,
                        error,
                    });
                }
            }
        }
    }

    /// The layers whose `when` holds for this task and input.
    fn applying(&self, frame: &Frame, extended: &Extended) -> Result<Vec<u32>, Error> {
        let scope = Scoped::new(self, frame);
        let mut applying = Vec::new();
        for (index, layer) in extended.layers.iter().enumerate() {
            let holds = layer
                .when
                .as_ref()
                .map_or(Ok(true), |when| when.test(&frame.raw_input, &scope));
            if holds.map_err(|error| self.expression_error(frame, error))? {
                applying.push(index as u32);
            }
        }
        Ok(applying)
    }

    /// Begins the next `before` list, or the target when none is left.
    fn run_before(&mut self, id: FrameId) {
        loop {
            let Some((extended, layer)) = self.layer(id) else {
                return self.enter_target(id);
            };
            match extended.layers[layer].before {
                Some(list) => {
                    return self.run_list(
                        id,
                        Cursor {
                            list,
                            at: 0,
                            round: 0,
                        },
                    );
                }
                None => self.step_layer(id, 1),
            }
        }
    }

    fn run_after(&mut self, id: FrameId) {
        loop {
            let Some((extended, layer)) = self.layer(id) else {
                return self.leave_extended(id);
            };
            match extended.layers[layer].after {
                Some(list) => {
                    return self.run_list(
                        id,
                        Cursor {
                            list,
                            at: 0,
                            round: 0,
                        },
                    );
                }
                None => self.step_layer(id, u32::MAX),
            }
        }
    }

    /// Runs a list of a layer. In it `$task` is the extended task.
    fn run_list(&mut self, id: FrameId, cursor: Cursor) {
        let Some(frame) = self.run.frames.get(id) else {
            return;
        };
        let extended = Scoped::new(self, frame).task();
        let locals = self.outer_locals(frame).bind(&"task".into(), extended);
        let input = match &frame.activity {
            Activity::Extended {
                phase: ExtendedPhase::After { output, .. },
                ..
            } => output.clone(),
            _ => frame.raw_input.clone(),
        };
        if let Some(frame) = self.run.frames.get_mut(id) {
            frame.cursor = Some(cursor);
            frame.locals = locals;
        }
        self.proceed(id, Ok(Next::List(input)));
    }

    /// The wrapper's definition and the layer that its state points at.
    fn layer(&self, id: FrameId) -> Option<(&'a Extended, usize)> {
        let frame = self.run.frames.get(id)?;
        let Activity::Extended { applying, at, .. } = &frame.activity else {
            return None;
        };
        let layer = *applying.get(*at as usize)? as usize;
        match self.kind(frame)? {
            Kind::Extended(extended) => Some((extended, layer)),
            _ => None,
        }
    }

    /// Moves to the next layer, forwards by 1 or backwards by `u32::MAX` (wrapping past the first ends the lists).
    fn step_layer(&mut self, id: FrameId, by: u32) {
        if let Some(Activity::Extended { at, .. }) =
            self.run.frames.get_mut(id).map(|frame| &mut frame.activity)
        {
            *at = at.wrapping_add(by);
        }
    }

    fn enter_target(&mut self, id: FrameId) {
        let Some(frame) = self.run.frames.get(id) else {
            return;
        };
        let Some(Kind::Extended(extended)) = self.kind(frame) else {
            return;
        };
        let (target, input) = (extended.target, frame.raw_input.clone());
        let locals = self.outer_locals(frame);
        let Some(frame) = self.run.frames.get_mut(id) else {
            return;
        };
        frame.cursor = None;
        frame.locals = locals;
        if let Activity::Extended { phase, .. } = &mut frame.activity {
            *phase = ExtendedPhase::Target;
        }
        self.run.work.push_back(Work::Enter {
            parent: id,
            slot: 0,
            task: target,
            input,
        });
    }

    pub(crate) fn target_done(&mut self, id: FrameId, output: Value, flow: Flow) {
        if let Some(Activity::Extended {
            applying,
            at,
            phase,
        }) = self.run.frames.get_mut(id).map(|frame| &mut frame.activity)
        {
            *at = (applying.len() as u32).wrapping_sub(1);
            *phase = ExtendedPhase::After { output, flow };
        }
        self.run_after(id);
    }

    /// A `before` or `after` list has ended; its output counts only when it bypasses the target.
    pub(crate) fn extension_list_done(&mut self, id: FrameId, output: Value, flow: Flow) {
        let Some(frame) = self.run.frames.get(id) else {
            return;
        };
        let Activity::Extended { phase, .. } = &frame.activity else {
            return;
        };
        match (phase, flow) {
            (ExtendedPhase::Before, Flow::Exit) => {
                let then = match self.kind(frame) {
                    Some(Kind::Extended(extended)) => self.plan[extended.target].then,
                    _ => Flow::Continue,
                };
                self.leave_with(id, output, then);
            }
            (ExtendedPhase::Before, _) => {
                self.step_layer(id, 1);
                self.run_before(id);
            }
            (ExtendedPhase::Target, _) => {}
            (ExtendedPhase::After { .. }, _) => {
                self.step_layer(id, u32::MAX);
                self.run_after(id);
            }
        }
    }

    fn leave_extended(&mut self, id: FrameId) {
        let Some(frame) = self.run.frames.get(id) else {
            return;
        };
        if let Activity::Extended {
            phase: ExtendedPhase::After { output, flow },
            ..
        } = &frame.activity
        {
            let (output, flow) = (output.clone(), *flow);
            self.leave_with(id, output, flow);
        }
    }

    fn leave_with(&mut self, id: FrameId, output: Value, flow: Flow) {
        if let Some(frame) = self.remove(id)
            && let Some(parent) = frame.parent
        {
            self.run.work.push_back(Work::Done {
                parent,
                slot: frame.slot,
                output,
                flow,
            });
        }
    }
}
