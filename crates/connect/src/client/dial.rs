//! Connections of other protocols than HTTP, under the same policy.

use std::io;
use std::net::{IpAddr, SocketAddr};

use tokio::net::TcpStream;

use super::GuardedClient;
use crate::egress::{Refused, permitted};

/// A connection that did not come about.
#[derive(Debug, thiserror::Error)]
pub enum DialError {
    #[error(transparent)]
    Refused(#[from] Refused),
    #[error("cannot connect: {0}")]
    Unreachable(String),
}

impl GuardedClient {
    /// Connects to a service that a setting names with its port: the port is meant, so none is refused for belonging to
    /// another protocol than HTTP.
    pub async fn dial(&self, host: &str, port: u16) -> Result<TcpStream, DialError> {
        let policy = self.policy();
        policy.check_service_port(host, port)?;
        let addresses: Vec<SocketAddr> = match host.trim_matches(['[', ']']).parse::<IpAddr>() {
            Ok(address) => {
                policy.check_address("", address)?;
                vec![SocketAddr::new(address, port)]
            }
            Err(_) => {
                let found = permitted(policy, &*self.shared.config.lookup, host).await;
                let found = found.map_err(|error| match error.downcast::<Refused>() {
                    Ok(refused) => DialError::Refused(*refused),
                    Err(error) => DialError::Unreachable(error.to_string()),
                })?;
                found
                    .map(|address| SocketAddr::new(address.ip(), port))
                    .collect()
            }
        };
        let limit = self.shared.config.http.connect_timeout;
        let connected = tokio::time::timeout(limit, TcpStream::connect(&*addresses)).await;
        let connected = connected.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()));
        connected.map_err(|error| DialError::Unreachable(format!("{host}:{port}: {error}")))
    }

    /// How this client speaks TLS, for a protocol that negotiates no other.
    pub(crate) fn tls(&self) -> Result<rustls::ClientConfig, super::ClientError> {
        let roots = self.shared.config.extra_roots_pem.as_deref();
        let mut config = super::tls::client_config(roots, None)?;
        config.alpn_protocols.clear();
        Ok(config)
    }
}
