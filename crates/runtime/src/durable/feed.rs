//! What happens in runs, told as it becomes durable to those who listen.
//!
//! Owns the queues of listeners and their bounds. A listener that is slower than the runs loses messages and is told
//! how many; nothing ever waits for one. The journal has all that was missed.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError, Weak};

use ferrovia_store::RunId;
use tokio::sync::broadcast;
use tokio::sync::broadcast::error::RecvError;

use crate::shard::Change;

/// Messages that a listener to all runs may be behind.
const ALL_BEHIND_MAX: usize = 4_096;
/// Messages that a listener to one run may be behind.
const ONE_BEHIND_MAX: usize = 64;

/// Who listens, and to what.
#[derive(Default)]
pub(crate) struct Feeds {
    listeners: AtomicUsize,
    missed: AtomicU64,
    queues: Mutex<Queues>,
}

type Queue = broadcast::Sender<Arc<Change>>;

#[derive(Default)]
struct Queues {
    all: Option<Queue>,
    by_run: HashMap<RunId, Queue>,
}

/// What a listener hears.
#[derive(Clone, Debug)]
pub enum Told {
    Change(Arc<Change>),
    /// So many messages were dropped, because this listener was too slow. Read the journal.
    Missed(u64),
}

/// Hears what happens from now on. Read the journal after this was made, and nothing is missed between the two.
pub struct Feed {
    feeds: Weak<Feeds>,
    run: Option<RunId>,
    receiver: Option<broadcast::Receiver<Arc<Change>>>,
}

impl Feeds {
    /// Listens to one run, or to all.
    pub(crate) fn listen(self: &Arc<Feeds>, run: Option<RunId>) -> Feed {
        let queue = |bound| broadcast::Sender::new(bound);
        let mut queues = self.queues.lock().unwrap_or_else(PoisonError::into_inner);
        let sender = match run {
            None => queues.all.get_or_insert_with(|| queue(ALL_BEHIND_MAX)),
            Some(run) => queues
                .by_run
                .entry(run)
                .or_insert_with(|| queue(ONE_BEHIND_MAX)),
        };
        let receiver = Some(sender.subscribe());
        // Whoever reads the journal after this hears of every record that the reading does not find.
        self.listeners.fetch_add(1, Ordering::SeqCst);
        Feed {
            feeds: Arc::downgrade(self),
            run,
            receiver,
        }
    }

    /// Whether anybody listens.
    pub(crate) fn is_watched(&self) -> bool {
        self.listeners.load(Ordering::SeqCst) > 0
    }

    pub(crate) fn tell(&self, change: Change) {
        let change = Arc::new(change);
        let queues = self.queues.lock().unwrap_or_else(PoisonError::into_inner);
        let of_run = queues.by_run.get(&change.run);
        for queue in of_run.into_iter().chain(&queues.all) {
            // The last listener may have gone just now.
            let _ = queue.send(change.clone());
        }
    }

    pub(crate) fn listeners(&self) -> usize {
        self.listeners.load(Ordering::Relaxed)
    }

    /// Messages that listeners were too slow for.
    pub(crate) fn missed(&self) -> u64 {
        self.missed.load(Ordering::Relaxed)
    }
}

impl Feed {
    /// The next message; nothing once the node is gone.
    pub async fn next(&mut self) -> Option<Told> {
        match self.receiver.as_mut()?.recv().await {
            Ok(change) => Some(Told::Change(change)),
            Err(RecvError::Lagged(count)) => {
                if let Some(feeds) = self.feeds.upgrade() {
                    feeds.missed.fetch_add(count, Ordering::Relaxed);
                }
                Some(Told::Missed(count))
            }
            Err(RecvError::Closed) => None,
        }
    }
}

impl Drop for Feed {
    fn drop(&mut self) {
        self.receiver = None;
        let Some(feeds) = self.feeds.upgrade() else {
            return;
        };
        let mut queues = feeds.queues.lock().unwrap_or_else(PoisonError::into_inner);
        let unheard = |queue: &Queue| queue.receiver_count() == 0;
        match self.run {
            None if queues.all.as_ref().is_some_and(unheard) => queues.all = None,
            Some(run) if queues.by_run.get(&run).is_some_and(unheard) => {
                queues.by_run.remove(&run);
            }
            None | Some(_) => {}
        }
        feeds.listeners.fetch_sub(1, Ordering::SeqCst);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ferrovia_store::Status;

    fn change(run: u64, record: u64) -> Change {
        Change {
            run: RunId(run),
            plan: None,
            before: None,
            after: Status::Running,
            reason: None,
            record: Some(record),
            trace: None,
        }
    }

    async fn next(feed: &mut Feed) -> Result<(u64, Option<u64>), u64> {
        match feed.next().await.expect("somebody may tell") {
            Told::Change(change) => Ok((change.run.0, change.record)),
            Told::Missed(count) => Err(count),
        }
    }

    #[tokio::test]
    async fn a_listener_hears_its_run_or_all() {
        let feeds = Arc::new(Feeds::default());
        let (mut one, mut all) = (feeds.listen(Some(RunId(1))), feeds.listen(None));
        feeds.tell(change(2, 1));
        feeds.tell(change(1, 1));
        assert_eq!(next(&mut one).await, Ok((1, Some(1))));
        assert_eq!(next(&mut all).await, Ok((2, Some(1))));
        assert_eq!(next(&mut all).await, Ok((1, Some(1))));
    }

    #[tokio::test]
    async fn a_slow_listener_is_told_what_it_missed() {
        let feeds = Arc::new(Feeds::default());
        let mut slow = feeds.listen(Some(RunId(1)));
        let told = ONE_BEHIND_MAX as u64 + 3;
        for record in 1..=told {
            feeds.tell(change(1, record));
        }
        assert_eq!(next(&mut slow).await, Err(3));
        assert_eq!(next(&mut slow).await, Ok((1, Some(4))));
        assert_eq!(feeds.missed(), 3);
    }

    #[tokio::test]
    async fn nobody_is_left_behind_and_a_node_that_is_gone_ends_the_feed() {
        let feeds = Arc::new(Feeds::default());
        drop((feeds.listen(Some(RunId(1))), feeds.listen(None)));
        assert!(!feeds.is_watched());
        {
            let queues = feeds.queues.lock().expect("no holder panics");
            assert!(queues.all.is_none() && queues.by_run.is_empty());
        }
        let mut feed = feeds.listen(None);
        assert!(feeds.is_watched());
        drop(feeds);
        assert!(feed.next().await.is_none());
    }
}
