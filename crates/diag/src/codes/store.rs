//! `SNW-5xxx`: durable state.

use crate::code::codes;

codes! {
    /// The disk is full.
    DISK_FULL = "SNW-5001", "Disk full";
    /// The store failed.
    STORE_FAILED = "SNW-5009", "Store failed";
}
