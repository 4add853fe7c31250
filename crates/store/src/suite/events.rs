//! Events that come in.

use super::{Bed, event, intake, new_run, plan, start, update};
use crate::ids::RunId;
use crate::journal::StoreError;
use crate::row::{Accepted, Append, Intake, NewRun, Status, Write};

fn accept(bed: &Bed<'_>, intake: Intake) -> Option<Vec<u64>> {
    let mut ticket = bed.put([Write::Accept(intake)]);
    assert_eq!(ticket.accepted.len(), 1);
    match ticket.accepted.remove(0) {
        Accepted::Known => None,
        Accepted::New(accept) => {
            let runs = accept.deliveries.iter().map(|delivery| delivery.run.0);
            Some(runs.collect())
        }
    }
}

pub fn an_event_is_taken_once(bed: &Bed<'_>) {
    bed.begin(Status::Waiting, [1]);
    assert_eq!(accept(bed, intake("a")), Some(vec![1]));
    // Whatever else came with it.
    let again = Intake {
        at_ms: 9_000,
        starts: vec![(new_run(2), start("input"))],
        triggers: vec![("t".into(), b"state".to_vec())],
        ..intake("a")
    };
    assert_eq!(accept(bed, again), None);
    assert!(!bed.exists(2));
    assert_eq!(bed.journal.trigger("t").expect("it is readable"), None);
    let elsewhere = Intake {
        source: "/other".into(),
        ..intake("a")
    };
    assert_eq!(accept(bed, elsewhere), Some(vec![1]));
    assert_eq!(bed.waiting(1), [event("a"), event("a")]);
    // Twice in one batch is no different.
    let ticket = bed.put([
        Write::Accept(intake("b")),
        Write::Accept(intake("b")),
        Write::Accept(intake("a")),
    ]);
    assert!(matches!(
        ticket.accepted[..],
        [Accepted::New(_), Accepted::Known, Accepted::Known]
    ));
}

pub fn an_event_goes_to_open_runs_of_its_plans(bed: &Bed<'_>) {
    let statuses = (10..).zip(Status::ALL);
    let open: Vec<u64> = statuses
        .filter_map(|(run, status)| {
            bed.begin(status, [run]);
            (!status.is_terminal()).then_some(run)
        })
        .collect();
    assert_eq!(open.len(), 5);
    for (run, plan_of_run) in [(2, 2), (3, 3)] {
        bed.put([Write::Append(bed.first(NewRun {
            plan: plan(plan_of_run),
            ..new_run(run)
        }))]);
    }
    assert_eq!(accept(bed, intake("a")), Some(open.clone()));
    let both = Intake {
        plans: vec![plan(1), plan(3), plan(9), plan(1)],
        ..intake("b")
    };
    let mut expected = vec![3];
    expected.extend(open);
    assert_eq!(accept(bed, both), Some(expected));
    let none = Intake {
        plans: vec![],
        ..intake("c")
    };
    assert_eq!(accept(bed, none), Some(vec![]));
    assert_eq!(bed.waiting(3), [event("b")]);
    assert_eq!(bed.waiting(2), []);
    // Runs that end within the batch do not get what comes after.
    let ticket = bed.put([
        Write::Append(Append {
            update: Some(update(Status::Completed)),
            ..bed.next(3, 2)
        }),
        Write::Accept(Intake {
            plans: vec![plan(3)],
            ..intake("d")
        }),
    ]);
    assert_eq!(ticket.accepted, [Accepted::New(Default::default())]);
}

pub fn an_event_starts_runs(bed: &Bed<'_>) {
    bed.begin(Status::Waiting, [5]);
    let starting = Intake {
        starts: vec![(new_run(3), start("x")), (new_run(2), start("y"))],
        ..intake("a")
    };
    // The runs that it starts do not get it once more.
    assert_eq!(accept(bed, starting), Some(vec![5, 3, 2]));
    assert_eq!(bed.waiting(3), [start("x")]);
    assert_eq!(bed.waiting(2), [start("y")]);
    let (shard, _) = bed.fence(3);
    let unsettled = bed
        .journal
        .unsettled(shard, None, 10)
        .expect("it is readable");
    assert!(unsettled.contains(&RunId(3)));
}

pub fn an_event_changes_triggers(bed: &Bed<'_>) {
    assert_eq!(bed.journal.trigger("t").expect("it is readable"), None);
    for state in ["one", "two"] {
        let changing = Intake {
            triggers: vec![
                ("t".into(), state.as_bytes().to_vec()),
                ("u".into(), Vec::new()),
            ],
            ..intake(state)
        };
        accept(bed, changing);
        let kept = bed.journal.trigger("t").expect("it is readable");
        assert_eq!(kept.as_deref(), Some(state.as_bytes()));
    }
    let empty = bed.journal.trigger("u").expect("it is readable");
    assert_eq!(empty.as_deref(), Some(&b""[..]));
}

pub fn an_event_with_a_known_start_is_refused(bed: &Bed<'_>) {
    let keyed = |run| NewRun {
        key: Some("k".into()),
        ..new_run(run)
    };
    bed.put([Write::Append(bed.first(keyed(1)))]);
    let refused = bed.write(vec![Write::Accept(Intake {
        starts: vec![(new_run(3), start("x")), (keyed(2), start("y"))],
        ..intake("a")
    })]);
    assert!(
        matches!(refused, Err(StoreError::Started(RunId(1)))),
        "{refused:?}"
    );
    assert!(!bed.exists(2) && !bed.exists(3));
    assert_eq!(bed.waiting(1), []);
    // It was not taken, so it can come again.
    assert_eq!(accept(bed, intake("a")), Some(vec![1]));
}
