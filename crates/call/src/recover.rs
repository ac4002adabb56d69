//! The fifth stage: what a failure means, and what follows it. Pure.

use std::ops::RangeInclusive;
use std::time::Duration;

use sinew_diag::Code;
use sinew_diag::codes::call as codes;
use sinew_model::{Failure, Idempotency, Operation, Reason, Retry};
use sinew_stdx::Random;

/// What a status says about a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Meaning {
    /// It was done.
    Done,
    /// It is elsewhere.
    Elsewhere,
    /// Not now; it was not done.
    Busy,
    /// Too often; it was not done.
    TooOften,
    /// Whoever calls is not known.
    WhoAreYou,
    /// Whoever calls may not.
    MayNot,
    /// There is no such thing.
    NotThere,
    /// It is at odds with what is there.
    Conflict,
    /// It was refused.
    Refused,
    /// Something broke on the way; it may have been done.
    Broke,
    /// A service says in its message that the call is wrong.
    CallFault,
    /// A service says in its message that it failed; it may have been done.
    ServiceFault,
}

/// What each status means; the first line that holds it counts.
const STATUSES: &[(RangeInclusive<u16>, Meaning)] = &[
    (200..=299, Meaning::Done),
    (300..=399, Meaning::Elsewhere),
    (401..=401, Meaning::WhoAreYou),
    (403..=403, Meaning::MayNot),
    (404..=404, Meaning::NotThere),
    (408..=408, Meaning::Busy),
    (409..=409, Meaning::Conflict),
    (410..=410, Meaning::NotThere),
    (412..=412, Meaning::Conflict),
    (425..=425, Meaning::Busy),
    (429..=429, Meaning::TooOften),
    (400..=499, Meaning::Refused),
    (501..=501, Meaning::Refused),
    (503..=503, Meaning::Busy),
    (505..=505, Meaning::Refused),
    (500..=599, Meaning::Broke),
];

/// What a status means.
pub(crate) fn classify(status: u16) -> Meaning {
    let line = STATUSES.iter().find(|(statuses, _)| statuses.contains(&status));
    line.map_or(Meaning::Refused, |(_, meaning)| *meaning)
}

/// The reason and code of a failed call. Of a write that broke on the way it is not known whether it took effect, also
/// if the system recognises repetitions: that makes it safe to ask again, and tells nothing if the asking is in vain.
pub(crate) fn reason_of(meaning: Meaning, writes: bool) -> (Reason, Code) {
    match meaning {
        Meaning::Broke if writes => (Reason::Unknown, codes::EFFECT_UNKNOWN),
        Meaning::ServiceFault if writes => (Reason::Unknown, codes::SERVICE_FAULT),
        Meaning::ServiceFault => (Reason::Unavailable, codes::SERVICE_FAULT),
        Meaning::CallFault => (Reason::Rejected, codes::CALL_FAULT),
        Meaning::Broke | Meaning::Busy => (Reason::Unavailable, codes::UNAVAILABLE),
        Meaning::TooOften => (Reason::RateLimited, codes::RATE_LIMITED),
        Meaning::WhoAreYou => (Reason::Credential, codes::CREDENTIAL_REFUSED),
        Meaning::MayNot => (Reason::Credential, codes::FORBIDDEN),
        Meaning::NotThere => (Reason::Rejected, codes::NOT_FOUND),
        Meaning::Conflict => (Reason::Rejected, codes::CONFLICT),
        Meaning::Elsewhere => (Reason::Rejected, codes::REDIRECT_REFUSED),
        Meaning::Done | Meaning::Refused => (Reason::Rejected, codes::REJECTED),
    }
}

/// What to do after a failed attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Decision {
    /// Try again after this long.
    Retry {
        /// How long to wait.
        after: Duration,
    },
    /// Find out by [`crate::Caller::probe`] whether the effect took place. Not found: the call may be made again, if it
    /// has attempts left.
    Probe,
    /// This work cannot go on by itself.
    GiveUp,
}

/// Decides what follows a failed attempt. `attempts_made` counts the failed one.
///
/// | failure | what follows |
/// | --- | --- |
/// | unavailable, rate limited, breaker open | retry |
/// | unknown, and the system recognises repetitions (or the author accepts them) | retry |
/// | unknown otherwise, or attempts used up | probe, if the operation has one |
/// | anything else | give up |
///
/// A retry waits a random part of the backoff's ceiling, beyond what the system asked for.
pub fn decide(
    failure: &Failure,
    operation: &Operation,
    retry: &Retry,
    attempts_made: u32,
    at_least_once: bool,
    random: &mut Random,
) -> Decision {
    let unknown = failure.reason == Reason::Unknown;
    let repeatable = at_least_once || operation.idempotency != Idempotency::None;
    let may_repeat = failure.reason.is_transient() || (unknown && repeatable);
    if may_repeat && attempts_made < retry.attempts.get() {
        let jitter = retry.backoff.wait(attempts_made.saturating_sub(1), random);
        return Decision::Retry { after: failure.retry_after.unwrap_or_default().saturating_add(jitter) };
    }
    if unknown && operation.probe.is_some() { Decision::Probe } else { Decision::GiveUp }
}

#[cfg(test)]
mod tests {
    use std::num::NonZeroU32;
    use std::sync::Arc;

    use sinew_mapping::{Expression, Mapping, Template};
    use sinew_model::{Binding, BodyKind, Effect, HttpBinding, OperationId, Probe};
    use sinew_stdx::Backoff;

