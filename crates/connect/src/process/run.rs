//! Starts a process, feeds it, and collects what it prints, all within limits.

use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use ferrovia_runtime::port::Fault;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWriteExt};
use tokio::process::{Child, ChildStdin, Command};
use tokio::sync::Semaphore;

use super::group::{ProcessGroup, exceeds};
use super::report::Finished;
use crate::config::ProcessLimits;
use crate::fault;

const SEARCH_PATH_DEFAULT: &str = "/usr/local/bin:/usr/bin:/bin";
/// How often the size of the group is looked at.
const CENSUS_INTERVAL: Duration = Duration::from_millis(20);
/// How long output is still read after the process has ended.
const DRAIN_GRACE: Duration = Duration::from_millis(500);
const READ_CHUNK_BYTES: usize = 16 * 1024;
/// Lowers this process's own limits, then becomes the program. A limit that is lower already stays.
const LIMITING_SCRIPT: &str = r#"
ulimit -c 0
ulimit -t "$1" 2>/dev/null || :
ulimit -v "$2" 2>/dev/null || :
ulimit -f "$3" 2>/dev/null || :
shift 3
exec "$@""#;

/// What to run.
pub(crate) struct Invocation {
    /// The program and its arguments.
    pub(crate) command: Vec<String>,
    pub(crate) environment: Vec<(String, String)>,
    pub(crate) stdin: Option<Vec<u8>>,
}

/// Runs processes within limits, so many at once. One for the whole program.
pub(crate) struct Processes {
    limits: ProcessLimits,
    slots: Semaphore,
}

impl Processes {
    pub(crate) fn new(limits: ProcessLimits) -> Self {
        Self {
            limits,
            slots: Semaphore::new(limits.concurrent_max),
        }
    }

    /// Runs to the end, when there is a slot. A non-zero exit is no fault; a limit that is hit is one. Dropping the
    /// future kills the group.
    pub(crate) async fn run(
        &self,
        invocation: Invocation,
        directory: &Path,
        time_limit: Option<Duration>,
    ) -> Result<Finished, Fault> {
        let limits = &self.limits;
        let _slot = self
            .slots
            .acquire()
            .await
            .expect("the semaphore is never closed");
        let mut child = spawn(&invocation, directory, limits)?;
        let group = ProcessGroup::led_by(&child, directory)
            .ok_or_else(|| fault::runtime("Process lost", "the process has no id"))?;
        let limit = time_limit.unwrap_or(limits.time_limit);
        let supervised = async {
            tokio::select! {
                finished = collect(&mut child, &group, invocation.stdin, limits.output_bytes_max) => finished,
                fault = watch(group.leader(), limits.processes_max) => Err(fault),
            }
        };
        let supervised = tokio::time::timeout(limit, supervised).await;
        supervised.unwrap_or_else(|_| {
            let detail = format!("the process did not end within {} ms", limit.as_millis());
            Err(fault::timeout(detail))
        })
    }
}

/// The search path of every process.
pub(crate) fn search_path() -> String {
    std::env::var("PATH").unwrap_or_else(|_| SEARCH_PATH_DEFAULT.to_owned())
}

fn spawn(
    invocation: &Invocation,
    directory: &Path,
    limits: &ProcessLimits,
) -> Result<Child, Fault> {
    const KIBIBYTE: u64 = 1024;
    const FILE_BLOCK: u64 = 512;
    Command::new("/bin/sh")
        .args(["-c", LIMITING_SCRIPT, "ferrovia"])
        .arg(limits.cpu_seconds_max.to_string())
        .arg((limits.memory_bytes_max / KIBIBYTE).to_string())
        .arg((limits.file_bytes_max / FILE_BLOCK).to_string())
        .args(&invocation.command)
        .env_clear()
        .env("PATH", search_path())
        .env("HOME", directory)
        .env("TMPDIR", directory)
        .env("LANG", "C.UTF-8")
        .envs(
            invocation
                .environment
                .iter()
                .map(|(name, value)| (name, value)),
        )
        .current_dir(directory)
        .stdin(if invocation.stdin.is_some() {
            Stdio::piped()
        } else {
            Stdio::null()
        })
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .process_group(0)
        .kill_on_drop(true)
        .spawn()
        .map_err(|error| fault::configuration(format!("the process cannot be started: {error}")))
}

