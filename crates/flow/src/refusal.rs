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

/// When a caller may try again, in seconds: after the backlog was full, while it is a matter of moments, after the disk
/// was full.
const RETRY_BACKLOG_S: u32 = 10;
const RETRY_SOON_S: u32 = 5;
const RETRY_DISK_S: u32 = 30;

/// What a caller over HTTP is answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Answered {
    /// The status.
    pub status: u16,
    /// In how many seconds it may try again, if that is of use: `Retry-After`.
    pub retry_after_s: Option<u32>,
}

impl Refusal {
    /// The stable code.
    pub fn code(&self) -> Code {
        match self {
            Self::Missing(_) => store::MISSING,
            Self::Conflict(_) => engine::STATE_CONFLICT,
            Self::Unacceptable(_) => trigger::UNACCEPTABLE_PAYLOAD,
            Self::BacklogFull(_) | Self::Stopping => trigger::OVERLOADED,
            Self::Store(error) => store_code(error),
        }
    }

    /// What a caller over HTTP is answered, whichever door it came by.
    pub fn answered(&self) -> Answered {
        let (status, retry_after_s) = match self {
            Self::Missing(_) | Self::Store(StoreError::Missing(_)) => (404, None),
            Self::Conflict(_) => (409, None),
            Self::Unacceptable(_) => (422, None),
            Self::BacklogFull(_) => (429, Some(RETRY_BACKLOG_S)),
            Self::Store(StoreError::Full(_)) => (503, Some(RETRY_DISK_S)),
            Self::Stopping
            | Self::Store(StoreError::Closed | StoreError::Locked(_) | StoreError::Fenced(_)) => {
                (503, Some(RETRY_SOON_S))
            }
            Self::Store(
                StoreError::Newer { .. }
                | StoreError::Damaged { .. }
                | StoreError::OutOfSequence { .. }
                | StoreError::NotClaimed(_)
                | StoreError::Failed(_),
            ) => (500, None),
        };
        Answered { status, retry_after_s }
    }

    /// As a finding, for people.
    pub fn diagnostic(&self) -> Diagnostic {
        Diagnostic::error(self.code(), self.to_string())
    }
}

fn store_code(error: &StoreError) -> Code {
    match error {
        StoreError::Full(_) => store::DISK_FULL,
        StoreError::Locked(_) => store::IN_USE,
        StoreError::Newer { .. } => store::NEWER,
        StoreError::Damaged { .. } => store::DAMAGED,
        StoreError::Fenced(_) => store::FENCED,
        StoreError::OutOfSequence { .. } => store::OUT_OF_SEQUENCE,
        StoreError::NotClaimed(_) => store::NOT_CLAIMED,
        StoreError::Missing(_) => store::MISSING,
        StoreError::Closed => store::CLOSED,
        StoreError::Failed(_) => store::STORE_FAILED,
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use sinew_store::RunId;

    use super::*;

    fn check(refusal: &Refusal) -> (u16, &'static str, Option<u32>) {
        let Answered { status, retry_after_s } = refusal.answered();
        (status, refusal.code().as_str(), retry_after_s)
    }

    #[test]
    fn every_refusal_has_its_status_code_and_time_to_wait() {
        assert_eq!(check(&Refusal::Missing("run X".into())), (404, "SNW-5008", None));
        assert_eq!(check(&Refusal::Conflict("it is over".into())), (409, "SNW-3014", None));
        assert_eq!(check(&Refusal::Unacceptable("deep".into())), (422, "SNW-4001", None));
        assert_eq!(check(&Refusal::BacklogFull("a".into())), (429, "SNW-4002", Some(10)));
        assert_eq!(check(&Refusal::Stopping), (503, "SNW-4002", Some(5)));
    }

    #[test]
    fn what_the_store_says_keeps_its_own_code() {
        let run = RunId::from_bytes([7; 16]);
        let said = [
            (StoreError::Full("/x".into()), (503, "SNW-5001", Some(30))),
            (StoreError::Locked("/x".into()), (503, "SNW-5002", Some(5))),
            (StoreError::Newer { path: "/x".into(), found: 2, known: 1 }, (500, "SNW-5003", None)),
            (StoreError::Damaged { path: "/x".into(), message: "odd".into() }, (500, "SNW-5004", None)),
            (StoreError::Fenced(3), (503, "SNW-5005", Some(5))),
            (StoreError::OutOfSequence { run, expected: 2, given: 4 }, (500, "SNW-5006", None)),
            (StoreError::NotClaimed(run), (500, "SNW-5007", None)),
            (StoreError::Missing("run X".into()), (404, "SNW-5008", None)),
            (StoreError::Failed("odd".into()), (500, "SNW-5009", None)),
            (StoreError::Closed, (503, "SNW-5010", Some(5))),
        ];
        let codes: BTreeSet<_> = said.iter().map(|(_, (_, code, _))| code).collect();
        assert_eq!(codes.len(), said.len());
        for (error, expected) in said {
            assert_eq!(check(&Refusal::Store(error)), expected);
        }
    }
}
