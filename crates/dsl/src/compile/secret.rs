//! `$secrets` in expressions and policies: where they may stand, which are declared.

use std::ops::Range;
use std::sync::Arc;

use ferrovia_expr::Expr;

use super::site::{At, Site, suggestion};
use super::{Compiler, SecretsInData};
use crate::diagnostic::{Diagnostic, codes};
use crate::source::Span;

impl<'n> Compiler<'n> {
    /// Refuses secrets where their values would enter the state.
    pub(super) fn permitted(&mut self, expr: Expr, at: &At<'n>, site: Site) -> Option<Expr> {
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
        let span = match secret_uses(expr.source()).first() {
            Some(found) => self.span_within(at, expr.source(), found.part.clone()),
            None => at.node.span,
        };
        self.report(
            Diagnostic::error(
                codes::SECRET_IN_DATA,
                span,
                &at.pointer,
                "a secret would become part of the run's data",
            )
            .label("`$secrets` is not available here")
            .hint(
                "use it in the `with` of the call that needs it, where it is opened as the call leaves; \
                 `--secrets-in-data` lifts this, and the value is then part of the run's state",
            ),
        );
        None
    }

    fn check_declared_secrets(&mut self, expr: &Expr, at: &At<'n>) {
        for found in secret_uses(expr.source()) {
            if let Some(name) = found.name {
                let span = self.span_within(at, expr.source(), found.part);
                self.check_declared_secret(name, span, &at.pointer);
            }
        }
    }

    /// Warns of a secret that `use.secrets` does not list. A function of another document cannot list any.
    pub(super) fn check_declared_secret(&mut self, name: &str, span: Span, pointer: &str) {
        let declared = self.declared_secrets();
        if self.foreign.is_some() || declared.iter().any(|secret| &**secret == name) {
            return;
        }
        let known: Vec<&str> = declared.iter().map(|d| &**d).collect();
        let hint = suggestion(name, &known)
            .unwrap_or_else(|| format!("add `{name}` to the list `use.secrets`"));
        let message =
            format!("the secret `{name}` is not declared; using it is an authorization error");
        self.report(
            Diagnostic::warning(codes::UNDECLARED_SECRET, span, pointer, message)
                .label("not in `use.secrets`")
                .hint(hint),
        );
    }
}

pub(super) fn is_sealed(expr: &Expr) -> bool {
    expr.variables()
        .iter()
        .any(|name| crate::plan::is_sealed_variable(name))
}

/// A use of `$secrets` in an expression, with the secret if it is named literally.
struct SecretUse<'a> {
    name: Option<&'a str>,
    part: Range<usize>,
}

/// Uses of `$secrets`: `$secrets.name` and `$secrets["name"]` name one.
fn secret_uses(source: &str) -> Vec<SecretUse<'_>> {
    let mut uses = Vec::new();
    for (start, variable) in source.match_indices("$secret") {
        let after = start + variable.len();
        let after = after + usize::from(source[after..].starts_with('s'));
        let rest = &source[after..];
        let dotted = rest.strip_prefix('.').unwrap_or(rest);
        let quoted = dotted
            .strip_prefix("[\"")
            .or_else(|| dotted.strip_prefix('"'));
        let name = match quoted {
            Some(quoted) => quoted.split('"').next(),
            None if dotted.len() < rest.len() => {
                let end = dotted
                    .find(|c: char| !c.is_ascii_alphanumeric() && c != '_')
                    .unwrap_or(dotted.len());
                Some(&dotted[..end])
            }
            None => None,
        };
        let name = name.filter(|name| !name.is_empty());
        let end = match name {
            Some(name) => {
                let from = after + rest.find(name).unwrap_or_default();
                let closing = source[from + name.len()..].trim_start_matches('"');
                source.len() - closing.strip_prefix(']').unwrap_or(closing).len()
            }
            None => after,
        };
        uses.push(SecretUse {
            name,
            part: start..end,
        });
    }
    uses
}

/// The secrets that an expression names literally.
pub(super) fn secret_names(source: &str) -> Vec<Arc<str>> {
    let mut names: Vec<Arc<str>> = Vec::new();
    for name in secret_uses(source)
        .into_iter()
        .filter_map(|found| found.name)
    {
        if !names.iter().any(|known| &**known == name) {
            names.push(name.into());
        }
    }
    names
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
}
