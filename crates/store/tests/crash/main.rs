//! The SQLite store under faults: killed at its N-th write, refused by the disk, cut off from power.
//!
//! A process of its own writes numbered batches and prints each number that is acknowledged; `strace` fails its system
//! calls, and keeps a log of them, from which the state after a loss of power is made. Where processes may not be
//! traced, the tests say so and pass.
#![cfg(feature = "suite")]

mod disk;
mod load;

use std::collections::BTreeSet;
use std::path::Path;
use std::process::{Command, Stdio};

use ferrovia_store::suite::SHARDS;
use ferrovia_store::{Options, Sqlite};
use tempfile::TempDir;

use disk::{Disk, Event};
use load::{BATCHES, check, write_batches};

/// Names the store that the process under test writes to.
const UNDER_TEST: &str = "FERROVIA_STORE_UNDER_TEST";
/// Fails every N-th call only, to save time. What is likeliest to find something looks at all.
const STEP: &str = "FERROVIA_STORE_CRASH_STEP";
/// More calls than any run makes.
const CALLS_MAX: usize = 400;

/// The process under test: nothing unless it was started as such.
#[test]
fn the_process_under_test() {
    if let Some(path) = std::env::var_os(UNDER_TEST) {
        write_batches(Path::new(&path));
    }
}

fn step(usual: usize) -> usize {
    let step = std::env::var(STEP).ok();
    step.map_or(usual, |step| step.parse().expect("a step is a number"))
}

/// What the process said before it ended.
#[derive(Debug, Default)]
struct Said {
    acknowledged: BTreeSet<u64>,
    full: BTreeSet<u64>,
    fatal: BTreeSet<u64>,
    epoch: u64,
    /// It came to its end by itself.
    finished: bool,
    /// A fault was injected.
    hit: bool,
    log: String,
}

/// Runs the process with a fault, described as `strace` has it; nothing where it may not be traced.
fn run(place: &TempDir, fault: Option<&str>) -> Option<Said> {
    let log = place.path().join("calls");
    let mut strace = Command::new("strace");
    strace.args(["-f", "-qq", "-y", "-s", "0", "-o"]).arg(&log);
    strace.args(["-e", "trace=pwrite64,fsync,fdatasync,ftruncate,write"]);
    if let Some(fault) = fault {
        strace.args(["-e", &format!("inject={fault}")]);
    }
    let output = strace
        .arg(std::env::current_exe().expect("it runs"))
        .args(["--exact", "the_process_under_test", "--nocapture"])
        .env(UNDER_TEST, place.path().join("store.db"))
        .stderr(Stdio::piped())
        .output();
    let output = match output {
        Ok(output) => output,
        Err(why) => {
            eprintln!("skipped: strace cannot be started: {why}");
            return None;
        }
    };
    let errors = String::from_utf8_lossy(&output.stderr);
    if errors.contains("ptrace") && errors.contains("not permitted") {
        eprintln!("skipped: processes may not be traced here: {errors}");
        return None;
    }
    let mut said = Said {
        log: std::fs::read_to_string(&log).unwrap_or_default(),
        ..Said::default()
    };
    said.hit = said.log.contains("(INJECTED)") || said.log.contains("killed by SIGKILL");
    for line in String::from_utf8_lossy(&output.stdout).lines() {
        let mut words = line.split(' ');
        let (word, number) = (words.next(), words.next());
        let number = number.and_then(|number| number.parse().ok());
        match (word, number) {
            (Some("acknowledged"), Some(number)) => drop(said.acknowledged.insert(number)),
            (Some("full"), Some(number)) => drop(said.full.insert(number)),
            (Some("fatal"), Some(number)) => drop(said.fatal.insert(number)),
            (Some("epoch"), Some(number)) => said.epoch = number,
            (Some("finished"), _) => said.finished = true,
            _ => {}
        }
    }
    assert!(!errors.contains("panicked"), "{fault:?}: {errors}");
    Some(said)
}

