//! A path, parted at its slashes.

use std::ops::Range;

use super::SEGMENTS_MAX;

/// The most bytes of a path: far more than any server lets through, and places in it fit 32 bits.
const PATH_BYTES_MAX: usize = 1 << 30;

/// The segments of a path: as many as a template can have, and whether there are more.
///
/// `/` has one, which is empty; `/x/` has two.
pub(super) struct Segments<'a> {
    path: &'a [u8],
    /// Where each begins. One more than templates can have, so that the end of the last one is known.
    starts: [u32; SEGMENTS_MAX + 1],
    count: usize,
}

impl<'a> Segments<'a> {
    /// None of what is no path: `*` of `OPTIONS *`, or the authority of a `CONNECT`.
    pub(super) fn of(path: &'a [u8]) -> Option<Self> {
        if path.first() != Some(&b'/') || path.len() > PATH_BYTES_MAX {
            return None;
        }
        let mut starts = [0; SEGMENTS_MAX + 1];
        let mut count = 0;
        for (start, slash) in starts.iter_mut().zip(Slashes::of(path)) {
            *start = slash + 1;
            count += 1;
        }
        Some(Self { path, starts, count })
    }

    /// How many there are, counted up to one more than a template can have.
    pub(super) fn count(&self) -> usize {
        self.count
    }

    /// Where segment number `at` is, counted from 0.
    #[inline]
    pub(super) fn span(&self, at: usize) -> Option<Range<usize>> {
        let starts = self.starts.get(..self.count)?;
        let start = *starts.get(at)? as usize;
        let end = starts.get(at + 1).map_or(self.path.len(), |next| *next as usize - 1);
        Some(start..end)
    }

    /// The bytes of the path there.
    #[inline]
    pub(super) fn get(&self, span: Range<usize>) -> Option<&'a [u8]> {
        self.path.get(span)
    }

    /// All that is left from segment number `at` on; what is empty stands at the end.
    pub(super) fn rest(&self, at: usize) -> Range<usize> {
        let end = self.path.len();
        self.span(at).map_or(end..end, |span| span.start..end)
    }
}

/// Where the slashes of a path are, found eight bytes at a time: segments are too short for a search that starts anew
/// at each, as that of `memchr`.
struct Slashes<'a> {
    left: &'a [u8],
    /// Where `left` begins.
    at: u32,
    /// The slashes of the eight bytes before, each by the highest bit of its byte.
    marks: u64,
}

const EACH_SLASH: u64 = u64::from_ne_bytes([b'/'; 8]);
const EACH_HIGHEST: u64 = u64::from_ne_bytes([0x80; 8]);

impl<'a> Slashes<'a> {
    fn of(path: &'a [u8]) -> Self {
        Self { left: path, at: 0, marks: 0 }
    }
}

impl Iterator for Slashes<'_> {
    type Item = u32;

    #[inline]
    fn next(&mut self) -> Option<u32> {
        while self.marks == 0 {
            let (word, left) = match self.left.split_first_chunk() {
                Some((word, left)) => (u64::from_le_bytes(*word), left),
                None if self.left.is_empty() => return None,
                None => (self.left.iter().rev().fold(0, |word, byte| word << 8 | u64::from(*byte)), &[][..]),
            };
            self.left = left;
            self.at += 8;
            // A byte is zero if neither its lower bits carry into its highest nor that is set itself.
            let unlike = word ^ EACH_SLASH;
            let carried = (unlike & !EACH_HIGHEST) + !EACH_HIGHEST;
            self.marks = !(carried | unlike) & EACH_HIGHEST;
        }
        let byte = self.marks.trailing_zeros() / 8;
        self.marks &= self.marks - 1;
        Some(self.at - 8 + byte)
    }
}
