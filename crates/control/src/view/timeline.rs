use sinew_control_api::{EntryKind, RunEntry};
use sinew_flow_core::{Entry, Outcome, ParkedFor, Record, Signal};
use sinew_model::{Attempt, Failure, Reason};
use sinew_stdx::Json;

use super::{attempt, failure, instant};

/// Longer values are not shown in a timeline.
const VALUE_BYTES_MAX: usize = 256 * 1024;

/// One journal entry, in words.
pub(crate) fn entry(seq: u32, of: &Entry) -> RunEntry {
    let mut line = Line::of(&of.record);
    let value_omitted_bytes =
        line.value.as_ref().map(|v| v.as_bytes().len()).filter(|len| *len > VALUE_BYTES_MAX);
    if value_omitted_bytes.is_some() {
        line.value = None;
    }
    let (failed, attempts) = match &of.record {
        // What keeps it waiting is said by the entry; nothing was sent.
        Record::Backoff { attempts, .. } if disconnected(attempts).is_some() => {
            let sent = attempts.split_last().map_or([].as_slice(), |(_, sent)| sent);
            (disconnected(attempts), sent)
        }
        Record::Settled { outcome: Outcome::Failed(why), attempts, .. } => (Some(why), attempts.as_slice()),
        Record::Settled { attempts, .. } | Record::Backoff { attempts, .. } => (None, attempts.as_slice()),
        Record::Dead { failure, .. } | Record::Compensated { failure, .. } => (Some(failure), [].as_slice()),
        _ => (None, [].as_slice()),
    };
    RunEntry {
        seq,
        at: instant(of.at),
        kind: line.kind,
        step: line.step.map(str::to_owned),
        text: line.text,
        value: line.value,
        value_omitted_bytes,
        failure: failed.map(failure),
        attempts: attempts.iter().map(attempt).collect(),
    }
}

struct Line<'a> {
    kind: EntryKind,
    step: Option<&'a str>,
    text: String,
    value: Option<Json>,
}

impl<'a> Line<'a> {
    fn new(kind: EntryKind, step: Option<&'a str>, text: impl Into<String>) -> Self {
        Self { kind, step, text: text.into(), value: None }
    }

    fn with(self, value: &Json) -> Self {
        Self { value: Some(value.clone()), ..self }
    }

    fn of(record: &'a Record) -> Self {
        match record {
            Record::Accepted { principal, trigger, .. } => {
                Self::new(EntryKind::Accepted, None, format!("accepted from {principal}")).with(trigger)
            }
            Record::Intent { step } => {
                Self::new(EntryKind::Intent, Some(step), "about to be sent, once and for all")
            }
            Record::Settled { step, outcome, attempts } => Self::settled(step, outcome, attempts.len()),
            Record::Backoff { step, attempts_made, due, attempts } => {
                let text = match (disconnected(attempts), attempts_made) {
                    (Some(why), _) => waits_for_login(why),
                    (None, 0) => format!("nothing was sent yet; again at {due}"),
                    (None, made) => format!("attempt {made} failed; again at {due}"),
                };
                Self::new(EntryKind::Backoff, Some(step), text)
            }
            Record::Parked { step, wait } => {
                Self::new(EntryKind::Parked, Some(step), format!("waits {}", parked(wait)))
            }
            Record::Signalled { step, signal, .. } => Self::signalled(step, signal),
            Record::Undone { step } => Self::new(EntryKind::Undone, Some(step), "taken back"),
            Record::Dead { step, letter, .. } => {
                Self::new(EntryKind::Dead, Some(step), format!("gave up; dead letter {letter}"))
            }
            Record::Revived { step, by, input, trigger, version } => {
                let edited =
                    if input.is_some() || trigger.is_some() { ", with an edited payload" } else { "" };
                let version = version.as_ref().map(|v| format!(", with version {v}")).unwrap_or_default();
                let line = Self::new(
                    EntryKind::Revived,
                    Some(step),
                    format!("sent on its way by {by}{edited}{version}"),
                );
                Self { value: input.as_ref().or(trigger.as_ref()).cloned(), ..line }
            }
            Record::Cancelled { by } => Self::new(EntryKind::Cancelled, None, format!("stopped by {by}")),
            Record::Discarded { by } => Self::new(EntryKind::Discarded, None, format!("given up by {by}")),
            Record::Compensated { step, .. } => Self::new(
                EntryKind::Compensated,
                Some(step),
                "failed; everything that was done is taken back",
            ),
            Record::Finished { result } => Self::new(EntryKind::Finished, None, "finished").with(result),
        }
    }

    fn settled(step: &'a str, outcome: &Outcome, failed: usize) -> Self {
        match outcome {
            Outcome::Ok(value) => {
                let text = if failed == 0 {
                    "done".to_owned()
                } else {
                    format!("done, after {failed} failed attempts")
                };
                Self::new(EntryKind::Settled, Some(step), text).with(value)
            }
            Outcome::Failed(why) => {
                Self::new(EntryKind::Settled, Some(step), format!("failed: {}", why.message))
            }
        }
    }

