//! What is on its way to a run.

use std::sync::Arc;

use super::{Bed, child, event, intake, new_run, plan, start, update};
use crate::ids::{DeliveryId, RunId};
use crate::journal::StoreError;
use crate::row::{Accepted, Append, DeliveryKind, Intake, NewRun, Status, Write};

fn deliver(bed: &Bed<'_>, from: u64, seq: u64, to: u64, kind: DeliveryKind) -> Option<DeliveryId> {
    let ticket = bed.put([Write::Append(Append {
        deliver: vec![(RunId(to), kind.clone())],
        ..bed.next(from, seq)
    })]);
    let delivery = ticket.deliveries.into_iter().next()?;
    assert_eq!((delivery.run, delivery.kind), (RunId(to), kind));
    Some(delivery.id)
}

pub fn a_delivery_waits_until_it_is_consumed(bed: &Bed<'_>) {
    bed.begin(Status::Running, [1, 2]);
    let one = deliver(bed, 1, 2, 2, event("one")).expect("run 2 is open");
    let two = deliver(bed, 1, 3, 2, event("two")).expect("run 2 is open");
    assert!(one < two);
    assert_eq!(bed.waiting(2), [event("one"), event("two")]);
    bed.put([Write::Append(Append {
        consumed: vec![one],
        ..bed.next(2, 2)
    })]);
    assert_eq!(bed.waiting(2), [event("two")]);
    assert_eq!(bed.waiting(1), []);
}

pub fn a_delivery_is_consumed_once(bed: &Bed<'_>) {
    bed.begin(Status::Running, [1, 2]);
    let id = deliver(bed, 1, 2, 2, event("one")).expect("run 2 is open");
    // Nor by another run, nor twice in one record.
    for (run, seq, consumed) in [(1, 3, vec![id]), (2, 2, vec![id, id])] {
        let refused = bed.write(vec![Write::Append(Append {
            consumed,
            ..bed.next(run, seq)
        })]);
        assert!(
            matches!(refused, Err(StoreError::Conflict(..))),
            "{refused:?}"
        );
    }
    bed.put([Write::Append(Append {
        consumed: vec![id],
        ..bed.next(2, 2)
    })]);
    let refused = bed.write(vec![Write::Append(Append {
        consumed: vec![id],
        ..bed.next(2, 3)
    })]);
    assert!(
        matches!(refused, Err(StoreError::Conflict(..))),
        "{refused:?}"
    );
    assert_eq!(bed.positions(2), [1, 2]);
}

pub fn deliveries_are_in_order(bed: &Bed<'_>) {
    bed.begin(Status::Running, [1, 2]);
    let kinds: Vec<DeliveryKind> = (0..20).map(|n| event(&n.to_string())).collect();
    let to = |kinds: &[DeliveryKind]| -> Vec<(RunId, DeliveryKind)> {
        kinds.iter().map(|kind| (RunId(2), kind.clone())).collect()
    };
    let ticket = bed.put([
        Write::Append(Append {
            deliver: to(&kinds[..9]),
            ..bed.next(1, 2)
        }),
        Write::Append(Append {
            deliver: to(&kinds[9..]),
            spawn: vec![(new_run(3), start("input"))],
            ..bed.next(1, 3)
        }),
    ]);
    let mut expected = kinds.clone();
    expected.push(start("input"));
    let made: Vec<DeliveryKind> = ticket.deliveries.iter().map(|d| d.kind.clone()).collect();
    assert_eq!(made, expected);
    assert!(ticket.deliveries.is_sorted_by_key(|delivery| delivery.id));
    assert_eq!(bed.waiting(2), kinds);
}

pub fn a_run_that_ended_gets_nothing(bed: &Bed<'_>) {
    bed.begin(Status::Running, [1, 5]);
    bed.begin(Status::Completed, [2]);
    bed.begin(Status::Faulted, [3]);
    bed.begin(Status::Cancelled, [4]);
    for (seq, to) in (2..).zip([2, 3, 4, 99]) {
        assert_eq!(deliver(bed, 1, seq, to, event("late")), None, "run {to}");
    }
    assert!(deliver(bed, 1, 6, 5, event("in time")).is_some());
    assert_eq!(bed.waiting(2), []);
    assert_eq!(bed.journal.stats().expect("it is readable").deliveries, 1);
}

