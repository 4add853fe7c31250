//! Runtime expressions: the shared [`Value`], the language jq, and metered evaluation.
//!
//! Owns: what a value is, and how an expression is checked and evaluated. Knows nothing of workflows,
//! tasks, time or I/O: variables and the clock come through [`Scope`].
//!
//! The evaluator is our own, for three reasons. Expressions come from users, so every step must be
//! counted and nothing may overflow the stack, which a general interpreter does not offer. Authors
//! know jq, so order of outputs, updates and messages follow it. And the usual small expressions
//! should cost nanoseconds. It differs from jq where determinism or safety asks for it: integers are
//! exact in `i64`, `1.0` is `1`, time is UTC, and nothing outside can be reached.

mod builtin;
mod error;
mod eval;
mod expr;
mod meter;
mod program;
mod syntax;
mod value;

pub use error::{EvalError, ExprError, ExprErrorKind, Limit};
pub use expr::{Expr, Scope};
pub use value::{Array, JsonError, Object, VALUE_DEPTH_MAX, Value};
