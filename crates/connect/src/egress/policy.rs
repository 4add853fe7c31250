//! The policy: lists of rules over the standard ranges.

use std::net::IpAddr;

use url::{Host, Url};

use super::address::AddressRange;
use super::rule::{Rule, host_name};

/// Names under which clouds serve instance credentials; refused by name so that the reason given is the real one.
const METADATA_HOSTS: [&str; 5] = [
    "metadata.google.internal",
    "metadata.goog",
    "metadata",
    "instance-data",
    "instance-data.ec2.internal",
];

/// Ports of protocols that an HTTP request could be smuggled into (the short list of the Fetch standard's bad ports
/// that servers on private machines commonly run). An allow rule such as `:25` lifts the refusal.
const SMUGGLING_PORTS: [u16; 16] = [
    7, 9, 19, 21, 22, 23, 25, 53, 110, 119, 143, 179, 389, 465, 587, 636,
];

/// What may be connected to. Deny rules win over everything; allow rules lift the standard refusals for what they name;
/// without a rule the range of the address decides.
///
/// An allowed *host name* may resolve to private addresses, but never to metadata or link-local ones: for those the
/// address itself must be allowed.
#[derive(Debug, Clone)]
pub struct EgressPolicy {
    ranges: Vec<AddressRange>,
    allow: Vec<Rule>,
    deny: Vec<Rule>,
    unlisted: Unlisted,
}

/// What happens with a target that no rule names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Unlisted {
    ByRange,
    Refused,
}

/// A connection the policy does not permit.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("connecting to {target} is not permitted: {rule}")]
pub struct Refused {
    pub target: String,
    /// The rule that refused, in words.
    pub rule: String,
}

impl EgressPolicy {
    /// For a workflow run by hand on one's own machine: public and loopback addresses.
    pub fn for_local_run() -> Self {
        Self::of_ranges(vec![AddressRange::Public, AddressRange::Loopback])
    }

    /// For a server that runs workflows of others: public addresses only.
    pub fn for_server() -> Self {
        Self::of_ranges(vec![AddressRange::Public])
    }

    /// Nothing but what [`allow`](Self::allow) names.
    pub fn only_listed() -> Self {
        Self {
            unlisted: Unlisted::Refused,
            ..Self::of_ranges(Vec::new())
        }
    }

    fn of_ranges(ranges: Vec<AddressRange>) -> Self {
        Self {
            ranges,
            allow: Vec::new(),
            deny: Vec::new(),
            unlisted: Unlisted::ByRange,
        }
    }

    #[must_use]
    pub fn allow(mut self, rules: impl IntoIterator<Item = Rule>) -> Self {
        self.allow.extend(rules);
        self
    }

    #[must_use]
    pub fn deny(mut self, rules: impl IntoIterator<Item = Rule>) -> Self {
        self.deny.extend(rules);
        self
    }

    /// Checks what a URL names before its host is resolved: scheme, host, port, and the address when it is a literal.
    pub fn check_target(&self, url: &Url) -> Result<(), Refused> {
        if !matches!(url.scheme(), "http" | "https") {
            return Err(refused(url.scheme(), "only http and https are"));
        }
        let port = url.port_or_known_default().unwrap_or_default();
        match url.host() {
            None => Err(refused(url.scheme(), "the URL names no host")),
            Some(Host::Ipv4(v4)) => self
                .check_port(&v4.to_string(), port)
                .and_then(|()| self.check_address("", v4.into())),
            Some(Host::Ipv6(v6)) => self
                .check_port(&v6.to_string(), port)
                .and_then(|()| self.check_address("", v6.into())),
            Some(Host::Domain(name)) => self
                .check_port(name, port)
                .and_then(|()| self.check_name(name)),
        }
    }

    /// Checks the port of a service that is no HTTP server and meant to be none.
    pub(crate) fn check_service_port(&self, host: &str, port: u16) -> Result<(), Refused> {
        match self.deny.iter().find(|rule| rule.names_port(port)) {
            Some(rule) => Err(refused(
                format!("{host}:{port}"),
                format!("deny rule `{rule}`"),
            )),
            None => Ok(()),
        }
    }

    fn check_port(&self, host: &str, port: u16) -> Result<(), Refused> {
        let target = || format!("{host}:{port}");
        self.check_service_port(host, port)?;
        if SMUGGLING_PORTS.contains(&port) && !self.allow.iter().any(|rule| rule.names_port(port)) {
            return Err(refused(
                target(),
                format!("port {port} belongs to another protocol"),
            ));
        }
        Ok(())
    }

    /// Checks a name alone. A name that passes may still resolve to addresses that do not.
    pub(crate) fn check_name(&self, name: &str) -> Result<(), Refused> {
        let host = host_name(name).unwrap_or_else(|| name.to_owned());
        if let Some(rule) = self.deny.iter().find(|rule| rule.names_host(&host)) {
            return Err(refused(host, format!("deny rule `{rule}`")));
        }
        if METADATA_HOSTS.contains(&host.as_str()) {
            return Err(refused(host, "cloud metadata hosts are refused"));
        }
        let listed = self
            .allow
            .iter()
            .any(|rule| rule.names_host(&host) || matches!(rule, Rule::Network(_)));
        if self.unlisted == Unlisted::Refused && !listed {
            return Err(refused(host, "no allow rule names it"));
        }
        Ok(())
    }

    /// Checks an address about to be connected for `host` (empty when the URL holds the address itself).
    pub fn check_address(&self, host: &str, address: IpAddr) -> Result<(), Refused> {
        let target = || {
            if host.is_empty() {
                address.to_string()
            } else {
                format!("{host} ({address})")
            }
        };
        if let Some(rule) = self.deny.iter().find(|rule| rule.touches_address(address)) {
            return Err(refused(target(), format!("deny rule `{rule}`")));
        }
        if self.allow.iter().any(|rule| rule.names_address(address)) {
            return Ok(());
        }
        let range = AddressRange::of(address);
        let host_allowed = host_name(host)
            .is_some_and(|host| self.allow.iter().any(|rule| rule.names_host(&host)));
        let liftable = matches!(
            range,
            AddressRange::Public | AddressRange::Loopback | AddressRange::Private
        );
        if (host_allowed && liftable) || self.ranges.contains(&range) {
            return Ok(());
        }
        match self.unlisted {
            Unlisted::ByRange => Err(refused(target(), format!("{range} are refused"))),
            Unlisted::Refused => Err(refused(target(), "no allow rule names it")),
        }
    }
}

fn refused(target: impl Into<String>, rule: impl Into<String>) -> Refused {
    Refused {
        target: target.into(),
        rule: rule.into(),
    }
}
