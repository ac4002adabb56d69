/// A stretch of a buffer, that stays right when the buffer moves or grows at its end.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Span {
    start: u32,
    end: u32,
}

impl Span {
    /// From `start` up to, and without, `end`. Buffers in which spans lie are shorter than 4 GiB: readers look no further.
    pub(super) fn new(start: usize, end: usize) -> Self {
        debug_assert!(start <= end && u32::try_from(end).is_ok(), "{start}..{end}");
        Self { start: start as u32, end: end as u32 }
    }

    /// Its bytes. Panics if the buffer does not have them, and so is not the one in which the span was found.
    #[inline]
    pub fn of(self, bytes: &[u8]) -> &[u8] {
        &bytes[self.start()..self.end()]
    }

    /// Where it begins.
    #[inline]
    pub fn start(self) -> usize {
        self.start as usize
    }

    /// Where it ends: the place of the first byte behind it.
    #[inline]
    pub fn end(self) -> usize {
        self.end as usize
    }

    /// How many bytes it has.
    pub fn len(self) -> usize {
        self.end() - self.start()
    }

    /// Whether it has none.
    pub fn is_empty(self) -> bool {
        self.start == self.end
    }
}
