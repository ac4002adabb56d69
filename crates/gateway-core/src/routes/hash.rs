//! Bytes hashed and compared, for texts so short that a call takes longer than the work.

/// A hash of few bytes, fast. Not for keys that strangers choose.
///
/// Source: the folded multiplication of wyhash, as in `foldhash`.
pub(super) fn digest(seed: u64, bytes: &[u8]) -> u64 {
    const FACTOR: u64 = 0x9E37_79B9_7F4A_7C15;
    let fold = |hash: u64, word: u64| {
        let product = u128::from(hash ^ word) * u128::from(FACTOR);
        product as u64 ^ (product >> 64) as u64
    };
    let mut hash = fold(seed, !(bytes.len() as u64));
    let mut left = bytes;
    while let Some((word, after)) = left.split_first_chunk() {
        hash = fold(hash, u64::from_le_bytes(*word));
        left = after;
    }
    // The two halves of what is left may share bytes: with the length known that is as good, and has no loop.
    let word = match (left.first_chunk(), left.last_chunk()) {
        (Some(first), Some(last)) => {
            u64::from(u32::from_le_bytes(*first)) << 32 | u64::from(u32::from_le_bytes(*last))
        }
        _ => left.iter().fold(0, |word, byte| word << 8 | u64::from(*byte)),
    };
    fold(hash, word)
}

/// Whether these are the same bytes; for so few of them that a call of `memcmp` takes longer than the comparison.
#[inline]
pub(super) fn same(one: &[u8], other: &[u8]) -> bool {
    if one.len() != other.len() {
        return false;
    }
    let (mut one, mut other) = (one, other);
    while let (Some((word, after)), Some((other_word, other_after))) =
        (one.split_first_chunk::<8>(), other.split_first_chunk())
    {
        if word != other_word {
            return false;
        }
        (one, other) = (after, other_after);
    }
    match (one.first_chunk::<4>(), other.first_chunk()) {
        (Some(first), Some(other_first)) => {
            first == other_first && one.last_chunk::<4>() == other.last_chunk()
        }
        _ => one.iter().eq(other),
    }
}
