//! The HTTP surface as a client sees it: a server on a free port, over a journal in memory.

mod access;
mod bed;
mod control;
mod definitions;
mod description;
mod door;
mod events;
mod guard;
mod hooks;
mod keys;
mod listen;
mod live;
mod openid;
mod pages;
mod people;
mod repair;
mod secrets;
mod start;
mod wrong;
