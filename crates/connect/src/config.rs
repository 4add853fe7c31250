//! What the program's configuration decides about connectors.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use crate::egress::{EgressPolicy, Lookup, SystemLookup};

/// Everything the executors of this crate are built from.
#[derive(Clone)]
pub struct ConnectConfig {
    pub egress: EgressPolicy,
    /// Certificates (PEM, any number of them) trusted beside the public roots.
    pub extra_roots_pem: Option<String>,
    pub lookup: Arc<dyn Lookup>,
    pub http: HttpLimits,
    pub process: ProcessLimits,
    pub javascript: JavaScriptLimits,
    /// Where relative paths and `file:` resources are looked for, and what they may not leave.
    pub base_dir: Option<PathBuf>,
    pub file_access: FileAccess,
}

impl Default for ConnectConfig {
    /// As for a local run: see [`EgressPolicy::for_local_run`].
    fn default() -> Self {
        Self {
            egress: EgressPolicy::for_local_run(),
            extra_roots_pem: None,
            lookup: Arc::new(SystemLookup),
            http: HttpLimits::default(),
            process: ProcessLimits::default(),
            javascript: JavaScriptLimits::default(),
            base_dir: None,
            file_access: FileAccess::InsideBaseDir,
        }
    }
}

/// Which local files may be read as resources.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FileAccess {
    InsideBaseDir,
    Anywhere,
}

#[derive(Debug, Clone, Copy)]
pub struct HttpLimits {
    /// Largest answer, after decompression.
    pub response_bytes_max: usize,
    pub connect_timeout: Duration,
    /// For one call with all its redirects, where the call brings no limit of its own.
    pub total_timeout: Duration,
}

pub const RESPONSE_BYTES_MAX: usize = 25 * 1024 * 1024;
pub const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
pub const TOTAL_TIMEOUT: Duration = Duration::from_secs(60);

impl Default for HttpLimits {
    fn default() -> Self {
        Self {
            response_bytes_max: RESPONSE_BYTES_MAX,
            connect_timeout: CONNECT_TIMEOUT,
            total_timeout: TOTAL_TIMEOUT,
        }
    }
}

#[derive(Debug, Clone, Copy)]
pub struct ProcessLimits {
    /// Of standard output and standard error, each.
    pub output_bytes_max: usize,
    /// Wall-clock time, where the call brings no limit of its own.
    pub time_limit: Duration,
    /// Processor time of each process.
    pub cpu_seconds_max: u64,
    /// Address space of each process.
    pub memory_bytes_max: u64,
    /// Largest file a process may write.
    pub file_bytes_max: u64,
    /// Processes alive at once in the group of one command.
    pub processes_max: usize,
    /// Commands and Python scripts running at once; further ones wait.
    pub concurrent_max: usize,
}

pub const PROCESS_OUTPUT_BYTES_MAX: usize = 2 * 1024 * 1024;
pub const PROCESS_TIME_LIMIT: Duration = Duration::from_secs(60);
pub const PROCESS_CPU_SECONDS_MAX: u64 = 60;
pub const PROCESS_MEMORY_BYTES_MAX: u64 = 2 * 1024 * 1024 * 1024;
pub const PROCESS_FILE_BYTES_MAX: u64 = 100 * 1024 * 1024;
pub const PROCESSES_MAX: usize = 64;
pub const CONCURRENT_COMMANDS_MAX: usize = 64;

impl Default for ProcessLimits {
    fn default() -> Self {
        Self {
            output_bytes_max: PROCESS_OUTPUT_BYTES_MAX,
            time_limit: PROCESS_TIME_LIMIT,
            cpu_seconds_max: PROCESS_CPU_SECONDS_MAX,
            memory_bytes_max: PROCESS_MEMORY_BYTES_MAX,
            file_bytes_max: PROCESS_FILE_BYTES_MAX,
            processes_max: PROCESSES_MAX,
            concurrent_max: CONCURRENT_COMMANDS_MAX,
        }
    }
}

#[derive(Debug, Clone, Copy)]
pub struct JavaScriptLimits {
    pub memory_bytes_max: usize,
    pub stack_bytes_max: usize,
    /// Of standard output and standard error, each.
    pub output_bytes_max: usize,
    /// Where the call brings no limit of its own.
    pub time_limit: Duration,
    /// Scripts running at once, each on a thread of its own; further ones wait.
    pub concurrent_max: usize,
}

pub const CONCURRENT_SCRIPTS_MAX: usize = 16;
pub const JAVASCRIPT_MEMORY_BYTES_MAX: usize = 128 * 1024 * 1024;
pub const JAVASCRIPT_STACK_BYTES_MAX: usize = 512 * 1024;
pub const JAVASCRIPT_TIME_LIMIT: Duration = Duration::from_secs(30);

impl Default for JavaScriptLimits {
    fn default() -> Self {
        Self {
            memory_bytes_max: JAVASCRIPT_MEMORY_BYTES_MAX,
            stack_bytes_max: JAVASCRIPT_STACK_BYTES_MAX,
            output_bytes_max: PROCESS_OUTPUT_BYTES_MAX,
            time_limit: JAVASCRIPT_TIME_LIMIT,
            concurrent_max: CONCURRENT_SCRIPTS_MAX,
        }
    }
}
