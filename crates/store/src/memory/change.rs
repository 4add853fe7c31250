//! One batch, applied to the tables. Whoever calls keeps it, or takes back what a refused batch changed.

use super::Tables;
use crate::check;
use crate::ids::{DeliveryId, RunId};
use crate::journal::{StoreError, Ticket};
use crate::row::{
    Accept, Accepted, Append, Definition, Delivery, DeliveryKind, Entry, Intake, NewRun, Park, Put,
    Snapshot, Write,
};

impl Tables {
    pub(super) fn apply(&mut self, batch: Vec<Write>, shards: u16) -> Result<Ticket, StoreError> {
        let mut ticket = Ticket::default();
        for write in batch {
            match write {
                Write::Append(append) => self.append(append, shards, &mut ticket)?,
                Write::Accept(intake) => ticket.accepted.push(self.accept(intake, shards)?),
                Write::Define(definition) => self.define(definition),
                Write::Schedule(schedule) => {
                    self.schedules.insert(schedule.name, schedule.slot_ms);
                }
                Write::Park(park) => self.park(park)?,
                Write::Put(put) => self.put_entry(put)?,
            }
        }
        Ok(ticket)
    }

    fn append(
        &mut self,
        append: Append,
        shards: u16,
        ticket: &mut Ticket,
    ) -> Result<(), StoreError> {
        check::append(&append, shards)?;
        let (shard, epoch) = append.fence;
        if self.epochs[usize::from(shard.0)] != epoch {
            return Err(StoreError::Fenced(shard, epoch));
        }
        let (run, seq) = (append.run, append.seq);
        if let Some(new) = append.create {
            self.create(new)?;
        }
        let Some(mut summary) = self.runs.get(&run).cloned() else {
            return Err(StoreError::Conflict(run, seq));
        };
        if summary.run.shard != shard {
            return Err(StoreError::Fenced(shard, epoch));
        }
        let last = self.records.range((run, 0)..=(run, u64::MAX)).next_back();
        if last.map_or(0, |((_, last), _)| *last) + 1 != seq {
            return Err(StoreError::Conflict(run, seq));
        }
        self.records.insert((run, seq), append.record);
        self.position += 1;
        self.log.insert(self.position, (run, seq));
        if let Some(state) = append.snapshot {
            self.snapshots.insert(run, Snapshot { seq, state });
        }
        for id in append.consumed {
            if self.deliveries.remove(&(run, id)).is_none() {
                return Err(StoreError::Conflict(run, seq));
            }
        }
        if let Some(update) = append.update {
            check::apply(&mut summary, update);
            self.put(summary);
        }
        if let Some((plan, version)) = append.migrate
            && let Some(mut summary) = self.runs.get(&run).cloned()
        {
            // Its old place in the index of open runs goes with its old row.
            self.forget(run);
            summary.run.plan = plan;
            summary.run.version = version;
            self.put(summary);
        }
        for (to, kind) in append.deliver {
            if self.is_open(to) {
                ticket.deliveries.push(self.deliver(to, kind));
            }
        }
        for (new, kind) in append.spawn {
            let run = new.id;
            self.create(new)?;
            ticket.deliveries.push(self.deliver(run, kind));
        }
        for obligation in append.abandon {
            let awaited: Vec<RunId> = self
                .children_of(run)
                .filter(|child| self.is_open(*child) && self.awaits(&obligation, *child))
                .collect();
            for child in awaited {
                ticket
                    .deliveries
                    .push(self.deliver(child, DeliveryKind::Cancel));
            }
        }
        Ok(())
    }

    fn park(&mut self, park: Park) -> Result<(), StoreError> {
        let (shard, epoch) = park.fence;
        if self.epochs.get(usize::from(shard.0)) != Some(&epoch) {
            return Err(StoreError::Fenced(shard, epoch));
        }
        let known = self.runs.get(&park.run).cloned();
        if let Some(mut summary) = known.filter(|known| !known.status.is_terminal()) {
            if summary.run.shard != shard {
                return Err(StoreError::Fenced(shard, epoch));
            }
            check::apply(&mut summary, check::parked(&park));
            self.put(summary);
        }
        Ok(())
    }

    fn put_entry(&mut self, put: Put) -> Result<(), StoreError> {
        let known = self.entries.get(&put.key).map(|entry| entry.revision);
        if !check::as_expected(put.expected, known) {
            return Err(StoreError::Changed(put.key));
        }
        match put.value {
            None => drop(self.entries.remove(&put.key)),
            Some(value) => {
                self.revisions += 1;
                let entry = Entry {
                    key: put.key.clone(),
                    value,
                    revision: self.revisions,
                    expires_ms: put.expires_ms,
                };
                self.entries.insert(put.key, entry);
            }
        }
        Ok(())
    }

    fn accept(&mut self, intake: Intake, shards: u16) -> Result<Accepted, StoreError> {
        for (new, _) in &intake.starts {
            check::new_run(new, shards)?;
        }
        let name = (intake.source, intake.id);
        if self.events.get(&name).is_some() {
            return Ok(Accepted::Known);
        }
        self.events.insert(name, intake.at_ms);
        let open: std::collections::BTreeSet<RunId> = intake
            .plans
            .iter()
            .flat_map(|plan| {
                self.open
                    .range((plan.0, RunId(0))..=(plan.0, RunId(u64::MAX)))
            })
            .map(|((_, run), ())| *run)
            .collect();
        let mut deliveries: Vec<Delivery> = open
            .into_iter()
            .map(|run| self.deliver(run, DeliveryKind::Event(intake.event.clone())))
            .collect();
        for (new, kind) in intake.starts {
            let run = new.id;
            self.create(new)?;
            deliveries.push(self.deliver(run, kind));
        }
        for (trigger, state) in intake.triggers {
            self.triggers.insert(trigger, state);
        }
        Ok(Accepted::New(Accept { deliveries }))
    }

    fn define(&mut self, definition: Definition) {
        if self.plans.get(&definition.plan.0).is_none() {
            let at = self.definitions.len() as u64;
            self.plans.insert(definition.plan.0, at);
            self.definitions.insert(at, definition);
        }
    }

    fn create(&mut self, new: NewRun) -> Result<(), StoreError> {
        if let Some(first) = new.key.as_ref().and_then(|key| self.keys.get(key)) {
            return Err(StoreError::Started(*first));
        }
        if self.runs.get(&new.id).is_some() {
            return Err(StoreError::Conflict(new.id, 1));
        }
        if let Some(key) = &new.key {
            self.keys.insert(key.clone(), new.id);
        }
        if let Some(parent) = &new.parent {
            self.children.insert((parent.run, new.id), ());
        }
        self.put(check::pending(new));
        Ok(())
    }

    fn deliver(&mut self, run: RunId, kind: DeliveryKind) -> Delivery {
        self.deliveries_made += 1;
        let id = DeliveryId(self.deliveries_made);
        self.deliveries.insert((run, id), kind.clone());
        Delivery { id, run, kind }
    }
}
