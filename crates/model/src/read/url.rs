use crate::Transport;
use crate::shape::Words as _;

/// Why a text is no URL that Sinew calls.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum InvalidUrl {
    /// It holds a user name or password.
    Credential,
    /// Anything else.
    Other(&'static str),
}

/// Checks that a text is an absolute `http` or `https` URL (RFC 9110, section 4.2) without a user and a fragment.
pub(crate) fn check(text: &str) -> Result<(), InvalidUrl> {
    let (scheme, rest) = cut(text)?;
    if Transport::Http.scheme(scheme).is_none() {
        return Err(InvalidUrl::Other("only `http` and `https` are called"));
    }
    check_rest(text, rest)
}

/// The same for the schemes of all transports.
pub(crate) fn check_any(text: &str) -> Result<(), InvalidUrl> {
    let (scheme, rest) = cut(text)?;
    if !Transport::ALL.iter().any(|transport| transport.scheme(scheme).is_some()) {
        return Err(InvalidUrl::Other("no transport has such a scheme"));
    }
    check_rest(text, rest)
}

/// Scheme and rest.
pub(crate) fn cut(text: &str) -> Result<(&str, &str), InvalidUrl> {
    text.split_once("://").ok_or(InvalidUrl::Other("it does not begin with `https://`"))
}

fn check_rest(text: &str, rest: &str) -> Result<(), InvalidUrl> {
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    if authority.contains('@') {
        return Err(InvalidUrl::Credential);
    }
    if text.chars().any(|c| c.is_whitespace() || c.is_control() || "<>\"`{}|\\^".contains(c)) {
        return Err(InvalidUrl::Other("it holds a character that must be percent-encoded"));
    }
    if rest.contains('#') {
        return Err(InvalidUrl::Other("a fragment (`#...`) is never sent"));
    }
    let (host, port) = host_and_port(authority);
    if host.is_empty() {
        return Err(InvalidUrl::Other("it names no host"));
    }
    match port {
        Some(port) if port.parse::<u16>().is_err() => {
            Err(InvalidUrl::Other("its port is no number up to 65535"))
        }
        _ => Ok(()),
    }
}

/// Cuts `host:port`, minding IPv6 addresses in brackets.
pub(crate) fn host_and_port(authority: &str) -> (&str, Option<&str>) {
    let after_brackets = authority.rfind(']').map_or(0, |at| at + 1);
    match authority[after_brackets..].rfind(':') {
        Some(at) => (&authority[..after_brackets + at], Some(&authority[after_brackets + at + 1..])),
        None => (authority, None),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_that_can_be_called_pass_and_others_do_not() {
        for good in ["https://a.example", "http://127.0.0.1:80/x?y=1", "https://[::1]:8443/", "HTTPS://x/%20"]
        {
            assert_eq!(check(good), Ok(()), "{good}");
        }
        for bad in [
            "",
            "a.example",
            "ftp://x",
            "https://",
            "https:///x",
            "https://x:99999",
            "https://x y",
            "http://x/#a",
        ] {
            assert!(matches!(check(bad), Err(InvalidUrl::Other(_))), "{bad}");
        }
        assert_eq!(check("https://me:pass@x"), Err(InvalidUrl::Credential));
    }
}
