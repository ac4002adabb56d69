//! `SNW-2xxx`: what goes wrong on a call to another system.

use crate::code::codes;

codes! {
    /// The host cannot be found.
    HOST_NOT_FOUND = "SNW-2001", "The host cannot be found";
    /// No connection could be made.
    NOT_CONNECTED = "SNW-2002", "No connection could be made";
    /// The TLS handshake failed.
    TLS_FAILED = "SNW-2003", "The TLS handshake failed";
    /// Time ran out before the request was sent.
    SEND_DEADLINE = "SNW-2004", "Time ran out before the request was sent";
    /// No answer came in time.
    ANSWER_DEADLINE = "SNW-2005", "No answer came in time";
    /// The connection ended before the answer.
    ANSWER_LOST = "SNW-2006", "The connection ended before the answer";
    /// The answer cannot be read.
    ANSWER_UNUSABLE = "SNW-2007", "The answer cannot be read";
    /// The answer is larger than allowed.
    ANSWER_TOO_LARGE = "SNW-2008", "The answer is larger than allowed";
    /// The system is not known by its key.
    HOST_KEY = "SNW-2009", "The system is not known by its key";
    /// The address may not be reached.
    EGRESS_REFUSED = "SNW-2010", "The address may not be reached";
    /// The connection allows reads only.
    READ_ONLY = "SNW-2011", "The connection allows reads only";
    /// A redirect was not followed.
    REDIRECT_REFUSED = "SNW-2012", "A redirect was not followed";
    /// The operation cannot be turned into a request.
    NOT_CALLABLE = "SNW-2013", "The operation cannot be turned into a request";
    /// The certificate has expired, or is not valid yet.
    CERTIFICATE_EXPIRED = "SNW-2014", "The certificate has expired, or is not valid yet";
    /// Nobody who is trusted vouches for the certificate.
    CERTIFICATE_UNTRUSTED = "SNW-2015", "Nobody who is trusted vouches for the certificate";
    /// The certificate is for another host.
    CERTIFICATE_OTHER_HOST = "SNW-2016", "The certificate is for another host";
    /// The client certificate is missing or refused.
    CLIENT_CERTIFICATE = "SNW-2017", "The client certificate is missing or refused";
    /// The system does not offer TLS.
    TLS_NOT_OFFERED = "SNW-2018", "The system does not offer TLS";
    /// The credential lacks a scope.
    SCOPE_MISSING = "SNW-2019", "The credential lacks a scope";
    /// The secret cannot be had.
    SECRET_UNAVAILABLE = "SNW-2020", "The secret cannot be had";
    /// The credential was refused.
    CREDENTIAL_REFUSED = "SNW-2021", "The credential was refused";
    /// The credential may not do this.
    FORBIDDEN = "SNW-2022", "The credential may not do this";
    /// The token endpoint refused the client.
    TOKEN_REFUSED = "SNW-2023", "The token endpoint refused the client";
    /// The token endpoint gave no token.
    TOKEN_UNAVAILABLE = "SNW-2024", "The token endpoint gave no token";
    /// The token endpoint's answer is no token.
    TOKEN_UNUSABLE = "SNW-2025", "The token endpoint's answer is no token";
    /// What was given for a token is no longer good.
    GRANT_REFUSED = "SNW-2026", "What was given for a token is no longer good";
    /// Nobody has logged in yet.
    NOT_LOGGED_IN = "SNW-2027", "Nobody has logged in yet";
    /// The issuer's metadata cannot be had.
    DISCOVERY_FAILED = "SNW-2028", "The issuer's metadata cannot be had";
    /// The log-in to a session failed.
    SESSION_REFUSED = "SNW-2029", "The log-in to a session failed";
    /// The connection needs reconnecting.
    NEEDS_RECONNECTING = "SNW-2060", "The connection needs reconnecting";
    /// Nobody logs in for this connection.
    NO_LOGIN = "SNW-2061", "Nobody logs in for this connection";
    /// The log-in came to nothing.
    LOGIN_FAILED = "SNW-2062", "The log-in came to nothing";
    /// The system says that we call too often.
    RATE_LIMITED = "SNW-2030", "The system says that we call too often";
    /// No budget within the deadline.
    BUDGET_SPENT = "SNW-2031", "No budget within the deadline";
    /// The circuit breaker is open.
    BREAKER_OPEN = "SNW-2032", "The circuit breaker is open";
    /// The system is busy or down.
    UNAVAILABLE = "SNW-2033", "The system is busy or down";
    /// The system failed during a write.
    EFFECT_UNKNOWN = "SNW-2034", "The system failed during a write";
    /// The service failed and says so in a fault.
    SERVICE_FAULT = "SNW-2035", "The service failed and says so in a fault";
    /// The system refused the call.
    REJECTED = "SNW-2040", "The system refused the call";
    /// The call conflicts with what is there.
    CONFLICT = "SNW-2041", "The call conflicts with what is there";
    /// The system does not have this.
    NOT_FOUND = "SNW-2042", "The system does not have this";
    /// The service refused the call with a fault.
    CALL_FAULT = "SNW-2043", "The service refused the call with a fault";
    /// The input does not fit the contract.
    INPUT_INVALID = "SNW-2050", "The input does not fit the contract";
    /// A required input is missing.
    INPUT_MISSING = "SNW-2051", "A required input is missing";
    /// An input does not fit its place.
    INPUT_UNPLACEABLE = "SNW-2052", "An input does not fit its place";
    /// The answer departs from the contract.
    DRIFT = "SNW-2053", "The answer departs from the contract";
    /// The pages do not hang together.
    PAGES_BROKEN = "SNW-2054", "The pages do not hang together";
    /// The probe cannot be asked.
    PROBE_BROKEN = "SNW-2055", "The probe cannot be asked";
}
