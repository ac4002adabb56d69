//! What a service's policy asks of its callers (WS-Policy and WS-SecurityPolicy, all editions: by local names).

use std::collections::HashMap;

use crate::xml::{Element, ns};

/// What a service asks of its callers beside the message.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Security {
    /// A user name and password in the header.
    pub username_token: bool,
    /// The password only as its digest.
    pub digest: bool,
    /// When the message was made.
    pub timestamp: bool,
    /// Binary content beside the envelope (MTOM).
    pub mtom: bool,
    /// Headers of WS-Addressing.
    pub addressing: bool,
    /// What is asked for and not supported: signatures, encryption, tokens of other kinds.
    pub unsupported: Vec<String>,
}

/// The policies of all documents by their ids.
pub(super) struct Policies<'d>(HashMap<&'d str, &'d Element>);

const UNSUPPORTED: [&str; 9] = [
    "AsymmetricBinding",
    "SymmetricBinding",
    "SignedParts",
    "EncryptedParts",
    "IssuedToken",
    "SamlToken",
    "KerberosToken",
    "X509Token",
    "SecureConversationToken",
];

impl<'d> Policies<'d> {
    pub(super) fn of(documents: &'d [(String, Element)]) -> Self {
        let mut policies = HashMap::new();
        for (_, root) in documents {
            for policy in root.elements().filter(|part| &*part.name.local == "Policy") {
                let id = policy.attribute_of(ns::WSU, "Id").or_else(|| policy.attribute("Name"));
                policies.extend(id.map(|id| (id, policy)));
            }
        }
        Self(policies)
    }

    /// What holds for something to which these parts belong.
    pub(super) fn security(&self, parts: &[&'d Element]) -> Security {
        let mut security = Security::default();
        for part in parts {
            for inner in part.elements() {
                match &*inner.name.local {
                    "Policy" => gather(inner, &mut security),
                    "PolicyReference" => {
                        let id = inner.attribute("URI").unwrap_or_default().trim_start_matches('#');
                        if let Some(policy) = self.0.get(id) {
                            gather(policy, &mut security);
                        }
                    }
                    "UsingAddressing" => security.addressing = true,
                    _ => {}
                }
            }
        }
        security
    }
}

fn gather(of: &Element, security: &mut Security) {
    match &*of.name.local {
        "UsernameToken" => security.username_token = true,
        "HashPassword" => security.digest = true,
        "IncludeTimestamp" => security.timestamp = true,
        "OptimizedMimeSerialization" | "MTOM" => security.mtom = true,
        "UsingAddressing" | "Addressing" => security.addressing = true,
        local if UNSUPPORTED.contains(&local) && !security.unsupported.iter().any(|known| known == local) => {
            security.unsupported.push(local.to_owned());
        }
        _ => {}
    }
    for inner in of.elements() {
        gather(inner, security);
    }
}
