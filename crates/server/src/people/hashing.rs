//! Hashing passwords: tens of milliseconds and megabytes each, so never on the threads that answer requests, and only
//! so many at a time.

use tokio::sync::Semaphore;

use crate::access::password::{self, Checked, Uncheckable, Unfit};
use crate::problem::Problem;

/// Passwords hashed at the same time.
pub const HASHES_MAX: usize = 2;
/// Passwords that are hashed or wait for it; more are refused.
pub const HASHES_WAITING_MAX: usize = 32;

#[derive(Debug)]
pub(super) struct Hashing {
    waiting: Semaphore,
    running: Semaphore,
}

impl Default for Hashing {
    fn default() -> Hashing {
        Hashing {
            waiting: Semaphore::new(HASHES_WAITING_MAX),
            running: Semaphore::new(HASHES_MAX),
        }
    }
}

impl Hashing {
    pub(super) async fn hash(&self, password: String) -> Result<String, Problem> {
        let hashed = self.work(move || password::hash(&password)).await?;
        hashed.map_err(|unfit| match unfit {
            Unfit::Short | Unfit::Long => Problem::invalid("/password", unfit.to_string()),
            Unfit::NoRandom(_) | Unfit::NoMemory => busy(),
        })
    }

    pub(super) async fn check(
        &self,
        password: String,
        stored: Option<String>,
    ) -> Result<Checked, Problem> {
        let checked = self.work(move || password::check(&password, stored.as_deref()));
        checked.await?.map_err(|error| match error {
            Uncheckable::Damaged => Problem::new(503, "store-unusable", "The store cannot be used"),
            Uncheckable::NoMemory => busy(),
        })
    }

    async fn work<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, Problem> {
        let _waiting = self.waiting.try_acquire().map_err(|_| busy())?;
        let _running = self.running.acquire().await.map_err(|_| busy())?;
        let done = tokio::task::spawn_blocking(work).await;
        done.map_err(|_| busy())
    }
}

fn busy() -> Problem {
    Problem::new(503, "busy", "Too much is under way")
}
