//! What the gateway answers by itself: problem details (RFC 9457), under a code.

use std::borrow::Cow;

use sinew_diag::Code;
use sinew_gateway_core::http1::HeadError;
use sinew_stdx::Json;

/// Why a request does not go where its route leads.
#[derive(Debug)]
pub(crate) struct Refusal {
    pub(crate) status: u16,
    pub(crate) code: Code,
    /// What happened, in one sentence. Says nothing of how things are inside.
    pub(crate) detail: Cow<'static, str>,
    /// Lines of the answer's head besides those that each has.
    pub(crate) fields: String,
}

impl Refusal {
    pub(crate) fn new(status: u16, code: Code, detail: impl Into<Cow<'static, str>>) -> Self {
        Self { status, code, detail: detail.into(), fields: String::new() }
    }

    /// The same, with a line more in its head.
    pub(crate) fn field(mut self, name: &str, value: &str) -> Self {
        self.fields.push_str(name);
        self.fields.push_str(": ");
        self.fields.push_str(value);
        self.fields.push_str("\r\n");
        self
    }

    /// Why a head was refused.
    pub(crate) fn of_head(error: HeadError) -> Self {
        use sinew_diag::codes::gateway as codes;
        let status = error.status();
        let code = match status {
            414 | 431 => codes::HEAD_TOO_LARGE,
            417 | 501 | 505 => codes::UNSUPPORTED,
            _ => codes::MALFORMED,
        };
        Self::new(status, code, error.to_string())
    }

    /// The body: a problem document.
    pub(crate) fn body(&self, correlation_id: &str) -> Vec<u8> {
        let title = sinew_diag::page(self.code.as_str()).map_or("", |page| page.title);
        let document = Json::object([
            ("type", &Json::string(&self.code.uri())),
            ("title", &Json::string(title)),
            ("status", &Json::of(&self.status)),
            ("detail", &Json::string(&self.detail)),
            ("code", &Json::string(self.code.as_str())),
            ("correlation_id", &Json::string(correlation_id)),
        ]);
        document.as_bytes().to_vec()
    }
}

/// What a status is called (RFC 9110, section 15, and RFC 6585).
pub(crate) fn reason(status: u16) -> &'static str {
    match status {
        100 => "Continue",
        200 => "OK",
        201 => "Created",
        202 => "Accepted",
        204 => "No Content",
        301 => "Moved Permanently",
        302 => "Found",
        303 => "See Other",
        304 => "Not Modified",
        307 => "Temporary Redirect",
        308 => "Permanent Redirect",
        400 => "Bad Request",
        401 => "Unauthorized",
        403 => "Forbidden",
        404 => "Not Found",
        405 => "Method Not Allowed",
        408 => "Request Timeout",
        413 => "Content Too Large",
        414 => "URI Too Long",
        417 => "Expectation Failed",
        429 => "Too Many Requests",
        431 => "Request Header Fields Too Large",
        500 => "Internal Server Error",
        501 => "Not Implemented",
        502 => "Bad Gateway",
        503 => "Service Unavailable",
        504 => "Gateway Timeout",
        505 => "HTTP Version Not Supported",
        _ => "",
    }
}
