//! Durable runs on SQLite, load generator in the same process: ten steps, sleepers, a long loop, and bare commits of
//! SQLite beside them. `bench-durable [steps|sleepers|loop|all] [--seconds N] [--runs N] [--data DIR]`

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use ferrovia_dsl::compile::{Links, Options, compile};
use ferrovia_dsl::plan::Plan;
use ferrovia_engine::RuntimeInfo;
use ferrovia_expr::{Object, Value};
use ferrovia_runtime::port::{Call, Executor, Fault, Success};
use ferrovia_runtime::{Compiler, Executors, Limits, Node, NodeConfig, Retention, StartRequest};
use ferrovia_store::{Definition, Journal, Page, Sqlite, Status};

/// Does nothing, at once.
struct Nothing;

#[async_trait]
impl Executor for Nothing {
    async fn execute(&self, _call: Call) -> Result<Success, Fault> {
        Ok(Success::default())
    }

    fn immediate(&self, _call: &Call) -> Option<Result<Success, Fault>> {
        Some(Ok(Success::default()))
    }
}

/// `--shards N`, for trying what suits a machine.
fn options() -> ferrovia_store::Options {
    let shards = std::env::args()
        .skip_while(|argument| argument != "--shards")
        .nth(1);
    match shards.and_then(|shards| shards.parse().ok()) {
        Some(shards) => ferrovia_store::Options { shards },
        None => ferrovia_store::Options::default(),
    }
}

struct FromText;

impl Compiler for FromText {
    fn compile(&self, definition: &Definition) -> Result<Arc<Plan>, String> {
        Ok(plan(&definition.text))
    }
}

fn plan(text: &str) -> Arc<Plan> {
    let root = ferrovia_dsl::source::parse(text).expect("a benchmark's definition is valid");
    let compiled = compile(text, &root, &Links::default(), Options::default());
    Arc::new(compiled.expect("a benchmark's definition compiles").plan)
}

fn workflow(name: &str, tasks: &str) -> String {
    format!(
        "document: {{ dsl: '1.0.3', namespace: bench, name: {name}, version: '1.0.0' }}\ndo:\n{tasks}"
    )
}

fn ten_effects() -> String {
    let task = |n| {
        format!(
            "  - e{n}: {{ call: http, with: {{ method: post, endpoint: 'http://nowhere/{n}', body: {n} }} }}\n"
        )
    };
    workflow("ten-effects", &(0..10).map(task).collect::<String>())
}

async fn open(directory: &Path) -> Node {
    let journal: Arc<dyn Journal> =
        Arc::new(Sqlite::open(directory.join("bench.db"), options()).expect("the journal opens"));
    let nothing: Arc<dyn Executor> = Arc::new(Nothing);
    let executors: Executors = [("http", nothing)].into_iter().collect();
    let config = NodeConfig {
        journal,
        executors,
        compiler: Arc::new(FromText),
        runtime: RuntimeInfo {
            name: "Ferrovia".into(),
            version: "bench".into(),
            metadata: Value::Null,
        },
        secrets: Value::Null,
        limits: Limits::default(),
        retention: Retention::default(),
        salt: 1,
    };
    Node::open(config).await.expect("the node opens")
}

async fn define(node: &Node, text: &str) -> Arc<Plan> {
    let plan = plan(text);
    node.define(plan.clone(), text, &[])
        .await
        .expect("the definition is stored");
    plan
}

fn request(plan: &Arc<Plan>) -> StartRequest {
    StartRequest {
        plan: plan.clone(),
        input: Object::default().into(),
        key: None,
        labels: Vec::new(),
    }
}

