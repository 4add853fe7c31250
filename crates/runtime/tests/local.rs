//! The in-memory driver with a scripted executor. Time is paused: it jumps to the next thing that is due, so an hour
//! takes no time and each duration is exact.

use std::future::pending;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use ferrovia_dsl::compile::{Links, Options, compile};
use ferrovia_dsl::plan::Plan;
use ferrovia_engine::{RuntimeInfo, TraceEntry, TraceEvent};
use ferrovia_expr::Value;
use ferrovia_runtime::port::{Call, Executor, Fault, FaultKind, Success};
use ferrovia_runtime::{
    Definitions, Ended, Local, LocalConfig, Observed, Observer, Report, Silent,
};
use tokio::sync::Notify;
use tokio::time::Instant;

/// Does what the last part of an endpoint or a command says: a number is how many milliseconds to take, `hang` never
/// ends, `fail` fails, `panic` has a defect.
#[derive(Default)]
struct Scripted {
    started: AtomicUsize,
    running: AtomicUsize,
    peak: AtomicUsize,
    finished: AtomicUsize,
    keys: std::sync::Mutex<Vec<Arc<str>>>,
    begun: Notify,
}

/// Counts a call as running until it is over or dropped.
struct Running<'s>(&'s Scripted);

impl Drop for Running<'_> {
    fn drop(&mut self) {
        self.0.running.fetch_sub(1, Ordering::SeqCst);
    }
}

#[async_trait]
impl Executor for Scripted {
    async fn execute(&self, call: Call) -> Result<Success, Fault> {
        self.started.fetch_add(1, Ordering::SeqCst);
        let running = self.running.fetch_add(1, Ordering::SeqCst) + 1;
        self.peak.fetch_max(running, Ordering::SeqCst);
        self.keys
            .lock()
            .expect("no test panics while it holds the keys")
            .push(call.idempotency_key.clone());
        let _running = Running(self);
        self.begun.notify_one();
        let endpoint = call.arguments.get("endpoint");
        let text = endpoint
            .and_then(|endpoint| endpoint.get("uri"))
            .or(endpoint)
            .or_else(|| call.arguments.get("command"));
        let text = text.and_then(Value::as_str).unwrap_or_default().to_owned();
        match text.rsplit('/').next().unwrap_or_default() {
            "hang" => pending().await,
            "panic" => panic!("as the script says"),
            "fail" => {
                return Err(Fault {
                    kind: FaultKind::Communication,
                    status: Some(503),
                    title: "Busy".into(),
                    detail: None,
                });
            }
            ms => {
                let ms = ms
                    .parse()
                    .expect("an endpoint ends with a number of milliseconds");
                tokio::time::sleep(Duration::from_millis(ms)).await;
            }
        }
        self.finished.fetch_add(1, Ordering::SeqCst);
        Ok(Success {
            output: text.into(),
            authorization_scheme: None,
        })
    }
}

/// Everything that was observed, with the task's name and the depth of the run.
#[derive(Default)]
struct Recorder(Vec<(u32, String, TraceEntry)>);

impl Observer for Recorder {
    fn observe(&mut self, run: Observed<'_>, entries: &[TraceEntry]) {
        for entry in entries {
            let name = entry
                .task
                .map_or_else(String::new, |task| run.plan[task].name.to_string());
            self.0.push((run.depth, name, entry.clone()));
        }
    }
}

impl Recorder {
    fn count(&self, matches: impl Fn(&TraceEvent) -> bool) -> usize {
        self.0
            .iter()
            .filter(|(_, _, entry)| matches(&entry.event))
            .count()
    }

    /// How long after its start the first task of this name completed.
    fn took_ms(&self, name: &str) -> i64 {
        let at = |matches: fn(&TraceEvent) -> bool| {
            let mut entries = self.0.iter();
            let found = entries.find(|(_, of, entry)| of == name && matches(&entry.event));
            found.expect("the task started and completed").2.at_ms
        };
        at(|event| matches!(event, TraceEvent::TaskCompleted { .. }))
            - at(|event| matches!(event, TraceEvent::TaskStarted { .. }))
    }
}

fn plan(name: &str, body: &str) -> Arc<Plan> {
    let text = format!(
        "document: {{ dsl: '1.0.3', namespace: test, name: {name}, version: '1.0.0' }}\n{body}"
    );
    let root = ferrovia_dsl::source::parse(&text).expect("the text is YAML");
    let findings = ferrovia_dsl::shape::check(&root);
    assert!(findings.iter().all(|f| !f.is_error()), "{findings:#?}");
    let compiled = compile(&text, &root, &Links::default(), Options::default());
    Arc::new(compiled.expect("the definition compiles").plan)
}

