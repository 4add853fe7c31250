//! `ferrovia check`.

use ferrovia_dsl::diagnostic::{Diagnostic, to_json};
use ferrovia_expr::{Object, Value};

use crate::args::{CheckArgs, Output};
use crate::document::{Document, Refused, show};
use crate::exit::Exit;
use crate::links::Reach;
use crate::out;

/// Checks definitions and shows what is wrong with them.
pub(crate) async fn check(args: CheckArgs) -> Exit {
    let mut results = Vec::new();
    for file in &args.files {
        results.push(check_file(file, &args).await);
    }
    let exit = if results.iter().any(Checked::is_refused) {
        Exit::Refused
    } else {
        Exit::Completed
    };
    match args.output {
        Output::Text => results.iter().fold(exit, |exit, result| result.print(exit)),
        Output::Json => {
            let files: Vec<Value> = results.iter().map(Checked::to_value).collect();
            out::result(&Value::from(files).to_json_pretty(), exit)
        }
    }
}

enum Checked {
    Sound {
        name: String,
        text: String,
        warnings: Vec<Diagnostic>,
    },
    Refused(Refused),
}

async fn check_file(file: &std::path::Path, args: &CheckArgs) -> Checked {
    let checked = async {
        let (document, findings) = Document::read(file)?;
        let reach =
            Reach::new(&args.reach, &document.directory).map_err(|error| Refused::File {
                name: document.name.clone(),
                reason: error.to_string(),
            })?;
        let ready = document.compile(&reach, findings).await?;
        Ok(Checked::Sound {
            name: document.name,
            text: document.text,
            warnings: ready.warnings,
        })
    };
    checked.await.unwrap_or_else(Checked::Refused)
}

impl Checked {
    fn is_refused(&self) -> bool {
        matches!(self, Checked::Refused(_))
    }

    fn print(&self, exit: Exit) -> Exit {
        match self {
            Checked::Refused(refused) => {
                refused.explain();
                exit
            }
            Checked::Sound {
                name,
                text,
                warnings,
            } => {
                show(warnings, name, text);
                out::result(&format!("{name}: ok"), exit)
            }
        }
    }

    fn to_value(&self) -> Value {
        let mut object = Object::default();
        match self {
            Checked::Sound {
                name,
                text,
                warnings,
            } => {
                object.insert("file", name.as_str());
                object.insert("valid", true);
                object.insert("findings", to_json(warnings, text));
            }
            Checked::Refused(Refused::File { name, reason }) => {
                object.insert("file", name.as_str());
                object.insert("valid", false);
                object.insert("error", reason.as_str());
            }
            Checked::Refused(Refused::Findings {
                name,
                text,
                findings,
            }) => {
                object.insert("file", name.as_str());
                object.insert("valid", false);
                object.insert("findings", to_json(findings, text));
            }
        }
        object.into()
    }
}
