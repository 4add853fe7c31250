//! The compiled expression as the rest of the product sees it.

use std::fmt;
use std::sync::Arc;

use crate::Value;
use crate::error::{EvalError, ExprError, Limit};
use crate::eval::{Machine, Stop};
use crate::meter::{OUTPUTS_MAX, RESULT_VALUES_MAX};
use crate::program::Kind;
use crate::syntax::{self, Parsed};

/// What an expression sees besides its input.
pub trait Scope {
    /// The variable's value, its name without `$`.
    fn variable(&self, name: &str) -> Option<Value>;
    /// The journal's clock, in milliseconds since 1970.
    fn now_ms(&self) -> i64;
}

/// A checked expression. Immutable; a clone is a pointer.
#[derive(Clone)]
pub struct Expr(Arc<Compiled>);

struct Compiled {
    source: String,
    parsed: Parsed,
}

impl Expr {
    /// Checks `source`, jq without `${ }`, against the variables that exist here (without `$`).
    pub fn compile(source: &str, known: &[&str]) -> Result<Expr, Vec<ExprError>> {
        let parsed = syntax::parse(source, known)?;
        Ok(Expr(Arc::new(Compiled {
            source: source.to_owned(),
            parsed,
        })))
    }

    pub fn source(&self) -> &str {
        &self.0.source
    }

    /// The variables that the expression names.
    pub fn variables(&self) -> &[Arc<str>] {
        &self.0.parsed.variables
    }

    /// The value, when the expression is a constant.
    pub fn literal(&self) -> Option<&Value> {
        match &self.0.parsed.main.kind {
            Kind::Literal(value) => Some(value),
            _ => None,
        }
    }

    /// The first output; none is `null`.
    pub fn evaluate(&self, input: &Value, scope: &dyn Scope) -> Result<Value, EvalError> {
        let machine = Machine::new(&self.0.parsed, scope);
        let value = machine.run_first(input.clone()).map_err(ended)?;
        check_size(&machine, std::slice::from_ref(&value))?;
        Ok(value)
    }

    /// All outputs; too many is an error.
    pub fn evaluate_all(&self, input: &Value, scope: &dyn Scope) -> Result<Vec<Value>, EvalError> {
        let machine = Machine::new(&self.0.parsed, scope);
        let mut outputs = Vec::new();
        let flow = machine.run(input.clone(), &mut |value| {
            if outputs.len() == OUTPUTS_MAX {
                return Err(Stop::Limit(Limit::Outputs));
            }
            outputs.push(value);
            Ok(())
        });
        flow.map_err(ended)?;
        check_size(&machine, &outputs)?;
        Ok(outputs)
    }

    /// Whether the first output is neither `null` nor `false`.
    pub fn test(&self, input: &Value, scope: &dyn Scope) -> Result<bool, EvalError> {
        let machine = Machine::new(&self.0.parsed, scope);
        machine
            .run_first(input.clone())
            .map(|value| value.is_truthy())
            .map_err(ended)
    }
}

impl PartialEq for Expr {
    fn eq(&self, other: &Self) -> bool {
        self.0.source == other.0.source
    }
}

impl fmt::Debug for Expr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Expr").field(&self.source()).finish()
    }
}

fn ended(stop: Stop) -> EvalError {
    match stop {
        Stop::Raised(value) => EvalError::Raised(value),
        Stop::Limit(limit) => EvalError::Limit(limit),
        Stop::Break(_) | Stop::Aside => EvalError::Raised("break".into()),
    }
}

/// Sharing lets a few bytes stand for a result that nobody could write down; such a result is refused.
fn check_size(machine: &Machine<'_>, outputs: &[Value]) -> Result<(), EvalError> {
    if !machine.meter.has_built() {
        return Ok(());
    }
    let mut left = RESULT_VALUES_MAX;
    outputs.iter().try_for_each(|value| count(value, &mut left))
}

fn count(value: &Value, left: &mut u64) -> Result<(), EvalError> {
    *left = left.checked_sub(1).ok_or(EvalError::Limit(Limit::Memory))?;
    match value {
        Value::Array(items) => items.iter().try_for_each(|item| count(item, left)),
        Value::Object(object) => object.iter().try_for_each(|(_, item)| count(item, left)),
        _ => Ok(()),
    }
}
