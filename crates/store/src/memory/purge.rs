//! Retention.

use std::sync::Arc;

use super::Tables;
use crate::check::{ENTRIES_PER_PURGE_MAX, EVENTS_PER_PURGE_MAX};
use crate::ids::RunId;
use crate::row::{EntryKey, Purge, Summary};

impl Tables {
    pub(super) fn purge(&mut self, purge: Purge) -> u64 {
        let Purge {
            ended_before_ms,
            limit,
            ..
        } = purge;
        let ended = |summary: &Summary| {
            summary.status.is_terminal() && summary.updated_ms < ended_before_ms
        };
        let mut roots: Vec<(i64, RunId)> = self
            .runs
            .values()
            .filter(|summary| ended(summary))
            .filter(|summary| {
                let parent = summary.run.parent.as_ref();
                parent.is_none_or(|parent| self.runs.get(&parent.run).is_none())
            })
            .map(|summary| (summary.updated_ms, summary.run.id))
            .collect();
        roots.sort_unstable();
        let mut purged = 0;
        for (_, root) in roots {
            let tree = self.tree(root);
            let all_ended = |run: &RunId| self.runs.get(run).is_none_or(ended);
            if !tree.iter().all(all_ended) {
                continue;
            }
            for run in tree.into_iter().rev() {
                if purged == limit {
                    break;
                }
                self.remove(run);
                purged += 1;
            }
        }
        let old: Vec<(Arc<str>, Arc<str>)> = self
            .events
            .range::<(Arc<str>, Arc<str>), _>(..)
            .filter(|(_, at_ms)| **at_ms < purge.events_before_ms)
            .map(|(name, _)| name.clone())
            .take(EVENTS_PER_PURGE_MAX)
            .collect();
        for name in old {
            self.events.remove(&name);
        }
        let expired: Vec<EntryKey> = self
            .entries
            .values()
            .filter(|entry| {
                entry
                    .expires_ms
                    .is_some_and(|ms| ms < purge.expired_before_ms)
            })
            .map(|entry| entry.key.clone())
            .take(ENTRIES_PER_PURGE_MAX)
            .collect();
        for key in expired {
            self.entries.remove(&key);
        }
        purged as u64
    }

    /// A run and all that came of it, parents first.
    fn tree(&self, root: RunId) -> Vec<RunId> {
        let mut tree = vec![root];
        let mut at = 0;
        while let Some(run) = tree.get(at).copied() {
            tree.extend(self.children_of(run));
            at += 1;
        }
        tree
    }

    fn remove(&mut self, run: RunId) {
        let Some(summary) = self.runs.get(&run).cloned() else {
            return;
        };
        self.forget(run);
        self.drop_deliveries(run);
        self.snapshots.remove(&run);
        let records: Vec<u64> = self.records_from(run, 0).map(|(seq, _)| seq).collect();
        for seq in records {
            self.records.remove(&(run, seq));
        }
        if let Some(key) = &summary.run.key {
            self.keys.remove(key);
        }
        if let Some(parent) = &summary.run.parent {
            self.children.remove(&(parent.run, run));
        }
    }
}
