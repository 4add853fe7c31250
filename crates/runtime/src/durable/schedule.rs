//! Starts runs by the clock: `every`, `cron` and `after`.
//!
//! Each start has a *slot*, the moment it was meant for. A slot starts one run however often it is tried, because
//! its name is the key of the start (G4). The last slot that was handled is in the journal, so that what was missed
//! while no process ran is known:
//!
//! | `document.metadata.schedule.missed` | several slots were missed |
//! |---|---|
//! | `once` (the default) | one run, for the last of them |
//! | `all` | one run for each, up to [`MISSED_MAX`] |
//! | `skip` | none |
//!
//! `cron` reads the time zone from `document.metadata.schedule.timeZone` (an IANA name; UTC if there is none). A time
//! that daylight saving skips is moved to when the clocks have changed; one that it repeats happens once.

use std::collections::HashMap;
use std::str::FromStr;
use std::sync::{Arc, Weak};
use std::time::Duration;

use croner::Cron;
use ferrovia_dsl::plan::Plan;
use ferrovia_expr::{Object, Scope, Value};
use ferrovia_store::{Filter, Page, Schedule, StoreError, Write};
use jiff::tz::TimeZone;
use jiff::{Timestamp, Zoned};

use super::{Inner, Node, StartRequest, blocking, wall_ms};
use crate::shard::Declined;

/// How often the clock is looked at.
const LOOK_EVERY: Duration = Duration::from_millis(250);
/// Missed slots that are made up for, with `missed: all`.
const MISSED_MAX: usize = 1_000;

/// What is done about slots that nobody was there for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Missed {
    Once,
    All,
    Skip,
}

/// When a workflow starts by itself.
enum Rhythm {
    Every(i64),
    Cron(Box<Cron>, TimeZone),
}

/// Until the node is gone.
pub(super) async fn keep_time(node: Weak<Inner>) {
    let mut slots: HashMap<Arc<str>, i64> = HashMap::new();
    let mut read = false;
    loop {
        tokio::time::sleep(LOOK_EVERY).await;
        let Some(inner) = node.upgrade() else { return };
        if !read {
            let journal = inner.journal.clone();
            match blocking(move || journal.schedules()).await {
                Ok(known) => {
                    slots.extend(known.into_iter().map(|known| (known.name, known.slot_ms)))
                }
                Err(error) => return inner.fail(&error.to_string()),
            }
            read = true;
        }
        // What fails is tried again at the next look: its slot was not noted.
        let _ = look(&Node(inner), &mut slots).await;
    }
}

async fn look(node: &Node, slots: &mut HashMap<Arc<str>, i64>) -> Result<(), Declined> {
    let definitions = node.definitions();
    for plan in definitions
        .startable()
        .filter(|plan| plan.schedule.is_some())
    {
        for (name, rhythm) in rhythms(plan) {
            let now_ms = wall_ms();
            let Some(last_ms) = slots.get(&name).copied() else {
                // It counts from when it became known.
                note(node, slots, &name, now_ms)
                    .await
                    .map_err(Declined::Store)?;
                continue;
            };
            let due = due(&rhythm, last_ms, now_ms, missed(plan));
            for slot_ms in due.starts {
                start(node, plan, &name, slot_ms).await?;
            }
            if let Some(slot_ms) = due.handled_ms {
                note(node, slots, &name, slot_ms)
                    .await
                    .map_err(Declined::Store)?;
            }
        }
        again_after(node, plan, slots).await?;
    }
    Ok(())
}

/// `after`: once a run has ended, the next one begins some time later.
async fn again_after(
    node: &Node,
    plan: &Arc<Plan>,
    slots: &mut HashMap<Arc<str>, i64>,
) -> Result<(), Declined> {
    let after = plan
        .schedule
        .as_ref()
        .and_then(|schedule| schedule.after.as_ref());
    let Some(after_ms) = after.and_then(|after| after.milliseconds(&Value::Null, &Nothing).ok())
    else {
        return Ok(());
    };
    let filter = Filter {
        namespace: Some(plan.identity.namespace.clone()),
        name: Some(plan.identity.name.clone()),
        ..Filter::default()
    };
    let journal = node.0.journal.clone();
    let newest = blocking(move || {
        journal.runs(
            &filter,
            Page {
                before: None,
                limit: 1,
            },
        )
    })
    .await;
    let newest = newest.map_err(Declined::Store)?;
    let Some(ended) = newest.first().filter(|run| run.status.is_terminal()) else {
        return Ok(());
    };
    let slot_ms = ended
        .updated_ms
        .saturating_add(i64::try_from(after_ms).unwrap_or(i64::MAX));
    let name: Arc<str> = format!("{}/{}#after", plan.identity.namespace, plan.identity.name).into();
    if slot_ms <= wall_ms() && slots.get(&name).is_none_or(|last_ms| *last_ms < slot_ms) {
        start(node, plan, &name, slot_ms).await?;
        note(node, slots, &name, slot_ms)
            .await
            .map_err(Declined::Store)?;
    }
    Ok(())
}

