//! What heads of requests and responses have in common.

use super::HeadError;

/// How much a head may hold. Each is also what an attacker can have the gateway keep for a connection that says nothing
/// more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HeadLimits {
    /// Bytes of a head, with its first and its empty line: 32 KiB.
    pub head_bytes_max: usize,
    /// Field lines: 100.
    pub fields_max: usize,
    /// Bytes of a request's target: 8 KiB, more than the 8000 that RFC 9112 3 asks for.
    pub target_bytes_max: usize,
}

impl Default for HeadLimits {
    fn default() -> Self {
        Self { head_bytes_max: 32 << 10, fields_max: 100, target_bytes_max: 8 << 10 }
    }
}

/// How far a head has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Progress {
    /// All of it is there, and right.
    Whole,
    /// Nothing is wrong, and the rest has not come yet.
    More,
}

/// What a request asks for. Case matters: `get` is [`Method::Other`] (RFC 9110 9.1).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Method {
    /// `GET`
    Get,
    /// `HEAD`
    Head,
    /// `POST`
    Post,
    /// `PUT`
    Put,
    /// `DELETE`
    Delete,
    /// `PATCH`
    Patch,
    /// `OPTIONS`
    Options,
    /// `TRACE`
    Trace,
    /// `CONNECT`
    Connect,
    /// Another, which the head has as text.
    #[default]
    Other,
}

impl Method {
    /// The method of this name.
    #[inline]
    pub fn of(name: &[u8]) -> Self {
        match name {
            b"GET" => Self::Get,
            b"HEAD" => Self::Head,
            b"POST" => Self::Post,
            b"PUT" => Self::Put,
            b"DELETE" => Self::Delete,
            b"PATCH" => Self::Patch,
            b"OPTIONS" => Self::Options,
            b"TRACE" => Self::Trace,
            b"CONNECT" => Self::Connect,
            _ => Self::Other,
        }
    }
}

/// Which HTTP/1 a message is written in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Version {
    /// `HTTP/1.0`
    Http10,
    /// `HTTP/1.1`, and later minor versions, which are read as it (RFC 9110 2.5).
    #[default]
    Http11,
}

impl Version {
    /// The version of this name.
    pub(super) fn of(name: &[u8]) -> Result<Self, HeadError> {
        match name {
            b"HTTP/1.0" => Ok(Self::Http10),
            [b'H', b'T', b'T', b'P', b'/', b'1', b'.', b'0'..=b'9'] => Ok(Self::Http11),
            [b'H', b'T', b'T', b'P', b'/', b'0'..=b'9', b'.', b'0'..=b'9'] => {
                Err(HeadError::VersionUnsupported)
            }
            _ => Err(HeadError::VersionInvalid),
        }
    }
}

/// Why reading stops before the end.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Stop<E = HeadError> {
    /// The bytes end.
    More,
    Wrong(E),
}

impl<E> From<E> for Stop<E> {
    fn from(error: E) -> Self {
        Self::Wrong(error)
    }
}

/// How many bytes have been looked at without finding the end.
///
/// Heads are read from their beginning each time. As this happens only when a line has come to its end, one that trickles
/// in byte by byte is read once per line, and not once per byte. What is wrong in a line may so be found only at its end.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Searched(usize);

impl Searched {
    /// Reads up to `bytes_max` bytes if there is something new to find in them. `None`: more of them are needed, and not
    /// too many are there.
    pub(super) fn read<T>(
        &mut self,
        bytes: &[u8],
        bytes_max: usize,
        read: impl FnOnce(&[u8]) -> Result<T, Stop>,
    ) -> Result<Option<T>, HeadError> {
        let searched = std::mem::take(&mut self.0);
        let is_full = bytes.len() >= bytes_max;
        if searched != 0 && !is_full && !has_line_end(bytes, searched) {
            self.0 = bytes.len();
            return Ok(None);
        }
        match read(&bytes[..bytes.len().min(bytes_max)]) {
            Ok(found) => Ok(Some(found)),
            Err(Stop::Wrong(error)) => Err(error),
            Err(Stop::More) if is_full => Err(HeadError::TooLarge),
            Err(Stop::More) => {
                self.0 = bytes.len();
                Ok(None)
            }
        }
    }
}

/// Whether a line may have ended since. Fewer bytes than before are other bytes.
fn has_line_end(bytes: &[u8], searched: usize) -> bool {
    bytes.get(searched..).is_none_or(|new| memchr::memchr(b'\n', new).is_some())
}
