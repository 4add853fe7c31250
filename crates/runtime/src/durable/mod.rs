//! Runs that survive: shards over a journal, each driven by one task.
//!
//! Owns waiting: for the journal, for effects, for time. Decides nothing; that is the shards' business.

mod driver;
mod effects;
mod id;
mod intake;
mod schedule;

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, RwLock};

use ferrovia_dsl::plan::Plan;
use ferrovia_engine::{Ending, RuntimeInfo};
use ferrovia_expr::Value;
use ferrovia_store::{Definition, Journal, NewRun, PlanHash, RunId, ShardId, StoreError, Write};
use tokio::sync::{Semaphore, mpsc, oneshot};

use crate::registry::{Definitions, Executors};
use crate::shard::{Control, Declined, Event, Shard, Token, announce};
pub use id::Ids;
pub(crate) use id::wall_ms;
pub use intake::Received;

/// Starts that are under way and not yet durable; more are refused.
const STARTS_MAX: usize = 8_192;
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
    /// The secrets by name.
    pub secrets: Value,
    /// Effects that are carried out at the same time.
    pub concurrent_effects: usize,
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

/// A process that drives all runs of a journal. Cloning gives another handle.
#[derive(Clone)]
pub struct Node(Arc<Inner>);

pub(crate) struct Inner {
    pub(crate) journal: Arc<dyn Journal>,
    pub(crate) executors: Executors,
    pub(crate) compiler: Arc<dyn Compiler>,
    pub(crate) runtime: RuntimeInfo,
    pub(crate) secrets: Value,
    pub(crate) turns: Arc<Semaphore>,
    pub(crate) ids: Ids,
    pub(crate) shards: Vec<mpsc::UnboundedSender<Event>>,
    pub(crate) intake: mpsc::Sender<intake::Arriving>,
    definitions: RwLock<Arc<Definitions>>,
    questions: Mutex<HashMap<Token, oneshot::Sender<Result<RunId, Declined>>>>,
    endings: Mutex<HashMap<RunId, Vec<oneshot::Sender<Ending>>>>,
    next_token: AtomicU64,
    starts: Semaphore,
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
        let (intake, arriving) = mpsc::channel(intake::QUEUE_MAX);
        let inner = Arc::new(Inner {
            journal,
            executors: config.executors,
            compiler: config.compiler,
            runtime: config.runtime,
            secrets: config.secrets,
            turns: Arc::new(Semaphore::new(config.concurrent_effects.max(1))),
            ids: Ids::new(config.salt),
            shards,
            intake,
            definitions: RwLock::new(Arc::new(definitions)),
            questions: Mutex::default(),
            endings: Mutex::default(),
            next_token: AtomicU64::new(1),
            starts: Semaphore::new(STARTS_MAX),
            failed: tokio::sync::watch::Sender::new(None),
        });
        for (shard, inbox) in inboxes {
            tokio::spawn(driver::drive(Arc::downgrade(&inner), shard, inbox));
        }
        tokio::spawn(intake::take_in(Arc::downgrade(&inner), arriving));
        tokio::spawn(schedule::keep_time(Arc::downgrade(&inner)));
        let node = Node(inner);
        for number in 0..count {
            tokio::spawn(recover(node.clone(), ShardId(number)));
        }
        Ok(node)
    }

    /// Makes a definition known; runs can be started from then on.
    pub async fn define(
        &self,
        plan: Arc<Plan>,
        text: &str,
        links: &[u8],
    ) -> Result<(), StoreError> {
        if self.definitions().get(plan.hash).is_some() {
            return Ok(());
        }
        let definition = Definition {
            plan: plan.hash,
            namespace: plan.identity.namespace.clone(),
            name: plan.identity.name.clone(),
            version: plan.identity.version.to_string().into(),
            text: text.into(),
            links: links.into(),
            added_ms: wall_ms(),
        };
        self.0.write(vec![Write::Define(definition)]).await?;
        let mut known = self
            .0
            .definitions
            .write()
            .unwrap_or_else(PoisonError::into_inner);
        Arc::make_mut(&mut known).add(plan);
        Ok(())
    }

    pub fn definitions(&self) -> Arc<Definitions> {
        self.0.definitions()
    }

    /// Starts a run. It is durable when this returns; `ended`, if given, hears how it ends.
    pub async fn start(
        &self,
        request: StartRequest,
        ended: Option<oneshot::Sender<Ending>>,
    ) -> Result<RunId, Declined> {
        let inner = &self.0;
        let Ok(_permit) = inner.starts.try_acquire() else {
            return Err(Declined::Store(StoreError::Busy(STARTS_MAX)));
        };
        let now_ms = wall_ms();
        let run = inner.ids.next(now_ms);
        let new = NewRun {
            labels: request.labels,
            key: request.key,
            ..announce(run, &request.plan, inner.shards.len() as u16, now_ms)
        };
        if let Some(ended) = ended {
            let mut endings = inner.endings.lock().unwrap_or_else(PoisonError::into_inner);
            endings.entry(run).or_default().push(ended);
        }
        let (plan, input) = (request.plan, request.input);
        let answer = inner
            .ask(run, |token| Event::Start {
                token,
                new: Box::new(new),
                plan,
                input,
            })
            .await;
        if answer.is_err() {
            let mut endings = inner.endings.lock().unwrap_or_else(PoisonError::into_inner);
            endings.remove(&run);
        }
        answer
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
    pub fn on_ending(&self, run: RunId) -> oneshot::Receiver<Ending> {
        let (sender, receiver) = oneshot::channel();
        let mut endings = self
            .0
            .endings
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        endings.entry(run).or_default().push(sender);
        receiver
    }

    /// Takes an event in. It is durable when this returns.
    pub async fn receive(&self, event: Value) -> Result<Received, StoreError> {
        intake::receive(&self.0, event).await
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
        let lost = || {
            Declined::Store(StoreError::Unusable(
                "this process does not own the run any more".into(),
            ))
        };
        receiver.await.unwrap_or_else(|_| Err(lost()))
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
        let waiting = self
            .endings
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .remove(&run);
        for waiting in waiting.into_iter().flatten() {
            let _ = waiting.send(ending.clone());
        }
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