/// Runs per second and latencies with so many clients, each waiting for the end of one run before the next.
async fn steps(node: &Node, plan: &Arc<Plan>, clients: usize, time: Duration) {
    let (stop, done) = (
        Arc::new(AtomicBool::new(false)),
        Arc::new(AtomicU64::new(0)),
    );
    let begun = Instant::now();
    let tasks: Vec<_> = (0..clients)
        .map(|_| {
            let (node, plan, stop, done) = (node.clone(), plan.clone(), stop.clone(), done.clone());
            tokio::spawn(async move {
                let mut latencies = Vec::new();
                while !stop.load(Ordering::Relaxed) {
                    let begun = Instant::now();
                    let (_, hearing) = node
                        .start_and_hear(request(&plan))
                        .await
                        .expect("the run starts");
                    hearing.ending().await.expect("the run ends");
                    latencies.push(begun.elapsed());
                    done.fetch_add(1, Ordering::Relaxed);
                }
                latencies
            })
        })
        .collect();
    tokio::time::sleep(time).await;
    stop.store(true, Ordering::Relaxed);
    let mut latencies = Vec::new();
    for task in tasks {
        latencies.extend(task.await.expect("a client ends"));
    }
    let rate = done.load(Ordering::Relaxed) as f64 / begun.elapsed().as_secs_f64();
    latencies.sort();
    let at = |q: f64| latencies[((latencies.len() - 1) as f64 * q) as usize].as_secs_f64() * 1e3;
    println!(
        "ten durable steps, {clients} clients: {rate:.0} runs/s, {:.0} steps/s, p50 {:.2} ms, p99 {:.2} ms",
        rate * 10.0,
        at(0.5),
        at(0.99)
    );
}

/// Ten commits of one small row each, as SQLite does them with the same settings.
fn bare_commits(directory: &Path) -> rusqlite::Result<()> {
    let connection = rusqlite::Connection::open(directory.join("bare.db"))?;
    connection.execute_batch("PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; CREATE TABLE t(id INTEGER PRIMARY KEY, b BLOB)")?;
    let mut times = Vec::new();
    for _ in 0..200 {
        let begun = Instant::now();
        for _ in 0..10 {
            connection
                .prepare_cached("INSERT INTO t(b) VALUES (?1)")?
                .execute([vec![7u8; 150]])?;
        }
        times.push(begun.elapsed());
    }
    times.sort();
    println!(
        "ten bare SQLite commits: p50 {:.2} ms",
        times[times.len() / 2].as_secs_f64() * 1e3
    );
    Ok(())
}

async fn sleepers(directory: &Path, count: u64) {
    let node = open(directory).await;
    let text = workflow("sleeper", "  - nap: { wait: { days: 30 } }\n");
    let plan = define(&node, &text).await;
    let before = resident_kib();
    let begun = Instant::now();
    let next = Arc::new(AtomicU64::new(0));
    let tasks: Vec<_> = (0..1_000)
        .map(|_| {
            let (node, plan, next) = (node.clone(), plan.clone(), next.clone());
            tokio::spawn(async move {
                while next.fetch_add(1, Ordering::Relaxed) < count {
                    node.start(request(&plan)).await.expect("the run starts");
                }
            })
        })
        .collect();
    for task in tasks {
        task.await.expect("a client ends");
    }
    let rate = count as f64 / begun.elapsed().as_secs_f64();
    let memory = (resident_kib() - before) * 1024 / count as i64;
    println!(
        "{count} sleepers: {rate:.0} started/s, {memory} B of memory each, {} B on disk each",
        size(directory) / count
    );
    drop(node);
    tokio::time::sleep(Duration::from_millis(1_500)).await;
    let begun = Instant::now();
    let node = open(directory).await;
    let ready = begun.elapsed();
    let soon = define(
        &node,
        &workflow("soon", "  - nap: { wait: { milliseconds: 300 } }\n"),
    )
    .await;
    let begun = Instant::now();
    let (_, hearing) = node
        .start_and_hear(request(&soon))
        .await
        .expect("the run starts");
    hearing.ending().await.expect("the run ends");
    let late = begun.elapsed().saturating_sub(Duration::from_millis(300));
    println!(
        "start with {count} sleepers: ready after {:.0} ms, a timer of 300 ms fires {:.0} ms late, {} KiB resident",
        ready.as_secs_f64() * 1e3,
        late.as_secs_f64() * 1e3,
        resident_kib()
    );
}

