//! Retention.

use super::{Bed, child, event, intake, new_run, update};
use crate::ids::RunId;
use crate::row::{Accepted, Append, Filter, Intake, NewRun, Page, Purge, Status, Update, Write};

fn purge(bed: &Bed<'_>, ended_before_ms: i64, limit: usize) -> u64 {
    bed.journal
        .purge(Purge {
            ended_before_ms,
            events_before_ms: ended_before_ms,
            expired_before_ms: 0,
            limit,
        })
        .expect("it is possible")
}

fn ended(bed: &Bed<'_>, new: NewRun, status: Status, updated_ms: i64) {
    bed.put([Write::Append(Append {
        update: Some(Update {
            updated_ms,
            ..update(status)
        }),
        ..bed.first(new)
    })]);
}

pub fn old_runs_go_with_all_they_had(bed: &Bed<'_>) {
    let rich = NewRun {
        key: Some("k".into()),
        labels: vec![("tenant".into(), "a".into()), ("tenant".into(), "a".into())],
        ..new_run(1)
    };
    bed.put([Write::Append(Append {
        snapshot: Some(b"state".to_vec()),
        update: Some(Update {
            wake_ms: Some(1),
            active: true,
            ..update(Status::Running)
        }),
        ..bed.first(rich.clone())
    })]);
    bed.put([Write::Append(Append {
        deliver: vec![(RunId(1), event("e"))],
        ..bed.next(1, 2)
    })]);
    bed.put([Write::Append(Append {
        update: Some(Update {
            wake_ms: Some(1),
            active: true,
            ..update(Status::Faulted)
        }),
        ..bed.next(1, 3)
    })]);
    assert_eq!(purge(bed, 2_001, 10), 1);
    assert!(!bed.exists(1));
    assert_eq!(bed.positions(1), [0u64; 0]);
    assert!(matches!(bed.journal.load(RunId(1)), Ok(None)));
    let (shard, _) = bed.fence(1);
    assert_eq!(
        bed.journal
            .unsettled(shard, None, 9)
            .expect("it is readable"),
        []
    );
    assert_eq!(bed.journal.due(shard, 100, 9).expect("it is readable"), []);
    let labelled = Filter {
        label: Some(("tenant".into(), "a".into())),
        ..Filter::default()
    };
    let page = Page {
        before: None,
        limit: 9,
    };
    assert_eq!(
        bed.journal.runs(&labelled, page).expect("it is readable"),
        []
    );
    let stats = bed.journal.stats().expect("they are readable");
    assert_eq!((stats.records, stats.deliveries), (0, 0));
    // All names are free again.
    bed.put([Write::Append(bed.first(rich))]);
    assert_eq!(bed.positions(1), [1]);
    assert_eq!(bed.journal.stats().expect("they are readable").records, 1);
    let stored = bed.journal.load(RunId(1)).expect("it is readable");
    assert_eq!(stored.expect("it is there").snapshot, None);
}

pub fn open_and_young_runs_stay(bed: &Bed<'_>) {
    for (run, status) in (10..).zip(Status::ALL) {
        ended(bed, new_run(run), status, 50);
    }
    ended(bed, new_run(1), Status::Completed, 100);
    assert_eq!(purge(bed, 50, 99), 0);
    assert_eq!(purge(bed, 100, 99), 3);
    assert!(bed.exists(1));
    for (run, status) in (10..).zip(Status::ALL) {
        assert_eq!(bed.exists(run), !status.is_terminal(), "{status:?}");
    }
}

pub fn children_go_with_their_parents(bed: &Bed<'_>) {
    ended(bed, new_run(1), Status::Completed, 50);
    ended(bed, child(2, 1, Some("a")), Status::Completed, 40);
    ended(bed, child(3, 2, None), Status::Faulted, 45);
    // A child waits for its parent, and a parent for what it left running.
    ended(bed, new_run(4), Status::Running, 50);
    ended(bed, child(5, 4, Some("a")), Status::Completed, 40);
    ended(bed, new_run(6), Status::Completed, 40);
    ended(bed, child(7, 6, None), Status::Completed, 40);
    ended(bed, child(8, 7, None), Status::Running, 50);
    assert_eq!(purge(bed, 48, 99), 0);
    assert_eq!(purge(bed, 60, 99), 3);
    assert_eq!([1, 2, 3].map(|run| bed.exists(run)), [false; 3]);
    assert_eq!([4, 5, 6, 7, 8].map(|run| bed.exists(run)), [true; 5]);
    bed.put([Write::Append(Append {
        update: Some(Update {
            updated_ms: 70,
            ..update(Status::Cancelled)
        }),
        ..bed.next(8, 2)
    })]);
    assert_eq!(purge(bed, 60, 99), 0);
    assert_eq!(purge(bed, 80, 99), 3);
    assert_eq!([6, 7, 8].map(|run| bed.exists(run)), [false; 3]);
}

pub fn a_purge_is_bounded(bed: &Bed<'_>) {
    ended(bed, new_run(1), Status::Completed, 10);
    for run in 2..=6 {
        ended(bed, child(run, 1, None), Status::Completed, 10);
    }
    for run in 7..=9 {
        ended(bed, new_run(run), Status::Completed, 20 - run as i64);
    }
    assert_eq!(purge(bed, 100, 0), 0);
    let mut left = 9;
    while left > 0 {
        let purged = purge(bed, 100, 2);
        assert!((1..=2).contains(&purged), "{purged} of {left}");
        left -= purged;
        // No child is left without its parent.
        let some_child = (2..=6).any(|run| bed.exists(run));
        assert!(bed.exists(1) || !some_child);
    }
    assert_eq!(purge(bed, 100, 2), 0);
}

pub fn events_are_forgotten(bed: &Bed<'_>) {
    let at = |id: &str, at_ms| {
        let ticket = bed.put([Write::Accept(Intake {
            at_ms,
            ..intake(id)
        })]);
        matches!(ticket.accepted[..], [Accepted::New(_)])
    };
    assert!(at("old", 10) && at("young", 20));
    assert_eq!(purge(bed, 20, 10), 0);
    assert!(at("old", 30), "it may come again");
    assert!(!at("young", 30));
    // What a run has still to take in stays.
    bed.begin(Status::Waiting, [1]);
    assert!(at("waiting", 10));
    assert_eq!(purge(bed, 20, 10), 0);
    assert_eq!(bed.waiting(1), [event("waiting")]);
}

pub fn the_newest_can_be_kept(bed: &Bed<'_>) {
    for (run, ended_ms) in [(1, 100), (2, 300), (3, 200)] {
        ended(bed, new_run(run), Status::Completed, ended_ms);
    }
    bed.put([Write::Append(bed.first(new_run(4)))]);
    let last = |newest| bed.journal.ended_before(newest).expect("it is readable");
    assert_eq!(last(0), None);
    assert_eq!(last(1), Some(300));
    assert_eq!(last(2), Some(200));
    assert_eq!(last(4), None);
}
