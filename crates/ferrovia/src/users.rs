//! `ferrovia users`: who may come in to a server, and what they are where.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

use anyhow::{Context, bail};
use clap::{Args, Subcommand};
use ferrovia_expr::{Object, Value, value};
use ferrovia_server::access::{Namespaces, Role};
use http::Method;

use crate::args::Output;
use crate::exit::Exit;
use crate::out;
use crate::read::Source;
use crate::remote::{AskArgs, Server, part};
use crate::runs::table::{align, text, time};

/// A file with a password.
const PASSWORD_FILE_BYTES_MAX: u64 = 2_048;

pub(crate) const EXAMPLES: &str = "Examples:
  ferrovia users add ada --role administrator --password-file ada.txt
  pass show ferrovia/bob | ferrovia users add bob --role operator:shop --role viewer:billing
  ferrovia users role bob editor:shop
  ferrovia users role bob none:billing
  ferrovia users list --server https://flows.example.com --key-file admin.key
  ferrovia users remove bob

Roles are viewer, operator, editor and administrator, each with all that those before it may. One without a namespace
holds in all of them. The first administrator ends the time when nobody had to sign in.

Without --server the command asks the server that has the data directory, with the key that it left there.

Exit codes: 0 done, 2 refused";

#[derive(Args)]
pub(crate) struct UsersArgs {
    #[command(subcommand)]
    command: UsersCommand,
    #[command(flatten)]
    ask: AskArgs,
}

#[derive(Subcommand)]
enum UsersCommand {
    /// Add a user
    Add {
        #[arg(value_name = "NAME")]
        name: String,
        /// A role, and the namespace where it holds; may be given several times
        #[arg(long, value_name = "ROLE[:NAMESPACE]")]
        role: Vec<Given>,
        #[command(flatten)]
        password: PasswordArgs,
    },
    /// Show all users
    List,
    /// Remove a user, with all sessions and keys
    Remove {
        #[arg(value_name = "NAME")]
        name: String,
    },
    /// Give a user another password, and end the sessions
    Password {
        #[arg(value_name = "NAME")]
        name: String,
        #[command(flatten)]
        password: PasswordArgs,
    },
    /// Make a user something in a namespace, or nothing
    Role {
        #[arg(value_name = "NAME")]
        name: String,
        #[arg(value_name = "ROLE[:NAMESPACE]|none[:NAMESPACE]", required = true)]
        role: Vec<Change>,
    },
}

#[derive(Args)]
struct PasswordArgs {
    /// The first line of this file is the password; standard input unless given
    #[arg(long, value_name = "FILE")]
    password_file: Option<PathBuf>,
}

/// A role and where it holds, as it is written on the command line.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Given {
    pub(crate) role: Role,
    pub(crate) namespace: Namespaces,
}

/// What somebody is to be in a namespace.
#[derive(Clone, Debug, PartialEq)]
struct Change {
    role: Option<Role>,
    namespace: Namespaces,
}

impl FromStr for Change {
    type Err = String;
    fn from_str(text: &str) -> Result<Change, String> {
        let (role, namespace) = text.split_once(':').unwrap_or((text, "*"));
        let known = Role::EACH.into_iter().find(|known| known.name() == role);
        if known.is_none() && role != "none" {
            let roles = Role::EACH.map(Role::name).join(", ");
            return Err(format!("`{role}` is no role; there is {roles}"));
        }
        let namespace = Namespaces::try_from(namespace.to_owned());
        let namespace = namespace.map_err(|error| error.to_string())?;
        Ok(Change {
            role: known,
            namespace,
        })
    }
}

impl FromStr for Given {
    type Err = String;
    fn from_str(text: &str) -> Result<Given, String> {
        let Change { role, namespace } = text.parse()?;
        let role = role.ok_or("`none` is no role")?;
        Ok(Given { role, namespace })
    }
}

impl fmt::Display for Given {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}:{}", self.role.name(), self.namespace)
    }
}

impl Given {
    fn wire(&self) -> Value {
        value!({ "role": self.role.name(), "namespace": self.namespace.to_string() })
    }
}

pub(crate) async fn users(args: UsersArgs) -> Exit {
    out::exit(answer(&args).await)
}

