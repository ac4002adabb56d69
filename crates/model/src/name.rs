use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

/// A text that cannot name anything; says what a name looks like.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a name: {1}")]
pub struct InvalidName(pub String, pub &'static str);

macro_rules! names {
    ($($(#[$doc:meta])* $name:ident, $check:path;)*) => {$(
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(Arc<str>);

        impl $name {
            /// Takes a text that is a valid name.
            pub fn new(text: &str) -> Result<Self, InvalidName> {
                $check(text).map(|()| Self(Arc::from(text)))
            }

            /// The name.
            pub fn as_str(&self) -> &str {
                &self.0
            }

            /// The name, shared.
            pub fn shared(&self) -> Arc<str> {
                Arc::clone(&self.0)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl std::borrow::Borrow<str> for $name {
            fn borrow(&self) -> &str {
                &self.0
            }
        }
    )*};
}

names! {
    /// The name of a flow.
    FlowName, resource;
    /// The name of a connection.
    ConnectionName, resource;
    /// The name of an alert channel.
    ChannelName, resource;
    /// The name of a subscriber.
    SubscriberName, resource;
    /// The name of an API.
    ApiName, resource;
    /// The name of a pool of servers.
    UpstreamName, resource;
    /// The name of a plan.
    PlanName, resource;
    /// The name of somebody who calls the gateway.
    ConsumerName, resource;
    /// The name of a step: a word that expressions can say (`customer`, `credit_check`).
    StepName, word;
    /// The id of an operation within its connector (`createInvoice`, `GetBalance`).
    OperationId, word;
    /// The name of an event (`order.paid`).
    EventName, dotted;
}

/// A connector in one version: `sandbox-crm@2026-11`.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
pub struct ConnectorId {
    /// The connector's name.
    pub name: Arc<str>,
    /// Its version, as its author writes versions.
    pub version: Arc<str>,
}

impl ConnectorId {
    /// Reads `name@version`.
    pub fn new(text: &str) -> Result<Self, InvalidName> {
        const SHAPE: &str = "a connector is written `name@version`, like `sandbox-crm@2026-11`";
        let wrong = || InvalidName(text.to_owned(), SHAPE);
        let (name, version) = text.split_once('@').ok_or_else(wrong)?;
        resource(name).map_err(|_| wrong())?;
        let version_ok = !version.is_empty()
            && version.len() <= 63
            && version.chars().all(|c| c.is_ascii_alphanumeric() || ".-_".contains(c));
        if !version_ok {
            return Err(wrong());
        }
        Ok(Self { name: name.into(), version: version.into() })
    }
}

impl fmt::Display for ConnectorId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}@{}", self.name, self.version)
    }
}

/// Checks the name of a resource; it becomes part of URLs, so it is a DNS label.
pub(crate) fn resource(text: &str) -> Result<(), InvalidName> {
    check(
        text,
        "use 1 to 63 lower-case letters, digits and `-`, starting with a letter",
        |c| c.is_ascii_lowercase(),
        |c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-',
    )
}

pub(crate) fn word(text: &str) -> Result<(), InvalidName> {
    check(
        text,
        "use 1 to 63 letters, digits and `_`, starting with a letter",
        |c| c.is_ascii_alphabetic(),
        |c| c.is_ascii_alphanumeric() || c == '_',
    )
}

pub(crate) fn dotted(text: &str) -> Result<(), InvalidName> {
    check(
        text,
        "use 1 to 63 letters, digits, `.`, `-`, `_`, `/` and `:`, starting with a letter",
        |c| c.is_ascii_alphabetic(),
        |c| c.is_ascii_alphanumeric() || ".-_/:".contains(c),
    )
}

fn check(
    text: &str,
    shape: &'static str,
    first: fn(char) -> bool,
    rest: fn(char) -> bool,
) -> Result<(), InvalidName> {
    let ok = text.len() <= 63 && text.starts_with(first) && text.chars().all(rest);
    if ok { Ok(()) } else { Err(InvalidName(text.to_owned(), shape)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_what_urls_and_expressions_can_say() {
        assert!(FlowName::new("closed-won-to-invoice").is_ok());
        assert!(
            FlowName::new("Closed").is_err() && FlowName::new("").is_err() && FlowName::new("a/b").is_err()
        );
        assert!(StepName::new("credit_check").is_ok() && StepName::new("credit-check").is_err());
        assert!(EventName::new("order.paid").is_ok());
        assert_eq!(ConnectorId::new("crm@2026-11").unwrap().to_string(), "crm@2026-11");
        assert!(ConnectorId::new("crm").is_err() && ConnectorId::new("crm@").is_err());
    }
}
