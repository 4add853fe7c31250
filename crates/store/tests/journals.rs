//! All back ends keep the same contract.

use ferrovia_store::{Memory, Options, Sqlite};
use tempfile::TempDir;

fn memory(shards: u16) -> (Memory, ()) {
    (Memory::new(shards), ())
}

fn sqlite(shards: u16) -> (Sqlite, TempDir) {
    let place = TempDir::new().expect("there is room for temporary files");
    let journal = Sqlite::open(place.path().join("store.db"), Options { shards });
    (journal.expect("nobody has it"), place)
}

mod in_memory {
    use super::memory;
    ferrovia_store::journal_suite!(memory);
}

mod in_sqlite {
    use super::sqlite;
    ferrovia_store::journal_suite!(sqlite);
}
