//! Strings that are expressions: strict and loose mode, variables, secrets, templates, durations, schemas.

use std::ops::Range;
use std::sync::Arc;

use ferrovia_expr::{Expr, ExprError, ExprErrorKind, Value};

use super::advice;
use super::secret::{is_sealed, secret_names};
use super::site::{At, Site};
use super::written::part_as_written;
use super::{Compiler, Mode};
use crate::diagnostic::{Diagnostic, codes, with_hint};
use crate::plan::{
    Duration, DurationError, InputSpec, OutputSpec, Schema, SchemaProblem, Template, UriTemplate,
};
use crate::source::{Data, Span};

/// Gives an error's `detail` the name `details` as well, by which some runtimes know it. Put before expressions that say
/// `details`; errors themselves stay as the standard has them.
const WITH_DETAILS: &str =
    r#"if type == "object" and has("detail") then .details = .detail else . end"#;

/// The text inside `${ … }` when the whole string is one expression.
pub(super) fn enclosed(text: &str) -> Option<&str> {
    text.trim().strip_prefix(OPENING)?.strip_suffix('}')
}

pub(super) const OPENING: &str = "${";

impl<'n> Compiler<'n> {
    pub(super) fn expression_language(&mut self, root: &At<'n>) {
        let Some(language) = root.path(&["evaluate", "language"]) else {
            return;
        };
        if !language.is("jq") {
            self.report(
                Diagnostic::error(
                    codes::EXPRESSION_LANGUAGE,
                    language.node.span,
                    &language.pointer,
                    format!(
                        "expressions in {} are not supported",
                        language.node.to_value()
                    ),
                )
                .label("only jq is")
                .hint("write expressions in `jq`, the language every runtime of the standard has"),
            );
        }
    }

    /// A property that is always an expression, with or without `${ }`.
    pub(super) fn condition(&mut self, at: &At<'n>, site: Site) -> Option<Expr> {
        let text = at.node.as_str()?;
        self.expr(enclosed(text).unwrap_or(text), at, site)
    }

    /// Compiles expression text found at a node.
    pub(super) fn expr(&mut self, source: &str, at: &At<'n>, site: Site) -> Option<Expr> {
        match self.try_expr(source, site) {
            Ok(expr) => self.permitted(expr, at, site),
            Err(errors) => {
                for error in errors {
                    let finding = self.expression_finding(source, &error, at, site);
                    self.report(finding);
                }
                None
            }
        }
    }

    fn try_expr(&self, source: &str, site: Site) -> Result<Expr, Vec<ExprError>> {
        let mut known: Vec<&str> = site.variables().to_vec();
        known.extend(["secrets", "secret", "authorization"]);
        known.extend(self.locals.iter().map(|name| &**name));
        let expr = Expr::compile(source, &known)?;
        if self.caught.is_empty() || !source.contains("details") {
            return Ok(expr);
        }
        let errors = self.caught.iter();
        let renamed: String = errors
            .map(|name| format!("(${name} | {WITH_DETAILS}) as ${name} | "))
            .collect();
        Ok(Expr::compile(&format!("{renamed}{source}"), &known).unwrap_or(expr))
    }

    /// A condition on an error, which is its input.
    pub(super) fn error_condition(&mut self, at: &At<'n>) -> Option<Expr> {
        let expr = self.condition(at, Site::Definition)?;
        if !expr.source().contains("details") {
            return Some(expr);
        }
        let source = format!("{WITH_DETAILS} | {}", expr.source());
        Some(self.try_expr(&source, Site::Definition).unwrap_or(expr))
    }

    fn expression_finding(
        &self,
        source: &str,
        error: &ExprError,
        at: &At<'n>,
        site: Site,
    ) -> Diagnostic {
        let code = match error.kind {
            ExprErrorKind::Syntax => codes::EXPRESSION_SYNTAX,
            ExprErrorKind::UnknownFunction => codes::EXPRESSION_FUNCTION,
            ExprErrorKind::UnknownVariable => codes::EXPRESSION_VARIABLE,
            ExprErrorKind::Forbidden => codes::EXPRESSION_FORBIDDEN,
            ExprErrorKind::Nesting | ExprErrorKind::Size => codes::EXPRESSION_LIMIT,
        };
        let span = self.span_within(at, source, error.span.clone());
        let finding = Diagnostic::error(code, span, &at.pointer, error.message.clone());
        let hint = error
            .hint
            .clone()
            .or_else(|| self.expression_hint(source, error, site));
        let finding = match advice::label(error) {
            Some(label) => finding.label(label),
            None => finding,
        };
        with_hint(finding, hint)
    }

