//! The versions of one secret and how they follow each other. Pure.

use std::fmt;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};
use sinew_stdx::Timestamp;

use crate::seal::Envelope;

/// Versions that a secret has at most.
pub(crate) const VERSIONS_MAX: usize = 8;
/// The layout of a record.
const LAYOUT: u32 = 1;

/// What a version of a secret is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum VersionState {
    /// Kept for later; nobody uses it.
    Staged,
    /// What is used.
    Current,
    /// Was used before, and is accepted beside the current one for a while: what others sign may still be signed with it.
    Previous {
        /// Until when.
        until: Timestamp,
    },
}

impl fmt::Display for VersionState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Staged => f.write_str("staged"),
            Self::Current => f.write_str("current"),
            Self::Previous { until } => write!(f, "previous, accepted until {until}"),
        }
    }
}

/// One version, sealed.
#[derive(Clone, Debug)]
pub(crate) struct Version {
    pub(crate) number: u64,
    pub(crate) state: VersionState,
    pub(crate) made_at: Timestamp,
    pub(crate) envelope: Envelope,
}

/// A secret with its versions.
#[derive(Clone, Debug)]
pub(crate) struct Versions {
    /// The number of the next version. Numbers are not given twice, so that no envelope fits another's place.
    pub(crate) next: u64,
    pub(crate) all: Vec<Version>,
}

/// Why versions are not changed so.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum VersionError {
    /// Nothing is staged.
    #[error("no version is staged; `sinew secret stage` makes one")]
    NothingStaged,
    /// No version has the number.
    #[error("there is no version {0}")]
    NoVersion(u64),
    /// The current version cannot go while others stay.
    #[error("version {0} is the current one; promote another first, or remove the whole secret")]
    IsCurrent(u64),
    /// Too many.
    #[error("there are {VERSIONS_MAX} versions already; remove one first")]
    TooMany,
}

impl Versions {
    pub(crate) const fn new() -> Self {
        Self { next: 1, all: Vec::new() }
    }

    /// Adds a version that nobody uses yet, in place of one that is staged already.
    pub(crate) fn stage(&mut self, envelope: Envelope, now: Timestamp) -> Result<u64, VersionError> {
        self.sweep(now);
        self.all.retain(|version| version.state != VersionState::Staged);
        if self.all.len() >= VERSIONS_MAX {
            return Err(VersionError::TooMany);
        }
        let number = self.next;
        self.next += 1;
        self.all.push(Version { number, state: VersionState::Staged, made_at: now, envelope });
        Ok(number)
    }

    /// Makes the staged version the current one; what was current is accepted for `overlap` more.
    pub(crate) fn promote(&mut self, overlap: Duration, now: Timestamp) -> Result<u64, VersionError> {
        let staged = self.all.iter().position(|version| version.state == VersionState::Staged);
        let staged = staged.ok_or(VersionError::NothingStaged)?;
        for version in &mut self.all {
            if version.state == VersionState::Current {
                version.state = VersionState::Previous { until: now.plus(overlap) };
            }
        }
        self.all[staged].state = VersionState::Current;
        let number = self.all[staged].number;
        self.sweep(now);
        Ok(number)
    }

    /// Removes a version that is not in use.
    pub(crate) fn remove(&mut self, number: u64) -> Result<(), VersionError> {
        let at = self.all.iter().position(|version| version.number == number);
        let at = at.ok_or(VersionError::NoVersion(number))?;
        if self.all[at].state == VersionState::Current {
            return Err(VersionError::IsCurrent(number));
        }
        self.all.remove(at);
        Ok(())
    }

    /// Drops what is not accepted any more.
    fn sweep(&mut self, now: Timestamp) {
        self.all.retain(|version| !matches!(version.state, VersionState::Previous { until } if until <= now));
    }

    pub(crate) fn current(&self) -> Option<&Version> {
        self.all.iter().find(|version| version.state == VersionState::Current)
    }

    /// The current version, then those before it that are still accepted.
    pub(crate) fn accepted(&self, now: Timestamp) -> impl Iterator<Item = &Version> {
        let before = self.all.iter().rev();
        let before =
            before.filter(move |v| matches!(v.state, VersionState::Previous { until } if until > now));
        self.current().into_iter().chain(before)
    }

