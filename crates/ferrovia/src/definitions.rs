//! The workflows beside a definition that it starts, found by namespace, name and version.

use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;

use ferrovia_dsl::plan::{Kind, Plan, VersionReq};
use ferrovia_runtime::Definitions;

use crate::document::{Document, Refused};
use crate::links::Reach;
use crate::read::Source;
use crate::stored::Defined;

/// Files of a directory that are looked at.
const FILES_MAX: usize = 1_000;

/// The plan itself and, transitively, every workflow that it can start. A definition that does not exist is not
/// missed here: reaching it is an error of the run. One that exists twice is refused, for nobody could tell which of
/// the two will run; but the file that was named on the command line goes before copies of it. The second answer is
/// what was found beside the plan itself.
pub(crate) async fn collect(
    plan: &Arc<Plan>,
    directory: &Path,
    reach: &Reach,
) -> Result<(Definitions, Vec<Defined>), Refused> {
    let mut definitions = Definitions::default();
    definitions.add(plan.clone());
    let mut beside_it = Vec::new();
    let mut wanted = started_by(plan);
    if wanted.is_empty() {
        return Ok((definitions, beside_it));
    }
    let own = &plan.identity;
    let mut beside = index(directory);
    let mut files: HashMap<String, String> = HashMap::new();
    while let Some((namespace, name, version)) = wanted.pop() {
        let Some(candidates) = beside.get_mut(&(namespace.to_string(), name.to_string())) else {
            continue;
        };
        for candidate in std::mem::take(candidates) {
            let matches = match &version {
                VersionReq::Latest => true,
                VersionReq::Exact(version) => candidate.version.as_ref() == Some(version),
            };
            if !matches {
                candidates.push(candidate);
                continue;
            }
            let is_own = (&*own.namespace, &*own.name) == (&*namespace, &*name)
                && candidate.version.as_ref() == Some(&own.version);
            if is_own {
                continue;
            }
            let (document, findings) = Document::read(&candidate.path)?;
            let ready = document.compile(reach, findings).await?;
            let identity = ready.plan.identity.to_string();
            if definitions.add(ready.plan.clone()) {
                files.insert(identity, document.name);
                wanted.extend(started_by(&ready.plan));
                beside_it.push(Defined {
                    plan: ready.plan,
                    text: document.text,
                    links: ready.links.keep(),
                });
            } else {
                let first = files.get(&identity).map_or("another file", String::as_str);
                return Err(Refused::File {
                    reason: format!(
                        "{identity} is already defined in {first}; give one of them another version or name"
                    ),
                    name: document.name,
                });
            }
        }
    }
    Ok((definitions, beside_it))
}

type Wanted = (Arc<str>, Arc<str>, VersionReq);

fn started_by(plan: &Plan) -> Vec<Wanted> {
    plan.tasks
        .iter()
        .filter_map(|task| match &task.kind {
            Kind::RunWorkflow(child) => Some((
                child.namespace.clone(),
                child.name.clone(),
                child.version.clone(),
            )),
            _ => None,
        })
        .collect()
}

struct Candidate {
    path: std::path::PathBuf,
    version: Option<semver::Version>,
}

/// Which definitions a directory holds. Files that are none are passed over.
fn index(directory: &Path) -> HashMap<(String, String), Vec<Candidate>> {
    let mut found: HashMap<_, Vec<Candidate>> = HashMap::new();
    let Ok(entries) = std::fs::read_dir(directory) else {
        return found;
    };
    let mut paths: Vec<_> = entries
        .filter_map(|entry| Some(entry.ok()?.path()))
        .collect();
    paths.sort();
    let definitions = paths.into_iter().filter(|path| {
        matches!(
            path.extension().and_then(|e| e.to_str()),
            Some("yaml" | "yml" | "json")
        )
    });
    for path in definitions.take(FILES_MAX) {
        let text = Source::File(&path).text(ferrovia_dsl::source::TEXT_BYTES_MAX as u64);
        let Some(root) = text
            .ok()
            .and_then(|text| ferrovia_dsl::source::parse(&text).ok())
        else {
            continue;
        };
        let text = |key: &str| root.get("document")?.get(key)?.as_str().map(str::to_owned);
        if let (Some(namespace), Some(name), Some(_)) =
            (text("namespace"), text("name"), root.get("do"))
        {
            let version = text("version").and_then(|version| version.parse().ok());
            found
                .entry((namespace, name))
                .or_default()
                .push(Candidate { path, version });
        }
    }
    found
}
