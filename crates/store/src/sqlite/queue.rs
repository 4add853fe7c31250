//! What waits for the writer. Bounded for batches; questions that somebody blocks on are always taken.

use std::collections::VecDeque;
use std::sync::mpsc::Sender;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::ids::{Epoch, ShardId};
use crate::journal::{Done, StoreError};
use crate::row::{Purge, Write};

/// Batches that wait at the same time.
pub(super) const QUEUE_BATCHES_MAX: usize = 16_384;
/// Bytes that they carry.
pub(super) const QUEUE_BYTES_MAX: usize = 64 * 1024 * 1024;
/// Batches that one transaction takes.
const GROUP_BATCHES_MAX: usize = 1_024;
/// Bytes that they carry. A larger batch goes alone.
const GROUP_BYTES_MAX: usize = 8 * 1024 * 1024;

pub(super) struct Batch {
    pub(super) writes: Vec<Write>,
    pub(super) done: Done,
    bytes: usize,
}

pub(super) enum Job {
    /// Becomes durable in one transaction.
    Group(Vec<Batch>),
    Acquire(ShardId, Sender<Result<Epoch, StoreError>>),
    Purge {
        purge: Purge,
        answer: Sender<Result<u64, StoreError>>,
    },
    /// Nothing came within the time.
    Idle,
    /// Everything before it is done.
    Stop,
}

enum Entry {
    Batch(Batch),
    Job(Job),
}

#[derive(Default)]
struct Waiting {
    entries: VecDeque<Entry>,
    batches: usize,
    bytes: usize,
    closed: bool,
}

#[derive(Default)]
pub(super) struct Queue {
    waiting: Mutex<Waiting>,
    came: Condvar,
}

impl Queue {
    fn waiting(&self) -> MutexGuard<'_, Waiting> {
        // Nothing in here is left half done by a panic.
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Queues a batch, or gives it back with how many wait.
    pub(super) fn push(&self, writes: Vec<Write>, done: Done) -> Result<(), (Done, usize)> {
        let bytes = writes.iter().map(size).sum();
        let mut waiting = self.waiting();
        let full = waiting.batches >= QUEUE_BATCHES_MAX
            || (waiting.bytes + bytes > QUEUE_BYTES_MAX && waiting.batches > 0);
        if full {
            return Err((done, waiting.batches));
        }
        waiting.batches += 1;
        waiting.bytes += bytes;
        waiting.entries.push_back(Entry::Batch(Batch {
            writes,
            done,
            bytes,
        }));
        drop(waiting);
        self.came.notify_one();
        Ok(())
    }

    pub(super) fn ask(&self, job: Job) {
        self.waiting().entries.push_back(Entry::Job(job));
        self.came.notify_one();
    }

    pub(super) fn close(&self) {
        self.waiting().closed = true;
        self.came.notify_one();
    }

    pub(super) fn is_empty(&self) -> bool {
        let waiting = self.waiting();
        waiting.entries.is_empty() && !waiting.closed
    }

    /// Waits for the next job. Gives up after a time if there is one.
    pub(super) fn take(&self, patience: Option<Duration>) -> Job {
        let mut waiting = self.waiting();
        while waiting.entries.is_empty() {
            if waiting.closed {
                return Job::Stop;
            }
            waiting = match patience {
                None => self
                    .came
                    .wait(waiting)
                    .unwrap_or_else(PoisonError::into_inner),
                Some(patience) => {
                    let (again, timeout) = self
                        .came
                        .wait_timeout(waiting, patience)
                        .unwrap_or_else(PoisonError::into_inner);
                    if timeout.timed_out() && again.entries.is_empty() && !again.closed {
                        return Job::Idle;
                    }
                    again
                }
            };
        }
        waiting.next()
    }
}

impl Waiting {
    fn next(&mut self) -> Job {
        let mut group = Vec::new();
        let mut bytes = 0;
        while let Some(entry) = self.entries.pop_front() {
            match entry {
                Entry::Job(job) if group.is_empty() => return job,
                Entry::Batch(batch)
                    if group.is_empty()
                        || (group.len() < GROUP_BATCHES_MAX
                            && bytes + batch.bytes <= GROUP_BYTES_MAX) =>
                {
                    bytes += batch.bytes;
                    self.batches -= 1;
                    self.bytes -= batch.bytes;
                    group.push(batch);
                }
                later => {
                    self.entries.push_front(later);
                    break;
                }
            }
        }
        Job::Group(group)
    }
}

/// About what a write takes in memory.
fn size(write: &Write) -> usize {
    use crate::row::DeliveryKind;
    let kind = |kind: &DeliveryKind| match kind {
        DeliveryKind::Start(bytes) | DeliveryKind::Event(bytes) => bytes.len(),
        DeliveryKind::Child(obligation, bytes) => obligation.len() + bytes.len(),
        DeliveryKind::Cancel => 0,
    };
    let own = match write {
        Write::Append(append) => {
            append.record.len()
                + append.snapshot.as_ref().map_or(0, Vec::len)
                + append.deliver.iter().map(|(_, to)| kind(to)).sum::<usize>()
                + append.spawn.iter().map(|(_, to)| kind(to)).sum::<usize>()
        }
        Write::Accept(intake) => {
            intake.event.len()
                + intake.starts.iter().map(|(_, to)| kind(to)).sum::<usize>()
                + intake
                    .triggers
                    .iter()
                    .map(|(_, state)| state.len())
                    .sum::<usize>()
        }
        Write::Define(definition) => definition.text.len() + definition.links.len(),
        Write::Schedule(schedule) => schedule.name.len(),
        Write::Park(park) => park.reason.len(),
        Write::Put(put) => {
            put.value.as_ref().map_or(0, |value| value.len())
                + put.key.kind.len()
                + put.key.namespace.len()
                + put.key.name.len()
        }
    };
    own + std::mem::size_of::<Write>()
}
