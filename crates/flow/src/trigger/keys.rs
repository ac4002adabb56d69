//! The keys that deliveries are signed with: read from where secrets are kept, and held for a moment.

use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use parking_lot::Mutex;
use sinew_model::{KeyText, Proof, SecretRef};
use sinew_stdx::Timestamp;
use sinew_vault::{Secret, SecretSource};

use super::verify::{Key, unhex};

/// How long keys are held.
const HOLD_FOR: Duration = Duration::from_secs(30);
/// How long at least, also when a signature fails: forged deliveries must not make us read files.
const HOLD_AT_LEAST: Duration = Duration::from_secs(1);
/// Secrets in one value, while they are being replaced one by another.
const KEYS_MAX: usize = 8;

/// Where keys come from, and those that are held.
pub(crate) struct Keys {
    source: Arc<dyn SecretSource>,
    names: Vec<SecretRef>,
    proof: Proof,
    held: Mutex<Option<(Timestamp, HeldKeys)>>,
}

/// Keys, or nothing if the secret cannot be had (which is logged).
pub(crate) type HeldKeys = Option<Arc<[Key]>>;

impl Keys {
    pub(crate) fn new(source: Arc<dyn SecretSource>, names: Vec<SecretRef>, proof: Proof) -> Self {
        Self { source, names, proof, held: Mutex::default() }
    }

    /// The keys.
    pub(crate) fn get(&self, now: Timestamp) -> HeldKeys {
        self.get_within(HOLD_FOR, now)
    }

    /// The keys as they are now, if those held are not just read.
    pub(crate) fn get_again(&self, now: Timestamp) -> HeldKeys {
        self.get_within(HOLD_AT_LEAST, now)
    }

    fn get_within(&self, age_max: Duration, now: Timestamp) -> HeldKeys {
        let mut held = self.held.lock();
        // A secret that could not be had is looked for again soon; a clock that went back makes nothing last.
        if let Some((read_at, keys)) = &*held
            && now >= *read_at
            && now.since(*read_at) < if keys.is_some() { age_max } else { HOLD_AT_LEAST }
        {
            return keys.clone();
        }
        let keys = self.read();
        *held = Some((now, keys.clone()));
        keys
    }

    /// One of several secrets may be gone already, or not there yet; the others still count.
    fn read(&self) -> HeldKeys {
        let mut all = Vec::new();
        for name in &self.names {
            // While a secret is being rotated in the vault, the version before it counts too.
            let read = self.source.accepted(name).map_err(|error| error.to_string());
            let each = |secrets: Vec<Secret>| -> Result<Vec<_>, String> {
                secrets.iter().map(|secret| keys_of(secret.expose(), self.proof)).collect()
            };
            match read.and_then(each) {
                Ok(keys) => all.extend(keys.into_iter().flatten()),
                Err(error) => {
                    tracing::error!(secret = %name, %error, "deliveries cannot be verified with it");
                }
            }
        }
        (!all.is_empty()).then(|| all.into())
    }
}

/// The keys in a secret's text: one, or several with white space between. A plain text with spaces may be one itself.
fn keys_of(text: &str, proof: Proof) -> Result<Vec<Key>, String> {
    let kind = match proof {
        Proof::Hmac { key, .. } | Proof::PublicKey { key, .. } => key,
        Proof::Token => KeyText::Plain,
    };
    let parts: Vec<&str> = text.split_whitespace().collect();
    let mut texts = Vec::with_capacity(parts.len() + 1);
    if kind == KeyText::Plain {
        texts.push(text.as_bytes().to_vec());
    }
    if kind != KeyText::Plain || parts.len() > 1 {
        for part in &parts {
            texts.push(bytes_of(part, kind)?);
        }
    }
    if texts.is_empty() || texts.len() > KEYS_MAX {
        return Err(format!("it holds {} keys; 1 to {KEYS_MAX} are taken", texts.len()));
    }
    Ok(texts.iter().map(|bytes| Key::new(proof, bytes)).collect())
}

/// The bytes of a key as it is written. The error never shows any of it.
fn bytes_of(text: &str, kind: KeyText) -> Result<Vec<u8>, String> {
    match kind {
        KeyText::Plain => Ok(text.as_bytes().to_vec()),
        KeyText::Hex => unhex(text).ok_or_else(|| "it is not hexadecimal".to_owned()),
        KeyText::Base64 => BASE64_STANDARD.decode(text).map_err(|_| "it is not Base64".to_owned()),
        KeyText::Standard => standard(text),
    }
}

