//! What the runtime can reach: executors by kind of effect, definitions by name.

use std::collections::HashMap;
use std::sync::Arc;

use ferrovia_dsl::plan::{CallKind, Plan, PlanHash, VersionReq};
use semver::Version;
use serde::{Deserialize, Serialize};

use crate::port::Executor;

/// Executors by the kind of effect they carry out.
#[derive(Clone, Default)]
pub struct Executors(HashMap<&'static str, Arc<dyn Executor>>);

impl Executors {
    pub(crate) fn get(&self, kind: CallKind) -> Option<Arc<dyn Executor>> {
        self.0.get(kind.as_str()).cloned()
    }
}

impl FromIterator<(&'static str, Arc<dyn Executor>)> for Executors {
    fn from_iter<I: IntoIterator<Item = (&'static str, Arc<dyn Executor>)>>(executors: I) -> Self {
        Executors(executors.into_iter().collect())
    }
}

/// Workflows that can be started: by namespace and name, their versions in ascending order, and what was decided about
/// them beside that.
#[derive(Clone, Default, Debug)]
pub struct Definitions {
    versions: HashMap<Name, Vec<Arc<Plan>>>,
    standing: HashMap<Name, Standing>,
}

/// Namespace and name of a definition.
pub(crate) type Name = (Arc<str>, Arc<str>);

/// What was decided about a workflow beside its versions.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Standing {
    /// What `latest` means where that is not the highest version.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub latest: Option<Version>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub paused: Option<Pause>,
}

/// No run of the workflow begins by a request, an event or the clock.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Pause {
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub reason: Option<String>,
    pub at_ms: i64,
}

impl Definitions {
    /// Adds a definition. A second one of the same name and version is not taken; the answer says so.
    pub fn add(&mut self, plan: Arc<Plan>) -> bool {
        let key = (plan.identity.namespace.clone(), plan.identity.name.clone());
        let versions = self.versions.entry(key).or_default();
        match versions.binary_search_by(|known| known.identity.version.cmp(&plan.identity.version))
        {
            Ok(_) => false,
            Err(at) => {
                versions.insert(at, plan);
                true
            }
        }
    }

    /// The definition with a hash.
    pub fn get(&self, hash: PlanHash) -> Option<&Arc<Plan>> {
        self.iter().find(|plan| plan.hash == hash)
    }

    /// What the clock and events start: of each workflow that is not paused, what `latest` means.
    pub fn startable(&self) -> impl Iterator<Item = &Arc<Plan>> {
        self.versions.iter().filter_map(|(name, versions)| {
            if self.standing.is_empty() {
                return versions.last();
            }
            let standing = self.standing.get(name);
            match standing.is_some_and(|standing| standing.paused.is_some()) {
                true => None,
                false => latest(versions, standing),
            }
        })
    }

    pub fn iter(&self) -> impl Iterator<Item = &Arc<Plan>> {
        self.versions.values().flatten()
    }

    /// The versions of a workflow, in ascending order.
    pub fn versions(&self, namespace: &str, name: &str) -> &[Arc<Plan>] {
        let versions = self.versions.get(&key(namespace, name));
        versions.map_or(&[], |versions| versions)
    }

    /// The definition asked for. `latest` is the highest version, or the one that it was rolled back to.
    pub fn find(&self, namespace: &str, name: &str, version: &VersionReq) -> Option<&Arc<Plan>> {
        let key = key(namespace, name);
        let versions = self.versions.get(&key)?;
        match version {
            VersionReq::Latest => latest(versions, self.standing.get(&key)),
            VersionReq::Exact(version) => versions
                .iter()
                .find(|plan| plan.identity.version == *version),
        }
    }

    /// Why no run of a workflow may begin, if that is so.
    pub fn paused(&self, namespace: &str, name: &str) -> Option<&Pause> {
        if self.standing.is_empty() {
            return None;
        }
        self.standing.get(&key(namespace, name))?.paused.as_ref()
    }

    pub(crate) fn standing(&self, namespace: &str, name: &str) -> Standing {
        let standing = self.standing.get(&key(namespace, name));
        standing.cloned().unwrap_or_default()
    }

    pub(crate) fn stand(&mut self, name: Name, standing: Standing) {
        if standing == Standing::default() {
            self.standing.remove(&name);
        } else {
            self.standing.insert(name, standing);
        }
    }
}

fn key(namespace: &str, name: &str) -> Name {
    (namespace.into(), name.into())
}

/// A version that this release does not know is not replaced by one that was rolled back from.
fn latest<'v>(versions: &'v [Arc<Plan>], standing: Option<&Standing>) -> Option<&'v Arc<Plan>> {
    match standing.and_then(|standing| standing.latest.as_ref()) {
        None => versions.last(),
        Some(version) => versions
            .iter()
            .find(|plan| plan.identity.version == *version),
    }
}
