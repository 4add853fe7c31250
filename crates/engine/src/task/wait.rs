//! `wait`: one timer. The output is the input.

use ferrovia_dsl::plan::Duration;

use crate::frame::{Activity, FrameId};
use crate::machine::{Machine, Next, Transition, WAIT};
use crate::obligation::{Obligation, ObligationId, Timer};

impl Machine<'_> {
    pub(crate) fn begin_wait(&mut self, id: FrameId, duration: &Duration) -> Transition {
        let Some(frame) = self.run.frames.get(id) else {
            return Ok(Next::Wait);
        };
        let due_ms = self.due(frame, duration)?;
        if due_ms <= self.cx.now_ms {
            return Ok(Next::Output(frame.input.clone()));
        }
        self.check_open(&self.instance(frame.task))?;
        self.set_activity(id, Activity::Awaiting { event: None });
        let timer = ObligationId(format!("{}#{WAIT}", self.place(id)).into());
        self.owe(id, timer, Obligation::Timer(Timer { due_ms }));
        Ok(Next::Wait)
    }
}
