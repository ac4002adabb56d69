//! `SNW-8xxx`: what the gateway answers instead of an upstream.

use crate::code::codes;

codes! {
    /// The request is not HTTP.
    MALFORMED = "SNW-8001", "The request is not HTTP";
    /// The head of the request is too large.
    HEAD_TOO_LARGE = "SNW-8002", "The head of the request is too large";
    /// Something that the gateway does not speak.
    UNSUPPORTED = "SNW-8003", "Something that the gateway does not speak";
    /// No route.
    NO_ROUTE = "SNW-8010", "No route";
    /// Method not allowed.
    METHOD_NOT_ALLOWED = "SNW-8011", "Method not allowed";
    /// No credential.
    NO_CREDENTIAL = "SNW-8020", "No credential";
    /// The credential is not known.
    CREDENTIAL_REFUSED = "SNW-8021", "The credential is not known";
    /// Not allowed.
    NOT_ALLOWED = "SNW-8022", "Not allowed";
    /// Too many requests.
    TOO_OFTEN = "SNW-8030", "Too many requests";
    /// Too many requests at once.
    TOO_MANY_AT_ONCE = "SNW-8031", "Too many requests at once";
    /// The body is too large.
    BODY_TOO_LARGE = "SNW-8040", "The body is too large";
    /// The body is not HTTP.
    BODY_MALFORMED = "SNW-8041", "The body is not HTTP";
    /// The request came too slowly.
    TOO_SLOW = "SNW-8042", "The request came too slowly";
    /// The upstream cannot be reached.
    UNREACHABLE = "SNW-8050", "The upstream cannot be reached";
    /// The upstream's answer is not HTTP.
    ANSWER_UNUSABLE = "SNW-8051", "The upstream's answer is not HTTP";
    /// The upstream took too long.
    UPSTREAM_LATE = "SNW-8052", "The upstream took too long";
    /// No server is well.
    NO_SERVER = "SNW-8053", "No server is well";
    /// Something broke in the gateway.
    BROKEN = "SNW-8090", "Something broke in the gateway";
}
