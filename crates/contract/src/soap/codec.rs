use std::fmt;
use std::sync::Arc;

use sinew_stdx::Json;

use super::{Answer, Options, Request, SoapError, envelope};
use crate::wsdl::{Operation, SoapVersion, Wsdl};
use crate::xsd::Types;

/// All that it takes to call one operation, without the rest of its description.
#[derive(Clone)]
pub struct Codec {
    operation: Operation,
    types: Arc<Types>,
}

impl Wsdl {
    /// The codec of an operation.
    pub fn codec(&self, operation: &Operation) -> Codec {
        Codec { operation: operation.clone(), types: Arc::clone(&self.types) }
    }
}

impl Codec {
    /// The operation.
    pub fn operation(&self) -> &Operation {
        &self.operation
    }

    /// The `SOAPAction` header, which SOAP 1.1 has. (SOAP 1.2 says it in the media type.)
    pub fn action(&self) -> Option<String> {
        (self.operation.version == SoapVersion::V11).then(|| envelope::quoted(&self.operation.action))
    }

    /// The message that calls the operation. Binary content goes beside the envelope if the service's policy asks for
    /// that (MTOM); `boundary` parts it from the envelope, and must occur nowhere in it.
    pub fn request(&self, input: &Json, boundary: &str) -> Result<Request, SoapError> {
        let Operation { input: message, action, security, .. } = &self.operation;
        let has_parts = security.mtom || !message.attachments.is_empty();
        let options = Options { boundary: has_parts.then_some(boundary) };
        envelope::write(&self.types, &self.operation, message, action, input, &options)
    }

    /// What the service answered, by the answer's media type and body.
    pub fn answer(&self, content_type: Option<&str>, body: &[u8]) -> Result<Answer, SoapError> {
        envelope::answer(&self.types, &self.operation, content_type, body)
    }
}

/// The same operation of the same description, as it was read at one time.
impl PartialEq for Codec {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.types, &other.types) && self.operation.id == other.operation.id
    }
}

impl Eq for Codec {}

impl fmt::Debug for Codec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Codec({})", self.operation.id)
    }
}
