//! What the runtime can reach: executors by kind of effect, definitions by name.

use std::collections::HashMap;
use std::sync::Arc;

use ferrovia_dsl::plan::{CallKind, Plan, PlanHash, VersionReq};

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

/// Workflows that `run: workflow` can start: by namespace and name, their versions in ascending order.
#[derive(Clone, Default, Debug)]
pub struct Definitions(HashMap<Name, Vec<Arc<Plan>>>);

/// Namespace and name of a definition.
type Name = (Arc<str>, Arc<str>);

impl Definitions {
    /// Adds a definition. A second one of the same name and version is not taken; the answer says so.
    pub fn add(&mut self, plan: Arc<Plan>) -> bool {
        let key = (plan.identity.namespace.clone(), plan.identity.name.clone());
        let versions = self.0.entry(key).or_default();
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

    /// The highest version of each.
    pub fn latest(&self) -> impl Iterator<Item = &Arc<Plan>> {
        self.0.values().filter_map(|versions| versions.last())
    }

    pub fn iter(&self) -> impl Iterator<Item = &Arc<Plan>> {
        self.0.values().flatten()
    }

    /// The definition asked for; `latest` is the highest version.
    pub fn find(&self, namespace: &str, name: &str, version: &VersionReq) -> Option<&Arc<Plan>> {
        let versions = self.0.get(&(Arc::from(namespace), Arc::from(name)))?;
        match version {
            VersionReq::Latest => versions.last(),
            VersionReq::Exact(version) => versions
                .iter()
                .find(|plan| plan.identity.version == *version),
        }
    }
}