/// Fails the N-th call of a thread, for every N from the first one on, with a step, until nothing fails any more, of a store that is `made` before or not.
fn for_every_call(
    (call, fault): (&str, &str),
    (first, usual_step): (usize, usize),
    made: bool,
    judge: impl Fn(&TempDir, &Said, &str),
) {
    for number in (first..=CALLS_MAX).step_by(step(usual_step)) {
        let place = TempDir::new().expect("there is room for temporary files");
        if made {
            let store = Sqlite::open(place.path().join("store.db"), Options { shards: SHARDS });
            drop(store.expect("nobody has it"));
        }
        let what = format!("{call}:{fault}:when={number}");
        let Some(said) = run(&place, Some(&what)) else {
            return;
        };
        judge(&place, &said, &what);
        check(
            &place.path().join("store.db"),
            &said.acknowledged,
            &said.full,
            said.epoch,
            &what,
        );
        if !said.hit {
            assert!(
                said.finished && said.acknowledged.len() as u64 == BATCHES,
                "{what}"
            );
            assert!(number > 3, "{what}: no such call was made");
            eprintln!("{call}:{fault}: {number} calls of one thread");
            return;
        }
    }
    panic!("{call} fails for ever");
}

/// Makes what a loss of power may leave of what was never synchronised, and checks that.
fn lose_power(place: &TempDir, said: &Said, what: &str) {
    let mut disk = Disk::default();
    disk.events(&said.log).for_each(drop);
    for tear in [disk::Tear::Gone, disk::Tear::Garbage] {
        let after = TempDir::new().expect("there is room for temporary files");
        for name in ["store.db", "store.db-wal", "store.db-journal"] {
            let from = place.path().join(name);
            if from.exists() {
                std::fs::copy(from, after.path().join(name)).expect("there is room");
                disk.tear(name, &after.path().join(name), tear);
            }
        }
        let what = format!("{what}, {tear:?}");
        check(
            &after.path().join("store.db"),
            &said.acknowledged,
            &said.full,
            said.epoch,
            &what,
        );
    }
}

// In two halves, which run side by side.
#[test]
fn killed_or_cut_off_at_every_odd_write() {
    for_every_call(("pwrite64", "signal=KILL"), (1, 2), true, lose_power);
}

#[test]
fn killed_or_cut_off_at_every_even_write() {
    for_every_call(("pwrite64", "signal=KILL"), (2, 2), true, lose_power);
}

#[test]
fn killed_at_every_write_of_a_new_store() {
    for_every_call(("pwrite64", "signal=KILL"), (1, 3), false, |_, _, _| ());
}

#[test]
fn every_write_fails() {
    for_every_call(
        ("pwrite64", "error=EIO"),
        (1, 3),
        true,
        |place, said, what| {
            // Once it was told of a failure it takes nothing more.
            let first = said.fatal.first();
            assert!(
                first.is_none_or(|first| said.acknowledged.range(first..).next().is_none()),
                "{what}"
            );
            lose_power(place, said, what);
        },
    );
}

#[test]
fn every_synchronisation_fails() {
    for call in ["fdatasync", "fsync"] {
        let place = TempDir::new().expect("there is room for temporary files");
        let Some(said) = run(&place, None) else {
            return;
        };
        // Which of the two is called depends on how SQLite was built.
        if said
            .log
            .lines()
            .any(|line| line.contains(&format!(" {call}(")))
        {
            for_every_call((call, "error=EIO"), (1, 1), true, |_, said, what| {
                let first = said.fatal.first();
                assert!(
                    first.is_none_or(|first| said.acknowledged.range(first..).next().is_none()),
                    "{what}"
                );
            });
        }
    }
}

#[test]
fn the_disk_is_full_at_every_write() {
    for_every_call(
        ("pwrite64", "error=ENOSPC"),
        (1, 5),
        true,
        |_, said, what| {
            assert!(said.fatal.is_empty(), "{what}: {said:?}");
            // There is room again for the next one.
            let told = said.acknowledged.len() + said.full.len();
            assert!(!said.finished || told as u64 == BATCHES, "{what}: {said:?}");
        },
    );
}

#[test]
fn nothing_is_acknowledged_before_it_is_synchronised() {
    let place = TempDir::new().expect("there is room for temporary files");
    let Some(said) = run(&place, None) else {
        return;
    };
    let mut disk = Disk::default();
    let mut acknowledged = 0;
    let mut log_written = 0;
    for (event, dirty) in disk.events(&said.log) {
        match event {
            Event::Said => {
                assert_eq!(dirty, [] as [&str; 0], "after {acknowledged} batches");
                acknowledged += 1;
            }
            Event::Wrote(name) if name == "store.db-wal" => log_written += 1,
            Event::Wrote(_) | Event::Synchronised => {}
        }
    }
    assert!(
        acknowledged >= BATCHES && log_written >= BATCHES,
        "{}",
        said.log
    );
}
