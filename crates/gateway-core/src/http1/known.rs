macro_rules! known {
    ($($known:ident $name:literal)+) => {
        /// The fields that a gateway looks at, and others that many messages have.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        #[repr(u8)]
        pub enum Known {
            $(
                #[doc = concat!("`", $name, "`")]
                $known,
            )+
            /// One that is written like one of those but for underscores, as `X_Forwarded_For`. To servers that hand
            /// fields on as variables it is the same one, so it does not go on.
            LookAlike,
            /// Any other.
            Other,
        }

        /// In lower case; of letters, digits and hyphens.
        const NAMES: &[(&str, Known)] = &[$(($name, Known::$known)),+];
    };
}

// Those that say something about the message itself stand first: readers tell them from the rest by one comparison.
known! {
    Host "host"
    ContentLength "content-length"
    TransferEncoding "transfer-encoding"
    Connection "connection"
    Upgrade "upgrade"
    Expect "expect"
    Te "te"
    KeepAlive "keep-alive"
    ProxyConnection "proxy-connection"
    ProxyAuthenticate "proxy-authenticate"
    ProxyAuthorization "proxy-authorization"
    ProxyAuthenticationInfo "proxy-authentication-info"
    Http2Settings "http2-settings"
    Trailer "trailer"
    Authorization "authorization"
    WwwAuthenticate "www-authenticate"
    Cookie "cookie"
    SetCookie "set-cookie"
    XApiKey "x-api-key"
    IdempotencyKey "idempotency-key"
    ContentType "content-type"
    ContentEncoding "content-encoding"
    ContentLanguage "content-language"
    ContentLocation "content-location"
    ContentRange "content-range"
    ContentDisposition "content-disposition"
    Accept "accept"
    AcceptEncoding "accept-encoding"
    AcceptLanguage "accept-language"
    AcceptRanges "accept-ranges"
    Allow "allow"
    UserAgent "user-agent"
    Referer "referer"
    Origin "origin"
    MaxForwards "max-forwards"
    Forwarded "forwarded"
    XForwardedFor "x-forwarded-for"
    XForwardedProto "x-forwarded-proto"
    XForwardedHost "x-forwarded-host"
    XForwardedPort "x-forwarded-port"
    XForwardedPrefix "x-forwarded-prefix"
    XRealIp "x-real-ip"
    Via "via"
    Traceparent "traceparent"
    Tracestate "tracestate"
    Baggage "baggage"
    XRequestId "x-request-id"
    CacheControl "cache-control"
    Age "age"
    Date "date"
    Etag "etag"
    IfNoneMatch "if-none-match"
    IfModifiedSince "if-modified-since"
    IfMatch "if-match"
    IfUnmodifiedSince "if-unmodified-since"
    IfRange "if-range"
    Range "range"
    Vary "vary"
    Expires "expires"
    LastModified "last-modified"
    Pragma "pragma"
    Server "server"
    Location "location"
    RetryAfter "retry-after"
    Link "link"
    Priority "priority"
    AltSvc "alt-svc"
    StrictTransportSecurity "strict-transport-security"
    SecWebsocketKey "sec-websocket-key"
    SecWebsocketVersion "sec-websocket-version"
    SecWebsocketProtocol "sec-websocket-protocol"
    SecWebsocketExtensions "sec-websocket-extensions"
    SecWebsocketAccept "sec-websocket-accept"
    AccessControlRequestMethod "access-control-request-method"
    AccessControlRequestHeaders "access-control-request-headers"
    AccessControlAllowOrigin "access-control-allow-origin"
    AccessControlAllowMethods "access-control-allow-methods"
    AccessControlAllowHeaders "access-control-allow-headers"
    AccessControlAllowCredentials "access-control-allow-credentials"
    AccessControlExposeHeaders "access-control-expose-headers"
    AccessControlMaxAge "access-control-max-age"
}

impl Known {
    /// Which field has this name, in whatever case (RFC 9110 5.1).
    #[inline]
    pub fn of(name: &[u8]) -> Self {
        let Some(slot) = slot(name, MULTIPLIER) else { return Self::Other };
        if let Some((candidate, known)) = NAMES.get(usize::from(SLOTS[slot]))
            && is_same(name, candidate.as_bytes())
        {
            return *known;
        }
        if memchr::memchr(b'_', name).is_some() { look_alike(name) } else { Self::Other }
    }

    /// Its name in lower case, if it is known.
    pub fn name(self) -> Option<&'static str> {
        NAMES.get(self as usize).map(|(name, _)| *name)
    }

    /// Whether it says where a message ends.
    #[inline]
    pub fn is_framing(self) -> bool {
        matches!(self, Self::ContentLength | Self::TransferEncoding)
    }

    /// Whether it is meant for the next recipient alone, and so never goes on (RFC 9110 7.6.1).
    ///
    /// `Trailer` goes on, as trailers do (6.6.2). Logins to a proxy (11.7) do not: a gateway asks for none, and has none.
    /// `HTTP2-Settings` offers a way to change to HTTP/2 that there is no more (RFC 9113 3.1).
    #[inline]
    pub fn is_hop_by_hop(self) -> bool {
        matches!(
            self,
            Self::TransferEncoding
                | Self::Connection
                | Self::Upgrade
                | Self::Te
                | Self::KeepAlive
                | Self::ProxyConnection
                | Self::ProxyAuthenticate
                | Self::ProxyAuthorization
                | Self::ProxyAuthenticationInfo
                | Self::Http2Settings
                | Self::LookAlike
        )
    }

    /// Whether it means something as a trailer. What frames, routes, logs in, asks for or describes a message is needed
    /// before its body, and must not come behind the checks of it (RFC 9110 6.5.1).
    #[inline]
    pub fn may_trail(self) -> bool {
        matches!(self, Self::Other | Self::Etag)
    }
}