/// The bytes of a Standard Webhooks secret. Its error never shows any of it.
pub(crate) fn standard(text: &str) -> Result<Vec<u8>, String> {
    match text.strip_prefix("whsec_") {
        Some(encoded) => {
            BASE64_STANDARD.decode(encoded).map_err(|_| "what follows `whsec_` is not base64".to_owned())
        }
        None => Ok(text.as_bytes().to_vec()),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering};

    use sinew_model::Hash;
    use sinew_vault::SecretError;

    use super::*;

    fn hmac(key: KeyText) -> Proof {
        Proof::Hmac { hash: Hash::Sha256, key }
    }

    struct Counted {
        text: Mutex<Option<&'static str>>,
        asked: AtomicU32,
    }

    impl SecretSource for Counted {
        fn resolve(&self, name: &SecretRef) -> Result<Secret, SecretError> {
            self.asked.fetch_add(1, Ordering::Relaxed);
            let missing = || SecretError::Missing { name: name.clone(), looked_for: "nowhere".to_owned() };
            self.text.lock().map(Secret::new).ok_or_else(missing)
        }
    }

    fn keys(text: Option<&'static str>) -> (Arc<Counted>, Keys) {
        let source = Arc::new(Counted { text: Mutex::new(text), asked: AtomicU32::new(0) });
        let name = SecretRef::new("secret:crm/hook").unwrap();
        let shared: Arc<dyn SecretSource> = Arc::clone(&source) as Arc<dyn SecretSource>;
        (source, Keys::new(shared, vec![name], hmac(KeyText::Plain)))
    }

    fn at(ms: i64) -> Timestamp {
        Timestamp::from_millis(1_000_000 + ms)
    }

    #[test]
    fn keys_are_read_once_in_a_while_and_again_when_a_signature_fails() {
        let (source, keys) = keys(Some("one"));
        for ms in [0, 10_000, 29_999] {
            assert!(keys.get(at(ms)).is_some());
        }
        assert_eq!(source.asked.load(Ordering::Relaxed), 1);
        keys.get_again(at(29_999));
        keys.get_again(at(30_500));
        assert_eq!(source.asked.load(Ordering::Relaxed), 2, "at most once a second");
        keys.get(at(60_500));
        assert_eq!(source.asked.load(Ordering::Relaxed), 3);
    }

    struct Rotated;

    impl SecretSource for Rotated {
        fn resolve(&self, _: &SecretRef) -> Result<Secret, SecretError> {
            Ok(Secret::new("new"))
        }

        fn accepted(&self, _: &SecretRef) -> Result<Vec<Secret>, SecretError> {
            Ok(vec![Secret::new("new"), Secret::new("old")])
        }
    }

    #[test]
    fn while_a_secret_is_rotated_the_one_before_it_counts_too() {
        let name = SecretRef::new("secret:crm/hook").unwrap();
        let keys = Keys::new(Arc::new(Rotated), vec![name], hmac(KeyText::Plain));
        assert_eq!(keys.get(at(0)).unwrap().len(), 2);
    }

    #[test]
    fn a_missing_secret_is_looked_for_again_soon() {
        let (source, keys) = keys(None);
        assert!(keys.get(at(0)).is_none() && keys.get(at(500)).is_none());
        *source.text.lock() = Some("late");
        assert!(keys.get(at(1500)).is_some());
        assert_eq!(source.asked.load(Ordering::Relaxed), 2);
    }

    #[test]
    fn a_value_may_hold_several_keys_while_they_are_replaced() {
        let count = |text: &str, kind| keys_of(text, hmac(kind)).map(|keys| keys.len());
        assert_eq!(count("one", KeyText::Plain), Ok(1));
        assert_eq!(count("new old", KeyText::Plain), Ok(3), "each, and the whole as it stands");
        assert_eq!(count("whsec_bmV3\nwhsec_b2xk", KeyText::Standard), Ok(2));
        assert!(count("whsec_***", KeyText::Standard).is_err());
        assert!(count(" ", KeyText::Standard).is_err());
        assert_eq!((count("00ff", KeyText::Hex), count("AA==", KeyText::Base64)), (Ok(1), Ok(1)));
        assert!(count("0g", KeyText::Hex).is_err() && count("*", KeyText::Base64).is_err());
    }
}
