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
        Self::new(StatusCode::NOT_FOUND, engine::RESOURCE_GONE, format!("{what} does not exist"))
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

    fn later(mut self, seconds: u32) -> Self {
        self.retry_after = Some(seconds);
        self
    }

    /// As problem details (RFC 9457).
    pub(crate) fn problem(&self, correlation_id: &str) -> Problem {
        Problem {
            kind: format!("https://sinew.dev/errors/{}", self.code),
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

/// The code of what a store says.
pub fn store_code(error: &StoreError) -> Code {
    match error {
        StoreError::Full(_) => store::DISK_FULL,
        StoreError::Locked(_) => store::IN_USE,
        StoreError::Newer { .. } => store::NEWER,
        StoreError::Damaged { .. } => store::DAMAGED,
        StoreError::Missing(_) => engine::RESOURCE_GONE,
        _ => store::STORE_FAILED,
    }
}

impl From<StoreError> for Fault {
    fn from(error: StoreError) -> Self {
        let status = match error {
            StoreError::Missing(_) => StatusCode::NOT_FOUND,
            StoreError::Full(_) | StoreError::Closed | StoreError::Locked(_) => {
                StatusCode::SERVICE_UNAVAILABLE
            }
            _ => StatusCode::INTERNAL_SERVER_ERROR,
        };
        let fault = Self::new(status, store_code(&error), error.to_string());
        if status == StatusCode::SERVICE_UNAVAILABLE { fault.later(5) } else { fault }
    }
}

impl From<Refusal> for Fault {
    fn from(refusal: Refusal) -> Self {
        let (code, detail) = (refusal.code(), refusal.to_string());
        match refusal {
            Refusal::Missing(_) => Self::new(StatusCode::NOT_FOUND, code, detail),
            Refusal::Conflict(_) => Self::new(StatusCode::CONFLICT, code, detail),
            Refusal::Unacceptable(_) => Self::new(StatusCode::UNPROCESSABLE_ENTITY, code, detail),
            Refusal::BacklogFull(_) => Self::new(StatusCode::TOO_MANY_REQUESTS, code, detail).later(5),
            Refusal::Stopping => Self::new(StatusCode::SERVICE_UNAVAILABLE, code, detail).later(5),
            Refusal::Store(error) => error.into(),
        }
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

    fn check(refusal: Refusal) -> (u16, String, Option<u32>) {
        let fault = Fault::from(refusal);
        let problem = fault.problem("4bf9");
        assert!(
            !problem.title.is_empty()
                && problem.correlation_id == "4bf9"
                && problem.kind.ends_with(&problem.code)
        );
        (problem.status, problem.code, fault.retry_after)
    }

    #[test]
    fn every_refusal_has_its_status_and_code() {
        assert_eq!(check(Refusal::Missing("run X".into())), (404, "SNW-3009".into(), None));
        assert_eq!(check(Refusal::Conflict("it is over".into())), (409, "SNW-3014".into(), None));
        assert_eq!(check(Refusal::Unacceptable("deep".into())), (422, "SNW-4001".into(), None));
        assert_eq!(check(Refusal::BacklogFull("a".into())), (429, "SNW-4002".into(), Some(5)));
        assert_eq!(check(Refusal::Stopping), (503, "SNW-4002".into(), Some(5)));
        assert_eq!(check(Refusal::Store(StoreError::Full("/x".into()))), (503, "SNW-5001".into(), Some(5)));
        assert_eq!(check(Refusal::Store(StoreError::Failed("odd".into()))), (500, "SNW-5009".into(), None));
    }
}
