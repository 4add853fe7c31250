//! A run in memory: takes inputs, and gathers what the next record has to hold.

mod record;

use std::collections::{HashSet, VecDeque};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use ferrovia_dsl::plan::{Delivery as Promise, Plan};
use ferrovia_engine::{
    Child, Command, EffectOutput, Ending, ErrorType, Fault, Input, Obligation, ObligationId,
    Outcome, Refusal, TraceEntry,
};
use ferrovia_store::format::v1::{Moved, Stamped, encode_input};
use ferrovia_store::{DeliveryId, DeliveryKind, NewRun, Origin, Parent, RunId, ShardId, Update};

use super::replay::History;
use super::{CHILD_DEPTH_MAX, Declined, Moving, Surroundings};

pub(super) use record::{Follows, line};

/// A run that is in memory.
pub(super) struct Hot {
    pub(super) id: RunId,
    pub(super) plan: Arc<Plan>,
    pub(super) history: History,
    pub(super) parent: Option<Parent>,
    /// Where its effects may have been carried out already.
    pub(super) origin: Option<Arc<Origin>>,
    /// The run whose id and seed it keeps, until its first record says so.
    identity: Option<RunId>,
    depth: u16,
    /// Announced with the first record, unless somebody did before.
    create: Option<NewRun>,
    staged: Staged,
    /// The index row as it was last written.
    written: Option<Update>,
    /// Effects that are under way in this process.
    pub(super) executing: HashSet<ObligationId>,
    children: HashSet<ObligationId>,
    /// Effects that may have been sent before a crash and must not be sent again: a person decides (G2).
    unknown: HashSet<ObligationId>,
    last_delivery: DeliveryId,
    tail_bytes: usize,
    snapshot_bytes: usize,
    /// A record is queued and not yet durable.
    pub(super) in_flight: bool,
    pub(super) dirty: bool,
    defect: Option<Arc<str>>,
}

/// What the next record holds, and what follows once it is durable.
#[derive(Default)]
struct Staged {
    inputs: Vec<Stamped>,
    consumed: Vec<DeliveryId>,
    spawn: Vec<(NewRun, DeliveryKind)>,
    abandon: Vec<Arc<str>>,
    moved: Option<Moved>,
    commands: Vec<Command>,
    /// Kept if somebody listened when the first input was taken.
    trace: Option<Vec<TraceEntry>>,
}

impl Hot {
    pub(super) fn new(
        id: RunId,
        plan: Arc<Plan>,
        history: History,
        depth: u16,
        parent: Option<Parent>,
    ) -> Hot {
        let mut hot = Hot {
            id,
            plan,
            history,
            parent,
            origin: None,
            identity: None,
            depth,
            create: None,
            staged: Staged::default(),
            written: None,
            executing: HashSet::new(),
            children: HashSet::new(),
            unknown: HashSet::new(),
            last_delivery: DeliveryId(i64::MIN),
            tail_bytes: 0,
            snapshot_bytes: 0,
            in_flight: false,
            dirty: false,
            defect: None,
        };
        for (id, obligation) in hot.history.run.obligations().iter() {
            if matches!(obligation, Obligation::Child(child) if !child.detached) {
                hot.children.insert(id.clone());
            }
        }
        hot
    }

    pub(super) fn created(mut self, new: NewRun) -> Hot {
        self.origin = new.origin.clone().map(Arc::new);
        self.create = Some(new);
        self
    }

    /// Goes on from a history that was another run's.
    pub(super) fn adopted(
        mut self,
        identity: RunId,
        inputs: Vec<Stamped>,
        cx: &mut Surroundings<'_>,
    ) -> Hot {
        self.identity = Some(identity);
        self.staged.inputs = inputs;
        self.dirty = true;
        let mut folded = VecDeque::new();
        for command in
            ferrovia_engine::commands(&Default::default(), self.history.run.obligations())
        {
            self.plan_command(command, cx, &mut folded);
        }
        while let Some(input) = folded.pop_front() {
            // A child that could not be started: the run hears of it at once.
            let _ = self.take(input, cx);
        }
        self
    }

    pub(super) fn read_back(
        mut self,
        origin: Option<Origin>,
        written: Update,
        tail_bytes: usize,
        snapshot_bytes: usize,
    ) -> Hot {
        self.origin = origin.map(Arc::new);
        self.written = Some(written);
        self.tail_bytes = tail_bytes;
        self.snapshot_bytes = snapshot_bytes;
        self
    }

    pub(super) fn ending(&self) -> Option<&Ending> {
        self.history.run.ending()
    }

