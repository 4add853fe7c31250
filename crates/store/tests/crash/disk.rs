//! What is on a disk for certain, by a log of system calls: all that was written before a synchronisation.

use std::collections::BTreeMap;
use std::os::unix::fs::FileExt;
use std::path::Path;

/// Parts of files that were written and not synchronised yet: offset and length.
#[derive(Debug, Default)]
pub(crate) struct Disk {
    unsafe_parts: BTreeMap<String, Vec<(u64, u64)>>,
}

#[derive(Debug)]
pub(crate) enum Event {
    Wrote(String),
    Synchronised,
    /// The process acknowledged a batch, or said something else.
    Said,
}

/// What becomes of a part that was not synchronised.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Tear {
    /// The end of the file was never written; what lies before it is garbage.
    Gone,
    Garbage,
}

impl Disk {
    /// Follows a log. With each event come the names of files that are not safe after it.
    pub(crate) fn events<'a>(
        &'a mut self,
        log: &'a str,
    ) -> impl Iterator<Item = (Event, Vec<String>)> + 'a {
        let mut begun: BTreeMap<&str, String> = BTreeMap::new();
        log.lines().filter_map(move |line| {
            let (thread, call) = line.split_once(' ')?;
            let call = call.trim_start();
            let event = if call.starts_with("pwrite64(") {
                self.wrote(call)?
            } else if call.starts_with("fsync(") || call.starts_with("fdatasync(") {
                if call.contains("<unfinished") {
                    begun.insert(thread, name(call)?);
                    return None;
                }
                self.synchronised(call, name(call)?)?
            } else if call.starts_with("<... fsync") || call.starts_with("<... fdatasync") {
                self.synchronised(call, begun.remove(thread)?)?
            } else if call.starts_with("write(1<") {
                Event::Said
            } else {
                return None;
            };
            let not_safe = self
                .unsafe_parts
                .iter()
                .filter(|(_, parts)| !parts.is_empty());
            let not_safe = not_safe.map(|(name, _)| name.clone()).collect();
            Some((event, not_safe))
        })
    }

    fn wrote(&mut self, call: &str) -> Option<Event> {
        let name = name(call)?;
        let (_, numbers) = call
            .split_once("\"...,")
            .or_else(|| call.split_once("\"\","))?;
        let mut numbers = numbers
            .split(|c: char| !c.is_ascii_digit())
            .filter(|number| !number.is_empty())
            .map_while(|number| number.parse().ok());
        let (length, offset) = (numbers.next()?, numbers.next()?);
        let parts = self.unsafe_parts.entry(name.clone()).or_default();
        parts.push((offset, length));
        Some(Event::Wrote(name))
    }

    fn synchronised(&mut self, call: &str, name: String) -> Option<Event> {
        call.ends_with("= 0").then_some(())?;
        self.unsafe_parts.remove(&name);
        Some(Event::Synchronised)
    }

    /// Does to a file what a loss of power may do.
    pub(crate) fn tear(&self, name: &str, path: &Path, tear: Tear) {
        let Some(parts) = self.unsafe_parts.get(name) else {
            return;
        };
        let file = std::fs::File::options().write(true).open(path);
        let file = file.expect("it was copied");
        let length = file.metadata().expect("it is there").len();
        for (offset, part) in parts {
            let end = (offset + part).min(length);
            if let Some(part) = end.checked_sub(*offset) {
                let garbage = vec![0xa5; part as usize];
                file.write_all_at(&garbage, *offset)
                    .expect("it is writable");
            }
        }
        let last = parts.iter().max();
        if let (Tear::Gone, Some((offset, part))) = (tear, last)
            && offset + part >= length
        {
            // In the middle of the last thing that was written.
            file.set_len((offset + part / 2).min(length))
                .expect("it is writable");
        }
    }
}

/// The name of the file that a call is about.
fn name(call: &str) -> Option<String> {
    let (_, rest) = call.split_once('<')?;
    let (path, _) = rest.split_once('>')?;
    let name = Path::new(path).file_name()?.to_str()?;
    // What is shared between connections is made anew after a crash.
    (name.starts_with("store.db") && name != "store.db-shm").then(|| name.to_owned())
}
