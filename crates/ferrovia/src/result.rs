//! What came of a run, for programs and for people.

use ferrovia_dsl::diagnostic::{Diagnostic, Style, codes, render};
use ferrovia_dsl::source::{Node, Span, key_span};
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
    let message = match &error.detail {
        Some(detail) => format!("{}: {detail}", error.title),
        None => error.title.to_string(),
    };
    let code = code(&error.kind);
    let span = place(&document.root, &error.instance);
    Diagnostic::error(code, span, &*error.instance, message)
        .label(format!("faulted with status {}", error.status))
        .hint(format!(
            "`ferrovia explain {code}` says more; to catch it, its type is {}",
            error.kind
        ))
}

/// The name of the failed task. Inside an expanded function that is the task that calls it.
fn place(root: &Node, instance: &str) -> Span {
    let mut pointer = instance;
    loop {
        if let Some(span) = key_span(root, pointer) {
            return span;
        }
        match pointer.rsplit_once('/') {
            Some((parent, _)) => pointer = parent,
            None => return Span::default(),
        }
    }
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
