//! From the engine's types to wire types.

mod alert;
mod connection;
mod dead;
mod flow;
mod run;
mod timeline;

use sinew_control_api::{Finding, Owner, Place};
use sinew_diag::{Diagnostics, Severity};
use sinew_stdx::Timestamp;

pub(crate) use alert::alert;
pub(crate) use connection::{connection, no_session, session};
pub(crate) use dead::{dead_detail, dead_letter};
pub(crate) use flow::{flow, flow_gone};
pub(crate) use run::{approvals, attempt, failure, run, run_detail, run_end, status};

/// An instant.
pub(crate) fn instant(at: Timestamp) -> String {
    at.to_string()
}

/// Findings of a project.
pub fn findings(found: &Diagnostics) -> Vec<Finding> {
    let place = |place: &sinew_diag::Place| Place {
        file: place.file.to_string(),
        line: place.line,
        column: place.column,
        length: place.length,
    };
    found
        .iter()
        .map(|one| Finding {
            code: one.code.to_string(),
            severity: match one.severity {
                Severity::Error => sinew_control_api::Severity::Error,
                Severity::Warning => sinew_control_api::Severity::Warning,
            },
            message: one.message.clone(),
            place: one.place.as_ref().map(place),
            help: one.help.clone(),
        })
        .collect()
}

pub(crate) fn owner(of: &sinew_model::Owner) -> Owner {
    Owner { team: of.team.to_string(), contact: of.contact.to_string(), runbook: of.runbook.to_string() }
}
