//! External resources: documents, schemas, scripts and function files, from the web or from files.
//!
//! Owns where a URI leads and what may be read there. Does not interpret what it loads.

mod catalog;
mod file;
mod loader;

pub use catalog::{CatalogError, function_uri};
pub(crate) use file::LocalFiles;
pub use loader::{Loader, Resource, ResourceError};
