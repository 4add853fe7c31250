//! One line of an allow or deny list.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr};
use std::str::FromStr;

use ipnet::IpNet;

use super::address::{carried_v4, stands_for_v4};

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

    /// Whether a deny rule is about the address: it, or any IPv4 address that it carries, lies in the network.
    pub(crate) fn touches_address(&self, address: IpAddr) -> bool {
        self.names_address(address) || self.network_holds(carried_v4(address))
    }

    /// Whether an allow rule is about the address: it, or the IPv4 address that it stands for, lies in the network.
    pub(crate) fn names_address(&self, address: IpAddr) -> bool {
        match self {
            Rule::Network(network) => {
                network.contains(&address) || self.network_holds(stands_for_v4(address))
            }
            Rule::Host(_) | Rule::HostsBelow(_) | Rule::Port(_) => false,
        }
    }

    fn network_holds(&self, address: Option<Ipv4Addr>) -> bool {
        match (self, address) {
            (Rule::Network(network), Some(v4)) => network.contains(&IpAddr::V4(v4)),
            _ => false,
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
