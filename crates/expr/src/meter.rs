//! What one evaluation may use. Fuel and memory are counted, not measured, so the same expression on
//! the same input ends in the same way on every machine.

use std::cell::Cell;

use crate::error::Limit;
use crate::eval::Stop;

/// Steps of one evaluation; a step is a node of the tree, an element or some bytes of text.
pub(crate) const FUEL_MAX: u64 = 4_000_000;
/// Bytes that one evaluation may build, all together. What it holds at a time is never more.
pub(crate) const MEMORY_BYTES_MAX: u64 = 64 * 1024 * 1024;
/// Outputs of one evaluation.
pub(crate) const OUTPUTS_MAX: usize = 10_000;
/// Calls and generators inside each other while evaluating.
pub(crate) const EVALUATION_DEPTH_MAX: u32 = 4_000;
/// Depth from which outputs cost something.
const FAR_INSIDE: u32 = 256;
/// Values in one result, counting shared ones as often as they would be written.
pub(crate) const RESULT_VALUES_MAX: u64 = 1_000_000;
/// Bytes of text that cost one step.
const BYTES_PER_STEP: u64 = 32;

pub(crate) struct Meter {
    fuel: Cell<u64>,
    memory: Cell<u64>,
    depth: Cell<u32>,
}

impl Meter {
    pub(crate) fn new() -> Meter {
        Meter {
            fuel: Cell::new(FUEL_MAX),
            memory: Cell::new(MEMORY_BYTES_MAX),
            depth: Cell::new(0),
        }
    }

    #[inline]
    pub(crate) fn tick(&self) -> Result<(), Stop> {
        self.steps(1)
    }

    #[inline]
    pub(crate) fn steps(&self, steps: u64) -> Result<(), Stop> {
        match self.fuel.get().checked_sub(steps) {
            Some(left) => {
                self.fuel.set(left);
                Ok(())
            }
            None => {
                self.fuel.set(0);
                Err(Stop::Limit(Limit::Fuel))
            }
        }
    }

    /// Work in proportion to some bytes of text.
    pub(crate) fn text(&self, bytes: usize) -> Result<(), Stop> {
        self.steps(1 + bytes as u64 / BYTES_PER_STEP)
    }

    /// Counts memory before it is taken.
    #[inline]
    pub(crate) fn build(&self, bytes: usize) -> Result<(), Stop> {
        match self.memory.get().checked_sub(bytes as u64) {
            Some(left) => {
                self.memory.set(left);
                Ok(())
            }
            None => Err(Stop::Limit(Limit::Memory)),
        }
    }

    pub(crate) fn has_built(&self) -> bool {
        self.memory.get() < MEMORY_BYTES_MAX
    }

    #[inline]
    pub(crate) fn enter(&self) -> Result<(), Stop> {
        self.tick()?;
        let depth = self.depth.get() + 1;
        if depth > EVALUATION_DEPTH_MAX {
            return Err(Stop::Limit(Limit::Depth));
        }
        self.depth.set(depth);
        Ok(())
    }

    /// An output passes one node on its way out. That costs something only far inside, where it
    /// passes many: otherwise the steps of the nodes pay for it.
    #[inline]
    pub(crate) fn leave_with_output(&self) -> Result<(), Stop> {
        if self.depth.get() > FAR_INSIDE {
            return self.steps(3);
        }
        Ok(())
    }

    #[inline]
    pub(crate) fn leave(&self) {
        self.depth.set(self.depth.get() - 1);
    }
}