    /// Whether a delivery is new to this run; the same one may come from memory and from the store.
    pub(super) fn is_new(&mut self, delivery: DeliveryId) -> bool {
        let new = delivery > self.last_delivery;
        if new {
            self.last_delivery = delivery;
        }
        new
    }

    pub(super) fn consume(&mut self, delivery: DeliveryId) {
        self.staged.consumed.push(delivery);
        self.dirty = true;
    }

    /// Takes an input in, and at once all that follows from it without the outside.
    pub(super) fn take(&mut self, input: Input, cx: &mut Surroundings<'_>) -> Result<(), Refusal> {
        self.take_from(input, false, cx)
    }

    /// `reused` marks an outcome that was found in the journal of the origin.
    pub(super) fn take_from(
        &mut self,
        input: Input,
        reused: bool,
        cx: &mut Surroundings<'_>,
    ) -> Result<(), Refusal> {
        let mut next = Some(input);
        let mut first = Ok(());
        let mut is_first = true;
        let mut folded = VecDeque::new();
        while let Some(input) = next.take().or_else(|| folded.pop_front()) {
            let taken = self.take_one(input, reused && is_first, cx, &mut folded);
            if std::mem::take(&mut is_first) {
                first = taken;
            }
        }
        first
    }

    fn take_one(
        &mut self,
        input: Input,
        reused: bool,
        cx: &mut Surroundings<'_>,
        folded: &mut VecDeque<Input>,
    ) -> Result<(), Refusal> {
        if self.defect.is_some() {
            return Err(Refusal::NotStarted);
        }
        // Time never goes back in a run, whatever the clock of the machine does.
        let at_ms = cx.now_ms.max(self.history.at_ms);
        if let Input::EffectSettled { id, .. } | Input::ChildSettled { id, .. } = &input {
            self.executing.remove(id);
            self.children.remove(id);
            self.unknown.remove(id);
        }
        let (plan, history) = (self.plan.clone(), &mut self.history);
        let stepped = catch_unwind(AssertUnwindSafe(|| {
            history.input(&plan, input.clone(), at_ms)
        }));
        let step = match stepped {
            Ok(step) => step?,
            Err(panic) => {
                self.park(panic_text(&*panic));
                return Ok(());
            }
        };
        self.dirty = true;
        if cx.watched && self.staged.inputs.is_empty() {
            self.staged.trace = Some(Vec::new());
        }
        if let Some(trace) = &mut self.staged.trace {
            trace.extend(step.trace);
        }
        self.staged.inputs.push(Stamped {
            at_ms,
            input,
            reused,
        });
        for command in step.commands {
            self.plan_command(command, cx, folded);
        }
        Ok(())
    }

    fn plan_command(
        &mut self,
        command: Command,
        cx: &mut Surroundings<'_>,
        folded: &mut VecDeque<Input>,
    ) {
        match command {
            Command::Start(id, Obligation::Child(child)) => {
                let failed = self.spawn(&id, child, cx);
                folded.extend(failed.map(|outcome| Input::ChildSettled { id, outcome }));
            }
            // Timers are read off the obligations; a subscription follows from the plan.
            Command::Start(_, Obligation::Timer(_) | Obligation::Subscription) => {}
            Command::Start(_, Obligation::Effect(_) | Obligation::Proceed) => {
                self.staged.commands.push(command)
            }
            Command::Retract(id) => {
                if self.children.remove(&id) {
                    self.staged.abandon.push(id.0);
                } else {
                    self.unknown.remove(&id);
                    self.staged.commands.push(Command::Retract(id));
                }
            }
        }
    }

    /// Begins a child with this record. Answers with an outcome when that settles the obligation already.
    fn spawn(
        &mut self,
        id: &ObligationId,
        child: Child,
        cx: &mut Surroundings<'_>,
    ) -> Option<Outcome> {
        if self.depth >= CHILD_DEPTH_MAX {
            let detail = format!("workflows start workflows more than {CHILD_DEPTH_MAX} deep");
            return Some(failed(ErrorType::Runtime, detail));
        }
        let Some(plan) = cx
            .definitions
            .find(&child.namespace, &child.name, &child.version)
        else {
            let (namespace, name, version) = (&child.namespace, &child.name, &child.version);
            let detail = format!("there is no workflow {namespace}/{name}:{version}");
            return Some(failed(ErrorType::Configuration, detail));
        };
        let run = (cx.new_id)();
        let obligation = (!child.detached).then(|| id.0.clone());
        let new = NewRun {
            depth: self.depth + 1,
            parent: Some(Parent {
                run: self.id,
                obligation,
            }),
            origin: self.origin.as_ref().map(|origin| child_of(origin, &id.0)),
            ..announce(run, plan, cx.shards, cx.now_ms)
        };
        self.staged
            .spawn
            .push((new, DeliveryKind::Start(encode_input(&child.input).into())));
        if child.detached {
            return Some(Outcome::Completed(EffectOutput::default()));
        }
        self.children.insert(id.clone());
        None
    }

