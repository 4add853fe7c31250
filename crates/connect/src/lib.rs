//! The executors that reach the outside world: HTTP, OpenAPI, shell commands and scripts; and the loading of resources.
//!
//! Owns the egress guard ([`egress`]) and the one HTTP client behind it ([`client`]). Knows the runtime's port and
//! nothing of workflows, expressions or stores: what arrives here is plain data.

mod arguments;
mod auth;
pub mod client;
pub mod config;
mod connectors;
pub mod courier;
pub mod egress;
mod fault;
mod http;
mod openapi;
mod process;
pub mod resource;
mod script;

pub use config::ConnectConfig;
pub use connectors::{Connectors, Wired, executors};
pub use fault::masked_url;
