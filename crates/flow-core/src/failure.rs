use serde::Serialize;
use sinew_diag::codes::engine;
use sinew_mapping::EvaluateError;
use sinew_model::{Failure, Reason};
use sinew_stdx::Json;

/// An expression that failed on this run's data.
pub(crate) fn expression(what: &str, error: &EvaluateError) -> Failure {
    Failure::new(Reason::Mapping, engine::EXPRESSION_FAILED, format!("{what}: {error}"))
        .help("mend the data and replay the dead letter with `sinew dead edit`, or mend the flow and replay with `--current-flow`")
}

/// A person said no, or nothing in time.
pub(crate) fn disapproved(by: Option<&str>, note: Option<&str>) -> Failure {
    match by {
        Some(by) => {
            let note = note.map(|n| format!(": {n}")).unwrap_or_default();
            Failure::new(Reason::Disapproved, engine::APPROVAL_REJECTED, format!("rejected by {by}{note}"))
        }
        None => Failure::new(Reason::Disapproved, engine::APPROVAL_TIMED_OUT, "nobody decided in time"),
    }
}

/// A wait until something that is no instant.
pub(crate) fn no_instant(value: Option<&Json>) -> Failure {
    let got = value.map_or("nothing".to_owned(), |v| v.as_str().chars().take(80).collect());
    Failure::new(Reason::Mapping, engine::NOT_AN_INSTANT, format!("`until` gave {got}, which is no instant"))
        .help("give RFC 3339 text such as `2026-11-21T08:00:00Z`, or milliseconds since the Unix epoch")
}

/// A failure as `catch` steps see it under the name `error`.
pub(crate) fn as_value(step: &str, failure: &Failure) -> Json {
    Json::of(&Caught {
        step,
        reason: failure.reason,
        code: &failure.code,
        message: &failure.message,
        status: failure.status,
        fault: failure.fault.as_ref(),
    })
}

#[derive(Serialize)]
struct Caught<'a> {
    step: &'a str,
    reason: Reason,
    code: &'a str,
    message: &'a str,
    status: Option<u16>,
    #[serde(skip_serializing_if = "Option::is_none")]
    fault: Option<&'a Json>,
}
