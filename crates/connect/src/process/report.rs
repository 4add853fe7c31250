//! What of a finished process becomes the task's output.

use ferrovia_expr::{Object, Value};
use ferrovia_runtime::port::Fault;

use crate::arguments::Arguments;
use crate::fault;

/// A process, or a script run in this process, that came to its end.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Finished {
    /// The exit code; 128 and the signal's number when a signal ended it.
    pub(crate) code: i64,
    pub(crate) stdout: Vec<u8>,
    pub(crate) stderr: Vec<u8>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ReturnForm {
    Stdout,
    Stderr,
    Code,
    All,
    None,
}

impl ReturnForm {
    pub(crate) fn parse(arguments: Arguments<'_>) -> Result<Self, Fault> {
        match arguments.text("return")? {
            None | Some("stdout") => Ok(Self::Stdout),
            Some("stderr") => Ok(Self::Stderr),
            Some("code") => Ok(Self::Code),
            Some("all") => Ok(Self::All),
            Some("none") => Ok(Self::None),
            Some(other) => Err(fault::validation(format!(
                "`return` must be stdout, stderr, code, all or none, not `{other}`"
            ))),
        }
    }

    pub(crate) fn output(self, finished: &Finished) -> Value {
        match self {
            Self::Stdout => text(&finished.stdout),
            Self::Stderr => text(&finished.stderr),
            Self::Code => finished.code.into(),
            Self::All => {
                let all: Object = [
                    ("code", finished.code.into()),
                    ("stdout", text(&finished.stdout)),
                    ("stderr", text(&finished.stderr)),
                ]
                .into_iter()
                .collect();
                all.into()
            }
            Self::None => Value::Null,
        }
    }
}

/// As text, without the final line break that almost every program prints.
fn text(bytes: &[u8]) -> Value {
    let text = String::from_utf8_lossy(bytes);
    let text = text
        .strip_suffix('\n')
        .map_or(&*text, |text| text.strip_suffix('\r').unwrap_or(text));
    text.into()
}
