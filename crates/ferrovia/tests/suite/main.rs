//! The real program, started with files and arguments; what it prints and how it ends. Loopback and temporary
//! directories only.

mod commands;
mod durable;
mod events;
#[allow(dead_code, reason = "the soak uses the rest of it")]
mod http;
mod init;
mod input;
mod order;
mod outcome;
mod refusal;
mod secrets;
mod signals;
#[allow(dead_code, reason = "the soak uses the rest of it")]
mod support;
