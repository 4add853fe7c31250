//! Records and the rows of their runs.

use std::sync::{Arc, mpsc};

use super::{Bed, SHARDS, child, event, new_run, record, shard, update};
use crate::ids::{Epoch, RunId, ShardId};
use crate::journal::StoreError;
use crate::row::{Append, NewRun, Purge, Snapshot, Status, Summary, Update, Write};

pub fn a_run_reads_back(bed: &Bed<'_>) {
    let new = NewRun {
        labels: vec![
            ("tenant".into(), "ä 😀".into()),
            ("a".into(), "".into()),
            ("tenant".into(), "twice".into()),
        ],
        key: Some("order/1".into()),
        depth: 3,
        created_ms: -5,
        ..child(7, 6, Some("/do/0/call#1"))
    };
    let update = Update {
        status: Status::Parked,
        wake_ms: Some(i64::MAX),
        active: true,
        updated_ms: i64::MIN,
        reason: Some("a defect\nin two lines".into()),
    };
    bed.put([Write::Append(Append {
        update: Some(update.clone()),
        ..bed.first(new.clone())
    })]);
    let expected = Summary {
        run: new,
        status: update.status,
        wake_ms: update.wake_ms,
        active: update.active,
        updated_ms: update.updated_ms,
        reason: update.reason,
    };
    let summary = bed.journal.summary(RunId(7)).expect("it is readable");
    assert_eq!(summary, Some(expected.clone()));
    let stored = bed.journal.load(RunId(7)).expect("it is readable");
    let stored = stored.expect("it is there");
    assert_eq!(stored.summary, expected);
    assert_eq!(stored.snapshot, None);
    assert_eq!(stored.records, vec![(1, record(7, 1))]);
    assert_eq!(stored.deliveries, vec![]);
    assert!(matches!(bed.journal.load(RunId(8)), Ok(None)));
    assert_eq!(bed.journal.summary(RunId(8)).expect("it is readable"), None);
}

pub fn records_have_positions(bed: &Bed<'_>) {
    let committed = |after: u64, limit: usize| {
        let found = bed.journal.committed(after, limit);
        found.expect("it is readable")
    };
    let position = || bed.journal.position().expect("it is readable");
    assert_eq!((committed(0, 10), position()), (Vec::new(), 0));
    bed.put([
        Write::Append(bed.first(new_run(2))),
        Write::Append(bed.first(new_run(1))),
    ]);
    let refused = [Write::Append(bed.next(1, 2)), Write::Append(bed.next(2, 7))];
    assert!(bed.write(refused.into()).is_err());
    bed.put([Write::Append(bed.next(2, 2))]);
    let all = committed(0, 10);
    let named: Vec<_> = all
        .iter()
        .map(|record| (record.run.0, record.seq))
        .collect();
    assert_eq!(named, [(2, 1), (1, 1), (2, 2)]);
    assert!(
        all.windows(2)
            .all(|pair| pair[0].position < pair[1].position)
    );
    assert_eq!(position(), all[2].position);
    assert_eq!(committed(all[0].position, 1), [all[1]]);
    assert_eq!(committed(position(), 10), []);
    assert_eq!(committed(u64::MAX, 10), []);
    // What is purged is on no list, and its position is not given again.
    bed.put([Write::Append(Append {
        update: Some(update(Status::Completed)),
        ..bed.next(2, 3)
    })]);
    let before = position();
    let purge = Purge {
        ended_before_ms: i64::MAX,
        events_before_ms: 0,
        expired_before_ms: 0,
        limit: 10,
    };
    assert_eq!(bed.journal.purge(purge).expect("it is possible"), 1);
    assert_eq!(committed(0, 10), [all[1]]);
    bed.put([Write::Append(bed.next(1, 2))]);
    assert!(position() > before);
}

