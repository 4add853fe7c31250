//! `run: shell`.

use std::sync::Arc;

use async_trait::async_trait;
use ferrovia_runtime::port::{Call, Executor, Fault, Success};

use super::inputs::Inputs;
use super::report::ReturnForm;
use super::run::{Invocation, Processes};
use crate::arguments::Arguments;
use crate::fault;

/// Carries out effects of kind `shell`: `sh -c COMMAND` with the arguments as `$1`, `$2`, …, or after the command if it
/// refers to none of them.
pub(crate) struct ShellExecutor {
    processes: Arc<Processes>,
}

impl ShellExecutor {
    pub(crate) fn new(processes: Arc<Processes>) -> Self {
        Self { processes }
    }
}

#[async_trait]
impl Executor for ShellExecutor {
    async fn execute(&self, call: Call) -> Result<Success, Fault> {
        let arguments = Arguments::of("shell", &call.arguments)?;
        let form = ReturnForm::parse(arguments)?;
        let inputs = Inputs::parse(arguments)?;
        let text = arguments.required_text("command")?;
        let (given, complete) = inputs.of_command(text);
        let text = match complete {
            true => format!("{} \"$@\"", text.trim_end()),
            false => text.to_owned(),
        };
        let mut command = ["/bin/sh", "-c"].map(str::to_owned).to_vec();
        command.extend([text, "ferrovia".to_owned()]);
        command.extend(given);
        let invocation = Invocation {
            command,
            environment: inputs.environment,
            stdin: inputs.stdin,
        };
        check_text(&invocation)?;
        let directory = fresh_directory()?;
        let finished = self
            .processes
            .run(invocation, directory.path(), call.time_limit)
            .await?;
        Ok(Success {
            output: form.output(&finished),
            authorization_scheme: None,
        })
    }

    fn connection(&self, _call: &Call) -> Option<Arc<str>> {
        Some("shell".into())
    }
}

/// No operating system passes a NUL inside an argument or a variable.
pub(crate) fn check_text(invocation: &Invocation) -> Result<(), Fault> {
    let values = invocation.environment.iter().map(|(_, value)| value);
    if invocation
        .command
        .iter()
        .chain(values)
        .any(|text| text.contains('\0'))
    {
        return Err(fault::validation(
            "the command, its arguments and its environment must not hold NUL characters",
        ));
    }
    Ok(())
}

pub(crate) fn fresh_directory() -> Result<tempfile::TempDir, Fault> {
    let made = tempfile::Builder::new().prefix("ferrovia-run-").tempdir();
    made.map_err(|error| fault::runtime("No working directory", error.to_string()))
}
