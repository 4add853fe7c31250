//! Document → [`Plan`]: resolves names, compiles expressions and schemas, expands functions and extensions.
//!
//! Expects a document that passed the structural check; reports everything else that is wrong with it at once.

mod advice;
mod call;
mod event;
mod expression;
mod extension;
mod flow;
mod function;
mod reference;
mod schedule;
mod secret;
mod site;
mod task;
mod undo;
mod written;

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use ferrovia_expr::Value;
use sha2::{Digest, Sha256};

use crate::diagnostic::{Diagnostic, capped, codes};
use crate::plan::{
    EventFilter, Identity, InputSpec, Kind, List, ListId, OutputSpec, Plan, PlanHash, SEMANTICS,
    Task, TaskId,
};
use crate::source::{Node, Span};

pub use reference::{FunctionSource, Link, Reference, references};
use site::{At, Site};

/// The most tasks a plan may have once its functions are expanded.
pub const TASKS_MAX: usize = 20_000;
/// How deep functions may call functions.
pub const FUNCTION_DEPTH_MAX: usize = 16;
/// How many findings one check reports.
pub const DIAGNOSTICS_MAX: usize = 100;

/// What a document refers to, loaded beforehand by someone who may do I/O.
#[derive(Debug, Default)]
pub struct Links(pub HashMap<String, Result<Link, String>>);

/// How strictly a document is taken.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Options {
    pub secrets_in_data: SecretsInData,
}

/// Whether `$secrets` may be used outside the arguments of effects, where their values enter state and journal.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum SecretsInData {
    #[default]
    Refuse,
    Allow,
}

/// A plan with the warnings about its document.
#[derive(Debug)]
pub struct Compiled {
    pub plan: Plan,
    pub warnings: Vec<Diagnostic>,
}

/// Compiles a structurally valid document. On failure the findings hold at least one error.
pub fn compile(
    text: &str,
    root: &Node,
    links: &Links,
    options: Options,
) -> Result<Compiled, Vec<Diagnostic>> {
    let mut compiler = Compiler::new(text, root, links, options);
    let plan = compiler.workflow(root);
    let findings = capped(compiler.findings, DIAGNOSTICS_MAX);
    match plan {
        Some(plan) if !findings.iter().any(Diagnostic::is_error) => Ok(Compiled {
            plan,
            warnings: findings,
        }),
        _ => Err(findings),
    }
}

/// Where control is while a document is compiled.
struct Compiler<'n> {
    text: &'n str,
    root: &'n Node,
    links: &'n Links,
    options: Options,
    mode: Mode,
    findings: Vec<Diagnostic>,
    tasks: Vec<Task>,
    lists: Vec<List>,
    interests: Vec<EventFilter>,
    /// Loop, error and item variables in scope.
    locals: Vec<Arc<str>>,
    /// Those of the locals that hold an error that was caught.
    caught: Vec<Arc<str>>,
    /// Names of the functions being expanded, outermost first.
    calls: Vec<String>,
    /// The plan has reached [`TASKS_MAX`]: nothing is expanded any more, or it might never end.
    is_full: bool,
    /// Functions of the document that were expanded at least once, so that their findings are known.
    expanded: BTreeSet<&'n str>,
    /// Tasks that were compiled for their findings alone.
    discarded: usize,
    /// Functions that call one another in a circle and were reported.
    circles: BTreeSet<BTreeSet<String>>,
    /// Set while a document other than the root is compiled: its findings are reported at this call.
    foreign: Option<Foreign>,
    extensions: extension::Extensions<'n>,
    within_extension: bool,
    within_undo: bool,
    /// Tasks that others name as what takes them back: control need not reach them.
    undos: BTreeSet<String>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Mode {
    Strict,
    Loose,
}

#[derive(Clone)]
struct Foreign {
    span: Span,
    pointer: String,
    name: String,
}

impl<'n> Compiler<'n> {
    fn new(text: &'n str, root: &'n Node, links: &'n Links, options: Options) -> Self {
        let mode = root
            .get("evaluate")
            .and_then(|e| e.get("mode"))
            .and_then(Node::as_str);
        Compiler {
            text,
            root,
            links,
            options,
            mode: if mode == Some("loose") {
                Mode::Loose
            } else {
                Mode::Strict
            },
            findings: Vec::new(),
            tasks: Vec::new(),
            lists: Vec::new(),
            interests: Vec::new(),
            locals: Vec::new(),
            caught: Vec::new(),
            calls: Vec::new(),
            is_full: false,
            expanded: BTreeSet::new(),
            discarded: 0,
            circles: BTreeSet::new(),
            foreign: None,
            extensions: extension::Extensions::default(),
            within_extension: false,
            within_undo: false,
            undos: BTreeSet::new(),
        }
    }

    fn workflow(&mut self, root: &'n Node) -> Option<Plan> {
        let at = At::root(root);
        self.expression_language(&at);
        self.extensions = extension::Extensions::collect(&at);
        let identity = self.identity(&at)?;
        let input = self.input(&at, Site::WorkflowInput);
        let root_list = self.list(&at.get("do")?);
        self.check_reachability(root_list);
        let output = self.output(at.get("output").as_ref(), Site::WorkflowOutput);
        let timeout = self.timeout(&at);
        let schedule = at.get("schedule").map(|schedule| self.schedule(&schedule));
        self.check_schedule_settings(&at);
        self.check_unused_functions(&at);
        self.check_unused_extensions();
        let definition = root.to_value();
        Some(Plan {
            hash: hash(&definition, self.links),
            semantics: SEMANTICS,
            title: at
                .get("document")?
                .get("title")
                .and_then(|t| t.node.as_str())
                .map(Into::into),
            secrets: self.declared_secrets(),
            identity,
            definition,
            tasks: std::mem::take(&mut self.tasks),
            lists: std::mem::take(&mut self.lists),
            root: root_list,
            input,
            output,
            timeout,
            schedule,
            interests: std::mem::take(&mut self.interests).into(),
        })
    }

