//! What definitions refer to, loaded before they are compiled: function files and schemas.

use std::path::Path;
use std::time::Duration;

use ferrovia_connect::resource::{Loader, function_uri};
use ferrovia_connect::{ConnectConfig, Connectors};
use ferrovia_dsl::compile::{FunctionSource, Link, Links, Reference, references};
use ferrovia_dsl::source::Node;
use ferrovia_expr::Value;

use crate::args::ReachArgs;

/// Documents that one definition may pull in, directly or through others.
const LINKS_MAX: usize = 200;
/// How long one of them may take.
const LINK_TIMEOUT: Duration = Duration::from_secs(15);
/// Where the runtime's own catalog lies, seen from a definition.
const OWN_CATALOG: &str = "functions";

/// What the command line lets definitions reach.
pub(crate) struct Reach {
    pub(crate) connectors: Connectors,
    pub(crate) secrets_in_data: bool,
    offline: bool,
}

impl Reach {
    /// Connects as the command line says, with relative paths seen from a directory.
    pub(crate) fn new(args: &ReachArgs, directory: &Path) -> anyhow::Result<Reach> {
        let mut config = ConnectConfig {
            base_dir: Some(directory.to_owned()),
            ..ConnectConfig::default()
        };
        config.egress = config
            .egress
            .allow(args.allow_net.clone())
            .deny(args.deny_net.clone());
        if let Some(path) = &args.ca_cert {
            let pem = std::fs::read_to_string(path)
                .map_err(|error| anyhow::anyhow!("{}: {error}", path.display()))?;
            config.extra_roots_pem = Some(pem);
        }
        Ok(Reach {
            connectors: Connectors::new(&config)?,
            secrets_in_data: args.secrets_in_data,
            offline: args.offline,
        })
    }

    /// Loads everything a definition refers to. What cannot be loaded is kept as the reason why.
    pub(crate) async fn links(&self, root: &Node, directory: &Path) -> Links {
        let mut links = Links::default();
        let mut wanted = references(root, root);
        while let Some(reference) = wanted.pop() {
            if links.0.contains_key(&reference.key) {
                continue;
            }
            let loaded = if links.0.len() >= LINKS_MAX {
                Err(format!(
                    "the definition refers to more than {LINKS_MAX} other documents"
                ))
            } else {
                self.link(&reference, directory).await
            };
            if let Some(document) = loaded.as_ref().ok().and_then(Link::document) {
                wanted.extend(references(root, document));
            }
            links.0.insert(reference.key, loaded);
        }
        links
    }

    async fn link(&self, reference: &Reference, directory: &Path) -> Result<Link, String> {
        match &reference.source {
            FunctionSource::Function { uri } => {
                Link::parse_function(&self.text(uri, None, directory).await?)
            }
            FunctionSource::Cataloged {
                endpoint: None,
                name,
                version,
                ..
            } => {
                let path = format!("{OWN_CATALOG}/{name}/{version}/function.yaml");
                Link::parse_function(&self.text(&path, None, directory).await?)
            }
            FunctionSource::Cataloged {
                endpoint: Some(endpoint),
                authentication,
                name,
                version,
            } => {
                let uri = cataloged(endpoint, name, version)?;
                Link::parse_function(&self.text(&uri, authentication.as_ref(), directory).await?)
            }
            FunctionSource::Schema {
                uri,
                authentication,
            } => Link::parse(&self.text(uri, authentication.as_ref(), directory).await?),
        }
    }

    async fn text(
        &self,
        uri: &str,
        authentication: Option<&Value>,
        directory: &Path,
    ) -> Result<String, String> {
        if self.offline && (uri.starts_with("http://") || uri.starts_with("https://")) {
            return Err("nothing is loaded from the network with --offline".to_owned());
        }
        let loader: &Loader = &self.connectors.loader;
        let loaded = tokio::time::timeout(
            LINK_TIMEOUT,
            loader.load(uri, authentication, Some(directory)),
        )
        .await;
        let resource = match loaded {
            Ok(Ok(resource)) => resource,
            Ok(Err(fault)) => return Err(fault.detail.unwrap_or(fault.title)),
            Err(_) => {
                return Err(format!(
                    "{uri} did not answer within {} s",
                    LINK_TIMEOUT.as_secs()
                ));
            }
        };
        String::from_utf8(resource.bytes.to_vec()).map_err(|_| format!("{uri} is not UTF-8 text"))
    }
}

/// Where a catalog keeps a function: below a URL, or below a path relative to the definition.
fn cataloged(endpoint: &str, name: &str, version: &str) -> Result<String, String> {
    match url::Url::parse(endpoint) {
        Ok(endpoint) => function_uri(&endpoint, name, version)
            .map(String::from)
            .map_err(|error| error.to_string()),
        Err(_) => Ok(format!(
            "{}/functions/{name}/{version}/function.yaml",
            endpoint.trim_end_matches('/')
        )),
    }
}
