//! The two streams. Results go to standard output byte for byte; everything else is a note on standard error. A
//! reader that has gone away ends nothing: `| head -1` is no failure.

use std::fmt::Display;
use std::io::{ErrorKind, Write};

use crate::exit::Exit;

/// For [`control`]: back to the first column, and nothing on the line.
pub(crate) const CLEAR: &str = "\r\x1b[2K";

/// Writes a result; where that is impossible, the program must not end as if all was well.
pub(crate) fn result(text: &str, exit: Exit) -> Exit {
    let mut stream = std::io::stdout().lock();
    match writeln!(stream, "{text}").and_then(|()| stream.flush()) {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => {
            note(format_args!("error: the result cannot be written: {error}"));
            Exit::Internal
        }
        _ => exit,
    }
}

/// How a command ends; what went wrong is said.
pub(crate) fn exit(ended: anyhow::Result<Exit>) -> Exit {
    ended.unwrap_or_else(|error| {
        note(format_args!("error: {error:#}"));
        Exit::Refused
    })
}

/// Writes a line for people. Colours are taken out again where standard error is no terminal.
pub(crate) fn note(text: impl Display) {
    raw(format_args!("{text}\n"));
}

/// Like [`note`], but the line goes on.
pub(crate) fn raw(text: impl Display) {
    // Where standard error cannot be written, there is nobody to tell.
    let _ = write!(anstream::stderr().lock(), "{text}");
}

/// Steers the terminal: for who knows that standard error is one.
pub(crate) fn control(sequence: &str) {
    let _ = std::io::stderr().lock().write_all(sequence.as_bytes());
}

/// A text from elsewhere without what a terminal would obey.
pub(crate) fn harmless(text: &str) -> String {
    text.chars()
        .map(|c| if c.is_control() { '\u{fffd}' } else { c })
        .collect()
}