async fn long_loop(directory: &Path, rounds: u64) {
    let node = open(directory).await;
    let text = workflow(
        "loop",
        &format!(
            "  - count: {{ set: '${{ {{ n: ((.n // 0) + 1) }} }}' }}\n  - ask: {{ call: http, with: {{ method: post, endpoint: 'http://nowhere/' }}, output: {{ as: $input }} }}\n  - again: {{ switch: [ {{ more: {{ when: .n < {rounds}, then: count }} }}, {{ done: {{ then: end }} }} ] }}\n"
        ),
    );
    let plan = define(&node, &text).await;
    let (run, hearing) = node
        .start_and_hear(request(&plan))
        .await
        .expect("the run starts");
    let begun = Instant::now();
    hearing.ending().await.expect("the run ends");
    let took = begun.elapsed();
    let mut records = Vec::new();
    for from in [1, rounds.saturating_sub(1_000)] {
        records.push(
            node.journal()
                .records(run, from, 1_001)
                .expect("records are readable"),
        );
    }
    let span = |records: &[(u64, Vec<u8>)]| -> f64 {
        let at = |record: &[u8]| {
            let record =
                ferrovia_store::format::v1::Record::decode(record).expect("a record is readable");
            record.inputs.last().map_or(0, |input| input.at_ms)
        };
        let (first, last) = (records.first(), records.last());
        first.zip(last).map_or(0.0, |(first, last)| {
            (at(&last.1) - at(&first.1)) as f64 / records.len() as f64
        })
    };
    println!(
        "loop of {rounds} rounds with an effect each: {:.1} s, {:.3} ms a round in the first thousand, {:.3} in the last, {} KiB resident",
        took.as_secs_f64(),
        span(&records[0]),
        span(&records[1]),
        resident_kib()
    );
    let waiting = node
        .journal()
        .runs(
            &Default::default(),
            Page {
                before: None,
                limit: 1,
            },
        )
        .expect("readable");
    assert_eq!(waiting[0].status, Status::Completed);
}

fn size(directory: &Path) -> u64 {
    let files = std::fs::read_dir(directory).into_iter().flatten().flatten();
    files
        .filter_map(|file| file.metadata().ok())
        .map(|metadata| metadata.len())
        .sum()
}

fn resident_kib() -> i64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    line.and_then(|line| line.split_whitespace().next()?.parse().ok())
        .unwrap_or(0)
}

#[tokio::main]
async fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let scenario = arguments.first().map_or("all", String::as_str);
    let number = |name: &str, default: u64| {
        let at = arguments.iter().position(|argument| argument == name);
        at.and_then(|at| arguments.get(at + 1)?.parse().ok())
            .unwrap_or(default)
    };
    let base: PathBuf = std::env::current_dir().expect("there is a directory");
    let directory = || tempfile::tempdir_in(&base).expect("a directory can be made");
    if matches!(scenario, "steps" | "all") {
        let directory = directory();
        bare_commits(directory.path()).expect("SQLite works");
        let node = open(directory.path()).await;
        let plan = define(&node, &ten_effects()).await;
        for clients in [1, 64, 512] {
            steps(
                &node,
                &plan,
                clients,
                Duration::from_secs(number("--seconds", 5)),
            )
            .await;
        }
        bare_commits(directory.path().join("..").as_path()).ok();
    }
    if matches!(scenario, "sleepers" | "all") {
        sleepers(directory().path(), number("--runs", 1_000_000)).await;
    }
    if matches!(scenario, "loop" | "all") {
        long_loop(directory().path(), number("--rounds", 100_000)).await;
    }
}
