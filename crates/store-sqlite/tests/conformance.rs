//! The suite that defines the store's traits, on this backend.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use sinew_store::conformance::Place;
use sinew_store::{Store, conformance_tests};
use sinew_store_sqlite::{SqliteOptions, SqliteStore};
use tempfile::TempDir;

struct Folder(TempDir);

impl Folder {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }
}

impl Place for Folder {
    fn open(&self) -> Box<dyn Store> {
        let options = SqliteOptions { reserve_bytes: 0, ..SqliteOptions::in_dir(self.0.path()) };
        Box::new(SqliteStore::open(options).unwrap())
    }

    fn overtake(&self) {
        let conn = rusqlite::Connection::open(self.0.path().join("sinew.db")).unwrap();
        conn.execute("UPDATE node SET epoch = epoch + 1", []).unwrap();
    }
}

conformance_tests!(Folder::new());
