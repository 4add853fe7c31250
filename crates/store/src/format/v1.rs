//! Format 1.

use std::sync::Arc;

use ferrovia_dsl::plan::PlanHash;
use ferrovia_engine::{Input, Outcome, Run};
use ferrovia_expr::Value;
use serde::{Deserialize, Serialize};

use super::{Kind, open, seal};
use crate::ids::RunId;
use crate::journal::StoreError;

/// What happened to a run, in order, and what it came to.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Record {
    #[serde(rename = "in")]
    pub inputs: Vec<Stamped>,
    /// With the first record: the release that runs it, which is `$runtime.version` for as long as the run lives.
    #[serde(rename = "v", default, skip_serializing_if = "Option::is_none")]
    pub release: Option<Arc<str>>,
    /// With the first record of a fork: the run whose id and seed it keeps.
    #[serde(rename = "o", default, skip_serializing_if = "Option::is_none")]
    pub identity: Option<RunId>,
    /// The run leaves one plan for another here, which it follows as if it had from its start.
    #[serde(rename = "p", default, skip_serializing_if = "Option::is_none")]
    pub moved: Option<Moved>,
    /// The chained digest of trace and commands up to here: what a replay has to arrive at.
    #[serde(rename = "d")]
    pub digest: Digest,
}

/// From one plan to another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Moved {
    pub from: PlanHash,
    pub to: PlanHash,
}

/// An input with the time that the run saw.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Stamped {
    #[serde(rename = "t")]
    pub at_ms: i64,
    #[serde(rename = "i")]
    pub input: Input,
    /// It was taken over from the origin of a fork.
    #[serde(rename = "r", default, skip_serializing_if = "std::ops::Not::not")]
    pub reused: bool,
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

    /// Whether the run changes its plan with this record, without reading the rest of it.
    pub fn moved(bytes: &[u8]) -> Result<Option<Moved>, StoreError> {
        #[derive(Deserialize)]
        struct Only {
            #[serde(rename = "p", default)]
            moved: Option<Moved>,
        }
        open::<Only>(Kind::Record, bytes).map(|only| only.moved)
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
