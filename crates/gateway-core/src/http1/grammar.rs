//! Which bytes may stand where. The longer stretches are looked at eight bytes at a time.

use super::HeadError;
use super::head::Stop;

macro_rules! bytes {
    ($pattern:pat) => {{
        let mut table = [false; 256];
        let mut byte = 0;
        while byte < 256 {
            table[byte] = matches!(byte as u8, $pattern);
            byte += 1;
        }
        table
    }};
}
pub(super) use bytes;

/// `tchar` (RFC 9110 5.6.2).
static TOKEN: [bool; 256] = bytes!(
    b'!' | b'#'..=b'\'' | b'*' | b'+' | b'-' | b'.' | b'0'..=b'9' | b'A'..=b'Z' | b'^'..=b'z' | b'|' | b'~'
);

const ONES: u64 = 0x0101_0101_0101_0101;
const HIGH_BITS: u64 = ONES << 7;

/// Where the token that begins at `at` ends: `at` if none begins there.
#[inline]
pub(super) fn token_end(bytes: &[u8], at: usize) -> usize {
    run_end(bytes, at, &TOKEN)
}

/// Whether these bytes are one token.
pub(super) fn is_token(bytes: &[u8]) -> bool {
    !bytes.is_empty() && token_end(bytes, 0) == bytes.len()
}

/// Where the run of bytes that are in the table ends.
#[inline]
pub(super) fn run_end(bytes: &[u8], mut at: usize, table: &[bool; 256]) -> usize {
    while bytes.get(at).is_some_and(|byte| table[usize::from(*byte)]) {
        at += 1;
    }
    at
}

/// Where text of a field's value or of a reason ends: at the first control character that is no HTAB (RFC 9110 5.5).
#[inline]
pub(super) fn text_end(bytes: &[u8], mut at: usize) -> usize {
    loop {
        at = find(bytes, at, |word| below(word, 0x20) | equal(word, 0x7f));
        if bytes.get(at) != Some(&b'\t') {
            return at;
        }
        at += 1;
    }
}

/// Where a target ends: at the first byte that is not visible ASCII, or is `#` (RFC 9112 3.2: a fragment is not sent).
#[inline]
pub(super) fn target_end(bytes: &[u8], at: usize) -> usize {
    find(bytes, at, |word| (word & HIGH_BITS) | below(word, 0x21) | equal(word, 0x7f) | equal(word, b'#'))
}

/// The first place from `at` whose byte `marks` has marked by its high bit, else the end. Marks may be wrong only above
/// one that is right.
#[inline]
fn find(bytes: &[u8], mut at: usize, marks: impl Fn(u64) -> u64) -> usize {
    while let Some(word) = bytes.get(at..).and_then(<[u8]>::first_chunk::<8>) {
        let marked = marks(u64::from_le_bytes(*word));
        if marked != 0 {
            return at + marked.trailing_zeros() as usize / 8;
        }
        at += 8;
    }
    while let Some(byte) = bytes.get(at) {
        // The other seven bytes are ones that no reader marks.
        if marks(u64::from(*byte) | ((ONES << 8) * u64::from(b'a'))) != 0 {
            return at;
        }
        at += 1;
    }
    at
}

/// Marks bytes that are less than `limit`, which is at most 0x80.
///
/// Source: Mycroft's test for a zero byte, as in Anderson, "Bit Twiddling Hacks".
#[inline]
fn below(word: u64, limit: u8) -> u64 {
    word.wrapping_sub(ONES * u64::from(limit)) & !word & HIGH_BITS
}

/// Marks bytes that are this one.
#[inline]
fn equal(word: u64, byte: u8) -> u64 {
    below(word ^ (ONES * u64::from(byte)), 1)
}

/// The place behind the CRLF that stands at `at`; whatever else stands there is `otherwise`, unless it is half of one.
#[inline]
pub(super) fn line_end(bytes: &[u8], at: usize, otherwise: HeadError) -> Result<usize, Stop> {
    match (bytes.get(at), bytes.get(at + 1)) {
        (Some(b'\r'), Some(b'\n')) => Ok(at + 2),
        (None, _) | (Some(b'\r'), None) => Err(Stop::More),
        (Some(b'\r'), Some(_)) => Err(HeadError::BareCr.into()),
        (Some(b'\n'), _) => Err(HeadError::BareLf.into()),
        _ => Err(otherwise.into()),
    }
}

/// The elements of a list and where they begin, without the whitespace around them; some may be empty (RFC 9110 5.6.1).
pub(super) fn elements(list: &[u8]) -> impl Iterator<Item = (usize, &[u8])> {
    let mut rest = Some((0, list));
    std::iter::from_fn(move || {
        let (start, bytes) = rest?;
        let comma = memchr::memchr(b',', bytes);
        let element = &bytes[..comma.unwrap_or(bytes.len())];
        rest = comma.map(|comma| (start + comma + 1, &bytes[comma + 1..]));
        let lead = element.iter().take_while(|byte| is_space(**byte)).count();
        let trail = element[lead..].iter().rev().take_while(|byte| is_space(**byte)).count();
        Some((start + lead, &element[lead..element.len() - trail]))
    })
}

/// SP or HTAB.
#[inline]
pub(super) fn is_space(byte: u8) -> bool {
    byte == b' ' || byte == b'\t'
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every byte, at every place of a word, with every neighbour that could be mistaken for it.
    fn check(end: fn(&[u8], usize) -> usize, goes_on: impl Fn(u8) -> bool) {
        for byte in 0..=u8::MAX {
            for place in 0..20 {
                let mut bytes = [b'a'; 20];
                bytes[place] = byte;
                let expected = if goes_on(byte) { 20 } else { place };
                assert_eq!(end(&bytes, 0), expected, "{byte:#x} at {place}");
                assert_eq!(end(&bytes, place + 1), 20, "behind {byte:#x} at {place}");
            }
        }
    }

    #[test]
    fn text_ends_at_control_characters_and_no_others() {
        check(text_end, |byte| byte == b'\t' || (byte >= 0x20 && byte != 0x7f));
    }

    #[test]
    fn a_target_ends_at_what_is_invisible_foreign_or_a_fragment() {
        check(target_end, |byte| (0x21..0x7f).contains(&byte) && byte != b'#');
    }

    #[test]
    fn tokens_are_of_letters_digits_and_fifteen_signs() {
        check(token_end, |byte| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte));
    }

    #[test]
    fn elements_of_lists_know_where_they_begin() {
        let found: Vec<_> = elements(b" a ,\tb c,, d").collect();
        assert_eq!(found, [(1, &b"a"[..]), (5, b"b c"), (9, b""), (11, b"d")]);
        assert_eq!(elements(b"").collect::<Vec<_>>(), [(0, &b""[..])]);
    }
}
