//! The tree of active tasks. A frame exists for every task that has children or waits; a task that ends at once
//! never gets one.

use std::sync::Arc;

use ferrovia_dsl::plan::{Flow, ListId, TaskId};
use ferrovia_expr::Value;
use serde::{Deserialize, Serialize};

use crate::error::Error;
use crate::obligation::ObligationId;
use crate::task::fork::Branches;
use crate::task::listen::Listening;

/// A place in the frame table. The generation tells a reused place from the frame that was meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub(crate) struct FrameId {
    index: u32,
    generation: u32,
}

/// One active task.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Frame {
    /// Absent only in the root frame, which stands for the workflow.
    pub(crate) parent: Option<FrameId>,
    /// Which child of its parent it is, where that has several at once.
    pub(crate) slot: u32,
    /// Absent in the root frame.
    pub(crate) task: Option<TaskId>,
    pub(crate) raw_input: Value,
    pub(crate) input: Value,
    pub(crate) started_ms: i64,
    pub(crate) locals: Locals,
    pub(crate) activity: Activity,
    /// Where control is in the list of tasks that the frame runs, if it runs one.
    pub(crate) cursor: Option<Cursor>,
    pub(crate) children: Vec<FrameId>,
    pub(crate) obligations: Vec<ObligationId>,
}

/// What a frame is about, with the state of its task kind.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) enum Activity {
    /// The list in `cursor` is all there is: the workflow itself, `do`.
    Sequence,
    /// One effect, child or timer is awaited: `call`, `emit`, `run`, `wait`.
    Awaiting {
        event: Option<Value>,
    },
    For {
        items: Value,
        index: u32,
    },
    Fork(Branches),
    Function,
    Listen(Box<Listening>),
    Try {
        attempt: u32,
        first_started_ms: i64,
        phase: TryPhase,
    },
    Extended {
        applying: Vec<u32>,
        at: u32,
        phase: ExtendedPhase,
    },
    /// Of the root frame, once the run takes back what it did: which of the tasks, from the last one on.
    Undo {
        number: u32,
    },
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) enum TryPhase {
    Body,
    Delay,
    Catch(Error),
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) enum ExtendedPhase {
    Before,
    Target,
    After { output: Value, flow: Flow },
}

impl Frame {
    /// What tells this repetition of the frame's list from others, innermost last when the result is reversed.
    pub(crate) fn repetition(&self, pointer: &str, into: &mut Vec<String>) {
        if let Some(round) = self
            .cursor
            .map(|cursor| cursor.round)
            .filter(|round| *round > 0)
        {
            into.push(format!("r{round}"));
        }
        match &self.activity {
            Activity::For { index, .. } => into.push(index.to_string()),
            Activity::Listen(listening) => into.push(listening.processed().to_string()),
            Activity::Try { attempt, .. } if *attempt > 0 => into.push(format!("t{attempt}")),
            // The tasks of an extension have one place for all the tasks that they extend.
            Activity::Extended {
                phase: ExtendedPhase::Before | ExtendedPhase::After { .. },
                ..
            } => {
                into.push(format!("({pointer})"));
            }
            Activity::Undo { number } => into.push(format!("undo{number}")),
            Activity::Extended { .. } | Activity::Try { .. } => {}
            Activity::Sequence
            | Activity::Awaiting { .. }
            | Activity::Fork(_)
            | Activity::Function => {}
        }
    }
}

/// A position in a list of tasks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Cursor {
    pub(crate) list: ListId,
    pub(crate) at: u32,
    /// How often control went back: with `at`, tells repeated visits of a task apart.
    pub(crate) round: u32,
}

/// Variables that loops, catches and iterators bind, innermost first.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Locals(Option<Arc<Binding>>);

#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Binding {
    name: Arc<str>,
    value: Value,
    outer: Locals,
}

impl Locals {
    pub(crate) fn bind(&self, name: &Arc<str>, value: Value) -> Locals {
        Locals(Some(Arc::new(Binding {
            name: name.clone(),
            value,
            outer: self.clone(),
        })))
    }

    pub(crate) fn get(&self, name: &str) -> Option<&Value> {
        let mut next = self.0.as_deref();
        while let Some(binding) = next {
            if &*binding.name == name {
                return Some(&binding.value);
            }
            next = binding.outer.0.as_deref();
        }
        None
    }
}

/// All frames of a run.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Frames {
    places: Vec<(u32, Option<Frame>)>,
    free: Vec<u32>,
}

impl Frames {
    pub(crate) fn insert(&mut self, frame: Frame) -> FrameId {
        let parent = frame.parent;
        let id = match self.free.pop() {
            Some(index) => {
                let place = &mut self.places[index as usize];
                place.1 = Some(frame);
                FrameId {
                    index,
                    generation: place.0,
                }
            }
            None => {
                self.places.push((0, Some(frame)));
                FrameId {
                    index: self.places.len() as u32 - 1,
                    generation: 0,
                }
            }
        };
        if let Some(parent) = parent.and_then(|parent| self.get_mut(parent)) {
            parent.children.push(id);
        }
        id
    }

    pub(crate) fn get(&self, id: FrameId) -> Option<&Frame> {
        let (generation, frame) = self.places.get(id.index as usize)?;
        frame.as_ref().filter(|_| *generation == id.generation)
    }

    pub(crate) fn get_mut(&mut self, id: FrameId) -> Option<&mut Frame> {
        let (generation, frame) = self.places.get_mut(id.index as usize)?;
        frame.as_mut().filter(|_| *generation == id.generation)
    }

    /// Takes a frame out. Its children stay and must be removed by the caller.
    pub(crate) fn remove(&mut self, id: FrameId) -> Option<Frame> {
        self.get(id)?;
        let place = &mut self.places[id.index as usize];
        let frame = place.1.take();
        place.0 = place.0.wrapping_add(1);
        self.free.push(id.index);
        if let Some(parent) = frame.as_ref().and_then(|frame| frame.parent)
            && let Some(parent) = self.get_mut(parent)
        {
            parent.children.retain(|child| *child != id);
        }
        frame
    }

    /// The frame of the workflow: the first one made, alive as long as the run.
    pub(crate) fn root(&self) -> Option<FrameId> {
        let root = FrameId {
            index: 0,
            generation: 0,
        };
        self.get(root).map(|_| root)
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &Frame> {
        self.places.iter().filter_map(|(_, frame)| frame.as_ref())
    }
}
