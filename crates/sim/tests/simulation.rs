//! A bounded share of all seeds, and the proof that the simulation finds bugs. More: `make soak`.

use ferrovia_sim::{Canary, Faults, simulate};

/// Simulations of one test. Each covers a month of simulated time.
const SEEDS: u64 = 6;
const STARTS: u64 = 24;

fn check(seeds: std::ops::Range<u64>) {
    for seed in seeds {
        let outcome = simulate(seed, STARTS, None, None);
        assert!(
            outcome.violations.is_empty(),
            "{:#?}\nagain: cargo run -p ferrovia-sim -- --seed {seed} --starts {STARTS}",
            outcome.violations
        );
        assert!(
            outcome.records > STARTS && outcome.requests > 0,
            "seed {seed} simulated next to nothing"
        );
    }
}

#[test]
fn nothing_is_lost_or_doubled_under_faults() {
    check(0..SEEDS);
}

#[test]
fn nothing_is_lost_or_doubled_under_other_faults() {
    check(1_000..1_000 + SEEDS);
}

#[test]
fn a_calm_month_comes_to_its_end() {
    let outcome = simulate(7, STARTS, Some(Faults::none()), None);
    assert_eq!((outcome.violations, outcome.crashes), (Vec::new(), 0));
}

#[test]
fn the_same_seed_gives_the_same_world() {
    let figures = |seed| {
        let outcome = simulate(seed, STARTS, None, None);
        (
            outcome.happenings,
            outcome.records,
            outcome.requests,
            outcome.crashes,
        )
    };
    assert_eq!(figures(11), figures(11));
    assert_ne!(figures(11), figures(12));
}

fn is_found(canary: Canary) {
    let found = (0..20).any(|seed| {
        let outcome = simulate(seed, STARTS, None, Some(canary));
        !outcome.violations.is_empty()
    });
    assert!(found, "twenty seeds do not find {canary:?}");
}

#[test]
fn a_commit_that_is_acknowledged_early_is_found() {
    is_found(Canary::EarlyCommit);
}

#[test]
fn a_process_that_is_not_fenced_is_found() {
    is_found(Canary::NoFence);
}

#[test]
fn a_process_that_does_not_recover_is_found() {
    is_found(Canary::NoRecovery);
}
