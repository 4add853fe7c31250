//! `ferrovia backup` and `ferrovia restore`.

use std::path::PathBuf;

use clap::Args;
use ferrovia_store::Existing;

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
    #[command(flatten)]
    data: DataArgs,
}

pub(crate) fn backup(args: &BackupArgs) -> Exit {
    let copied = args
        .data
        .directory()
        .and_then(|data| Ok(data.read()?.backup(&args.file, |_, _| {})?));
    match copied {
        Ok(()) => out::result(&format!("{}: copied", args.file.display()), Exit::Completed),
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
        data.restore(&args.file, existing)?;
        Ok(data)
    });
    match restored {
        Ok(data) => out::result(&format!("{}: restored", data.0.display()), Exit::Completed),
        Err(error) => refuse(&error),
    }
}

fn refuse(error: &anyhow::Error) -> Exit {
    out::note(format_args!("error: {error:#}"));
    Exit::Refused
}