/// Whether these are the same but for case, eight bytes at a time: with `eq_ignore_ascii_case` a head takes a quarter
/// longer.
#[inline]
fn is_same(name: &[u8], known: &[u8]) -> bool {
    if name.len() != known.len() {
        return false;
    }
    if let (Some(end), Some(known_end)) = (name.last_chunk(), known.last_chunk()) {
        let words = name.as_chunks().0.iter().zip(known.as_chunks().0);
        return words.fold(is_same_word(*end, *known_end), |same, (a, b)| same & is_same_word(*a, *b));
    }
    if let (Some(end), Some(known_end)) = (name.last_chunk::<4>(), known.last_chunk::<4>())
        && let (Some(start), Some(known_start)) = (name.first_chunk::<4>(), known.first_chunk::<4>())
    {
        let both = |start: [u8; 4], end: [u8; 4]| {
            (u64::from(u32::from_le_bytes(start)) | u64::from(u32::from_le_bytes(end)) << 32).to_le_bytes()
        };
        return is_same_word(both(*start, *end), both(*known_start, *known_end));
    }
    name.eq_ignore_ascii_case(known)
}

/// Of what is known only letters have the bit 0x40, and for these alone 0x20 is their case.
#[inline]
fn is_same_word(word: [u8; 8], known: [u8; 8]) -> bool {
    let known = u64::from_le_bytes(known);
    let case = (known & 0x4040_4040_4040_4040) >> 1;
    u64::from_le_bytes(word) | case == known
}

#[cold]
fn look_alike(name: &[u8]) -> Known {
    let mut hyphened = [0; NAME_BYTES_MAX];
    let Some(hyphened) = hyphened.get_mut(..name.len()) else { return Known::Other };
    for (to, from) in hyphened.iter_mut().zip(name) {
        *to = if *from == b'_' { b'-' } else { *from };
    }
    if matches!(Known::of(hyphened), Known::Other) { Known::Other } else { Known::LookAlike }
}

const NAME_BYTES_MAX: usize = {
    let mut max = 0;
    let mut index = 0;
    while index < NAMES.len() {
        if NAMES[index].0.len() > max {
            max = NAMES[index].0.len();
        }
        index += 1;
    }
    max
};

const SLOT_BITS: u32 = 10;
/// In a slot without a name.
const NONE: u8 = u8::MAX;
const _: () = assert!(NAMES.len() < NONE as usize, "an index has to fit beside `NONE`");

/// Which name may stand where: found out by the compiler, so that finding a field takes one look and one comparison.
static SLOTS: [u8; 1 << SLOT_BITS] = match slots(MULTIPLIER) {
    Some(slots) => slots,
    None => panic!("the multiplier was tried"),
};

/// One under which no two names share a slot.
const MULTIPLIER: u32 = {
    let mut multiplier: u32 = 0x9e37_79b1;
    while slots(multiplier).is_none() {
        multiplier = multiplier.wrapping_mul(0x0019_660d).wrapping_add(0x3c6e_f35e) | 1;
    }
    multiplier
};

const fn slots(multiplier: u32) -> Option<[u8; 1 << SLOT_BITS]> {
    let mut slots = [NONE; 1 << SLOT_BITS];
    let mut index = 0;
    while index < NAMES.len() {
        let Some(slot) = slot(NAMES[index].0.as_bytes(), multiplier) else { return None };
        if slots[slot] != NONE {
            return None;
        }
        slots[slot] = index as u8;
        index += 1;
    }
    Some(slots)
}

/// By length and three letters, without their case: no two names agree in these. The letter before the last tells
/// `-port` from `-host`, which the last does not.
#[inline]
const fn slot(name: &[u8], multiplier: u32) -> Option<usize> {
    let (Some(first), [.., late, _]) = (name.first(), name) else { return None };
    let letters = [*first | 0x20, name[name.len() / 2] | 0x20, *late | 0x20, name.len() as u8];
    Some((u32::from_le_bytes(letters).wrapping_mul(multiplier) >> (u32::BITS - SLOT_BITS)) as usize)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(name: &str, known: Known) {
        assert_eq!(Known::of(name.as_bytes()), known, "{name}");
    }

    #[test]
    fn every_name_is_found_in_every_case() {
        for (name, known) in NAMES {
            check(name, *known);
            check(&name.to_ascii_uppercase(), *known);
            assert_eq!(known.name(), Some(*name));
            assert!(
                name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-'),
                "{name}"
            );
        }
        check("X-Forwarded-For", Known::XForwardedFor);
        assert_eq!((Known::Other.name(), Known::LookAlike.name()), (None, None));
    }

    #[test]
    fn what_is_nearly_a_name_is_another() {
        for (name, _) in NAMES {
            check(&format!("{name}x"), Known::Other);
            check(&format!("x{name}"), Known::Other);
            check(&format!("{}\r", &name[1..]), Known::Other);
            for at in 0..name.len() {
                let mut other = name.as_bytes().to_vec();
                other[at] ^= 0x20;
                let is_case = name.as_bytes()[at].is_ascii_alphabetic();
                assert_eq!(Known::of(&other) == Known::of(name.as_bytes()), is_case, "{name} at {at}");
            }
        }
        check("", Known::Other);
        check(&"x".repeat(300), Known::Other);
    }

    #[test]
    fn underscores_make_look_alikes() {
        check("Content_Length", Known::LookAlike);
        check("transfer_Encoding", Known::LookAlike);
        check("x-forwarded_for", Known::LookAlike);
        check("x_api_key", Known::LookAlike);
        check("_host", Known::Other);
        check("user_id", Known::Other);
        check(&"_".repeat(300), Known::Other);
    }
}