async fn start(node: &Node, plan: &Arc<Plan>, name: &str, slot_ms: i64) -> Result<(), Declined> {
    let request = StartRequest {
        plan: plan.clone(),
        input: Object::default().into(),
        key: Some(format!("schedule:{name}@{slot_ms}").into()),
        labels: Vec::new(),
    };
    match node.start(request).await {
        // It had been started, and the note of it was lost.
        Ok(_) | Err(Declined::Started(_)) => Ok(()),
        Err(declined) => Err(declined),
    }
}

async fn note(
    node: &Node,
    slots: &mut HashMap<Arc<str>, i64>,
    name: &Arc<str>,
    slot_ms: i64,
) -> Result<(), StoreError> {
    node.0
        .write(vec![Write::Schedule(Schedule {
            name: name.clone(),
            slot_ms,
        })])
        .await?;
    slots.insert(name.clone(), slot_ms);
    Ok(())
}

fn rhythms(plan: &Plan) -> Vec<(Arc<str>, Rhythm)> {
    let Some(schedule) = &plan.schedule else {
        return Vec::new();
    };
    let name = |what: &str| -> Arc<str> {
        format!("{}/{}#{what}", plan.identity.namespace, plan.identity.name).into()
    };
    let mut rhythms = Vec::new();
    let every = schedule
        .every
        .as_ref()
        .and_then(|every| every.milliseconds(&Value::Null, &Nothing).ok());
    if let Some(every_ms) = every
        .and_then(|ms| i64::try_from(ms).ok())
        .filter(|ms| *ms > 0)
    {
        rhythms.push((name("every"), Rhythm::Every(every_ms)));
    }
    if let Some(cron) = schedule
        .cron
        .as_ref()
        .and_then(|cron| Cron::from_str(cron).ok())
    {
        rhythms.push((name("cron"), Rhythm::Cron(Box::new(cron), time_zone(plan))));
    }
    rhythms
}

fn setting<'p>(plan: &'p Plan, key: &str) -> Option<&'p str> {
    plan.definition
        .pointer("/document/metadata/schedule")?
        .get(key)?
        .as_str()
}

fn missed(plan: &Plan) -> Missed {
    match setting(plan, "missed") {
        Some("all") => Missed::All,
        Some("skip") => Missed::Skip,
        _ => Missed::Once,
    }
}

fn time_zone(plan: &Plan) -> TimeZone {
    let named = setting(plan, "timeZone").and_then(|name| TimeZone::get(name).ok());
    named.unwrap_or(TimeZone::UTC)
}

/// What is to be done at a look at the clock.
#[derive(Debug, Default, PartialEq)]
struct Due {
    starts: Vec<i64>,
    /// The last slot that is over with, whether or not it started a run.
    handled_ms: Option<i64>,
}

/// A slot counts as missed when a whole slot came after it before anybody looked.
fn due(rhythm: &Rhythm, last_ms: i64, now_ms: i64, missed: Missed) -> Due {
    let mut slots = Vec::new();
    let mut at_ms = match rhythm {
        // A long absence is not counted slot by slot.
        Rhythm::Every(every_ms) => {
            let behind = (now_ms - last_ms).div_euclid(*every_ms) - MISSED_MAX as i64;
            last_ms + behind.max(0) * every_ms
        }
        Rhythm::Cron(..) => last_ms,
    };
    while let Some(next_ms) = rhythm.next(at_ms).filter(|next_ms| *next_ms <= now_ms) {
        slots.push(next_ms);
        if slots.len() > MISSED_MAX {
            slots.remove(0);
        }
        at_ms = next_ms;
    }
    let Some(last) = slots.last().copied() else {
        return Due::default();
    };
    let starts = match missed {
        Missed::All => slots,
        Missed::Once => vec![last],
        Missed::Skip if slots.len() > 1 => Vec::new(),
        Missed::Skip => slots,
    };
    Due {
        starts,
        handled_ms: Some(last),
    }
}

