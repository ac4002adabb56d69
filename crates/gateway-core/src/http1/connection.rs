use super::grammar::{elements, is_token};
use super::{Field, HeadError, Known, Span, Version};

/// Of more options than this none is looked at: each may have to be compared with every field.
const OPTIONS_MAX: usize = 32;

/// What `Connection` says (RFC 9110 7.6.1).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Connection {
    close: bool,
    keep_alive: bool,
    pub upgrade: bool,
    options: usize,
    /// Fields that are named as being for this connection only, and may be. Nearly always none.
    named: Vec<Span>,
}

impl Connection {
    /// Forgets everything, and keeps its memory.
    pub fn clear(&mut self) {
        let named = std::mem::take(&mut self.named);
        *self = Self { named, ..Self::default() };
        self.named.clear();
    }

    /// Takes in a field's value. Empty elements are overlooked (5.6.1), and counted.
    pub fn take(&mut self, bytes: &[u8], value: Span) -> Result<(), HeadError> {
        for (start, option) in elements(value.of(bytes)) {
            self.options += 1;
            if self.options > OPTIONS_MAX {
                return Err(HeadError::Connection);
            }
            if option.is_empty() {
                continue;
            }
            if !is_token(option) {
                return Err(HeadError::Connection);
            }
            if option.eq_ignore_ascii_case(b"close") {
                self.close = true;
            } else if option.eq_ignore_ascii_case(b"keep-alive") {
                self.keep_alive = true;
            } else if option.eq_ignore_ascii_case(b"upgrade") {
                self.upgrade = true;
            } else if Known::of(option) == Known::Other {
                // By naming a field one may have it taken away from what others rely on: a login, a host, a length, the
                // client's address. So only those count whose meaning nobody here knows; those that are known either do
                // not go on anyway, or are meant for all.
                let start = value.start() + start;
                self.named.push(Span::new(start, start + option.len()));
            }
        }
        Ok(())
    }

    /// Whether another message may follow on the connection (RFC 9112 9.3).
    pub fn is_kept(&self, version: Version) -> bool {
        !self.close && (version == Version::Http11 || self.keep_alive)
    }

    /// Whether a field is for more than this connection.
    #[inline]
    pub fn lets_pass(&self, bytes: &[u8], field: &Field) -> bool {
        !field.known.is_hop_by_hop() && (self.named.is_empty() || !self.names(bytes, field))
    }

    #[cold]
    fn names(&self, bytes: &[u8], field: &Field) -> bool {
        let name = field.name.of(bytes);
        field.known == Known::Other
            && self.named.iter().any(|named| named.of(bytes).eq_ignore_ascii_case(name))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(value: &str) -> Result<Connection, HeadError> {
        let mut connection = Connection::default();
        connection.take(value.as_bytes(), Span::new(0, value.len()))?;
        Ok(connection)
    }

    #[test]
    fn options_are_tokens_in_any_case_rfc_9110_7_6_1() {
        let connection = check("Keep-Alive, UPGRADE,, x-mine").unwrap();
        assert!(connection.keep_alive && connection.upgrade && !connection.close);
        assert_eq!(connection.named.len(), 1);
        assert_eq!(check("a b"), Err(HeadError::Connection));
        assert_eq!(check("\"close\""), Err(HeadError::Connection));
    }

    #[test]
    fn closing_outweighs_keeping_and_versions_differ_in_what_is_usual_rfc_9112_9_3() {
        for (value, in_1_0, in_1_1) in [
            ("", false, true),
            ("close", false, false),
            ("keep-alive", true, true),
            ("keep-alive, CLOSE", false, false),
        ] {
            let connection = check(value).unwrap();
            assert_eq!(connection.is_kept(Version::Http10), in_1_0, "{value}");
            assert_eq!(connection.is_kept(Version::Http11), in_1_1, "{value}");
        }
    }

    #[test]
    fn more_options_than_the_limit_are_refused() {
        assert!(check(&",".repeat(OPTIONS_MAX - 1)).is_ok());
        assert_eq!(check(&",".repeat(OPTIONS_MAX)), Err(HeadError::Connection));
    }

    #[test]
    fn fields_that_are_known_cannot_be_taken_away() {
        assert!(
            check("Host, Authorization, Cookie, X-Forwarded-For, Content-Length, te")
                .unwrap()
                .named
                .is_empty()
        );
    }
}
