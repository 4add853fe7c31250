//! What every back end has to judge in the same way.

use std::sync::Arc;

use crate::ids::{RunId, ShardId};
use crate::journal::StoreError;
use crate::row::{Append, Expected, Filter, NewRun, Park, Status, Summary, Update};

/// Events that one purge removes, however few runs it may remove.
pub(crate) const EVENTS_PER_PURGE_MAX: usize = 10_000;
/// Entries that one purge removes.
pub(crate) const ENTRIES_PER_PURGE_MAX: usize = 10_000;

/// The index row of a run that cannot be followed: every process tries again when it begins.
pub(crate) fn parked(park: &Park) -> Update {
    Update {
        status: Status::Parked,
        wake_ms: None,
        active: true,
        updated_ms: park.at_ms,
        reason: Some(park.reason.clone()),
    }
}

pub(crate) fn as_expected(expected: Expected, known: Option<u64>) -> bool {
    match expected {
        Expected::Anything => true,
        Expected::Absent => known.is_none(),
        Expected::Revision(revision) => known == Some(revision),
    }
}

pub(crate) fn shard(shard: ShardId, shards: u16) -> Result<(), StoreError> {
    if shard.0 < shards {
        Ok(())
    } else {
        Err(StoreError::Unusable(Arc::from(format!(
            "there is no shard {}: the store was made for {shards}",
            shard.0
        ))))
    }
}

/// What no run that was read from a store could have led to.
fn refused(what: &str, why: String) -> StoreError {
    StoreError::Damaged {
        what: what.into(),
        why: why.into(),
    }
}

pub(crate) fn append(append: &Append, shards: u16) -> Result<(), StoreError> {
    if append.fence.0.0 >= shards {
        return Err(StoreError::Fenced(append.fence.0, append.fence.1));
    }
    if let Some(new) = &append.create {
        new_run(new, shards)?;
        if new.id != append.run || append.seq != 1 {
            return Err(refused(
                "an append",
                format!(
                    "record {} of run {} creates run {}",
                    append.seq, append.run, new.id
                ),
            ));
        }
    }
    append
        .spawn
        .iter()
        .try_for_each(|(new, _)| new_run(new, shards))
}

/// Ids fit a signed number of 64 bits, which is what databases have and sort by.
pub(crate) fn new_run(new: &NewRun, shards: u16) -> Result<(), StoreError> {
    if i64::try_from(new.id.0).is_err() {
        return Err(refused(
            "an id of a run",
            format!("{} is not below 2^63", new.id.0),
        ));
    }
    shard(new.shard, shards)
}

/// The index row that a run begins with.
pub(crate) fn pending(new: NewRun) -> Summary {
    Summary {
        updated_ms: new.created_ms,
        run: new,
        status: Status::Pending,
        wake_ms: None,
        active: false,
        reason: None,
    }
}

pub(crate) fn apply(summary: &mut Summary, update: Update) {
    summary.status = update.status;
    summary.wake_ms = update.wake_ms;
    summary.active = update.active;
    summary.updated_ms = update.updated_ms;
    summary.reason = update.reason;
}

pub(crate) fn shown(filter: &Filter, summary: &Summary) -> bool {
    let run = &summary.run;
    let same = |wanted: &Option<Arc<str>>, is: &Arc<str>| {
        wanted.as_ref().is_none_or(|wanted| wanted == is)
    };
    same(&filter.namespace, &run.namespace)
        && same(&filter.name, &run.name)
        && filter.status.is_none_or(|status| status == summary.status)
        && filter
            .label
            .as_ref()
            .is_none_or(|label| run.labels.contains(label))
        && filter
            .created_from_ms
            .is_none_or(|from| from <= run.created_ms)
        && filter
            .created_before_ms
            .is_none_or(|before| run.created_ms < before)
}

/// The number of a run as databases keep it. Ids beyond are in no store.
pub(crate) fn number(run: RunId) -> i64 {
    i64::try_from(run.0).unwrap_or(-1)
}
