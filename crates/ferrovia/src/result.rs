//! What came of a run, for programs and for people.

use ferrovia_dsl::diagnostic::{Diagnostic, Style, codes, render};
use ferrovia_dsl::source::{Node, Span, locate};
use ferrovia_engine::{Error, ErrorType};
use ferrovia_expr::{Object, Value};
use ferrovia_runtime::{Ended, Report};

use crate::document::Document;
use crate::exit::Exit;

pub(crate) fn exit(report: &Report) -> Exit {
    match report.ended {
        Ended::Completed(_) => Exit::Completed,
        Ended::Faulted(_) => Exit::Faulted,
        Ended::Cancelled => Exit::Cancelled,
        Ended::Waiting => Exit::Waiting,
    }
}

/// One JSON object on standard output: `{status, output, error, events, tasks}`.
pub(crate) fn print_json(report: &Report) {
    let (status, output, error) = match &report.ended {
        Ended::Completed(output) => ("completed", output.clone(), Value::Null),
        Ended::Faulted(error) => ("faulted", Value::Null, error.to_value()),
        Ended::Cancelled => ("cancelled", Value::Null, Value::Null),
        Ended::Waiting => ("waiting", Value::Null, Value::Null),
    };
    let mut object = Object::default();
    object.insert("status", status);
    object.insert("output", output);
    object.insert("error", error);
    object.insert("events", report.events.clone());
    object.insert(
        "tasks",
        report
            .tasks
            .iter()
            .cloned()
            .map(Value::Str)
            .collect::<Vec<_>>(),
    );
    anstream::println!("{}", Value::from(object).to_json());
}

/// The output on standard output; anything else on standard error.
pub(crate) fn print_text(report: &Report, document: &Document) {
    match &report.ended {
        Ended::Completed(output) => anstream::println!("{}", output.to_json_pretty()),
        Ended::Faulted(error) => {
            let finding = finding(error, document);
            anstream::eprint!(
                "{}",
                render(&[finding], &document.name, &document.text, Style::Color)
            );
        }
        Ended::Cancelled => anstream::eprintln!("cancelled"),
        Ended::Waiting => anstream::eprintln!(
            "still waiting: the time limit is over, or nothing is left that could wake the workflow\n\
             (events can be sent with --events FILE)"
        ),
    }
}

/// An error of a run as a finding at its place in the definition.
fn finding(error: &Error, document: &Document) -> Diagnostic {
    let span = name_span(&document.root, &error.instance).unwrap_or_default();
    let message = match &error.detail {
        Some(detail) => format!("{}: {detail}", error.title),
        None => error.title.to_string(),
    };
    Diagnostic::error(code(&error.kind), span, &*error.instance, message)
        .label(format!("faulted with status {}", error.status))
        .hint(format!("error type {}", error.kind))
}

/// Where the component that a pointer leads to is named.
fn name_span(root: &Node, pointer: &str) -> Option<Span> {
    let (parent, name) = pointer.rsplit_once('/')?;
    let name = name.replace("~1", "/").replace("~0", "~");
    let entries = locate(root, parent)?.entries()?;
    entries
        .iter()
        .find(|(key, _)| *key.name == *name)
        .map(|(key, _)| key.span)
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
