//! Reading the command line, and the commands that only tell about the program.

use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::{CommandFactory, Parser};
use clap_complete::Shell;
use ferrovia_expr::{Object, Value};

use crate::args::{Cli, Output};
use crate::exit::Exit;
use crate::out;

/// The version of the language that is read.
const DSL: &str = "1.0.3";
/// How many slips of the finger a misspelled command may have.
const SLIPS_MAX: usize = 2;

/// Reads the command line; answers with the exit code when there is nothing more to do.
pub(crate) fn parse() -> Result<Cli, Exit> {
    Cli::try_parse().map_err(|error| {
        // A reader that has gone away does not want the help any more.
        let _ = error.print();
        if let Some(meant) = meant(&error) {
            out::note(format_args!("\n  tip: did you mean `{meant}`?"));
        }
        if error.use_stderr() {
            Exit::Refused
        } else {
            Exit::Completed
        }
    })
}

/// What an unknown command was probably meant to be, where clap does not suggest it.
fn meant(error: &clap::Error) -> Option<String> {
    if error.kind() != ErrorKind::InvalidSubcommand {
        return None;
    }
    let Some(ContextValue::String(given)) = error.get(ContextKind::InvalidSubcommand) else {
        return None;
    };
    if std::path::Path::new(given).is_file() {
        return Some(format!("ferrovia run {given}"));
    }
    let command = Cli::command();
    let names = command.get_subcommands().map(clap::Command::get_name);
    let (slips, name) = names
        .map(|name| (strsim::osa_distance(given, name), name))
        .min()?;
    let suggested = match error.get(ContextKind::SuggestedSubcommand) {
        Some(ContextValue::Strings(names)) => names.iter().any(|suggested| suggested == name),
        Some(ContextValue::String(suggested)) => suggested == name,
        _ => false,
    };
    (!suggested && slips <= SLIPS_MAX.min(given.chars().count() / 2))
        .then(|| format!("ferrovia {name}"))
}

/// `ferrovia version`.
pub(crate) fn version(output: Output) -> Exit {
    let program = env!("CARGO_PKG_VERSION");
    let semantics = ferrovia_dsl::plan::SEMANTICS;
    let text = match output {
        Output::Text => format!(
            "ferrovia {program}\n\
             workflow language: Open Workflow Specification DSL {DSL}\n\
             engine semantics: {semantics}"
        ),
        Output::Json => {
            let versions: Object = [
                ("ferrovia", Value::from(program)),
                ("dsl", DSL.into()),
                ("semantics", i64::from(semantics).into()),
            ]
            .into_iter()
            .collect();
            Value::from(versions).to_json()
        }
    };
    out::result(&text, Exit::Completed)
}

/// `ferrovia completions`.
pub(crate) fn completions(shell: Shell) -> Exit {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Cli::command(), "ferrovia", &mut script);
    out::result(String::from_utf8_lossy(&script).trim_end(), Exit::Completed)
}
