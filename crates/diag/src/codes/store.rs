//! `SNW-5xxx`: durable state.

use crate::code::codes;

codes! {
    /// The disk is full.
    DISK_FULL = "SNW-5001", "Disk full";
    /// Another process has the store open.
    IN_USE = "SNW-5002", "Store in use";
    /// A later version has changed the store.
    NEWER = "SNW-5003", "Store is from a later version";
    /// The file is no store, or damaged.
    DAMAGED = "SNW-5004", "Store is not readable";
    /// Another node has taken over.
    FENCED = "SNW-5005", "Another node has taken over";
    /// A run's journal is not where its writer thought.
    OUT_OF_SEQUENCE = "SNW-5006", "Journal entry out of sequence";
    /// A run was written to that nobody had claimed.
    NOT_CLAIMED = "SNW-5007", "Run not running here";
    /// There is no such thing.
    MISSING = "SNW-5008", "There is no such thing";
    /// The store failed.
    STORE_FAILED = "SNW-5009", "Store failed";
    /// The store takes no work any more.
    CLOSED = "SNW-5010", "Store closed";
}
