//! `sleepers`: runs that wait cost little, and do not keep a server from starting.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use ferrovia_dsl::plan::Plan;
use ferrovia_expr::Object;
use ferrovia_runtime::Node;
use ferrovia_store::{Journal, RunId, Status};

use super::bed::{Base, Bed, request, workflow};
use super::child::Server;
use super::client::Connection;
use super::machine::{bytes_in, resident_bytes};
use super::report::{Report, grouped, milliseconds, progress};
use crate::data::Data;

/// Starts under way at the same time.
const STARTERS: usize = 1_000;
/// How often it is said how many runs sleep.
const SAY_RUNS: u64 = 100_000;
/// The wait of a run that is started when all others sleep.
const SHORT: Duration = Duration::from_millis(300);
/// How often the run that is due is looked at, and how long.
const LOOK: Duration = Duration::from_millis(5);
const LOOK_MAX: Duration = Duration::from_secs(60);

pub(super) async fn measure(base: &Base, runs: u64, report: &mut Report) -> anyhow::Result<()> {
    let directory = base.fresh()?;
    let data = directory.path().join("data");
    let due = fall_asleep(&data, runs, report).await?;
    wake(directory.path(), &data, runs, due, report).await
}

/// Starts runs that sleep, and one that is due before a server looks at them again.
async fn fall_asleep(data: &Path, runs: u64, report: &mut Report) -> anyhow::Result<RunId> {
    let bed = Bed::open(data).await?;
    let long = bed
        .define(&workflow("long", "  - nap: { wait: { days: 30 } }\n"))
        .await?;
    let due = bed
        .define(&workflow(
            "due",
            "  - nap: { wait: { milliseconds: 10 } }\n",
        ))
        .await?;
    let disk = bytes_in(data);
    let before = resident_bytes("self");
    progress(format_args!("{runs} runs fall asleep"));
    let begun = Instant::now();
    let next = Arc::new(AtomicU64::new(0));
    let starters: Vec<_> = (0..STARTERS)
        .map(|_| tokio::spawn(start(bed.node.clone(), long.clone(), next.clone(), runs)))
        .collect();
    for starter in starters {
        starter.await??;
    }
    let rate = runs as f64 / begun.elapsed().as_secs_f64();
    let memory = resident_bytes("self").saturating_sub(before) as f64 / runs as f64;
    let due = bed
        .node
        .start(request(&due, Object::default().into()))
        .await?;
    bed.close().await?;
    let disk = bytes_in(data).saturating_sub(disk) as f64 / runs as f64;
    let mut members = Object::default();
    members.insert("runs", runs as i64);
    members.insert("startedPerSecond", rate.round());
    members.insert("memoryBytesEach", memory);
    members.insert("diskBytesEach", disk);
    let line = format!(
        "{} runs asleep: {} started a second, {memory:.0} B of memory and {disk:.0} B on disk each",
        grouped(runs as f64),
        grouped(rate),
    );
    report.add("sleepers", &line, members);
    Ok(due)
}

async fn start(node: Node, plan: Arc<Plan>, next: Arc<AtomicU64>, runs: u64) -> anyhow::Result<()> {
    loop {
        let number = next.fetch_add(1, Ordering::Relaxed);
        if number >= runs {
            return Ok(());
        }
        if number > 0 && number.is_multiple_of(SAY_RUNS) {
            progress(format_args!("{number} of {runs}"));
        }
        node.start(request(&plan, Object::default().into())).await?;
    }
}

/// A server that has only just started, on runs that sleep.
async fn wake(
    directory: &Path,
    data: &Path,
    runs: u64,
    due: RunId,
    report: &mut Report,
) -> anyhow::Result<()> {
    progress("a server starts with them");
    let definition = directory.join("soon.yaml");
    let nap = format!(
        "  - nap: {{ wait: {{ milliseconds: {} }} }}\n",
        SHORT.as_millis()
    );
    std::fs::write(&definition, workflow("soon", &nap))?;
    let server = Server::start(&definition, data).await?;
    let ready = Instant::now();
    // Over by now: how long until its timer fires, and the run is over?
    let journal = Data(data.to_owned()).read()?;
    let fired = loop {
        let ended = journal
            .summary(due)?
            .is_some_and(|run| run.status == Status::Completed);
        if ended {
            break ready.elapsed();
        }
        anyhow::ensure!(
            ready.elapsed() < LOOK_MAX,
            "the timer of {due} does not fire"
        );
        tokio::time::sleep(LOOK).await;
    };
    let mut connection =
        Connection::prepare(server.address, r#"{"workflow":"bench/soon"}"#).await?;
    let begun = Instant::now();
    connection.run().await?;
    let late = begun.elapsed().saturating_sub(SHORT);
    let resident = server.resident_bytes();
    let mut members = Object::default();
    members.insert("runs", runs as i64);
    members.insert("readyMs", milliseconds(server.ready));
    members.insert("overdueMs", milliseconds(fired));
    members.insert("lateMs", milliseconds(late));
    members.insert("residentBytes", resident as i64);
    let line = format!(
        "server with {} of them: ready after {:.0} ms, an overdue timer fires {:.0} ms later, one of {} ms is {:.0} ms late, {} KiB resident",
        grouped(runs as f64),
        milliseconds(server.ready),
        milliseconds(fired),
        SHORT.as_millis(),
        milliseconds(late),
        grouped(resident as f64 / 1024.0),
    );
    report.add("sleepers", &line, members);
    Ok(())
}
