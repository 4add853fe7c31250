//! `ferrovia config`: what holds and why, and the form of the file.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use serde_json::{Map, Value};

use super::{load, schema};
use crate::args::Output;
use crate::exit::Exit;
use crate::out;

pub(crate) const EXAMPLES: &str = "Examples:
  ferrovia config show
  FERROVIA__SERVER__LISTEN=127.0.0.1:9000 ferrovia config show --output json
  ferrovia config schema > ferrovia.schema.json
  Then, as the first line of ferrovia.toml, for editors:
  #:schema ferrovia.schema.json

A setting comes from the command line, else from the environment (FERROVIA__SECTION__NAME), else from ferrovia.toml in the
current directory or one above it, else it is the default.";

#[derive(Args)]
pub(crate) struct ConfigArgs {
    #[command(subcommand)]
    what: What,
}

#[derive(Subcommand)]
enum What {
    /// Print all settings, each with where it comes from
    Show {
        /// The file of settings
        #[arg(long, value_name = "FILE", env = "FERROVIA_CONFIG")]
        config: Option<PathBuf>,
        #[arg(long, value_enum, default_value_t)]
        output: Output,
    },
    /// Print the JSON Schema of ferrovia.toml
    Schema,
}

pub(crate) fn config(args: &ConfigArgs) -> Exit {
    match &args.what {
        What::Schema => out::result(&schema(), Exit::Completed),
        What::Show { config, output } => match load(config.as_deref(), Vec::new()) {
            Ok(loaded) => out::result(&shown(&loaded.origins, *output), Exit::Completed),
            Err(error) => {
                out::note(format_args!("error: {error:#}"));
                Exit::Refused
            }
        },
    }
}

fn shown(origins: &std::collections::BTreeMap<String, (Value, String)>, output: Output) -> String {
    match output {
        Output::Json => {
            let settings = origins.iter().map(|(name, (value, origin))| {
                let setting = Map::from_iter([
                    ("value".to_owned(), value.clone()),
                    ("origin".to_owned(), origin.as_str().into()),
                ]);
                (name.clone(), Value::Object(setting))
            });
            let settings = Value::Object(settings.collect());
            format!("{settings:#}")
        }
        Output::Text => {
            let lines: Vec<(String, &str)> = origins
                .iter()
                .filter(|(_, (value, _))| !value.is_null())
                .map(|(name, (value, origin))| (format!("{name} = {value}"), origin.as_str()))
                .collect();
            let width = lines.iter().map(|(line, _)| line.chars().count()).max();
            let width = width.unwrap_or(0).min(60);
            let lines = lines
                .iter()
                .map(|(line, origin)| format!("{line:width$}  # {origin}"));
            lines.collect::<Vec<_>>().join("\n")
        }
    }
}
