use std::path::Path;
use std::sync::Arc;

use rusqlite::{Error, ErrorCode};
use sinew_store::StoreError;

/// Why an operation was not done.
pub(crate) enum Fault {
    /// It is refused; it has written nothing, and its neighbours in the transaction go on.
    Refused(StoreError),
    /// SQLite failed; the transaction must not be committed.
    Sql(Error),
}

impl From<Error> for Fault {
    fn from(error: Error) -> Self {
        Self::Sql(error)
    }
}

impl From<StoreError> for Fault {
    fn from(error: StoreError) -> Self {
        Self::Refused(error)
    }
}

/// What SQLite says about the file at `path`, in the store's words.
pub(crate) fn store_error(error: &Error, path: &Path) -> StoreError {
    let damaged = || StoreError::Damaged { path: path.to_owned(), message: Arc::from(error.to_string()) };
    match error.sqlite_error_code() {
        Some(ErrorCode::DiskFull) => StoreError::Full(path.to_owned()),
        Some(ErrorCode::NotADatabase | ErrorCode::DatabaseCorrupt) => damaged(),
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => StoreError::Locked(path.to_owned()),
        _ => StoreError::Failed(Arc::from(error.to_string())),
    }
}

/// What the system says about the file at `path`, in the store's words.
pub(crate) fn file_error(error: &std::io::Error, path: &Path) -> StoreError {
    match error.kind() {
        std::io::ErrorKind::StorageFull | std::io::ErrorKind::QuotaExceeded => {
            StoreError::Full(path.to_owned())
        }
        _ => StoreError::Failed(Arc::from(format!("{}: {error}", path.display()))),
    }
}

/// Whether the error lies in one operation (a constraint, a value too large) and not in the file or the disk.
pub(crate) const fn is_of_one_operation(error: &StoreError) -> bool {
    matches!(error, StoreError::Failed(_))
}
