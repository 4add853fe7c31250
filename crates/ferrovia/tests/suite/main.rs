//! The real program, started with files and arguments; what it prints and how it ends. Loopback and temporary
//! directories only.

mod commands;
mod durable;
mod events;
mod http;
mod input;
mod order;
mod outcome;
mod refusal;
mod secrets;
mod signals;
mod support;
