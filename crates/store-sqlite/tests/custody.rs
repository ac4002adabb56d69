//! The suite that defines what a vault keeps, on this backend; and what lies in the file system.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::os::unix::fs::PermissionsExt as _;

use sinew_store::conformance::custody::CustodyPlace;
use sinew_store::custody::Custody;
use sinew_store::{StoreError, custody_tests};
use sinew_store_sqlite::{SqliteCustody, SqliteOptions, SqliteStore};
use tempfile::TempDir;

struct Folder(TempDir);

impl Folder {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }
}

impl CustodyPlace for Folder {
    fn open(&self) -> Box<dyn Custody> {
        Box::new(SqliteCustody::open(&SqliteCustody::file_in(self.0.path())).unwrap())
    }
}

custody_tests!(Folder::new());

#[test]
fn the_file_and_what_is_beside_it_is_its_owners_alone() {
    let folder = Folder::new();
    let open = folder.open();
    let mut seen = 0;
    for entry in std::fs::read_dir(folder.0.path()).unwrap() {
        assert_eq!(entry.unwrap().metadata().unwrap().permissions().mode() & 0o777, 0o600);
        seen += 1;
    }
    assert_eq!(seen, 3, "the database, its log and its index");
    drop(open);
}

#[test]
fn another_kind_of_file_is_refused() {
    let folder = Folder::new();
    let path = SqliteCustody::file_in(folder.0.path());
    std::fs::write(&path, "hello, this is no database at all").unwrap();
    assert!(matches!(SqliteCustody::open(&path), Err(StoreError::Damaged { .. })));
    SqliteStore::open(SqliteOptions { reserve_bytes: 0, ..SqliteOptions::in_dir(folder.0.path()) })
        .unwrap()
        .close();
    let store = folder.0.path().join("sinew.db");
    assert!(matches!(SqliteCustody::open(&store), Err(StoreError::Damaged { .. })));
}
