//! `loop`: one run that goes round and round. What a round costs must not depend on how many came before.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use anyhow::{anyhow, bail};
use ferrovia_engine::Ending;
use ferrovia_expr::Object;
use ferrovia_store::format::v1::Record;
use ferrovia_store::{Journal, RunId, Sqlite};

use super::bed::{Base, Bed, request, workflow};
use super::machine::resident_bytes;
use super::report::{Report, grouped, progress};

/// Records compared at both ends.
const COMPARED: u64 = 1_000;
/// How often memory is looked at.
const LOOK: Duration = Duration::from_millis(50);
/// How often it is said how far the run is.
const SAY: Duration = Duration::from_secs(5);
/// Records read at a time.
const PAGE: usize = 1_000;

pub(super) async fn measure(base: &Base, rounds: u64, report: &mut Report) -> anyhow::Result<()> {
    let directory = base.fresh()?;
    let bed = Bed::open(directory.path()).await?;
    let text = workflow(
        "loop",
        &format!(
            "  - count: {{ set: '${{ {{ n: ((.n // 0) + 1) }} }}' }}\n  - ask: {{ call: http, with: {{ method: post, endpoint: 'http://nowhere/' }}, output: {{ as: $input }} }}\n  - again: {{ switch: [ {{ more: {{ when: .n < {rounds}, then: count }} }}, {{ done: {{ then: end }} }} ] }}\n"
        ),
    );
    let plan = bed.define(&text).await?;
    progress(format_args!("a loop of {rounds} rounds"));
    let before = resident_bytes("self");
    let (over, most) = (
        Arc::new(AtomicBool::new(false)),
        Arc::new(AtomicU64::new(before)),
    );
    let watch = tokio::spawn(watch(
        bed.journal.clone(),
        rounds,
        over.clone(),
        most.clone(),
    ));
    let begun = Instant::now();
    let (run, hearing) = bed
        .node
        .start_and_hear(request(&plan, Object::default().into()))
        .await?;
    let ending = hearing.ending().await;
    let took = begun.elapsed();
    over.store(true, Ordering::Relaxed);
    watch.await?;
    let Some(Ending::Completed(_)) = ending else {
        bail!("the loop did not complete: {ending:?}");
    };
    let journal = bed.journal.clone();
    let kept = tokio::task::spawn_blocking(move || Kept::read(&*journal, run)).await??;
    let grown = most.load(Ordering::Relaxed).saturating_sub(before);
    let mut members = Object::default();
    members.insert("rounds", rounds as i64);
    members.insert("roundUs", took.as_secs_f64() * 1e6 / rounds as f64);
    members.insert("firstUs", kept.first_us);
    members.insert("lastUs", kept.last_us);
    members.insert("grownBytes", grown as i64);
    members.insert("recordBytes", kept.record_bytes as i64);
    members.insert("tailBytes", kept.tail_bytes as i64);
    members.insert("tailRecords", kept.tail_records);
    members.insert("snapshotBytes", kept.snapshot_bytes);
    let line = format!(
        "{} rounds in {:.1} s: {:.0} µs a round in the first thousand, {:.0} in the last; {} KiB more memory at most; \
         journal {} KiB, of which {} KiB after the last snapshot ({} KiB) are read to go on",
        grouped(rounds as f64),
        took.as_secs_f64(),
        kept.first_us,
        kept.last_us,
        grouped(grown as f64 / 1024.0),
        grouped(kept.record_bytes as f64 / 1024.0),
        grouped(kept.tail_bytes as f64 / 1024.0),
        grouped(kept.snapshot_bytes as f64 / 1024.0),
    );
    report.add("loop", &line, members);
    bed.close().await
}

/// Looks at the memory of this process, and says how far the run is.
async fn watch(journal: Arc<Sqlite>, rounds: u64, over: Arc<AtomicBool>, most: Arc<AtomicU64>) {
    let mut said = Instant::now();
    while !over.load(Ordering::Relaxed) {
        tokio::time::sleep(LOOK).await;
        most.fetch_max(resident_bytes("self"), Ordering::Relaxed);
        if said.elapsed() >= SAY {
            said = Instant::now();
            if let Ok(stats) = journal.stats() {
                progress(format_args!(
                    "{} of {rounds} rounds",
                    stats.records.min(rounds)
                ));
            }
        }
    }
}

/// What the journal has of the run.
struct Kept {
    first_us: f64,
    last_us: f64,
    record_bytes: usize,
    tail_bytes: usize,
    tail_records: usize,
    snapshot_bytes: usize,
}

impl Kept {
    fn read(journal: &dyn Journal, run: RunId) -> anyhow::Result<Kept> {
        let stored = journal
            .load(run)?
            .ok_or_else(|| anyhow!("the run is gone"))?;
        let (mut record_bytes, mut times, mut seq) = (0, Vec::new(), 1);
        loop {
            let records = journal.records(run, seq, PAGE)?;
            for (_, record) in &records {
                record_bytes += record.len();
                let record = Record::decode(record)?;
                times.extend(record.inputs.last().map(|input| input.at_ms));
            }
            seq += records.len() as u64;
            if records.len() < PAGE {
                break;
            }
        }
        let compared = (COMPARED as usize).min(times.len().saturating_sub(1));
        let span = |from: usize| {
            let times = times.get(from..=from + compared).unwrap_or_default();
            let span = times
                .first()
                .zip(times.last())
                .map_or(0, |(first, last)| last - first);
            span as f64 * 1e3 / compared.max(1) as f64
        };
        Ok(Kept {
            first_us: span(0),
            last_us: span(times.len().saturating_sub(compared + 1)),
            record_bytes,
            tail_bytes: stored.records.iter().map(|(_, record)| record.len()).sum(),
            tail_records: stored.records.len(),
            snapshot_bytes: stored.snapshot.map_or(0, |snapshot| snapshot.state.len()),
        })
    }
}
