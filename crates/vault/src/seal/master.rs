use std::fmt;
use std::sync::Arc;

use aws_lc_rs::hmac;
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD, URL_SAFE, URL_SAFE_NO_PAD};
use zeroize::Zeroizing;

use super::context::Sealing;
use super::{Context, decrypt, encrypt};

/// Why a key does not do what is asked of it. Never holds any part of a key or a secret.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    /// It does not open: another key, another place, or changed since.
    #[error("it does not open: it was sealed for another place, or was changed since")]
    NotOpened,
    /// The master key is not among those that are there.
    #[error("it is sealed under the master key `{0}`, which is not among those given")]
    Unknown(KeyId),
    /// There is no master key at all.
    #[error("there is no master key")]
    None,
    /// What is given as a master key is none.
    #[error("{place} is no master key: {problem}")]
    Unusable {
        /// Where it was given.
        place: String,
        /// What is wrong.
        problem: String,
    },
    /// The service that holds the master key does not do it.
    #[error("{0}")]
    Service(String),
    /// The machine gives no random numbers.
    #[error("the system gives no random numbers")]
    NoChance,
}

/// The name of a master key, which tells nothing about it: `local:9f86d081884c7d65`, `transit:sinew`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct KeyId(Arc<str>);

impl KeyId {
    /// The longest name, in bytes.
    pub(crate) const BYTES_MAX: usize = 255;

    /// Takes a name.
    pub fn new(text: &str) -> Option<Self> {
        let ok =
            !text.is_empty() && text.len() <= Self::BYTES_MAX && text.chars().all(|c| c.is_ascii_graphic());
        ok.then(|| Self(text.into()))
    }

    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The key of one envelope. Shows nothing, and is wiped when it goes.
pub struct DataKey(Zeroizing<[u8; 32]>);

impl DataKey {
    pub(super) fn fresh() -> Result<Self, KeyError> {
        let mut key = Zeroizing::new([0; 32]);
        aws_lc_rs::rand::fill(&mut *key).map_err(|_| KeyError::NoChance)?;
        Ok(Self(key))
    }

    /// A key from its bytes, for master keys that are elsewhere.
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        Some(Self(Zeroizing::new(bytes.try_into().ok()?)))
    }

    /// The bytes, for what wraps them.
    pub fn expose(&self) -> &[u8; 32] {
        &self.0
    }
}

/// What data keys are wrapped under.
pub trait MasterKey: Send + Sync {
    /// Its name, which envelopes bear.
    fn id(&self) -> &KeyId;
    /// Wraps a data key for a place.
    fn wrap(&self, key: &DataKey, context: &Context<'_>) -> Result<Vec<u8>, KeyError>;
    /// Unwraps what was wrapped for this place.
    fn unwrap(&self, wrapped: &[u8], context: &Context<'_>) -> Result<DataKey, KeyError>;
}

/// A master key that this process holds.
pub struct LocalKey {
    id: KeyId,
    key: Zeroizing<[u8; 32]>,
}

impl LocalKey {
    /// Makes a new one; also gives the text by which it is written down.
    pub fn fresh() -> Result<(Self, Zeroizing<String>), KeyError> {
        let key = DataKey::fresh()?.0;
        let text = Zeroizing::new(STANDARD.encode(*key));
        Ok((Self { id: Self::name(&key)?, key }, text))
    }

    /// Reads one that is written down: 32 bytes in hexadecimal or Base64. `place` says where, for errors.
    pub fn read(text: &str, place: &str) -> Result<Self, KeyError> {
        let unusable =
            |problem: &str| KeyError::Unusable { place: place.to_owned(), problem: problem.to_owned() };
        let text = text.trim();
        let bytes = Zeroizing::new(
            hex(text)
                .or_else(|| {
                    [STANDARD, STANDARD_NO_PAD, URL_SAFE, URL_SAFE_NO_PAD]
                        .iter()
                        .find_map(|e| e.decode(text).ok())
                })
                .ok_or_else(|| unusable("it is neither Base64 nor hexadecimal"))?,
        );
        let Ok(key) = <[u8; 32]>::try_from(bytes.as_slice()) else {
            let problem = format!("it has {} bytes, and not 32", bytes.len());
            return Err(unusable(&problem));
        };
        let key = Zeroizing::new(key);
        if key.iter().all(|byte| *byte == key[0]) {
            return Err(unusable("all its bytes are the same; make one with `openssl rand -base64 32`"));
        }
        Ok(Self { id: Self::name(&key)?, key })
    }

    /// A name by which a key is known again, and from which it cannot be had.
    fn name(key: &[u8; 32]) -> Result<KeyId, KeyError> {
        let tag = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, key), b"sinew master key id");
        let word = tag.as_ref().iter().take(8).fold(0, |word, byte| word << 8 | u64::from(*byte));
        KeyId::new(&format!("local:{word:016x}")).ok_or(KeyError::NoChance)
    }
}

fn hex(text: &str) -> Option<Vec<u8>> {
    let digits = text.as_bytes();
    if digits.len() != 64 {
        return None;
    }
    let digit = |c: u8| (c as char).to_digit(16);
    digits.chunks(2).map(|pair| Some((digit(pair[0])? * 16 + digit(pair[1])?) as u8)).collect()
}

impl MasterKey for LocalKey {
    fn id(&self) -> &KeyId {
        &self.id
    }

    fn wrap(&self, key: &DataKey, context: &Context<'_>) -> Result<Vec<u8>, KeyError> {
        encrypt(&self.key, &context.bytes(Sealing::DataKey), key.expose())
    }

    fn unwrap(&self, wrapped: &[u8], context: &Context<'_>) -> Result<DataKey, KeyError> {
        let bytes = decrypt(&self.key, &context.bytes(Sealing::DataKey), wrapped)?;
        DataKey::from_bytes(&bytes).ok_or(KeyError::NotOpened)
    }
}

impl fmt::Debug for LocalKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "LocalKey({})", self.id)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str) -> Result<String, String> {
        LocalKey::read(text, "SINEW_MASTER_KEY").map(|key| key.id.to_string()).map_err(|e| e.to_string())
    }

    #[test]
    fn a_key_is_read_however_it_is_written_and_has_the_same_name() {
        let hex = "00112233445566778899aabbccddeeff".repeat(2);
        let bytes = super::hex(&hex).unwrap();
        let id = check(&hex).unwrap();
        assert!(id.starts_with("local:") && id.len() == 22, "{id}");
        for text in
            [STANDARD.encode(&bytes), URL_SAFE_NO_PAD.encode(&bytes), hex.to_uppercase(), format!(" {hex}\n")]
        {
            assert_eq!(check(&text).as_deref(), Ok(&*id), "{text}");
        }
    }

    #[test]
    fn what_is_no_key_is_refused_without_being_shown() {
        for (text, problem) in [
            ("hunter2 hunter2", "neither Base64 nor hexadecimal"),
            ("aHVudGVyMg==", "7 bytes"),
            ("", "0 bytes"),
            (&"00".repeat(32), "all its bytes are the same"),
        ] {
            let message = check(text).unwrap_err();
            assert!(message.contains(problem) && !message.contains("hunter2"), "{message}");
        }
    }
}