    fn signalled(step: &'a str, signal: &Signal) -> Self {
        let line = |text: &str| Self::new(EntryKind::Signalled, Some(step), text);
        match signal {
            Signal::Elapsed => line("the time came"),
            Signal::Event(payload) => line("the event came").with(payload),
            Signal::Decided(decision) => {
                let word = if decision.approved { "approved" } else { "rejected" };
                let note = decision.note.as_ref().map(|note| format!(": {note}")).unwrap_or_default();
                line(&format!("{word} by {}{note}", decision.by))
            }
            Signal::Child(Outcome::Ok(value)) => line("the sub-flow finished").with(value),
            Signal::Child(Outcome::Failed(why)) => line(&format!("the sub-flow failed: {}", why.message)),
        }
    }
}

/// Why a step waits for somebody to log in, if that is what it does.
fn disconnected(attempts: &[Attempt]) -> Option<&Failure> {
    let last = attempts.last().and_then(|attempt| attempt.failure.as_ref());
    last.filter(|failure| failure.reason == Reason::Disconnected)
}

fn waits_for_login(why: &Failure) -> String {
    let how = why.help.as_ref().map(|help| format!("; {help}")).unwrap_or_default();
    format!("waits, as {}{how}", why.message)
}

/// What is waited for, in words.
pub(crate) fn parked(wait: &ParkedFor) -> String {
    match wait {
        ParkedFor::Until(at) => format!("until {at}"),
        ParkedFor::Event { event, key, deadline } => {
            let key = key.as_ref().map(|key| format!(" with key `{key}`")).unwrap_or_default();
            let end = deadline.map(|at| format!(", until {at} at most")).unwrap_or_default();
            format!("for event `{event}`{key}{end}")
        }
        ParkedFor::Approval { message, by, deadline } => {
            let by = if by.is_empty() { String::new() } else { format!(" of {}", by.join(", ")) };
            let end = deadline.map(|at| format!(", until {at} at most")).unwrap_or_default();
            format!("for approval{by}: {message}{end}")
        }
        ParkedFor::Child { run } => format!("for sub-flow run {run}"),
    }
}

#[cfg(test)]
mod tests {
    use sinew_flow_core::Decision;
    use sinew_stdx::Timestamp;

    use super::*;

    fn check(record: Record) -> String {
        let line = entry(3, &Entry { at: Timestamp::from_millis(0), record });
        let value = line.value.map(|v| format!(" = {v}")).unwrap_or_default();
        format!("{} {} {}{value}", line.kind, line.step.unwrap_or_default(), line.text)
    }

    #[test]
    fn what_waits_for_a_login_says_whose_and_how() {
        let why = Failure::new(
            Reason::Disconnected,
            sinew_diag::codes::call::NOT_LOGGED_IN,
            "`crm` is not connected",
        )
        .help("log in with `sinew connect crm`");
        let at = Timestamp::from_millis(0);
        let backoff = |failure: Option<Failure>| {
            let attempts = failure.map(|failure| Attempt {
                at,
                took_ms: 0,
                request: None,
                response: None,
                failure: Some(failure),
            });
            let attempts = attempts.into_iter().collect();
            Record::Backoff { step: "ask".into(), attempts_made: 0, due: at, attempts }
        };
        assert_eq!(
            check(backoff(Some(why.clone()))),
            "backoff ask waits, as `crm` is not connected; log in with `sinew connect crm`"
        );
        let shown = entry(0, &Entry { at, record: backoff(Some(why)) });
        assert!(shown.attempts.is_empty() && shown.failure.is_some_and(|failure| failure.help.is_some()));
        assert!(check(backoff(None)).starts_with("backoff ask nothing was sent yet; again at "));
    }

    #[test]
    fn entries_read_like_a_story() {
        let step: std::sync::Arc<str> = "ask".into();
        let wait =
            ParkedFor::Approval { message: "Send it?".into(), by: vec!["finance".into()], deadline: None };
        assert_eq!(
            check(Record::Parked { step: step.clone(), wait }),
            "parked ask waits for approval of finance: Send it?"
        );
        let decision = Decision { approved: false, by: "dana".into(), note: Some("too much".into()) };
        assert_eq!(
            check(Record::Signalled {
                step: step.clone(),
                signal: Signal::Decided(decision),
                emission: None
            }),
            "signalled ask rejected by dana: too much"
        );
        let outcome = Outcome::Ok(Json::from_printed("9007199254740993"));
        assert_eq!(
            check(Record::Settled { step, outcome, attempts: Vec::new() }),
            "settled ask done = 9007199254740993"
        );
    }

    #[test]
    fn a_value_too_long_to_show_is_said_to_be_so() {
        let result = Json::string(&"x".repeat(VALUE_BYTES_MAX));
        let line = entry(0, &Entry { at: Timestamp::from_millis(0), record: Record::Finished { result } });
        assert_eq!((line.value, line.value_omitted_bytes), (None, Some(VALUE_BYTES_MAX + 2)));
    }
}
