//! `ferrovia init`: the files of a small project. Overwrites nothing.

use std::fs::{self, OpenOptions};
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use clap::Args;

use crate::exit::Exit;
use crate::out;

pub(crate) const EXAMPLES: &str = "Examples:
  ferrovia init
  ferrovia init orders && cd orders && ferrovia serve

It writes ferrovia.toml, workflows/hello.yaml, README.md and .gitignore. If one of them is there, it writes nothing.

Exit codes: 0 done, 2 refused";

/// What a project begins with.
const FILES: [(&str, &str); 4] = [
    ("ferrovia.toml", include_str!("init/ferrovia.toml")),
    ("workflows/hello.yaml", include_str!("init/hello.yaml")),
    ("README.md", include_str!("init/README.md")),
    (".gitignore", include_str!("init/gitignore")),
];

#[derive(Args)]
pub(crate) struct InitArgs {
    /// The directory of the project; the current one unless given
    #[arg(value_name = "DIR", default_value = ".")]
    directory: PathBuf,
}

pub(crate) fn init(args: &InitArgs) -> Exit {
    match write(&args.directory) {
        Ok(()) => {
            let names = FILES.map(|(name, _)| args.directory.join(name).display().to_string());
            out::note(
                "start it with `ferrovia serve` there, and try `ferrovia run workflows/hello.yaml`",
            );
            out::result(&names.join("\n"), Exit::Completed)
        }
        Err(error) => {
            out::note(format_args!("error: {error:#}"));
            Exit::Refused
        }
    }
}

fn write(directory: &Path) -> anyhow::Result<()> {
    let there = FILES.map(|(name, _)| directory.join(name));
    if let Some(path) = there.iter().find(|path| path.symlink_metadata().is_ok()) {
        bail!("{} is there already; nothing was written", path.display());
    }
    for (name, text) in FILES {
        let path = directory.join(name);
        if let Some(parent) = path.parent() {
            fs::create_dir_all(parent).with_context(|| parent.display().to_string())?;
        }
        // One that came to be meanwhile stays, too.
        let written = OpenOptions::new().write(true).create_new(true).open(&path);
        let written = written.and_then(|mut file| file.write_all(text.as_bytes()));
        match written {
            Err(error) if error.kind() == ErrorKind::AlreadyExists => {
                bail!("{} is there already", path.display())
            }
            written => written.with_context(|| path.display().to_string())?,
        }
    }
    Ok(())
}
