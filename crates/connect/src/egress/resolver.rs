//! Name resolution that hands out only addresses the policy permits.
//!
//! The HTTP client connects to exactly the addresses returned here, so a name that changes its answer between two
//! look-ups gains nothing.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use async_trait::async_trait;
use reqwest::dns::{Addrs, Name, Resolve, Resolving};

use super::policy::EgressPolicy;

/// Most addresses of one answer that are considered.
const ADDRESSES_MAX: usize = 32;

/// Turns a host name into addresses. Tests and clusters with their own name service bring another than the system's.
#[async_trait]
pub trait Lookup: Send + Sync {
    async fn lookup(&self, host: &str) -> io::Result<Vec<IpAddr>>;
}

/// The operating system's resolver.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemLookup;

#[async_trait]
impl Lookup for SystemLookup {
    async fn lookup(&self, host: &str) -> io::Result<Vec<IpAddr>> {
        let addresses = tokio::net::lookup_host((host, 0)).await?;
        Ok(addresses.map(|address| address.ip()).collect())
    }
}

/// A name without addresses.
#[derive(Debug, thiserror::Error)]
#[error("the name {host} cannot be resolved: {reason}")]
pub(crate) struct Unresolved {
    host: String,
    reason: String,
}

pub(crate) struct GuardedResolver {
    pub(crate) policy: Arc<EgressPolicy>,
    pub(crate) lookup: Arc<dyn Lookup>,
}

impl Resolve for GuardedResolver {
    fn resolve(&self, name: Name) -> Resolving {
        let (policy, lookup) = (Arc::clone(&self.policy), Arc::clone(&self.lookup));
        Box::pin(async move { permitted(&policy, &*lookup, name.as_str()).await })
    }
}

pub(crate) async fn permitted(
    policy: &EgressPolicy,
    lookup: &dyn Lookup,
    host: &str,
) -> Result<Addrs, Box<dyn std::error::Error + Send + Sync>> {
    policy.check_name(host)?;
    let unresolved = |reason: String| Unresolved {
        host: host.to_owned(),
        reason,
    };
    let answer = lookup
        .lookup(host)
        .await
        .map_err(|error| unresolved(error.to_string()))?;
    let mut permitted = Vec::new();
    let mut first_refusal = None;
    for address in answer.into_iter().take(ADDRESSES_MAX) {
        match policy.check_address(host, address) {
            Ok(()) => permitted.push(SocketAddr::new(address, 0)),
            Err(refusal) => first_refusal = first_refusal.or(Some(refusal)),
        }
    }
    match (permitted.is_empty(), first_refusal) {
        (false, _) => Ok(Box::new(permitted.into_iter())),
        (true, Some(refusal)) => Err(refusal.into()),
        (true, None) => Err(unresolved("it has no address".to_owned()).into()),
    }
}
