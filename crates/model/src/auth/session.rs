use std::sync::Arc;
use std::time::Duration;

use crate::SecretRef;

/// A session that begins with a request of its own and is kept for the calls after it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SessionLogin {
    /// Where the log-in goes, absolute.
    pub url: Arc<str>,
    /// Its method.
    pub method: Arc<str>,
    /// Its fields, by dotted paths.
    pub fields: Vec<(Arc<str>, SessionValue)>,
    /// How the fields are written.
    pub form: bool,
    /// A user name and password that it sends as HTTP Basic.
    pub basic: Option<(Arc<str>, SecretRef)>,
    /// Headers of the log-in.
    pub headers: Vec<(Arc<str>, SessionValue)>,
    /// What of the answer is kept, and where it goes.
    pub keep: SessionKeep,
    /// How long a session is used.
    pub lives: Duration,
}

impl SessionLogin {
    pub(super) fn secrets(&self) -> Vec<&SecretRef> {
        let values = self.fields.iter().chain(&self.headers).filter_map(|(_, value)| match value {
            SessionValue::Secret(secret) => Some(secret),
            SessionValue::Text(_) => None,
        });
        self.basic.iter().map(|(_, password)| password).chain(values).collect()
    }
}

/// What a field of a log-in says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SessionValue {
    /// This text.
    Text(Arc<str>),
    /// A secret.
    Secret(SecretRef),
}

/// What of the answer to a log-in is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SessionKeep {
    /// The cookies of these names, or all of them; sent back as cookies.
    Cookies(Vec<Arc<str>>),
    /// A value, put into a header of the calls.
    Value {
        /// Where it is found.
        from: SessionSource,
        /// The header of the calls.
        header: Arc<str>,
        /// What stands before the value, such as `Bearer `.
        prefix: Arc<str>,
    },
}

/// Where a session's value is found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SessionSource {
    /// In a header of the answer.
    Header(Arc<str>),
    /// In a field of its JSON body, by a dotted path; an empty one is the whole body, a text.
    Field(Arc<str>),
}
