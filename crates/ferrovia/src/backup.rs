//! `ferrovia backup` and `ferrovia restore`.

use std::io::IsTerminal;
use std::path::{Path, PathBuf};

use clap::Args;
use ferrovia_expr::{Object, Value};
use ferrovia_store::Existing;

use crate::args::Output;
use crate::data::DataArgs;
use crate::exit::Exit;
use crate::out;

pub(crate) const BACKUP_EXAMPLES: &str = "Examples:
  ferrovia backup backups/monday.db
  ferrovia backup monday.db --data /var/lib/ferrovia

A server may go on meanwhile: the copy is the store as it is at one moment, and is checked before it gets its name.

Exit codes: 0 copied, 2 refused";

pub(crate) const RESTORE_EXAMPLES: &str = "Examples:
  ferrovia restore backups/monday.db --data restored
  ferrovia restore backups/monday.db --replace

Exit codes: 0 put back, 2 refused; then everything is as it was";

#[derive(Args)]
pub(crate) struct BackupArgs {
    /// Where the copy goes; it must not exist
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// How the result is printed
    #[arg(long, value_enum, default_value_t)]
    output: Output,
    #[command(flatten)]
    data: DataArgs,
}

#[derive(Args)]
pub(crate) struct RestoreArgs {
    /// The copy
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// Put it in the place of a store that is there
    #[arg(long)]
    replace: bool,
    /// How the result is printed
    #[arg(long, value_enum, default_value_t)]
    output: Output,
    #[command(flatten)]
    data: DataArgs,
}

pub(crate) fn backup(args: &BackupArgs) -> Exit {
    let copied = args
        .data
        .directory()
        .and_then(|data| Ok(data.read()?.backup(&args.file, progress())?));
    match copied {
        Ok(()) => print(args.output, "copied", &args.file),
        Err(error) => refuse(&error),
    }
}

pub(crate) fn restore(args: &RestoreArgs) -> Exit {
    let existing = if args.replace {
        Existing::Replace
    } else {
        Existing::Refuse
    };
    let restored = args.data.directory().and_then(|data| {
        data.restore(&args.file, existing, progress())?;
        Ok(data)
    });
    match restored {
        Ok(data) => print(args.output, "restored", &data.0),
        Err(error) => refuse(&error),
    }
}

fn print(output: Output, what: &str, place: &Path) -> Exit {
    let text = match output {
        Output::Text => format!("{}: {what}", place.display()),
        Output::Json => {
            let mut done = Object::default();
            done.insert(what, place.to_string_lossy().into_owned());
            Value::from(done).to_json()
        }
    };
    out::result(&text, Exit::Completed)
}

/// Says on a terminal how far it is: pages that are copied, of all.
fn progress() -> impl FnMut(u64, u64) {
    let watched = std::io::stderr().is_terminal();
    let mut told = None;
    move |done, all| {
        let percent = done * 100 / all.max(1);
        if watched && told != Some(percent) {
            told = Some(percent);
            out::control(out::CLEAR);
            if done < all {
                out::raw(format_args!("{percent} %"));
            }
        }
    }
}

fn refuse(error: &anyhow::Error) -> Exit {
    out::note(format_args!("error: {error:#}"));
    Exit::Refused
}
