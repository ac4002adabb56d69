//! The control API's contract: what goes over the wire between a server and whoever controls it (CLI, console, scripts).
//!
//! Plain types with their JSON, the paths they travel on, and the generated OpenAPI document. Knows no engine and no
//! store, and neither serves nor calls. Instants are RFC 3339 texts in UTC, ids are texts of 26 characters, and values
//! of runs are JSON as it came, digit for digit.

mod alert;
mod connection;
mod dead;
mod event;
mod flow;
pub mod path;
mod problem;
mod project;
mod run;
mod scopes;
mod server;
mod session;
mod subscriber;
mod words;

pub use alert::{Alert, AlertList, AlertQuery};
pub use connection::{Connection, ConnectionList, Owner};
pub use dead::{
    DeadBulk, DeadBulkDone, DeadCount, DeadDetail, DeadEdit, DeadEdited, DeadLetter, DeadPage, DeadQuery,
    DeadRefused, DeadReplay, DeadReplayed, DeadSelection,
};
pub use event::{Emit, Emitted, EmittedRun};
pub use flow::{Flow, FlowList};
pub use problem::{Finding, Place, Problem};
pub use project::{ProjectFile, Reloaded, Validate, Validated};
pub use run::{
    Approval, ApprovalList, Attempt, AttemptMessage, Decide, Failure, Run, RunDetail, RunEnd, RunEntry,
    RunPage, RunQuery, RunStart, RunStarted, RunWait, RunWatch,
};
pub use scopes::{GrantSource, LackingScopes, NeededScope, ScopeAdvice};
pub use server::{Backup, BackupDone, Done, Health, Stats};
pub use session::{LoggedOut, Login, Session};
pub use subscriber::{
    DeliveryAttempt, EventDelivery, EventDeliveryDetail, EventDeliveryPage, EventDeliveryQuery, EventReplay,
    EventReplayed, ReceiverToken, ReceiverTokenAsk, SecretRotation, Subscriber, SubscriberList,
    SubscriberMade, SubscriberSecret, SubscriberSpec,
};
pub use words::{
    Access, AlertKind, BreakerState, DeadStatus, EntryKind, EventDeliveryStatus, HealthStatus, Reason,
    RunStatus, SessionState, Severity, SubscriberState, WaitKind,
};

/// The OpenAPI 3.1 document of this API, as it is checked in; a test of `control` keeps it true.
pub const OPENAPI: &str = include_str!("../openapi/control.json");

/// The header by which a caller says on whose behalf it acts; it names the principal in journals.
pub const ACTOR_HEADER: &str = "x-sinew-actor";

/// The header of every answer by which it is found in the log.
pub const CORRELATION_HEADER: &str = "x-correlation-id";

#[cfg(test)]
mod tests {
    /// Two types of one name would overwrite each other in the document, whatever module they stand in.
    #[test]
    fn no_two_wire_types_share_a_name() {
        let mut names = Vec::new();
        for entry in std::fs::read_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/src")).unwrap() {
            let text = std::fs::read_to_string(entry.unwrap().path()).unwrap();
            for line in text.lines() {
                let rest = line.strip_prefix("pub struct ").or_else(|| {
                    let word = line.strip_prefix("    ").filter(|rest| rest.ends_with(" {"))?;
                    word.starts_with(|c: char| c.is_ascii_uppercase()).then_some(word)
                });
                if let Some(name) = rest.and_then(|rest| rest.split([' ', '<', '(']).next()) {
                    names.push(name.to_owned());
                }
            }
        }
        names.sort();
        let all = names.len();
        names.dedup();
        assert!(all > 40 && names.contains(&"RunStatus".to_owned()) && names.len() == all, "{names:?}");
    }
}