pub fn records_are_in_order(bed: &Bed<'_>) {
    bed.put([Write::Append(bed.first(new_run(1)))]);
    bed.put((2..=5).map(|seq| Write::Append(bed.next(1, seq))));
    bed.put([Write::Append(bed.first(new_run(2)))]);
    bed.put([Write::Append(bed.next(1, 6))]);
    assert_eq!(bed.positions(1), [1, 2, 3, 4, 5, 6]);
    let some = bed
        .journal
        .records(RunId(1), 3, 2)
        .expect("they are readable");
    assert_eq!(some, [(3, record(1, 3)), (4, record(1, 4))]);
    let none = bed
        .journal
        .records(RunId(1), 7, 2)
        .expect("they are readable");
    assert_eq!(none, []);
}

fn conflicts(bed: &Bed<'_>, append: Append) {
    let (run, seq) = (append.run, append.seq);
    let answer = bed.write(vec![Write::Append(append)]);
    assert!(
        matches!(answer, Err(StoreError::Conflict(at, position)) if (at, position) == (run, seq)),
        "{answer:?}"
    );
}

pub fn a_taken_position_is_a_conflict(bed: &Bed<'_>) {
    bed.begin(Status::Running, [1]);
    conflicts(bed, bed.next(1, 1));
    bed.put([Write::Append(bed.next(1, 2))]);
    conflicts(bed, bed.next(1, 2));
    assert_eq!(bed.positions(1), [1, 2]);
}

pub fn a_gap_is_a_conflict(bed: &Bed<'_>) {
    bed.begin(Status::Running, [1]);
    conflicts(bed, bed.next(1, 3));
    conflicts(bed, bed.next(1, 0));
    assert_eq!(bed.positions(1), [1]);
}

pub fn a_run_that_nobody_created_is_a_conflict(bed: &Bed<'_>) {
    conflicts(bed, bed.next(1, 1));
    assert_eq!(bed.positions(1), [0u64; 0]);
}

pub fn a_run_begins_once(bed: &Bed<'_>) {
    bed.begin(Status::Running, [1]);
    conflicts(bed, bed.first(new_run(1)));
    let spawning = Append {
        spawn: vec![(new_run(1), event("again"))],
        ..bed.first(new_run(2))
    };
    let answer = bed.write(vec![Write::Append(spawning)]);
    assert!(
        matches!(answer, Err(StoreError::Conflict(RunId(1), 1))),
        "{answer:?}"
    );
    assert!(!bed.exists(2));
    assert_eq!(bed.waiting(1), []);
}

pub fn a_refused_batch_changes_nothing(bed: &Bed<'_>) {
    bed.begin(Status::Running, [1]);
    let before = bed.journal.summary(RunId(1)).expect("it is readable");
    let changing = Append {
        update: Some(update(Status::Completed)),
        snapshot: Some(b"state".to_vec()),
        deliver: vec![(RunId(1), event("lost"))],
        spawn: vec![(
            NewRun {
                key: Some("k".into()),
                namespace: "never".into(),
                labels: vec![("a".into(), "b".into())],
                ..new_run(2)
            },
            event("lost"),
        )],
        ..bed.next(1, 2)
    };
    let refused = bed.write(vec![Write::Append(changing), Write::Append(bed.next(1, 9))]);
    assert!(
        matches!(refused, Err(StoreError::Conflict(_, 9))),
        "{refused:?}"
    );
    let stored = bed.journal.load(RunId(1)).expect("it is readable");
    let stored = stored.expect("it is there");
    assert_eq!(Some(stored.summary), before);
    assert_eq!(stored.snapshot, None);
    assert_eq!(stored.records.len(), 1);
    assert_eq!(stored.deliveries, vec![]);
    assert!(!bed.exists(2));
    // Nor is anything remembered of it that would be in the way.
    bed.put([Write::Append(bed.first(NewRun {
        key: Some("k".into()),
        namespace: "never".into(),
        ..new_run(3)
    }))]);
    let summary = bed.journal.summary(RunId(3)).expect("it is readable");
    assert_eq!(&*summary.expect("it is there").run.namespace, "never");
}

