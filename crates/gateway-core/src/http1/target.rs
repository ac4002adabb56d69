use std::ops::Range;

use super::{Authority, HeadError, Method};

/// The scheme of a target that names one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scheme {
    /// `http`
    Http,
    /// `https`
    Https,
}

/// What a request's target says, in one of its four forms (RFC 9112 3.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Target<'a> {
    /// `/path?query`: the form of nearly all.
    Origin {
        /// From its first slash on.
        path: &'a [u8],
        /// What is behind the `?`, if there is one.
        query: Option<&'a [u8]>,
    },
    /// `http://host:port/path?query`: what a proxy is asked. Its authority counts, and `Host` does not (3.2.2).
    Absolute {
        /// `http` or `https`.
        scheme: Scheme,
        /// The host and the port.
        authority: Authority<'a>,
        /// From its first slash on; may be empty, which means `/`, and of an `OPTIONS` `*` (3.2.4).
        path: &'a [u8],
        /// What is behind the `?`, if there is one.
        query: Option<&'a [u8]>,
    },
    /// `host:port`, of a `CONNECT`.
    Authority(Authority<'a>),
    /// `*`, of an `OPTIONS`.
    Asterisk,
}

impl<'a> Target<'a> {
    /// Reads the target of a request with this method. Its bytes are those that [`RequestHead`](super::RequestHead) has
    /// let through.
    pub fn parse(method: Method, target: &'a [u8]) -> Result<Self, HeadError> {
        match target {
            _ if method == Method::Connect => authority_form(target).ok_or(HeadError::Target),
            [b'/', ..] => {
                let (path, query) = at_query(target);
                Ok(Self::Origin { path, query })
            }
            b"*" if method == Method::Options => Ok(Self::Asterisk),
            _ => absolute_form(target).ok_or(HeadError::Target),
        }
    }
}

/// A port is required (RFC 9110 9.3.6).
fn authority_form(target: &[u8]) -> Option<Target<'_>> {
    Authority::parse(target).filter(|authority| authority.port.is_some()).map(Target::Authority)
}

fn absolute_form(target: &[u8]) -> Option<Target<'_>> {
    let (scheme, authority) = absolute_authority(target)?;
    let (path, query) = at_query(&target[authority.end..]);
    Some(Target::Absolute { scheme, authority: Authority::parse(&target[authority])?, path, query })
}

/// The scheme of a target in absolute form, and where its authority stands.
pub(super) fn absolute_authority(target: &[u8]) -> Option<(Scheme, Range<usize>)> {
    let name_end = memchr::memchr(b':', target)?;
    let scheme = match &target[..name_end] {
        name if name.eq_ignore_ascii_case(b"http") => Scheme::Http,
        name if name.eq_ignore_ascii_case(b"https") => Scheme::Https,
        _ => return None,
    };
    let rest = target[name_end..].strip_prefix(b"://")?;
    let start = name_end + "://".len();
    let length = memchr::memchr2(b'/', b'?', rest).unwrap_or(rest.len());
    Some((scheme, start..start + length))
}

fn at_query(text: &[u8]) -> (&[u8], Option<&[u8]>) {
    match memchr::memchr(b'?', text) {
        Some(at) => (&text[..at], Some(&text[at + 1..])),
        None => (text, None),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(method: Method, target: &str) -> String {
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        let query = |query: Option<&[u8]>| query.map_or("none".to_owned(), text);
        match Target::parse(method, target.as_bytes()) {
            Ok(Target::Origin { path, query: q }) => format!("origin {} {}", text(path), query(q)),
            Ok(Target::Absolute { scheme, authority, path, query: q }) => {
                format!(
                    "{scheme:?} {} {:?} {} {}",
                    text(authority.host),
                    authority.port,
                    text(path),
                    query(q)
                )
            }
            Ok(Target::Authority(authority)) => format!("{} {:?}", text(authority.host), authority.port),
            Ok(Target::Asterisk) => "asterisk".to_owned(),
            Err(error) => format!("{error:?}"),
        }
    }

    #[test]
    fn origin_form_rfc_9112_3_2_1() {
        assert_eq!(check(Method::Get, "/a/b?c=d?e"), "origin /a/b c=d?e");
        assert_eq!(check(Method::Post, "/"), "origin / none");
        assert_eq!(check(Method::Get, "//a?"), "origin //a ");
        assert_eq!(check(Method::Other, "/http://a"), "origin /http://a none");
    }

    #[test]
    fn absolute_form_rfc_9112_3_2_2() {
        assert_eq!(check(Method::Get, "HTTP://a:80/b?c"), "Http a Some(80) /b c");
        assert_eq!(check(Method::Get, "https://[::1]?c"), "Https [::1] None  c");
        assert_eq!(check(Method::Options, "http://a"), "Http a None  none");
        for wrong in [
            "ftp://a/",
            "http:/a",
            "http:a",
            "http://",
            "http:///a",
            "http://u@a/",
            "http://u:p@a/",
            "a",
            "a:1",
        ] {
            assert_eq!(check(Method::Get, wrong), "Target", "{wrong}");
        }
    }

    #[test]
    fn authority_form_is_for_connect_alone_rfc_9112_3_2_3() {
        assert_eq!(check(Method::Connect, "a:443"), "a Some(443)");
        for wrong in ["a", "a:", "/a", "http://a:443", "*", "u@a:443"] {
            assert_eq!(check(Method::Connect, wrong), "Target", "{wrong}");
        }
    }

    #[test]
    fn asterisk_form_is_for_options_alone_rfc_9112_3_2_4() {
        assert_eq!(check(Method::Options, "*"), "asterisk");
        assert_eq!(check(Method::Get, "*"), "Target");
        assert_eq!(check(Method::Options, "*a"), "Target");
    }
}
