//! Folds the records of a run into its state, and proves that they give what they gave when they were written.

use std::sync::Arc;

use ferrovia_dsl::plan::Plan;
use ferrovia_engine::{Cx, Input, Refusal, Run, RuntimeInfo, Step, TraceEntry, step};
use ferrovia_store::format::v1::{Digest, Record, Stamped, State};
use ferrovia_store::{RunId, StoreError};
use serde::Serialize;
use sha2::{Digest as _, Sha256};

/// Why records do not give a state.
#[derive(Debug, Clone, thiserror::Error)]
pub enum ReplayError {
    #[error(transparent)]
    Damaged(#[from] StoreError),
    #[error("record {0} is missing")]
    Gap(u64),
    #[error("record {seq}: the run refuses its input: {refusal}")]
    Refused { seq: u64, refusal: Refusal },
    #[error("record {0} gives another trace than when it was written")]
    Diverged(u64),
}

/// A run somewhere in its history.
#[derive(Clone, Debug)]
pub struct History {
    pub run: Run,
    pub runtime: RuntimeInfo,
    pub digest: Digest,
    /// The time of the last input.
    pub at_ms: i64,
    /// The last record.
    pub seq: u64,
}

/// The seed of a run: all its randomness follows from its id.
pub(crate) fn seed(run: RunId) -> u64 {
    // The finaliser of SplitMix64 (Steele, Lea and Flood 2014).
    let mut z = run.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

impl History {
    /// A run before its first record.
    pub fn new(run: RunId, runtime: RuntimeInfo) -> History {
        History {
            run: Run::new(run.to_string(), seed(run)),
            runtime,
            digest: Digest::default(),
            at_ms: i64::MIN,
            seq: 0,
        }
    }

    /// A run as a snapshot holds it.
    pub fn from_snapshot(
        seq: u64,
        state: &[u8],
        runtime: RuntimeInfo,
    ) -> Result<History, StoreError> {
        let State {
            run,
            digest,
            at_ms,
            release,
        } = State::decode(state)?;
        let runtime = RuntimeInfo {
            version: release,
            ..runtime
        };
        Ok(History {
            run,
            runtime,
            digest,
            at_ms,
            seq,
        })
    }

    pub fn state(&self) -> State {
        State {
            run: self.run.clone(),
            digest: self.digest,
            at_ms: self.at_ms,
            release: self.runtime.version.clone(),
        }
    }

    /// Takes one record in; `see` is shown the trace of each of its inputs. Answers what the record gave.
    pub fn take(
        &mut self,
        plan: &Plan,
        seq: u64,
        record: &[u8],
        mut see: impl FnMut(&[TraceEntry]),
    ) -> Result<(), ReplayError> {
        if seq != self.seq + 1 {
            return Err(ReplayError::Gap(self.seq + 1));
        }
        let record = Record::decode(record)?;
        if let Some(release) = &record.release {
            self.runtime.version = release.clone();
        }
        for Stamped { at_ms, input } in record.inputs {
            let taken = self.input(plan, input, at_ms);
            let step = taken.map_err(|refusal| ReplayError::Refused { seq, refusal })?;
            see(&step.trace);
        }
        if self.digest != record.digest {
            return Err(ReplayError::Diverged(seq));
        }
        self.seq = seq;
        Ok(())
    }

    /// One input at its time. A refused one changes nothing.
    pub(crate) fn input(&mut self, plan: &Plan, input: Input, at_ms: i64) -> Result<Step, Refusal> {
        let cx = Cx {
            now_ms: at_ms,
            runtime: &self.runtime,
        };
        let step = step(plan, &mut self.run, input, &cx)?;
        self.at_ms = at_ms;
        self.digest = extend(self.digest, &step);
        Ok(step)
    }
}

/// Chains what a step gave to what came before.
fn extend(before: Digest, step: &Step) -> Digest {
    let mut bytes = Vec::with_capacity(512);
    bytes.extend_from_slice(&before.0.to_le_bytes());
    let mut serializer = rmp_serde::Serializer::new(&mut bytes);
    (&step.trace, &step.commands)
        .serialize(&mut serializer)
        .expect("memory takes all that can be encoded");
    let sum = Sha256::digest(&bytes);
    let (half, _) = sum.split_at(16);
    Digest(u128::from_le_bytes(
        half.try_into().expect("sixteen bytes were split off"),
    ))
}

/// The release that a record was written by, as `$runtime.version` shows it.
pub(crate) fn release(runtime: &RuntimeInfo) -> Arc<str> {
    runtime.version.clone()
}
