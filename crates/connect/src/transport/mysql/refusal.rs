//! What MySQL's and MariaDB's errors mean, by their numbers (MySQL's error reference; MariaDB's are the same).

use std::io;

use super::wire::{Bytes, Unread};
use crate::transport::{TransportError, TransportErrorKind as Kind};

/// What each number means; what is not here was refused.
const NUMBERS: &[(&[u16], Kind)] = &[
    (&[1045, 1130, 1524, 1698, 1820, 1862, 3118, 4151], Kind::Login),
    (&[1044, 1142, 1143, 1227, 1370], Kind::Forbidden),
    (&[1049], Kind::NotThere),
    (&[1022, 1062, 1169, 1586], Kind::Conflict),
    (&[1020, 1021, 1037, 1040, 1041, 1047, 1203, 1205, 1213, 1614, 1836, 3058, 3572], Kind::Busy),
    (&[1226], Kind::RateLimited),
    (&[1317, 1969, 3024], Kind::Deadline),
    (&[1053, 1152, 1184, 1927, 4031], Kind::Lost),
    (&[1105, 1815], Kind::Broken),
];

/// The error in a packet that begins with 0xff, of something that was not executed.
pub(super) fn unprepared(packet: &[u8]) -> TransportError {
    let mut bytes = Bytes::new(packet.get(1..).unwrap_or_default());
    let number = bytes.u16();
    if bytes.rest().first() == Some(&b'#') {
        bytes.take(6);
    }
    let words = String::from_utf8_lossy(bytes.rest()).into_owned();
    let kind = NUMBERS.iter().find(|(numbers, _)| numbers.contains(&number));
    TransportError::new(kind.map_or(Kind::Refused, |(_, kind)| kind.clone()), words).code(number.to_string())
}

/// The error of a statement that was executed. A statement that failed has no effect; only if the session ended, it is
/// not known whether it had done its work before.
pub(super) fn refused(packet: &[u8]) -> TransportError {
    let refused = unprepared(packet);
    if refused.kind == Kind::Lost { refused.in_doubt() } else { refused }
}

/// The connection broke.
pub(super) fn lost(error: &io::Error) -> TransportError {
    TransportError::new(Kind::Lost, error.to_string())
}

/// A packet could not be read.
pub(super) fn unread(why: Unread) -> TransportError {
    match why {
        Unread::Io(error) => lost(&error),
        Unread::TooLarge(max) => {
            TransportError::new(Kind::TooLarge, format!("a row is larger than {max} bytes"))
        }
    }
}

/// The server says what nobody understands.
pub(super) fn garbled() -> TransportError {
    TransportError::new(Kind::Unusable, "the server does not keep to MySQL's protocol")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_tells_its_kind_by_its_number() {
        for (number, kind) in [
            (1062_u16, Kind::Conflict),
            (1045, Kind::Login),
            (1213, Kind::Busy),
            (1317, Kind::Deadline),
            (1064, Kind::Refused),
        ] {
            let packet = [&[0xff][..], &number.to_le_bytes(), b"#23000Words"].concat();
            let error = refused(&packet);
            assert_eq!((error.kind, error.words.as_str()), (kind, "Words"));
        }
        assert!(refused(&[0xff, 0x1d, 0x04]).may_have_taken_effect, "the server was shut down meanwhile");
        assert_eq!(refused(&[0xff]).code.as_deref(), Some("0"), "cut off");
    }
}
