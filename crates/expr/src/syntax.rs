//! From text to a [`crate::program`] tree: syntax, names, and the bounds that must hold before
//! anything recursive looks at the text.

mod lex;
mod operator;
mod parse;
mod scope;
mod term;
mod text;

pub(crate) use term::number;

use std::sync::Arc;

use crate::error::{ExprError, ExprErrorKind};
use crate::program::{Def, Node};

/// Bytes of one expression.
pub(crate) const SOURCE_BYTES_MAX: usize = 16 * 1024;
/// Brackets, blocks and interpolations inside each other.
pub(crate) const NESTING_MAX: usize = 200;

/// What the text means, with everything it defines and names.
#[derive(Debug)]
pub(crate) struct Parsed {
    pub(crate) main: Node,
    pub(crate) defs: Vec<Def>,
    pub(crate) variables: Vec<Arc<str>>,
}

/// Definitions, and for each its name, number of parameters and place among them.
pub(crate) type Library = (Vec<Def>, Vec<(String, usize, usize)>);

pub(crate) fn parse(source: &str, known: &[&str]) -> Result<Parsed, Vec<ExprError>> {
    if source.len() > SOURCE_BYTES_MAX {
        return Err(vec![ExprError {
            kind: ExprErrorKind::Size,
            span: 0..source.len(),
            message: format!("the expression is longer than {SOURCE_BYTES_MAX} bytes"),
            hint: Some("split it over several tasks or functions".into()),
        }]);
    }
    parse::Parser::new(source, scope::Scope::user(known))?.expression()
}

/// The definitions that come with the language, by name and number of parameters.
pub(crate) fn parse_prelude(source: &str) -> Library {
    parse::Parser::new(source, scope::Scope::prelude())
        .and_then(parse::Parser::library)
        .expect("the prelude is part of the program and compiles")
}
