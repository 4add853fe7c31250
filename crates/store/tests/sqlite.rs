//! What only the SQLite back end promises: its file, its queue, its copies.
#![cfg(feature = "suite")]

use std::path::Path;
use std::process::Command;
use std::sync::mpsc;

use ferrovia_store::suite::{Bed, new_run, update};
use ferrovia_store::{
    Append, Existing, Journal, Options, Purge, RunId, Sqlite, Status, StoreError, Write, restore,
};
use rusqlite::Connection;
use tempfile::TempDir;

fn place() -> TempDir {
    TempDir::new().expect("there is room for temporary files")
}

fn open(path: &Path) -> Sqlite {
    Sqlite::open(path, Options { shards: 4 }).expect("nobody has it")
}

fn refused(path: &Path) -> String {
    let refused = Sqlite::open(path, Options::default()).expect_err("it must not open");
    assert!(
        matches!(
            refused,
            StoreError::Unusable(_) | StoreError::Damaged { .. }
        ),
        "{refused:?}"
    );
    refused.to_string()
}

/// Forgets whatever has ended.
fn all(limit: usize) -> Purge {
    Purge {
        ended_before_ms: i64::MAX,
        events_before_ms: i64::MAX,
        expired_before_ms: i64::MAX,
        limit,
    }
}

#[test]
fn a_second_user_is_told_who_has_it() {
    let place = place();
    let path = place.path().join("store.db");
    let store = open(&path);
    let told = refused(&path);
    assert!(
        told.ends_with(&format!("is in use by process {}", std::process::id())),
        "{told}"
    );
    drop(store);
    drop(open(&path));
}

#[test]
fn all_is_there_when_it_opens_again() {
    let place = place();
    let path = place.path().join("store.db");
    let epochs = {
        let store = open(&path);
        Bed::new(&store).begin(Status::Running, 1..=100);
        store
            .acquire(new_run(1).shard)
            .expect("it can be taken over")
    };
    let store = Sqlite::open(&path, Options { shards: 99 }).expect("nobody has it");
    assert_eq!(store.shards(), 4, "a store keeps its shards");
    let again = store
        .acquire(new_run(1).shard)
        .expect("it can be taken over");
    assert!(again > epochs);
    let bed = Bed::new(&store);
    for run in 1..=100 {
        assert_eq!(bed.positions(run), [1]);
        bed.put([Write::Append(bed.next(run, 2))]);
    }
    assert_eq!(store.stats().expect("it is readable").records, 200);
}

#[test]
fn records_are_counted_through_purges_and_restarts() {
    let place = place();
    let path = place.path().join("store.db");
    for round in 0..3u64 {
        let store = open(&path);
        let bed = Bed::new(&store);
        bed.begin(Status::Completed, round * 10 + 1..=round * 10 + 9);
        bed.begin(Status::Running, [round * 10 + 10]);
        assert_eq!(store.stats().expect("it is readable").records, 10 + round);
        assert_eq!(store.purge(all(100)).expect("it is possible"), 9);
        assert_eq!(store.stats().expect("it is readable").records, 1 + round);
    }
}

#[test]
fn a_later_schema_and_other_databases_are_refused() {
    let place = place();
    let path = place.path().join("store.db");
    drop(open(&path));
    let database = Connection::open(&path).expect("nobody has it");
    database
        .pragma_update(None, "user_version", 99)
        .expect("it is writable");
    drop(database);
    let told = refused(&path);
    assert!(
        told.contains("tables of version 99, written by a later release"),
        "{told}"
    );

    let other = place.path().join("other.db");
    let database = Connection::open(&other).expect("it is new");
    database
        .execute_batch("CREATE TABLE t (x)")
        .expect("it is writable");
    drop(database);
    let told = refused(&other);
    assert!(told.ends_with("is a database of another program"), "{told}");

    let text = place.path().join("text.db");
    std::fs::write(&text, "no database at all ".repeat(1_000)).expect("it is writable");
    refused(&text);
}

