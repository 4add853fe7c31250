//! Entries: small things that are kept beside the runs.

use super::{Bed, new_run};
use crate::journal::StoreError;
use crate::row::{Entry, EntryKey, Expected, Purge, Put, Write};

fn key(namespace: &str, name: &str) -> EntryKey {
    EntryKey {
        kind: "user".into(),
        namespace: namespace.into(),
        name: name.into(),
    }
}

fn put(name: &str, value: &[u8]) -> Put {
    Put {
        key: key("a", name),
        expected: Expected::Anything,
        value: Some(value.into()),
        expires_ms: None,
    }
}

fn read(bed: &Bed<'_>, name: &str) -> Option<Entry> {
    let entry = bed.journal.entry(&key("a", name));
    entry.expect("it is readable")
}

fn refused(bed: &Bed<'_>, put: Put) -> bool {
    let wanted = put.key.clone();
    match bed.write(vec![Write::Put(put)]) {
        Err(StoreError::Changed(key)) => key == wanted,
        _ => false,
    }
}

pub fn an_entry_reads_back(bed: &Bed<'_>) {
    assert_eq!(read(bed, "ada"), None);
    bed.put([Write::Put(Put {
        expires_ms: Some(7),
        ..put("ada", b"1")
    })]);
    let entry = read(bed, "ada").expect("it was written");
    assert_eq!((&*entry.value, entry.expires_ms), (&b"1"[..], Some(7)));
    bed.put([Write::Put(put("ada", b"2"))]);
    let later = read(bed, "ada").expect("it was written");
    assert_eq!((&*later.value, later.expires_ms), (&b"2"[..], None));
    assert_ne!(later.revision, entry.revision);
    bed.put([Write::Put(Put {
        value: None,
        ..put("ada", b"")
    })]);
    assert_eq!(read(bed, "ada"), None);
}

pub fn an_entry_that_changed_is_refused(bed: &Bed<'_>) {
    let absent = Put {
        expected: Expected::Absent,
        ..put("ada", b"1")
    };
    bed.put([Write::Put(absent.clone())]);
    assert!(refused(bed, absent));
    let revision = read(bed, "ada").expect("it was written").revision;
    let of = |revision| Put {
        expected: Expected::Revision(revision),
        ..put("ada", b"2")
    };
    assert!(refused(bed, of(revision + 1)));
    bed.put([Write::Put(of(revision))]);
    assert!(refused(bed, of(revision)));
    assert!(refused(
        bed,
        Put {
            expected: Expected::Revision(revision),
            ..put("grace", b"")
        }
    ));
}

pub fn an_entry_that_went_comes_back_as_another(bed: &Bed<'_>) {
    bed.put([Write::Put(put("ada", b"1"))]);
    let first = read(bed, "ada").expect("it was written").revision;
    bed.put([Write::Put(Put {
        value: None,
        ..put("ada", b"")
    })]);
    bed.put([Write::Put(put("ada", b"1"))]);
    assert_ne!(read(bed, "ada").expect("it was written").revision, first);
}

pub fn a_refused_entry_changes_nothing(bed: &Bed<'_>) {
    bed.put([Write::Put(put("ada", b"1"))]);
    let batch = vec![
        Write::Put(put("grace", b"1")),
        Write::Append(bed.first(new_run(1))),
        Write::Put(Put {
            expected: Expected::Absent,
            ..put("ada", b"2")
        }),
    ];
    assert!(matches!(bed.write(batch), Err(StoreError::Changed(_))));
    assert_eq!(read(bed, "grace"), None);
    assert!(!bed.exists(1));
}

pub fn entries_are_in_order_and_pages(bed: &Bed<'_>) {
    for (namespace, name) in [("b", "1"), ("a", "2"), ("a", "1"), ("b", "0")] {
        bed.put([Write::Put(Put {
            key: key(namespace, name),
            ..put("", b"x")
        })]);
    }
    let other = EntryKey {
        kind: "use".into(),
        ..key("a", "1")
    };
    bed.put([Write::Put(Put {
        key: other,
        ..put("", b"x")
    })]);
    let list = |namespace: Option<&str>, after: Option<&EntryKey>, limit| -> Vec<EntryKey> {
        let listed = bed.journal.entries("user", namespace, after, limit);
        let listed = listed.expect("it is readable").into_iter();
        listed.map(|entry| entry.key).collect()
    };
    let all = [key("a", "1"), key("a", "2"), key("b", "0"), key("b", "1")];
    assert_eq!(list(None, None, 9), all);
    assert_eq!(list(None, Some(&all[1]), 9), all[2..]);
    assert_eq!(list(None, Some(&all[0]), 2), all[1..3]);
    assert_eq!(list(Some("b"), None, 9), all[2..]);
    assert_eq!(list(Some("b"), Some(&all[2]), 9), all[3..]);
    assert_eq!(list(Some("c"), None, 9), []);
}

pub fn entries_expire(bed: &Bed<'_>) {
    for (name, expires_ms) in [("never", None), ("old", Some(10)), ("young", Some(20))] {
        bed.put([Write::Put(Put {
            expires_ms,
            ..put(name, b"x")
        })]);
    }
    let purge = Purge {
        ended_before_ms: 0,
        events_before_ms: 0,
        expired_before_ms: 20,
        limit: 1,
    };
    bed.journal.purge(purge).expect("it is possible");
    let kept = ["never", "old", "young"].map(|name| read(bed, name).is_some());
    assert_eq!(kept, [true, false, true]);
}