    /// What to do about an expression, where its language alone has no advice.
    fn expression_hint(&self, source: &str, error: &ExprError, site: Site) -> Option<String> {
        if error.kind != ExprErrorKind::UnknownVariable {
            return advice::about(source, error);
        }
        let is_output = source.get(error.span.clone()) == Some("$output");
        if is_output {
            return Some(
                "`$output` exists in `export.as`; in `output.as` the output is `.`, \
                 and in the next task it is the input"
                    .to_owned(),
            );
        }
        let locals = self.locals.iter().rev().map(|name| &**name);
        let known: Vec<String> = locals
            .chain(site.variables().iter().copied())
            .map(|name| format!("${name}"))
            .collect();
        Some(format!("variables here are {}", known.join(", ")))
    }

    /// The place of a part of an expression in the document.
    pub(super) fn span_within(&self, at: &At<'n>, source: &str, part: Range<usize>) -> Span {
        let whole = at.node.span;
        if self.foreign.is_some() {
            return whole;
        }
        let found = || {
            let value = at.node.as_str()?;
            let before = match enclosed(value) {
                Some(inner) if inner == source => {
                    value.len() - value.trim_start().len() + OPENING.len()
                }
                _ => 0,
            };
            let written = self.text.get(whole.start as usize..whole.end as usize)?;
            part_as_written(written, value, before + part.start..before + part.end)
        };
        match found() {
            Some(part) => {
                let start = whole.start + part.start as u32;
                let end = (whole.start + part.end as u32).max(start + 1);
                Span {
                    start,
                    end: end.min(whole.end.max(start)),
                }
            }
            None => whole,
        }
    }

    /// `from` and `as`: a string is an expression, anything else a template.
    pub(super) fn transform(&mut self, at: &At<'n>, site: Site) -> Option<Template> {
        match at.node.as_str() {
            Some(_) => self
                .condition(at, site)
                .map(|expr| self.template_of(expr, site)),
            None => Some(self.template(at, site)),
        }
    }

    /// A value of the document with expressions inside.
    pub(super) fn template(&mut self, at: &At<'n>, site: Site) -> Template {
        match &at.node.data {
            Data::Scalar(Value::Str(text)) => self.string(text, at, site),
            Data::Scalar(value) => Template::Literal(value.clone()),
            Data::Sequence(_) => array(at.items().map(|item| self.template(&item, site)).collect()),
            Data::Mapping(_) => object(
                at.entries()
                    .map(|(key, member)| (key.name.clone(), self.template(&member, site)))
                    .collect(),
            ),
        }
    }

    fn string(&mut self, text: &Arc<str>, at: &At<'n>, site: Site) -> Template {
        let literal = Template::Literal(Value::Str(text.clone()));
        if let Some(source) = enclosed(text) {
            return self
                .expr(source, at, site)
                .map_or(literal, |expr| self.template_of(expr, site));
        }
        if self.mode == Mode::Loose {
            return match self.try_expr(text, site) {
                Ok(expr) => match self.permitted(expr, at, site) {
                    Some(expr) if is_sealed(&expr) && site == Site::Effect => {
                        self.template_of(expr, site)
                    }
                    Some(expr) => Template::Loose {
                        expr,
                        text: Value::Str(text.clone()),
                    },
                    None => literal,
                },
                Err(_) => literal,
            };
        }
        if let Some(meant) = advice::interpolation(text, &at.pointer) {
            self.report(
                Diagnostic::warning(
                    codes::INTERPOLATION,
                    self.span_within(at, text, meant.part),
                    &at.pointer,
                    "`${` inside a text is not evaluated",
                )
                .label("stays as it is written")
                .hint(meant.hint),
            );
        }
        literal
    }

    pub(super) fn template_of(&self, expr: Expr, site: Site) -> Template {
        if site == Site::Effect && is_sealed(&expr) {
            let secrets = secret_names(expr.source());
            return Template::Sealed { expr, secrets };
        }
        match expr.literal() {
            Some(value) => Template::Literal(value.clone()),
            None => Template::Expr(expr),
        }
    }

    /// A URI: an expression, or a template over the task's input.
    pub(super) fn uri(&mut self, at: &At<'n>, site: Site) -> Template {
        match at.node.as_str() {
            Some(text) if enclosed(text).is_none() => match UriTemplate::parse(text) {
                Some(template) => Template::Uri(template),
                None => Template::Literal(text.into()),
            },
            _ => self.template(at, site),
        }
    }

    pub(super) fn duration(&mut self, at: &At<'n>, site: Site) -> Option<Duration> {
        if let Some(source) = at.node.as_str().and_then(enclosed) {
            let expr = self.expr(source, at, site)?;
            if let Some(Err(error)) = expr.literal().map(crate::plan::literal_ms) {
                self.invalid_duration(at, &error);
                return None;
            }
            return Some(Duration::Expr(expr));
        }
        match crate::plan::literal_ms(&at.node.to_value()) {
            Ok(ms) => Some(Duration::Fixed(ms)),
            Err(error) => {
                self.invalid_duration(at, &error);
                None
            }
        }
    }

