//! Format 1.

use std::sync::Arc;

use ferrovia_engine::{Input, Outcome, Run};
use ferrovia_expr::Value;
use serde::{Deserialize, Serialize};

use super::{Kind, open, seal};
use crate::journal::StoreError;

/// What happened to a run, in order, and what it came to.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Record {
    #[serde(rename = "in")]
    pub inputs: Vec<Stamped>,
    /// With the first record: the release that runs it, which is `$runtime.version` for as long as the run lives.
    #[serde(rename = "v", default, skip_serializing_if = "Option::is_none")]
    pub release: Option<Arc<str>>,
    /// The chained digest of trace and commands up to here: what a replay has to arrive at.
    #[serde(rename = "d")]
    pub digest: Digest,
}

/// An input with the time that the run saw.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Stamped {
    #[serde(rename = "t")]
    pub at_ms: i64,
    #[serde(rename = "i")]
    pub input: Input,
}

/// The first half of a SHA-256.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Digest(pub u128);

/// The state of a run after a record.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct State {
    pub run: Run,
    pub digest: Digest,
    /// The time of its last input: time never goes back in a run.
    pub at_ms: i64,
    /// As in its first record.
    pub release: Arc<str>,
}

impl Record {
    pub fn encode(&self) -> Vec<u8> {
        seal(Kind::Record, self)
    }

    pub fn decode(bytes: &[u8]) -> Result<Record, StoreError> {
        open(Kind::Record, bytes)
    }
}

impl State {
    pub fn encode(&self) -> Vec<u8> {
        seal(Kind::Snapshot, self)
    }

    pub fn decode(bytes: &[u8]) -> Result<State, StoreError> {
        open(Kind::Snapshot, bytes)
    }
}

pub fn encode_input(input: &Value) -> Vec<u8> {
    seal(Kind::Input, input)
}

pub fn decode_input(bytes: &[u8]) -> Result<Value, StoreError> {
    open(Kind::Input, bytes)
}

pub fn encode_event(event: &Value) -> Vec<u8> {
    seal(Kind::Event, event)
}

pub fn decode_event(bytes: &[u8]) -> Result<Value, StoreError> {
    open(Kind::Event, bytes)
}

pub fn encode_outcome(outcome: &Outcome) -> Vec<u8> {
    seal(Kind::Outcome, outcome)
}

pub fn decode_outcome(bytes: &[u8]) -> Result<Outcome, StoreError> {
    open(Kind::Outcome, bytes)
}
