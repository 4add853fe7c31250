//! Lists of tasks: names, `then` targets, reachability.

use std::collections::HashMap;
use std::sync::Arc;

use super::Compiler;
use super::site::{At, suggestion};
use super::task::KEYWORDS;
use crate::diagnostic::{Diagnostic, codes};
use crate::plan::{Flow, Kind, ListId, Task, TaskId};
use crate::source::{Data, Key, Node};

const DIRECTIVES: [&str; 3] = ["continue", "exit", "end"];

/// The names of the tasks that a `then` may refer to.
pub(super) enum Siblings<'n> {
    List(Vec<&'n str>),
    /// Branches of a `fork` run side by side: there is nowhere to go to.
    Branches,
}

impl<'n> Compiler<'n> {
    /// Compiles a list of tasks that run one after another.
    pub(super) fn list(&mut self, at: &At<'n>) -> ListId {
        let entries = at.named();
        self.check_names(&entries);
        let siblings = Siblings::List(entries.iter().map(|(key, _)| &*key.name).collect());
        let tasks = entries
            .iter()
            .map(|(key, task)| self.task(key, task, &siblings))
            .collect();
        self.add_list(tasks)
    }

    pub(super) fn check_names(&mut self, entries: &[(&'n Key, At<'n>)]) {
        let mut seen: HashMap<&str, &Key> = HashMap::new();
        for (key, task) in entries {
            if DIRECTIVES.contains(&&*key.name) {
                self.report(
                    Diagnostic::error(
                        codes::RESERVED_NAME,
                        key.span,
                        &task.pointer,
                        format!("a task cannot be named `{}`", key.name),
                    )
                    .label("is a flow directive")
                    .hint("choose another name, so that `then` stays unambiguous"),
                );
            }
            if let Some(first) = seen.insert(&key.name, key) {
                self.report(
                    Diagnostic::error(
                        codes::DUPLICATE_TASK,
                        key.span,
                        &task.pointer,
                        format!("two tasks of this list are named `{}`", key.name),
                    )
                    .label("second task of this name")
                    .hint("rename one of them, so that `then` stays unambiguous")
                    .also(first.span, "first task of this name"),
                );
            }
        }
    }

    /// The flow directive at a node.
    pub(super) fn flow(&mut self, at: &At<'n>, siblings: &Siblings<'n>) -> Flow {
        let name = at.node.as_str().unwrap_or("continue");
        match name {
            "continue" => return Flow::Continue,
            "exit" => return Flow::Exit,
            "end" => return Flow::End,
            _ => {}
        }
        match siblings {
            Siblings::List(names) => {
                if let Some(index) = names.iter().position(|sibling| *sibling == name) {
                    return Flow::Goto(index as u32);
                }
                let hint = self.target_hint(name, names);
                self.report(
                    Diagnostic::error(
                        codes::UNKNOWN_TASK,
                        at.node.span,
                        &at.pointer,
                        format!("there is no task named `{name}` in this list"),
                    )
                    .label("unknown task")
                    .hint(hint),
                );
            }
            Siblings::Branches => self.report(
                Diagnostic::error(
                    codes::BRANCH_TARGET,
                    at.node.span,
                    &at.pointer,
                    format!("a branch of a `fork` cannot continue at `{name}`"),
                )
                .label("branches run side by side")
                .hint("use `exit` or `end`, or put the tasks of this branch into a `do`"),
            ),
        }
        Flow::Continue
    }

    fn target_hint(&self, name: &str, siblings: &[&str]) -> String {
        let known: Vec<&str> = siblings.iter().copied().chain(DIRECTIVES).collect();
        if let Some(meant) = suggestion(name, &known) {
            return meant;
        }
        if is_task(self.root, name) {
            return format!(
                "`{name}` is a task of another list, and `then` stays in its own; `exit` leaves this list"
            );
        }
        match name.to_lowercase().as_str() {
            "stop" | "finish" | "finished" | "done" | "return" | "terminate" | "complete" => {
                "write `end` to end the workflow, or `exit` to leave this list"
            }
            "break" => "write `exit` to leave this list",
            "next" => "write `continue`, or leave `then` out",
            _ => "`then` may name a task of the same list, or be `continue`, `exit` or `end`",
        }
        .to_owned()
    }

