//! `ferrovia secrets`: what workflows name as `$secrets.NAME`. A secret goes in, and never comes out.

use std::path::PathBuf;

use anyhow::{Context, bail};
use clap::{Args, Subcommand};
use ferrovia_expr::{Value, value};
use http::Method;

use crate::args::Output;
use crate::exit::Exit;
use crate::out;
use crate::read::Source;
use crate::remote::{AskArgs, part};
use crate::runs::table::{align, text};

/// More than a server keeps, so that it is the server that says so.
const SECRET_READ_BYTES_MAX: u64 = 1024 * 1024;

pub(crate) const EXAMPLES: &str = "Examples:
  pass show shop/api-key | ferrovia secrets set shop/apiKey
  ferrovia secrets set '*/smtp' --json --file smtp.json
  ferrovia secrets list
  ferrovia secrets remove shop/apiKey
  ferrovia secrets rotate-key

The name has the namespace of the workflows that may use the secret before it; `*` is for all that have none of that name.
The value comes from standard input or a file, never from the command line, which every user of the machine can see.
It is kept sealed; the key is in a file beside the store, see `secrets.key_file` of ferrovia.toml. Nothing shows a secret.

Without --server the command asks the server that has the data directory, with the key that it left there.

Exit codes: 0 done, 2 refused";

#[derive(Args)]
pub(crate) struct SecretsArgs {
    #[command(subcommand)]
    command: SecretsCommand,
    #[command(flatten)]
    ask: AskArgs,
}

#[derive(Subcommand)]
enum SecretsCommand {
    /// Set a secret; one that is there is replaced
    Set {
        #[arg(value_name = "NAMESPACE/NAME")]
        name: String,
        /// This file is the secret; standard input unless given. One line break at its end is not part of it
        #[arg(long, value_name = "FILE")]
        file: Option<PathBuf>,
        /// It is JSON, such as an object with user and password
        #[arg(long)]
        json: bool,
    },
    /// Show the names of secrets
    List,
    /// Remove a secret
    Remove {
        #[arg(value_name = "NAMESPACE/NAME")]
        name: String,
    },
    /// Seal all secrets under a new key, and forget the one before
    RotateKey,
}

pub(crate) async fn secrets(args: SecretsArgs) -> Exit {
    out::exit(answer(&args).await)
}

async fn answer(args: &SecretsArgs) -> anyhow::Result<Exit> {
    let shown = match &args.command {
        SecretsCommand::Set { name, file, json } => {
            let path = path(name)?;
            let order = value!({ "value": read(file.as_ref(), *json)? });
            let server = args.ask.server()?;
            server.ask(Method::PUT, &path, Some(&order)).await?;
            format!("set {name}")
        }
        SecretsCommand::Remove { name } => {
            let server = args.ask.server()?;
            server.ask(Method::DELETE, &path(name)?, None).await?;
            format!("removed {name}")
        }
        SecretsCommand::List => {
            let found = args.ask.server()?.get("secrets").await?;
            match args.ask.output {
                Output::Json => found.to_json_pretty(),
                Output::Text => listed(&found),
            }
        }
        SecretsCommand::RotateKey => {
            let server = args.ask.server()?;
            let path = "secrets/rotate-key";
            let rotated = server.ask(Method::POST, path, None).await?;
            let resealed = rotated.get("resealed").and_then(Value::as_i64);
            match args.ask.output {
                Output::Json => rotated.to_json_pretty(),
                Output::Text => format!(
                    "sealed {} under the key {}",
                    resealed.unwrap_or_default(),
                    text(&rotated, "key")
                ),
            }
        }
    };
    Ok(out::result(&shown, Exit::Completed))
}

fn path(name: &str) -> anyhow::Result<String> {
    let (namespace, name) = name
        .split_once('/')
        .with_context(|| format!("`{name}` has no namespace; write NAMESPACE/NAME, or '*/NAME'"))?;
    Ok(format!("secrets/{}/{}", part(namespace), part(name)))
}

fn read(file: Option<&PathBuf>, json: bool) -> anyhow::Result<Value> {
    let source = match file {
        Some(path) => Source::File(path),
        None => Source::StandardInput,
    };
    let text = source.text(SECRET_READ_BYTES_MAX);
    let text = text.map_err(|why| anyhow::anyhow!("{}: {why}", source.name()))?;
    if json {
        // What is wrong with it would quote it.
        let value = Value::parse_json(&text);
        return value.map_err(|_| anyhow::anyhow!("{}: this is not JSON", source.name()));
    }
    let text = text.strip_suffix('\n').unwrap_or(&text);
    let text = text.strip_suffix('\r').unwrap_or(text);
    if text.is_empty() {
        bail!("{}: there is no secret in it", source.name());
    }
    Ok(text.into())
}

fn listed(found: &Value) -> String {
    let secrets = found.get("secrets").and_then(Value::as_array);
    let secrets: &[Value] = secrets.map_or(&[], |secrets| secrets);
    if secrets.is_empty() {
        return "no secrets".to_owned();
    }
    let mut rows = vec![["NAMESPACE", "NAME"].map(str::to_owned)];
    let row = |secret: &Value| [text(secret, "namespace"), text(secret, "name")];
    rows.extend(secrets.iter().map(row));
    align(&rows)
}
