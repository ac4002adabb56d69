//! `SNW-7xxx`: the vault, its secrets and its sessions.

use crate::code::codes;

codes! {
    /// A master key is missing or is none.
    MASTER_KEY = "SNW-7001", "Master key missing or unusable";
    /// It does not open.
    NOT_OPENED = "SNW-7002", "Sealed under another key, or changed since";
    /// A record of the vault cannot be read.
    RECORD_DAMAGED = "SNW-7003", "Vault record not readable";
    /// There is no such secret.
    NO_SECRET = "SNW-7004", "No such secret";
    /// The versions of the secret do not allow it.
    VERSION_STATE = "SNW-7005", "Versions of the secret do not allow it";
    /// The service that holds the master key does not answer.
    KEY_SERVICE = "SNW-7006", "Key service not available";
    /// It cannot be a secret.
    SECRET_UNFIT = "SNW-7007", "Not fit to be a secret";
    /// Others change it all the time.
    CONTENDED = "SNW-7008", "Changed by others all the time";
}
