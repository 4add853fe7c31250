//! Runs that survive: shards over a journal, each driven by one task.
//!
//! Owns waiting: for the journal, for effects, for time. Decides nothing; that is the shards' business.

mod driver;
mod effects;
mod feed;
mod fork;
mod hearing;
mod id;
mod intake;
mod migrate;
mod publish;
mod retention;
mod schedule;

use std::collections::{HashMap, HashSet};
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::Duration;

use ferrovia_dsl::plan::Plan;
use ferrovia_engine::{Ending, RuntimeInfo};
use ferrovia_expr::Value;
use ferrovia_store::{Definition, Journal, NewRun, PlanHash, RunId, ShardId, StoreError, Write};
use tokio::sync::{Notify, Semaphore, mpsc, oneshot};

use crate::lane::{Lanes, Limits};
use crate::registry::{Definitions, Executors};
use crate::secrets::SecretSource;
use crate::shard::{Control, Declined, Event, Shard, Token, announce};
use feed::Feeds;
pub use feed::{Feed, Told};
pub use fork::{ForkError, ForkRequest, Forked};
use hearing::Endings;
pub use hearing::Hearing;
pub use id::Ids;
pub(crate) use id::wall_ms;
pub use intake::Received;
pub use publish::{NotDone, Published};
pub use retention::Retention;

/// Starts that are under way and not yet durable; more are refused.
const STARTS_MAX: usize = 8_192;
/// Effects that wait for their turn or are under way; until there are fewer, no run is started and no event taken in.
const EFFECTS_OPEN_MAX: usize = 50_000;
/// Runs that recovery asks the journal for at a time.
const RECOVERY_PAGE: usize = 256;

/// Makes plans of definitions that the journal holds.
pub trait Compiler: Send + Sync {
    fn compile(&self, definition: &Definition) -> Result<Arc<Plan>, String>;
}

/// What a node is made with.
pub struct NodeConfig {
    pub journal: Arc<dyn Journal>,
    pub executors: Executors,
    pub compiler: Arc<dyn Compiler>,
    pub runtime: RuntimeInfo,
    pub secrets: Arc<dyn SecretSource>,
    /// How many effects may be under way.
    pub limits: Limits,
    pub retention: Retention,
    /// Tells this process apart from others that make ids.
    pub salt: u64,
}

/// A run to be started.
#[derive(Clone, Debug)]
pub struct StartRequest {
    pub plan: Arc<Plan>,
    pub input: Value,
    /// Told apart from all other starts: a second one with the same key gives the run of the first.
    pub key: Option<Arc<str>>,
    pub labels: Vec<(Arc<str>, Arc<str>)>,
}

/// Figures of this process, for metrics.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Figures {
    /// Runs in memory.
    pub resident: usize,
    /// Effects that wait for their turn or are under way.
    pub open_effects: usize,
    /// Those who listen to runs.
    pub listeners: usize,
    /// Messages that they were too slow for.
    pub missed: u64,
}

/// A process that drives all runs of a journal. Cloning gives another handle.
#[derive(Clone)]
pub struct Node(pub(crate) Arc<Inner>);

pub(crate) struct Inner {
    pub(crate) journal: Arc<dyn Journal>,
    pub(crate) executors: Executors,
    pub(crate) compiler: Arc<dyn Compiler>,
    pub(crate) runtime: RuntimeInfo,
    pub(crate) secrets: Arc<dyn SecretSource>,
    pub(crate) lanes: Arc<Lanes>,
    pub(crate) pasts: fork::Pasts,
    /// Effects that wait for their turn or are under way.
    pub(crate) open_effects: AtomicUsize,
    pub(crate) ids: Ids,
    pub(crate) shards: Vec<mpsc::UnboundedSender<Event>>,
    pub(crate) intake: mpsc::Sender<intake::Arriving>,
    definitions: RwLock<Arc<Definitions>>,
    /// One change of the definitions at a time.
    publishing: tokio::sync::Mutex<()>,
    questions: Mutex<HashMap<Token, oneshot::Sender<Result<RunId, Declined>>>>,
    endings: Endings,
    pub(crate) feeds: Arc<Feeds>,
    /// Runs in memory, by shard.
    pub(crate) resident: Vec<AtomicUsize>,
    /// Wakes those who read the journal on.
    pub(crate) commits: Arc<Notify>,
    next_token: AtomicU64,
    starts: Semaphore,
    /// Shards that have nothing under way any more, once the node is to stop.
    drained: tokio::sync::watch::Sender<HashSet<ShardId>>,
    /// Why the node cannot go on, once that is so.
    pub(crate) failed: tokio::sync::watch::Sender<Option<Arc<str>>>,
}

