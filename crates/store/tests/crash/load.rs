//! What the process under test writes, and how it is checked afterwards.

use std::collections::BTreeSet;
use std::io::Write as _;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, mpsc};

use ferrovia_store::suite::{Bed, SHARDS, intake, new_run, update};
use ferrovia_store::{
    Append, Intake, Journal, Options, RunId, Sqlite, Status, StoreError, Ticket, Write,
};

/// All that the process writes, over two times that it opens the store.
pub(crate) const BATCHES: u64 = 8;
const ROUNDS: u64 = 2;
/// More than a page holds.
const STATE_BYTES: usize = 4_500;
/// Two runs that go on all the time, for batches of odd and even numbers.
const LONG: [u64; 2] = [1_000, 1_001];

/// Says something in one call, so that it comes out whole.
fn say(text: &str, number: u64) {
    let line = format!("\n{text} {number}\n");
    let mut out = std::io::stdout().lock();
    out.write_all(line.as_bytes())
        .and_then(|()| out.flush())
        .expect("somebody listens");
}

/// A run of its own, a record of a long run, and an event: there together or not at all.
fn batch(bed: &Bed<'_>, number: u64, seq: u64) -> Vec<Write> {
    let long = LONG[(number % 2) as usize];
    let append = if seq == 1 {
        bed.first(new_run(long))
    } else {
        bed.next(long, seq)
    };
    vec![
        Write::Append(Append {
            update: Some(update(Status::Running)),
            snapshot: Some(vec![number as u8; STATE_BYTES]),
            ..bed.first(new_run(number))
        }),
        Write::Append(Append {
            record: number.to_be_bytes().to_vec(),
            ..append
        }),
        Write::Accept(Intake {
            triggers: vec![(trigger(number).into(), Vec::new())],
            ..intake(&number.to_string())
        }),
    ]
}

fn trigger(number: u64) -> String {
    format!("batch {number}")
}

pub(crate) fn write_batches(path: &Path) {
    let mut seqs = [1, 1];
    let failed = Arc::new(AtomicBool::new(false));
    for round in 0..ROUNDS {
        let store = match Sqlite::open(path, Options { shards: SHARDS }) {
            Ok(store) => store,
            Err(_) => return,
        };
        let Ok(bed) = Bed::take_over(&store) else {
            return;
        };
        say("epoch", bed.fence(1).1.0);
        let first = 1 + round * BATCHES / ROUNDS;
        for number in (first..first + BATCHES / ROUNDS).step_by(2) {
            let (sender, answers) = mpsc::channel();
            for number in [number, number + 1] {
                let (sender, failed) = (sender.clone(), failed.clone());
                let writes = batch(&bed, number, seqs[(number % 2) as usize]);
                let done = move |answer| tell(number, answer, &sender, &failed);
                store.write(writes, Box::new(done));
            }
            drop(sender);
            for number in answers {
                seqs[(number % 2) as usize] += 1;
            }
        }
        if failed.load(Ordering::Relaxed) {
            return;
        }
    }
    say("finished", 0);
}

fn tell(
    number: u64,
    answer: Result<Ticket, StoreError>,
    sender: &mpsc::Sender<u64>,
    failed: &AtomicBool,
) {
    match answer {
        Ok(_) => {
            say("acknowledged", number);
            sender.send(number).expect("the process waits");
        }
        Err(StoreError::Full(_)) => say("full", number),
        Err(StoreError::Fatal(_)) => {
            say("fatal", number);
            failed.store(true, Ordering::Relaxed);
        }
        Err(why) => panic!("{number}: {why:?}"),
    }
}

/// Every acknowledged batch is there and whole, every refused one is not there, no other one is there in part; and
/// the store goes on.
pub(crate) fn check(
    path: &Path,
    acknowledged: &BTreeSet<u64>,
    full: &BTreeSet<u64>,
    epoch: u64,
    what: &str,
) {
    let store = Sqlite::open(path, Options { shards: SHARDS });
    let store = store.unwrap_or_else(|why| panic!("{what}: {why}"));
    let bed = Bed::new(&store);
    assert!(bed.fence(1).1.0 > epoch, "{what}: an epoch came back");
    let mut long = BTreeSet::new();
    for run in LONG {
        let records = store.records(RunId(run), 1, usize::MAX);
        let records = records.unwrap_or_else(|why| panic!("{what}: {why}"));
        for (expected, (seq, record)) in (1..).zip(records) {
            assert_eq!(seq, expected, "{what}");
            let number = record.try_into().expect("it is a number");
            long.insert(u64::from_be_bytes(number));
        }
    }
    for number in 1..=BATCHES {
        let loaded = store.load(RunId(number));
        let loaded = loaded.unwrap_or_else(|why| panic!("{what}: {why}"));
        if let Some(loaded) = &loaded {
            let state = loaded.snapshot.as_ref().map(|snapshot| &snapshot.state);
            assert_eq!(state, Some(&vec![number as u8; STATE_BYTES]), "{what}");
            assert_eq!(bed.positions(number), [1], "{what}");
        }
        let parts = [
            loaded.is_some(),
            long.contains(&number),
            store
                .trigger(&trigger(number))
                .expect("it is readable")
                .is_some(),
        ];
        assert!(
            parts[1..].iter().all(|part| *part == parts[0]),
            "{what}: {number} is {parts:?}"
        );
        if acknowledged.contains(&number) {
            assert!(parts[0], "{what}: {number} is lost");
        }
        if full.contains(&number) {
            assert!(!parts[0], "{what}: {number} was refused");
        }
    }
    bed.put([Write::Append(bed.first(new_run(5_000)))]);
}
