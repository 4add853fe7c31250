//! A definition on its way from a file to a plan.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use ferrovia_dsl::compile::{Compiled, Links, Options, SecretsInData, compile};
use ferrovia_dsl::diagnostic::{Diagnostic, Style, in_order, render, to_json};
use ferrovia_dsl::plan::Plan;
use ferrovia_dsl::source::Node;
use ferrovia_expr::Value;

use crate::links::Reach;
use crate::out;
use crate::read::Source;

/// How much of a file is read at all: enough to tell how far a definition is beyond its limit.
const DEFINITION_READ_BYTES_MAX: u64 = 16 * 1024 * 1024;

/// A definition as it was read.
pub(crate) struct Document {
    /// As findings name it.
    pub(crate) name: String,
    pub(crate) directory: PathBuf,
    pub(crate) text: String,
    pub(crate) root: Node,
}

/// Why a definition cannot be used.
pub(crate) enum Refused {
    /// The file cannot be read.
    File { name: String, reason: String },
    Findings {
        name: String,
        text: String,
        findings: Vec<Diagnostic>,
    },
}

/// A definition that can run.
pub(crate) struct Ready {
    pub(crate) plan: Arc<Plan>,
    pub(crate) warnings: Vec<Diagnostic>,
    /// What it was compiled from besides its text.
    pub(crate) links: Links,
}

impl Document {
    /// Reads a file, or standard input for `-`, and checks its structure.
    pub(crate) fn read(path: &Path) -> Result<(Document, Vec<Diagnostic>), Refused> {
        let source = if path == Path::new("-") {
            Source::StandardInput
        } else {
            Source::File(path)
        };
        let name = source.name();
        let text = source
            .text(DEFINITION_READ_BYTES_MAX)
            .map_err(|reason| Refused::File {
                name: name.clone(),
                reason,
            })?;
        let directory = path
            .parent()
            .filter(|parent| !parent.as_os_str().is_empty())
            .unwrap_or(Path::new("."));
        Document::parse(name, directory.to_owned(), text)
    }

    /// Checks the structure of a text.
    pub(crate) fn parse(
        name: String,
        directory: PathBuf,
        text: String,
    ) -> Result<(Document, Vec<Diagnostic>), Refused> {
        let refused = |name, text, findings| Refused::Findings {
            name,
            text,
            findings,
        };
        let root = match ferrovia_dsl::source::parse(&text) {
            Ok(root) => root,
            Err(findings) => return Err(refused(name, text, findings)),
        };
        let findings = ferrovia_dsl::shape::check(&root);
        if findings.iter().any(Diagnostic::is_error) {
            return Err(refused(name, text, findings));
        }
        let document = Document {
            name,
            directory,
            text,
            root,
        };
        Ok((document, findings))
    }

    /// Loads what the document refers to and compiles it.
    pub(crate) async fn compile(
        &self,
        reach: &Reach,
        structural: Vec<Diagnostic>,
    ) -> Result<Ready, Refused> {
        let links = reach.links(&self.root, &self.directory).await;
        let secrets_in_data = if reach.secrets_in_data {
            SecretsInData::Allow
        } else {
            SecretsInData::Refuse
        };
        match compile(&self.text, &self.root, &links, Options { secrets_in_data }) {
            Ok(Compiled { plan, warnings }) => {
                let warnings = in_order(structural.into_iter().chain(warnings).collect());
                Ok(Ready {
                    plan: Arc::new(plan),
                    warnings,
                    links,
                })
            }
            Err(findings) => {
                let findings = in_order(structural.into_iter().chain(findings).collect());
                Err(Refused::Findings {
                    name: self.name.clone(),
                    text: self.text.clone(),
                    findings,
                })
            }
        }
    }
}

impl Refused {
    /// The first thing that is wrong, in one line.
    pub(crate) fn summary(&self) -> String {
        match self {
            Refused::File { name, reason } => format!("{name}: {reason}"),
            Refused::Findings { name, findings, .. } => {
                let first = findings.iter().find(|finding| finding.is_error());
                let message = first.map_or("refused", |finding| &finding.message);
                format!("{name}: {message}")
            }
        }
    }

    /// All findings; none for a file that cannot be read.
    pub(crate) fn findings(&self) -> Value {
        match self {
            Refused::File { .. } => Vec::<Value>::new().into(),
            Refused::Findings { text, findings, .. } => to_json(findings, text),
        }
    }

    /// Says on standard error what is wrong.
    pub(crate) fn explain(&self) {
        match self {
            Refused::File { name, reason } => out::note(format_args!("error: {name}: {reason}")),
            Refused::Findings {
                name,
                text,
                findings,
            } => show(findings, name, text),
        }
    }
}

/// Prints findings on standard error.
pub(crate) fn show(findings: &[Diagnostic], name: &str, text: &str) {
    if !findings.is_empty() {
        out::raw(render(findings, name, text, Style::Color));
    }
}
