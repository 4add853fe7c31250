//! What is told to people and when: the same trouble is one message with a count, and there are not more than so many.
//!
//! A pure state machine over the time it is given; it is kept in the journal between two of its changes.

use std::collections::{BTreeMap, VecDeque};

use serde::{Deserialize, Serialize};

use super::When;

/// Kinds of trouble that are told apart; further ones are told together.
const GROUPS_MAX: usize = 200;
const HOUR_MS: i64 = 60 * 60 * 1_000;
/// Stands for workflows that are told together.
const SEVERAL: &str = "several workflows";

/// Something that people want to know.
#[derive(Clone, Debug)]
pub(super) struct Incident {
    pub(super) what: When,
    /// With namespace, without version.
    pub(super) workflow: String,
    pub(super) run: String,
    pub(super) reason: String,
}

/// Bounds on messages.
#[derive(Clone, Copy, Debug)]
pub(super) struct Pace {
    /// How long further incidents of a kind are only counted after a message.
    pub(super) window_ms: i64,
    pub(super) per_hour_max: usize,
}

/// Incidents of one kind.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Group {
    pub(super) what: When,
    pub(super) workflow: String,
    /// The first that was not told.
    pub(super) run: String,
    pub(super) reason: String,
    /// So many were not told.
    pub(super) count: u64,
    pub(super) since_ms: i64,
    quiet_until_ms: i64,
    /// Messages that there were.
    pub(super) told: u64,
}

/// What is to be told.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Groups {
    open: BTreeMap<String, Group>,
    /// When messages of the last hour were told.
    told_ms: VecDeque<i64>,
}

impl Groups {
    pub(super) fn add(&mut self, incident: Incident, now_ms: i64) {
        let mut incident = incident;
        let mut key = key(&incident);
        if !self.open.contains_key(&key) && self.open.len() >= GROUPS_MAX {
            incident.workflow = SEVERAL.to_owned();
            key = incident.what.as_str().to_owned();
        }
        let Incident {
            what,
            workflow,
            run,
            reason,
        } = incident;
        let group = self.open.entry(key).or_insert_with(|| Group {
            what,
            workflow,
            run: String::new(),
            reason: String::new(),
            count: 0,
            since_ms: now_ms,
            quiet_until_ms: i64::MIN,
            told: 0,
        });
        if group.count == 0 {
            (group.run, group.reason, group.since_ms) = (run, reason, now_ms);
        }
        group.count += 1;
    }

    /// A message that may go now. A second call gives the same one until [`Groups::told`] was called.
    pub(super) fn due(&mut self, now_ms: i64, pace: Pace) -> Option<(String, Group)> {
        self.forget(now_ms);
        if self.told_ms.len() >= pace.per_hour_max {
            return None;
        }
        let due = |group: &&Group| group.count > 0 && group.quiet_until_ms <= now_ms;
        let waiting = self.open.iter().filter(|(_, group)| due(group));
        let first = waiting.min_by_key(|(_, group)| group.since_ms);
        first.map(|(key, group)| (key.clone(), group.clone()))
    }

    pub(super) fn told(&mut self, key: &str, now_ms: i64, pace: Pace) {
        if let Some(group) = self.open.get_mut(key) {
            group.count = 0;
            group.told += 1;
            group.quiet_until_ms = now_ms.saturating_add(pace.window_ms);
        }
        self.told_ms.push_back(now_ms);
    }

    /// When there may be a message, if nothing happens until then.
    pub(super) fn next_ms(&self, pace: Pace) -> Option<i64> {
        let waiting = self.open.values().filter(|group| group.count > 0);
        let first = waiting.map(|group| group.quiet_until_ms).min()?;
        let room_ms = match self.told_ms.front() {
            Some(first) if self.told_ms.len() >= pace.per_hour_max => first + HOUR_MS,
            _ => i64::MIN,
        };
        Some(first.max(room_ms))
    }