async fn answer(args: &UsersArgs) -> anyhow::Result<Exit> {
    let server = args.ask.server()?;
    let done = |what: String| Ok(out::result(&what, Exit::Completed));
    match &args.command {
        UsersCommand::List => {
            let found = server.get("users").await?;
            let shown = match args.ask.output {
                Output::Json => found.to_json_pretty(),
                Output::Text => listed(&found),
            };
            done(shown)
        }
        UsersCommand::Add {
            name,
            role,
            password,
        } => {
            let mut order = Object::default();
            order.insert("name", name.as_str());
            order.insert("password", password.read()?);
            order.insert("roles", role.iter().map(Given::wire).collect::<Vec<_>>());
            let order = order.into();
            let made = server.ask(Method::POST, "users", Some(&order)).await?;
            done(match args.ask.output {
                Output::Json => made.to_json_pretty(),
                Output::Text => format!("added {}", text(&made, "name")),
            })
        }
        UsersCommand::Remove { name } => {
            let path = format!("users/{}", part(name));
            server.ask(Method::DELETE, &path, None).await?;
            done(format!("removed {name}"))
        }
        UsersCommand::Password { name, password } => {
            let path = format!("users/{}/password", part(name));
            let order = value!({ "password": password.read()? });
            server.ask(Method::PUT, &path, Some(&order)).await?;
            done(format!("changed the password of {name}"))
        }
        UsersCommand::Role { name, role } => {
            change(&server, name, role).await?;
            done(format!("changed the roles of {name}"))
        }
    }
}

/// Each change replaces what the user is in its namespace, and leaves the others.
async fn change(server: &Server, name: &str, changes: &[Change]) -> anyhow::Result<()> {
    let found = server.get("users").await?;
    let users = found.get("users").and_then(Value::as_array);
    let wanted = name.trim().to_lowercase();
    let mut users = users.iter().flat_map(|users| users.iter());
    let user = users.find(|user| text(user, "name") == wanted);
    let user = user.with_context(|| format!("there is no user {name}"))?;
    let mut roles = granted(user);
    for change in changes {
        roles.retain(|known| known.namespace != change.namespace);
        roles.extend(change.role.map(|role| Given {
            role,
            namespace: change.namespace.clone(),
        }));
    }
    let roles: Vec<Value> = roles.iter().map(Given::wire).collect();
    let path = format!("users/{}/roles", part(&wanted));
    let order = value!({ "roles": roles });
    server.ask(Method::PUT, &path, Some(&order)).await?;
    Ok(())
}

/// The roles of a user as a server shows them.
fn granted(user: &Value) -> Vec<Given> {
    let roles = user.get("roles").and_then(Value::as_array);
    let roles = roles.iter().flat_map(|roles| roles.iter());
    let read = |role: &Value| format!("{}:{}", text(role, "role"), text(role, "namespace"));
    roles.filter_map(|role| read(role).parse().ok()).collect()
}

fn listed(found: &Value) -> String {
    let users = found.get("users").and_then(Value::as_array);
    let users: &[Value] = users.map_or(&[], |users| users);
    if users.is_empty() {
        return "no users: nobody has to sign in".to_owned();
    }
    let mut rows = vec![["NAME", "ROLES", "CREATED"].map(str::to_owned)];
    rows.extend(users.iter().map(|user| {
        let roles: Vec<String> = granted(user).iter().map(Given::to_string).collect();
        [text(user, "name"), roles.join(" "), time(user, "createdMs")]
    }));
    align(&rows)
}

impl PasswordArgs {
    /// Never from the command line, which every user of the machine can see.
    fn read(&self) -> anyhow::Result<String> {
        let source = match &self.password_file {
            Some(path) => Source::File(path),
            None => Source::StandardInput,
        };
        let read = source.text(PASSWORD_FILE_BYTES_MAX);
        let read = read.map_err(|why| anyhow::anyhow!("{}: {why}", source.name()))?;
        let line = read.lines().next().unwrap_or_default();
        if line.is_empty() {
            bail!("{}: there is no password in the first line", source.name());
        }
        Ok(line.to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn roles_are_written_with_their_namespace() {
        for (written, shown) in [
            ("administrator", Some("administrator:*")),
            ("operator:shop", Some("operator:shop")),
            ("viewer:*", Some("viewer:*")),
            ("none:shop", None),
            ("root", None),
            ("operator:", None),
            ("operator:a/b", None),
        ] {
            let given = written.parse::<Given>().ok();
            assert_eq!(
                given.map(|given| given.to_string()).as_deref(),
                shown,
                "{written}"
            );
        }
        assert_eq!(
            "none:shop".parse::<Change>().map(|change| change.role),
            Ok(None)
        );
    }
}