    fn invalid_duration(&mut self, at: &At<'n>, error: &DurationError) {
        let hint = match error {
            DurationError::TooLong => "write a shorter one; 100 years is the limit",
            DurationError::Invalid(_) | DurationError::Eval(_) => {
                "write `PT30S`, or `{ seconds: 30 }`"
            }
        };
        let message = match error {
            DurationError::TooLong => error.to_string(),
            DurationError::Invalid(value) => format!("{value} is not a duration"),
            DurationError::Eval(error) => error.to_string(),
        };
        self.report(
            Diagnostic::error(codes::INVALID_DURATION, self.mark(at), &at.pointer, message)
                .hint(hint),
        );
    }

    /// The `timeout` of a task or workflow: inline or by name.
    pub(super) fn timeout(&mut self, owner: &At<'n>) -> Option<Duration> {
        let timeout = owner.get("timeout")?;
        let timeout = match timeout.node.as_str() {
            Some(_) => self.component("timeouts", "timeout", &timeout)?,
            None => timeout,
        };
        self.duration(&timeout.get("after")?, Site::Definition)
    }

    pub(super) fn input(&mut self, owner: &At<'n>, site: Site) -> InputSpec {
        let Some(input) = owner.get("input") else {
            return InputSpec::default();
        };
        InputSpec {
            schema: input.get("schema").and_then(|schema| self.schema(&schema)),
            from: input
                .get("from")
                .and_then(|from| self.transform(&from, site)),
        }
    }

    /// `output` or `export`.
    pub(super) fn output(&mut self, output: Option<&At<'n>>, site: Site) -> OutputSpec {
        let Some(output) = output else {
            return OutputSpec::default();
        };
        OutputSpec {
            transform: output
                .get("as")
                .and_then(|transform| self.transform(&transform, site)),
            schema: output.get("schema").and_then(|schema| self.schema(&schema)),
        }
    }

    fn schema(&mut self, at: &At<'n>) -> Option<Schema> {
        if let Some(format) = at.get("format")
            && !format
                .node
                .as_str()
                .is_some_and(|f| f == "json" || f.starts_with("json:"))
        {
            self.report(
                Diagnostic::error(
                    codes::SCHEMA_FORMAT,
                    format.node.span,
                    &format.pointer,
                    format!(
                        "schemas in the format {} are not supported",
                        format.node.to_value()
                    ),
                )
                .label("only JSON Schema is")
                .hint("write a JSON Schema and leave `format` out"),
            );
            return None;
        }
        let (place, document) = match at.get("document") {
            Some(document) => {
                let value = document.node.to_value();
                (document, value)
            }
            None => {
                let resource = at.get("resource")?;
                match self.linked_schema(&resource) {
                    Ok(value) => (resource, value),
                    Err(reason) => return Some(Schema::missing(reason)),
                }
            }
        };
        match Schema::compile(&document) {
            Ok(schema) => Some(schema),
            Err(problem) => {
                self.invalid_schema(&place, problem);
                None
            }
        }
    }

    /// Points at the part of the schema that is wrong, as far as the document itself holds it.
    fn invalid_schema(&mut self, schema: &At<'n>, problem: SchemaProblem) {
        let inline = crate::source::locate(schema.node, &problem.pointer).is_some();
        let (pointer, message) = match inline && !schema.pointer.ends_with("/resource") {
            true => (
                format!("{}{}", schema.pointer, problem.pointer),
                "this is not a valid JSON Schema".to_owned(),
            ),
            false => (
                schema.pointer.clone(),
                format!(
                    "what is there is not a valid JSON Schema (at {})",
                    problem.pointer
                ),
            ),
        };
        let span = match self.foreign {
            None => crate::source::mark(self.root, &pointer).unwrap_or(schema.node.span),
            Some(_) => schema.node.span,
        };
        let hint = problem.hint();
        self.report(with_hint(
            Diagnostic::error(codes::INVALID_SCHEMA, span, pointer, message).label(problem.message),
            hint,
        ));
    }
}

pub(super) fn array(items: Vec<Template>) -> Template {
    match literals(items.iter()) {
        Some(values) => Template::Literal(values.into()),
        None => Template::Array(items),
    }
}

pub(super) fn object(members: Vec<(Arc<str>, Template)>) -> Template {
    match literals(members.iter().map(|(_, member)| member)) {
        Some(values) => Template::Literal(Value::Object(
            members
                .into_iter()
                .map(|(key, _)| key)
                .zip(values)
                .collect(),
        )),
        None => Template::Object(members),
    }
}

fn literals<'t>(templates: impl Iterator<Item = &'t Template>) -> Option<Vec<Value>> {
    templates
        .map(|template| {
            if let Template::Literal(value) = template {
                Some(value.clone())
            } else {
                None
            }
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_whole_text_is_an_expression() {
        for (text, expected) in [
            ("${ .a }", Some(" .a ")),
            ("  ${.a}\n", Some(".a")),
            ("${ \"\\(.a)\n}\" }", Some(" \"\\(.a)\n}\" ")),
            ("a ${ .a }", None),
            (".a", None),
        ] {
            assert_eq!(enclosed(text), expected, "{text}");
        }
    }
}