#[test]
fn a_damaged_row_is_told_from_a_missing_one() {
    let place = place();
    let path = place.path().join("store.db");
    {
        let store = open(&path);
        let bed = Bed::new(&store);
        bed.begin(Status::Running, [1, 2, 3]);
        bed.put((2..=4).map(|seq| Write::Append(bed.next(1, seq))));
    }
    let database = Connection::open(&path).expect("nobody has it");
    database
        .execute_batch(
            "DELETE FROM journal WHERE run = 1 AND seq = 3;
             UPDATE runs SET status = 77 WHERE id = 2;
             UPDATE runs SET workflow = 99 WHERE id = 3;",
        )
        .expect("it is writable");
    drop(database);
    let store = open(&path);
    for run in 1..=3 {
        let loaded = store.load(RunId(run));
        assert!(
            matches!(loaded, Err(StoreError::Damaged { .. })),
            "{run}: {loaded:?}"
        );
    }
    assert!(matches!(store.load(RunId(4)), Ok(None)));
}

#[test]
fn damaged_pages_are_damage_not_a_crash() {
    let place = place();
    let path = place.path().join("store.db");
    {
        let store = open(&path);
        Bed::new(&store).begin(Status::Running, 1..=2_000);
    }
    let mut bytes = std::fs::read(&path).expect("it is readable");
    let from = 40 * 4096;
    assert!(bytes.len() > 2 * from);
    bytes[from..].iter_mut().for_each(|byte| *byte ^= 0x5a);
    std::fs::write(&path, bytes).expect("it is writable");
    let answers: Vec<_> = match Sqlite::open(&path, Options::default()) {
        Ok(store) => (1..=2_000)
            .map(|run| store.load(RunId(run)).map(drop))
            .collect(),
        Err(why) => vec![Err(why)],
    };
    let damaged =
        |answer: &Result<(), StoreError>| matches!(answer, Err(StoreError::Damaged { .. }));
    assert!(answers.iter().any(damaged));
    assert!(
        answers
            .iter()
            .all(|answer| answer.is_ok() || damaged(answer))
    );
}

#[test]
fn a_full_queue_is_answered_at_once() {
    let place = place();
    let store = open(&place.path().join("store.db"));
    let bed = Bed::new(&store);
    let (go, blocked) = mpsc::channel::<()>();
    let (entered, inside) = mpsc::channel();
    // Nobody may block in an answer; here it holds the writer while the queue fills.
    store.write(
        vec![Write::Append(bed.first(new_run(1)))],
        Box::new(move |_| {
            entered.send(()).expect("the test waits");
            blocked.recv().expect("the test lets it go");
        }),
    );
    inside.recv().expect("the writer comes by");
    let (sender, answers) = mpsc::channel();
    let mut queued = 0;
    let waiting = loop {
        let sender = sender.clone();
        store.write(
            Vec::new(),
            Box::new(move |answer| sender.send(answer).expect("the test waits")),
        );
        if let Ok(answer) = answers.try_recv() {
            let Err(StoreError::Busy(waiting)) = answer else {
                panic!("the writer is held: {answer:?}");
            };
            break waiting;
        }
        queued += 1;
    };
    assert_eq!(waiting, queued);
    go.send(()).expect("the writer waits");
    drop(sender);
    assert_eq!(answers.iter().filter(Result::is_ok).count(), queued);
    bed.put([Write::Append(bed.next(1, 2))]);
}

/// A small file system of its own; nothing where none may be mounted.
struct Mounted(TempDir);

impl Mounted {
    fn new(size: &str) -> Option<Mounted> {
        let mounted = Mounted(place());
        let options = format!("size={size}");
        let mount = Command::new("mount")
            .args(["-t", "tmpfs", "-o", &options, "tmpfs"])
            .arg(mounted.0.path())
            .output();
        if mount.is_ok_and(|mount| mount.status.success()) {
            return Some(mounted);
        }
        eprintln!("skipped: no file system may be mounted here");
        None
    }
}