pub fn a_refused_batch_does_not_concern_others(bed: &Bed<'_>) {
    let (sender, receiver) = mpsc::channel();
    for run in 1..=300u64 {
        let append = match run % 3 {
            0 => bed.next(run, 5),
            _ => bed.first(new_run(run)),
        };
        let sender = sender.clone();
        bed.journal.write(
            vec![Write::Append(append)],
            Box::new(move |answer| sender.send((run, answer.is_ok())).expect("the test waits")),
        );
    }
    drop(sender);
    let answers: Vec<(u64, bool)> = receiver.into_iter().collect();
    assert_eq!(answers.len(), 300);
    for (run, taken) in answers {
        assert_eq!(taken, run % 3 != 0, "run {run}");
        assert_eq!(bed.exists(run), taken, "run {run}");
    }
}

pub fn an_older_epoch_is_fenced(bed: &Bed<'_>) {
    bed.begin(Status::Running, [1]);
    let (shard, epoch) = bed.fence(1);
    let next = bed.journal.acquire(shard).expect("it can be taken over");
    assert!(next > epoch);
    let refused = bed.write(vec![Write::Append(bed.next(1, 2))]);
    assert!(
        matches!(refused, Err(StoreError::Fenced(at, by)) if (at, by) == (shard, epoch)),
        "{refused:?}"
    );
    bed.put([Write::Append(Append {
        fence: (shard, next),
        ..bed.next(1, 2)
    })]);
    let unborn = Epoch(next.0 + 1);
    let refused = bed.write(vec![Write::Append(Append {
        fence: (shard, unborn),
        ..bed.next(1, 3)
    })]);
    assert!(
        matches!(refused, Err(StoreError::Fenced(..))),
        "{refused:?}"
    );
    assert_eq!(bed.positions(1), [1, 2]);
}

pub fn a_fence_of_another_shard_is_refused(bed: &Bed<'_>) {
    bed.begin(Status::Running, [1]);
    let other = (2..).find(|run| shard(*run) != shard(1));
    let fence = bed.fence(other.expect("there are more shards"));
    let refused = bed.write(vec![Write::Append(Append {
        fence,
        ..bed.next(1, 2)
    })]);
    assert!(
        matches!(refused, Err(StoreError::Fenced(..))),
        "{refused:?}"
    );
    assert_eq!(bed.positions(1), [1]);
}

pub fn a_key_starts_one_run(bed: &Bed<'_>) {
    let keyed = |run| NewRun {
        key: Some("order/1".into()),
        ..new_run(run)
    };
    bed.put([Write::Append(bed.first(keyed(1)))]);
    let again = [
        bed.first(keyed(2)),
        // The run exists and so does its key: the key is what its caller asks for.
        bed.first(keyed(1)),
        Append {
            spawn: vec![(keyed(2), event("input"))],
            ..bed.first(new_run(3))
        },
    ];
    for append in again {
        let answer = bed.write(vec![Write::Append(append)]);
        assert!(
            matches!(answer, Err(StoreError::Started(RunId(1)))),
            "{answer:?}"
        );
    }
    assert!(!bed.exists(2) && !bed.exists(3));
}

pub fn an_unknown_shard_is_refused(bed: &Bed<'_>) {
    assert_eq!(bed.journal.shards(), SHARDS);
    let refused = bed.journal.acquire(ShardId(SHARDS));
    assert!(
        matches!(refused, Err(StoreError::Unusable(_))),
        "{refused:?}"
    );
    let refused = bed.write(vec![Write::Append(bed.first(NewRun {
        shard: ShardId(SHARDS),
        ..new_run(1)
    }))]);
    assert!(refused.is_err());
    let refused = bed.write(vec![Write::Append(Append {
        fence: (ShardId(SHARDS), Epoch(1)),
        ..bed.first(new_run(1))
    })]);
    assert!(
        matches!(refused, Err(StoreError::Fenced(..))),
        "{refused:?}"
    );
}

