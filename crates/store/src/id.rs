use std::fmt;

use serde::{Deserialize, Serialize};
use sinew_stdx::{Random, Timestamp};

/// A text that is not an id.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not an id; ids have 26 characters, like `01JD3Z6V5WQ0X8Y2K4M6N8P0RS`")]
pub struct InvalidId(pub String);

/// Crockford's base 32, which sorts as the numbers do and leaves out what is misread.
const ALPHABET: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";

/// A run's identity: 48 bits of milliseconds, 80 bits of sequence and chance (the ULID layout). Ids of one node ascend.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct RunId(u128);

impl RunId {
    /// From the 16 bytes of [`RunId::to_bytes`].
    pub const fn from_bytes(bytes: [u8; 16]) -> Self {
        Self(u128::from_be_bytes(bytes))
    }

    /// Big-endian, so that bytes sort as ids do.
    pub const fn to_bytes(self) -> [u8; 16] {
        self.0.to_be_bytes()
    }

    /// When it was made.
    pub const fn at(self) -> Timestamp {
        Timestamp::from_millis((self.0 >> 80) as i64)
    }

    /// Reads the 26 characters, either case.
    pub fn parse(text: &str) -> Result<Self, InvalidId> {
        let wrong = || InvalidId(text.to_owned());
        if text.len() != 26 {
            return Err(wrong());
        }
        let mut value: u128 = 0;
        for byte in text.bytes() {
            let digit = ALPHABET.iter().position(|&c| c == byte.to_ascii_uppercase()).ok_or_else(wrong)?;
            value = value.checked_mul(32).and_then(|v| v.checked_add(digit as u128)).ok_or_else(wrong)?;
        }
        Ok(Self(value))
    }
}

impl fmt::Display for RunId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut text = [b'0'; 26];
        let mut rest = self.0;
        for place in text.iter_mut().rev() {
            *place = ALPHABET[(rest & 31) as usize];
            rest >>= 5;
        }
        f.write_str(std::str::from_utf8(&text).unwrap_or_default())
    }
}

impl fmt::Debug for RunId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl From<RunId> for String {
    fn from(id: RunId) -> Self {
        id.to_string()
    }
}

impl TryFrom<String> for RunId {
    type Error = InvalidId;
    fn try_from(text: String) -> Result<Self, InvalidId> {
        Self::parse(&text)
    }
}

/// Gives out ascending ids, also when the clock stands still or jumps backwards.
#[derive(Debug)]
pub struct IdSource {
    last: u128,
    random: Random,
}

impl IdSource {
    /// A source; two nodes need different seeds.
    pub const fn seeded(seed: u64) -> Self {
        Self { last: 0, random: Random::seeded(seed) }
    }

    /// The next id.
    pub fn next(&mut self, now: Timestamp) -> RunId {
        let ms = u128::from(now.as_millis().max(0) as u64);
        let noise = (u128::from(self.random.next_u64()) << 16) | u128::from(self.random.next_u64() & 0xFFFF);
        let fresh = (ms << 80) | noise;
        // Within a millisecond, or when the clock went back, go on from the last id by a random stride.
        self.last =
            if fresh > self.last { fresh } else { self.last + 1 + u128::from(self.random.next_u64() >> 24) };
        RunId(self.last)
    }
}

/// Counts how often a node has started; writes of an earlier epoch are refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Epoch(pub u64);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_read_and_print_alike_and_tell_their_time() {
        let mut ids = IdSource::seeded(1);
        let id = ids.next(Timestamp::from_millis(1_700_000_000_123));
        assert_eq!(RunId::parse(&id.to_string()), Ok(id));
        assert_eq!(RunId::parse(&id.to_string().to_lowercase()), Ok(id));
        assert_eq!(RunId::from_bytes(id.to_bytes()), id);
        assert_eq!(id.at(), Timestamp::from_millis(1_700_000_000_123));
        assert!(RunId::parse("short").is_err() && RunId::parse(&"Z".repeat(26)).is_err());
    }

    #[test]
    fn ids_ascend_even_when_the_clock_goes_back() {
        let mut ids = IdSource::seeded(2);
        let mut last = ids.next(Timestamp::from_millis(5000));
        for ms in [5000, 5000, 4000, 1, 5001, 0].into_iter().cycle().take(10_000) {
            let id = ids.next(Timestamp::from_millis(ms));
            assert!(id > last && id.to_string() > last.to_string());
            last = id;
        }
    }
}