pub fn what_waits_for_a_run_ends_with_it(bed: &Bed<'_>) {
    bed.begin(Status::Running, [1, 2]);
    let taken = deliver(bed, 1, 2, 2, event("taken")).expect("run 2 is open");
    deliver(bed, 1, 3, 2, event("late"));
    bed.put([Write::Append(Append {
        consumed: vec![taken],
        update: Some(update(Status::Completed)),
        ..bed.next(2, 2)
    })]);
    assert_eq!(bed.waiting(2), []);
    let (shard, _) = bed.fence(2);
    let unsettled = bed.journal.unsettled(shard, None, 10);
    assert_eq!(unsettled.expect("it is readable"), []);
}

pub fn spawned_runs_begin_with_a_delivery(bed: &Bed<'_>) {
    let new = child(2, 1, Some("/do/0/run"));
    let ticket = bed.put([Write::Append(Append {
        spawn: vec![(new.clone(), start("input"))],
        ..bed.first(new_run(1))
    })]);
    assert_eq!(ticket.deliveries.len(), 1);
    let stored = bed.journal.load(RunId(2)).expect("it is readable");
    let stored = stored.expect("it is there");
    assert_eq!(stored.summary.run, new);
    assert_eq!(stored.summary.status, Status::Pending);
    assert_eq!(
        (stored.summary.wake_ms, stored.summary.active),
        (None, false)
    );
    assert_eq!(stored.records, []);
    assert_eq!(stored.deliveries, ticket.deliveries);
    // Its first record does not create it again.
    bed.put([Write::Append(Append {
        consumed: vec![ticket.deliveries[0].id],
        update: Some(update(Status::Running)),
        ..bed.next(2, 1)
    })]);
    assert_eq!(bed.waiting(2), []);
}

pub fn abandoned_children_are_cancelled(bed: &Bed<'_>) {
    bed.begin(Status::Running, [1, 9]);
    let family = [
        child(2, 1, Some("a")),
        child(3, 1, Some("a")),
        child(4, 1, Some("b")),
        child(5, 1, None),
        child(6, 9, Some("a")),
        child(7, 1, Some("c")),
    ];
    bed.put(family.into_iter().map(|new| Write::Append(bed.first(new))));
    bed.put([Write::Append(Append {
        update: Some(update(Status::Completed)),
        ..bed.next(3, 2)
    })]);
    let ticket = bed.put([Write::Append(Append {
        deliver: vec![(RunId(9), event("bye"))],
        abandon: vec!["c".into(), "a".into(), "unknown".into()],
        ..bed.next(1, 2)
    })]);
    let made: Vec<(u64, DeliveryKind)> = ticket
        .deliveries
        .into_iter()
        .map(|delivery| (delivery.run.0, delivery.kind))
        .collect();
    let cancel = DeliveryKind::Cancel;
    assert_eq!(
        made,
        [(9, event("bye")), (7, cancel.clone()), (2, cancel.clone())]
    );
    assert_eq!(bed.waiting(2), [cancel]);
    assert_eq!((bed.waiting(3), bed.waiting(4)), (vec![], vec![]));
    assert_eq!((bed.waiting(5), bed.waiting(6)), (vec![], vec![]));
}

pub fn children_are_in_order(bed: &Bed<'_>) {
    bed.begin(Status::Running, [1]);
    for run in [8, 4, 6] {
        bed.put([Write::Append(bed.first(child(run, 1, None)))]);
    }
    bed.put([Write::Append(bed.first(child(5, 4, None)))]);
    let children = bed.journal.children(RunId(1)).expect("they are readable");
    let ids: Vec<u64> = children.iter().map(|child| child.run.id.0).collect();
    assert_eq!(ids, [4, 6, 8]);
    assert_eq!(
        bed.journal.children(RunId(8)).expect("they are readable"),
        []
    );
}

pub fn all_kinds_read_back(bed: &Bed<'_>) {
    bed.begin(Status::Running, [1, 2]);
    let kinds = [
        start("input"),
        event("event"),
        DeliveryKind::Event(Arc::from([])),
        DeliveryKind::Child("/do/0#1".into(), Arc::from([0, 255])),
        DeliveryKind::Cancel,
    ];
    for (seq, kind) in (2..).zip(kinds.clone()) {
        deliver(bed, 1, seq, 2, kind);
    }
    assert_eq!(bed.waiting(2), kinds);
    let ticket = bed.put([
        Write::Append(bed.first(NewRun {
            plan: plan(3),
            ..new_run(3)
        })),
        Write::Accept(Intake {
            plans: vec![plan(3)],
            ..intake("from outside")
        }),
    ]);
    let Accepted::New(accept) = &ticket.accepted[0] else {
        panic!("it is new: {ticket:?}");
    };
    assert_eq!(bed.waiting(3), [event("from outside")]);
    let stored = bed.journal.load(RunId(3)).expect("it is readable");
    assert_eq!(stored.expect("it is there").deliveries, accept.deliveries);
}