    fn forget(&mut self, now_ms: i64) {
        self.open
            .retain(|_, group| group.count > 0 || group.quiet_until_ms > now_ms);
        // A clock that was set back must not stop alerts for long.
        self.told_ms
            .retain(|told_ms| (now_ms - HOUR_MS..=now_ms).contains(told_ms));
    }
}

/// Equal for the same trouble. Numbers in a reason tell cases apart, not kinds.
fn key(incident: &Incident) -> String {
    let mut reason = String::new();
    for c in incident.reason.chars() {
        match c {
            '0'..='9' if reason.ends_with('#') => {}
            '0'..='9' => reason.push('#'),
            other => reason.push(other),
        }
    }
    format!("{} {} {reason}", incident.what.as_str(), incident.workflow)
}

#[cfg(test)]
mod tests {
    use super::*;

    const PACE: Pace = Pace {
        window_ms: 1_000,
        per_hour_max: 3,
    };

    fn incident(workflow: &str, run: &str, reason: &str) -> Incident {
        Incident {
            what: When::Faulted,
            workflow: workflow.to_owned(),
            run: run.to_owned(),
            reason: reason.to_owned(),
        }
    }

    /// What is told at a time, as workflow, first run and count.
    fn tell(groups: &mut Groups, now_ms: i64) -> Vec<(String, String, u64)> {
        let mut told = Vec::new();
        while let Some((key, group)) = groups.due(now_ms, PACE) {
            groups.told(&key, now_ms, PACE);
            told.push((group.workflow, group.run, group.count));
        }
        told
    }

    fn named(workflow: &str, run: &str, count: u64) -> (String, String, u64) {
        (workflow.to_owned(), run.to_owned(), count)
    }

    #[test]
    fn the_same_trouble_is_one_message_with_a_count() {
        let mut groups = Groups::default();
        groups.add(incident("a/b", "1", "order 17 is gone"), 0);
        groups.add(incident("a/b", "2", "order 4711 is gone"), 0);
        groups.add(incident("a/b", "3", "no network"), 1);
        assert_eq!(
            tell(&mut groups, 1),
            [named("a/b", "1", 2), named("a/b", "3", 1)]
        );
        // Within the window more are counted, and told when it is over.
        groups.add(incident("a/b", "4", "order 1 is gone"), 2);
        groups.add(incident("a/b", "5", "order 2 is gone"), 900);
        assert_eq!(tell(&mut groups, 1_000), []);
        assert_eq!(groups.next_ms(PACE), Some(1_001));
        assert_eq!(tell(&mut groups, 1_001), [named("a/b", "4", 2)]);
        // After a quiet window it is new.
        assert_eq!(tell(&mut groups, 9_000), []);
        assert_eq!(groups.open.len(), 0);
    }

    #[test]
    fn an_hour_has_so_many_messages_and_nothing_is_lost() {
        let mut groups = Groups::default();
        for number in 0..5 {
            groups.add(
                incident(&format!("a/{}", ["v", "w", "x", "y", "z"][number]), "1", ""),
                0,
            );
        }
        assert_eq!(tell(&mut groups, 0).len(), 3);
        assert_eq!(groups.next_ms(PACE), Some(HOUR_MS));
        assert_eq!(tell(&mut groups, HOUR_MS).len(), 0);
        assert_eq!(tell(&mut groups, HOUR_MS + 1).len(), 2);
    }

    #[test]
    fn many_kinds_are_told_together() {
        let mut groups = Groups::default();
        for number in 0..GROUPS_MAX + 10 {
            let letters: String = number
                .to_string()
                .chars()
                .map(|c| (c as u8 + b'1') as char)
                .collect();
            groups.add(incident(&format!("a/{letters}"), "1", ""), 0);
        }
        let several = groups.open.values().find(|group| group.workflow == SEVERAL);
        assert_eq!(several.map(|group| group.count), Some(10));
        assert_eq!(groups.open.len(), GROUPS_MAX + 1);
    }
}
