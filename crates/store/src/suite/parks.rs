//! Runs that are parked without a record.

use super::{Bed, new_run, update};
use crate::ids::{Epoch, RunId, ShardId};
use crate::journal::StoreError;
use crate::row::{Append, Park, Status, Summary, Update, Write};

fn park(bed: &Bed<'_>, run: u64) -> Park {
    Park {
        fence: bed.fence(run),
        run: RunId(run),
        at_ms: 5_000,
        reason: "its records are of a later release".into(),
    }
}

fn row(bed: &Bed<'_>, run: u64) -> Summary {
    let summary = bed.journal.summary(RunId(run)).expect("it is readable");
    summary.expect("it is there")
}

pub fn a_parked_run_says_why_and_is_looked_at_again(bed: &Bed<'_>) {
    bed.put([Write::Append(Append {
        update: Some(Update {
            wake_ms: Some(9),
            ..update(Status::Waiting)
        }),
        ..bed.first(new_run(1))
    })]);
    bed.put([Write::Park(park(bed, 1))]);
    let summary = row(bed, 1);
    assert_eq!(summary.status, Status::Parked);
    assert_eq!(
        summary.reason.as_deref(),
        Some("its records are of a later release")
    );
    assert_eq!((summary.wake_ms, summary.updated_ms), (None, 5_000));
    let (shard, _) = bed.fence(1);
    let unsettled = bed.journal.unsettled(shard, None, 9);
    assert_eq!(unsettled.expect("it is readable"), [RunId(1)]);
    assert_eq!(bed.positions(1), [1]);
    // Whoever can follow it after all goes on where it was.
    bed.put([Write::Append(Append {
        update: Some(update(Status::Waiting)),
        ..bed.next(1, 2)
    })]);
    assert_eq!(row(bed, 1).status, Status::Waiting);
    assert_eq!(row(bed, 1).reason, None);
}

pub fn a_run_that_ended_is_not_parked(bed: &Bed<'_>) {
    bed.begin(Status::Completed, [1]);
    bed.put([Write::Park(park(bed, 1)), Write::Park(park(bed, 2))]);
    assert_eq!(row(bed, 1).status, Status::Completed);
    assert!(!bed.exists(2));
}

pub fn parking_is_fenced(bed: &Bed<'_>) {
    bed.begin(Status::Waiting, [1]);
    let (shard, epoch) = bed.fence(1);
    let other = ShardId((shard.0 + 1) % bed.journal.shards());
    for fence in [(shard, Epoch(epoch.0 + 1)), (other, epoch)] {
        let park = Park {
            fence,
            ..park(bed, 1)
        };
        let answer = bed.write(vec![Write::Park(park)]);
        assert!(matches!(answer, Err(StoreError::Fenced(..))), "{answer:?}");
    }
    assert_eq!(row(bed, 1).status, Status::Waiting);
}
