//! `SNW-4xxx`: what is refused at the door.

use crate::code::codes;

codes! {
    /// The payload cannot be taken.
    UNACCEPTABLE_PAYLOAD = "SNW-4001", "Payload cannot be taken";
    /// Too much is waiting already.
    OVERLOADED = "SNW-4002", "Too much is waiting already";
}
