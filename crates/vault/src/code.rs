use sinew_diag::Code;
use sinew_diag::codes::{store, vault as codes};
use sinew_store::StoreError;

use crate::{KeyError, VaultError};

impl VaultError {
    /// The stable code.
    pub fn code(&self) -> Code {
        match self {
            Self::Store(error) => of_store(error),
            Self::Key { error, .. } => error.code(),
            Self::NoSecret(_) => codes::NO_SECRET,
            Self::Version { .. } => codes::VERSION_STATE,
            Self::Damaged(_) => codes::RECORD_DAMAGED,
            Self::Unfit(_) => codes::SECRET_UNFIT,
            Self::Contended(_) => codes::CONTENDED,
        }
    }
}

impl KeyError {
    /// The stable code.
    pub const fn code(&self) -> Code {
        match self {
            Self::NotOpened | Self::Unknown(_) => codes::NOT_OPENED,
            Self::None | Self::Unusable { .. } | Self::NoChance => codes::MASTER_KEY,
            Self::Service(_) => codes::KEY_SERVICE,
        }
    }
}

const fn of_store(error: &StoreError) -> Code {
    match error {
        StoreError::Full(_) => store::DISK_FULL,
        StoreError::Locked(_) => store::IN_USE,
        StoreError::Newer { .. } => store::NEWER,
        StoreError::Damaged { .. } => store::DAMAGED,
        StoreError::Closed => store::CLOSED,
        _ => store::STORE_FAILED,
    }
}
