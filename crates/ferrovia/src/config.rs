//! The settings of a project: `ferrovia.toml`, the environment, the command line, in this order of precedence from low
//! to high. Owns their names, defaults and forms; no secret is among them.

pub(crate) mod hooks;
mod layers;
pub(crate) mod notify;
mod show;
mod units;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use ferrovia_runtime::{Limit, Limits, Retention};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub(crate) use layers::{Given, Loaded, load};
pub(crate) use show::{ConfigArgs, EXAMPLES, config};
use units::{Rate, Span};

/// The file that makes a directory a project.
pub(crate) const FILE: &str = "ferrovia.toml";

/// Settings of a Ferrovia project. Relative paths are seen from the directory of the file.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[schemars(title = "ferrovia.toml")]
pub(crate) struct Config {
    pub(crate) server: Server,
    pub(crate) data: Data,
    pub(crate) retention: Kept,
    pub(crate) limits: Bounds,
    pub(crate) network: Network,
    pub(crate) secrets: Secrets,
    pub(crate) lifecycle: notify::Lifecycle,
    pub(crate) alerts: Vec<notify::Alert>,
    pub(crate) smtp: notify::Smtp,
    pub(crate) hooks: Vec<hooks::Hook>,
}

/// What `ferrovia serve` serves, and where.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Server {
    /// Address and port; port 0 takes a free one.
    #[schemars(with = "String")]
    pub(crate) listen: SocketAddr,
    /// Listen on an address that others can reach without encryption, and even if nobody has to sign in.
    pub(crate) insecure_listen: bool,
    pub(crate) tls: TlsFiles,
    pub(crate) oidc: OidcSettings,
    /// Further names that requests may call this server by.
    pub(crate) hosts: Vec<String>,
    /// Where people find this server, such as `https://flows.example`; links in messages begin with it.
    pub(crate) public_url: Option<String>,
    /// Workflow definitions, or directories of them; the project's directory and `workflows` in it unless given.
    pub(crate) workflows: Vec<PathBuf>,
}

impl Default for Server {
    fn default() -> Self {
        Server {
            listen: SocketAddr::from(([127, 0, 0, 1], 8080)),
            insecure_listen: false,
            tls: TlsFiles::default(),
            oidc: OidcSettings::default(),
            hosts: Vec::new(),
            public_url: None,
            workflows: Vec::new(),
        }
    }
}

/// What encrypts connections: files in PEM, both or neither.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct TlsFiles {
    /// The certificates, from the server's own to the one below the root.
    pub(crate) certificate: Option<PathBuf>,
    /// The private key of the first one.
    pub(crate) key: Option<PathBuf>,
}

/// Sign-in with accounts of an OpenID Connect provider; with passwords alone unless an issuer is given.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct OidcSettings {
    /// The address of the provider, exactly as it names itself.
    pub(crate) issuer: Option<String>,
    /// What this server is called there.
    pub(crate) client_id: Option<String>,
    /// A file with the secret of the client, if it has one.
    pub(crate) client_secret_file: Option<PathBuf>,
    /// The address of this server as browsers know it; `/api/v1/oidc/callback` below it is where the provider sends them.
    pub(crate) public_url: Option<String>,
    /// The claim that decides about roles.
    pub(crate) claim: String,
    /// The roles that a value of the claim means: `ROLE` or `ROLE:NAMESPACE`.
    pub(crate) roles: BTreeMap<String, Vec<String>>,
}

impl Default for OidcSettings {
    fn default() -> Self {
        OidcSettings {
            issuer: None,
            client_id: None,
            client_secret_file: None,
            public_url: None,
            claim: "groups".to_owned(),
            roles: BTreeMap::new(),
        }
    }
}

/// Where runs are kept.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Data {
    /// The data directory; one process has it at a time.
    pub(crate) directory: PathBuf,
}

impl Default for Data {
    fn default() -> Self {
        Data {
            directory: PathBuf::from(".ferrovia"),
        }
    }
}

/// How long what has ended is kept. What has not ended always is.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Kept {
    /// Runs, after they ended, such as `90d`; for ever unless given.
    pub(crate) runs: Option<Span>,
    /// How many of the runs that ended last are kept at most; all unless given.
    pub(crate) newest: Option<usize>,
    /// How long an event is remembered, so that it is not taken twice.
    pub(crate) events: Span,
}

