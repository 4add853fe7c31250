//! `raise`: ends with an error. The `instance` is always the place of the task.

use ferrovia_dsl::plan::{ErrorTemplate, Template};
use ferrovia_expr::Value;

use crate::error::Error;
use crate::frame::Frame;
use crate::machine::Machine;
use crate::scope::Scoped;

impl Machine<'_> {
    /// The error that a `raise` task ends with, or the one that kept it from being made.
    pub(crate) fn raise(&self, frame: &Frame, template: &ErrorTemplate) -> Error {
        self.raised(frame, template).unwrap_or_else(|error| error)
    }

    fn raised(&self, frame: &Frame, template: &ErrorTemplate) -> Result<Error, Error> {
        let scope = Scoped::new(self, frame);
        let text = |template: &Template| match template.evaluate(&frame.input, &scope) {
            Ok(Value::Str(text)) => Ok(text),
            Ok(other) => Ok(other.to_json().into()),
            Err(error) => Err(self.expression_error(frame, error)),
        };
        Ok(Error {
            kind: text(&template.kind)?,
            status: template.status,
            title: template
                .title
                .as_ref()
                .map(text)
                .transpose()?
                .unwrap_or_default(),
            detail: template.detail.as_ref().map(text).transpose()?,
            instance: self.instance(frame.task),
        })
    }
}
