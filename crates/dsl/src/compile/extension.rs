//! Extensions: task lists that run before and after every task of a kind.

use super::site::{At, Site};
use super::{Compiler, bare_task};
use crate::plan::{Extended, Kind, Layer, TaskId};

/// The extensions of a document, in declaration order.
#[derive(Default)]
pub(super) struct Extensions<'n>(Vec<Extension<'n>>);

struct Extension<'n> {
    name: std::sync::Arc<str>,
    at: At<'n>,
    used: bool,
}

impl<'n> Extensions<'n> {
    pub(super) fn collect(root: &At<'n>) -> Self {
        let declared = root
            .path(&["use", "extensions"])
            .map(|list| list.named())
            .unwrap_or_default();
        Extensions(
            declared
                .into_iter()
                .map(|(key, at)| Extension {
                    name: key.name.clone(),
                    at,
                    used: false,
                })
                .collect(),
        )
    }
}

impl<'n> Compiler<'n> {
    /// Wraps a task in the extensions of its kind. Tasks of extensions themselves are not extended.
    pub(super) fn extended(&mut self, target: TaskId, at: &At<'n>) -> TaskId {
        if self.within_extension || self.extensions.0.is_empty() {
            return target;
        }
        let kind = self
            .tasks
            .get(target.0 as usize)
            .map_or("", |task| task.kind.keyword());
        let mut applying = Vec::new();
        for extension in &mut self.extensions.0 {
            if applies(
                extension.at.node.get("extend").and_then(|e| e.as_str()),
                kind,
            ) {
                extension.used = true;
                applying.push((extension.name.clone(), extension.at.clone()));
            }
        }
        if applying.is_empty() {
            return target;
        }
        let layers = applying
            .into_iter()
            .map(|(name, at)| self.layer(name, &at))
            .collect();
        let name = self.tasks[target.0 as usize].name.clone();
        self.add(
            bare_task(at, &name, Kind::Extended(Extended { target, layers })),
            at,
        )
    }

    fn layer(&mut self, name: std::sync::Arc<str>, at: &At<'n>) -> Layer {
        self.within_extension = true;
        let layer = Layer {
            name,
            when: at
                .get("when")
                .and_then(|when| self.condition(&when, Site::Definition)),
            before: at.get("before").map(|tasks| self.list(&tasks)),
            after: at.get("after").map(|tasks| self.list(&tasks)),
        };
        self.within_extension = false;
        layer
    }

    /// Compiles extensions that no task uses, for their findings alone.
    pub(super) fn check_unused_extensions(&mut self) {
        let unused: Vec<_> = self
            .extensions
            .0
            .iter()
            .filter(|e| !e.used)
            .map(|e| (e.name.clone(), e.at.clone()))
            .collect();
        for (name, at) in unused {
            self.discarding(|compiler| {
                compiler.layer(name, &at);
            });
        }
    }

    /// Compiles something whose tasks are not part of the plan.
    pub(super) fn discarding(&mut self, compile: impl FnOnce(&mut Self)) {
        let kept = (self.tasks.len(), self.lists.len(), self.interests.len());
        compile(self);
        self.discarded += self.tasks.len() - kept.0;
        self.tasks.truncate(kept.0);
        self.lists.truncate(kept.1);
        self.interests.truncate(kept.2);
    }
}

fn applies(extend: Option<&str>, kind: &str) -> bool {
    match extend {
        Some("all") => true,
        Some("composite") => matches!(kind, "do" | "fork"),
        Some(extend) => extend == kind,
        None => false,
    }
}
