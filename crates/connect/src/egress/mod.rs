//! Which hosts and addresses Ferrovia may connect to.
//!
//! Owns the one decision every outgoing connection passes. The decision is made twice: on the host name and port before
//! anything is sent ([`EgressPolicy::check_target`]), and on each resolved address immediately before it is connected
//! ([`EgressPolicy::check_address`], called by the [`resolver`]). Knows nothing of HTTP.

mod address;
mod policy;
mod resolver;
mod rule;

pub use address::AddressRange;
pub use policy::{EgressPolicy, Refused};
pub(crate) use resolver::{GuardedResolver, permitted};
pub use resolver::{Lookup, SystemLookup};
pub use rule::{Rule, RuleError};
