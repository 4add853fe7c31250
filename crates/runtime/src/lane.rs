//! Turns for effects: how many may be under way at a time, in all and through one connection, and how often one may
//! begin. Whoever has to wait for its connection takes no turn from the others.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::Instant;

/// Connections that are remembered; those that nobody uses are forgotten first.
const LANES_MAX: usize = 4_096;

/// How much may go through one connection.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Limit {
    /// Effects at a time.
    pub concurrent: usize,
    /// Effects that may begin in a second; evenly spaced, not in bursts.
    pub per_second: Option<f64>,
}

/// How much may go out.
#[derive(Clone, Debug, PartialEq)]
pub struct Limits {
    /// Effects at a time, in all.
    pub concurrent: usize,
    /// What holds for connections that are not named.
    pub each: Limit,
    /// By the name of the connection: `api.example.com`, or `api.example.com:8443` if the port is not that of the scheme;
    /// `shell` and `script` for processes.
    pub connections: HashMap<Arc<str>, Limit>,
}

impl Default for Limits {
    fn default() -> Self {
        Limits {
            concurrent: 256,
            each: Limit {
                concurrent: 128,
                per_second: None,
            },
            connections: HashMap::new(),
        }
    }
}

/// Hands out turns.
pub(crate) struct Lanes {
    limits: Limits,
    all: Arc<Semaphore>,
    by_name: Mutex<HashMap<Arc<str>, Arc<Lane>>>,
}

struct Lane {
    places: Arc<Semaphore>,
    interval: Option<Duration>,
    /// When the next effect may begin.
    next: Mutex<Option<Instant>>,
}

/// A turn, until it is dropped.
pub(crate) struct Turn {
    _connection: Option<OwnedSemaphorePermit>,
    _all: Option<OwnedSemaphorePermit>,
}

impl Lanes {
    pub(crate) fn new(limits: Limits) -> Lanes {
        let places = limits.concurrent.clamp(1, Semaphore::MAX_PERMITS);
        Lanes {
            limits,
            all: Arc::new(Semaphore::new(places)),
            by_name: Mutex::default(),
        }
    }

    /// Waits for a turn. Dropping the future gives the place in the queue up.
    pub(crate) async fn turn(&self, connection: Option<&str>) -> Turn {
        let connection = match connection {
            Some(name) => {
                let lane = self.lane(name);
                let place = lane.places.clone().acquire_owned().await.ok();
                lane.pace().await;
                place
            }
            None => None,
        };
        Turn {
            _connection: connection,
            _all: self.all.clone().acquire_owned().await.ok(),
        }
    }

    fn lane(&self, name: &str) -> Arc<Lane> {
        let mut lanes = self.by_name.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(lane) = lanes.get(name) {
            return lane.clone();
        }
        if lanes.len() >= LANES_MAX {
            lanes.retain(|_, lane| !lane.is_idle());
        }
        let limit = self
            .limits
            .connections
            .get(name)
            .unwrap_or(&self.limits.each);
        let lane = Arc::new(Lane::new(limit));
        lanes.insert(name.into(), lane.clone());
        lane
    }
}

impl Lane {
    fn new(limit: &Limit) -> Lane {
        let rate = limit.per_second.filter(|rate| *rate > 0.0);
        Lane {
            places: Arc::new(Semaphore::new(
                limit.concurrent.clamp(1, Semaphore::MAX_PERMITS),
            )),
            interval: rate.and_then(|rate| Duration::try_from_secs_f64(1.0 / rate).ok()),
            next: Mutex::default(),
        }
    }

    /// Nobody has a place, waits for one, or was told when to begin.
    fn is_idle(self: &Arc<Lane>) -> bool {
        let next = *self.next.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::strong_count(self) == 1
            && Arc::strong_count(&self.places) == 1
            && next.is_none_or(|next| next <= Instant::now())
    }

    /// Waits until the next effect may begin.
    async fn pace(&self) {
        let Some(interval) = self.interval else {
            return;
        };
        let at = {
            let mut next = self.next.lock().unwrap_or_else(PoisonError::into_inner);
            let at = next.map_or_else(Instant::now, |next| next.max(Instant::now()));
            *next = Some(at + interval);
            at
        };
        tokio::time::sleep_until(at).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lanes(concurrent: usize, each: usize, slow_per_second: f64) -> Lanes {
        let slow = Limit {
            concurrent: 100,
            per_second: Some(slow_per_second),
        };
        Lanes::new(Limits {
            concurrent,
            each: Limit {
                concurrent: each,
                per_second: None,
            },
            connections: HashMap::from([("slow".into(), slow)]),
        })
    }

    /// Whether somebody gets a turn without waiting.
    async fn at_once(lanes: &Lanes, connection: &str) -> Option<Turn> {
        let turn = lanes.turn(Some(connection));
        tokio::time::timeout(Duration::ZERO, turn).await.ok()
    }

    #[tokio::test(start_paused = true)]
    async fn a_busy_connection_does_not_hold_others_up() {
        let lanes = lanes(3, 2, 1.0);
        let (first, second) = (at_once(&lanes, "a").await, at_once(&lanes, "a").await);
        assert!(first.is_some() && second.is_some());
        assert!(at_once(&lanes, "a").await.is_none());
        let other = at_once(&lanes, "b").await;
        assert!(other.is_some());
        assert!(at_once(&lanes, "c").await.is_none(), "three in all");
        drop(first);
        assert!(at_once(&lanes, "a").await.is_some());
    }

    #[tokio::test(start_paused = true)]
    async fn a_rate_spaces_effects_evenly() {
        let lanes = lanes(100, 100, 4.0);
        let begun = Instant::now();
        let mut at_ms = Vec::new();
        for _ in 0..4 {
            drop(lanes.turn(Some("slow")).await);
            at_ms.push(begun.elapsed().as_millis());
        }
        assert_eq!(at_ms, [0, 250, 500, 750]);
        // What was not used is not saved up.
        tokio::time::advance(Duration::from_secs(60)).await;
        let begun = Instant::now();
        drop(lanes.turn(Some("slow")).await);
        drop(lanes.turn(Some("slow")).await);
        assert_eq!(begun.elapsed().as_millis(), 250);
    }

    #[tokio::test(start_paused = true)]
    async fn connections_that_nobody_uses_are_forgotten() {
        let lanes = lanes(1_000_000, 1, 1.0);
        let kept = at_once(&lanes, "kept").await;
        for number in 0..LANES_MAX + 10 {
            drop(lanes.turn(Some(&number.to_string())).await);
        }
        let known = lanes.by_name.lock().expect("no holder panics").len();
        assert!(known <= LANES_MAX, "{known}");
        assert!(
            at_once(&lanes, "kept").await.is_none(),
            "its place is taken"
        );
        drop(kept);
    }
}
