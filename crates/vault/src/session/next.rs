//! What to do with a session that somebody wants to use. Pure.

use std::time::Duration;

use sinew_stdx::Timestamp;

use super::record::{SessionRecord, SessionState, Why};

/// A token is renewed in the last tenth of its life, though not more than this before its end.
const AHEAD_MAX: Duration = Duration::from_mins(5);

/// What is asked of a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct Want {
    /// Tokens of this generation and earlier ones were used already.
    pub past: Option<u64>,
    /// Those will not do any more: the system refused them.
    pub refused: bool,
}

/// What follows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Next {
    /// The access token is good.
    Use,
    /// It has to be renewed, and this caller may try to be the one who does.
    Renew,
    /// Another is renewing it, until then at most.
    Wait(Timestamp),
    /// The session is to be declared lost.
    Declare(Why),
    /// The session is lost.
    Lost,
}

/// How long before its end a token is renewed: within the last tenth of its life, at a moment that `spread` (0 to 1)
/// chooses, so that not all connections are renewed at once.
pub(super) fn ahead(record: &SessionRecord, spread: f64) -> Duration {
    let lives = record.expires_at.since(record.issued_at);
    (lives / 10).min(AHEAD_MAX).mul_f64(0.5 + spread.clamp(0.0, 1.0) / 2.0)
}

/// Decides. `harmless`: an old refresh token may be shown again.
pub(super) fn next(record: &SessionRecord, want: Want, now: Timestamp, spread: f64, harmless: bool) -> Next {
    if record.state == SessionState::NeedsReconnecting {
        return Next::Lost;
    }
    let used = want.past.is_some_and(|past| record.generation <= past);
    let good = now < record.expires_at && !(used && want.refused);
    if let Some(lease) = &record.lease {
        return match (now < lease.until, harmless) {
            (true, _) if good => Next::Use,
            (true, _) => Next::Wait(lease.until),
            (false, true) => Next::Renew,
            (false, false) => Next::Declare(Why::HolderLost { by: lease.by.clone() }),
        };
    }
    let due = now >= record.expires_at.minus(ahead(record, spread));
    match (good, record.renewable) {
        (true, false) => Next::Use,
        (true, true) if !used && !due => Next::Use,
        (_, true) => Next::Renew,
        (false, false) => Next::Declare(Why::Ended),
    }
}

#[cfg(test)]
mod tests {
    use super::super::record::Lease;
    use super::*;
    use crate::seal::{Envelope, LocalKey};

    const START: Timestamp = Timestamp::from_millis(1_795_248_000_000);

    fn at(seconds: u64) -> Timestamp {
        START.plus(Duration::from_secs(seconds))
    }

    /// A token that lives for 1,000 seconds.
    fn session() -> SessionRecord {
        let key = LocalKey::fresh().unwrap().0;
        SessionRecord {
            generation: 5,
            state: SessionState::Connected,
            why: None,
            since: START,
            account: "a".to_owned(),
            expires_at: at(1000),
            issued_at: START,
            granted: None,
            renewable: true,
            rotates: None,
            lease: None,
            sealed: Envelope::seal(&key, &super::super::context("crm", 5), b"{}").unwrap(),
        }
    }

    fn leased() -> SessionRecord {
        let lease = Lease { by: "node-1".to_owned(), since: at(900), until: at(940) };
        SessionRecord { lease: Some(lease), ..session() }
    }

    const ANY: Want = Want { past: None, refused: false };
    const NEWER: Want = Want { past: Some(5), refused: false };
    const OTHER: Want = Want { past: Some(5), refused: true };

    #[test]
    fn a_token_is_used_until_the_last_tenth_of_its_life_and_then_renewed() {
        for (seconds, spread, what) in [
            (0, 1.0, Next::Use),
            (899, 1.0, Next::Use),
            (900, 1.0, Next::Renew),
            (949, 0.0, Next::Use),
            (950, 0.0, Next::Renew),
            (2000, 0.0, Next::Renew),
        ] {
            assert_eq!(next(&session(), ANY, at(seconds), spread, false), what, "{seconds} {spread}");
        }
    }

    #[test]
    fn whoever_has_used_this_token_gets_another_and_whoever_has_an_older_one_gets_this() {
        for want in [NEWER, OTHER] {
            assert_eq!(next(&session(), want, at(10), 0.5, false), Next::Renew);
            let older = Want { past: Some(4), ..want };
            assert_eq!(next(&session(), older, at(10), 0.5, false), Next::Use);
        }
    }

    #[test]
    fn while_another_renews_it_a_good_token_is_used_and_else_waited_for() {
        let wait = Next::Wait(at(940));
        for (want, what) in [(ANY, Next::Use), (NEWER, Next::Use), (OTHER, wait)] {
            assert_eq!(next(&leased(), want, at(920), 0.5, false), what, "{want:?}");
        }
        let ended = SessionRecord { expires_at: at(910), ..leased() };
        assert_eq!(next(&ended, ANY, at(920), 0.5, false), Next::Wait(at(940)));
    }

    #[test]
    fn a_lease_that_ran_out_loses_the_session_unless_asking_again_is_harmless() {
        let lost = Next::Declare(Why::HolderLost { by: "node-1".to_owned() });
        for want in [ANY, NEWER, OTHER] {
            assert_eq!(next(&leased(), want, at(940), 0.5, false), lost);
            assert_eq!(next(&leased(), want, at(940), 0.5, true), Next::Renew);
        }
    }

    #[test]
    fn without_a_refresh_token_the_session_ends_with_its_token() {
        let session = SessionRecord { renewable: false, ..session() };
        assert_eq!(next(&session, NEWER, at(999), 0.5, false), Next::Use);
        assert_eq!(next(&session, ANY, at(1000), 0.5, false), Next::Declare(Why::Ended));
        assert_eq!(next(&session, OTHER, at(10), 0.5, false), Next::Declare(Why::Ended));
    }

    #[test]
    fn a_lost_session_stays_lost() {
        let lost = SessionRecord { state: SessionState::NeedsReconnecting, ..leased() };
        for seconds in [0, 920, 950, 5000] {
            assert_eq!(next(&lost, ANY, at(seconds), 0.5, true), Next::Lost);
        }
    }
}
