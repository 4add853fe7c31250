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

/// Why a document is no schema.
#[derive(Debug, Clone, PartialEq)]
pub struct SchemaProblem {
    /// JSON pointer into the schema.
    pub pointer: String,
    pub message: String,
}

/// One thing about a value that a schema refuses.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Violation {
    /// JSON pointer into the value.
    pub(crate) pointer: String,
    pub(crate) message: String,
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
    pub fn compile(document: &Value) -> Result<Schema, SchemaProblem> {
        let document = serde_json::to_value(document).expect("a value always converts to JSON");
        let validator = jsonschema::options()
            .should_validate_formats(true)
            .build(&document)
            .map_err(|error| problem(&document, &error))?;
        Ok(Schema(Arc::new(State::Ready(validator))))
    }

    pub(crate) fn missing(reason: String) -> Schema {
        Schema(Arc::new(State::Missing(reason)))
    }

    /// Checks a value; the error names each violation with its JSON pointer.
    pub fn validate(&self, value: &Value) -> Result<(), SchemaError> {
        let violations = self.violations(value)?;
        if violations.is_empty() {
            return Ok(());
        }
        let told: Vec<String> = violations
            .into_iter()
            .map(|violation| match violation.pointer.as_str() {
                "" => violation.message,
                at => format!("{at}: {}", violation.message),
            })
            .collect();
        Err(SchemaError::Invalid(told.join("; ")))
    }

    /// What is wrong with a value, [`VIOLATIONS_MAX`] at most.
    pub(crate) fn violations(&self, value: &Value) -> Result<Vec<Violation>, SchemaError> {
        let validator = match &*self.0 {
            State::Ready(validator) => validator,
            State::Missing(reason) => return Err(SchemaError::Missing(reason.clone())),
        };
        let value = serde_json::to_value(value).expect("a value always converts to JSON");
        if validator.is_valid(&value) {
            return Ok(Vec::new());
        }
        let violations = validator.iter_errors(&value).take(VIOLATIONS_MAX);
        Ok(violations
            .map(|error| Violation {
                pointer: error.instance_path().as_str().to_owned(),
                message: error.to_string(),
            })
            .collect())
    }
}

fn problem(schema: &serde_json::Value, error: &jsonschema::ValidationError<'_>) -> SchemaProblem {
    let pointer = error.instance_path().as_str().to_owned();
    let found = schema.pointer(&pointer).unwrap_or(schema);
    let message = match pointer.rsplit('/').next() {
        Some("type") => format!("{found} is not a type of JSON Schema"),
        Some("pattern") if found.is_string() => "this is not a regular expression".to_owned(),
        _ => error.to_string(),
    };
    SchemaProblem { pointer, message }
}

impl SchemaProblem {
    /// What to do, for the mistakes that authors make most.
    pub(crate) fn hint(&self) -> Option<String> {
        let hint = match self.pointer.rsplit('/').next()? {
            "type" => "types are string, number, integer, boolean, object, array and null",
            "required" => "list the names beside `properties`: `required: [ name, … ]`",
            "properties" => "write a mapping from names to schemas",
            "pattern" => {
                "look at its brackets; in YAML, single quotes keep backslashes as they are"
            }
            _ => return None,
        };
        Some(hint.to_owned())
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