    fn identity(&mut self, root: &At<'n>) -> Option<Identity> {
        let document = root.get("document")?;
        let text = |key: &str| document.node.get(key).and_then(Node::as_str);
        Some(Identity {
            namespace: text("namespace")?.into(),
            name: text("name")?.into(),
            version: text("version")?.parse().ok()?,
            dsl: text("dsl")?.parse().ok()?,
        })
    }

    fn declared_secrets(&self) -> Vec<Arc<str>> {
        let declared = self
            .root
            .get("use")
            .and_then(|u| u.get("secrets"))
            .and_then(Node::items);
        declared
            .unwrap_or_default()
            .iter()
            .filter_map(Node::as_str)
            .map(Into::into)
            .collect()
    }

    /// The named component of `use.<section>`, or a finding that it does not exist.
    fn component(&mut self, section: &'static str, what: &str, name: &At<'n>) -> Option<At<'n>> {
        let wanted = name.node.as_str()?;
        let components = At::root(self.root).get("use").and_then(|u| u.get(section));
        if let Some(found) = components.as_ref().and_then(|c| c.get(wanted)) {
            return Some(found);
        }
        let known: Vec<&str> = components
            .iter()
            .flat_map(|c| c.node.entries().unwrap_or_default())
            .map(|(key, _)| &*key.name)
            .collect();
        let hint = site::suggestion(wanted, &known)
            .unwrap_or_else(|| format!("declare it under `use.{section}.{wanted}`"));
        self.report(
            Diagnostic::error(
                codes::UNKNOWN_REFERENCE,
                name.node.span,
                &name.pointer,
                format!("there is no {what} named `{wanted}`"),
            )
            .label(format!("not declared in `use.{section}`"))
            .hint(hint),
        );
        None
    }

    /// What a finding about a value of the document underlines: a scalar itself, a container by its key.
    fn mark(&self, at: &At<'_>) -> Span {
        let mark = match self.foreign {
            None => crate::source::mark(self.root, &at.pointer),
            Some(_) => None,
        };
        mark.unwrap_or(at.node.span)
    }

    fn report(&mut self, finding: Diagnostic) {
        let finding = match &self.foreign {
            None => finding,
            Some(foreign) if !finding.is_error() => Diagnostic {
                message: format!(
                    "in the function `{}`: {} (at {})",
                    foreign.name, finding.message, finding.pointer
                ),
                span: foreign.span,
                pointer: foreign.pointer.clone(),
                label: Some("called here".into()),
                ..finding
            },
            Some(foreign) => Diagnostic {
                message: format!(
                    "the function `{}` is not usable: {} (at {})",
                    foreign.name, finding.message, finding.pointer
                ),
                code: codes::LINK_UNUSABLE,
                span: foreign.span,
                pointer: foreign.pointer.clone(),
                label: Some("called here".into()),
                ..finding
            },
        };
        self.findings.push(finding);
    }

    /// Adds a task to the arena. Over the limit the plan is refused and the task is not kept.
    fn add(&mut self, task: Task, at: &At<'n>) -> TaskId {
        if self.tasks.len() >= TASKS_MAX {
            if std::mem::replace(&mut self.is_full, true) {
                return TaskId(0);
            }
            self.report(
                Diagnostic::error(
                    codes::TOO_MANY_TASKS,
                    self.mark(at),
                    &at.pointer,
                    format!("the workflow has more than {TASKS_MAX} tasks once its functions are expanded"),
                )
                .hint("move a part of it into a workflow of its own and start it with `run: workflow`"),
            );
            return TaskId(0);
        }
        self.tasks.push(task);
        TaskId(self.tasks.len() as u32 - 1)
    }

    fn add_list(&mut self, tasks: Vec<TaskId>) -> ListId {
        self.lists.push(List(tasks));
        ListId(self.lists.len() as u32 - 1)
    }
}

/// A task that only carries another kind, with no data flow of its own.
fn bare_task(like: &At<'_>, name: &Arc<str>, kind: Kind) -> Task {
    Task {
        name: name.clone(),
        pointer: like.reference.as_str().into(),
        definition: like.node.to_value(),
        condition: None,
        input: InputSpec::default(),
        output: OutputSpec::default(),
        export: OutputSpec::default(),
        timeout: None,
        then: crate::plan::Flow::Continue,
        undo: None,
        kind,
    }
}

fn hash(definition: &Value, links: &Links) -> PlanHash {
    let mut hasher = Sha256::new();
    hasher.update(SEMANTICS.to_be_bytes());
    hasher.update(definition.to_canonical_json());
    let mut linked: Vec<_> = links.0.iter().collect();
    linked.sort_by_key(|(key, _)| *key);
    for (key, link) in linked {
        let content = link
            .as_ref()
            .map_or_else(Clone::clone, |link| link.value().to_canonical_json());
        for part in [key.as_str(), content.as_str()] {
            hasher.update((part.len() as u64).to_be_bytes());
            hasher.update(part);
        }
    }
    PlanHash(hasher.finalize().into())
}
