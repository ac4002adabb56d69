use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::shape::Words;
use crate::{ChannelName, Egress, Owner, SecretRef};

/// Where alerts go.
#[derive(Clone, Debug)]
pub struct AlertChannel {
    /// Its name.
    pub name: ChannelName,
    /// Who answers for it.
    pub owner: Option<Owner>,
    /// How it is reached.
    pub kind: ChannelKind,
    /// Which alerts go there; all if empty.
    pub on: Vec<AlertKind>,
    /// Which addresses it may reach.
    pub egress: Egress,
}

/// How a channel is reached.
#[derive(Clone, Debug)]
pub enum ChannelKind {
    /// A Slack-compatible incoming webhook (`{"text": ...}`).
    Slack {
        /// Its URL, which is itself a secret at Slack; written plainly or as `secret:`.
        url: UrlOrSecret,
    },
    /// A POST signed by Standard Webhooks 1.0.
    Webhook {
        /// The receiver.
        url: Arc<str>,
        /// The signing key.
        secret: SecretRef,
    },
    /// E-mail by SMTP.
    Email {
        /// `host:port`.
        server: Arc<str>,
        /// How the connection is secured.
        tls: EmailTls,
        /// User name and password, if the server asks for them.
        login: Option<(Arc<str>, SecretRef)>,
        /// The sender.
        from: Arc<str>,
        /// The receivers.
        to: Vec<Arc<str>>,
    },
    /// The server's own log.
    Log,
}

/// A URL written plainly, or kept as a secret.
#[derive(Clone, Debug)]
pub enum UrlOrSecret {
    /// Plain.
    Url(Arc<str>),
    /// By reference.
    Secret(SecretRef),
}

/// How an SMTP connection is secured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EmailTls {
    /// TLS from the first byte (port 465).
    Wrapper,
    /// STARTTLS, and nothing without it (port 587).
    StartTls,
    /// None; refused for servers that are not on loopback or private addresses.
    None,
}

/// What an alert is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AlertKind {
    /// Work gave up.
    DeadLetter,
    /// More of a flow's runs failed than usual.
    ErrorRate,
    /// A connection could not log in.
    Credential,
    /// A circuit breaker opened.
    BreakerOpen,
    /// A trigger that should have fired by now has not.
    Silence,
    /// A run takes longer than its budget.
    TimeBudget,
    /// Answers depart from the contract.
    Drift,
    /// A subscriber does not take its deliveries.
    Delivery,
    /// A system cannot be told where to send its webhooks.
    Subscription,
}

impl AlertKind {
    /// Every kind there is.
    pub const ALL: &'static [Self] = <Self as Words>::ALL;

    /// The word for it, as in YAML and JSON.
    pub fn as_str(self) -> &'static str {
        self.word()
    }

    /// The kind that this word means.
    pub fn of(word: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|kind| kind.as_str() == word)
    }

    /// What has happened, in a few words, for people.
    pub fn title(self) -> &'static str {
        match self {
            Self::DeadLetter => "dead letter",
            Self::ErrorRate => "more failures than usual",
            Self::Credential => "cannot log in",
            Self::BreakerOpen => "system down, calls held back",
            Self::Silence => "silence",
            Self::TimeBudget => "run over its time budget",
            Self::Drift => "answers depart from the contract",
            Self::Delivery => "deliveries are not taken",
            Self::Subscription => "a webhook is not registered",
        }
    }

    /// Whether its subject is a flow; else it is a connection, or an operation of one.
    pub fn is_of_flow(self) -> bool {
        match self {
            Self::DeadLetter | Self::ErrorRate | Self::Silence | Self::TimeBudget | Self::Subscription => {
                true
            }
            Self::Credential | Self::BreakerOpen | Self::Drift | Self::Delivery => false,
        }
    }
}

impl fmt::Display for AlertKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_kind_has_one_word_in_yaml_json_and_everywhere_else() {
        for kind in AlertKind::ALL {
            assert_eq!(serde_json::to_string(kind).unwrap(), format!("\"{kind}\""));
            assert_eq!(AlertKind::of(kind.as_str()), Some(*kind));
        }
        assert_eq!(AlertKind::of("dead"), None);
    }
}
