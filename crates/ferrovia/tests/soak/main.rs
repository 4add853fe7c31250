//! The real server under `kill -9` at random moments, with clients that do not give up and a service that writes
//! everything down. In the end nothing may be lost, doubled or changed.
//!
//! | variable | means |
//! |---|---|
//! | `FERROVIA_SOAK_KILLS` | how often the server is killed |
//! | `FERROVIA_SOAK_SEED` | what the clients do, when they do it, and when the server dies; processes and threads go their own ways, so a seed repeats the load, not every interleaving |
//! | `FERROVIA_SOAK_REPLAYS` | how many runs are replayed, chosen at random |

mod attendant;
mod book;
mod check;
mod flows;
#[path = "../suite/http.rs"]
mod http;
mod ledger;
mod load;
mod stage;
#[path = "../suite/support.rs"]
#[allow(dead_code, reason = "the other tests use the rest of it")]
mod support;

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread::ScopedJoinHandle;
use std::time::{Duration, Instant};

use rand::rngs::StdRng;
use rand::seq::SliceRandom;
use rand::{Rng, SeedableRng};

use attendant::{OPEN, list, settle};
use book::Book;
use check::Evidence;
use ledger::Ledger;
use load::Client;
use stage::{Server, Stage};
use support::Project;

const KILLS: u64 = 300;
const REPLAYS: u64 = 200;
const SEED: u64 = 1;
const CLIENTS: usize = 4;
/// Operations that a life of the server allows the clients to begin.
const PERMITS: usize = 6;
/// Runs that have not ended, from which on clients begin nothing.
const OPEN_MAX: usize = 150;
/// One life in so many ends before the server is ready.
const STILLBORN: u32 = 10;
/// How long a server lives.
const LIFE_MS: std::ops::RangeInclusive<u64> = 5..=200;
const STILLBORN_MS: std::ops::RangeInclusive<u64> = 0..=60;
/// How often the attendant looks for parked runs.
const ATTEND_MS: u64 = 40;
/// How long runs may take to end once nothing is killed any more.
const HEALING_TIME_MAX: Duration = Duration::from_secs(120);
/// Violations that are printed.
const SHOWN_MAX: usize = 20;
/// Kills between two lines of progress.
const PROGRESS: u64 = 100;

fn setting(name: &str, usual: u64) -> u64 {
    let given = std::env::var(name).ok();
    given.map_or(usual, |given| given.parse().expect("it is a number"))
}

struct Soak {
    project: Project,
    ledger: Ledger,
    stage: Stage,
    book: Book,
    seed: u64,
    kills: u64,
    since: Instant,
    /// Runs that had not ended when the attendant looked last.
    open: AtomicUsize,
    /// Everything has ended.
    over: AtomicBool,
}

#[test]
fn nothing_is_lost_or_doubled_however_often_the_server_is_killed() {
    let seed = setting("FERROVIA_SOAK_SEED", SEED);
    let kills = setting("FERROVIA_SOAK_KILLS", KILLS);
    let mut project = Project::new(&[]);
    project.keep();
    eprintln!(
        "soak: {kills} kills in {}; again with FERROVIA_SOAK_SEED={seed} FERROVIA_SOAK_KILLS={kills} \
         cargo test -p ferrovia --test soak",
        project.path("").display()
    );
    let ledger = Ledger::start(seed);
    std::fs::create_dir(project.path(stage::FLOWS)).expect("there is room");
    for (name, text) in flows::files(&format!("http://{}", ledger.address)) {
        project.write(&format!("{}/{name}", stage::FLOWS), text.as_bytes());
    }
    let mut soak = Soak {
        project,
        ledger,
        stage: Stage::default(),
        book: Book::default(),
        seed,
        kills,
        since: Instant::now(),
        open: AtomicUsize::new(0),
        over: AtomicBool::new(false),
    };
    let violations = soak.run();
    for violation in violations.iter().take(SHOWN_MAX) {
        eprintln!("violated: {violation}");
    }
    assert!(
        violations.is_empty(),
        "{} violations; what was kept is in {}",
        violations.len(),
        soak.project.path("").display()
    );
    soak.project.discard();
}

/// Sends the other threads home when it is dropped, also by a panic.
struct Over<'s>(&'s Soak);

impl Drop for Over<'_> {
    fn drop(&mut self) {
        self.0.over.store(true, Ordering::Relaxed);
        self.0.stage.close();
    }
}

