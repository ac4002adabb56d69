use sinew_control_api as api;
use sinew_flow::LetterDetail;
use sinew_store::{DeadLetter, DeadStatus};

use super::{attempt, failure, instant};
use crate::Fault;

/// A line of the list of dead letters.
pub(crate) fn dead_letter(of: &DeadLetter) -> Result<api::DeadLetter, Fault> {
    let reason = api::Reason::of(&of.letter.reason);
    let no_reason = || {
        Fault::internal(format!(
            "dead letter {} has the reason `{}`, which is none",
            of.letter.id, of.letter.reason
        ))
    };
    Ok(api::DeadLetter {
        id: of.letter.id.to_string(),
        run: of.run.to_string(),
        flow: of.flow.to_string(),
        step: of.letter.step.to_string(),
        item: of.letter.item,
        reason: reason.ok_or_else(no_reason)?,
        code: of.letter.code.to_string(),
        message: of.letter.message.to_string(),
        at: instant(of.at),
        status: match of.status {
            DeadStatus::Open => api::DeadStatus::Open,
            DeadStatus::Replayed => api::DeadStatus::Replayed,
            DeadStatus::Discarded => api::DeadStatus::Discarded,
        },
        edited: of.edited,
    })
}

/// A dead letter in full.
pub(crate) fn dead_detail(of: &DeadLetter) -> Result<api::DeadDetail, Fault> {
    let detail = of.letter.detail.to::<LetterDetail>().ok();
    let (letter, payload) = (dead_letter(of)?, of.letter.payload.clone());
    let Some(detail) = detail else {
        return Ok(api::DeadDetail {
            letter,
            payload,
            payload_is_input: false,
            suggestion: String::new(),
            failure: None,
            attempts: Vec::new(),
            correlation_id: String::new(),
        });
    };
    Ok(api::DeadDetail {
        letter,
        payload,
        payload_is_input: detail.payload_is_input,
        suggestion: detail.suggestion.to_string(),
        failure: Some(failure(&detail.failure)),
        attempts: detail.attempts.iter().map(attempt).collect(),
        correlation_id: detail.trace_id.to_string(),
    })
}
