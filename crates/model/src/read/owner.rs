use crate::Owner;
use crate::shape::{Field, Record, Shape, required};

use super::fields::Fields;

/// Who answers for a resource.
pub(crate) static OWNER: Record = Record {
    name: "owner",
    doc: "Who answers for a resource. Flows and connections are refused without one.",
    fields: &[&[
        required("team", Shape::Text, "The team.").like("revenue-operations"),
        required("contact", Shape::Text, "How to reach it: an e-mail address, a URL, a channel.")
            .like("revops@example.com"),
        required(
            "runbook",
            Shape::Text,
            "Where it says what to do when this breaks: a file of the project or a URL.",
        )
        .like("runbooks/crm.md"),
    ]],
};

/// The field that names the owner.
pub(crate) const REQUIRED: Field = required("owner", Shape::Record(&OWNER), "Who answers for it.")
    .like("{ team: revenue-operations, contact: revops@example.com, runbook: runbooks/crm.md }");

/// Reads an owner.
pub(crate) fn read(fields: Fields<'_>) -> Option<Owner> {
    Some(Owner {
        team: fields.text("team")?,
        contact: fields.text("contact")?,
        runbook: fields.text("runbook")?,
    })
}