impl Drop for Mounted {
    fn drop(&mut self) {
        // What was never mounted is not unmounted either.
        let _ = Command::new("umount").arg(self.0.path()).output();
    }
}

#[test]
fn a_full_disk_refuses_and_later_takes_more() {
    let Some(mounted) = Mounted::new("6m") else {
        return;
    };
    let at = |name: &str| mounted.0.path().join(name);
    std::fs::write(at("filler"), vec![1; 3_000_000]).expect("there is room");
    let store = open(&at("store.db"));
    let bed = Bed::new(&store);
    let write = |run| {
        bed.write(vec![Write::Append(Append {
            snapshot: Some(vec![9; 50_000]),
            ..bed.first(new_run(run))
        })])
    };
    let refused = (1..=1_000).find_map(|run| write(run).err().map(|why| (run, why)));
    let (first, why) = refused.expect("there is not so much room");
    assert!(matches!(why, StoreError::Full(_)), "{why:?}");
    assert!(first > 5, "{first}");
    for run in first..first + 5 {
        assert!(matches!(write(run), Err(StoreError::Full(_))));
        assert!(!bed.exists(run));
    }
    assert!((1..first).all(|run| bed.exists(run)));
    std::fs::remove_file(at("filler")).expect("it is there");
    write(first).expect("there is room again");
    drop(store);
    let store = open(&at("store.db"));
    assert_eq!(store.stats().expect("it is readable").records, first);
}

#[test]
fn a_callback_that_panics_harms_nobody() {
    let place = place();
    let store = open(&place.path().join("store.db"));
    let bed = Bed::new(&store);
    store.write(Vec::new(), Box::new(|_| panic!("as it may happen")));
    bed.begin(Status::Running, [1]);
    assert_eq!(bed.positions(1), [1]);
}

#[test]
fn what_is_queued_is_durable_when_the_store_is_dropped() {
    let place = place();
    let path = place.path().join("store.db");
    let store = open(&path);
    let bed = Bed::new(&store);
    for run in 1..=500 {
        store.write(
            vec![Write::Append(bed.first(new_run(run)))],
            Box::new(|_| ()),
        );
    }
    drop(store);
    assert!(
        !path.with_file_name("store.db-wal").exists(),
        "the log went into the database"
    );
    assert_eq!(open(&path).stats().expect("it is readable").records, 500);
}

#[test]
fn a_purge_gives_room_back() {
    let place = place();
    let store = open(&place.path().join("store.db"));
    let bed = Bed::new(&store);
    for run in 1..=64 {
        bed.put([Write::Append(Append {
            record: vec![7; 64 * 1024],
            update: Some(update(Status::Completed)),
            ..bed.first(new_run(run))
        })]);
    }
    let size = || std::fs::metadata(place.path().join("store.db")).map_or(0, |file| file.len());
    // The writer copies the log into the database when it has nothing else to do.
    while size() < 4 * 1024 * 1024 {
        std::thread::yield_now();
    }
    assert_eq!(store.purge(all(1_000)).expect("it is possible"), 64);
    while size() > 1024 * 1024 {
        std::thread::yield_now();
    }
}

#[test]
fn a_backup_is_of_one_moment_while_writes_go_on() {
    let place = place();
    let store = open(&place.path().join("store.db"));
    let copy = place.path().join("copy.db");
    let bed = Bed::new(&store);
    bed.begin(Status::Running, 1..=3_000);
    let mut seen = Vec::new();
    let mut seq = 1;
    store
        .backup(&copy, |copied, total| {
            // Both ends of the file change between two steps.
            seq += 1;
            bed.put([1, 3_000].map(|run| Write::Append(bed.next(run, seq))));
            seen.push((copied, total));
        })
        .expect("there is room");
    assert!(
        seen.last()
            .is_some_and(|(copied, total)| copied == total && *total > 0)
    );
    assert!(seq > 1);
    let told = store
        .backup(&copy, |_, _| ())
        .expect_err("it exists")
        .to_string();
    assert!(told.ends_with("copy.db exists"), "{told}");
    let back = place.path().join("back.db");
    restore(&copy, &back, Existing::Refuse, |_, _| ()).expect("it is whole");
    let restored = open(&back);
    assert_eq!(restored.stats().expect("it is readable").records, 3_000);
    let bed = Bed::new(&restored);
    assert_eq!((bed.positions(1), bed.positions(3_000)), (vec![1], vec![1]));
    bed.put([Write::Append(bed.next(1, 2))]);
}

