//! The HTTP surface as a client sees it: a server on a free port, over a journal in memory.

mod access;
mod bed;
mod control;
mod description;
mod door;
mod events;
mod guard;
mod hooks;
mod keys;
mod listen;
mod live;
mod openid;
mod people;
mod start;
mod wrong;
