/// Why a head is refused. The connection it came from is closed: nobody knows where its next message begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum HeadError {
    /// More than one empty line before a request (RFC 9112 2.2 asks to overlook at least one).
    #[error("there are empty lines before the request")]
    EmptyLines,
    /// A CR that no LF follows (RFC 9112 2.2: invalid, and never to be taken for the end of a line).
    #[error("a CR is not followed by a LF")]
    BareCr,
    /// A LF that follows no CR (RFC 9112 2.2 would allow to take it for the end of a line; other readers do not).
    #[error("a line ends by a LF alone")]
    BareLf,
    /// The method is no token (RFC 9112 3.1).
    #[error("the method is no token")]
    Method,
    /// The method is longer than any (RFC 9112 3).
    #[error("the method is longer than 32 bytes")]
    MethodTooLong,
    /// The first line is not `METHOD TARGET HTTP/1.1`, with one space between (RFC 9112 3).
    #[error("the request line is not a method, a target and a version with one space between")]
    RequestLine,
    /// The target has characters that a URI has not, a fragment, user information, or not the form that the method
    /// requires (RFC 9112 3.2, RFC 9110 4.2.4).
    #[error("the target is not one of the method's")]
    Target,
    /// The target is longer than the limit (RFC 9112 3).
    #[error("the target is too long")]
    TargetTooLong,
    /// The version is not written as one (RFC 9112 2.3).
    #[error("the version is not `HTTP/` and two digits")]
    VersionInvalid,
    /// Another major version (RFC 9110 15.6.6), or none, as HTTP/0.9 had it.
    #[error("the version is not HTTP/1")]
    VersionUnsupported,
    /// The preface by which HTTP/2 begins (RFC 9113 3.4). The first request of a connection may be read on as such.
    #[error("the client speaks HTTP/2")]
    Http2,
    /// A response's first line is not `HTTP/1.1 200 OK` (RFC 9112 4).
    #[error("the status line is not a version, a status of three digits and a reason")]
    StatusLine,
    /// The head is longer than the limit (RFC 6585 5).
    #[error("the head is too large")]
    TooLarge,
    /// There are more fields than the limit (RFC 6585 5).
    #[error("there are too many fields")]
    TooManyFields,
    /// The name of a field is no token (RFC 9110 5.1).
    #[error("the name of a field is no token")]
    FieldName,
    /// Whitespace stands between a field's name and the colon (RFC 9112 5.1).
    #[error("there is whitespace before the colon of a field")]
    SpaceBeforeColon,
    /// A line begins with whitespace: a folded value, or a field before the first (RFC 9112 5.2 and 2.2).
    #[error("a line begins with whitespace")]
    Folded,
    /// The value of a field has a control character (RFC 9110 5.5).
    #[error("the value of a field has a control character")]
    FieldValue,
    /// A request of HTTP/1.1 has no `Host` (RFC 9112 3.2).
    #[error("there is no `Host`")]
    HostMissing,
    /// There is more than one `Host` (RFC 9112 3.2).
    #[error("there is more than one `Host`")]
    HostTwice,
    /// `Host` is no host with or without a port (RFC 9112 3.2).
    #[error("`Host` is not a host and a port")]
    HostInvalid,
    /// `Content-Length` is not a number of digits below 2^64 (RFC 9110 8.6).
    #[error("`Content-Length` is no number")]
    LengthInvalid,
    /// There is more than one `Content-Length` (RFC 9112 6.3 would allow equal ones).
    #[error("there is more than one `Content-Length`")]
    LengthTwice,
    /// Both `Content-Length` and `Transfer-Encoding` (RFC 9112 6.1 would allow it, and warns of it).
    #[error("there are both `Content-Length` and `Transfer-Encoding`")]
    LengthAndCoding,
    /// `Transfer-Encoding` is no list of codings that ends by one `chunked` (RFC 9112 6.1, 7.1).
    #[error("`Transfer-Encoding` does not end by one `chunked`")]
    CodingInvalid,
    /// `Transfer-Encoding` has another coding than `chunked` (RFC 9112 6.1).
    #[error("`Transfer-Encoding` is not `chunked`")]
    CodingUnknown,
    /// `Transfer-Encoding` in a message of HTTP/1.0, which knows none (RFC 9112 6.1).
    #[error("HTTP/1.0 has no `Transfer-Encoding`")]
    CodingInHttp10,
    /// A body where there is none: of a `CONNECT` (RFC 9110 9.3.6), a `TRACE` (9.3.8), or a response 1xx or 204
    /// (RFC 9112 6.1, RFC 9110 8.6).
    #[error("there is a body where there must be none")]
    BodyNotAllowed,
    /// `Connection` is no list of tokens, or too long a one (RFC 9110 7.6.1).
    #[error("`Connection` is no list of at most 32 options")]
    Connection,
    /// A trailer would say anew where the body ends, or to whom the message goes (RFC 9110 6.5.1).
    #[error("a trailer frames or routes the message")]
    TrailerNotAllowed,
    /// `Expect` is not `100-continue` (RFC 9110 10.1.1).
    #[error("`Expect` is not `100-continue`")]
    Expectation,
}

impl HeadError {
    /// The status by which a request with this error is answered. A response with an error is a bad gateway's, 502,
    /// whatever the error.
    pub fn status(self) -> u16 {
        match self {
            Self::TargetTooLong => 414,
            Self::Expectation => 417,
            Self::TooLarge | Self::TooManyFields => 431,
            Self::MethodTooLong | Self::CodingUnknown => 501,
            Self::StatusLine => 502,
            Self::VersionUnsupported | Self::Http2 => 505,
            _ => 400,
        }
    }
}
