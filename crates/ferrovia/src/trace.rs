//! `--trace`: everything that happens in runs and why, on standard error.

use anstyle::{AnsiColor, Style};
use ferrovia_dsl::plan::{Flow, Kind, Plan, TaskId};
use ferrovia_engine::{TraceEntry, TraceEvent};
use ferrovia_runtime::{Observed, Observer};

use crate::out::{self, harmless};

/// How much of a value a trace line shows.
const VALUE_CHARS_MAX: usize = 120;

const GOOD: Style = AnsiColor::Green.on_default();
const BAD: Style = AnsiColor::Red.on_default();
const SOFT: Style = Style::new().dimmed();
const NOTE: Style = AnsiColor::Cyan.on_default();

/// Every entry of the trace.
#[derive(Default)]
pub(crate) struct Trace {
    begun_ms: Option<i64>,
}

impl Observer for Trace {
    fn observe(&mut self, run: Observed<'_>, entries: &[TraceEntry]) {
        let plan = run.plan;
        for entry in entries {
            let since = entry.at_ms - *self.begun_ms.get_or_insert(entry.at_ms);
            let place = entry.task.map_or_else(
                || plan.identity.to_string(),
                |task| plan[task].pointer.to_string(),
            );
            let child = "  ".repeat(run.depth as usize);
            let (style, what) = describe(plan, entry);
            let (place, what) = (harmless(&place), harmless(&what));
            out::note(format_args!(
                "{SOFT}{since:>6} ms{SOFT:#} {child}{place} {style}{what}{style:#}"
            ));
        }
    }
}

fn describe(plan: &Plan, entry: &TraceEntry) -> (Style, String) {
    let plain = Style::new();
    match &entry.event {
        TraceEvent::RunStarted => (plain, "run started".into()),
        TraceEvent::TaskStarted { input } => {
            (plain, format!("started with {}", short(&input.to_json())))
        }
        TraceEvent::TaskSkipped => {
            let condition = entry.task.and_then(|task| plan[task].condition.as_ref());
            let condition = condition.map_or("", |condition| condition.source().trim());
            (SOFT, format!("skipped, because `{condition}` is false"))
        }
        TraceEvent::TaskCompleted { output, flow } => (
            GOOD,
            format!(
                "completed with {}{}",
                short(&output.to_json()),
                arrow(plan, entry.task, *flow)
            ),
        ),
        TraceEvent::TaskFaulted { error } => (BAD, format!("faulted: {error}")),
        TraceEvent::CaseTaken {
            case: Some(case), ..
        } => {
            let when = entry.task.and_then(|task| match &plan[task].kind {
                Kind::Switch(cases) => cases.iter().find(|c| c.name == *case)?.when.as_ref(),
                _ => None,
            });
            let because = match when {
                Some(when) => format!("`{}` is true", when.source().trim()),
                None => "no other case held".into(),
            };
            (NOTE, format!("took case `{case}`, because {because}"))
        }
        TraceEvent::CaseTaken { case: None, .. } => (NOTE, "took no case: none held".into()),
        TraceEvent::IterationStarted { index } => (plain, format!("round {index}")),
        TraceEvent::ErrorCaught { error } => (NOTE, format!("caught: {error}")),
        TraceEvent::RetryPlanned {
            attempt, delay_ms, ..
        } => (NOTE, format!("retry {attempt} in {delay_ms} ms")),
        TraceEvent::EffectRequested { id } => (plain, format!("requested effect {id}")),
        TraceEvent::EventConsumed { event } => {
            (NOTE, format!("consumed {}", short(&event.to_json())))
        }
        TraceEvent::EventDropped { event } => (
            BAD,
            format!("dropped, mailbox full: {}", short(&event.to_json())),
        ),
        TraceEvent::ContextChanged { context } => (
            NOTE,
            format!("context is now {}", short(&context.to_json())),
        ),
        TraceEvent::BranchLost => (SOFT, "dropped: another branch was first".into()),
        TraceEvent::RunSuspended => (NOTE, "run suspended".into()),
        TraceEvent::RunResumed => (NOTE, "run resumed".into()),
        TraceEvent::RunCompleted { output } => (
            GOOD,
            format!("run completed with {}", short(&output.to_json())),
        ),
        TraceEvent::RunFaulted { error } => (BAD, format!("run faulted: {error}")),
        TraceEvent::RunCancelled { reason } => (
            BAD,
            format!(
                "run cancelled: {}",
                reason.as_deref().unwrap_or("no reason given")
            ),
        ),
        TraceEvent::RunUndoing { error, tasks } => (
            BAD,
            format!("run fails, and takes back {tasks} tasks: {error}"),
        ),
        TraceEvent::UndoStarted => (NOTE, "is being taken back".into()),
        TraceEvent::UndoCompleted => (GOOD, "taken back".into()),
        TraceEvent::UndoFaulted { error } => (BAD, format!("could not be taken back: {error}")),
    }
}

fn arrow(plan: &Plan, task: Option<TaskId>, flow: Flow) -> String {
    match flow {
        Flow::Continue => String::new(),
        Flow::Exit => " → exit".into(),
        Flow::End => " → end".into(),
        Flow::Goto(index) => {
            let list = task.and_then(|task| plan.lists.iter().find(|list| list.0.contains(&task)));
            let target = list.and_then(|list| list.0.get(index as usize));
            target
                .map(|target| format!(" → {}", plan[*target].name))
                .unwrap_or_default()
        }
    }
}

pub(crate) fn short(text: &str) -> String {
    match text.char_indices().nth(VALUE_CHARS_MAX) {
        Some((cut, _)) => format!("{}…", &text[..cut]),
        None => text.to_owned(),
    }
}
