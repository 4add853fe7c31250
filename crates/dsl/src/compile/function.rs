//! Calls of functions: found by name, expanded at the call with an input of their own.

use std::collections::BTreeSet;
use std::sync::Arc;

use ferrovia_expr::Value;

use super::flow::Siblings;
use super::reference::FunctionName;
use super::site::{At, Site, suggestion};
use super::{Compiler, FUNCTION_DEPTH_MAX, Foreign, TASKS_MAX};
use crate::diagnostic::{Diagnostic, codes};
use crate::plan::{Function, FunctionBody, Kind, Template};
use crate::source::mark;

impl<'n> Compiler<'n> {
    pub(super) fn function_call(&mut self, at: &At<'n>, name: &At<'n>) -> Kind {
        let with = at
            .get("with")
            .map(|with| self.template(&with, Site::Definition));
        let body = self.function_body(at, name);
        if let (Some(Template::Literal(input)), FunctionBody::Task(task)) = (&with, &body) {
            let schema = self
                .tasks
                .get(task.0 as usize)
                .and_then(|task| task.input.schema.clone());
            let called = name.node.as_str().unwrap_or_default();
            self.check_literal_input(at, called, input, schema);
        }
        Kind::Function(Function { with, body })
    }

    fn function_body(&mut self, at: &At<'n>, name: &At<'n>) -> FunctionBody {
        let missing = |reason: String| FunctionBody::Missing(reason.into());
        let Some(called) = name.node.as_str() else {
            return missing("the call has no name".into());
        };
        if self.is_full {
            return missing("the workflow has too many tasks".into());
        }
        if let Some(first) = self.calls.iter().position(|outer| outer == called) {
            self.recursion(name, called, first);
            return missing(format!("the function `{called}` calls itself"));
        }
        if self.calls.len() >= FUNCTION_DEPTH_MAX {
            self.report(Diagnostic::error(
                codes::FUNCTION_RECURSION,
                name.node.span,
                &name.pointer,
                format!("functions call functions more than {FUNCTION_DEPTH_MAX} deep"),
            ).hint("put a part of the chain into a workflow of its own and start it with `run: workflow`"));
            return missing("functions are nested too deeply".into());
        }
        let declared = At::root(self.root)
            .path(&["use", "functions"])
            .and_then(|f| f.get(called));
        match declared {
            Some(function) => {
                self.expanded.insert(called);
                let outer = self.foreign.take();
                let body = self.expand(called, &function, at);
                self.foreign = outer;
                body
            }
            None => self.linked_function(at, name, called),
        }
    }

    /// Reports functions that call one another in a circle, once for each circle.
    fn recursion(&mut self, name: &At<'n>, called: &str, first: usize) {
        let chain = self.calls[first..].join(" → ");
        let circle: BTreeSet<String> = self.calls[first..].iter().cloned().collect();
        if !self.circles.insert(circle) {
            return;
        }
        self.report(
            Diagnostic::error(
                codes::FUNCTION_RECURSION,
                name.node.span,
                &name.pointer,
                format!("the function `{called}` calls itself"),
            )
            .label(format!("{chain} → {called}"))
            .hint(
                "put the repetition into a `for`, or into a workflow started with `run: workflow`",
            ),
        );
    }

    fn linked_function(&mut self, at: &At<'n>, name: &At<'n>, called: &str) -> FunctionBody {
        if let Err(finding) = self.function_name(name, called) {
            self.report(finding);
            return FunctionBody::Missing(format!("the function `{called}` is not known").into());
        }
        match self.links.0.get(called) {
            Some(Ok(link)) => {
                let outer = self.foreign.clone();
                self.foreign.get_or_insert_with(|| Foreign {
                    span: name.node.span,
                    pointer: name.pointer.clone(),
                    name: called.to_owned(),
                });
                let body = match link.node() {
                    Ok(node) => self.expand(called, &At::root(node), at),
                    Err(reason) => {
                        self.foreign.clone_from(&outer);
                        self.report(
                            Diagnostic::error(
                                codes::LINK_UNUSABLE,
                                name.node.span,
                                &name.pointer,
                                format!("the function `{called}` is not usable: {reason}"),
                            )
                            .label("called here")
                            .hint("correct the function file: it holds one task, without a name"),
                        );
                        FunctionBody::Missing(
                            format!("the function `{called}` is not usable").into(),
                        )
                    }
                };
                self.foreign = outer;
                body
            }
            Some(Err(reason)) => {
                let reason = reason.clone();
                self.warn_missing(
                    name,
                    format!("the function `{called}` could not be loaded: {reason}"),
                )
            }
            None => self.warn_missing(name, format!("the function `{called}` was not loaded")),
        }
    }

