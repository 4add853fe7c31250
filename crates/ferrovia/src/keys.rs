//! `ferrovia keys`: API keys for programs.

use std::time::Duration;

use clap::{Args, Subcommand};
use ferrovia_expr::{Object, Value, value};
use http::Method;

use crate::args::{Output, duration};
use crate::exit::Exit;
use crate::out;
use crate::remote::{AskArgs, part};
use crate::runs::table::{align, text, time};
use crate::users::Given;

pub(crate) const EXAMPLES: &str = "Examples:
  ferrovia keys create ada --label 'the nightly import' --role operator:shop > import.key
  ferrovia keys create ada --label dashboards --role viewer --expires 90d
  ferrovia keys create ada --label webhook --only send-events
  ferrovia keys list ada
  ferrovia keys revoke ada 00112233445566ff

A key belongs to a user and may do part of what its user may, never more. It is shown once; kept is a digest.
Programs send it as `Authorization: Bearer fvk_…`; this program takes it from FERROVIA_API_KEY or --key-file.

Without --server the command asks the server that has the data directory, with the key that it left there.

Exit codes: 0 done, 2 refused";

#[derive(Args)]
pub(crate) struct KeysArgs {
    #[command(subcommand)]
    command: KeysCommand,
    #[command(flatten)]
    ask: AskArgs,
}

#[derive(Subcommand)]
enum KeysCommand {
    /// Make a key, and print it this once
    Create {
        /// The user whose key it is
        #[arg(value_name = "USER")]
        user: String,
        /// What it is for
        #[arg(long, value_name = "TEXT")]
        label: String,
        /// What it may do: as much as a role, in a namespace or in all; may be given several times
        #[arg(
            long,
            value_name = "ROLE[:NAMESPACE]",
            required_unless_present = "only"
        )]
        role: Vec<Given>,
        /// What it may do: one action, in a namespace or in all; may be given several times
        #[arg(long, value_name = "ACTION[:NAMESPACE]")]
        only: Vec<String>,
        /// When it stops to work, such as `90d`
        #[arg(long, value_name = "DURATION", value_parser = duration)]
        expires: Option<Duration>,
    },
    /// Show the keys of a user, without what they are
    List {
        #[arg(value_name = "USER")]
        user: String,
    },
    /// Make a key useless, at once
    Revoke {
        #[arg(value_name = "USER")]
        user: String,
        /// The id of the key, as `keys list` shows it: the first part after `fvk_`
        #[arg(value_name = "ID")]
        id: String,
    },
}

pub(crate) async fn keys(args: KeysArgs) -> Exit {
    out::exit(answer(&args).await)
}

async fn answer(args: &KeysArgs) -> anyhow::Result<Exit> {
    let server = args.ask.server()?;
    let shown = match &args.command {
        KeysCommand::List { user } => {
            let found = server.get(&format!("users/{}/keys", part(user))).await?;
            match args.ask.output {
                Output::Json => found.to_json_pretty(),
                Output::Text => listed(&found),
            }
        }
        KeysCommand::Revoke { user, id } => {
            let path = format!("users/{}/keys/{}", part(user), part(id));
            server.ask(Method::DELETE, &path, None).await?;
            format!("revoked {id}")
        }
        KeysCommand::Create {
            user,
            label,
            role,
            only,
            expires,
        } => {
            let mut order = Object::default();
            order.insert("label", label.as_str());
            order.insert("scopes", scopes(role, only));
            if let Some(expires) = expires {
                let seconds = i64::try_from(expires.as_secs())?;
                order.insert("expiresInSeconds", seconds);
            }
            let path = format!("users/{}/keys", part(user));
            let made = server.ask(Method::POST, &path, Some(&order.into())).await?;
            match args.ask.output {
                Output::Json => made.to_json_pretty(),
                // Alone, so that it can go into a file.
                Output::Text => text(&made, "key"),
            }
        }
    };
    Ok(out::result(&shown, Exit::Completed))
}

fn scopes(roles: &[Given], only: &[String]) -> Vec<Value> {
    let roles = roles.iter().map(|given| {
        let namespace = given.namespace.to_string();
        value!({ "actions": { "up-to": given.role.name() }, "namespace": namespace })
    });
    let only = only.iter().map(|text| {
        let (action, namespace) = text.split_once(':').unwrap_or((text, "*"));
        value!({ "actions": { "only": [action] }, "namespace": namespace })
    });
    roles.chain(only).collect()
}

fn listed(found: &Value) -> String {
    let keys = found.get("keys").and_then(Value::as_array);
    let keys: &[Value] = keys.map_or(&[], |keys| keys);
    if keys.is_empty() {
        return "no keys".to_owned();
    }
    let mut rows = vec![["ID", "LABEL", "SCOPES", "CREATED", "EXPIRES"].map(str::to_owned)];
    rows.extend(keys.iter().map(|key| {
        let scopes = key.get("scopes").and_then(Value::as_array);
        let scopes = scopes.iter().flat_map(|scopes| scopes.iter());
        let scopes: Vec<String> = scopes.map(scope).collect();
        [
            text(key, "id"),
            text(key, "label"),
            scopes.join(" "),
            time(key, "createdMs"),
            time(key, "expiresMs"),
        ]
    }));
    align(&rows)
}

fn scope(scope: &Value) -> String {
    let namespace = text(scope, "namespace");
    if let Some(role) = scope.pointer("/actions/up-to").and_then(Value::as_str) {
        return format!("{role}:{namespace}");
    }
    let only = scope.pointer("/actions/only").and_then(Value::as_array);
    let only = only.iter().flat_map(|only| only.iter());
    let only: Vec<&str> = only.filter_map(Value::as_str).collect();
    format!("{}:{namespace}", only.join(","))
}
