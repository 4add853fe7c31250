//! The example definitions of the standard: what `check` says about each, and what comes of running those that need
//! nothing but this machine. The definitions are not part of this repository; `examples.yaml` says what to run them with.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::{Context, bail};
use serde::Deserialize;
use serde_json::Value as Json;

use crate::expect::equal;
use crate::program::{Arguments, Outcome, Program, Status};
use crate::scenario::write_below;
use crate::stub::Stub;

const PLANS: &str = include_str!("../examples.yaml");

/// What is known about an example.
#[derive(Deserialize)]
#[serde(untagged, deny_unknown_fields)]
pub enum Plan {
    Run(Box<Trial>),
    /// It is only checked, because it needs this.
    Needs {
        needs: String,
    },
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Trial {
    ends: Status,
    output: Option<Json>,
    input: Option<Json>,
    #[serde(default)]
    events: Vec<Json>,
    secrets: Option<Json>,
    /// Files beside the definition.
    #[serde(default)]
    files: BTreeMap<String, String>,
    /// Texts of the definition and what stands in their place.
    #[serde(default)]
    replace: BTreeMap<String, String>,
    /// What a reader should know about the trial.
    pub note: Option<String>,
}

pub struct Example {
    /// Of its file, without the ending.
    pub name: String,
    pub text: String,
    pub plan: Option<Plan>,
}

/// The examples of a directory, in the order of their names.
pub fn read_directory(directory: &Path) -> anyhow::Result<Vec<Example>> {
    let mut plans: BTreeMap<String, Plan> =
        serde_saphyr::from_str(PLANS).context("crates/conformance/examples.yaml")?;
    let mut examples = Vec::new();
    let entries = std::fs::read_dir(directory).with_context(|| directory.display().to_string())?;
    for entry in entries {
        let path = entry?.path();
        if path
            .extension()
            .is_some_and(|extension| extension == "yaml")
        {
            let name = path
                .file_stem()
                .unwrap_or_default()
                .to_string_lossy()
                .into_owned();
            examples.push(Example {
                plan: plans.remove(&name),
                text: std::fs::read_to_string(&path).with_context(|| path.display().to_string())?,
                name,
            });
        }
    }
    examples.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(examples)
}

/// Whether `check` finds no error; `Err` names the codes of the findings.
pub async fn check(example: &Example, program: &Program) -> Result<(), String> {
    let checked = async {
        let directory = tempfile::tempdir()?;
        write_below(directory.path(), "workflow.yaml", &example.text)?;
        program.check(&directory.path().join("workflow.yaml")).await
    };
    let checked = checked.await.map_err(|error| format!("{error:#}"))?;
    if checked.valid {
        Ok(())
    } else {
        Err(checked.codes.join(", "))
    }
}

/// Runs an example. `Err` says what came instead of what was expected.
pub async fn run(example: &Example, trial: &Trial, program: &Program) -> anyhow::Result<()> {
    let stub = Stub::start().await?;
    let directory = tempfile::tempdir()?;
    for (path, text) in &trial.files {
        write_below(directory.path(), path, &stub.localise(text))?;
    }
    let mut text = example.text.clone();
    for (from, to) in &trial.replace {
        if !text.contains(from) {
            bail!("`{from}` is not in the definition");
        }
        text = text.replace(from, to);
    }
    write_below(directory.path(), "workflow.yaml", &stub.localise(&text))?;
    let localised = |value: &Json| serde_json::from_str(&stub.localise(&value.to_string()));
    let arguments = Arguments {
        input: trial.input.clone(),
        events: trial.events.clone(),
        secrets: trial.secrets.as_ref().map(localised).transpose()?,
    };
    let outcome = program
        .run(&directory.path().join("workflow.yaml"), &arguments)
        .await?;
    let report = match outcome {
        Outcome::Ran(report) => report,
        Outcome::Refused(findings) => bail!("it was refused: {findings}"),
    };
    let as_expected = report.status == trial.ends
        && trial
            .output
            .as_ref()
            .is_none_or(|expected| equal(&report.output, expected));
    if !as_expected {
        bail!("{}", stub.globalise(&report.ending()));
    }
    Ok(())
}

impl Trial {
    /// How it is to end, in a word.
    pub fn ending(&self) -> &'static str {
        match self.ends {
            Status::Completed => "completes",
            Status::Faulted => "faults, as it says",
            Status::Cancelled => "is cancelled",
            Status::Waiting => "waits",
        }
    }
}
