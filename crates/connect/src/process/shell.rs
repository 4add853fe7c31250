//! `run: shell`.

use std::sync::Arc;

use async_trait::async_trait;
use ferrovia_expr::Value;
use ferrovia_runtime::port::{Call, Executor, Fault, Success};

use super::report::ReturnForm;
use super::run::{Invocation, Processes};
use crate::arguments::{Arguments, plain_text};
use crate::fault;

/// Carries out effects of kind `shell`: `sh -c COMMAND` with the arguments as `$1`, `$2`, ….
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
        let mut command = vec![
            "/bin/sh".to_owned(),
            "-c".to_owned(),
            arguments.required_text("command")?.to_owned(),
        ];
        command.push("ferrovia".to_owned());
        command.extend(inputs.positional);
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
}

/// What shell commands and scripts are given alike.
pub(crate) struct Inputs {
    pub(crate) positional: Vec<String>,
    pub(crate) environment: Vec<(String, String)>,
    pub(crate) stdin: Option<Vec<u8>>,
}

impl Inputs {
    /// `arguments` as an array are positional; as an object they are named values and join the environment, where
    /// `environment` wins. Values that are no strings are given as JSON.
    pub(crate) fn parse(arguments: Arguments<'_>) -> Result<Self, Fault> {
        let mut inputs = Inputs {
            positional: Vec::new(),
            environment: Vec::new(),
            stdin: arguments
                .value("stdin")
                .map(|value| plain_text(value).into_bytes()),
        };
        match arguments.value("arguments") {
            None => {}
            Some(Value::Array(items)) => inputs.positional.extend(items.iter().map(plain_text)),
            Some(named @ Value::Object(_)) => inputs.environment.extend(variables(Some(named))?),
            Some(other) => {
                let detail = format!(
                    "`arguments` must be an array or an object, not {}",
                    other.type_name()
                );
                return Err(fault::validation(detail));
            }
        }
        inputs
            .environment
            .extend(variables(arguments.value("environment"))?);
        Ok(inputs)
    }
}

fn variables(value: Option<&Value>) -> Result<Vec<(String, String)>, Fault> {
    let Some(value) = value else {
        return Ok(Vec::new());
    };
    let named = value.as_object();
    let named = named.ok_or_else(|| {
        fault::validation(format!(
            "`environment` must be an object, not {}",
            value.type_name()
        ))
    })?;
    let variables = named.iter().map(|(name, value)| {
        if name.is_empty() || name.contains(['=', '\0']) {
            return Err(fault::validation(format!(
                "`{}` is no name of a variable",
                name.escape_debug()
            )));
        }
        Ok((name.to_string(), plain_text(value)))
    });
    variables.collect()
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
