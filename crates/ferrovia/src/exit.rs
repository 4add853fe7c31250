//! Exit codes: part of the contract of the command line.

use std::process::ExitCode;

/// How the program ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Exit {
    Completed,
    /// Something in Ferrovia itself is wrong.
    Internal,
    /// The definition or the usage was refused; nothing ran.
    Refused,
    Faulted,
    Cancelled,
    Waiting,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> ExitCode {
        ExitCode::from(match exit {
            Exit::Completed => 0,
            Exit::Internal => 1,
            Exit::Refused => 2,
            Exit::Faulted => 3,
            Exit::Cancelled => 4,
            Exit::Waiting => 5,
        })
    }
}
