//! The HTTP surface as a client sees it: a server on a free port, over a journal in memory.

mod bed;
mod control;
mod description;
mod events;
mod guard;
mod start;
mod wrong;
