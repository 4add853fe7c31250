//! What goes wrong, and how often. All of it is drawn from the seed.

/// Rates are per simulated hour unless said otherwise.
#[derive(Clone, Debug)]
pub struct Faults {
    /// How often the process dies, whatever it does.
    pub crashes: f64,
    /// Chance that it dies while a batch or a request is on its way.
    pub crash_at_work: f64,
    /// Chance that a batch in flight was durable when the process died.
    pub batch_survives: f64,
    /// Chance that a batch in flight arrives after a new process has taken over.
    pub batch_late: f64,
    /// Chance that a request in flight still reaches the service.
    pub request_survives: f64,
    /// How often the store is full for some minutes.
    pub full: f64,
    /// How often the clock jumps, by up to an hour either way.
    pub jumps: f64,
    /// Chance that somebody suspends and resumes a run, cancels it, or posts its event twice.
    pub meddling: f64,
}

impl Faults {
    pub fn none() -> Faults {
        Faults {
            crashes: 0.0,
            crash_at_work: 0.0,
            batch_survives: 0.0,
            batch_late: 0.0,
            request_survives: 0.0,
            full: 0.0,
            jumps: 0.0,
            meddling: 0.0,
        }
    }

    /// Rates for one seed: some runs are stormy, some nearly calm.
    pub(crate) fn drawn(random: &mut fastrand::Rng) -> Faults {
        Faults {
            crashes: 10.0 * random.f64() * random.f64(),
            crash_at_work: 0.2 * random.f64(),
            batch_survives: random.f64(),
            batch_late: 0.3 * random.f64(),
            request_survives: random.f64(),
            full: 2.0 * random.f64() * random.f64(),
            jumps: random.f64(),
            meddling: 0.3 * random.f64(),
        }
    }
}

/// A bug that is put into the world on purpose: a simulation that does not find it is worth nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Canary {
    /// A batch is reported durable while it is still on its way.
    EarlyCommit,
    /// A process that lost its shards goes on writing with the epoch of the new one.
    NoFence,
    /// What the store says of open runs is not looked at after a crash.
    NoRecovery,
}