pub fn a_snapshot_shortens_what_is_loaded(bed: &Bed<'_>) {
    bed.begin(Status::Running, [1]);
    for (seq, state) in [
        (2, Some("old")),
        (3, None),
        (4, Some("new")),
        (5, None),
        (6, None),
    ] {
        bed.put([Write::Append(Append {
            snapshot: state.map(|state: &str| state.as_bytes().to_vec()),
            ..bed.next(1, seq)
        })]);
    }
    let stored = bed.journal.load(RunId(1)).expect("it is readable");
    let stored = stored.expect("it is there");
    let expected = Snapshot {
        seq: 4,
        state: b"new".to_vec(),
    };
    assert_eq!(stored.snapshot, Some(expected));
    assert_eq!(stored.records, [(5, record(1, 5)), (6, record(1, 6))]);
    assert_eq!(bed.positions(1), [1, 2, 3, 4, 5, 6], "the records stay");
}

pub fn no_update_changes_no_row(bed: &Bed<'_>) {
    bed.put([Write::Append(bed.first(new_run(1)))]);
    let begun = bed.journal.summary(RunId(1)).expect("it is readable");
    let begun = begun.expect("it is there");
    assert_eq!(
        (begun.status, begun.updated_ms),
        (Status::Pending, begun.run.created_ms)
    );
    bed.put([Write::Append(Append {
        update: Some(update(Status::Waiting)),
        ..bed.next(1, 2)
    })]);
    let before = bed.journal.summary(RunId(1)).expect("it is readable");
    bed.put([Write::Append(bed.next(1, 3))]);
    assert_eq!(
        bed.journal.summary(RunId(1)).expect("it is readable"),
        before
    );
}

pub fn ids_beyond_63_bits_are_refused(bed: &Bed<'_>) {
    let largest = i64::MAX as u64;
    bed.put([Write::Append(bed.first(new_run(largest)))]);
    assert!(bed.exists(largest));
    for id in [largest + 1, u64::MAX] {
        let refused = bed.write(vec![Write::Append(bed.first(NewRun {
            created_ms: 0,
            ..new_run(id)
        }))]);
        assert!(
            matches!(refused, Err(StoreError::Damaged { .. })),
            "{refused:?}"
        );
        assert!(!bed.exists(id));
        assert_eq!(bed.journal.children(RunId(id)).expect("it is readable"), []);
    }
}

pub fn one_caller_writes_in_order(bed: &Bed<'_>) {
    bed.begin(Status::Running, [1]);
    let (sender, receiver) = mpsc::channel();
    for seq in 2..=500 {
        let sender = sender.clone();
        bed.journal.write(
            vec![Write::Append(bed.next(1, seq))],
            Box::new(move |answer| sender.send((seq, answer.is_ok())).expect("the test waits")),
        );
    }
    drop(sender);
    let answers: Vec<(u64, bool)> = receiver.into_iter().collect();
    let expected: Vec<(u64, bool)> = (2..=500).map(|seq| (seq, true)).collect();
    assert_eq!(answers, expected);
    assert_eq!(bed.positions(1), (1..=500).collect::<Vec<u64>>());
}

pub fn many_callers_write_at_once(bed: &Bed<'_>) {
    let won = Arc::new(std::sync::atomic::AtomicU64::new(0));
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                for run in 1..=50 {
                    if bed
                        .write(vec![Write::Append(bed.first(new_run(run)))])
                        .is_ok()
                    {
                        won.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
                        // Whoever is told of it can read it.
                        assert_eq!(bed.positions(run)[0], 1);
                    }
                    let _ = bed.write(vec![Write::Append(bed.next(run, 2))]);
                }
            });
        }
    });
    assert_eq!(won.load(std::sync::atomic::Ordering::Relaxed), 50);
    for run in 1..=50 {
        assert_eq!(bed.positions(run), [1, 2]);
    }
}
