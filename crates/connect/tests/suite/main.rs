//! The connectors against real servers, processes and scripts on this machine. Nothing here needs the internet.

#![allow(clippy::unwrap_used)]

mod auth;
mod courier;
mod egress;
mod http;
mod openapi;
mod process;
mod resource;
mod script;
mod secrecy;
mod server;
mod support;
mod tls;
mod wire;