fn config(scripted: &Arc<Scripted>) -> LocalConfig {
    let executor = |kind| (kind, scripted.clone() as Arc<dyn Executor>);
    LocalConfig {
        executors: [executor("http"), executor("shell")].into_iter().collect(),
        definitions: Definitions::default(),
        runtime: RuntimeInfo {
            name: "Ferrovia".into(),
            version: "test".into(),
            metadata: Value::Null,
        },
        secrets: Value::Null,
        secrets_in_data: false,
        seed: 7,
        events: Vec::new(),
        time_limit: None,
    }
}

fn json(text: &str) -> Value {
    Value::parse_json(text).expect("the text is JSON")
}

fn event(after_ms: u64, kind: &str, data: &str) -> (Duration, Value) {
    let event = format!(r#"{{"id":"1","source":"/test","type":"{kind}","data":{data}}}"#);
    (Duration::from_millis(after_ms), json(&event))
}

async fn run(config: LocalConfig, body: &str) -> Report {
    Local::new(config, &mut Silent)
        .run(plan("case", body), Value::Null, pending())
        .await
}

fn call(name: &str, last: &str) -> String {
    format!("{{ {name}: {{ call: http, with: {{ method: get, endpoint: 'http://x/{last}' }} }} }}")
}

fn fork(compete: bool, branches: impl Iterator<Item = String>) -> String {
    let branches: Vec<_> = branches.collect();
    format!(
        "do: [ {{ f: {{ fork: {{ compete: {compete}, branches: [ {} ] }} }} }} ]",
        branches.join(", ")
    )
}

fn completed(report: &Report) -> &Value {
    match &report.ended {
        Ended::Completed(output) => output,
        other => panic!("not completed: {other:?}"),
    }
}

#[tokio::test(start_paused = true)]
async fn more_effects_than_may_run_at_once_wait_for_their_turn() {
    let scripted = Arc::new(Scripted::default());
    let begun = Instant::now();
    let branches = (0..300).map(|i| call(&format!("b{i}"), "1000"));
    let report = run(config(&scripted), &fork(false, branches)).await;
    assert_eq!(
        completed(&report).as_array().map(|outputs| outputs.len()),
        Some(300)
    );
    assert_eq!(scripted.peak.load(Ordering::SeqCst), 256);
    assert_eq!(
        begun.elapsed(),
        Duration::from_secs(2),
        "two shifts of one second"
    );
    let mut keys = scripted.keys.lock().expect("all calls are over").clone();
    keys.sort();
    keys.dedup();
    assert_eq!(keys.len(), 300, "each effect has a key of its own");
}

#[tokio::test(start_paused = true)]
async fn cancelling_drops_effects_before_the_report_is_there() {
    let scripted = Arc::new(Scripted::default());
    let body = fork(
        false,
        ["hang", "hang"]
            .iter()
            .zip(["a", "b"])
            .map(|(end, name)| call(name, end)),
    );
    let mut silent = Silent;
    let local = Local::new(config(&scripted), &mut silent);
    let begun = Instant::now();
    let cancelled = async {
        while scripted.started.load(Ordering::SeqCst) < 2 {
            scripted.begun.notified().await;
        }
    };
    let report = local.run(plan("case", &body), Value::Null, cancelled).await;
    assert_eq!(report.ended, Ended::Cancelled);
    assert_eq!(scripted.running.load(Ordering::SeqCst), 0);
    assert_eq!(scripted.finished.load(Ordering::SeqCst), 0);
    assert_eq!(begun.elapsed(), Duration::ZERO);
}

#[tokio::test(start_paused = true)]
async fn a_task_that_is_timed_out_drops_its_effect() {
    let scripted = Arc::new(Scripted::default());
    let body = "do: [ { a: { timeout: { after: PT1S }, call: http, with: { method: get, endpoint: 'http://x/hang' } } } ]";
    let report = run(config(&scripted), body).await;
    let Ended::Faulted(error) = &report.ended else {
        panic!("not faulted: {:?}", report.ended);
    };
    assert_eq!(error.status, 408);
    assert_eq!(scripted.running.load(Ordering::SeqCst), 0);
}

#[tokio::test(start_paused = true)]
async fn timers_fire_at_their_time_and_never_before() {
    for (duration, ms) in [
        ("{ milliseconds: 1 }", 1),
        ("{ milliseconds: 999 }", 999),
        ("PT1.5S", 1_500),
        ("{ hours: 1, milliseconds: 1 }", 3_600_001),
        ("P30D", 2_592_000_000),
    ] {
        let scripted = Arc::new(Scripted::default());
        let mut recorder = Recorder::default();
        let begun = Instant::now();
        let local = Local::new(config(&scripted), &mut recorder);
        let body = format!("do: [ {{ w: {{ wait: {duration} }} }} ]");
        let report = local.run(plan("case", &body), Value::Null, pending()).await;
        completed(&report);
        let took_ms = recorder.took_ms("w");
        // The clock of inputs has whole milliseconds: one more may pass until it shows the time.
        assert!(
            (ms..=ms + 1).contains(&took_ms),
            "{duration} took {took_ms} ms"
        );
        assert!(
            begun.elapsed() >= Duration::from_millis(ms as u64),
            "{duration}"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn workflows_start_workflows_only_so_deep() {
    let scripted = Arc::new(Scripted::default());
    let recursive = plan(
        "case",
        "do: [ { again: { run: { workflow: { namespace: test, name: case, version: '1.0.0', input: {} } } } } ]",
    );
    let mut config = config(&scripted);
    assert!(config.definitions.add(recursive.clone()));
    assert!(
        !config.definitions.add(recursive.clone()),
        "a second one is not taken"
    );
    let mut recorder = Recorder::default();
    let report = Local::new(config, &mut recorder)
        .run(recursive, Value::Null, pending())
        .await;
    let Ended::Faulted(error) = &report.ended else {
        panic!("not faulted: {:?}", report.ended);
    };
    let detail = error.detail.as_deref().unwrap_or_default();
    assert!(detail.contains("more than 16 deep"), "{detail}");
    assert_eq!(recorder.0.iter().map(|(depth, ..)| *depth).max(), Some(16));
    let names: Vec<_> = report.tasks.iter().map(|name| &**name).collect();
    assert_eq!(names, ["again"], "only the root run's tasks are told");
}

#[tokio::test(start_paused = true)]
async fn cancelling_cancels_children_and_drops_their_effects() {
    let scripted = Arc::new(Scripted::default());
    let mut config = config(&scripted);
    let child = format!("do: [ {} ]", call("inside", "hang"));
    config.definitions.add(plan("child", &child));
    let root = plan(
        "case",
        "do: [ { start: { run: { workflow: { namespace: test, name: child, version: latest, input: {} } } } } ]",
    );
    let mut recorder = Recorder::default();
    let report = Local::new(config, &mut recorder)
        .run(root, Value::Null, scripted.begun.notified())
        .await;
    assert_eq!(report.ended, Ended::Cancelled);
    assert_eq!(scripted.running.load(Ordering::SeqCst), 0);
    let cancelled = recorder.count(|event| matches!(event, TraceEvent::RunCancelled { .. }));
    assert!(cancelled >= 1, "{:#?}", recorder.0);
}

const LISTEN_TO_ANY: &str = "do: [ { w: { wait: PT1S } }, { l: { listen: { to: { any: [ { with: { type: wanted } } ], until: '${ length >= 3 }' } } } } ]";

#[tokio::test(start_paused = true)]
async fn events_are_kept_from_the_start_and_come_in_the_order_of_their_times() {
    let scripted = Arc::new(Scripted::default());
    let mut config = config(&scripted);
    config.events = vec![
        event(5_000, "wanted", "5"),
        event(0, "wanted", "1"),
        event(0, "other", "2"),
        event(10, "wanted", "3"),
        event(10, "wanted", "4"),
    ];
    let report = run(config, LISTEN_TO_ANY).await;
    assert_eq!(completed(&report), &json("[1, 3, 4]"));
}

#[tokio::test(start_paused = true)]
async fn a_run_that_nothing_can_wake_is_told_at_once() {
    let scripted = Arc::new(Scripted::default());
    let mut config = config(&scripted);
    config.events = vec![event(2_000, "wanted", "1")];
    let begun = Instant::now();
    let report = run(config, LISTEN_TO_ANY).await;
    assert_eq!(report.ended, Ended::Waiting);
    assert_eq!(
        begun.elapsed().as_secs(),
        2,
        "the last event was waited for"
    );
}

#[tokio::test(start_paused = true)]
async fn the_time_limit_ends_waiting_and_drops_effects() {
    let scripted = Arc::new(Scripted::default());
    let mut config = config(&scripted);
    config.time_limit = Some(Duration::from_secs(20));
    let begun = Instant::now();
    let report = run(config, &format!("do: [ {} ]", call("a", "hang"))).await;
    assert_eq!(report.ended, Ended::Waiting);
    assert_eq!(begun.elapsed().as_secs(), 20);
    assert_eq!(scripted.running.load(Ordering::SeqCst), 0);
}

#[tokio::test(start_paused = true)]
async fn times_beyond_the_calendar_are_no_failure() {
    let scripted = Arc::new(Scripted::default());
    let mut config = config(&scripted);
    config.time_limit = Some(Duration::MAX);
    config.events = vec![
        event(u64::MAX, "wanted", "1"),
        event(i64::MAX as u64, "wanted", "1"),
    ];
    let report = run(config, &format!("do: [ {} ]", call("a", "5"))).await;
    completed(&report);
}

#[tokio::test(start_paused = true)]
async fn of_branches_that_end_at_the_same_time_one_wins_and_each_is_settled_once() {
    let scripted = Arc::new(Scripted::default());
    let mut recorder = Recorder::default();
    let body = fork(true, (0..50).map(|i| call(&format!("b{i}"), "100")));
    let report = Local::new(config(&scripted), &mut recorder)
        .run(plan("case", &body), Value::Null, pending())
        .await;
    assert_eq!(completed(&report), &Value::from("http://x/100"));
    let won = |(_, name, entry): &&(u32, String, TraceEntry)| {
        name.starts_with('b') && matches!(entry.event, TraceEvent::TaskCompleted { .. })
    };
    assert_eq!(recorder.0.iter().filter(won).count(), 1);
    assert_eq!(
        recorder.count(|event| matches!(event, TraceEvent::BranchLost)),
        49
    );
    assert_eq!(scripted.running.load(Ordering::SeqCst), 0);
}

#[tokio::test(start_paused = true)]
async fn a_retry_is_a_new_effect_with_a_key_of_its_own() {
    let scripted = Arc::new(Scripted::default());
    let begun = Instant::now();
    let body = format!(
        "do: [ {{ t: {{ try: [ {} ], catch: {{ retry: {{ delay: PT1S, limit: {{ attempt: {{ count: 2 }} }} }} }} }} }} ]",
        call("a", "fail")
    );
    let report = run(config(&scripted), &body).await;
    assert!(matches!(&report.ended, Ended::Faulted(error) if error.status == 503));
    assert_eq!(scripted.started.load(Ordering::SeqCst), 3);
    assert_eq!(begun.elapsed().as_secs(), 2);
    let keys = scripted.keys.lock().expect("all calls are over").clone();
    assert!(
        keys[0] != keys[1] && keys[1] != keys[2] && keys[0] != keys[2],
        "{keys:?}"
    );
}

#[tokio::test(start_paused = true)]
async fn an_executor_that_panics_faults_its_run_and_nothing_else() {
    let scripted = Arc::new(Scripted::default());
    let report = run(
        config(&scripted),
        &format!("do: [ {} ]", call("a", "panic")),
    )
    .await;
    let Ended::Faulted(error) = &report.ended else {
        panic!("not faulted: {:?}", report.ended);
    };
    assert_eq!(error.status, 500);
    assert!(
        error
            .detail
            .as_deref()
            .is_some_and(|detail| detail.contains("please report this"))
    );
    assert_eq!(scripted.running.load(Ordering::SeqCst), 0);
}

fn detached(command: &str) -> String {
    format!(
        "do: [ {{ d: {{ run: {{ await: false, shell: {{ command: 'x/{command}' }} }} }} }}, {{ s: {{ set: {{ gone: on }} }} }} ]"
    )
}

#[tokio::test(start_paused = true)]
async fn nobody_waits_for_a_detached_effect_but_it_may_end() {
    let scripted = Arc::new(Scripted::default());
    let mut recorder = Recorder::default();
    let begun = Instant::now();
    let report = Local::new(config(&scripted), &mut recorder)
        .run(plan("case", &detached("3000")), Value::Null, pending())
        .await;
    assert_eq!(completed(&report), &json(r#"{"gone": "on"}"#));
    assert_eq!(recorder.took_ms("d"), 0);
    assert_eq!(scripted.finished.load(Ordering::SeqCst), 1);
    assert_eq!(begun.elapsed().as_secs(), 3);
}

#[tokio::test(start_paused = true)]
async fn a_detached_effect_that_does_not_end_is_dropped_after_the_grace() {
    let scripted = Arc::new(Scripted::default());
    let begun = Instant::now();
    let report = run(config(&scripted), &detached("hang")).await;
    completed(&report);
    assert_eq!(begun.elapsed().as_secs(), 10);
    assert_eq!(scripted.running.load(Ordering::SeqCst), 0);
}

#[tokio::test(start_paused = true)]
async fn cancelling_ends_the_grace_of_detached_effects() {
    let scripted = Arc::new(Scripted::default());
    let begun = Instant::now();
    let second = tokio::time::sleep(Duration::from_secs(1));
    let report = Local::new(config(&scripted), &mut Silent)
        .run(plan("case", &detached("hang")), Value::Null, second)
        .await;
    completed(&report);
    assert_eq!(begun.elapsed().as_secs(), 1);
    assert_eq!(scripted.running.load(Ordering::SeqCst), 0);
}

const STARTED_BY_EVENT: &str = "schedule: { on: { one: { with: { type: wanted } } } }\ndo: [ { s: { set: { got: '${ . }' } } } ]";

#[tokio::test(start_paused = true)]
async fn a_schedule_starts_a_run_with_the_event_that_it_waits_for() {
    let scripted = Arc::new(Scripted::default());
    let mut config = config(&scripted);
    config.events = vec![event(500, "other", "1"), event(900, "wanted", "2")];
    let report = Local::new(config, &mut Silent)
        .run_on_events(plan("case", STARTED_BY_EVENT), pending())
        .await;
    assert_eq!(completed(&report), &json(r#"{"got": [2]}"#));
}

#[tokio::test(start_paused = true)]
async fn waiting_for_the_event_of_a_schedule_can_be_cancelled_and_has_a_limit() {
    let scripted = Arc::new(Scripted::default());
    let hour = || vec![event(3_600_000, "wanted", "1")];
    let begun = Instant::now();
    let mut limited = config(&scripted);
    limited.events = hour();
    limited.time_limit = Some(Duration::from_secs(20));
    let report = Local::new(limited, &mut Silent)
        .run_on_events(plan("case", STARTED_BY_EVENT), pending())
        .await;
    assert_eq!(report.ended, Ended::Waiting);
    assert_eq!(begun.elapsed().as_secs(), 20);
    let begun = Instant::now();
    let mut config = config(&scripted);
    config.events = hour();
    let report = Local::new(config, &mut Silent)
        .run_on_events(
            plan("case", STARTED_BY_EVENT),
            tokio::time::sleep(Duration::from_secs(5)),
        )
        .await;
    assert_eq!(report.ended, Ended::Cancelled);
    assert_eq!(begun.elapsed().as_secs(), 5);
}

#[tokio::test(start_paused = true)]
async fn a_secret_that_is_not_there_keeps_the_request_from_leaving() {
    const BODY: &str = "use: { secrets: [ last ] }\ndo: [ { a: { call: http, with: { method: get, endpoint: '${ \"http://x/\" + $secrets.last }' } } } ]";
    for (secrets, expected) in [
        (r#"{"last": "5"}"#, None),
        ("{}", Some(403)),
        ("null", Some(403)),
    ] {
        let scripted = Arc::new(Scripted::default());
        let mut config = config(&scripted);
        config.secrets = json(secrets);
        let mut recorder = Recorder::default();
        let report = Local::new(config, &mut recorder)
            .run(plan("case", BODY), Value::Null, pending())
            .await;
        let status = match &report.ended {
            Ended::Faulted(error) => Some(error.status),
            _ => None,
        };
        assert_eq!(status, expected, "{secrets}");
        assert_eq!(
            scripted.started.load(Ordering::SeqCst),
            usize::from(expected.is_none())
        );
    }
}

#[tokio::test(start_paused = true)]
async fn the_same_seed_gives_the_same_keys() {
    let mut seen = Vec::new();
    for seed in [7, 7, 8] {
        let scripted = Arc::new(Scripted::default());
        let mut config = config(&scripted);
        config.seed = seed;
        run(config, &format!("do: [ {} ]", call("a", "1"))).await;
        seen.push(scripted.keys.lock().expect("all calls are over").clone());
    }
    assert_eq!(seen[0], seen[1]);
    assert_ne!(seen[1], seen[2]);
}
