//! Who waits for the end of a run.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use ferrovia_engine::Ending;
use ferrovia_store::RunId;
use tokio::sync::oneshot;

/// Those who wait, by run; each with a number of its own.
#[derive(Clone, Default)]
pub(super) struct Endings(Arc<Mutex<Waiting>>);

#[derive(Default)]
struct Waiting {
    next: u64,
    by_run: HashMap<RunId, Vec<(u64, oneshot::Sender<Ending>)>>,
}

/// Waits for the end of a run. Nobody waits any more when it is dropped.
pub struct Hearing {
    endings: Endings,
    run: RunId,
    number: u64,
    receiver: oneshot::Receiver<Ending>,
}

impl Endings {
    pub(super) fn hear(&self, run: RunId) -> Hearing {
        let (sender, receiver) = oneshot::channel();
        let mut waiting = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let number = waiting.next;
        waiting.next += 1;
        waiting
            .by_run
            .entry(run)
            .or_default()
            .push((number, sender));
        Hearing {
            endings: self.clone(),
            run,
            number,
            receiver,
        }
    }

    pub(super) fn tell(&self, run: RunId, ending: &Ending) {
        let mut waiting = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let heard = waiting.by_run.remove(&run);
        drop(waiting);
        for (_, sender) in heard.into_iter().flatten() {
            // Whoever waited may have gone just now.
            let _ = sender.send(ending.clone());
        }
    }
}

impl Hearing {
    /// How the run ended; nothing if this process will not learn of it.
    pub async fn ending(mut self) -> Option<Ending> {
        (&mut self.receiver).await.ok()
    }
}

impl Drop for Hearing {
    fn drop(&mut self) {
        let mut waiting = self
            .endings
            .0
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let Some(of_run) = waiting.by_run.get_mut(&self.run) else {
            return;
        };
        of_run.retain(|(number, _)| *number != self.number);
        if of_run.is_empty() {
            waiting.by_run.remove(&self.run);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn all_who_wait_hear_and_nobody_is_left_behind() {
        let endings = Endings::default();
        let (first, second) = (endings.hear(RunId(1)), endings.hear(RunId(1)));
        drop(endings.hear(RunId(1)));
        drop(endings.hear(RunId(2)));
        let lengths = |endings: &Endings| -> Vec<usize> {
            let waiting = endings.0.lock().expect("no holder panics");
            waiting.by_run.values().map(Vec::len).collect()
        };
        assert_eq!(lengths(&endings), [2]);
        let ending = Ending::Cancelled { reason: None };
        endings.tell(RunId(1), &ending);
        assert_eq!(first.ending().await, Some(ending.clone()));
        assert_eq!(second.ending().await, Some(ending));
        assert_eq!(lengths(&endings), [0usize; 0]);
    }
}