impl Node {
    /// Takes all shards of a journal over, reads its definitions, and wakes what a crash left open. Returns when
    /// the node takes requests; recovery goes on beside them.
    pub async fn open(config: NodeConfig) -> Result<Node, StoreError> {
        let journal = config.journal.clone();
        let count = journal.shards();
        let (mut shards, mut inboxes) = (Vec::new(), Vec::new());
        for number in 0..count {
            let id = ShardId(number);
            let owner = journal.clone();
            let epoch = blocking(move || owner.acquire(id)).await?;
            let (sender, receiver) = mpsc::unbounded_channel();
            shards.push(sender);
            inboxes.push((Shard::new(id, epoch), receiver));
        }
        let mut definitions = Definitions::default();
        let reader = journal.clone();
        for definition in blocking(move || reader.definitions()).await? {
            match config.compiler.compile(&definition) {
                Ok(plan) => drop(definitions.add(plan)),
                // Its runs are parked when they are woken; the others do not notice.
                Err(_why) => {}
            }
        }
        let reader = journal.clone();
        let definitions = blocking(move || {
            definitions.read_standing(&*reader)?;
            Ok(definitions)
        })
        .await?;
        let (intake, arriving) = mpsc::channel(intake::QUEUE_MAX);
        let inner = Arc::new(Inner {
            journal,
            executors: config.executors,
            compiler: config.compiler,
            runtime: config.runtime,
            secrets: config.secrets,
            lanes: Arc::new(Lanes::new(config.limits)),
            pasts: fork::Pasts::default(),
            open_effects: AtomicUsize::new(0),
            ids: Ids::new(config.salt),
            shards,
            intake,
            definitions: RwLock::new(Arc::new(definitions)),
            publishing: tokio::sync::Mutex::default(),
            questions: Mutex::default(),
            endings: Endings::default(),
            feeds: Arc::default(),
            resident: (0..count).map(|_| AtomicUsize::new(0)).collect(),
            commits: Arc::default(),
            next_token: AtomicU64::new(1),
            starts: Semaphore::new(STARTS_MAX),
            drained: tokio::sync::watch::Sender::default(),
            failed: tokio::sync::watch::Sender::new(None),
        });
        for (shard, inbox) in inboxes {
            tokio::spawn(driver::drive(Arc::downgrade(&inner), shard, inbox));
        }
        tokio::spawn(intake::take_in(Arc::downgrade(&inner), arriving));
        tokio::spawn(schedule::keep_time(Arc::downgrade(&inner)));
        tokio::spawn(retention::forget(Arc::downgrade(&inner), config.retention));
        let node = Node(inner);
        for number in 0..count {
            tokio::spawn(recover(node.clone(), ShardId(number)));
        }
        Ok(node)
    }

    pub fn definitions(&self) -> Arc<Definitions> {
        self.0.definitions()
    }

    /// Starts a run. It is durable when this returns.
    pub async fn start(&self, request: StartRequest) -> Result<RunId, Declined> {
        let run = self.0.ids.next(wall_ms());
        self.start_as(run, request).await
    }

    /// Starts a run, and lets the caller hear how it ends.
    pub async fn start_and_hear(
        &self,
        request: StartRequest,
    ) -> Result<(RunId, Hearing), Declined> {
        let run = self.0.ids.next(wall_ms());
        let hearing = self.on_ending(run);
        let run = self.start_as(run, request).await?;
        Ok((run, hearing))
    }