#[test]
fn restoring_refuses_what_it_should_not_touch() {
    let place = place();
    let at = |name: &str| place.path().join(name);
    let told = |backup: &str, existing| {
        let refused = restore(at(backup), at("store.db"), existing, |_, _| ());
        refused.expect_err("it must be refused").to_string()
    };
    let store = open(&at("store.db"));
    Bed::new(&store).begin(Status::Running, 1..=1_000);
    store
        .backup(at("copy.db"), |_, _| ())
        .expect("there is room");
    Bed::new(&store).begin(Status::Running, [2_000]);
    assert!(told("copy.db", Existing::Replace).contains("is in use by process"));
    drop(store);
    assert!(told("copy.db", Existing::Refuse).ends_with("store.db exists"));

    Connection::open(at("other.db"))
        .and_then(|other| other.execute_batch("CREATE TABLE t (x)"))
        .expect("it is new");
    assert!(told("other.db", Existing::Replace).ends_with("of another program"));
    let mut bytes = std::fs::read(at("copy.db")).expect("it is readable");
    bytes[20 * 4096..30 * 4096].fill(0xa5);
    std::fs::write(at("torn.db"), bytes).expect("it is writable");
    told("torn.db", Existing::Replace);
    std::fs::write(at("empty.db"), "").expect("it is writable");
    told("empty.db", Existing::Replace);
    told("missing.db", Existing::Replace);
    assert_eq!(
        open(&at("store.db"))
            .stats()
            .expect("it is readable")
            .records,
        1_001
    );

    restore(at("copy.db"), at("store.db"), Existing::Replace, |_, _| ()).expect("it is whole");
    assert_eq!(
        open(&at("store.db"))
            .stats()
            .expect("it is readable")
            .records,
        1_000
    );
}

#[test]
fn a_store_is_read_beside_the_process_that_has_it() {
    let directory = TempDir::new().expect("there is room");
    let path = directory.path().join("runs.db");
    let missing = Sqlite::read(&path).map(drop);
    assert!(
        matches!(missing, Err(StoreError::Unusable(_))),
        "{missing:?}"
    );
    let store = Sqlite::open(&path, Options::default()).expect("it opens");
    let bed = Bed::new(&store);
    bed.begin(Status::Waiting, [1, 2]);
    let beside = Sqlite::read(&path).expect("it can be read");
    let known = |run| {
        let summary = beside.summary(RunId(run)).expect("it is readable");
        summary.map(|summary| summary.status)
    };
    assert_eq!(known(1), Some(Status::Waiting));
    assert_eq!(known(3), None);
    // What is written later is seen, too.
    bed.begin(Status::Completed, [3]);
    assert_eq!(known(3), Some(Status::Completed));
    let reader = Bed::take_over(&beside).map(drop);
    assert!(matches!(reader, Err(StoreError::Unusable(_))), "{reader:?}");
    let (sender, receiver) = std::sync::mpsc::channel();
    let done = Box::new(move |answer| sender.send(answer).expect("the test waits"));
    beside.write(vec![Write::Append(bed.next(1, 2))], done);
    let refused = receiver.recv().expect("it is answered");
    assert!(
        matches!(refused, Err(StoreError::Unusable(_))),
        "{refused:?}"
    );
}
