//! What a commit costs, how many appends a second there can be, and what a sleeping run takes.
//!
//! `cargo bench -p ferrovia-store --features suite`; an argument is the number of sleeping runs, 1,000,000 otherwise.

use std::path::Path;
use std::sync::mpsc;
use std::time::{Duration, Instant};

use ferrovia_store::suite::{Bed, SHARDS, new_run, update};
use ferrovia_store::{Append, Journal, Options, ShardId, Sqlite, Status, Update, Write};
use rusqlite::Connection;

const COMMITS: u64 = 1_000;
const THREADS: u64 = 4;
const BATCHES: u64 = 500;
const APPENDS: u64 = 100;

fn main() {
    let sleeping = std::env::args().find_map(|argument| argument.parse().ok());
    let place = tempfile::TempDir::new().expect("there is room");
    one_at_a_time(place.path());
    many_at_once(place.path());
    asleep(place.path(), sleeping.unwrap_or(1_000_000));
}

fn open(path: &Path) -> Sqlite {
    Sqlite::open(path, Options { shards: SHARDS }).expect("nobody has it")
}

fn report(what: &str, count: u64, took: Duration) {
    let each = took.as_secs_f64() * 1e6 / count as f64;
    let rate = count as f64 / took.as_secs_f64();
    println!("{what}: {each:.1} µs each, {rate:.0} a second");
}

/// A plain insert and commit is the least that durability can cost with this database.
fn one_at_a_time(place: &Path) {
    let bare = Connection::open(place.join("bare.db")).expect("it is new");
    bare.execute_batch(
        "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;
         CREATE TABLE journal (pos INTEGER PRIMARY KEY, record BLOB NOT NULL);",
    )
    .expect("it is new");
    let mut insert = bare
        .prepare("INSERT INTO journal (record) VALUES (?1)")
        .expect("the table is there");
    let began = Instant::now();
    for _ in 0..COMMITS {
        insert
            .execute([[7u8; 150].as_slice()])
            .expect("there is room");
    }
    report("bare insert and commit", COMMITS, began.elapsed());

    let store = open(&place.join("single.db"));
    let bed = Bed::new(&store);
    bed.begin(Status::Running, [1]);
    let began = Instant::now();
    for seq in 2..COMMITS + 2 {
        bed.put([Write::Append(long(bed.next(1, seq)))]);
    }
    report("one append at a time", COMMITS, began.elapsed());
}

fn long(append: Append) -> Append {
    Append {
        record: vec![7; 150],
        update: Some(update(Status::Running)),
        ..append
    }
}

fn many_at_once(place: &Path) {
    let store = open(&place.join("many.db"));
    let bed = Bed::new(&store);
    bed.begin(Status::Running, 1..=THREADS * APPENDS);
    let began = Instant::now();
    std::thread::scope(|scope| {
        for thread in 0..THREADS {
            let bed = &bed;
            scope.spawn(move || {
                let runs = thread * APPENDS + 1..=(thread + 1) * APPENDS;
                let (sender, answers) = mpsc::sync_channel(BATCHES as usize);
                for seq in 2..BATCHES + 2 {
                    let appends = runs
                        .clone()
                        .map(|run| Write::Append(long(bed.next(run, seq))));
                    let sender = sender.clone();
                    let done = move |answer: Result<_, _>| {
                        sender.send(answer.is_ok()).expect("there is room");
                    };
                    store_write(bed, appends.collect(), done);
                    // A few are on their way all the time.
                    if seq > 5 {
                        assert!(answers.recv().expect("it is answered"));
                    }
                }
                drop(sender);
                assert!(answers.into_iter().all(|taken| taken));
            });
        }
    });
    report(
        "appends in batches of 100, 4 threads",
        THREADS * BATCHES * APPENDS,
        began.elapsed(),
    );
}

fn store_write(
    bed: &Bed<'_>,
    batch: Vec<Write>,
    done: impl FnOnce(Result<ferrovia_store::Ticket, ferrovia_store::StoreError>) + Send + 'static,
) {
    bed.journal.write(batch, Box::new(done));
}

fn asleep(place: &Path, runs: u64) {
    let path = place.join("asleep.db");
    {
        let store = open(&path);
        let bed = Bed::new(&store);
        let all: Vec<u64> = (1..=runs).collect();
        let began = Instant::now();
        for some in all.chunks(1_000) {
            bed.put(some.iter().map(|run| {
                // As ids of a real store are, and timers all over a month.
                let wake_ms =
                    (run.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 32) as i64 % 2_592_000_000;
                let id = (run << 20) + (1 << 58);
                Write::Append(Append {
                    update: Some(Update {
                        wake_ms: Some(wake_ms + 1_767_225_600_000),
                        ..update(Status::Waiting)
                    }),
                    ..bed.first(new_run(id))
                })
            }));
        }
        report("sleeping runs written", runs, began.elapsed());
        let began = Instant::now();
        drop(store);
        println!("closed in {:?}", began.elapsed());
    }
    let bytes = std::fs::metadata(&path).expect("it is there").len();
    println!("a sleeping run takes {} bytes", bytes / runs);
    let began = Instant::now();
    let store = open(&path);
    println!("{runs} sleeping runs: opened in {:?}", began.elapsed());
    let began = Instant::now();
    let due = store
        .due(ShardId(0), i64::MAX, 100)
        .expect("it is readable");
    println!("the first {} due in {:?}", due.len(), began.elapsed());
    let began = Instant::now();
    let unsettled = store
        .unsettled(ShardId(0), None, 100)
        .expect("it is readable");
    println!("{} unsettled in {:?}", unsettled.len(), began.elapsed());
    let began = Instant::now();
    let stats = store.stats().expect("it is readable");
    println!("{} records counted in {:?}", stats.records, began.elapsed());
}
