//! Child processes: shell commands, and scripts that need an interpreter of their own.
//!
//! Owns how a process is started, bounded and ended. A process gets a cleared environment, a fresh directory that is
//! removed afterwards, and a process group that is killed as a whole when the call ends, however it ends. This bounds
//! what a command uses; it is no sandbox: a command may read what the user running Ferrovia may read. A process that makes
//! itself a group of its own (`setsid`) is found by its directory and environment, unless it hides both on purpose.

mod group;
mod inputs;
mod report;
mod run;
mod shell;

pub(crate) use inputs::{Inputs, is_identifier};
pub(crate) use report::{Finished, ReturnForm};
pub(crate) use run::{Invocation, Processes, output_too_large, search_path};
pub(crate) use shell::{ShellExecutor, check_text, fresh_directory};
