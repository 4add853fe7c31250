//! What is written of a run: its next record, its index row, and what its parent and those who listen are told.

use std::sync::Arc;

use ferrovia_engine::{Command, EffectOutput, Ending, ErrorType, Obligation, Outcome, TraceEntry};
use ferrovia_store::format::v1::{Record, encode_outcome};
use ferrovia_store::{Append, DeliveryKind, Epoch, RunId, ShardId, Status, Update};

use super::super::replay::release;
use super::super::{Change, SNAPSHOT_BYTES};
use super::{Hot, failed};

/// What a record is followed by, and what those who listen are told of it.
pub(in crate::shard) struct Follows {
    pub(in crate::shard) commands: Vec<Command>,
    /// The status before.
    pub(in crate::shard) before: Option<Status>,
    pub(in crate::shard) trace: Option<Vec<TraceEntry>>,
}

impl Hot {
    /// Has the index row written again if it does not say how the run stands: an effect became unknown, or an earlier
    /// process could not follow the records.
    pub(in crate::shard) fn correct_row(&mut self, now_ms: i64) {
        let now = self.update(now_ms);
        self.dirty |= self
            .written
            .as_ref()
            .is_none_or(|written| written.differs(&now));
    }

    /// The next record, with what follows once it is durable.
    pub(in crate::shard) fn record(
        &mut self,
        fence: (ShardId, Epoch),
        now_ms: i64,
    ) -> (Append, Follows) {
        self.dirty = false;
        self.in_flight = true;
        let staged = std::mem::take(&mut self.staged);
        let before = self.written.as_ref().map(|written| written.status);
        let first = self.history.seq == 0;
        let nothing_happened = staged.inputs.is_empty();
        let record = Record {
            inputs: staged.inputs,
            release: first.then(|| release(&self.history.runtime)),
            identity: self.identity.take(),
            moved: staged.moved,
            digest: self.history.digest,
        };
        let record = record.encode();
        self.history.seq += 1;
        self.tail_bytes += record.len();
        let update = self.update(now_ms);
        let changed = self
            .written
            .as_ref()
            .is_none_or(|written| written.differs(&update));
        if changed {
            self.written = Some(update.clone());
        }
        let append = Append {
            fence,
            run: self.id,
            seq: self.history.seq,
            record,
            create: self.create.take(),
            update: changed.then_some(update),
            snapshot: self.snapshot(staged.moved.is_some()),
            consumed: staged.consumed,
            deliver: self.report(),
            spawn: staged.spawn,
            abandon: staged.abandon,
            migrate: staged.moved.map(|moved| {
                let version = self.plan.identity.version.to_string();
                (moved.to, version.into())
            }),
        };
        let follows = Follows {
            commands: staged.commands,
            before,
            trace: staged.trace.or(nothing_happened.then(Vec::new)),
        };
        (append, follows)
    }

    /// A snapshot once the records since the last one outgrow it, so that both stay in proportion.
    fn snapshot(&mut self, forced: bool) -> Option<Vec<u8>> {
        if (!forced && self.tail_bytes <= SNAPSHOT_BYTES.max(self.snapshot_bytes))
            || self.ending().is_some()
            || self.defect.is_some()
        {
            return None;
        }
        let state = self.history.state().encode();
        self.tail_bytes = 0;
        self.snapshot_bytes = state.len();
        Some(state)
    }

    /// What a parent hears of the end.
    fn report(&self) -> Vec<(RunId, DeliveryKind)> {
        let waiting = self
            .parent
            .as_ref()
            .and_then(|parent| Some((parent.run, parent.obligation.clone()?)));
        let (Some((run, obligation)), Some(ending)) = (waiting, self.ending()) else {
            return Vec::new();
        };
        let outcome = match ending {
            Ending::Completed(value) => Outcome::Completed(EffectOutput {
                value: value.clone(),
                authorization_scheme: None,
            }),
            Ending::Faulted(error) => Outcome::Faulted(error.clone()),
            Ending::Cancelled { .. } => failed(
                ErrorType::Runtime,
                "the child workflow was cancelled".to_owned(),
            ),
        };
        vec![(
            run,
            DeliveryKind::Child(obligation, encode_outcome(&outcome).into()),
        )]
    }

    fn update(&self, now_ms: i64) -> Update {
        let run = &self.history.run;
        let active = run.obligations().iter().any(|(id, owed)| match owed {
            // What waits for a person is not looked at again by itself.
            Obligation::Effect(_) => !self.unknown.contains(id),
            Obligation::Proceed => true,
            Obligation::Timer(_) | Obligation::Child(_) | Obligation::Subscription => false,
        });
        let mut update = Update {
            status: status(run.status()),
            wake_ms: self.wake_ms(),
            active,
            updated_ms: now_ms,
            reason: match run.ending() {
                Some(Ending::Faulted(error)) => Some(line(&error.to_string())),
                Some(Ending::Cancelled { reason }) => reason.as_deref().map(line),
                Some(Ending::Completed(_)) | None => None,
            },
        };
        if let Some(effect) = self.unknown.iter().min() {
            update.status = Status::Parked;
            update.reason = Some(line(&format!(
                "it is unknown whether {effect} was carried out before the process ended; settle it with its outcome"
            )));
        }
        if let Some(defect) = &self.defect {
            update.status = Status::Parked;
            update.active = false;
            update.wake_ms = None;
            update.reason = Some(line(defect));
        }
        update
    }

    /// The change that a record made which is durable now.
    pub(in crate::shard) fn change(
        &self,
        before: Option<Status>,
        trace: Option<Vec<TraceEntry>>,
    ) -> Change {
        let written = self.written.as_ref();
        Change {
            run: self.id,
            plan: Some(self.plan.clone()),
            before,
            after: written.map_or(Status::Running, |written| written.status),
            reason: written.and_then(|written| written.reason.clone()),
            record: Some(self.history.seq),
            trace,
        }
    }
}

fn status(status: ferrovia_engine::Status) -> Status {
    match status {
        ferrovia_engine::Status::Pending => Status::Pending,
        ferrovia_engine::Status::Running => Status::Running,
        ferrovia_engine::Status::Waiting => Status::Waiting,
        ferrovia_engine::Status::Suspended => Status::Suspended,
        ferrovia_engine::Status::Cancelled => Status::Cancelled,
        ferrovia_engine::Status::Faulted => Status::Faulted,
        ferrovia_engine::Status::Completed => Status::Completed,
    }
}

/// Characters of a reason in the index; the whole of it is in the trace.
const REASON_CHARS_MAX: usize = 300;

pub(in crate::shard) fn line(text: &str) -> Arc<str> {
    let one_line = text.lines().next().unwrap_or_default();
    one_line
        .chars()
        .take(REASON_CHARS_MAX)
        .collect::<String>()
        .into()
}
