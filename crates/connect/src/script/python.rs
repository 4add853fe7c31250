//! Python through the system's interpreter, isolated from the user's own packages and settings.

use std::path::Path;
use std::time::Duration;

use ferrovia_runtime::port::Fault;

use super::Script;
use crate::fault;
use crate::process::{Finished, Invocation, Processes, check_text, fresh_directory, search_path};

const INTERPRETER: &str = "python3";

pub(super) async fn run(
    script: Script,
    processes: &Processes,
    time_limit: Option<Duration>,
) -> Result<Finished, Fault> {
    if !is_installed(INTERPRETER) {
        return Err(fault::configuration(format!(
            "script: `{INTERPRETER}` is not installed on this machine"
        )));
    }
    let directory = fresh_directory()?;
    // Beside the working directory, not in it: a script that lists its files should find none.
    let file = directory.path().join("script.py");
    let work = directory.path().join("work");
    let unwritable =
        |error: std::io::Error| fault::runtime("No working directory", error.to_string());
    tokio::fs::write(&file, script.code)
        .await
        .map_err(unwritable)?;
    tokio::fs::create_dir(&work).await.map_err(unwritable)?;
    // -I: no PYTHON* variables, no user packages; -B: no bytecode files.
    let mut command: Vec<String> = [INTERPRETER, "-I", "-B"].map(str::to_owned).to_vec();
    command.push(file.display().to_string());
    command.extend(script.inputs.of_script());
    let invocation = Invocation {
        command,
        environment: script.inputs.environment,
        stdin: script.inputs.stdin,
    };
    check_text(&invocation)?;
    processes.run(invocation, &work, time_limit).await
}

fn is_installed(program: &str) -> bool {
    search_path()
        .split(':')
        .any(|directory| Path::new(directory).join(program).is_file())
}