    async fn start_as(&self, run: RunId, request: StartRequest) -> Result<RunId, Declined> {
        let inner = &self.0;
        inner.check_load().map_err(Declined::Store)?;
        let identity = &request.plan.identity;
        if let Some(pause) = inner
            .definitions()
            .paused(&identity.namespace, &identity.name)
        {
            return Err(Declined::Paused(pause.reason.as_deref().map(Into::into)));
        }
        let Ok(_permit) = inner.starts.try_acquire() else {
            return Err(Declined::Store(StoreError::Busy(STARTS_MAX)));
        };
        let new = NewRun {
            labels: request.labels,
            key: request.key,
            ..announce(run, &request.plan, inner.shards.len() as u16, wall_ms())
        };
        let (plan, input) = (request.plan, request.input);
        let asked = inner.ask(run, |token| Event::Start {
            token,
            new: Box::new(new),
            plan,
            input,
        });
        asked.await
    }

    /// Does something to a run. It is durable when this returns.
    pub async fn control(&self, run: RunId, control: Control) -> Result<(), Declined> {
        let asked = self.0.ask(run, |token| Event::Control {
            token,
            run,
            control,
        });
        asked.await.map(drop)
    }

    /// Hears how a run ends, from now on. Ask the journal afterwards: it may have ended before.
    pub fn on_ending(&self, run: RunId) -> Hearing {
        self.0.endings.hear(run)
    }

    /// Lets what is under way come to its end and be recorded, and begins nothing else; returns when all is quiet, or
    /// when the time is over. What is owed then is carried out by the next process.
    pub async fn drain(&self, limit: Duration) {
        let inner = &self.0;
        for shard in &inner.shards {
            // A shard that is gone has nothing under way.
            let _ = shard.send(Event::Drain);
        }
        let mut drained = inner.drained.subscribe();
        let quiet = drained.wait_for(|drained| drained.len() == inner.shards.len());
        let _ = tokio::time::timeout(limit, quiet).await;
    }

    /// Takes an event in. It is durable when this returns.
    pub async fn receive(&self, event: Value) -> Result<Received, StoreError> {
        self.0.check_load()?;
        intake::receive(&self.0, event).await
    }

    /// Hears what happens in all runs from now on.
    pub fn feed(&self) -> Feed {
        self.0.feeds.listen(None)
    }

    /// Hears what happens in one run from now on.
    pub fn feed_of(&self, run: RunId) -> Feed {
        self.0.feeds.listen(Some(run))
    }

    pub fn figures(&self) -> Figures {
        let inner = &self.0;
        let resident = inner.resident.iter();
        Figures {
            resident: resident.map(|runs| runs.load(Ordering::Relaxed)).sum(),
            open_effects: inner.open_effects.load(Ordering::Relaxed),
            listeners: inner.feeds.listeners(),
            missed: inner.feeds.missed(),
        }
    }

    pub fn journal(&self) -> &Arc<dyn Journal> {
        &self.0.journal
    }

    pub fn runtime(&self) -> &RuntimeInfo {
        &self.0.runtime
    }

    /// The plan of a run, from memory or from the journal.
    pub fn plan(&self, hash: PlanHash) -> Result<Arc<Plan>, Arc<str>> {
        self.0.plan(hash)
    }

    /// Completes with the reason when the node cannot go on: storage failed, or another process took over.
    pub async fn failed(&self) -> Arc<str> {
        let mut watch = self.0.failed.subscribe();
        let failed = watch.wait_for(Option::is_some).await;
        failed
            .ok()
            .and_then(|why| why.clone())
            .unwrap_or_else(|| "the node is gone".into())
    }
}

