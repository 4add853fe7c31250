//! What recovery, timers and people ask for.

use std::sync::Arc;

use super::{Bed, event, new_run, of_shard, plan, record, update};
use crate::ids::{RunId, ShardId};
use crate::row::{Append, Definition, Filter, NewRun, Page, Schedule, Status, Update, Write};

fn wake(bed: &Bed<'_>, run: u64, wake_ms: Option<i64>) {
    let change = Update {
        wake_ms,
        ..update(Status::Waiting)
    };
    let append = if bed.exists(run) {
        let seq = bed.positions(run).len() as u64 + 1;
        bed.next(run, seq)
    } else {
        bed.first(new_run(run))
    };
    bed.put([Write::Append(Append {
        update: Some(change),
        ..append
    })]);
}

fn unsettled(bed: &Bed<'_>, shard: ShardId, after: Option<u64>, limit: usize) -> Vec<u64> {
    let runs = bed.journal.unsettled(shard, after.map(RunId), limit);
    runs.expect("it is readable")
        .into_iter()
        .map(|run| run.0)
        .collect()
}

fn due(bed: &Bed<'_>, shard: ShardId, before_ms: i64, limit: usize) -> Vec<(i64, u64)> {
    let runs = bed.journal.due(shard, before_ms, limit);
    let runs = runs.expect("it is readable").into_iter();
    runs.map(|(wake_ms, run)| (wake_ms, run.0)).collect()
}

fn activate(bed: &Bed<'_>, run: u64, active: bool) -> Append {
    Append {
        update: Some(Update {
            active,
            ..update(Status::Running)
        }),
        ..bed.first(new_run(run))
    }
}

pub fn unsettled_runs_are_active_or_have_deliveries(bed: &Bed<'_>) {
    let shard = ShardId(1);
    let runs: Vec<u64> = of_shard(shard).take(5).collect();
    let [active, idle, waiting, both, stopped] = runs[..] else {
        panic!("five were taken");
    };
    for run in [active, both, stopped] {
        bed.put([Write::Append(activate(bed, run, true))]);
    }
    bed.put([Write::Append(Append {
        update: Some(update(Status::Suspended)),
        ..bed.next(stopped, 2)
    })]);
    bed.begin(Status::Waiting, [idle, waiting]);
    let elsewhere = of_shard(ShardId(2)).next().expect("there are more");
    bed.put([Write::Append(activate(bed, elsewhere, true))]);
    bed.put([Write::Append(Append {
        deliver: [waiting, waiting, both]
            .map(|run| (RunId(run), event("e")))
            .to_vec(),
        ..bed.next(elsewhere, 2)
    })]);
    assert_eq!(unsettled(bed, shard, None, 10), [active, waiting, both]);
    assert_eq!(unsettled(bed, ShardId(2), None, 10), [elsewhere]);
    assert_eq!(unsettled(bed, ShardId(3), None, 10), [0u64; 0]);
}

pub fn unsettled_runs_come_in_pages(bed: &Bed<'_>) {
    let shard = ShardId(0);
    let runs: Vec<u64> = of_shard(shard).take(20).collect();
    bed.put(
        runs.iter()
            .map(|run| Write::Append(activate(bed, *run, run % 3 == 0))),
    );
    bed.put(runs.iter().filter(|run| *run % 3 == 1).map(|run| {
        Write::Append(Append {
            deliver: vec![(RunId(*run), event("e"))],
            ..bed.next(*run, 2)
        })
    }));
    let expected: Vec<u64> = runs.into_iter().filter(|run| run % 3 != 2).collect();
    let mut seen = Vec::new();
    loop {
        let page = unsettled(bed, shard, seen.last().copied(), 3);
        if page.is_empty() {
            break;
        }
        assert!(page.len() <= 3);
        seen.extend(page);
    }
    assert_eq!(seen, expected);
    assert_eq!(unsettled(bed, shard, None, 0), [0u64; 0]);
}

