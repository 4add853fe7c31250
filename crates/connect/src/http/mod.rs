//! The executor of `call: http`, and what other connectors send HTTP requests with.

mod body;
mod content;
mod exchange;
mod executor;
mod multipart;
mod query;
mod request;

pub(crate) use body::encode;
pub(crate) use content::is_json;
pub(crate) use exchange::{Exchanger, Redirects, Request};
pub(crate) use executor::HttpExecutor;
pub(crate) use executor::perform;
pub(crate) use query::append_query;
pub(crate) use request::{authority, header_name, output_form, redirects};
