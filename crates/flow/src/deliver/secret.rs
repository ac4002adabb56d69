//! Secrets of subscribers. They are derived, not kept: the store holds none of them, and a copy of it gives none away.

use aws_lc_rs::constant_time::verify_slices_are_equal;
use aws_lc_rs::hmac;
use base64::Engine as _;
use base64::prelude::{BASE64_STANDARD, BASE64_URL_SAFE_NO_PAD};

use super::record::Record;

/// What the secrets of subscribers are derived from. Whoever has it can sign in this server's name.
#[derive(Clone)]
pub struct RootKey(hmac::Key);

/// What tokens of receivers begin with.
const TOKEN: &str = "snwr_";

impl RootKey {
    /// A root from a text with enough chance in it.
    pub fn new(text: &str) -> Self {
        Self(hmac::Key::new(hmac::HMAC_SHA256, text.as_bytes()))
    }

    fn derive(&self, purpose: &str, name: &str, record: &Record, version: u32) -> Vec<u8> {
        let text = format!("sinew webhooks 1\n{purpose}\n{name}\n{}\n{version}", record.nonce);
        hmac::sign(&self.0, text.as_bytes()).as_ref().to_vec()
    }

    /// A version of a subscriber's signing secret, as Standard Webhooks write it.
    pub(super) fn secret(&self, name: &str, record: &Record, version: u32) -> String {
        format!("whsec_{}", BASE64_STANDARD.encode(self.derive("secret", name, record, version)))
    }

    /// The token by which a receiver sees its own endpoint, and no other.
    pub(super) fn token(&self, name: &str, record: &Record) -> String {
        let derived = self.derive("token", name, record, record.token_version);
        format!("{TOKEN}{name}_{}", BASE64_URL_SAFE_NO_PAD.encode(derived))
    }

    /// Whether this is that token.
    pub(super) fn is_token(&self, said: &str, name: &str, record: &Record) -> bool {
        verify_slices_are_equal(self.token(name, record).as_bytes(), said.as_bytes()).is_ok()
    }
}

/// Whose token this would be. Names have no `_`.
pub(super) fn name_of(token: &str) -> Option<&str> {
    token.strip_prefix(TOKEN)?.split_once('_').map(|(name, _)| name)
}

impl std::fmt::Debug for RootKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("RootKey(..)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_subscriber_and_version_has_a_secret_of_its_own() {
        let root = RootKey::new("root");
        let (mut one, two) = (Record::new("n1", None, 0), Record::new("n2", None, 0));
        let first = root.secret("a", &one, 1);
        assert!(first.starts_with("whsec_") && first.len() == 50);
        assert_eq!(root.secret("a", &one, 1), first);
        for other in [root.secret("a", &one, 2), root.secret("b", &one, 1), root.secret("a", &two, 1)] {
            assert_ne!(other, first);
        }
        let token = root.token("a-b", &one);
        assert_eq!(name_of(&token), Some("a-b"));
        assert!(root.is_token(&token, "a-b", &one) && !root.is_token(&token, "a-b", &two));
        one.token_version += 1;
        assert!(!root.is_token(&token, "a-b", &one), "revoked");
        assert!(!RootKey::new("other").is_token(&token, "a-b", &one));
    }
}