pub fn due_runs_come_earliest_first(bed: &Bed<'_>) {
    let shard = ShardId(2);
    let runs: Vec<u64> = of_shard(shard).take(5).collect();
    for (run, wake_ms) in runs
        .iter()
        .zip([Some(50), Some(10), None, Some(30), Some(10)])
    {
        wake(bed, *run, wake_ms);
    }
    wake(
        bed,
        of_shard(ShardId(1)).next().expect("there are more"),
        Some(1),
    );
    let all = [(10, runs[1]), (10, runs[4]), (30, runs[3]), (50, runs[0])];
    assert_eq!(due(bed, shard, i64::MAX, 10), all);
    assert_eq!(due(bed, shard, 50, 10), all[..3], "before, not at");
    assert_eq!(due(bed, shard, i64::MAX, 2), all[..2]);
    assert_eq!(due(bed, shard, 10, 10), []);
}

pub fn a_wake_that_changed_is_not_due(bed: &Bed<'_>) {
    let shard = ShardId(2);
    let run = of_shard(shard).next().expect("there are more");
    wake(bed, run, Some(10));
    wake(bed, run, Some(20));
    assert_eq!(due(bed, shard, 100, 10), [(20, run)]);
    wake(bed, run, None);
    assert_eq!(due(bed, shard, 100, 10), []);
}

fn listed(bed: &Bed<'_>, filter: &Filter, before: Option<u64>, limit: usize) -> Vec<u64> {
    let page = Page {
        before: before.map(RunId),
        limit,
    };
    let runs = bed.journal.runs(filter, page).expect("it is readable");
    for run in &runs {
        let summary = bed.journal.summary(run.run.id).expect("it is readable");
        assert_eq!(summary.as_ref(), Some(run));
    }
    runs.into_iter().map(|run| run.run.id.0).collect()
}

pub fn runs_are_newest_first_in_pages(bed: &Bed<'_>) {
    bed.begin(Status::Running, [5, 3, 9, 1, 7]);
    let all = Filter::default();
    assert_eq!(listed(bed, &all, None, 10), [9, 7, 5, 3, 1]);
    assert_eq!(listed(bed, &all, None, 2), [9, 7]);
    assert_eq!(listed(bed, &all, Some(7), 2), [5, 3]);
    assert_eq!(listed(bed, &all, Some(3), 2), [1]);
    assert_eq!(listed(bed, &all, Some(1), 2), [0u64; 0]);
    assert_eq!(listed(bed, &all, Some(u64::MAX), 1), [9]);
    assert_eq!(listed(bed, &all, None, 0), [0u64; 0]);
}

pub fn filters_hold_together(bed: &Bed<'_>) {
    let statuses = [Status::Running, Status::Faulted, Status::Completed];
    let pick = |run: u64, of: u64, texts: [&str; 2]| Arc::from(texts[(run / of % 2) as usize]);
    let kinds = |run: u64| NewRun {
        namespace: pick(run, 1, ["shop", "desk"]),
        name: pick(run, 2, ["order", "refund"]),
        version: pick(run, 4, ["1.0.0", "2.0.0"]),
        labels: vec![("tenant".into(), pick(run, 3, ["a", "b"]))],
        ..new_run(run)
    };
    bed.put((1..=48).map(|run| {
        Write::Append(Append {
            update: Some(update(statuses[(run % 3) as usize])),
            ..bed.first(kinds(run))
        })
    }));
    // Every combination of conditions, against the plainest reading of them.
    for conditions in 0..64u32 {
        let asks = |bit: u32| conditions & (1 << bit) != 0;
        let filter = Filter {
            namespace: asks(0).then(|| "desk".into()),
            name: asks(1).then(|| "order".into()),
            status: asks(2).then_some(Status::Faulted),
            label: asks(3).then(|| ("tenant".into(), "b".into())),
            created_from_ms: asks(4).then_some(1_010),
            created_before_ms: asks(5).then_some(1_040),
        };
        let shown = |run: &u64| {
            let new = kinds(*run);
            (!asks(0) || &*new.namespace == "desk")
                && (!asks(1) || &*new.name == "order")
                && (!asks(2) || statuses[(run % 3) as usize] == Status::Faulted)
                && (!asks(3) || &*new.labels[0].1 == "b")
                && (!asks(4) || *run >= 10)
                && (!asks(5) || *run < 40)
        };
        let expected: Vec<u64> = (1..=48).rev().filter(shown).collect();
        assert_eq!(listed(bed, &filter, None, 100), expected, "{filter:?}");
        let page: Vec<u64> = expected
            .into_iter()
            .filter(|run| *run < 30)
            .take(3)
            .collect();
        assert_eq!(listed(bed, &filter, Some(30), 3), page, "{filter:?}");
    }
    for nothing in [
        Filter {
            name: Some("unknown".into()),
            ..Filter::default()
        },
        Filter {
            status: Some(Status::Parked),
            ..Filter::default()
        },
        Filter {
            label: Some(("tenant".into(), "c".into())),
            ..Filter::default()
        },
    ] {
        assert_eq!(listed(bed, &nothing, None, 10), [0u64; 0]);
    }
}

