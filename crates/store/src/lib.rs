//! Durable state, as narrow traits in the words of the domain. A backend is whatever passes [`conformance`].
//!
//! Knows no SQL, no engine and no record format: journal entries are bytes here. Backends run their own threads; every
//! method hands its work over and answers with a [`Pending`] that completes when the work is durable (writes) or read.

#[cfg(feature = "conformance")]
pub mod conformance;
pub mod custody;
mod dead;
mod error;
mod id;
mod journal;
mod outbox;
mod pending;
mod runs;
mod traits;
mod upkeep;

pub use dead::{DeadFilter, DeadId, DeadLetter, DeadStatus, NewDeadLetter};
pub use error::StoreError;
pub use id::{Epoch, IdSource, InvalidId, RunId};
pub use journal::{
    Admitted, Blob, BlobHash, CursorAdvance, NewRun, Phase, RunWrite, StoredRun, WaitFor, Written,
};
pub use outbox::{
    ATTEMPTS_KEPT, Attempt, DeliveryCounts, DeliveryFilter, DeliveryId, DeliveryRow, DeliveryStatus,
    DueDelivery, NewEvent, Outbox, Replay, Replayed, Settled, SubscriberRow, Then, event_matches,
};
pub use pending::{Pending, Reply, reply};
pub use runs::{FlowCounts, RunFilter, RunProgress, RunStatus, RunSummary};
pub use traits::{Alerts, Archive, Cursors, DeadLetters, FlowVersions, Journal, Store, Upkeep};
pub use upkeep::{AlertRecord, AlertState, Retention, StoreStats};
