//! Sorts IP addresses into the ranges a policy speaks of, seeing through IPv6 forms that carry an IPv4 address.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// The part of the address space an address belongs to, by the IANA special-purpose registries (RFC 6890 and successors).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum AddressRange {
    Public,
    Loopback,
    /// RFC 1918, unique local IPv6, and the shared space of carrier NAT.
    Private,
    LinkLocal,
    /// Where clouds hand out instance credentials.
    Metadata,
    Unspecified,
    Multicast,
    Broadcast,
    Documentation,
    /// Everything else that is not routed: benchmarking, future use, discard, tunnels.
    Reserved,
}

impl fmt::Display for AddressRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            AddressRange::Public => "public addresses",
            AddressRange::Loopback => "loopback addresses",
            AddressRange::Private => "private addresses",
            AddressRange::LinkLocal => "link-local addresses",
            AddressRange::Metadata => "cloud metadata addresses",
            AddressRange::Unspecified => "unspecified addresses",
            AddressRange::Multicast => "multicast addresses",
            AddressRange::Broadcast => "broadcast addresses",
            AddressRange::Documentation => "documentation addresses",
            AddressRange::Reserved => "reserved addresses",
        })
    }
}

impl AddressRange {
    /// The range that decides. An IPv6 address that carries an IPv4 one is judged by both: it leads to where the inner one
    /// lies, by a way that the outer one names.
    pub fn of(address: IpAddr) -> AddressRange {
        let v6 = match address.to_canonical() {
            IpAddr::V4(v4) => return of_v4(v4),
            IpAddr::V6(v6) => v6,
        };
        let (inner, outer) = match translated_v4(v6) {
            Some(v4) => (of_v4(v4), AddressRange::Public),
            None => match isatap_v4(v6) {
                Some(v4) => (of_v4(v4), of_v6(v6)),
                None => return of_v6(v6),
            },
        };
        match inner {
            AddressRange::Public => outer,
            // The loopback of whatever machine translates is nobody's to call.
            AddressRange::Loopback => AddressRange::Reserved,
            other => other,
        }
    }
}

/// The IPv4 addresses that rules see in an address: what it stands for wholly, and what its interface part names.
pub(crate) fn carried_v4(address: IpAddr) -> Option<Ipv4Addr> {
    match address.to_canonical() {
        IpAddr::V4(v4) => Some(v4),
        IpAddr::V6(v6) => translated_v4(v6).or_else(|| isatap_v4(v6)),
    }
}

/// The IPv4 address that a mapped, compatible, NAT64 or 6to4 address stands for: nothing else of it matters.
pub(crate) fn stands_for_v4(address: IpAddr) -> Option<Ipv4Addr> {
    match address.to_canonical() {
        IpAddr::V4(v4) => Some(v4),
        IpAddr::V6(v6) => translated_v4(v6),
    }
}

fn translated_v4(address: Ipv6Addr) -> Option<Ipv4Addr> {
    let s = address.segments();
    match s {
        // `::` and `::1` are IPv6 addresses in their own right, not IPv4-compatible ones.
        [0, 0, 0, 0, 0, 0, 0, 0 | 1] => None,
        [0, 0, 0, 0, 0, 0, _, _]
        | [0, 0, 0, 0, 0xffff, 0, _, _]
        | [0x64, 0xff9b, 0, 0, 0, 0, _, _] => Some(v4_from(s[6], s[7])),
        [0x2002, high, rest, ..] => Some(v4_from(high, rest)),
        _ => None,
    }
}

/// The IPv4 address in the interface part of an ISATAP address. Its network part is anybody's choice.
fn isatap_v4(address: Ipv6Addr) -> Option<Ipv4Addr> {
    match address.segments() {
        [_, _, _, _, 0 | 0x200, 0x5efe, high, low] => Some(v4_from(high, low)),
        _ => None,
    }
}

fn v4_from(high: u16, low: u16) -> Ipv4Addr {
    Ipv4Addr::from((u32::from(high) << 16) | u32::from(low))
}

fn of_v4(address: Ipv4Addr) -> AddressRange {
    let [a, b, c, _] = address.octets();
    match (a, b, c) {
        _ if METADATA_V4.contains(&address) => AddressRange::Metadata,
        (0, ..) => AddressRange::Unspecified,
        (127, ..) => AddressRange::Loopback,
        (10, ..) | (192, 168, _) => AddressRange::Private,
        (172, 16..=31, _) | (100, 64..=127, _) => AddressRange::Private,
        (169, 254, _) => AddressRange::LinkLocal,
        (192, 0, 2) | (198, 51, 100) | (203, 0, 113) | (233, 252, 0) => AddressRange::Documentation,
        (192, 0, 0) | (192, 88, 99) | (198, 18..=19, _) => AddressRange::Reserved,
        (224..=239, ..) => AddressRange::Multicast,
        _ if address.is_broadcast() => AddressRange::Broadcast,
        (240.., ..) => AddressRange::Reserved,
        _ => AddressRange::Public,
    }
}

fn of_v6(address: Ipv6Addr) -> AddressRange {
    let s = address.segments();
    match s {
        _ if METADATA_V6.contains(&address) => AddressRange::Metadata,
        [0, 0, 0, 0, 0, 0, 0, 0] => AddressRange::Unspecified,
        [0, 0, 0, 0, 0, 0, 0, 1] => AddressRange::Loopback,
        [0xfc00..=0xfdff, ..] | [0xfec0..=0xfeff, ..] => AddressRange::Private,
        [0xfe80..=0xfebf, ..] => AddressRange::LinkLocal,
        [0xff00..=0xffff, ..] => AddressRange::Multicast,
        [0x2001, 0xdb8, ..] | [0x3fff, 0..=0xfff, ..] => AddressRange::Documentation,
        // Teredo, ORCHID, benchmarking and the rest of the IETF assignments: nothing a workflow calls lives there.
        [0x2001, 0..=0x1ff, ..] => AddressRange::Reserved,
        [0x2000..=0x3fff, ..] => AddressRange::Public,
        _ => AddressRange::Reserved,
    }
}

const METADATA_V4: [Ipv4Addr; 6] = [
    Ipv4Addr::new(169, 254, 169, 254), // AWS, Azure, Google, OpenStack, DigitalOcean
    Ipv4Addr::new(169, 254, 170, 2),   // AWS container credentials
    Ipv4Addr::new(169, 254, 170, 23),  // AWS pod identity
    Ipv4Addr::new(100, 100, 100, 200), // Alibaba
    Ipv4Addr::new(168, 63, 129, 16),   // Azure host agent
    Ipv4Addr::new(192, 0, 0, 192),     // Oracle
];

const METADATA_V6: [Ipv6Addr; 3] = [
    Ipv6Addr::new(0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x254), // AWS
    Ipv6Addr::new(0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x23),  // AWS pod identity
    Ipv6Addr::new(0xfd20, 0xce, 0, 0, 0, 0, 0, 0x254),  // Google
];
