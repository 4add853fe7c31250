//! Runs feature files of the standard's conformance kit, and our own, against the program `ferrovia`.
//!
//! The program is driven through what its manual promises (`ferrovia run FILE --output json`, exit codes, `check`), so
//! that what is tested is what is shipped. Nothing in here knows the crates it is built from.

pub mod examples;
mod expect;
pub mod feature;
pub mod page;
pub mod program;
pub mod scenario;
mod step;
mod stub;
pub mod suite;

use std::path::{Path, PathBuf};

/// Names a copy of the standard's repository, or a directory laid out like one: `ctk/features/`, `examples/`.
pub const SPECIFICATION: &str = "FERROVIA_SPECIFICATION";

/// Where our own features are.
pub fn own_features() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("features")
}

/// The page that says what passed.
pub fn page_path() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/conformance.md")
}
