//! What came of a run, for programs and for people.

use std::io::IsTerminal;
use std::sync::Arc;

use ferrovia_dsl::diagnostic::{Diagnostic, Style, codes, render};
use ferrovia_dsl::plan::Kind;
use ferrovia_dsl::source::{Node, Span, key_span};
use ferrovia_engine::{Error, ErrorType, TraceEntry, TraceEvent};
use ferrovia_expr::{Object, Value};
use ferrovia_runtime::{Ended, Observed, Observer, Report};

use crate::document::Document;
use crate::exit::Exit;
use crate::out;

fn exit(report: &Report) -> Exit {
    match report.ended {
        Ended::Completed(_) => Exit::Completed,
        Ended::Faulted(_) => Exit::Faulted,
        Ended::Cancelled => Exit::Cancelled,
        Ended::Waiting => Exit::Waiting,
    }
}

/// One JSON object on standard output: `{status, output, error, events, tasks}`.
pub(crate) fn print_json(report: &Report) -> Exit {
    let (status, output, error) = match &report.ended {
        Ended::Completed(output) => ("completed", output.clone(), Value::Null),
        Ended::Faulted(error) => ("faulted", Value::Null, error.to_value()),
        Ended::Cancelled => ("cancelled", Value::Null, Value::Null),
        Ended::Waiting => ("waiting", Value::Null, Value::Null),
    };
    let tasks: Vec<_> = report.tasks.iter().cloned().map(Value::Str).collect();
    let object = object(status, output, error, report.events.clone(), tasks);
    out::result(&Value::from(object).to_json(), exit(report))
}

/// The same object for a run that never began, with the `findings` beside it.
pub(crate) fn print_refused(summary: &str, findings: Value) -> Exit {
    let error = Error::standard(ErrorType::Configuration, "", summary).to_value();
    let mut object = object("refused", Value::Null, error, Vec::new(), Vec::new());
    object.insert("findings", findings);
    out::result(&Value::from(object).to_json(), Exit::Refused)
}

fn object(
    status: &str,
    output: Value,
    error: Value,
    events: Vec<Value>,
    tasks: Vec<Value>,
) -> Object {
    let mut object = Object::default();
    object.insert("status", status);
    object.insert("output", output);
    object.insert("error", error);
    object.insert("events", events);
    object.insert("tasks", tasks);
    object
}

/// The output on standard output; anything else on standard error.
pub(crate) fn print_text(report: &Report, document: &Document, origin: Option<&Origin>) -> Exit {
    match &report.ended {
        Ended::Completed(output) => return out::result(&output.to_json_pretty(), exit(report)),
        Ended::Faulted(error) => {
            let finding = finding(error, document, origin);
            out::raw(render(
                &[finding],
                &document.name,
                &document.text,
                Style::Color,
            ));
        }
        Ended::Cancelled => {
            if std::io::stderr().is_terminal() {
                // The terminal has shown `^C`.
                out::control(out::CLEAR);
            }
            out::note("cancelled");
        }
        Ended::Waiting => out::note(
            "still waiting: the time limit is over, or nothing is left that could wake the workflow\n\
             (events can be sent with --events FILE)",
        ),
    }
    exit(report)
}

/// Where in the root run an error came up: the first task that it ended.
#[derive(Clone)]
pub(crate) struct Origin {
    pub(crate) error: Error,
    pub(crate) pointer: Arc<str>,
    /// The task starts a workflow, so that `instance` may be a place in that one.
    pub(crate) starts_run: bool,
}

/// Remembers the origin of errors, and lets another observer watch too.
pub(crate) struct Origins<'o> {
    pub(crate) observer: &'o mut dyn Observer,
    pub(crate) last: Option<Origin>,
}

impl Observer for Origins<'_> {
    fn observe(&mut self, run: Observed<'_>, entries: &[TraceEntry]) {
        self.observer.observe(run, entries);
        if run.depth > 0 {
            return;
        }
        for entry in entries {
            let (TraceEvent::TaskFaulted { error }, Some(task)) = (&entry.event, entry.task) else {
                continue;
            };
            if self.last.as_ref().is_none_or(|last| last.error != *error) {
                let task = &run.plan[task];
                self.last = Some(Origin {
                    error: error.clone(),
                    pointer: task.pointer.clone(),
                    starts_run: matches!(task.kind, Kind::RunWorkflow(_)),
                });
            }
        }
    }
}

/// An error of a run as a finding at its place in the definition.
fn finding(error: &Error, document: &Document, origin: Option<&Origin>) -> Diagnostic {
    let message = match &error.detail {
        Some(detail) => format!("{}: {detail}", error.title),
        None => error.title.to_string(),
    };
    let code = code(&error.kind);
    let mut hint = format!(
        "`ferrovia explain {code}` says more; to catch it, its type is {}",
        error.kind
    );
    let child = origin.filter(|origin| {
        origin.starts_run && origin.error == *error && origin.pointer != error.instance
    });
    let pointer = match child {
        Some(child) => {
            hint.push_str(&format!(
                "; it comes from {} of the workflow that is started here",
                error.instance
            ));
            &child.pointer
        }
        None => &error.instance,
    };
    let span = nearest_span(&document.root, pointer);
    Diagnostic::error(code, span, &**pointer, message)
        .label(format!("faulted with status {}", error.status))
        .hint(hint)
}

/// Where the component that a pointer leads to is named. What a function does has no place of its own in the
/// document: there, it is the call.
fn nearest_span(root: &Node, pointer: &str) -> Span {
    let mut at = pointer;
    while !at.is_empty() {
        if let Some(span) = key_span(root, at) {
            return span;
        }
        at = at.rsplit_once('/').map_or("", |(parent, _)| parent);
    }
    Span::default()
}

/// The code of a standard error type; every other one was raised by the workflow itself.
fn code(kind: &str) -> &'static str {
    match ErrorType::from_uri(kind) {
        Some(ErrorType::Configuration) => codes::FAULT_CONFIGURATION,
        Some(ErrorType::Validation) => codes::FAULT_VALIDATION,
        Some(ErrorType::Expression) => codes::FAULT_EXPRESSION,
        Some(ErrorType::Authentication) => codes::FAULT_AUTHENTICATION,
        Some(ErrorType::Authorization) => codes::FAULT_AUTHORIZATION,
        Some(ErrorType::Timeout) => codes::FAULT_TIMEOUT,
        Some(ErrorType::Communication) => codes::FAULT_COMMUNICATION,
        Some(ErrorType::Runtime) => codes::FAULT_RUNTIME,
        None => codes::RAISED,
    }
}
