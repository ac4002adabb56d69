use http::Uri;

/// Why a redirect is not followed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RedirectError {
    /// No `Location`, or one that is no URL.
    #[error("the redirect names no address")]
    NoAddress,
    /// From `https` to `http`.
    #[error("the redirect leaves https for http")]
    Downgrade,
    /// Neither `http` nor `https`.
    #[error("the redirect leads to something other than http or https")]
    OtherScheme,
}

/// The URL that a `Location` or `Link` means, seen from the URL that was called (RFC 3986, section 5).
///
/// User names and passwords in it are dropped: only the connection's own credential is ever sent.
pub fn follow(current: &Uri, location: &str) -> Result<Uri, RedirectError> {
    let base = url::Url::parse(&current.to_string()).map_err(|_| RedirectError::NoAddress)?;
    let mut target = base.join(location).map_err(|_| RedirectError::NoAddress)?;
    match (base.scheme(), target.scheme()) {
        ("https", "http") => return Err(RedirectError::Downgrade),
        (_, "http" | "https") => {}
        _ => return Err(RedirectError::OtherScheme),
    }
    let cleared = target.set_username("").and_then(|()| target.set_password(None));
    cleared.map_err(|()| RedirectError::NoAddress)?;
    target.set_fragment(None);
    target.as_str().parse().map_err(|_| RedirectError::NoAddress)
}

/// Whether two URLs have scheme, host and port in common, so that one's credential may go to the other.
pub fn same_origin(one: &Uri, other: &Uri) -> bool {
    let port = |uri: &Uri| uri.port_u16().unwrap_or(if uri.scheme_str() == Some("https") { 443 } else { 80 });
    let host = |uri: &Uri| uri.host().map(str::to_ascii_lowercase);
    one.scheme() == other.scheme() && host(one) == host(other) && port(one) == port(other)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(location: &str) -> Result<String, RedirectError> {
        follow(&Uri::from_static("https://api.example.com/v1/items?page=1"), location)
            .map(|uri| uri.to_string())
    }

    #[test]
    fn locations_are_read_as_seen_from_the_url_that_was_called() {
        for (location, target) in [
            ("https://other.example.com/x", "https://other.example.com/x"),
            ("//other.example.com/x", "https://other.example.com/x"),
            ("/v2/items", "https://api.example.com/v2/items"),
            ("?page=2", "https://api.example.com/v1/items?page=2"),
            ("../up#part", "https://api.example.com/up"),
            ("https://user:pass@api.example.com/", "https://api.example.com/"),
        ] {
            assert_eq!(check(location).as_deref(), Ok(target), "{location}");
        }
    }

    #[test]
    fn what_must_not_be_followed_is_refused() {
        assert_eq!(check("http://api.example.com/"), Err(RedirectError::Downgrade));
        assert_eq!(check("file:///etc/passwd"), Err(RedirectError::OtherScheme));
        assert_eq!(check("https://"), Err(RedirectError::NoAddress));
    }

    #[test]
    fn an_origin_is_scheme_host_and_port() {
        let same = |a: &str, b: &str| same_origin(&a.parse().unwrap(), &b.parse().unwrap());
        assert!(same("https://a.example/x", "https://A.example:443/y"));
        assert!(!same("https://a.example/", "https://a.example:8443/"));
        assert!(!same("https://a.example/", "http://a.example/"));
        assert!(!same("https://a.example/", "https://b.example/"));
    }
}
