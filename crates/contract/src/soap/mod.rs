//! Messages of SOAP 1.1 and 1.2: JSON as envelopes and envelopes as JSON, by the convention of
//! `docs/decisions/0010-soap-as-json.md`.
//!
//! Everything here is text in, text out: what must be new each time (times, nonces, boundaries) is given.

mod codec;
mod decode;
mod encode;
mod envelope;
mod fault;
mod gathered;
mod generic;
mod multipart;
mod scalar;
mod security;
mod tree;

use sinew_stdx::Json;

use crate::wsdl::{Operation, Wsdl};
use crate::xml::XmlError;

pub use codec::Codec;
pub use envelope::{Options, Request};
pub use fault::{Blame, Fault};
pub use security::{Password, SecurityHeader, UsernameToken};

/// Why a message cannot be written or read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SoapError {
    /// The answer is no XML, or none that is read.
    #[error("the answer cannot be read: {0}")]
    Unreadable(#[from] XmlError),
    /// The answer is XML without an envelope.
    #[error("the answer is no SOAP message: its element is `{0}`")]
    NotSoap(String),
    /// The answer refers to itself, or to too much.
    #[error("the answer stands for more than {0} values, or refers to itself")]
    TooLarge(usize),
    /// The answer consists of several parts that cannot be told apart.
    #[error("the answer has several parts (multipart/related) and cannot be taken apart: {0}")]
    Multipart(String),
    /// The input does not fit.
    #[error("{path}: {message}")]
    Input {
        /// JSON Pointer to what does not fit.
        path: String,
        /// What is wrong with it, without repeating the value (it may be a secret).
        message: String,
    },
}

/// What a service answered.
#[derive(Clone, Debug, PartialEq)]
pub enum Answer {
    /// What the operation gives.
    Output(Json),
    /// That it failed, and why.
    Fault(Fault),
}

impl Wsdl {
    /// The message that calls an operation.
    pub fn request(
        &self,
        operation: &Operation,
        input: &Json,
        options: &Options<'_>,
    ) -> Result<Request, SoapError> {
        envelope::write(&self.types, operation, &operation.input, &operation.action, input, options)
    }

    /// What the caller of an operation gave, for those who serve it.
    pub fn given(
        &self,
        operation: &Operation,
        content_type: Option<&str>,
        body: &[u8],
    ) -> Result<Json, SoapError> {
        match envelope::read(&self.types, &operation.input, &[], content_type, body)? {
            Answer::Output(input) => Ok(input),
            Answer::Fault(_) => Err(SoapError::NotSoap("Fault".to_owned())),
        }
    }

    /// The message that answers a call, for those who serve an operation. None if it answers nothing.
    pub fn answering(&self, operation: &Operation, output: &Json) -> Option<Result<Request, SoapError>> {
        let message = operation.output.as_ref()?;
        Some(envelope::write(&self.types, operation, message, "", output, &Options::default()))
    }

    /// What a service answered to a call of an operation, by the answer's media type and body.
    pub fn answer(
        &self,
        operation: &Operation,
        content_type: Option<&str>,
        body: &[u8],
    ) -> Result<Answer, SoapError> {
        envelope::answer(&self.types, operation, content_type, body)
    }
}
