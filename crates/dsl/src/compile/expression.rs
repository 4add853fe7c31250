//! Strings that are expressions: strict and loose mode, variables, secrets, templates, durations, schemas.

use std::sync::Arc;

use ferrovia_expr::{Expr, ExprError, ExprErrorKind, Value};

use super::site::{At, Site};
use super::{Compiler, Mode, SecretsInData};
use crate::diagnostic::{Diagnostic, codes};
use crate::plan::{Duration, InputSpec, OutputSpec, Schema, Template, UriTemplate};
use crate::source::{Data, Span};

/// The text inside `${ … }` when the whole string is one expression.
pub(super) fn enclosed(text: &str) -> Option<&str> {
    text.trim().strip_prefix("${")?.strip_suffix('}')
}

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
                    let finding = self.expression_finding(source, &error, at);
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
        Expr::compile(source, &known)
    }

    /// Refuses secrets where their values would enter the state.
    fn permitted(&mut self, expr: Expr, at: &At<'n>, site: Site) -> Option<Expr> {
        let names_secrets = expr
            .variables()
            .iter()
            .any(|v| matches!(&**v, "secrets" | "secret"));
        if !names_secrets {
            return Some(expr);
        }
        self.check_declared_secrets(&expr, at);
        if site == Site::Effect || self.options.secrets_in_data == SecretsInData::Allow {
            return Some(expr);
        }
        self.report(
            Diagnostic::error(codes::SECRET_IN_DATA, at.node.span, &at.pointer, "a secret would become part of the run's data")
                .label("`$secrets` is not available here")
                .hint(
                    "use `$secrets` in the `with` of a call, where it is resolved as the call leaves; \
                     or set `secrets.in_data = \"allow\"` and accept that the value is stored in clear",
                ),
        );
        None
    }

    fn check_declared_secrets(&mut self, expr: &Expr, at: &At<'n>) {
        let declared = self.declared_secrets();
        for name in secret_names(expr.source()) {
            if !declared.contains(&name) && self.foreign.is_none() {
                let known: Vec<&str> = declared.iter().map(|d| &**d).collect();
                let hint = super::site::suggestion(&name, &known)
                    .unwrap_or_else(|| format!("add `{name}` to the list `use.secrets`"));
                self.report(
                    Diagnostic::warning(
                        codes::UNDECLARED_SECRET,
                        at.node.span,
                        &at.pointer,
                        format!("the secret `{name}` is not declared; using it is an authorization error"),
                    )
                    .hint(hint),
                );
            }
        }
    }

    fn expression_finding(&self, source: &str, error: &ExprError, at: &At<'n>) -> Diagnostic {
        let code = match error.kind {
            ExprErrorKind::Syntax => codes::EXPRESSION_SYNTAX,
            ExprErrorKind::UnknownFunction => codes::EXPRESSION_FUNCTION,
            ExprErrorKind::UnknownVariable => codes::EXPRESSION_VARIABLE,
            ExprErrorKind::Forbidden => codes::EXPRESSION_FORBIDDEN,
            ExprErrorKind::Nesting | ExprErrorKind::Size => codes::EXPRESSION_LIMIT,
        };
        let span = self.span_within(at, source, error.span.clone());
        let finding = Diagnostic::error(code, span, &at.pointer, error.message.clone());
        let hint = match error.kind {
            ExprErrorKind::Syntax if source.contains("${") => Some(
                "an expression is the whole text; to put values into text write `${ \"Hello \\(.name)\" }`".to_owned(),
            ),
            _ => error.hint.clone(),
        };
        match hint {
            Some(hint) => finding.hint(hint),
            None => finding,
        }
    }

    /// The place of a part of an expression, when the document holds the expression unescaped.
    fn span_within(&self, at: &At<'n>, source: &str, part: std::ops::Range<usize>) -> Span {
        let whole = at.node.span;
        let written = self.text.get(whole.start as usize..whole.end as usize);
        match written.and_then(|written| written.find(source)) {
            Some(offset) if self.foreign.is_none() && part.end <= source.len() => {
                let start = whole.start + (offset + part.start) as u32;
                let end = (whole.start + (offset + part.end) as u32)
                    .max(start + 1)
                    .min(whole.end.max(start));
                Span { start, end }
            }
            _ => whole,
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
        if text.contains("${") {
            self.report(
                Diagnostic::warning(
                    codes::INTERPOLATION,
                    at.node.span,
                    &at.pointer,
                    "`${` inside a text is not evaluated",
                )
                .label("stays as it is written")
                .hint("make the whole text one expression: `${ \"Hello \\(.name)\" }`"),
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
            return self.expr(source, at, site).map(Duration::Expr);
        }
        match crate::plan::literal_ms(&at.node.to_value()) {
            Ok(ms) => Some(Duration::Fixed(ms)),
            Err(error) => {
                self.report(Diagnostic::error(
                    codes::INVALID_DURATION,
                    at.node.span,
                    &at.pointer,
                    error.to_string(),
                ));
                None
            }
        }
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
            Err(reason) => {
                self.report(
                    Diagnostic::error(
                        codes::INVALID_SCHEMA,
                        place.node.span,
                        &place.pointer,
                        "this is not a valid JSON Schema",
                    )
                    .label(reason),
                );
                None
            }
        }
    }
}

fn is_sealed(expr: &Expr) -> bool {
    expr.variables()
        .iter()
        .any(|name| crate::plan::is_sealed_variable(name))
}

/// The secrets that an expression names literally: `$secrets.name` and `$secrets["name"]`.
fn secret_names(source: &str) -> Vec<Arc<str>> {
    let mut names: Vec<Arc<str>> = Vec::new();
    for (at, variable) in source.match_indices("$secret") {
        let rest = &source[at + variable.len()..];
        let rest = rest.strip_prefix('s').unwrap_or(rest).trim_start();
        let rest = rest.strip_prefix('.').unwrap_or(rest).trim_start();
        let name = match rest.strip_prefix("[\"").or_else(|| rest.strip_prefix('"')) {
            Some(quoted) => quoted.split('"').next().unwrap_or_default(),
            None => {
                let end = rest
                    .find(|c: char| !c.is_ascii_alphanumeric() && c != '_')
                    .unwrap_or(rest.len());
                if source[at..].starts_with("$secrets.") || source[at..].starts_with("$secret.") {
                    &rest[..end]
                } else {
                    ""
                }
            }
        };
        if !name.is_empty() && !names.iter().any(|n| &**n == name) {
            names.push(name.into());
        }
    }
    names
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
    fn secrets_named_literally_are_found() {
        for (source, expected) in [
            ("$secrets.apiKey", vec!["apiKey"]),
            (
                "\"Bearer \" + $secrets.a.b + $secrets[\"c-d\"]",
                vec!["a", "c-d"],
            ),
            ("$secret.old", vec!["old"]),
            ("$secrets | keys", vec![]),
            ("$secrets[.which]", vec![]),
            (".secrets.x", vec![]),
        ] {
            let names = secret_names(source);
            assert_eq!(
                names.iter().map(|n| &**n).collect::<Vec<_>>(),
                expected,
                "{source}"
            );
        }
    }

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
