//! One line of an allow or deny list.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

use ipnet::IpNet;

use super::address::unwrap_embedded;

/// What a rule names, written as in the configuration:
/// `api.example.com` (that host), `*.example.com` (hosts below it), `10.0.0.0/8` or `10.1.2.3` (addresses), `:25` (a port).
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Rule {
    Host(String),
    HostsBelow(String),
    Network(IpNet),
    Port(u16),
}

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{0}` is no egress rule: write a host name, `*.domain`, an address, a network such as `10.0.0.0/8`, or `:port`"
)]
pub struct RuleError(String);

impl Rule {
    pub(crate) fn names_host(&self, host: &str) -> bool {
        match self {
            Rule::Host(name) => host == name,
            Rule::HostsBelow(domain) => host
                .strip_suffix(domain.as_str())
                .is_some_and(|below| below.len() > 1 && below.ends_with('.')),
            Rule::Network(_) | Rule::Port(_) => false,
        }
    }

    /// Whether the address, or the IPv4 address it carries, lies in this rule's network.
    pub(crate) fn names_address(&self, address: IpAddr) -> bool {
        match self {
            Rule::Network(network) => {
                network.contains(&address) || network.contains(&unwrap_embedded(address))
            }
            Rule::Host(_) | Rule::HostsBelow(_) | Rule::Port(_) => false,
        }
    }

    pub(crate) fn names_port(&self, port: u16) -> bool {
        *self == Rule::Port(port)
    }
}

impl FromStr for Rule {
    type Err = RuleError;

    fn from_str(text: &str) -> Result<Self, RuleError> {
        let wrong = || RuleError(text.to_owned());
        if let Some(port) = text.strip_prefix(':') {
            return port.parse().map(Rule::Port).map_err(|_| wrong());
        }
        if let Ok(network) = text.parse::<IpNet>() {
            return Ok(Rule::Network(network.trunc()));
        }
        if let Ok(address) = text.trim_matches(['[', ']']).parse::<IpAddr>() {
            return Ok(Rule::Network(address.into()));
        }
        if let Some(domain) = text.strip_prefix("*.") {
            return host_name(domain).map(Rule::HostsBelow).ok_or_else(wrong);
        }
        host_name(text).map(Rule::Host).ok_or_else(wrong)
    }
}

impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Rule::Host(name) => f.write_str(name),
            Rule::HostsBelow(domain) => write!(f, "*.{domain}"),
            Rule::Network(network) => write!(f, "{network}"),
            Rule::Port(port) => write!(f, ":{port}"),
        }
    }
}

/// The form in which hosts are compared: lower case, ASCII (IDNA), without the root's dot.
pub(crate) fn host_name(text: &str) -> Option<String> {
    let name = text.trim_end_matches('.');
    match url::Host::parse(name).ok()? {
        url::Host::Domain(domain) => Some(domain),
        url::Host::Ipv4(_) | url::Host::Ipv6(_) => None,
    }
}