impl Inner {
    pub(crate) fn definitions(&self) -> Arc<Definitions> {
        self.definitions
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    pub(crate) fn shard_of(&self, run: RunId) -> ShardId {
        ShardId::of(run, self.shards.len() as u16)
    }

    /// Hands an event to the shard of a run.
    pub(crate) fn send(&self, run: RunId, event: Event) {
        let shard = self.shard_of(run);
        // A shard that is gone has said why in `failed`.
        let _ = self.shards[usize::from(shard.0)].send(event);
    }

    async fn ask(&self, run: RunId, event: impl FnOnce(Token) -> Event) -> Result<RunId, Declined> {
        let token = Token(self.next_token.fetch_add(1, Ordering::Relaxed));
        let (sender, receiver) = oneshot::channel();
        self.questions
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .insert(token, sender);
        self.send(run, event(token));
        let mut failed = self.failed.subscribe();
        let answer = tokio::select! {
            biased;
            answer = receiver => answer.ok(),
            _ = failed.wait_for(Option::is_some) => None,
        };
        answer.unwrap_or_else(|| {
            let mut questions = self
                .questions
                .lock()
                .unwrap_or_else(PoisonError::into_inner);
            questions.remove(&token);
            Err(Declined::Store(StoreError::Unusable(
                "this process does not own the run any more".into(),
            )))
        })
    }

    pub(crate) fn drained(&self, shard: ShardId) {
        self.drained
            .send_if_modified(|drained| drained.insert(shard));
    }

    pub(crate) fn answer(&self, token: Token, answer: Result<RunId, Declined>) {
        let asked = self
            .questions
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .remove(&token);
        if let Some(asked) = asked {
            let _ = asked.send(answer);
        }
    }

    pub(crate) fn ended(&self, run: RunId, ending: &Ending) {
        self.endings.tell(run, ending);
    }

    pub(crate) fn plan(&self, hash: PlanHash) -> Result<Arc<Plan>, Arc<str>> {
        if let Some(plan) = self.definitions().get(hash) {
            return Ok(plan.clone());
        }
        let definition = self
            .journal
            .definition(hash)
            .map_err(|error| Arc::from(error.to_string()))?;
        let definition =
            definition.ok_or_else(|| Arc::from(format!("its definition {hash} is not known")))?;
        let plan = self
            .compiler
            .compile(&definition)
            .map_err(Arc::<str>::from)?;
        if plan.hash != hash {
            return Err("its definition compiles to something else in this release".into());
        }
        Ok(plan)
    }

    /// Work that is under way comes first.
    fn check_load(&self) -> Result<(), StoreError> {
        let open = self.open_effects.load(Ordering::Relaxed);
        if open >= EFFECTS_OPEN_MAX {
            return Err(StoreError::Busy(open));
        }
        Ok(())
    }

    /// Writes and waits until it is durable.
    pub(crate) async fn write(
        &self,
        batch: Vec<Write>,
    ) -> Result<ferrovia_store::Ticket, StoreError> {
        let (sender, receiver) = oneshot::channel();
        self.journal
            .write(batch, Box::new(move |result| drop(sender.send(result))));
        receiver
            .await
            .unwrap_or_else(|_| Err(StoreError::Fatal("the journal gave no answer".into())))
    }

    /// Says that nothing can go on.
    pub(crate) fn fail(&self, why: &str) {
        self.failed.send_if_modified(|failed| {
            let first = failed.is_none();
            if first {
                *failed = Some(why.into());
            }
            first
        });
    }
}

/// Wakes what recovery has to look at, page by page.
async fn recover(node: Node, shard: ShardId) {
    let mut after = None;
    loop {
        let journal = node.0.journal.clone();
        let page = match blocking(move || journal.unsettled(shard, after, RECOVERY_PAGE)).await {
            Ok(page) => page,
            Err(error) => return node.0.fail(&error.to_string()),
        };
        let Some(last) = page.last() else { return };
        after = Some(*last);
        for run in page {
            node.0.send(run, Event::Recover(run));
        }
    }
}

/// Runs what blocks off the threads that must not.
pub(crate) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, StoreError> + Send + 'static,
) -> Result<T, StoreError> {
    match tokio::task::spawn_blocking(work).await {
        Ok(result) => result,
        Err(error) => Err(StoreError::Fatal(error.to_string().into())),
    }
}