async fn collect(
    child: &mut Child,
    group: &ProcessGroup,
    stdin: Option<Vec<u8>>,
    output_bytes_max: usize,
) -> Result<Finished, Fault> {
    let input = child.stdin.take();
    let out = child.stdout.take().expect("standard output is piped");
    let err = child.stderr.take().expect("standard error is piped");
    let (mut stdout, mut stderr) = (Vec::new(), Vec::new());
    let streaming = async {
        let feeding = async {
            feed(input, stdin.unwrap_or_default()).await;
            Ok(())
        };
        tokio::try_join!(
            read("standard output", out, &mut stdout, output_bytes_max),
            read("standard error", err, &mut stderr, output_bytes_max),
            feeding
        )?;
        Ok(())
    };
    let exit = async {
        let status = child.wait().await;
        // What it left running in the background would keep the pipes open.
        group.end().await;
        status.map_err(|error| fault::runtime("Process lost", error.to_string()))
    };
    let status = until_drained(streaming, exit).await?;
    Ok(Finished {
        code: exit_code(status),
        stdout,
        stderr,
    })
}

/// Waits for the exit, and a little longer for the streams: a process that left the group may hold them open for ever.
/// What has been printed by then is the output.
async fn until_drained(
    streaming: impl Future<Output = Result<(), Fault>>,
    exit: impl Future<Output = Result<ExitStatus, Fault>>,
) -> Result<ExitStatus, Fault> {
    tokio::pin!(streaming, exit);
    tokio::select! {
        streamed = &mut streaming => {
            streamed?;
            exit.await
        }
        status = &mut exit => {
            if let Ok(streamed) = tokio::time::timeout(DRAIN_GRACE, streaming).await {
                streamed?;
            }
            status
        }
    }
}

async fn feed(input: Option<ChildStdin>, bytes: Vec<u8>) {
    if let Some(mut input) = input {
        // A process need not read its input; that it closed the pipe is no failure of the task.
        let _ = input.write_all(&bytes).await;
    }
}

async fn read(
    name: &str,
    mut stream: impl AsyncRead + Unpin,
    bytes: &mut Vec<u8>,
    bytes_max: usize,
) -> Result<(), Fault> {
    let mut chunk = vec![0; READ_CHUNK_BYTES];
    loop {
        match stream.read(&mut chunk).await {
            Ok(0) => return Ok(()),
            Ok(length) if bytes.len() + length > bytes_max => {
                return Err(output_too_large(name, bytes_max));
            }
            Ok(length) => bytes.extend_from_slice(&chunk[..length]),
            Err(error) => return Err(fault::runtime("Process output lost", error.to_string())),
        }
    }
}

pub(crate) fn output_too_large(name: &str, bytes_max: usize) -> Fault {
    fault::runtime(
        "Output too large",
        format!("{name} exceeds {bytes_max} bytes"),
    )
}

/// Returns when the group has grown beyond what is allowed.
async fn watch(leader: i32, processes_max: usize) -> Fault {
    loop {
        tokio::time::sleep(CENSUS_INTERVAL).await;
        if tokio::task::spawn_blocking(move || exceeds(leader, processes_max))
            .await
            .unwrap_or_default()
        {
            return fault::runtime(
                "Too many processes",
                format!("the command runs more than {processes_max} processes"),
            );
        }
    }
}

fn exit_code(status: ExitStatus) -> i64 {
    const SIGNALLED: i64 = 128;
    match (status.code(), status.signal()) {
        (Some(code), _) => code.into(),
        (None, Some(signal)) => SIGNALLED + i64::from(signal),
        (None, None) => SIGNALLED,
    }
}