    fn warn_missing(&mut self, name: &At<'n>, reason: String) -> FunctionBody {
        self.report(
            Diagnostic::warning(
                codes::LINK_MISSING,
                name.node.span,
                &name.pointer,
                reason.clone(),
            )
            .label("not loaded")
            .hint("the workflow can still run; reaching this call is a configuration error"),
        );
        FunctionBody::Missing(reason.into())
    }

    /// Whether a name can be a function that someone loads; otherwise what is wrong with it.
    fn function_name(&self, name: &At<'n>, called: &str) -> Result<(), Diagnostic> {
        let functions = At::root(self.root).path(&["use", "functions"]);
        let catalogs = At::root(self.root).path(&["use", "catalogs"]);
        let unknown = |message: String, hint: String| {
            Diagnostic::error(
                codes::UNKNOWN_FUNCTION,
                name.node.span,
                &name.pointer,
                message,
            )
            .label("unknown function")
            .hint(hint)
        };
        match FunctionName::parse(called) {
            Some(FunctionName::Uri) => Ok(()),
            Some(FunctionName::Cataloged { catalog, .. }) => {
                let known = catalog == "default"
                    || catalogs
                        .as_ref()
                        .is_some_and(|c| c.node.get(catalog).is_some());
                if known {
                    return Ok(());
                }
                let names: Vec<&str> = keys(&catalogs);
                Err(Diagnostic::error(
                    codes::UNKNOWN_REFERENCE,
                    self.span_within(name, called, called.len() - catalog.len()..called.len()),
                    &name.pointer,
                    format!("there is no catalog named `{catalog}`"),
                )
                .label("unknown catalog")
                .hint(suggestion(catalog, &names).unwrap_or_else(|| {
                    format!("declare it under `use.catalogs.{catalog}`, or use `@default`")
                })))
            }
            None => {
                let mut names = keys(&functions);
                names.extend(["http", "openapi", "grpc", "asyncapi", "a2a", "mcp"]);
                let hint = suggestion(called, &names).unwrap_or_else(|| how_to_declare(called));
                Err(unknown(
                    format!("there is no function named `{called}`"),
                    hint,
                ))
            }
        }
    }

    fn expand(&mut self, called: &str, function: &At<'n>, at: &At<'n>) -> FunctionBody {
        let place = At {
            reference: at.reference.clone(),
            ..function.clone()
        };
        self.calls.push(called.to_owned());
        let caller_locals = std::mem::take(&mut self.locals);
        let name: Arc<str> = called.into();
        let body = self.plain_task(&name, &place, &Siblings::List(Vec::new()));
        self.locals = caller_locals;
        self.calls.pop();
        FunctionBody::Task(body)
    }

    fn check_literal_input(
        &mut self,
        at: &At<'n>,
        called: &str,
        input: &Value,
        schema: Option<crate::plan::Schema>,
    ) {
        let Some(Ok(violations)) = schema.map(|schema| schema.violations(input)) else {
            return;
        };
        for violation in violations {
            let pointer = format!("{}/with{}", at.pointer, violation.pointer);
            let span = match self.foreign {
                None => mark(self.root, &pointer).or_else(|| mark(self.root, &at.pointer)),
                Some(_) => None,
            };
            self.report(
                Diagnostic::error(
                    codes::WRONG_ARGUMENTS,
                    span.unwrap_or(at.node.span),
                    pointer,
                    format!("this does not fit the input of the function `{called}`"),
                )
                .label(violation.message)
                .hint("the function says what it takes in its `input.schema`"),
            );
        }
    }

    /// Compiles functions that no task calls, for their findings alone.
    pub(super) fn check_unused_functions(&mut self, root: &At<'n>) {
        let functions = root.path(&["use", "functions"]);
        for (key, function) in functions
            .iter()
            .flat_map(|functions| functions.entries().collect::<Vec<_>>())
        {
            // Many of them, each with many calls, would take too long.
            if self.discarded >= TASKS_MAX || !self.expanded.insert(&key.name) {
                continue;
            }
            let at = At {
                reference: function.pointer.clone(),
                ..function.clone()
            };
            self.discarding(|compiler| {
                compiler.expand(&key.name, &function, &at);
            });
        }
    }
}

fn keys<'n>(at: &Option<At<'n>>) -> Vec<&'n str> {
    let entries = at.as_ref().map(|at| at.node.entries().unwrap_or_default());
    entries
        .unwrap_or_default()
        .iter()
        .map(|(key, _)| &*key.name)
        .collect()
}

fn how_to_declare(called: &str) -> String {
    match called.split([':', '@']).next() {
        Some(name) if name.len() < called.len() => format!(
            "a function of a catalog has a version of three parts, such as `{name}:1.0.0@default`"
        ),
        _ => format!(
            "declare it under `use.functions.{called}`, or name a catalog: `{called}:1.0.0@default`"
        ),
    }
}