impl Soak {
    fn run(&self) -> Vec<String> {
        let server = std::thread::scope(|scope| {
            let over = Over(self);
            let clients: Vec<_> = (0..CLIENTS)
                .map(|name| {
                    let client = Client {
                        stage: &self.stage,
                        book: &self.book,
                        random: StdRng::seed_from_u64(self.seed ^ (name as u64 + 1) << 32),
                        name,
                        tokens: 0,
                    };
                    scope.spawn(|| client.work())
                })
                .collect();
            scope.spawn(|| self.attend());
            self.kill_again_and_again(|| clients.iter().any(ScopedJoinHandle::is_finished));
            let server = self.serve(0);
            self.stage.close();
            for client in clients {
                client.join().expect("a client does not panic");
            }
            self.heal();
            drop(over);
            server
        });
        let evidence = Evidence::gather(
            &self.stage,
            self.book.pages().clone(),
            self.ledger.entries().clone(),
        );
        server.stop();
        let mut violations = evidence.violations();
        violations.extend(self.replay(&evidence));
        self.tell(self.kills);
        self.count(&evidence);
        violations
    }

    fn serve(&self, permits: usize) -> Server {
        let mut server = Server::spawn(&self.project);
        let address = server.ready();
        self.stage.enter(address, permits);
        server
    }

    /// Stops early when something is wrong already.
    fn kill_again_and_again(&self, failed: impl Fn() -> bool) {
        let mut random = StdRng::seed_from_u64(self.seed);
        for kill in 1..=self.kills {
            if failed() || !self.book.pages().wrong.is_empty() {
                eprintln!("soak: something went wrong before kill {kill}");
                return;
            }
            if random.random_ratio(1, STILLBORN) {
                let server = Server::spawn(&self.project);
                std::thread::sleep(Duration::from_millis(random.random_range(STILLBORN_MS)));
                server.kill();
            } else {
                let room = self.open.load(Ordering::Relaxed) < OPEN_MAX;
                let server = self.serve(if room { PERMITS } else { 0 });
                std::thread::sleep(Duration::from_millis(random.random_range(LIFE_MS)));
                self.stage.leave();
                server.kill();
            }
            self.stage.fenced(self.ledger.fence());
            if kill % PROGRESS == 0 {
                self.tell(kill);
            }
        }
    }

    /// Settles what is parked, and counts what has not ended.
    fn attend(&self) {
        while !self.over.load(Ordering::Relaxed) {
            settle(&self.stage, &self.book, &self.ledger);
            self.open.store(self.count_open(), Ordering::Relaxed);
            std::thread::sleep(Duration::from_millis(ATTEND_MS));
        }
    }

    fn count_open(&self) -> usize {
        let lists = OPEN
            .iter()
            .map(|status| list(&self.stage, Some(status)).len());
        lists.sum()
    }

    /// Until every run has ended.
    fn heal(&self) {
        let since = Instant::now();
        while self.count_open() > 0 {
            if since.elapsed() > HEALING_TIME_MAX {
                for run in OPEN
                    .iter()
                    .flat_map(|status| list(&self.stage, Some(status)))
                {
                    let what = self.stage.get(&format!("/api/v1/runs/{}", check::id(&run)));
                    self.book
                        .wrong(format!("run {}: does not end: {what}", check::id(&run)));
                }
                return;
            }
            std::thread::sleep(Duration::from_millis(ATTEND_MS));
        }
    }

    fn replay(&self, evidence: &Evidence) -> Vec<String> {
        let mut runs: Vec<_> = evidence.runs.iter().collect();
        runs.shuffle(&mut StdRng::seed_from_u64(self.seed));
        runs.truncate(setting("FERROVIA_SOAK_REPLAYS", REPLAYS) as usize);
        let replayed = runs.into_iter().filter_map(|(id, run)| {
            let status = run["status"].as_str().unwrap_or_default();
            check::identical(&self.project, id, status).err()
        });
        replayed.collect()
    }

    fn tell(&self, kill: u64) {
        let pages = self.book.pages();
        eprintln!(
            "soak: {:>5} s, {kill} kills, {} starts, {} events, {} settled, {} not ended, {} requests, {} wrong",
            self.since.elapsed().as_secs(),
            pages.starts.len(),
            pages.events,
            pages.settled.len(),
            self.open.load(Ordering::Relaxed),
            self.ledger.entries().len(),
            pages.wrong.len(),
        );
    }

    /// What was seen: a soak in which nothing was sent again proves little.
    fn count(&self, evidence: &Evidence) {
        let mut keys = std::collections::HashSet::new();
        let repeated = evidence
            .ledger
            .iter()
            .filter(|entry| !keys.insert(&entry.key));
        let counts: Vec<_> = evidence
            .by_status
            .iter()
            .filter(|(_, runs)| !runs.is_empty())
            .map(|(status, runs)| format!("{} {status}", runs.len()))
            .collect();
        eprintln!(
            "soak: {} runs ({}), {} requests sent again with their keys",
            evidence.runs.len(),
            counts.join(", "),
            repeated.count()
        );
    }
}