    /// Warns of tasks of the list and of all lists below that control never reaches.
    pub(super) fn check_reachability(&mut self, root: ListId) {
        // A `then` that leads nowhere makes its task seem unreachable.
        let misled = |finding: &Diagnostic| finding.code == codes::UNKNOWN_TASK;
        if self.findings.iter().any(misled) {
            return;
        }
        let mut lists = vec![root];
        let mut unreachable: Vec<Arc<str>> = Vec::new();
        while let Some(list) = lists.pop() {
            let ids = self.lists[list.0 as usize].0.clone();
            let mut reached = vec![false; ids.len()];
            self.reach(&ids, 0, &mut reached);
            for (index, id) in ids.iter().enumerate() {
                let task = &self.tasks[id.0 as usize];
                if !reached[index] && self.undos.contains(&*task.pointer) {
                    self.reach(&ids, index, &mut reached);
                } else if !reached[index] {
                    unreachable.push(task.pointer.clone());
                    // What only this one leads to is not told too.
                    self.reach(&ids, index, &mut reached);
                }
                self.lists_below(task, &mut lists);
            }
        }
        for pointer in unreachable {
            let Some(name) = crate::source::key_span(self.root, &pointer) else {
                continue;
            };
            let finding = Diagnostic::warning(
                codes::UNREACHABLE,
                name,
                &*pointer,
                "this task is never reached",
            )
            .label("no task leads here")
            .hint("remove it, or let a `then` lead to it");
            self.report(finding);
        }
    }

    /// Marks the tasks of a list that control can reach from one of them.
    fn reach(&self, ids: &[TaskId], from: usize, reached: &mut [bool]) {
        let mut next = vec![from];
        while let Some(index) = next.pop() {
            if index >= ids.len() || std::mem::replace(&mut reached[index], true) {
                continue;
            }
            for flow in self.successors(&self.tasks[ids[index].0 as usize]) {
                match flow {
                    Flow::Continue => next.push(index + 1),
                    Flow::Goto(target) => next.push(target as usize),
                    Flow::Exit | Flow::End => {}
                }
            }
        }
    }

    /// Every way control may leave a task.
    fn successors(&self, task: &Task) -> Vec<Flow> {
        let mut flows = match &task.kind {
            Kind::Raise(_) => Vec::new(),
            Kind::Switch(cases) => {
                let mut flows: Vec<Flow> = cases.iter().map(|case| case.then).collect();
                if cases.iter().all(|case| case.when.is_some()) {
                    flows.push(task.then);
                }
                flows
            }
            Kind::Try(task_try) => {
                let mut flows = vec![task.then];
                flows.extend(task_try.catch.then);
                flows
            }
            Kind::Extended(extended) => {
                let mut flows = self.successors(&self.tasks[extended.target.0 as usize]);
                flows.push(self.tasks[extended.target.0 as usize].then);
                flows
            }
            _ => vec![task.then],
        };
        if task.condition.is_some() {
            flows.push(task.then);
        }
        flows
    }

    fn lists_below(&self, task: &Task, lists: &mut Vec<ListId>) {
        match &task.kind {
            Kind::Do(body) => lists.push(*body),
            Kind::For(each) => lists.push(each.body),
            Kind::Try(task_try) => {
                lists.push(task_try.body);
                lists.extend(task_try.catch.body);
            }
            Kind::Listen(listen) => lists.extend(listen.each.as_ref().map(|each| each.body)),
            Kind::Fork(fork) => {
                for branch in &fork.branches {
                    self.lists_below(&self.tasks[branch.0 as usize], lists);
                }
            }
            Kind::Extended(extended) => {
                self.lists_below(&self.tasks[extended.target.0 as usize], lists)
            }
            Kind::Call(_)
            | Kind::Emit(_)
            | Kind::Raise(_)
            | Kind::RunWorkflow(_)
            | Kind::Set(_) => {}
            Kind::Switch(_) | Kind::Wait(_) | Kind::Function(_) => {}
        }
    }
}

/// Whether a document has a task of this name in any of its lists.
fn is_task(node: &Node, name: &str) -> bool {
    match &node.data {
        Data::Scalar(_) => false,
        Data::Sequence(items) => items.iter().any(|item| {
            let task = item.get(name);
            let kind = |task: &Node| KEYWORDS.iter().any(|keyword| task.get(keyword).is_some());
            task.is_some_and(kind) || is_task(item, name)
        }),
        Data::Mapping(entries) => entries.iter().any(|(_, value)| is_task(value, name)),
    }
}
