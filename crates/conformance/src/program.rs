//! The program under test, driven through what its manual promises.

use std::path::{Path, PathBuf};
use std::process::Stdio;

use anyhow::{Context, bail};
use serde::Deserialize;
use serde_json::Value as Json;
use tokio::process::Command;

/// Names the program to test.
const PROGRAM: &str = "FERROVIA";
/// A workflow that has not ended by then is still waiting. Long, because machines that test are busy.
const TIME_LIMIT: &str = "60s";
const SEED: &str = "1";

/// A `ferrovia` that can be started.
#[derive(Clone)]
pub struct Program(PathBuf);

/// What a run is started with, beside its definition.
#[derive(Default)]
pub struct Arguments {
    pub input: Option<Json>,
    pub events: Vec<Json>,
    pub secrets: Option<Json>,
}

/// What came of starting a definition.
pub enum Outcome {
    Ran(Report),
    /// Nothing ran; the findings as they are shown.
    Refused(String),
}

#[derive(Deserialize)]
pub struct Report {
    pub status: Status,
    pub output: Json,
    pub error: Json,
    pub events: Vec<Json>,
    pub tasks: Vec<String>,
    /// What `--trace` shows.
    #[serde(skip)]
    pub trace: String,
}

#[derive(Clone, Copy, Debug, Deserialize, PartialEq)]
#[serde(rename_all = "lowercase")]
pub enum Status {
    Completed,
    Faulted,
    Cancelled,
    Waiting,
}

impl Status {
    fn exit_code(self) -> i32 {
        match self {
            Status::Completed => 0,
            Status::Faulted => 3,
            Status::Cancelled => 4,
            Status::Waiting => 5,
        }
    }
}

impl Report {
    /// How it ended, in words.
    pub(crate) fn ending(&self) -> String {
        match self.status {
            Status::Faulted => format!("it faulted: {}", self.error),
            Status::Completed => format!("it completed with {}", self.output),
            Status::Cancelled => "it was cancelled".to_owned(),
            Status::Waiting => "it is still waiting".to_owned(),
        }
    }
}

/// What `check` says about one definition.
pub struct Checked {
    pub valid: bool,
    /// The codes of all findings, in the order of the document.
    pub codes: Vec<String>,
}

impl Program {
    /// The program that `FERROVIA` names, or else the one that was built beside this one.
    pub fn find() -> anyhow::Result<Program> {
        if let Some(path) = std::env::var_os(PROGRAM) {
            return Ok(Program(path.into()));
        }
        let own = std::env::current_exe().context("the place of this program")?;
        own.ancestors()
            .skip(1)
            .take(2)
            .map(|directory| directory.join("ferrovia"))
            .find(|path| path.is_file())
            .map(Program)
            .with_context(|| format!("there is no ferrovia to test: run `cargo build -p ferrovia`, or name one with {PROGRAM}"))
    }

    /// `ferrovia run`.
    pub async fn run(&self, definition: &Path, arguments: &Arguments) -> anyhow::Result<Outcome> {
        let directory = definition
            .parent()
            .context("a definition lies in a directory")?;
        let mut command = self.command("run", definition);
        command.args(["--trace", "--timeout", TIME_LIMIT, "--seed", SEED]);
        if let Some(input) = &arguments.input {
            command.arg("--input").arg(input.to_string());
        }
        if !arguments.events.is_empty() {
            let events = arguments.events.iter();
            let events = events.map(|event| serde_json::json!({"after_ms": 0, "event": event}));
            command
                .arg("--events")
                .arg(write(directory, "events.run", &events.collect())?);
        }
        if let Some(secrets) = &arguments.secrets {
            command
                .arg("--secrets")
                .arg(write(directory, "secrets.run", secrets)?);
        }
        let done = command.output().await.context("starting ferrovia")?;
        let shown = String::from_utf8_lossy(&done.stderr).into_owned();
        let code = done.status.code();
        if code == Some(2) {
            return Ok(Outcome::Refused(shown));
        }
        let report: Report = serde_json::from_slice(&done.stdout)
            .with_context(|| format!("exit code {code:?} and no report: {shown}"))?;
        if code != Some(report.status.exit_code()) {
            bail!("exit code {code:?} does not go with {:?}", report.status);
        }
        Ok(Outcome::Ran(Report {
            trace: shown,
            ..report
        }))
    }

    /// `ferrovia check --offline`.
    pub async fn check(&self, definition: &Path) -> anyhow::Result<Checked> {
        #[derive(Deserialize)]
        struct File {
            valid: bool,
            #[serde(default)]
            findings: Vec<Finding>,
        }
        #[derive(Deserialize)]
        struct Finding {
            code: String,
        }
        let done = self
            .command("check", definition)
            .arg("--offline")
            .output()
            .await?;
        let shown = String::from_utf8_lossy(&done.stderr).into_owned();
        let files: Vec<File> = serde_json::from_slice(&done.stdout).context(shown)?;
        let [file] = <[File; 1]>::try_from(files)
            .map_err(|files| anyhow::anyhow!("one file was checked, {} reported", files.len()))?;
        if done.status.success() != file.valid {
            bail!(
                "exit code {:?} does not go with valid: {}",
                done.status.code(),
                file.valid
            );
        }
        Ok(Checked {
            valid: file.valid,
            codes: file
                .findings
                .into_iter()
                .map(|finding| finding.code)
                .collect(),
        })
    }

    fn command(&self, verb: &str, definition: &Path) -> Command {
        let mut command = Command::new(&self.0);
        command
            .arg(verb)
            .arg(definition)
            .args(["--output", "json"])
            .env("NO_COLOR", "1")
            .stdin(Stdio::null())
            .kill_on_drop(true);
        command
    }
}

fn write(directory: &Path, name: &str, value: &Json) -> anyhow::Result<PathBuf> {
    let path = directory.join(name);
    std::fs::write(&path, value.to_string()).with_context(|| path.display().to_string())?;
    Ok(path)
}
