//! Tells the outside what became of runs: lifecycle events to a sink, alerts to people.
//!
//! Owns what is told, in which order, how far it came and when it is tried again. How a message travels is the business
//! of a [`Courier`]; nothing that happens here reaches or slows a run. What was told is kept as a position in the order
//! in which records became durable, so after a crash the next process goes on there, and some things are told twice.

mod alert;
mod event;
mod form;
mod group;
mod lifecycle;
mod trail;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use async_trait::async_trait;

pub use alert::{Alerting, When};
pub use form::Form;
pub use lifecycle::{Lifecycle, Scope};

/// The first pause after a failure; each further one is twice as long.
const PAUSE_MIN: Duration = Duration::from_millis(500);
/// The longest pause.
const PAUSE_MAX: Duration = Duration::from_secs(300);

/// A message on its way out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Dispatch {
    /// Equal whenever the same message is sent again.
    pub id: String,
    pub media_type: &'static str,
    /// One line, for couriers that want one.
    pub subject: String,
    pub body: String,
}

/// Why a message did not arrive.
#[derive(Clone, Debug, thiserror::Error)]
pub enum Undelivered {
    /// It may arrive later.
    #[error("{0}")]
    Later(String),
    /// It will not be taken, however often it is sent.
    #[error("{0}")]
    Never(String),
}

/// Carries messages to one place.
#[async_trait]
pub trait Courier: Send + Sync {
    async fn carry(&self, dispatch: &Dispatch) -> Result<(), Undelivered>;
}

/// Where troubles are written for the operator.
pub type Log = Arc<dyn Fn(&str) + Send + Sync>;

/// What was told, for metrics.
#[derive(Debug, Default)]
pub struct Counts {
    pub sent: AtomicU64,
    /// Given up.
    pub failed: AtomicU64,
    /// Attempts that failed.
    pub attempts_failed: AtomicU64,
    /// Records that were not looked at yet.
    pub behind: AtomicU64,
}

/// Delivers, again and again where that may help; at most so many times, if there is a bound.
async fn deliver(
    courier: &dyn Courier,
    dispatch: &Dispatch,
    attempts_max: Option<u32>,
    counts: &Counts,
    log: &Log,
) {
    let mut pause = PAUSE_MIN;
    let mut attempts = 0;
    loop {
        attempts += 1;
        let error = match courier.carry(dispatch).await {
            Ok(()) => {
                counts.sent.fetch_add(1, Ordering::Relaxed);
                return;
            }
            Err(error) => error,
        };
        counts.attempts_failed.fetch_add(1, Ordering::Relaxed);
        let over = attempts_max.is_some_and(|max| attempts >= max);
        if over || matches!(error, Undelivered::Never(_)) {
            counts.failed.fetch_add(1, Ordering::Relaxed);
            log(&format!("{} was not delivered: {error}", dispatch.subject));
            return;
        }
        if attempts == 1 {
            log(&format!("{} is tried again: {error}", dispatch.subject));
        }
        tokio::time::sleep(pause).await;
        pause = (pause * 2).min(PAUSE_MAX);
    }
}
