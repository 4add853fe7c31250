//! Definitions that become known, what `latest` means of them, and whether their runs may begin.
//!
//! What is decided about a workflow is an entry of the journal beside its versions, read when a node opens.

use std::sync::{Arc, PoisonError};

use ferrovia_dsl::plan::{Plan, VersionReq};
use ferrovia_store::{Definition, EntryKey, Expected, Journal, Put, StoreError, Write};

use super::{Node, wall_ms};
use crate::registry::{Definitions, Name, Pause, Standing};

/// The kind of the entries.
const KIND: &str = "workflow";
/// Entries read at a time.
const PAGE: usize = 1_000;

/// What came of publishing a definition.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Published {
    New,
    /// It was known with the same content.
    Known,
}

/// Why something about a definition was not done.
#[derive(Clone, Debug, thiserror::Error)]
pub enum NotDone {
    #[error(
        "{0} is kept with other content, which its runs go on with; give the changed definition another version"
    )]
    OtherContent(String),
    #[error("there is no such workflow")]
    NoWorkflow,
    #[error("there is no such version of the workflow")]
    NoVersion,
    #[error("the workflow is paused already")]
    Paused,
    #[error("the workflow is not paused")]
    NotPaused,
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl Node {
    /// Makes a definition known, unless its version is known with other content. It is durable when this returns.
    pub async fn publish_definition(
        &self,
        plan: Arc<Plan>,
        text: &str,
        links: &[u8],
    ) -> Result<Published, NotDone> {
        let _one = self.0.publishing.lock().await;
        match self.stands(&plan)? {
            Published::Known => Ok(Published::Known),
            Published::New => {
                self.keep(plan, text, links).await?;
                Ok(Published::New)
            }
        }
    }

    /// What would come of publishing a definition.
    pub fn stands(&self, plan: &Plan) -> Result<Published, NotDone> {
        let identity = &plan.identity;
        let version = VersionReq::Exact(identity.version.clone());
        let definitions = self.definitions();
        match definitions.find(&identity.namespace, &identity.name, &version) {
            None => Ok(Published::New),
            Some(known) if known.hash == plan.hash => Ok(Published::Known),
            Some(_) => Err(NotDone::OtherContent(identity.to_string())),
        }
    }

    /// Makes a definition known; runs can be started from then on. Of two with the same name and version the first one
    /// is what the name means.
    pub async fn define(
        &self,
        plan: Arc<Plan>,
        text: &str,
        links: &[u8],
    ) -> Result<(), StoreError> {
        let _one = self.0.publishing.lock().await;
        self.keep(plan, text, links).await
    }

    async fn keep(&self, plan: Arc<Plan>, text: &str, links: &[u8]) -> Result<(), StoreError> {
        let definitions = self.definitions();
        if definitions.get(plan.hash).is_some() {
            return Ok(());
        }
        let definition = Definition {
            plan: plan.hash,
            namespace: plan.identity.namespace.clone(),
            name: plan.identity.name.clone(),
            version: plan.identity.version.to_string().into(),
            text: text.into(),
            links: links.into(),
            added_ms: wall_ms(),
        };
        let moved = moved(&definitions, &plan);
        let name = (definition.namespace.clone(), definition.name.clone());
        let mut batch = vec![Write::Define(definition)];
        batch.extend(moved.as_ref().map(|standing| put(&name, standing)));
        self.0.write(batch).await?;
        self.know(|definitions| {
            definitions.add(plan);
            if let Some(standing) = moved {
                definitions.stand(name, standing);
            }
        });
        Ok(())
    }

    /// Lets `latest` mean a version, until a higher one than that is published. It is durable when this returns.
    pub async fn roll_back(
        &self,
        namespace: &str,
        name: &str,
        version: &semver::Version,
    ) -> Result<(), NotDone> {
        let _one = self.0.publishing.lock().await;
        let definitions = self.definitions();
        let versions = definitions.versions(namespace, name);
        let highest = versions.last().ok_or(NotDone::NoWorkflow)?;
        let mut known = versions.iter().map(|plan| &plan.identity.version);
        if !known.any(|known| known == version) {
            return Err(NotDone::NoVersion);
        }
        let standing = Standing {
            latest: (highest.identity.version != *version).then(|| version.clone()),
            ..definitions.standing(namespace, name)
        };
        self.decide(namespace, name, standing).await
    }

    /// Lets no run of a workflow begin by a request, an event or the clock; those that are there go on. It is durable
    /// when this returns.
    pub async fn pause(
        &self,
        namespace: &str,
        name: &str,
        reason: Option<String>,
    ) -> Result<(), NotDone> {
        let at_ms = wall_ms();
        let paused = Some(Pause { reason, at_ms });
        self.set_pause(namespace, name, paused).await
    }

    /// Lets runs of a workflow begin again. It is durable when this returns.
    pub async fn unpause(&self, namespace: &str, name: &str) -> Result<(), NotDone> {
        self.set_pause(namespace, name, None).await
    }

    async fn set_pause(
        &self,
        namespace: &str,
        name: &str,
        paused: Option<Pause>,
    ) -> Result<(), NotDone> {
        let _one = self.0.publishing.lock().await;
        let definitions = self.definitions();
        if definitions.versions(namespace, name).is_empty() {
            return Err(NotDone::NoWorkflow);
        }
        let known = definitions.standing(namespace, name);
        match (known.paused.is_some(), paused.is_some()) {
            (true, true) => return Err(NotDone::Paused),
            (false, false) => return Err(NotDone::NotPaused),
            (true, false) | (false, true) => {}
        }
        let standing = Standing { paused, ..known };
        self.decide(namespace, name, standing).await
    }

    async fn decide(&self, namespace: &str, name: &str, standing: Standing) -> Result<(), NotDone> {
        let name: Name = (namespace.into(), name.into());
        self.0.write(vec![put(&name, &standing)]).await?;
        self.know(|definitions| definitions.stand(name, standing));
        Ok(())
    }

    fn know(&self, change: impl FnOnce(&mut Definitions)) {
        let known = &self.0.definitions;
        let mut known = known.write().unwrap_or_else(PoisonError::into_inner);
        change(Arc::make_mut(&mut known));
    }
}

