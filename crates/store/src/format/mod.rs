//! What bytes mean. Every record opens with its format, its kind and a checksum; a format that was released is read
//! for ever (G9), and golden files in the tests hold every one of them.
//!
//! ```text
//! byte 0      format number (1)
//! byte 1      kind: r(ecord), s(napshot), i(nput), o(utcome), e(vent)
//! bytes 2..6  CRC-32 (IEEE) of what follows, little endian
//! bytes 6..   the body, MessagePack with named fields
//! ```

pub mod v1;

use std::sync::Arc;

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::journal::StoreError;

const V1: u8 = 1;
const HEADER_BYTES: usize = 6;
/// Most records fit in it, so that they are written without growing.
const USUAL_BYTES: usize = 256;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Record,
    Snapshot,
    Input,
    Outcome,
    Event,
}

impl Kind {
    fn byte(self) -> u8 {
        match self {
            Kind::Record => b'r',
            Kind::Snapshot => b's',
            Kind::Input => b'i',
            Kind::Outcome => b'o',
            Kind::Event => b'e',
        }
    }

    fn name(self) -> &'static str {
        match self {
            Kind::Record => "a record",
            Kind::Snapshot => "a snapshot",
            Kind::Input => "an input",
            Kind::Outcome => "an outcome",
            Kind::Event => "an event",
        }
    }
}

pub(crate) fn seal<T: Serialize>(kind: Kind, body: &T) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(USUAL_BYTES);
    bytes.resize(HEADER_BYTES, 0);
    let mut serializer = rmp_serde::Serializer::new(&mut bytes).with_struct_map();
    body.serialize(&mut serializer)
        .expect("memory takes all that can be encoded");
    let sum = crc32fast::hash(&bytes[HEADER_BYTES..]);
    bytes[0] = V1;
    bytes[1] = kind.byte();
    bytes[2..HEADER_BYTES].copy_from_slice(&sum.to_le_bytes());
    bytes
}

pub(crate) fn open<T: DeserializeOwned>(kind: Kind, bytes: &[u8]) -> Result<T, StoreError> {
    let damaged = |why: String| StoreError::Damaged {
        what: kind.name().into(),
        why: Arc::from(why),
    };
    let Some((header, body)) = bytes.split_at_checked(HEADER_BYTES) else {
        return Err(damaged(format!("it has {} bytes", bytes.len())));
    };
    if header[0] != V1 {
        return Err(damaged(format!(
            "its format is {}, which this release does not know",
            header[0]
        )));
    }
    if header[1] != kind.byte() {
        return Err(damaged(format!(
            "its kind is `{}`",
            char::from(header[1]).escape_default()
        )));
    }
    if header[2..] != crc32fast::hash(body).to_le_bytes() {
        return Err(damaged("its checksum is wrong".to_owned()));
    }
    rmp_serde::from_slice(body).map_err(|error| damaged(error.to_string()))
}
