//! Small numbers for what many runs share: plans and workflows.

use std::collections::HashMap;
use std::sync::Arc;

use ferrovia_dsl::plan::PlanHash;
use rusqlite::{Connection, OptionalExtension};

use super::error::failed;
use crate::journal::StoreError;

/// Numbers kept in memory, of each kind; then it begins anew.
const NAMES_KEPT: usize = 10_000;

type Workflow = (Arc<str>, Arc<str>, Arc<str>);

#[derive(Default)]
pub(super) struct Names {
    plans: HashMap<PlanHash, i64>,
    workflows: HashMap<Workflow, i64>,
}

impl Names {
    /// After a rollback numbers may be gone.
    pub(super) fn forget(&mut self) {
        self.plans.clear();
        self.workflows.clear();
    }

    /// The number of a plan, which need not be defined.
    pub(super) fn plan(
        &mut self,
        connection: &Connection,
        plan: PlanHash,
    ) -> Result<i64, StoreError> {
        if let Some(number) = self.plans.get(&plan) {
            return Ok(*number);
        }
        let number = match known_plan(connection, plan)? {
            Some(number) => number,
            None => connection
                .prepare_cached("INSERT INTO plans (hash) VALUES (?1)")
                .and_then(|mut insert| insert.insert([plan.0.as_slice()]))
                .map_err(failed)?,
        };
        if self.plans.len() >= NAMES_KEPT {
            self.plans.clear();
        }
        self.plans.insert(plan, number);
        Ok(number)
    }

    pub(super) fn workflow(
        &mut self,
        connection: &Connection,
        namespace: &Arc<str>,
        name: &Arc<str>,
        version: &Arc<str>,
    ) -> Result<i64, StoreError> {
        let workflow = (namespace.clone(), name.clone(), version.clone());
        if let Some(number) = self.workflows.get(&workflow) {
            return Ok(*number);
        }
        let names = (&**namespace, &**name, &**version);
        let known = connection
            .prepare_cached(
                "SELECT id FROM workflows WHERE namespace = ?1 AND name = ?2 AND version = ?3",
            )
            .and_then(|mut select| select.query_row(names, |row| row.get(0)).optional())
            .map_err(failed)?;
        let number = match known {
            Some(number) => number,
            None => connection
                .prepare_cached(
                    "INSERT INTO workflows (namespace, name, version) VALUES (?1, ?2, ?3)",
                )
                .and_then(|mut insert| insert.insert(names))
                .map_err(failed)?,
        };
        if self.workflows.len() >= NAMES_KEPT {
            self.workflows.clear();
        }
        self.workflows.insert(workflow, number);
        Ok(number)
    }
}

pub(super) fn known_plan(
    connection: &Connection,
    plan: PlanHash,
) -> Result<Option<i64>, StoreError> {
    connection
        .prepare_cached("SELECT id FROM plans WHERE hash = ?1")
        .and_then(|mut select| {
            select
                .query_row([plan.0.as_slice()], |row| row.get(0))
                .optional()
        })
        .map_err(failed)
}
