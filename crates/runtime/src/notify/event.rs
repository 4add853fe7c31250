//! Lifecycle events of the standard, made of the trace: CloudEvents that tell what became of a workflow and its tasks.

use ferrovia_dsl::plan::Plan;
use ferrovia_engine::{TraceEntry, TraceEvent};
use ferrovia_expr::{Object, Value};
use ferrovia_store::RunId;
use jiff::Timestamp;

use super::Scope;

/// Where an entry stands: equal whenever the events of it are made again.
#[derive(Clone, Copy, Debug)]
pub(super) struct Place {
    pub(super) run: RunId,
    pub(super) record: u64,
    pub(super) index: usize,
}

/// What is common to all events of one sink.
pub(super) struct Maker<'a> {
    pub(super) source: &'a str,
    pub(super) scopes: &'a [Scope],
}

impl Maker<'_> {
    /// The events that an entry gives, in order.
    pub(super) fn events(&self, plan: &Plan, place: Place, entry: &TraceEntry) -> Vec<Value> {
        let time = time(entry.at_ms);
        let mut events = Vec::new();
        let mut event = |scope: Scope, verb: &str, detail: Option<(&str, Value)>| {
            if !self.scopes.contains(&scope) {
                return;
            }
            let mut data = subject(plan, place.run, scope, entry);
            if (scope, verb) == (Scope::Workflow, "started") {
                data.insert("definition", definition(plan));
            }
            data.insert(format!("{verb}At"), time.clone());
            if let Some((name, value)) = detail {
                data.insert(name, value);
            }
            events.push(self.event(scope, verb, place, &time, data));
        };
        match &entry.event {
            TraceEvent::RunStarted => event(Scope::Workflow, "started", None),
            TraceEvent::RunSuspended => event(Scope::Workflow, "suspended", None),
            TraceEvent::RunResumed => event(Scope::Workflow, "resumed", None),
            TraceEvent::RunCancelled { .. } => event(Scope::Workflow, "cancelled", None),
            TraceEvent::RunFaulted { error } => {
                event(
                    Scope::Workflow,
                    "faulted",
                    Some(("error", error.to_value())),
                );
            }
            TraceEvent::RunCompleted { output } => {
                event(
                    Scope::Workflow,
                    "completed",
                    Some(("output", output.clone())),
                );
            }
            // Here a task is made when it begins.
            TraceEvent::TaskStarted { .. } => {
                event(Scope::Task, "created", None);
                event(Scope::Task, "started", None);
            }
            TraceEvent::RetryPlanned { .. } => event(Scope::Task, "retried", None),
            TraceEvent::BranchLost => event(Scope::Task, "cancelled", None),
            TraceEvent::TaskFaulted { error } => {
                event(Scope::Task, "faulted", Some(("error", error.to_value())));
            }
            TraceEvent::TaskCompleted { output, .. } => {
                event(Scope::Task, "completed", Some(("output", output.clone())));
            }
            TraceEvent::TaskSkipped
            | TraceEvent::CaseTaken { .. }
            | TraceEvent::IterationStarted { .. }
            | TraceEvent::ErrorCaught { .. }
            | TraceEvent::EffectRequested { .. }
            | TraceEvent::EventConsumed { .. }
            | TraceEvent::EventDropped { .. }
            | TraceEvent::ContextChanged { .. }
            // The standard knows no compensation: that the run faults is told when it is over.
            | TraceEvent::RunUndoing { .. }
            | TraceEvent::UndoStarted
            | TraceEvent::UndoCompleted
            | TraceEvent::UndoFaulted { .. } => {}
        }
        events
    }

    fn event(&self, scope: Scope, verb: &str, place: Place, time: &str, data: Object) -> Value {
        let Place { run, record, index } = place;
        let mut event = Object::default();
        event.insert("specversion", "1.0");
        event.insert("id", format!("{run}/{record}/{index}/{verb}"));
        event.insert("source", self.source);
        let scope = scope.as_str();
        event.insert("type", format!("io.serverlessworkflow.{scope}.{verb}.v1"));
        event.insert("subject", run.to_string());
        event.insert("time", time);
        event.insert("datacontenttype", "application/json");
        event.insert("data", data);
        event.into()
    }
}

fn subject(plan: &Plan, run: RunId, scope: Scope, entry: &TraceEntry) -> Object {
    let identity = &plan.identity;
    let name = format!("{}-{run}.{}", identity.name, identity.namespace);
    let mut data = Object::default();
    match scope {
        Scope::Workflow => data.insert("name", name),
        Scope::Task => {
            data.insert("workflow", name);
            if let Some(task) = entry.task {
                data.insert("task", plan[task].pointer.clone());
            }
        }
    }
    data
}

fn definition(plan: &Plan) -> Object {
    let identity = &plan.identity;
    let mut definition = Object::default();
    definition.insert("name", identity.name.clone());
    definition.insert("namespace", identity.namespace.clone());
    definition.insert("version", identity.version.to_string());
    definition
}

pub(super) fn time(at_ms: i64) -> String {
    let time = Timestamp::from_millisecond(at_ms);
    time.map_or_else(|_| String::new(), |time| format!("{time:.3}"))
}
