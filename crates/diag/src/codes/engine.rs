//! `SNW-3xxx`: what ends or stops a run.

use crate::code::codes;

codes! {
    /// Expression failed on this data.
    EXPRESSION_FAILED = "SNW-3001", "Expression failed on this data";
    /// Approval rejected.
    APPROVAL_REJECTED = "SNW-3002", "Approval rejected";
    /// Approval timed out.
    APPROVAL_TIMED_OUT = "SNW-3003", "Approval timed out";
    /// Sub-flow failed.
    SUB_FLOW_FAILED = "SNW-3004", "Sub-flow failed";
    /// Undo failed.
    UNDO_FAILED = "SNW-3005", "Undo failed";
    /// Too many items failed.
    ITEMS_FAILED = "SNW-3006", "Too many items failed";
    /// Outcome unknown after a restart.
    OUTCOME_UNKNOWN = "SNW-3007", "Outcome unknown after a restart";
    /// Journal does not fit the flow.
    JOURNAL_MISMATCH = "SNW-3008", "Journal does not fit the flow";
    /// Flow, connection or operation is gone.
    RESOURCE_GONE = "SNW-3009", "Flow, connection or operation is gone";
    /// Not an instant.
    NOT_AN_INSTANT = "SNW-3010", "Not an instant";
    /// Too many results to collect.
    TOO_MANY_RESULTS = "SNW-3011", "Too many results to collect";
    /// Items cannot be read.
    NOT_ITEMS = "SNW-3012", "Items cannot be read";
    /// Not possible in this state.
    STATE_CONFLICT = "SNW-3014", "Not possible in this state";
}
