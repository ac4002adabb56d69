use std::io::{self, BufRead, Read};

/// Says in an [`io::Error`] that a record has no end.
#[derive(Debug, thiserror::Error)]
#[error("the record is too long")]
pub(crate) struct TooLong;

/// Whether that is what happened.
pub(crate) fn is_too_long(error: &io::Error) -> bool {
    let Some(inner) = error.get_ref() else { return false };
    inner.is::<TooLong>()
}

/// A reader that gives so many bytes until it is told to go on: a quote that is never closed does not read all of a file
/// into memory.
pub(crate) struct Bounded<R> {
    inner: R,
    max: usize,
    left: usize,
}

impl<R> Bounded<R> {
    pub(crate) fn new(inner: R, max: usize) -> Self {
        Self { inner, max, left: max }
    }

    /// The next record begins.
    pub(crate) fn go_on(&mut self) {
        self.left = self.max;
    }
}

impl<R: Read> Read for Bounded<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.left == 0 {
            return Err(io::Error::other(TooLong));
        }
        let room = buffer.len().min(self.left);
        let read = self.inner.read(&mut buffer[..room])?;
        self.left -= read;
        Ok(read)
    }
}

impl<R: BufRead> BufRead for Bounded<R> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        if self.left == 0 {
            return Err(io::Error::other(TooLong));
        }
        let buffer = self.inner.fill_buf()?;
        let room = buffer.len().min(self.left);
        Ok(&buffer[..room])
    }

    fn consume(&mut self, amount: usize) {
        self.left = self.left.saturating_sub(amount);
        self.inner.consume(amount);
    }
}
