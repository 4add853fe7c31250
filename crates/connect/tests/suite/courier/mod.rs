//! What is told to the outside, over real connections: nothing lost, whatever ends in between.

mod alerts;
mod bed;
mod lifecycle;
mod mail;
