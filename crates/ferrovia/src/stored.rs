//! Definitions as the journal keeps them, and runs read with nothing else.

use std::collections::HashMap;
use std::path::PathBuf;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};

use ferrovia_dsl::compile::{self, Links, Options, SecretsInData};
use ferrovia_dsl::diagnostic::to_json;
use ferrovia_dsl::plan::{Plan, PlanHash};
use ferrovia_engine::RuntimeInfo;
use ferrovia_expr::Object;
use ferrovia_runtime::Compiler;
use ferrovia_server::view::Runs;
use ferrovia_server::{Compiled, Publisher, Rejected};
use ferrovia_store::{Definition, Journal, Sqlite};

use crate::document::{Document, Refused};
use crate::links::Reach;

/// A definition with what it was compiled from.
pub(crate) struct Defined {
    pub(crate) plan: Arc<Plan>,
    pub(crate) text: String,
    pub(crate) links: String,
}

/// Compiles what the store holds. Loads nothing: all that a definition refers to is kept with it. Durable runs never
/// have secrets in their data, so neither do their definitions.
pub(crate) struct Recompile;

impl Compiler for Recompile {
    fn compile(&self, definition: &Definition) -> Result<Arc<Plan>, String> {
        let root = ferrovia_dsl::source::parse(&definition.text)
            .map_err(|_| "its text cannot be read".to_owned())?;
        let links = std::str::from_utf8(&definition.links).map_err(|error| error.to_string())?;
        let links = Links::kept(links)?;
        let options = Options {
            secrets_in_data: SecretsInData::Refuse,
        };
        let compiled = compile::compile(&definition.text, &root, &links, options);
        let compiled = compiled.map_err(|findings| {
            let error = findings.iter().find(|finding| finding.is_error());
            error.map_or_else(String::new, |finding| finding.message.clone())
        })?;
        Ok(Arc::new(compiled.plan))
    }
}

/// Compiles what somebody publishes, as `ferrovia check` does. What it refers to is seen from the project's directory.
pub(crate) struct Publishing {
    pub(crate) reach: Arc<Reach>,
    pub(crate) directory: PathBuf,
}

impl std::fmt::Debug for Publishing {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("Publishing")
    }
}

impl Publisher for Publishing {
    fn compile(
        &self,
        text: String,
    ) -> Pin<Box<dyn Future<Output = Result<Compiled, Rejected>> + Send + '_>> {
        Box::pin(async move {
            let compiled = async {
                let name = "the definition".to_owned();
                let (document, findings) = Document::parse(name, self.directory.clone(), text)?;
                let ready = document.compile(&self.reach, findings).await?;
                Ok(Compiled {
                    plan: ready.plan,
                    links: ready.links.keep().into_bytes(),
                    findings: to_json(&ready.warnings, &document.text),
                })
            };
            compiled.await.map_err(|refused: Refused| Rejected {
                summary: refused.summary(),
                findings: refused.findings(),
            })
        })
    }
}

/// `$runtime` of this program.
pub(crate) fn runtime() -> RuntimeInfo {
    RuntimeInfo {
        name: "Ferrovia".into(),
        version: env!("CARGO_PKG_VERSION").into(),
        metadata: Object::default().into(),
    }
}

/// Runs of a store that this process does not drive.
pub(crate) struct Reading {
    journal: Arc<Sqlite>,
    runtime: RuntimeInfo,
    plans: Mutex<HashMap<PlanHash, Arc<Plan>>>,
}

impl Reading {
    pub(crate) fn new(journal: Arc<Sqlite>) -> Reading {
        Reading {
            journal,
            runtime: runtime(),
            plans: Mutex::default(),
        }
    }
}

impl Runs for Reading {
    fn journal(&self) -> &dyn Journal {
        &*self.journal
    }

    fn plan(&self, hash: PlanHash) -> Result<Arc<Plan>, Arc<str>> {
        let mut plans = self.plans.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(plan) = plans.get(&hash) {
            return Ok(plan.clone());
        }
        let stored = self
            .journal
            .definition(hash)
            .map_err(|error| Arc::from(error.to_string()))?;
        let stored = stored.ok_or("its definition is not known")?;
        let plan = Recompile.compile(&stored).map_err(Arc::<str>::from)?;
        if plan.hash != hash {
            return Err("its definition compiles to something else in this release".into());
        }
        plans.insert(hash, plan.clone());
        Ok(plan)
    }

    fn runtime(&self) -> &RuntimeInfo {
        &self.runtime
    }
}
