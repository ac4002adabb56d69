use rusqlite::types::{FromSql, FromSqlError, FromSqlResult, ToSql, ToSqlOutput, ValueRef};
use sinew_store::RunStatus;

/// Where a run stands, finer than [`RunStatus`]: what is queued is kept by lane. The numbers are in the file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub(crate) enum State {
    /// Interactive, was running when the node stopped.
    Returned = 0,
    /// Interactive, can be claimed.
    Ready = 1,
    /// Batch, was running when the node stopped.
    ReturnedBatch = 2,
    /// Batch, can be claimed.
    ReadyBatch = 3,
    /// Waits for its ordering key.
    Blocked = 4,
    Running = 5,
    Waiting = 6,
    Dead = 7,
    Finished = 8,
    Undone = 9,
    Cancelled = 10,
    Discarded = 11,
}

impl State {
    pub(crate) const ALL: [Self; 12] = [
        Self::Returned,
        Self::Ready,
        Self::ReturnedBatch,
        Self::ReadyBatch,
        Self::Blocked,
        Self::Running,
        Self::Waiting,
        Self::Dead,
        Self::Finished,
        Self::Undone,
        Self::Cancelled,
        Self::Discarded,
    ];

    /// What can be claimed from the backlog, in the order in which it is.
    pub(crate) const LANES: [Self; 4] = [Self::Returned, Self::Ready, Self::ReturnedBatch, Self::ReadyBatch];

    /// The lane of a run that is ready for the first time.
    pub(crate) const fn ready(batch: bool) -> Self {
        if batch { Self::ReadyBatch } else { Self::Ready }
    }

    /// The lane of a run that its node left running.
    pub(crate) const fn returned(batch: bool) -> Self {
        if batch { Self::ReturnedBatch } else { Self::Returned }
    }

    /// As the rest of the house sees it.
    pub(crate) const fn status(self) -> RunStatus {
        match self {
            Self::Returned | Self::Ready | Self::ReturnedBatch | Self::ReadyBatch | Self::Blocked => {
                RunStatus::Queued
            }
            Self::Running => RunStatus::Running,
            Self::Waiting => RunStatus::Waiting,
            Self::Dead => RunStatus::Dead,
            Self::Finished => RunStatus::Finished,
            Self::Undone => RunStatus::Undone,
            Self::Cancelled => RunStatus::Cancelled,
            Self::Discarded => RunStatus::Discarded,
        }
    }

    /// The state of a run that ended so; `None` if that status is no end.
    pub(crate) const fn ended(status: RunStatus) -> Option<Self> {
        match status {
            RunStatus::Dead => Some(Self::Dead),
            RunStatus::Finished => Some(Self::Finished),
            RunStatus::Undone => Some(Self::Undone),
            RunStatus::Cancelled => Some(Self::Cancelled),
            RunStatus::Discarded => Some(Self::Discarded),
            RunStatus::Queued | RunStatus::Running | RunStatus::Waiting => None,
        }
    }
}

impl ToSql for State {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(ToSqlOutput::from(*self as i64))
    }
}

impl FromSql for State {
    fn column_result(value: ValueRef<'_>) -> FromSqlResult<Self> {
        let number = value.as_i64()?;
        usize::try_from(number)
            .ok()
            .and_then(|at| Self::ALL.get(at).copied())
            .ok_or(FromSqlError::OutOfRange(number))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_state_is_found_at_its_number() {
        for (at, state) in State::ALL.into_iter().enumerate() {
            assert_eq!(state as usize, at);
            assert!(State::ended(state.status()).is_none_or(|s| s == state));
        }
    }
}
