//! Lists of runs, newest first. Ids grow with time, so a list is a walk down the ids of some index.

use rusqlite::Connection;
use rusqlite::types::{ToSql, Value};

use super::read::{list, sql_limit, summary};
use super::schema::status_number;
use crate::check::number;
use crate::ids::RunId;
use crate::journal::StoreError;
use crate::row::{Filter, Page, Status, Summary};

/// Parts of the index that are walked side by side. With more it is cheaper to walk all runs.
const LANES_MAX: usize = 256;

pub(super) fn runs(
    connection: &Connection,
    filter: &Filter,
    page: Page,
) -> Result<Vec<Summary>, StoreError> {
    let workflows = workflows(connection, filter)?;
    let mut ids = match lanes(filter, workflows.as_deref()) {
        Some(lanes) => {
            let mut ids = Vec::new();
            for (status, workflow) in lanes {
                let lane = Conditions::default()
                    .and("status = ?", status_number(status))
                    .and("workflow = ?", workflow);
                ids.extend(lane.walk(
                    connection,
                    "runs INDEXED BY runs_listed",
                    "id",
                    filter,
                    page,
                )?);
            }
            ids
        }
        None => {
            let mut conditions = Conditions::default();
            if let Some(status) = filter.status {
                conditions = conditions.and("+status = ?", status_number(status));
            }
            if let Some(workflows) = workflows {
                let list: Vec<String> = workflows.iter().map(i64::to_string).collect();
                conditions = conditions.and_all(format!("+workflow IN ({})", list.join(", ")));
            }
            if let Some((name, value)) = &filter.label {
                let labelled = conditions
                    .and("labels.name = ?", name.to_string())
                    .and("labels.value = ?", value.to_string());
                labelled.walk(
                    connection,
                    "labels CROSS JOIN runs ON runs.id = labels.run",
                    "labels.run",
                    filter,
                    page,
                )?
            } else {
                conditions.walk(connection, "runs", "id", filter, page)?
            }
        }
    };
    ids.sort_unstable_by(|one, other| other.cmp(one));
    ids.truncate(page.limit);
    let summaries = ids.into_iter().map(|run| summary(connection, run));
    summaries.filter_map(Result::transpose).collect()
}

/// Which workflows a filter names; nothing if it names none.
fn workflows(connection: &Connection, filter: &Filter) -> Result<Option<Vec<i64>>, StoreError> {
    if filter.namespace.is_none() && filter.name.is_none() && filter.status.is_none() {
        return Ok(None);
    }
    list(
        connection,
        "SELECT id FROM workflows WHERE namespace = ifnull(?1, namespace) AND name = ifnull(?2, name)",
        [filter.namespace.as_deref(), filter.name.as_deref()],
        |row| row.get(0),
    )
    .map(Some)
}

/// A lane is in order of ids by itself.
fn lanes(filter: &Filter, workflows: Option<&[i64]>) -> Option<Vec<(Status, i64)>> {
    let statuses: &[Status] = match &filter.status {
        Some(status) => std::slice::from_ref(status),
        None => &Status::ALL,
    };
    let workflows = workflows?;
    if filter.label.is_some() || statuses.len() * workflows.len() > LANES_MAX {
        return None;
    }
    let of_status = |status: &Status| {
        let status = *status;
        workflows.iter().map(move |workflow| (status, *workflow))
    };
    Some(statuses.iter().flat_map(of_status).collect())
}

#[derive(Default)]
struct Conditions {
    sql: Vec<String>,
    values: Vec<Value>,
}

impl Conditions {
    fn and(mut self, condition: &str, value: impl Into<Value>) -> Self {
        self.values.push(value.into());
        self.and_all(condition.to_owned())
    }

    fn and_all(mut self, condition: String) -> Self {
        self.sql.push(condition);
        self
    }

    fn walk(
        mut self,
        connection: &Connection,
        from: &str,
        id: &str,
        filter: &Filter,
        page: Page,
    ) -> Result<Vec<RunId>, StoreError> {
        if let Some(before) = page.before {
            // An id that no store holds is after all that it holds.
            let before = i64::try_from(before.0).map_or(i64::MAX, |_| number(before));
            self = self.and(&format!("{id} < ?"), before);
        }
        if let Some(from_ms) = filter.created_from_ms {
            self = self.and("created_ms >= ?", from_ms);
        }
        if let Some(before_ms) = filter.created_before_ms {
            self = self.and("created_ms < ?", before_ms);
        }
        let mut conditions = self.sql.join(" AND ");
        if conditions.is_empty() {
            conditions.push_str("TRUE");
        }
        let limit = sql_limit(page.limit);
        let sql =
            format!("SELECT {id} FROM {from} WHERE {conditions} ORDER BY {id} DESC LIMIT {limit}");
        let values: Vec<&dyn ToSql> = self
            .values
            .iter()
            .map(|value| value as &dyn ToSql)
            .collect();
        list(connection, &sql, values.as_slice(), |row| {
            Ok(RunId(row.get(0)?))
        })
    }
}