impl Rhythm {
    /// The first slot after a moment.
    fn next(&self, after_ms: i64) -> Option<i64> {
        match self {
            Rhythm::Every(every_ms) => after_ms.checked_add(*every_ms),
            Rhythm::Cron(cron, zone) => {
                let after = Timestamp::from_millisecond(after_ms).ok()?;
                let after = Zoned::new(after, zone.clone());
                let next = cron.find_next_occurrence(&after, false).ok()?;
                Some(next.timestamp().as_millisecond())
            }
        }
    }
}

/// Expressions of a schedule see nothing.
struct Nothing;

impl Scope for Nothing {
    fn variable(&self, _name: &str) -> Option<Value> {
        None
    }
    fn now_ms(&self) -> i64 {
        wall_ms()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ms(text: &str) -> i64 {
        text.parse::<Timestamp>().expect("a time").as_millisecond()
    }

    fn cron(pattern: &str, zone: &str) -> Rhythm {
        let zone = TimeZone::get(zone).expect("a zone");
        Rhythm::Cron(Box::new(Cron::from_str(pattern).expect("a pattern")), zone)
    }

    fn next(rhythm: &Rhythm, after: &str, many: usize) -> Vec<String> {
        let mut at_ms = ms(after);
        let mut slots = Vec::new();
        for _ in 0..many {
            at_ms = rhythm.next(at_ms).expect("there is a next slot");
            slots.push(
                Timestamp::from_millisecond(at_ms)
                    .expect("a time")
                    .to_string(),
            );
        }
        slots
    }

    #[test]
    fn every_keeps_to_its_grid() {
        let rhythm = Rhythm::Every(60_000);
        assert_eq!(due(&rhythm, 0, 59_999, Missed::Once), Due::default());
        assert_eq!(
            due(&rhythm, 0, 60_000, Missed::Once),
            Due {
                starts: vec![60_000],
                handled_ms: Some(60_000)
            }
        );
    }

    #[test]
    fn what_was_missed_follows_the_policy() {
        let rhythm = Rhythm::Every(60_000);
        let at = |missed| due(&rhythm, 0, 185_000, missed);
        assert_eq!(at(Missed::Once).starts, [180_000]);
        assert_eq!(at(Missed::All).starts, [60_000, 120_000, 180_000]);
        assert_eq!(at(Missed::Skip).starts, [0i64; 0]);
        assert_eq!(at(Missed::Skip).handled_ms, Some(180_000));
    }

    #[test]
    fn a_long_absence_is_bounded() {
        let rhythm = Rhythm::Every(1_000);
        let due = due(&rhythm, 0, 1_000_000_000, Missed::All);
        assert_eq!(due.starts.len(), MISSED_MAX);
        assert_eq!(due.handled_ms, Some(1_000_000_000));
    }

    #[test]
    fn a_time_that_daylight_saving_skips_or_repeats_happens_once() {
        // Rome, 2026: 02:30 does not exist on 29 March and exists twice on 25 October.
        let rhythm = cron("30 2 * * *", "Europe/Rome");
        let spring = next(&rhythm, "2026-03-28T12:00:00Z", 2);
        assert_eq!(spring.len(), 2);
        assert!(spring[0].starts_with("2026-03-29T01:"), "{spring:?}");
        assert_eq!(spring[1], "2026-03-30T00:30:00Z");
        let autumn = next(&rhythm, "2026-10-24T12:00:00Z", 2);
        assert_eq!(autumn, ["2026-10-25T00:30:00Z", "2026-10-26T01:30:00Z"]);
    }

    #[test]
    fn working_days_at_nine_in_new_york() {
        let rhythm = cron("0 9 * * 1-5", "America/New_York");
        let slots = next(&rhythm, "2026-11-27T00:00:00Z", 2);
        assert_eq!(slots, ["2026-11-27T14:00:00Z", "2026-11-30T14:00:00Z"]);
    }
}
