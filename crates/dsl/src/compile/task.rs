//! Tasks: the data flow around each, and the control tasks.

use std::sync::Arc;

use super::Compiler;
use super::flow::Siblings;
use super::site::{At, Site};
use crate::diagnostic::{Diagnostic, codes};
use crate::plan::{
    Backoff, Case, Catch, ErrorFilter, ErrorTemplate, Flow, For, Fork, Kind, Raise, Retry, Task,
    TaskId, Template, Try,
};
use crate::source::{Key, Node, Span};

/// The keys that say what a task does, the one that decides first.
pub(super) const KEYWORDS: [&str; 12] = [
    "call", "for", "do", "emit", "fork", "listen", "raise", "run", "set", "switch", "try", "wait",
];

impl<'n> Compiler<'n> {
    /// Compiles a task with the extensions that apply to it.
    pub(super) fn task(&mut self, key: &'n Key, at: &At<'n>, siblings: &Siblings<'n>) -> TaskId {
        let target = self.plain_task(&key.name, at, siblings);
        self.extended(target, at)
    }

    /// Compiles a task by itself.
    pub(super) fn plain_task(
        &mut self,
        name: &Arc<str>,
        at: &At<'n>,
        siblings: &Siblings<'n>,
    ) -> TaskId {
        let condition = at
            .get("if")
            .and_then(|condition| self.condition(&condition, Site::TaskInput));
        let input = self.input(at, Site::TaskInput);
        let timeout = self.timeout(at);
        let kind = self.kind(at, siblings);
        let output = self.output(at.get("output").as_ref(), Site::OutputAs);
        let export = self.output(at.get("export").as_ref(), Site::ExportAs);
        let then = at
            .get("then")
            .map_or(Flow::Continue, |then| self.flow(&then, siblings));
        let undo = self.undo(at);
        let task = Task {
            name: name.clone(),
            pointer: at.reference.as_str().into(),
            definition: at.node.to_value(),
            condition,
            input,
            output,
            export,
            timeout,
            then,
            undo,
            kind,
        };
        self.add(task, at)
    }

    fn kind(&mut self, at: &At<'n>, siblings: &Siblings<'n>) -> Kind {
        let keyword = KEYWORDS
            .into_iter()
            .find(|keyword| at.node.get(keyword).is_some());
        let Some((keyword, body)) = keyword.and_then(|keyword| Some((keyword, at.get(keyword)?)))
        else {
            return self.nothing();
        };
        match keyword {
            "call" => self.call(at, &body),
            "for" => self.for_each(at, &body),
            "do" => Kind::Do(self.list(&body)),
            "emit" => self.emit(&body),
            "fork" => self.fork(&body),
            "listen" => self.listen(at, &body),
            "raise" => self.raise(&body),
            "run" => self.run(at, &body),
            "set" => Kind::Set(self.set(&body)),
            "switch" => Kind::Switch(self.switch(&body, siblings)),
            "try" => self.try_catch(at, &body, siblings),
            "wait" => match self.duration(&body, Site::Definition) {
                Some(duration) => Kind::Wait(duration),
                None => self.nothing(),
            },
            _ => self.nothing(),
        }
    }

    /// Stands for a task that could not be compiled: the plan is refused, but the check goes on.
    fn nothing(&mut self) -> Kind {
        Kind::Do(self.add_list(Vec::new()))
    }

    fn set(&mut self, body: &At<'n>) -> Template {
        match body.node.as_str() {
            // `set` as a text is only of use as an expression; both spellings occur.
            Some(_) => {
                let expr = self.condition(body, Site::Definition);
                expr.map_or(Template::Literal(body.node.to_value()), |expr| {
                    self.template_of(expr, Site::Definition)
                })
            }
            None => self.template(body, Site::Definition),
        }
    }

    /// Runs `compile` with variables in scope that the document names, or their default names.
    pub(super) fn with_locals<T>(
        &mut self,
        names: impl IntoIterator<Item = Arc<str>>,
        compile: impl FnOnce(&mut Self) -> T,
    ) -> T {
        let outer = self.locals.len();
        self.locals.extend(names);
        let compiled = compile(self);
        self.locals.truncate(outer);
        compiled
    }

    fn for_each(&mut self, at: &At<'n>, body: &At<'n>) -> Kind {
        let each = body.text("each").unwrap_or_else(|| "item".into());
        let index = body.text("at").unwrap_or_else(|| "index".into());
        let items = match body.get("in") {
            Some(items) if items.node.as_str().is_some() => self
                .condition(&items, Site::Definition)
                .map_or(Template::Literal(items.node.to_value()), Template::Expr),
            Some(items) => self.template(&items, Site::Definition),
            None => Template::Literal(Default::default()),
        };
        let (condition, list) = self.with_locals([each.clone(), index.clone()], |compiler| {
            let condition = at
                .get("while")
                .and_then(|c| compiler.condition(&c, Site::Definition));
            let list = at.get("do").map(|tasks| compiler.list(&tasks));
            (condition, list)
        });
        let body = list.unwrap_or_else(|| self.add_list(Vec::new()));
        Kind::For(For {
            each,
            at: index,
            items,
            condition,
            body,
        })
    }