    /// Leaves the plan for another one. What is owed is the same there, so nothing is begun or ended by it.
    pub(super) fn migrate(&mut self, moving: Moving) -> Result<(), Declined> {
        if moving.history.seq != self.history.seq || self.dirty {
            return Err(Declined::GoneOn);
        }
        self.staged.moved = Some(Moved {
            from: self.plan.hash,
            to: moving.plan.hash,
        });
        self.plan = moving.plan;
        self.history = moving.history;
        self.dirty = true;
        Ok(())
    }

    /// Stops a run that met a defect; its neighbours go on (G8).
    pub(super) fn park(&mut self, why: String) {
        self.defect = Some(why.into());
        // What was taken in before stands; what it asked for is found again when the run is read back.
        self.staged.commands.clear();
        self.dirty = true;
    }

    /// Marks what a crash left open: effects to be sent again, and those that must not be.
    pub(super) fn recovered(&mut self) -> Vec<Command> {
        let open = self.history.run.obligations();
        let again = ferrovia_engine::commands(&Default::default(), open);
        let mut commands = Vec::new();
        for command in again {
            match &command {
                Command::Start(id, Obligation::Effect(effect))
                    if effect.request.delivery == Promise::AtMostOnce =>
                {
                    self.unknown.insert(id.clone());
                }
                Command::Start(_, Obligation::Effect(_) | Obligation::Proceed) => {
                    commands.push(command)
                }
                Command::Start(
                    _,
                    Obligation::Timer(_) | Obligation::Subscription | Obligation::Child(_),
                )
                | Command::Retract(_) => {}
            }
        }
        commands
    }

    /// Timers that are due, earliest first.
    pub(super) fn due(&self, now_ms: i64) -> Vec<ObligationId> {
        let mut due: Vec<_> = self
            .timers()
            .filter(|(due_ms, _)| *due_ms <= now_ms)
            .collect();
        due.sort_by_key(|(due_ms, _)| *due_ms);
        due.into_iter().map(|(_, id)| id.clone()).collect()
    }

    pub(super) fn wake_ms(&self) -> Option<i64> {
        self.timers().map(|(due_ms, _)| due_ms).min()
    }

    /// Those of a suspended run fire when it goes on: until then they would be held, and stay due.
    fn timers(&self) -> impl Iterator<Item = (i64, &ObligationId)> {
        let run = &self.history.run;
        let goes_on = run.status() != ferrovia_engine::Status::Suspended;
        let owed = goes_on.then(|| run.obligations().iter());
        owed.into_iter()
            .flatten()
            .filter_map(|(id, obligation)| match obligation {
                Obligation::Timer(timer) => Some((timer.due_ms, id)),
                _ => None,
            })
    }

    /// Whether the run only waits for time, events, children or people, and nothing of it is under way here.
    pub(super) fn is_idle(&self) -> bool {
        !self.dirty && !self.in_flight && self.executing.is_empty()
    }

    pub(super) fn is_defective(&self) -> bool {
        self.defect.is_some()
    }
}

/// Where the child of a fork finds what came of its effects: with the child of the origin in the same place.
fn child_of(origin: &Origin, obligation: &Arc<str>) -> Origin {
    let mut via = origin.via.clone();
    via.push(obligation.clone());
    Origin {
        via,
        redo: Vec::new(),
        ..origin.clone()
    }
}

/// The announcement of a run of a plan.
pub(crate) fn announce(run: RunId, plan: &Plan, shards: u16, now_ms: i64) -> NewRun {
    NewRun {
        id: run,
        shard: ShardId::of(run, shards),
        plan: plan.hash,
        namespace: plan.identity.namespace.clone(),
        name: plan.identity.name.clone(),
        version: plan.identity.version.to_string().into(),
        parent: None,
        depth: 0,
        created_ms: now_ms,
        labels: Vec::new(),
        key: None,
        origin: None,
    }
}

fn failed(kind: ErrorType, detail: String) -> Outcome {
    Outcome::Failed(Fault {
        kind,
        status: None,
        title: None,
        detail: Some(detail.into()),
    })
}

fn panic_text(panic: &(dyn std::any::Any + Send)) -> String {
    let text = panic
        .downcast_ref::<&str>()
        .map(|text| (*text).to_owned())
        .or_else(|| panic.downcast_ref::<String>().cloned());
    format!(
        "a defect in Ferrovia: {}",
        text.unwrap_or_else(|| "it gave no reason".to_owned())
    )
}
