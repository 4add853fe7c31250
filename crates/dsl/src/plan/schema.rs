//! JSON Schema as documents use it for inputs, outputs and exports.

use std::fmt;
use std::sync::Arc;

use ferrovia_expr::Value;

/// How many violations one validation reports.
const VIOLATIONS_MAX: usize = 5;

/// A compiled JSON Schema, or the reason why there is none.
#[derive(Clone)]
pub struct Schema(Arc<State>);

enum State {
    Ready(jsonschema::Validator),
    /// The schema is an external resource that could not be loaded when the plan was made.
    Missing(String),
}

/// Why a value is refused.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum SchemaError {
    #[error("{0}")]
    Invalid(String),
    #[error("{0}")]
    Missing(String),
}

impl Schema {
    /// Compiles a schema document (draft by its `$schema`, 2020-12 when absent). The error says what is wrong with it.
    pub fn compile(document: &Value) -> Result<Schema, String> {
        let document = serde_json::to_value(document).map_err(|e| e.to_string())?;
        let validator = jsonschema::options()
            .should_validate_formats(true)
            .build(&document)
            .map_err(|error| match error.instance_path().as_str() {
                "" => error.to_string(),
                at => format!("{error} (at {at})"),
            })?;
        Ok(Schema(Arc::new(State::Ready(validator))))
    }

    pub(crate) fn missing(reason: String) -> Schema {
        Schema(Arc::new(State::Missing(reason)))
    }

    /// Checks a value; the error names each violation with its JSON pointer.
    pub fn validate(&self, value: &Value) -> Result<(), SchemaError> {
        let validator = match &*self.0 {
            State::Ready(validator) => validator,
            State::Missing(reason) => return Err(SchemaError::Missing(reason.clone())),
        };
        let value = serde_json::to_value(value).expect("a value always converts to JSON");
        if validator.is_valid(&value) {
            return Ok(());
        }
        let violations: Vec<String> = validator
            .iter_errors(&value)
            .take(VIOLATIONS_MAX)
            .map(|error| match error.instance_path().as_str() {
                "" => error.to_string(),
                at => format!("{at}: {error}"),
            })
            .collect();
        Err(SchemaError::Invalid(violations.join("; ")))
    }
}

impl fmt::Debug for Schema {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &*self.0 {
            State::Ready(_) => f.write_str("Schema"),
            State::Missing(reason) => write!(f, "Schema(missing: {reason})"),
        }
    }
}
