use sinew_diag::codes::{engine, store, trigger};
use sinew_diag::{Code, Diagnostic};
use sinew_store::StoreError;

/// Why the engine did not do what it was asked. Nothing of it was done.
#[derive(Clone, Debug, thiserror::Error)]
pub enum Refusal {
    /// There is no such thing.
    #[error("{0} does not exist")]
    Missing(String),
    /// It does not fit the state that the thing is in.
    #[error("{0}")]
    Conflict(String),
    /// What was sent cannot be taken.
    #[error("{0}")]
    Unacceptable(String),
    /// Too much is waiting already.
    #[error("flow `{0}` has as many runs waiting as it accepts")]
    BacklogFull(String),
    /// The engine is stopping.
    #[error("the engine is stopping")]
    Stopping,
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl Refusal {
    /// The stable code.
    pub fn code(&self) -> Code {
        match self {
            Self::Missing(_) => engine::RESOURCE_GONE,
            Self::Conflict(_) => engine::STATE_CONFLICT,
            Self::Unacceptable(_) => trigger::UNACCEPTABLE_PAYLOAD,
            Self::BacklogFull(_) | Self::Stopping => trigger::OVERLOADED,
            Self::Store(StoreError::Full(_)) => store::DISK_FULL,
            Self::Store(_) => store::STORE_FAILED,
        }
    }

    /// As a finding, for people.
    pub fn diagnostic(&self) -> Diagnostic {
        Diagnostic::error(self.code(), self.to_string())
    }
}
