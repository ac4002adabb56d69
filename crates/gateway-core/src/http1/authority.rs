use std::net::Ipv6Addr;

use super::grammar::{bytes, run_end};

/// Letters of host names. RFC 3986 3.2.2 would allow percent-escapes and `sub-delims` too: no host that can be looked up
/// has them, and readers that cut hosts at a `,`, `;` or `=` find another one.
static NAME: [bool; 256] = bytes!(b'0'..=b'9' | b'A'..=b'Z' | b'a'..=b'z' | b'-' | b'.' | b'_' | b'~');

/// A host with or without a port, as `Host` and targets name it (RFC 9110 7.2, RFC 3986 3.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Authority<'a> {
    /// The host: a name in any case, an IPv4 address, or an IPv6 address in brackets.
    pub host: &'a [u8],
    /// The port, if one is named.
    pub port: Option<u16>,
}

impl<'a> Authority<'a> {
    /// Reads all of `text`. Without user information, which never belongs here (RFC 9110 4.2.4).
    pub fn parse(text: &'a [u8]) -> Option<Self> {
        let host_end = if text.first() == Some(&b'[') { address_end(text)? } else { run_end(text, 0, &NAME) };
        let (host, rest) = text.split_at(host_end);
        if host.is_empty() {
            return None;
        }
        let port = match rest {
            // A colon without a port is the scheme's own (RFC 3986 3.2.3).
            [] | [b':'] => None,
            [b':', digits @ ..] => Some(port(digits)?),
            _ => return None,
        };
        Some(Self { host, port })
    }
}

/// Where the address in brackets ends.
fn address_end(text: &[u8]) -> Option<usize> {
    let close = memchr::memchr(b']', text)?;
    let address = std::str::from_utf8(&text[1..close]).ok()?;
    address.parse::<Ipv6Addr>().ok()?;
    Some(close + 1)
}

fn port(digits: &[u8]) -> Option<u16> {
    digits.iter().try_fold(0_u16, |port, digit| {
        let digit = digit.is_ascii_digit().then(|| digit - b'0')?;
        port.checked_mul(10)?.checked_add(u16::from(digit))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str) -> Option<(&str, Option<u16>)> {
        let authority = Authority::parse(text.as_bytes())?;
        Some((std::str::from_utf8(authority.host).unwrap(), authority.port))
    }

    #[test]
    fn hosts_are_names_and_addresses_with_or_without_a_port() {
        assert_eq!(check("api.example.com"), Some(("api.example.com", None)));
        assert_eq!(check("API_1.example:8080"), Some(("API_1.example", Some(8080))));
        assert_eq!(check("localhost:"), Some(("localhost", None)));
        assert_eq!(check("127.0.0.1:0080"), Some(("127.0.0.1", Some(80))));
        assert_eq!(check("[::1]:443"), Some(("[::1]", Some(443))));
        assert_eq!(check("[::ffff:10.0.0.1]"), Some(("[::ffff:10.0.0.1]", None)));
    }

    #[test]
    fn whatever_else_could_be_meant_is_no_host() {
        for wrong in [
            "",
            ":80",
            "a b",
            "a,b",
            "a;b",
            "a/b",
            "a?b",
            "a#b",
            "a@b",
            "u:p@b",
            "a\\b",
            "a%2eb",
            "a:65536",
            "a:-1",
            "a:+1",
            "a:80:80",
            "a:8x",
            "ä",
            "[::1",
            "[::1]x",
            "[::1%25eth0]",
            "[v1.x]",
            "[]",
            "::1",
            "a\tb",
        ] {
            assert_eq!(check(wrong), None, "{wrong:?}");
        }
    }
}
