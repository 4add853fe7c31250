//! The HTTP surface as a client sees it: a server on a free port, over a journal in memory.

mod bed;
mod control;
mod events;
mod guard;
mod live;
mod start;
mod wrong;