    use super::*;

    fn operation(idempotency: Idempotency, probed: bool) -> Operation {
        let probe = probed.then(|| Probe {
            operation: OperationId::new("find").unwrap(),
            with: Mapping::compile(&Template::Object(Vec::new())).unwrap(),
            found: Expression::compile("id").unwrap(),
        });
        Operation {
            id: OperationId::new("create").unwrap(),
            description: "".into(),
            effect: Effect::Write,
            idempotency,
            probe,
            binding: Binding::Http(HttpBinding {
                method: "POST".into(),
                path: "/".into(),
                parameters: Vec::new(),
                body: BodyKind::json(),
                server: None,
            }),
            input: None,
            output: None,
            pagination: None,
            deadline: None,
            scopes: Vec::new(),
        }
    }

    const BACKOFF: Backoff = Backoff { base: Duration::from_secs(1), max: Duration::from_secs(8) };

    fn check(reason: Reason, operation: &Operation, attempts_made: u32, at_least_once: bool) -> Decision {
        let retry = Retry { attempts: NonZeroU32::new(3).unwrap(), backoff: BACKOFF };
        let failure = Failure::new(reason, codes::REJECTED, "x");
        decide(&failure, operation, &retry, attempts_made, at_least_once, &mut Random::seeded(1))
    }

    fn retries(decision: Decision) -> bool {
        matches!(decision, Decision::Retry { .. })
    }

    #[test]
    fn what_passes_by_itself_is_retried_until_attempts_are_used_up() {
        let operation = operation(Idempotency::None, true);
        for reason in [Reason::Unavailable, Reason::RateLimited, Reason::BreakerOpen] {
            assert!(
                retries(check(reason, &operation, 1, false)) && retries(check(reason, &operation, 2, false))
            );
            assert_eq!(check(reason, &operation, 3, false), Decision::GiveUp);
        }
    }

    #[test]
    fn an_unknown_outcome_is_never_guessed() {
        let key = Idempotency::Key { header: Arc::from("Idempotency-Key") };
        for idempotency in [Idempotency::Natural, key] {
            let (probed, plain) = (operation(idempotency.clone(), true), operation(idempotency, false));
            assert!(retries(check(Reason::Unknown, &probed, 1, false)));
            assert_eq!(check(Reason::Unknown, &probed, 3, false), Decision::Probe);
            assert_eq!(check(Reason::Unknown, &plain, 3, false), Decision::GiveUp);
        }
        let (probed, plain) = (operation(Idempotency::None, true), operation(Idempotency::None, false));
        assert_eq!(check(Reason::Unknown, &probed, 1, false), Decision::Probe);
        assert_eq!(check(Reason::Unknown, &plain, 1, false), Decision::GiveUp);
        assert!(retries(check(Reason::Unknown, &plain, 1, true)));
    }

    #[test]
    fn what_would_fail_again_is_given_up() {
        let operation = operation(Idempotency::Natural, true);
        let others =
            Reason::ALL.into_iter().filter(|reason| !reason.is_transient() && *reason != Reason::Unknown);
        for reason in others {
            assert_eq!(check(reason, &operation, 1, true), Decision::GiveUp, "{reason:?}");
        }
    }

    #[test]
    fn a_retry_waits_at_least_as_long_as_the_system_asked_and_is_spread() {
        let operation = operation(Idempotency::Natural, false);
        let retry = Retry { attempts: NonZeroU32::new(100).unwrap(), backoff: BACKOFF };
        let mut failure = Failure::new(Reason::RateLimited, codes::RATE_LIMITED, "x");
        failure.retry_after = Some(Duration::from_secs(30));
        let mut random = Random::seeded(5);
        let mut waits = Vec::new();
        for attempts_made in 1..50 {
            let Decision::Retry { after } =
                decide(&failure, &operation, &retry, attempts_made, false, &mut random)
            else {
                panic!("not retried");
            };
            assert!(after >= Duration::from_secs(30) && after <= Duration::from_secs(38), "{after:?}");
            waits.push(after);
        }
        waits.dedup();
        assert!(waits.len() > 40, "the waits are not spread");
    }

    #[test]
    fn every_status_means_something() {
        for (status, reason, reason_if_it_writes) in [
            (302, Reason::Rejected, Reason::Rejected),
            (400, Reason::Rejected, Reason::Rejected),
            (401, Reason::Credential, Reason::Credential),
            (403, Reason::Credential, Reason::Credential),
            (404, Reason::Rejected, Reason::Rejected),
            (408, Reason::Unavailable, Reason::Unavailable),
            (409, Reason::Rejected, Reason::Rejected),
            (422, Reason::Rejected, Reason::Rejected),
            (425, Reason::Unavailable, Reason::Unavailable),
            (429, Reason::RateLimited, Reason::RateLimited),
            (500, Reason::Unavailable, Reason::Unknown),
            (501, Reason::Rejected, Reason::Rejected),
            (502, Reason::Unavailable, Reason::Unknown),
            (503, Reason::Unavailable, Reason::Unavailable),
            (504, Reason::Unavailable, Reason::Unknown),
            (599, Reason::Unavailable, Reason::Unknown),
            (999, Reason::Rejected, Reason::Rejected),
        ] {
            assert_eq!(reason_of(classify(status), false).0, reason, "{status}");
            assert_eq!(reason_of(classify(status), true).0, reason_if_it_writes, "{status}");
        }
    }
}
