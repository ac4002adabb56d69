//! API keys as the gateway knows them: their keyed hashes, and whose they are.

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};

/// What makes hashes of keys useless elsewhere. One an installation.
#[derive(Clone)]
pub struct Pepper([u8; 32]);

impl Pepper {
    /// Takes 32 bytes that chance made.
    pub fn new(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// The hash of a key (BLAKE3, keyed).
    pub fn hash(&self, key: &[u8]) -> KeyHash {
        KeyHash(*blake3::keyed_hash(&self.0, key).as_bytes())
    }
}

/// The hash of a key.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct KeyHash([u8; 32]);

impl KeyHash {
    /// Its first bytes: what people call the key by.
    pub fn short(&self) -> [u8; 4] {
        let [a, b, c, d, ..] = self.0;
        [a, b, c, d]
    }
}

impl std::hash::Hash for KeyHash {
    fn hash<H: Hasher>(&self, state: &mut H) {
        let first = self.0.first_chunk().copied().unwrap_or_default();
        state.write_u64(u64::from_le_bytes(first));
    }
}

impl std::fmt::Debug for KeyHash {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.short().iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

/// What is hashed already is not hashed again. Who does not know the pepper cannot choose where a key falls.
#[derive(Default)]
struct Whole(u64);

impl Hasher for Whole {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        self.0 = bytes.iter().fold(self.0, |sum, byte| sum.rotate_left(8) ^ u64::from(*byte));
    }

    fn write_u64(&mut self, word: u64) {
        self.0 = word;
    }
}

/// Whose keys are whose.
pub struct Keys<T>(HashMap<KeyHash, T, BuildHasherDefault<Whole>>);

impl<T> Default for Keys<T> {
    fn default() -> Self {
        Self(HashMap::default())
    }
}

impl<T> Keys<T> {
    /// Takes a key; gives whose it was before, if it was somebody's.
    pub fn insert(&mut self, key: KeyHash, whose: T) -> Option<T> {
        self.0.insert(key, whose)
    }

    /// Whose it is.
    pub fn get(&self, key: &KeyHash) -> Option<&T> {
        self.0.get(key)
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_found_by_its_hash_under_the_same_pepper_only() {
        let (pepper, other) = (Pepper::new([1; 32]), Pepper::new([2; 32]));
        let mut keys = Keys::default();
        assert_eq!(keys.insert(pepper.hash(b"a key that is long"), "ann"), None);
        assert_eq!(keys.get(&pepper.hash(b"a key that is long")), Some(&"ann"));
        assert_eq!(keys.get(&other.hash(b"a key that is long")), None);
        assert_eq!(keys.get(&pepper.hash(b"a key that is lonG")), None);
        assert_eq!(keys.insert(pepper.hash(b"a key that is long"), "bob"), Some("ann"));
    }
}