    /// As it is kept.
    pub(crate) fn to_bytes(&self) -> Vec<u8> {
        let all = self.all.iter().map(|version| {
            let (state, until) = match version.state {
                VersionState::Staged => (WireState::Staged, None),
                VersionState::Current => (WireState::Current, None),
                VersionState::Previous { until } => (WireState::Previous, Some(until)),
            };
            let sealed = STANDARD.encode(version.envelope.to_bytes());
            WireVersion { number: version.number, state, until, made_at: version.made_at, sealed }
        });
        let wire = Wire { layout: LAYOUT, next: self.next, versions: all.collect() };
        serde_json::to_vec(&wire).unwrap_or_default()
    }

    /// As it was kept; `None` if that is no secret.
    pub(crate) fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let wire: Wire = serde_json::from_slice(bytes).ok()?;
        if wire.layout != LAYOUT {
            return None;
        }
        let all = wire.versions.into_iter().map(|version| {
            let state = match (version.state, version.until) {
                (WireState::Staged, None) => VersionState::Staged,
                (WireState::Current, None) => VersionState::Current,
                (WireState::Previous, Some(until)) => VersionState::Previous { until },
                _ => return None,
            };
            let envelope = Envelope::from_bytes(&STANDARD.decode(version.sealed).ok()?)?;
            Some(Version { number: version.number, state, made_at: version.made_at, envelope })
        });
        Some(Self { next: wire.next, all: all.collect::<Option<_>>()? })
    }
}

#[derive(Serialize, Deserialize)]
struct Wire {
    layout: u32,
    next: u64,
    versions: Vec<WireVersion>,
}

#[derive(Serialize, Deserialize)]
struct WireVersion {
    number: u64,
    state: WireState,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    until: Option<Timestamp>,
    made_at: Timestamp,
    sealed: String,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum WireState {
    Staged,
    Current,
    Previous,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::seal::{Context, LocalKey, Purpose};

    const NOW: Timestamp = Timestamp::from_millis(1_795_248_000_000);
    const HOUR: Duration = Duration::from_hours(1);

    fn envelope() -> Envelope {
        let context = Context { purpose: Purpose::Secret, name: "x", version: 1 };
        Envelope::seal(&LocalKey::fresh().unwrap().0, &context, b"s").unwrap()
    }

    fn accepted(versions: &Versions, now: Timestamp) -> Vec<u64> {
        versions.accepted(now).map(|version| version.number).collect()
    }

    fn rotated(times: u64, overlap: Duration) -> Versions {
        let mut versions = Versions::new();
        for number in 1..=times {
            assert_eq!(versions.stage(envelope(), NOW), Ok(number));
            assert_eq!(versions.promote(overlap, NOW), Ok(number));
        }
        versions
    }

    #[test]
    fn a_staged_version_is_used_when_it_is_promoted_and_the_one_before_it_accepted_for_a_while() {
        let mut versions = rotated(1, HOUR);
        versions.stage(envelope(), NOW).unwrap();
        assert_eq!(accepted(&versions, NOW), [1]);
        versions.promote(HOUR, NOW).unwrap();
        assert_eq!(accepted(&versions, NOW), [2, 1]);
        assert_eq!(accepted(&versions, NOW.plus(HOUR)), [2]);
        assert_eq!(versions.promote(HOUR, NOW), Err(VersionError::NothingStaged));
    }

    #[test]
    fn without_overlap_nothing_stays() {
        assert_eq!(rotated(5, Duration::ZERO).all.len(), 1);
    }

    #[test]
    fn numbers_are_not_given_twice_and_versions_do_not_pile_up() {
        let mut versions = rotated(VERSIONS_MAX as u64, HOUR);
        assert_eq!(versions.stage(envelope(), NOW), Err(VersionError::TooMany));
        assert_eq!(versions.remove(8), Err(VersionError::IsCurrent(8)));
        assert_eq!((versions.remove(3), versions.remove(3)), (Ok(()), Err(VersionError::NoVersion(3))));
        assert_eq!(versions.stage(envelope(), NOW), Ok(9));
        assert_eq!(versions.stage(envelope(), NOW), Ok(10), "the one that was staged is replaced");
        assert_eq!(versions.all.len(), VERSIONS_MAX);
        assert_eq!(versions.stage(envelope(), NOW.plus(HOUR)), Ok(11));
        assert_eq!(versions.all.len(), 2);
    }

    #[test]
    fn what_is_kept_comes_back() {
        let mut versions = rotated(2, HOUR);
        versions.stage(envelope(), NOW).unwrap();
        let back = Versions::from_bytes(&versions.to_bytes()).unwrap();
        assert_eq!(format!("{back:?}"), format!("{versions:?}"));
        for bytes in [&b""[..], b"{}", br#"{"layout":2,"next":1,"versions":[]}"#, b"[1]"] {
            assert!(Versions::from_bytes(bytes).is_none());
        }
    }
}