impl Definitions {
    /// Reads what was decided about workflows, which blocks.
    pub fn read_standing(&mut self, journal: &dyn Journal) -> Result<(), StoreError> {
        let mut after: Option<EntryKey> = None;
        loop {
            let entries = journal.entries(KIND, None, after.as_ref(), PAGE)?;
            for entry in &entries {
                let EntryKey {
                    namespace, name, ..
                } = &entry.key;
                let standing = serde_json::from_slice(&entry.value);
                let standing = standing.map_err(|error| StoreError::Damaged {
                    what: format!("what was decided about {namespace}/{name}").into(),
                    why: error.to_string().into(),
                })?;
                self.stand((namespace.clone(), name.clone()), standing);
            }
            match entries.into_iter().last() {
                Some(last) => after = Some(last.key),
                None => return Ok(()),
            }
        }
    }
}

/// What is decided about a workflow once a new version is known: where `latest` was rolled back, it moves to a version
/// that is higher than what it means, and else stays.
fn moved(definitions: &Definitions, plan: &Plan) -> Option<Standing> {
    let identity = &plan.identity;
    let (namespace, name) = (&identity.namespace, &identity.name);
    let known = definitions.standing(namespace, name);
    let stood = known.latest.as_ref()?;
    let versions = definitions.versions(namespace, name);
    let taken = |known: &Arc<Plan>| known.identity.version == identity.version;
    if identity.version <= *stood || versions.iter().any(taken) {
        return None;
    }
    let higher = |known: &Arc<Plan>| known.identity.version > identity.version;
    let below = versions.iter().any(higher);
    Some(Standing {
        latest: below.then(|| identity.version.clone()),
        ..known
    })
}

fn put((namespace, name): &Name, standing: &Standing) -> Write {
    let value = serde_json::to_vec(standing).expect("memory takes all that can be encoded");
    Write::Put(Put {
        key: EntryKey {
            kind: KIND.into(),
            namespace: namespace.clone(),
            name: name.clone(),
        },
        expected: Expected::Anything,
        value: (*standing != Standing::default()).then(|| value.into()),
        expires_ms: None,
    })
}
