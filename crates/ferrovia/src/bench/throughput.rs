//! `steps` and `set`: how many short runs end in a second, and how long each takes.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use ferrovia_dsl::plan::Plan as Workflow;
use ferrovia_expr::{Object, Value};

use super::bed::{Base, Bed, workflow};
use super::client::Way;
use super::load::{Seen, load};
use super::report::{Report, grouped, median, milliseconds, progress, quantile};

/// Durable steps of a run.
const STEPS: usize = 10;
/// How often the bare commits of a run are timed.
const BARE_RUNS: usize = 100;
/// What one bare commit writes: about as much as a step does.
const BARE_BYTES: usize = 150;

/// How to measure.
pub(super) struct Plan {
    pub(super) clients: Vec<usize>,
    pub(super) time: Duration,
    pub(super) repeats: usize,
}

pub(super) async fn steps(base: &Base, plan: &Plan, report: &mut Report) -> anyhow::Result<()> {
    let directory = base.fresh()?;
    let bed = Bed::open(directory.path()).await?;
    let task = |n| {
        format!(
            "  - e{n}: {{ call: http, with: {{ method: post, endpoint: 'http://nowhere/{n}', body: {n} }} }}\n"
        )
    };
    let text = workflow("steps", &(0..STEPS).map(task).collect::<String>());
    let workflow = bed.define(&text).await?;
    let mut bare = Vec::new();
    let beside = base.fresh()?;
    let measured = Measured {
        scenario: "steps",
        what: "",
        bed: &bed,
        workflow,
        input: Object::default().into(),
    };
    let alone = measured
        .measure(plan, report, || {
            let time = bare_commits(beside.path(), bare.len())?;
            bare.push(milliseconds(time));
            Ok(())
        })
        .await?;
    let bare = median(bare);
    let mut members = Object::default();
    members.insert("way", "bare SQLite");
    members.insert("p50Ms", bare);
    let mut line = format!("{STEPS} commits of SQLite alone: p50 {bare:.2} ms");
    if let Some(alone) = alone {
        members.insert("timesOfOneClient", alone / bare);
        line += &format!(
            "; a run over HTTP with one client takes {:.2} times that",
            alone / bare
        );
    }
    report.add("steps", &line, members);
    bed.close().await
}

pub(super) async fn set(base: &Base, plan: &Plan, report: &mut Report) -> anyhow::Result<()> {
    let directory = base.fresh()?;
    let bed = Bed::open(directory.path()).await?;
    let tasks = |name: &str, set: &str| {
        let task = |n| format!("  - s{n}: {{ set: {set} }}\n");
        workflow(name, &(0..STEPS).map(task).collect::<String>())
    };
    let expressions = "{ n: '${ .n + 1 }', total: '${ .total + .n }', order: '${ {id: .order.id, count: (.order.count + 1)} }' }";
    let constants = "{ n: 1, total: 2, order: { id: A7, count: 3 } }";
    let input = r#"{"n": 1, "total": 0, "order": {"id": "A7", "count": 0}}"#;
    let input = Value::parse_json(input).map_err(|error| anyhow::anyhow!("{error}"))?;
    for (what, set) in [("expressions", expressions), ("constants", constants)] {
        let workflow = bed.define(&tasks(what, set)).await?;
        let measured = Measured {
            scenario: "set",
            what,
            bed: &bed,
            workflow,
            input: input.clone(),
        };
        measured.measure(plan, report, || Ok(())).await?;
    }
    bed.close().await
}

/// What is measured.
struct Measured<'a> {
    scenario: &'static str,
    what: &'static str,
    bed: &'a Bed,
    workflow: Arc<Workflow>,
    input: Value,
}

impl Measured<'_> {
    /// All ways in turn, again and again, with what is to be measured beside them, so that whatever disturbs the machine
    /// meets all of them. Answers with the median time of a run over HTTP with one client.
    async fn measure(
        self,
        plan: &Plan,
        report: &mut Report,
        mut beside: impl FnMut() -> anyhow::Result<()>,
    ) -> anyhow::Result<Option<f64>> {
        let (scenario, what) = (self.scenario, self.what);
        let served = self.bed.serve().await?;
        let ways = [
            Way::Http(served.address),
            Way::InProcess(self.bed.node.clone()),
        ];
        let cases: Vec<_> = ways
            .iter()
            .flat_map(|way| plan.clients.iter().map(move |clients| (way, *clients)))
            .collect();
        let mut seen: Vec<Vec<Seen>> = cases.iter().map(|_| Vec::new()).collect();
        for repeat in 1..=plan.repeats {
            for ((way, clients), seen) in cases.iter().zip(&mut seen) {
                progress(format_args!(
                    "{scenario} {what} {} with {clients} clients, {repeat} of {}",
                    way.name(),
                    plan.repeats
                ));
                beside()?;
                seen.push(load(way, &self.workflow, &self.input, *clients, plan.time).await?);
            }
        }
        let mut alone = None;
        for ((way, clients), seen) in cases.into_iter().zip(seen) {
            let p50_ms = add(scenario, what, way.name(), clients, &seen, report);
            if clients == 1 && matches!(way, Way::Http(_)) {
                alone = Some(p50_ms);
            }
        }
        Ok(alone)
    }
}

fn add(
    scenario: &str,
    what: &str,
    way: &str,
    clients: usize,
    seen: &[Seen],
    report: &mut Report,
) -> f64 {
    let rates: Vec<_> = seen.iter().map(|seen| seen.runs_per_second).collect();
    let least = rates.iter().copied().fold(f64::INFINITY, f64::min);
    let most = rates.iter().copied().fold(0.0, f64::max);
    let rate = median(rates);
    let at = |share| {
        median(
            seen.iter()
                .map(|seen| milliseconds(quantile(&seen.latencies, share)))
                .collect(),
        )
    };
    let (p50_ms, p99_ms) = (at(0.5), at(0.99));
    let cpu_us = median(seen.iter().map(|seen| seen.cpu_us).collect());
    let mut members = Object::default();
    if !what.is_empty() {
        members.insert("what", what);
    }
    members.insert("way", way);
    members.insert("clients", clients);
    members.insert("runsPerSecond", rate.round());
    members.insert("runsPerSecondLeast", least.round());
    members.insert("runsPerSecondMost", most.round());
    members.insert("p50Ms", p50_ms);
    members.insert("p99Ms", p99_ms);
    members.insert("cpuUs", cpu_us.round());
    let line = format!(
        "{what:11} {way:10} {clients:4} clients: {:>7} runs/s ({} to {}), p50 {p50_ms:.2} ms, p99 {p99_ms:.2} ms, {cpu_us:.0} µs of the cores each",
        grouped(rate),
        grouped(least),
        grouped(most),
    );
    report.add(scenario, &line, members);
    p50_ms
}

/// As many commits of one small row each as a run has steps, as SQLite does them with the settings of a journal.
fn bare_commits(directory: &Path, round: usize) -> anyhow::Result<Duration> {
    let connection = rusqlite::Connection::open(directory.join(format!("bare{round}.db")))?;
    connection.execute_batch(
        "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; CREATE TABLE t (id INTEGER PRIMARY KEY, b BLOB)",
    )?;
    let mut insert = connection.prepare("INSERT INTO t (b) VALUES (?1)")?;
    let mut times = Vec::with_capacity(BARE_RUNS);
    for _ in 0..BARE_RUNS {
        let begun = Instant::now();
        for _ in 0..STEPS {
            insert.execute([[7u8; BARE_BYTES].as_slice()])?;
        }
        times.push(begun.elapsed());
    }
    times.sort();
    Ok(quantile(&times, 0.5))
}