impl Default for Kept {
    fn default() -> Self {
        let Retention {
            runs,
            newest,
            events,
        } = Retention::default();
        Kept {
            runs: runs.map(Span),
            newest,
            events: Span(events),
        }
    }
}

impl Kept {
    pub(crate) fn retention(&self) -> Retention {
        Retention {
            runs: self.runs.map(|span| span.0),
            newest: self.newest,
            events: self.events.0,
        }
    }
}

/// How much may go out at a time.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Bounds {
    /// Effects under way, in all.
    pub(crate) concurrent: usize,
    /// What holds for connections that are not named below.
    pub(crate) each: Connection,
    /// By connection: the host of a call, with its port if that is not the one of the scheme; `shell` and `script` for
    /// processes.
    pub(crate) connections: BTreeMap<String, Connection>,
}

/// How much may go through one connection.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Connection {
    /// Effects under way.
    pub(crate) concurrent: usize,
    /// Effects that may begin, such as `10/s` or `300/m`; unlimited unless given.
    pub(crate) rate: Option<Rate>,
}

impl Default for Connection {
    fn default() -> Self {
        Connection::of(Limits::default().each)
    }
}

impl Connection {
    fn of(limit: Limit) -> Connection {
        Connection {
            concurrent: limit.concurrent,
            rate: limit.per_second.map(Rate),
        }
    }

    fn limit(&self) -> Limit {
        Limit {
            concurrent: self.concurrent,
            per_second: self.rate.map(|rate| rate.0),
        }
    }
}

impl Default for Bounds {
    fn default() -> Self {
        let Limits {
            concurrent, each, ..
        } = Limits::default();
        Bounds {
            concurrent,
            each: Connection::of(each),
            connections: BTreeMap::new(),
        }
    }
}

impl Bounds {
    pub(crate) fn limits(&self) -> Limits {
        let connections = self.connections.iter();
        Limits {
            concurrent: self.concurrent,
            each: self.each.limit(),
            connections: connections
                .map(|(name, connection)| (name.as_str().into(), connection.limit()))
                .collect(),
        }
    }
}

/// What workflows may reach.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Network {
    /// Reach these besides public addresses and this machine: a host, `*.domain`, an address, a network such as
    /// `10.0.0.0/8`, `:port`.
    pub(crate) allow: Vec<String>,
    /// Never reach these.
    pub(crate) deny: Vec<String>,
    /// Certificates (PEM) that are trusted beside the public ones.
    pub(crate) ca_certificate: Option<PathBuf>,
}

/// Where secrets come from. They are never written here.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Secrets {
    /// A JSON object of secrets by name.
    pub(crate) file: Option<PathBuf>,
    /// The key that seals the secrets of `ferrovia secrets`; `secrets.key` in the data directory unless given. It is made
    /// with the first secret. FERROVIA_SECRETS_KEY has keys instead of a file.
    pub(crate) key_file: Option<PathBuf>,
}

impl Config {
    /// Relative paths of the file, as the process sees them.
    fn seen_from(&mut self, directory: &Path, from_file: impl Fn(&str) -> bool) {
        let place = |name: &str, path: &mut PathBuf| {
            if from_file(name) && path.is_relative() {
                *path = directory.join(&*path);
            }
        };
        place("data.directory", &mut self.data.directory);
        for path in &mut self.server.workflows {
            place("server.workflows", path);
        }
        if let Some(path) = &mut self.server.tls.certificate {
            place("server.tls.certificate", path);
        }
        if let Some(path) = &mut self.server.tls.key {
            place("server.tls.key", path);
        }
        if let Some(path) = &mut self.server.oidc.client_secret_file {
            place("server.oidc.client_secret_file", path);
        }
        if let Some(path) = &mut self.network.ca_certificate {
            place("network.ca_certificate", path);
        }
        if let Some(path) = &mut self.secrets.file {
            place("secrets.file", path);
        }
        if let Some(path) = &mut self.secrets.key_file {
            place("secrets.key_file", path);
        }
    }
}

/// The JSON Schema of the file, for editors.
pub(crate) fn schema() -> String {
    let schema = schemars::schema_for!(Config);
    serde_json::to_string_pretty(&schema).expect("a schema is JSON")
}
