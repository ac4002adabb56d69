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
    /// The store failed.
    STORE_FAILED = "SNW-5009", "Store failed";
}
