use sinew_control_api as api;
use sinew_flow::{RunDetail, RunEnd};
use sinew_flow_core::{Machine, ParkedFor, Record};
use sinew_model::{Attempt, Failure, Reason, SeenMessage};
use sinew_store::{RunStatus, RunSummary};

use super::instant;
use super::timeline::{entry, parked};

pub(crate) fn status(of: RunStatus) -> api::RunStatus {
    match of {
        RunStatus::Queued => api::RunStatus::Queued,
        RunStatus::Running => api::RunStatus::Running,
        RunStatus::Waiting => api::RunStatus::Waiting,
        RunStatus::Dead => api::RunStatus::Dead,
        RunStatus::Finished => api::RunStatus::Finished,
        RunStatus::Undone => api::RunStatus::Undone,
        RunStatus::Cancelled => api::RunStatus::Cancelled,
        RunStatus::Discarded => api::RunStatus::Discarded,
    }
}

/// A line of the run list.
pub(crate) fn run(of: &RunSummary) -> api::Run {
    let text = |word: &std::sync::Arc<str>| word.to_string();
    api::Run {
        id: of.run.to_string(),
        flow: of.flow.to_string(),
        version: of.version.to_string(),
        status: status(of.status),
        accepted_at: instant(of.accepted_at),
        ended_at: of.ended_at.map(instant),
        key: of.ordering_key.as_ref().map(text),
        reason: of.reason.as_ref().map(text),
        step: of.step.as_ref().map(text),
        due: of.due.map(instant),
        parent: of.parent.map(|run| run.to_string()),
        correlation_id: format!("{:032x}", of.trace_id),
    }
}

pub(crate) fn run_end(of: RunEnd) -> api::RunEnd {
    api::RunEnd { status: status(of.status), result: of.result, failure: of.failure.as_ref().map(failure) }
}

/// A run in full.
pub(crate) fn run_detail(of: &RunDetail) -> api::RunDetail {
    let timeline: Vec<_> = (0_u32..).zip(&of.entries).map(|(seq, one)| entry(seq, one)).collect();
    let (input, started_by) = match of.entries.first().map(|one| &one.record) {
        Some(Record::Accepted { trigger, principal, .. }) => (trigger.clone(), principal.to_string()),
        _ => (sinew_stdx::Json::null(), String::new()),
    };
    let (mut result, mut failed) = (None, None);
    for one in &of.entries {
        match &one.record {
            Record::Finished { result: value } => result = Some(value.clone()),
            Record::Dead { failure: why, .. } | Record::Compensated { failure: why, .. } => {
                failed = Some(failure(why));
            }
            Record::Revived { .. } => failed = None,
            _ => {}
        }
    }
    let waits = of.machine.as_ref().filter(|_| !of.summary.status.is_final()).map(waits).unwrap_or_default();
    api::RunDetail { run: run(&of.summary), started_by, input, waits, timeline, result, failure: failed }
}

fn waits(machine: &Machine) -> Vec<api::RunWait> {
    machine
        .waits()
        .map(|(step, wait)| api::RunWait {
            step: step.to_string(),
            kind: wait_kind(wait),
            text: parked(wait),
            due: wait.deadline().map(instant),
        })
        .collect()
}

fn wait_kind(of: &ParkedFor) -> api::WaitKind {
    match of {
        ParkedFor::Until(_) => api::WaitKind::Time,
        ParkedFor::Event { .. } => api::WaitKind::Event,
        ParkedFor::Approval { .. } => api::WaitKind::Approval,
        ParkedFor::Child { .. } => api::WaitKind::Flow,
    }
}

/// The approvals that a run waits for.
pub(crate) fn approvals(of: &RunDetail) -> Vec<api::Approval> {
    let Some(machine) = &of.machine else { return Vec::new() };
    let mut found = Vec::new();
    for (step, wait) in machine.waits() {
        let ParkedFor::Approval { message, by, deadline } = wait else { continue };
        found.push(api::Approval {
            run: of.summary.run.to_string(),
            flow: of.summary.flow.to_string(),
            step: step.to_string(),
            message: message.to_string(),
            by: by.iter().map(ToString::to_string).collect(),
            since: machine.parked_at(step).map(instant),
            due: deadline.map(instant),
        });
    }
    found
}

fn reason(of: Reason) -> api::Reason {
    match of {
        Reason::Unavailable => api::Reason::Unavailable,
        Reason::RateLimited => api::Reason::RateLimited,
        Reason::BreakerOpen => api::Reason::BreakerOpen,
        Reason::Credential => api::Reason::Credential,
        Reason::Disconnected => api::Reason::Disconnected,
        Reason::Rejected => api::Reason::Rejected,
        Reason::Unknown => api::Reason::Unknown,
        Reason::Drift => api::Reason::Drift,
        Reason::Refused => api::Reason::Refused,
        Reason::Mapping => api::Reason::Mapping,
        Reason::Disapproved => api::Reason::Disapproved,
        Reason::SubFlow => api::Reason::SubFlow,
        Reason::UndoFailed => api::Reason::UndoFailed,
        Reason::Items => api::Reason::Items,
    }
}

pub(crate) fn failure(of: &Failure) -> api::Failure {
    api::Failure {
        reason: reason(of.reason),
        code: of.code.to_string(),
        message: of.message.to_string(),
        help: of.help.as_ref().map(ToString::to_string),
        status: of.status,
    }
}

pub(crate) fn attempt(of: &Attempt) -> api::Attempt {
    api::Attempt {
        at: instant(of.at),
        took_ms: of.took_ms,
        request: of.request.as_ref().map(message),
        response: of.response.as_ref().map(message),
        failure: of.failure.as_ref().map(failure),
    }
}

fn message(of: &SeenMessage) -> api::AttemptMessage {
    api::AttemptMessage {
        line: of.line.to_string(),
        headers: of.headers.iter().map(|(name, value)| (name.to_string(), value.to_string())).collect(),
        body: of.body.as_ref().map(ToString::to_string),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_reason_has_its_word_on_the_wire() {
        for one in Reason::ALL {
            assert_eq!(reason(one).as_str(), one.as_str());
        }
    }

    #[test]
    fn every_state_of_a_run_has_its_word_on_the_wire() {
        for one in RunStatus::ALL {
            assert_eq!((status(one).as_str(), status(one).is_final()), (one.as_str(), one.is_final()));
        }
    }
}
