//! Bodies on their way from one message to another.

use std::num::NonZeroU64;

use sinew_gateway_core::http1::{
    CHUNK_END, ChunkError, ChunkLimits, Chunks, Framing, LAST_CHUNK, StepKind, write_chunk_head,
    write_trailers,
};

/// A body on its way: read as one message frames it, written as the other does.
pub(crate) struct Transfer {
    from: From,
    /// Whether it is written in chunks.
    in_chunks: bool,
    is_done: bool,
    data_bytes: u64,
    data_bytes_max: u64,
}

enum From {
    Length(u64),
    Chunked(Box<Chunks>),
    UntilClose,
}

/// Why a body does not go on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Broken {
    Chunks(ChunkError),
    TooLarge,
    /// It ended before its end.
    Cut,
}

impl Transfer {
    pub(crate) fn new(from: Framing, in_chunks: bool, data_bytes_max: u64) -> Self {
        let (from, is_done) = match from {
            Framing::Empty => (From::Length(0), true),
            Framing::Length(length) => (From::Length(length), length == 0),
            Framing::Chunked => (From::Chunked(Box::default()), false),
            Framing::UntilClose => (From::UntilClose, false),
        };
        Self { from, in_chunks, is_done, data_bytes: 0, data_bytes_max }
    }

    /// Whether all of it has been taken.
    pub(crate) fn is_done(&self) -> bool {
        self.is_done
    }

    /// Bytes of its data that have been taken.
    pub(crate) fn data_bytes(&self) -> u64 {
        self.data_bytes
    }

    /// How many of so many bytes are data that is written as it came.
    pub(crate) fn as_it_is(&self, there: usize) -> Option<usize> {
        match self.from {
            From::Length(left) if !self.in_chunks => {
                Some(there.min(usize::try_from(left).unwrap_or(usize::MAX)))
            }
            From::UntilClose if !self.in_chunks => Some(there),
            _ => None,
        }
    }

    /// So many bytes went on as they came.
    pub(crate) fn passed(&mut self, count: usize) {
        self.data_bytes += count as u64;
        if let From::Length(left) = &mut self.from {
            *left -= count as u64;
            self.is_done = *left == 0;
        }
    }

    /// Takes what there is, and writes it. Gives how many bytes were taken.
    pub(crate) fn take(&mut self, input: &[u8], out: &mut Vec<u8>) -> Result<usize, Broken> {
        if self.is_done {
            return Ok(0);
        }
        match &mut self.from {
            From::Chunked(_) => self.take_chunks(input, out),
            From::Length(left) => {
                let count = input.len().min(usize::try_from(*left).unwrap_or(usize::MAX));
                self.write(&input[..count], out)?;
                self.passed_length(count as u64, out);
                Ok(count)
            }
            From::UntilClose => {
                self.write(input, out)?;
                Ok(input.len())
            }
        }
    }

    /// Nothing more comes.
    pub(crate) fn end(&mut self, out: &mut Vec<u8>) -> Result<(), Broken> {
        match self.from {
            From::UntilClose => {
                self.finish(out);
                Ok(())
            }
            _ if self.is_done => Ok(()),
            _ => Err(Broken::Cut),
        }
    }

    fn passed_length(&mut self, count: u64, out: &mut Vec<u8>) {
        let From::Length(left) = &mut self.from else { return };
        *left -= count;
        if *left == 0 {
            self.finish(out);
        }
    }

    fn take_chunks(&mut self, input: &[u8], out: &mut Vec<u8>) -> Result<usize, Broken> {
        let limits = ChunkLimits::default();
        let mut at = 0;
        loop {
            let From::Chunked(chunks) = &mut self.from else { return Ok(at) };
            let rest = &input[at..];
            let step = chunks.next(rest, &limits).map_err(Broken::Chunks)?;
            at += step.consumed;
            match step.kind {
                StepKind::More => return Ok(at),
                StepKind::Data(span) => self.write(span.of(rest), out)?,
                StepKind::End => {
                    self.is_done = true;
                    if self.in_chunks {
                        out.extend_from_slice(LAST_CHUNK);
                        write_trailers(out, rest, chunks.trailers());
                    }
                    return Ok(at);
                }
            }
        }
    }

    fn write(&mut self, data: &[u8], out: &mut Vec<u8>) -> Result<(), Broken> {
        self.data_bytes += data.len() as u64;
        if self.data_bytes > self.data_bytes_max {
            return Err(Broken::TooLarge);
        }
        match NonZeroU64::new(data.len() as u64).filter(|_| self.in_chunks) {
            None => out.extend_from_slice(data),
            Some(size) => {
                write_chunk_head(out, size);
                out.extend_from_slice(data);
                out.extend_from_slice(CHUNK_END);
            }
        }
        Ok(())
    }

    fn finish(&mut self, out: &mut Vec<u8>) {
        self.is_done = true;
        if self.in_chunks {
            out.extend_from_slice(LAST_CHUNK);
            out.extend_from_slice(CHUNK_END);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is written of a body that comes in these pieces, or why it does not go on.
    fn check(from: Framing, in_chunks: bool, pieces: &[&str]) -> Result<String, Broken> {
        let mut transfer = Transfer::new(from, in_chunks, 12);
        let (mut input, mut out) = (Vec::new(), Vec::new());
        for piece in pieces {
            input.extend_from_slice(piece.as_bytes());
            let taken = transfer.take(&input, &mut out)?;
            input.drain(..taken);
        }
        transfer.end(&mut out)?;
        assert!(transfer.is_done());
        Ok(String::from_utf8(out).unwrap())
    }

    #[test]
    fn a_body_goes_on_as_the_other_message_frames_it() {
        assert_eq!(check(Framing::Length(5), false, &["ab", "cde", "next"]).unwrap(), "abcde");
        assert_eq!(check(Framing::Length(2), true, &["ab"]).unwrap(), "2\r\nab\r\n0\r\n\r\n");
        let chunked = ["3;x=y\r\nab", "c\r", "\n0\r\nX: 1\r", "\n\r\n"];
        assert_eq!(check(Framing::Chunked, false, &chunked).unwrap(), "abc");
        let again = check(Framing::Chunked, true, &chunked).unwrap();
        assert_eq!(again, "2\r\nab\r\n1\r\nc\r\n0\r\nX: 1\r\n\r\n");
        assert_eq!(check(Framing::UntilClose, true, &["ab", "c"]).unwrap(), "2\r\nab\r\n1\r\nc\r\n0\r\n\r\n");
        assert_eq!(check(Framing::UntilClose, false, &["ab", "c"]).unwrap(), "abc");
        assert_eq!(check(Framing::Empty, false, &["next"]).unwrap(), "");
    }

    #[test]
    fn a_body_that_is_cut_short_or_too_large_does_not_pass_for_a_whole_one() {
        assert_eq!(check(Framing::Length(5), false, &["abc"]), Err(Broken::Cut));
        assert_eq!(check(Framing::Chunked, true, &["3\r\nabc\r\n"]), Err(Broken::Cut));
        assert_eq!(check(Framing::Chunked, true, &["d\r\n0123456789abc\r\n"]), Err(Broken::TooLarge));
        assert!(matches!(check(Framing::Chunked, true, &["x\r\n"]), Err(Broken::Chunks(_))));
    }
}
