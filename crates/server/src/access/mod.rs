//! Who may do what: roles and grants, what a request shows for who it comes from, and the bounds on guessing.
//!
//! Owns the decision and the forms of passwords, keys and cookies. Knows no HTTP path, no store, no clock: users, keys
//! and the time are given. Hashing a password takes tens of milliseconds by design; not blocking anybody with it is
//! the caller's business.

pub mod action;
pub mod attempts;
pub mod cookie;
pub mod decide;
pub mod password;
pub mod role;
pub mod token;

pub use action::{Action, Place};
pub use decide::{
    Actions, Bearer, Principal, Reach, Scope, Target, UserId, Verdict, decide, reach,
};
pub use role::{Grant, Namespaces, Role};
