use std::borrow::Cow;

use axum::response::{IntoResponse, Response};
use http::StatusCode;
use sinew_control_api::{Finding, Problem};
use sinew_diag::codes::{control, engine, store};
use sinew_diag::{Code, page};
use sinew_flow::Refusal;
use sinew_store::StoreError;

/// Why a request was not done. What the caller sees; the log has the cause besides.
#[derive(Clone, Debug)]
pub struct Fault {
    /// The HTTP status.
    pub status: StatusCode,
    /// The stable code.
    pub code: Code,
    /// What happened, in one sentence.
    pub detail: String,
    /// How to mend it.
    pub help: Option<Cow<'static, str>>,
    /// What is wrong with a project.
    pub findings: Vec<Finding>,
    /// When to ask again, in seconds.
    pub retry_after: Option<u32>,
}

impl Fault {
    /// A fault with status, code and sentence.
    pub fn new(status: StatusCode, code: Code, detail: impl Into<String>) -> Self {
        Self { status, code, detail: detail.into(), help: None, findings: Vec::new(), retry_after: None }
    }

    /// A request that cannot be understood.
    pub fn bad_request(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, control::BAD_REQUEST, detail)
    }

    /// A thing that is not there.
    pub fn missing(what: impl std::fmt::Display) -> Self {
        Self::new(StatusCode::NOT_FOUND, store::MISSING, format!("{what} does not exist"))
    }

    /// Something that does not fit the state of things.
    pub fn conflict(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::CONFLICT, engine::STATE_CONFLICT, detail)
    }

    /// Something that should not have happened.
    pub fn internal(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, control::INTERNAL, detail)
    }

    /// The same, saying how to mend it.
    pub fn help(mut self, help: impl Into<Cow<'static, str>>) -> Self {
        self.help = Some(help.into());
        self
    }

    /// As problem details (RFC 9457).
    pub(crate) fn problem(&self, correlation_id: &str) -> Problem {
        Problem {
            kind: self.code.uri(),
            title: page(self.code.as_str()).map_or("", |page| page.title).to_owned(),
            status: self.status.as_u16(),
            detail: self.detail.clone(),
            code: self.code.to_string(),
            correlation_id: correlation_id.to_owned(),
            help: self.help.as_deref().map(str::to_owned),
            findings: self.findings.clone(),
        }
    }
}

impl From<StoreError> for Fault {
    fn from(error: StoreError) -> Self {
        Refusal::from(error).into()
    }
}

impl From<Refusal> for Fault {
    fn from(refusal: Refusal) -> Self {
        let answered = refusal.answered();
        let status = StatusCode::from_u16(answered.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let fault = Self::new(status, refusal.code(), refusal.to_string());
        Self { retry_after: answered.retry_after_s, ..fault }
    }
}

/// The status, with the fault beside it: the guard writes the body, which needs the correlation id.
impl IntoResponse for Fault {
    fn into_response(self) -> Response {
        let mut response = self.status.into_response();
        response.extensions_mut().insert(self);
        response
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_is_told_with_its_status_code_and_time_to_wait() {
        let fault = Fault::from(Refusal::BacklogFull("a".into()));
        assert_eq!((fault.status.as_u16(), fault.retry_after), (429, Some(10)));
        let problem = fault.problem("4bf9");
        assert_eq!((&*problem.code, &*problem.kind), ("SNW-4002", "urn:sinew:error:SNW-4002"));
        assert_eq!((&*problem.title, &*problem.correlation_id), ("Too much is waiting already", "4bf9"));
        let gone = Fault::from(StoreError::Missing("run X".into()));
        assert_eq!((gone.status.as_u16(), gone.code.as_str(), gone.retry_after), (404, "SNW-5008", None));
    }
}
