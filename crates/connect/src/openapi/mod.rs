//! `call: openapi`: finds an operation in a Swagger 2.0 or OpenAPI 3.x document and turns arguments into its request.
//!
//! Owns the reading of such documents. Sends nothing itself: the request goes the way of `call: http`. What a document
//! says about security is not used; credentials come from the call's own `authentication`.

mod body;
mod document;
mod executor;
mod operation;
mod parameter;
mod server;
mod style;

pub(crate) use executor::OpenApiExecutor;
