//! `set`: evaluates and ends.

use ferrovia_dsl::plan::Template;
use ferrovia_expr::Value;

use crate::error::Error;
use crate::frame::Frame;
use crate::machine::Machine;
use crate::scope::Scoped;

impl Machine<'_> {
    pub(crate) fn set(&self, frame: &Frame, template: &Template) -> Result<Value, Error> {
        let scope = Scoped::new(self, frame);
        template
            .evaluate(&frame.input, &scope)
            .map_err(|error| self.expression_error(frame, error))
    }
}
