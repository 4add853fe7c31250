//! `ferrovia dev`: a server for the author of workflows. Changed files hold at once, for new runs.
//!
//! A published version never changes, here neither: what is changed under a version becomes a build of it, such as
//! `1.0.0+dev.2`, which comes after `1.0.0` and is what `latest` means. Runs go on with the build they began with.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use ferrovia_dsl::plan::Plan;
use ferrovia_runtime::{Node, NotDone, Published};

use crate::document::{Document, Ready, Refused, show};
use crate::links::Reach;
use crate::out;
use crate::serve::files;

/// How often the files are looked at.
const LOOK_EVERY: Duration = Duration::from_millis(300);
/// What builds are called, before their number.
const BUILD: &str = "dev.";

pub(crate) const EXAMPLES: &str = "Examples:
  ferrovia dev
  ferrovia dev workflows/ --listen 127.0.0.1:9000 --secrets secrets.json

It serves on this machine only, and looks at the files of definitions. One that changes is checked: its findings are shown
as `ferrovia check` shows them, and the last good one stays until they are gone. A sound one holds for new runs at once. Under
a version that is known it becomes a build of that version, such as 1.0.0+dev.2, which `latest` then means; who names 1.0.0
gets the first one. Use a data directory of its own: builds are kept like other versions.

Exit codes: those of `ferrovia serve`";

pub(crate) struct Watcher {
    pub(crate) node: Node,
    pub(crate) paths: Vec<PathBuf>,
    pub(crate) reach: Arc<Reach>,
    /// The text of each file when it was last looked at.
    seen: HashMap<PathBuf, String>,
}

impl Watcher {
    pub(crate) fn new(node: Node, paths: Vec<PathBuf>, reach: Arc<Reach>) -> Watcher {
        Watcher {
            node,
            paths,
            reach,
            seen: HashMap::new(),
        }
    }

    /// Until it is dropped.
    pub(crate) async fn watch(mut self) {
        loop {
            tokio::time::sleep(LOOK_EVERY).await;
            self.look().await;
        }
    }

    /// Takes what has changed.
    pub(crate) async fn look(&mut self) {
        // A directory that is gone may come again.
        for path in files(&self.paths).unwrap_or_default() {
            let Ok(text) = std::fs::read_to_string(&path) else {
                continue;
            };
            if self.seen.get(&path) == Some(&text) {
                continue;
            }
            self.seen.insert(path.clone(), text);
            if let Err(refused) = self.take(&path).await {
                refused.explain();
            }
        }
    }

    async fn take(&self, path: &Path) -> Result<(), Refused> {
        let (document, findings) = Document::read(path)?;
        let ready = document.compile(&self.reach, findings).await?;
        show(&ready.warnings, &document.name, &document.text);
        let newest = self.newest_build(&ready.plan);
        let next = match (self.node.stands(&ready.plan), &newest) {
            (Ok(Published::New), _) => {
                self.publish(&document, ready).await;
                return Ok(());
            }
            (Ok(Published::Known), None) => return Ok(()),
            (Err(_), None) => 1,
            (Ok(Published::Known) | Err(_), Some((number, text))) => {
                if with_version(&document, &build(&ready.plan, *number)) == **text {
                    return Ok(());
                }
                number + 1
            }
        };
        let text = with_version(&document, &build(&ready.plan, next));
        let (name, directory) = (document.name.clone(), document.directory.clone());
        let (document, findings) = Document::parse(name, directory, text)?;
        let ready = document.compile(&self.reach, findings).await?;
        self.publish(&document, ready).await;
        Ok(())
    }

    /// The build of a version that came last: its number and its text.
    fn newest_build(&self, plan: &Plan) -> Option<(u64, Arc<str>)> {
        let (own, definitions) = (&plan.identity, self.node.definitions());
        let versions = definitions.versions(&own.namespace, &own.name);
        let builds = versions.iter().filter_map(|known| {
            let version = &known.identity.version;
            let number = version.build.as_str().strip_prefix(BUILD)?.parse().ok()?;
            let base = build(plan, number);
            (version.to_string() == base).then_some((number, known.hash))
        });
        let (number, hash) = builds.max_by_key(|(number, _)| *number)?;
        let kept = self.node.journal().definition(hash).ok()??;
        Some((number, kept.text))
    }

    async fn publish(&self, document: &Document, ready: Ready) {
        let identity = ready.plan.identity.to_string();
        let links = ready.links.keep();
        let published = self
            .node
            .publish_definition(ready.plan, &document.text, links.as_bytes());
        match published.await {
            Ok(_) => out::note(format_args!("  {identity}")),
            Err(why @ (NotDone::OtherContent(_) | NotDone::Store(_))) => {
                out::note(format_args!("error: {}: {why}", document.name));
            }
            Err(
                NotDone::NoWorkflow | NotDone::NoVersion | NotDone::Paused | NotDone::NotPaused,
            ) => {}
        }
    }
}

/// A build of the version of a definition.
fn build(plan: &Plan, number: u64) -> String {
    format!("{}+{BUILD}{number}", plan.identity.version)
}

/// The text of a definition with another version in the place of its own.
fn with_version(document: &Document, version: &str) -> String {
    let mut text = document.text.clone();
    let place = document.root.get("document");
    let place = place.and_then(|document| document.get("version"));
    let Some(span) = place.map(|version| version.span) else {
        return text;
    };
    let (start, end) = (span.start as usize, span.end as usize);
    // In YAML and in JSON this is a text.
    text.replace_range(start..end, &format!("\"{version}\""));
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_version_is_replaced_however_it_is_written() {
        for written in ["1.0.0", "'1.0.0'", "\"1.0.0\"", "1.0.0 # first"] {
            let text = format!(
                "document:\n  dsl: '1.0.3'\n  namespace: a\n  name: b\n  version: {written}\ndo:\n  - c: {{ set: {{ d: 1 }} }}\n"
            );
            let parse = |text| match Document::parse("x".to_owned(), PathBuf::new(), text) {
                Ok((document, _)) => document,
                Err(refused) => panic!("{written}: {}", refused.summary()),
            };
            let document = parse(with_version(&parse(text), "1.0.0+dev.7"));
            let version = document.root.get("document").and_then(|d| d.get("version"));
            let version = version.and_then(|version| version.as_str());
            assert_eq!(version, Some("1.0.0+dev.7"), "{}", document.text);
        }
    }
}
