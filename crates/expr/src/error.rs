//! What can be wrong with an expression: before it runs, and while it runs.

use std::ops::Range;

use crate::Value;

/// One finding in the text of an expression.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[error("{message}")]
pub struct ExprError {
    pub kind: ExprErrorKind,
    /// Bytes of the source.
    pub span: Range<usize>,
    pub message: String,
    pub hint: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ExprErrorKind {
    Syntax,
    UnknownFunction,
    UnknownVariable,
    Forbidden,
    Nesting,
    Size,
}

/// Why an evaluation gave no value.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum EvalError {
    /// `error(…)`, or a function that does not fit its input (then the value is the message).
    #[error("{}", raised_text(.0))]
    Raised(Value),
    /// A bound of the evaluation was reached; the expression itself cannot catch this.
    #[error("the expression exceeds its limit: {0}")]
    Limit(Limit),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Limit {
    #[error("too many steps")]
    Fuel,
    #[error("too much memory")]
    Memory,
    #[error("too many outputs")]
    Outputs,
    #[error("nested too deeply")]
    Depth,
}

fn raised_text(value: &Value) -> String {
    match value {
        Value::Str(text) => text.to_string(),
        other => format!("{other} (not a string)"),
    }
}
