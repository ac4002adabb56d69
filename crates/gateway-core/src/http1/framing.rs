use super::connection::Connection;
use super::grammar::{elements, is_token};
use super::{Field, HeadError, Known, Span, Version};

/// How a message's body ends (RFC 9112 6.3).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Framing {
    /// It has none, or one of no bytes.
    #[default]
    Empty,
    /// After so many bytes, at least one.
    Length(u64),
    /// By its last chunk.
    Chunked,
    /// With the connection. Only responses end so.
    UntilClose,
}

/// What the fields of a head say about the message itself.
#[derive(Default)]
pub(super) struct Notes {
    pub length: Option<u64>,
    pub is_coded: bool,
    /// The one `Upgrade`: of what several fields offer together, none is taken up.
    pub upgrade: Option<Span>,
    has_upgrade: bool,
}

impl Notes {
    /// Takes in a field that requests and responses share.
    #[inline]
    pub fn take(&mut self, bytes: &[u8], field: Field, connection: &mut Connection) -> Result<(), HeadError> {
        match field.known {
            Known::ContentLength => {
                if self.length.is_some() {
                    return Err(HeadError::LengthTwice);
                }
                self.length = Some(length(field.value.of(bytes))?);
            }
            Known::TransferEncoding => {
                if self.is_coded {
                    return Err(HeadError::CodingInvalid);
                }
                only_chunked(field.value.of(bytes))?;
                self.is_coded = true;
            }
            Known::Connection => connection.take(bytes, field.value)?,
            Known::Upgrade => {
                self.upgrade = if self.has_upgrade { None } else { Some(field.value) };
                self.has_upgrade = true;
            }
            _ => {}
        }
        Ok(())
    }

    /// What the fields announce, if there is a body at all. `None`: they say nothing.
    pub fn framing(&self, version: Version) -> Result<Option<Framing>, HeadError> {
        match (self.is_coded, self.length) {
            (true, Some(_)) => Err(HeadError::LengthAndCoding),
            (true, None) if version == Version::Http10 => Err(HeadError::CodingInHttp10),
            (true, None) => Ok(Some(Framing::Chunked)),
            (false, Some(0)) => Ok(Some(Framing::Empty)),
            (false, Some(length)) => Ok(Some(Framing::Length(length))),
            (false, None) => Ok(None),
        }
    }
}

/// `Content-Length = 1*DIGIT` (RFC 9110 8.6).
fn length(value: &[u8]) -> Result<u64, HeadError> {
    if value.is_empty() {
        return Err(HeadError::LengthInvalid);
    }
    let next = |length: u64, digit: &u8| {
        let digit = digit.is_ascii_digit().then(|| u64::from(digit - b'0'))?;
        length.checked_mul(10)?.checked_add(digit)
    };
    value.iter().try_fold(0, next).ok_or(HeadError::LengthInvalid)
}

/// `chunked` and no other coding; else what is wrong with it.
fn only_chunked(value: &[u8]) -> Result<(), HeadError> {
    if value.eq_ignore_ascii_case(b"chunked") { Ok(()) } else { Err(wrong_coding(value)) }
}

#[cold]
fn wrong_coding(value: &[u8]) -> HeadError {
    let mut was_chunked = false;
    for (_, coding) in elements(value) {
        let name_end = memchr::memchr(b';', coding).unwrap_or(coding.len());
        let name = coding[..name_end].trim_ascii_end();
        let is_chunked = name.eq_ignore_ascii_case(b"chunked");
        // Nothing goes behind it, and it takes no parameters (RFC 9112 6.1, 7).
        if was_chunked || !is_token(name) || (is_chunked && name.len() < coding.len()) {
            return HeadError::CodingInvalid;
        }
        was_chunked = is_chunked;
    }
    HeadError::CodingUnknown
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check<T: std::fmt::Debug>(value: &str, read: fn(&[u8]) -> Result<T, HeadError>) -> String {
        format!("{:?}", read(value.as_bytes()))
    }

    #[test]
    fn lengths_are_digits_rfc_9110_8_6() {
        for (value, said) in [("0", "0"), ("05", "5"), ("18446744073709551615", "18446744073709551615")] {
            assert_eq!(check(value, length), format!("Ok({said})"));
        }
        let wrong = ["", "+5", "-5", "0x5", "5 5", "5, 5", "5,6", "5.0", "5e1", "18446744073709551616", "٥"];
        for value in wrong {
            assert_eq!(check(value, length), "Err(LengthInvalid)", "{value:?}");
        }
    }

    #[test]
    fn codings_are_chunked_alone_rfc_9112_6_1() {
        for value in ["chunked", "Chunked", "CHUNKED"] {
            assert_eq!(check(value, only_chunked), "Ok(())");
        }
        for value in ["gzip", "xchunked", "identity", "gzip, chunked", "gzip;q=1, chunked", "chunke"] {
            assert_eq!(check(value, only_chunked), "Err(CodingUnknown)", "{value:?}");
        }
        let invalid = [
            "",
            "chunked, chunked",
            "chunked, gzip",
            "chunked,",
            ",chunked",
            "chunked;",
            "chunked;q=1",
            "\"chunked\"",
            "chunked chunked",
            "chunked ;a",
            "gzip, , chunked",
            "x\u{e4}",
        ];
        for value in invalid {
            assert_eq!(check(value, only_chunked), "Err(CodingInvalid)", "{value:?}");
        }
    }
}
