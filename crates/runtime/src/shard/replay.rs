//! Folds the records of a run into its state, and proves that they give what they gave when they were written.

use std::sync::Arc;

use ferrovia_dsl::plan::{Plan, PlanHash};
use ferrovia_engine::{Cx, Input, Obligation, Refusal, Run, RuntimeInfo, Step, TraceEntry, step};
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

    /// Takes one record in; `see` is shown the trace of each of its inputs. Answers what the record gave. One with
    /// which the run changes its plan needs all that came before: see [`replay`].
    pub fn take(
        &mut self,
        plan: &Plan,
        seq: u64,
        record: &[u8],
        mut see: impl FnMut(&[TraceEntry]),
    ) -> Result<(), ReplayError> {
        self.take_seeing(plan, seq, record, |seen| see(&seen.step.trace))
    }

    fn take_seeing(
        &mut self,
        plan: &Plan,
        seq: u64,
        record: &[u8],
        mut see: impl FnMut(Seen<'_>),
    ) -> Result<(), ReplayError> {
        if seq != self.seq + 1 {
            return Err(ReplayError::Gap(self.seq + 1));
        }
        let record = Record::decode(record)?;
        self.begin(&record);
        for stamped in record.inputs {
            let asked = stamped.input.settles();
            let asked = asked.and_then(|id| self.run.obligations().get(id).cloned());
            let taken = self.input(plan, stamped.input.clone(), stamped.at_ms);
            let step = taken.map_err(|refusal| ReplayError::Refused { seq, refusal })?;
            see(Seen {
                plan,
                seq,
                stamped: &stamped,
                asked: asked.as_ref(),
                step: &step,
                history: self,
            });
        }
        if self.digest != record.digest {
            return Err(ReplayError::Diverged(seq));
        }
        self.seq = seq;
        Ok(())
    }

    /// What the first record says of the run as a whole.
    fn begin(&mut self, record: &Record) {
        if let Some(release) = &record.release {
            self.runtime.version = release.clone();
        }
        if let Some(origin) = record.identity {
            self.run = Run::new(origin.to_string(), seed(origin));
        }
    }

    /// Follows another plan from here on, as if it had from the start. Refused if the inputs do not fit that plan.
    pub(crate) fn moved(
        &self,
        to: &Plan,
        records: &[(u64, Vec<u8>)],
    ) -> Result<History, ReplayError> {
        let RuntimeInfo { version, .. } = &self.runtime;
        let mut history = History {
            run: Run::new(self.run.id().clone(), 0),
            runtime: RuntimeInfo {
                version: version.clone(),
                ..self.runtime.clone()
            },
            digest: Digest::default(),
            at_ms: i64::MIN,
            seq: 0,
        };
        for (seq, record) in records {
            let record = Record::decode(record)?;
            if *seq == 1 {
                let known = record.identity.or_else(|| self.run.id().parse().ok());
                if let Some(id) = known {
                    history.run = Run::new(id.to_string(), seed(id));
                }
            }
            for Stamped { at_ms, input, .. } in record.inputs {
                let taken = history.input(to, input, at_ms);
                taken.map_err(|refusal| ReplayError::Refused { seq: *seq, refusal })?;
            }
        }
        history.seq = self.seq;
        history.digest = self.moved_digest(to);
        Ok(history)
    }

    /// The digest of a run that leaves its plan for another one.
    pub(crate) fn moved_digest(&self, to: &Plan) -> Digest {
        chained(self.digest, &to.hash.0)
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

/// What a replay shows of each input.
pub struct Seen<'a> {
    pub plan: &'a Plan,
    pub seq: u64,
    pub stamped: &'a Stamped,
    /// What the input settled, as it was owed before.
    pub asked: Option<&'a Obligation>,
    pub step: &'a Step,
    /// The run after it.
    pub history: &'a History,
}

/// Replays a run from its first record. `read` gives records from a position on, as many as it likes, and none behind
/// the last one; `plan` finds plans, the first being that of the index row.
pub fn replay<E: From<ReplayError>>(
    run: RunId,
    now: PlanHash,
    runtime: RuntimeInfo,
    mut read: impl FnMut(u64) -> Result<Vec<(u64, Vec<u8>)>, E>,
    plan: impl Fn(PlanHash) -> Result<Arc<Plan>, E>,
    mut see: impl FnMut(Seen<'_>),
    mut after: impl FnMut(&History) -> Result<(), E>,
) -> Result<History, E> {
    let mut moves = Vec::new();
    each(&mut read, |seq, record| {
        let moved = Record::moved(record).map_err(ReplayError::from)?;
        moves.extend(moved.map(|moved| (seq, moved)));
        Ok(())
    })?;
    let mut follows = plan(moves.first().map_or(now, |(_, moved)| moved.from))?;
    let mut history = History::new(run, runtime);
    loop {
        let records = read(history.seq + 1)?;
        if records.is_empty() {
            return Ok(history);
        }
        for (seq, record) in &records {
            let moved = moves.iter().find(|(at, _)| at == seq);
            if let Some((_, moved)) = moved {
                follows = plan(moved.to)?;
                let mut before = Vec::new();
                each(&mut read, |at, record| {
                    if at < *seq {
                        before.push((at, record.to_vec()));
                    }
                    Ok(())
                })?;
                history = history.moved(&follows, &before)?;
            }
            history.take_seeing(&follows, *seq, record, &mut see)?;
            after(&history)?;
        }
    }
}

fn each<E>(
    read: &mut impl FnMut(u64) -> Result<Vec<(u64, Vec<u8>)>, E>,
    mut act: impl FnMut(u64, &[u8]) -> Result<(), E>,
) -> Result<(), E> {
    let mut from = 1;
    loop {
        let records = read(from)?;
        let Some((last, _)) = records.last() else {
            return Ok(());
        };
        from = last + 1;
        for (seq, record) in &records {
            act(*seq, record)?;
        }
    }
}

/// Chains what a step gave to what came before.
fn extend(before: Digest, step: &Step) -> Digest {
    let mut bytes = Vec::with_capacity(512);
    let mut serializer = rmp_serde::Serializer::new(&mut bytes);
    (&step.trace, &step.commands)
        .serialize(&mut serializer)
        .expect("memory takes all that can be encoded");
    chained(before, &bytes)
}

fn chained(before: Digest, what: &[u8]) -> Digest {
    let sum = Sha256::new()
        .chain_update(before.0.to_le_bytes())
        .chain_update(what)
        .finalize();
    let (half, _) = sum.split_at(16);
    Digest(u128::from_le_bytes(
        half.try_into().expect("sixteen bytes were split off"),
    ))
}

/// The release that a record was written by, as `$runtime.version` shows it.
pub(crate) fn release(runtime: &RuntimeInfo) -> Arc<str> {
    runtime.version.clone()
}