pub fn definitions_are_known_once(bed: &Bed<'_>) {
    let definition = |number: u8| Definition {
        plan: plan(number),
        namespace: "shop".into(),
        name: "order".into(),
        version: Arc::from(format!("{number}.0.0")),
        text: Arc::from(format!("document: {number}")),
        links: Arc::from([number]),
        added_ms: 7,
    };
    bed.put([Write::Define(definition(2)), Write::Define(definition(1))]);
    bed.put([
        Write::Define(Definition {
            added_ms: 8,
            text: "other".into(),
            ..definition(2)
        }),
        Write::Define(definition(3)),
    ]);
    let all = bed.journal.definitions().expect("they are readable");
    assert_eq!(all, [definition(2), definition(1), definition(3)]);
    let one = bed.journal.definition(plan(1)).expect("it is readable");
    assert_eq!(one, Some(definition(1)));
    // A plan that only a run names is not defined.
    bed.put([Write::Append(bed.first(NewRun {
        plan: plan(4),
        ..new_run(1)
    }))]);
    assert_eq!(
        bed.journal.definition(plan(4)).expect("it is readable"),
        None
    );
    assert_eq!(
        bed.journal.definition(plan(5)).expect("it is readable"),
        None
    );
}

pub fn schedules_keep_the_last_slot(bed: &Bed<'_>) {
    let schedule = |name: &str, slot_ms| Schedule {
        name: name.into(),
        slot_ms,
    };
    bed.put([
        Write::Schedule(schedule("b", 1)),
        Write::Schedule(schedule("a", 2)),
    ]);
    bed.put([Write::Schedule(schedule("b", 3))]);
    let all = bed.journal.schedules().expect("they are readable");
    assert_eq!(all, [schedule("a", 2), schedule("b", 3)]);
}

pub fn stats_count(bed: &Bed<'_>) {
    let stats = bed.journal.stats().expect("they are readable");
    assert_eq!((stats.records, stats.deliveries), (0, 0));
    assert_eq!(stats.runs_by_status, []);
    bed.begin(Status::Running, [1, 2, 3]);
    bed.begin(Status::Parked, [4]);
    bed.put([Write::Append(Append {
        deliver: vec![(RunId(1), event("e")), (RunId(2), event("e"))],
        ..bed.next(1, 2)
    })]);
    // What was refused does not count.
    let refused = bed.write(vec![
        Write::Append(bed.next(1, 3)),
        Write::Append(bed.next(9, 1)),
    ]);
    assert!(refused.is_err());
    let stats = bed.journal.stats().expect("they are readable");
    assert_eq!((stats.records, stats.deliveries), (5, 2));
    let by_status = [(Status::Running, 3), (Status::Parked, 1)];
    assert_eq!(stats.runs_by_status, by_status);
    assert!(stats.bytes >= 5 * record(1, 1).len() as u64);
}
