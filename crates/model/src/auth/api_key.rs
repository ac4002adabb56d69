use std::sync::Arc;

use crate::SecretRef;

/// A key and where it goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ApiKey {
    /// Where it goes.
    pub location: KeyLocation,
    /// The key.
    pub key: SecretRef,
}

impl ApiKey {
    /// The query parameter that carries it, if one does.
    pub(super) fn query_parameter(&self) -> Option<&str> {
        match &self.location {
            KeyLocation::Query { name } => Some(name),
            KeyLocation::Header { .. } | KeyLocation::Cookie { .. } => None,
        }
    }
}

/// Where an API key goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum KeyLocation {
    /// In this header, after this prefix (often empty).
    Header {
        /// The header's name.
        name: Arc<str>,
        /// What stands before the key, such as `Token `.
        prefix: Arc<str>,
    },
    /// In this query parameter.
    Query {
        /// The parameter's name.
        name: Arc<str>,
    },
    /// In this cookie.
    Cookie {
        /// The cookie's name.
        name: Arc<str>,
    },
}