    fn fork(&mut self, body: &At<'n>) -> Kind {
        let branches = body
            .get("branches")
            .map(|branches| branches.named())
            .unwrap_or_default();
        self.check_names(&branches);
        Kind::Fork(Fork {
            compete: body.flag("compete").unwrap_or(false),
            branches: branches
                .iter()
                .map(|(key, task)| self.task(key, task, &Siblings::Branches))
                .collect(),
        })
    }

    fn switch(&mut self, body: &At<'n>, siblings: &Siblings<'n>) -> Vec<Case> {
        let mut cases = Vec::new();
        let mut default: Option<(Case, Span)> = None;
        for (key, case) in body.named() {
            let compiled = Case {
                name: key.name.clone(),
                when: case
                    .get("when")
                    .and_then(|when| self.condition(&when, Site::Definition)),
                then: case
                    .get("then")
                    .map_or(Flow::Continue, |then| self.flow(&then, siblings)),
            };
            if case.node.get("when").is_some() {
                cases.push(compiled);
            } else if let Some((_, first)) = &default {
                self.report(
                    Diagnostic::error(
                        codes::SECOND_DEFAULT,
                        key.span,
                        &case.pointer,
                        "a switch has one default case at most",
                    )
                    .label("second case without `when`")
                    .hint("give it a `when`, or remove it")
                    .also(*first, "first case without `when`"),
                );
            } else {
                default = Some((compiled, key.span));
            }
        }
        cases.extend(default.map(|(case, _)| case));
        cases
    }

    fn raise(&mut self, body: &At<'n>) -> Kind {
        let error = body
            .get("error")
            .and_then(|error| match error.node.as_str() {
                Some(_) => self.component("errors", "error", &error),
                None => Some(error),
            });
        let error = match error {
            Some(error) => self.error_template(&error),
            None => ErrorTemplate {
                kind: Template::Literal("".into()),
                status: 500,
                title: None,
                detail: None,
            },
        };
        Kind::Raise(Raise { error })
    }

    fn error_template(&mut self, at: &At<'n>) -> ErrorTemplate {
        let mut text = |key| {
            at.get(key)
                .map(|part| self.template(&part, Site::Definition))
        };
        let (kind, title, detail) = (text("type"), text("title"), text("detail"));
        ErrorTemplate {
            kind: kind.unwrap_or(Template::Literal("".into())),
            status: status(at.node).unwrap_or(500),
            title,
            detail,
        }
    }

    fn try_catch(&mut self, at: &At<'n>, body: &At<'n>, siblings: &Siblings<'n>) -> Kind {
        let body = self.list(body);
        let Some(catch) = at.get("catch") else {
            return Kind::Do(body);
        };
        let variable = catch.text("as").unwrap_or_else(|| "error".into());
        self.caught.push(variable.clone());
        let catch = self.with_locals([variable.clone()], |compiler| Catch {
            filter: error_filter(catch.path(&["errors", "with"])),
            when: catch
                .get("when")
                .and_then(|when| compiler.error_condition(&when)),
            except_when: catch
                .get("exceptWhen")
                .and_then(|when| compiler.error_condition(&when)),
            retry: catch.get("retry").and_then(|retry| compiler.retry(&retry)),
            body: catch.get("do").map(|tasks| compiler.list(&tasks)),
            then: catch.get("then").map(|then| compiler.flow(&then, siblings)),
            variable,
        });
        self.caught.pop();
        Kind::Try(Try { body, catch })
    }

    fn retry(&mut self, at: &At<'n>) -> Option<Retry> {
        let at = match at.node.as_str() {
            Some(_) => self.component("retries", "retry policy", at)?,
            None => at.clone(),
        };
        let backoff = at.get("backoff").map(|backoff| {
            if backoff.node.get("exponential").is_some() {
                Backoff::Exponential
            } else if backoff.node.get("linear").is_some() {
                Backoff::Linear
            } else {
                Backoff::Constant
            }
        });
        let mut duration = |path: &[&str]| {
            at.path(path)
                .and_then(|limit| self.duration(&limit, Site::Definition))
        };
        let delay = duration(&["delay"]);
        let attempt_limit = duration(&["limit", "attempt", "duration"]);
        let total_limit = duration(&["limit", "duration"]);
        let jitter = duration(&["jitter", "from"]).zip(duration(&["jitter", "to"]));
        let count = at
            .path(&["limit", "attempt", "count"])
            .and_then(|count| count.node.as_scalar()?.as_i64());
        Some(Retry {
            when: at.get("when").and_then(|when| self.error_condition(&when)),
            except_when: at
                .get("exceptWhen")
                .and_then(|when| self.error_condition(&when)),
            delay,
            backoff: backoff.unwrap_or_default(),
            count: count.map(|count| u32::try_from(count.max(0)).unwrap_or(u32::MAX)),
            attempt_limit,
            total_limit,
            jitter,
        })
    }
}

fn status(error: &Node) -> Option<u16> {
    error.get("status")?.as_scalar()?.as_i64()?.try_into().ok()
}

fn error_filter(with: Option<At<'_>>) -> ErrorFilter {
    let Some(with) = with else {
        return ErrorFilter::default();
    };
    ErrorFilter {
        kind: with.text("type"),
        status: status(with.node),
        instance: with.text("instance"),
        title: with.text("title"),
        // The schema of earlier versions calls it `details`.
        detail: with.text("detail").or_else(|| with.text("details")),
    }
}
