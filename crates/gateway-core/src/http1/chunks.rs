use std::num::NonZeroU64;

use super::grammar::token_end;
use super::head::{Searched, Stop};
use super::{Field, HeadError, Known, Span, fields};

/// Digits of a chunk's size: as many as 64 bits have.
const DIGITS_MAX: usize = 16;

/// What stands behind the data of each chunk.
pub const CHUNK_END: &[u8] = b"\r\n";

/// The last chunk. Behind it stand trailers, if there are some, and an empty line: [`write_trailers`].
pub const LAST_CHUNK: &[u8] = b"0\r\n";

/// How much a chunked body may have beside its data.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ChunkLimits {
    /// Bytes of a line with a chunk's size and extensions: 1 KiB.
    pub line_bytes_max: usize,
    /// Bytes of all extensions of a body: 16 KiB. Nobody reads them.
    pub extension_bytes_max: usize,
    /// Bytes of the trailers, with the empty line behind them: 8 KiB.
    pub trailer_bytes_max: usize,
    /// Trailers: 32.
    pub trailers_max: usize,
}

impl Default for ChunkLimits {
    fn default() -> Self {
        Self {
            line_bytes_max: 1 << 10,
            extension_bytes_max: 16 << 10,
            trailer_bytes_max: 8 << 10,
            trailers_max: 32,
        }
    }
}

/// Why a chunked body is refused. What was read of it must not be taken for all of it, and the connection is closed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ChunkError {
    /// A size that is not of 1 to 16 hexadecimal digits with the end of the line or a `;` right behind (RFC 9112 7.1).
    #[error("the size of a chunk is not of 1 to 16 hexadecimal digits")]
    Size,
    /// Extensions that are not `;name=value`, without whitespace (RFC 9112 7.1.1).
    #[error("the extensions of a chunk are not names with or without values")]
    Extension,
    /// A line or extensions longer than the limit (RFC 9112 7.1.1).
    #[error("the extensions of chunks are too long")]
    TooLong,
    /// No CRLF ends the line of a size (RFC 9112 7.1).
    #[error("a CR or LF stands alone in the line of a chunk's size")]
    LineEnd,
    /// No CRLF stands right behind a chunk's data (RFC 9112 7.1).
    #[error("no CRLF stands behind the data of a chunk")]
    DataEnd,
    /// Trailers that are no fields, none that may stand there, or too many (RFC 9112 7.1.2).
    #[error("a trailer is wrong: {0}")]
    Trailer(HeadError),
}

impl ChunkError {
    /// The status by which a request with this error is answered, if it has not been answered yet.
    pub fn status(self) -> u16 {
        match self {
            Self::Trailer(error) => error.status(),
            _ => 400,
        }
    }
}

/// A step of reading a chunked body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Step {
    /// Bytes of the input that are done with. The next step is given what is behind them.
    pub consumed: usize,
    /// What they were.
    pub kind: StepKind,
}

/// What a step has come to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StepKind {
    /// What is behind the consumed bytes is needed again, and more behind it.
    More,
    /// Data of the body, never none, within the consumed bytes of the input.
    Data(Span),
    /// The body has ended. Its trailers, if any, are in [`Chunks::trailers`], within the consumed bytes of the input.
    End,
}

/// Reads chunked bodies (RFC 9112 7.1), one after the other, in the buffer into which the connection reads. Data is not
/// copied, extensions are dropped.
#[derive(Clone, Debug, Default)]
pub struct Chunks {
    state: State,
    extension_bytes: usize,
    trailers: Vec<Field>,
    searched: Searched,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum State {
    /// At the beginning of a chunk, as in the beginning.
    #[default]
    Size,
    /// So many bytes before the end of its data.
    Data(NonZeroU64),
    /// Behind its data.
    DataEnd,
    /// Behind the last chunk.
    Trailers,
    /// Behind the empty line.
    End,
}

impl Chunks {
    /// Begins with another body, and keeps the memory.
    pub fn clear(&mut self) {
        self.trailers.clear();
        *self = Self { trailers: std::mem::take(&mut self.trailers), ..Self::default() };
    }

    /// Takes a step in `input`, which begins where the last step's consumed bytes end. Data is handed out as it comes,
    /// whole or not.
    ///
    /// What is not data has to be in the input as a whole, line by line, and the trailers together: a buffer has to hold
    /// the longest that the limits allow.
    pub fn next(&mut self, input: &[u8], limits: &ChunkLimits) -> Result<Step, ChunkError> {
        let input = &input[..input.len().min(u32::MAX as usize)];
        let mut at = 0;
        loop {
            let consumed = match self.state {
                State::Size => self.size(&input[at..], limits)?,
                State::DataEnd => self.data_end(&input[at..])?,
                State::Data(_) if at == input.len() => None,
                State::Data(left) => return Ok(self.data(input, at, left)),
                State::Trailers => self.trailer_section(input, at, limits)?,
                State::End => return Ok(Step { consumed: at, kind: StepKind::End }),
            };
            match consumed {
                Some(bytes) => at += bytes,
                None => return Ok(Step { consumed: at, kind: StepKind::More }),
            }
        }
    }

    /// The trailers of a body that has ended: spans of the input in which it did. Those that a gateway would have had to
    /// look at before the body are not among them ([`Known::may_trail`]).
    pub fn trailers(&self) -> &[Field] {
        &self.trailers
    }

    /// Reads the line of a size. `None`: there is more of it to come.
    fn size(&mut self, input: &[u8], limits: &ChunkLimits) -> Result<Option<usize>, ChunkError> {
        let bytes = &input[..input.len().min(limits.line_bytes_max)];
        let line = match size_line(bytes) {
            Ok(line) => line,
            Err(Stop::Wrong(error)) => return Err(error),
            Err(Stop::More) if bytes.len() == limits.line_bytes_max => return Err(ChunkError::TooLong),
            Err(Stop::More) => return Ok(None),
        };
        self.extension_bytes += line.extension_bytes;
        if self.extension_bytes > limits.extension_bytes_max {
            return Err(ChunkError::TooLong);
        }
        self.state = NonZeroU64::new(line.size).map_or(State::Trailers, State::Data);
        Ok(Some(line.length))
    }

    fn data(&mut self, input: &[u8], start: usize, left: NonZeroU64) -> Step {
        let there = (input.len() - start) as u64;
        let end = start + there.min(left.get()) as usize;
        let mut consumed = end;
        self.state = match NonZeroU64::new(left.get().saturating_sub(there)) {
            Some(left) => State::Data(left),
            None if input[end..].starts_with(CHUNK_END) => {
                consumed += CHUNK_END.len();
                State::Size
            }
            None => State::DataEnd,
        };
        Step { consumed, kind: StepKind::Data(Span::new(start, end)) }
    }

    fn data_end(&mut self, input: &[u8]) -> Result<Option<usize>, ChunkError> {
        match input {
            [b'\r', b'\n', ..] => {
                self.state = State::Size;
                Ok(Some(CHUNK_END.len()))
            }
            [] | [b'\r'] => Ok(None),
            _ => Err(ChunkError::DataEnd),
        }
    }

    fn trailer_section(
        &mut self,
        input: &[u8],
        start: usize,
        limits: &ChunkLimits,
    ) -> Result<Option<usize>, ChunkError> {
        // Nearly no body has any.
        if input[start..].starts_with(CHUNK_END) {
            self.state = State::End;
            return Ok(Some(CHUNK_END.len()));
        }
        let trailers = &mut self.trailers;
        let read = self.searched.read(&input[start..], limits.trailer_bytes_max, |section| {
            trailers.clear();
            let bytes = &input[..start + section.len()];
            fields::read(bytes, start, limits.trailers_max, trailers, |field| {
                if matches!(field.known, Known::ContentLength | Known::TransferEncoding | Known::Host) {
                    return Err(HeadError::TrailerNotAllowed);
                }
                Ok(())
            })
        });
        let end = read.map_err(ChunkError::Trailer)?;
        if end.is_some() {
            trailers.retain(|field| field.known.may_trail());
            self.state = State::End;
        }
        Ok(end.map(|end| end - start))
    }
}

/// `1*HEXDIG [ chunk-ext ] CRLF`
struct SizeLine {
    size: u64,
    extension_bytes: usize,
    length: usize,
}

fn size_line(line: &[u8]) -> Result<SizeLine, Stop<ChunkError>> {
    let (size, digits_end) = hexadecimal(line)?;
    let mut end = digits_end;
    while line.get(end) == Some(&b';') {
        end = extension_end(line, end)?;
    }
    match &line[end..] {
        [b'\r', b'\n', ..] => {
            Ok(SizeLine { size, extension_bytes: end - digits_end, length: end + CHUNK_END.len() })
        }
        [] | [b'\r'] => Err(Stop::More),
        [b'\r' | b'\n', ..] => Err(ChunkError::LineEnd.into()),
        _ if end > digits_end => Err(ChunkError::Extension.into()),
        _ => Err(ChunkError::Size.into()),
    }
}

/// The number at the beginning of a line, and where it ends.
#[inline]
fn hexadecimal(line: &[u8]) -> Result<(u64, usize), Stop<ChunkError>> {
    let mut number = 0;
    for (at, byte) in line.iter().enumerate() {
        match char::from(*byte).to_digit(16) {
            Some(digit) if at < DIGITS_MAX => number = number << 4 | u64::from(digit),
            None if at > 0 => return Ok((number, at)),
            _ => return Err(ChunkError::Size.into()),
        }
    }
    Err(Stop::More)
}

/// Where the extension that begins at `at` ends: `";" name [ "=" ( token / quoted-string ) ]`.
fn extension_end(line: &[u8], at: usize) -> Result<usize, Stop<ChunkError>> {
    let name_end = word_end(line, at + 1)?;
    if line.get(name_end) != Some(&b'=') {
        return Ok(name_end);
    }
    let value = name_end + 1;
    if line.get(value) == Some(&b'"') { quoted_end(line, value) } else { word_end(line, value) }
}

/// Where the token that must stand here ends.
fn word_end(line: &[u8], at: usize) -> Result<usize, Stop<ChunkError>> {
    match token_end(line, at) {
        end if end == line.len() => Err(Stop::More),
        end if end == at => Err(ChunkError::Extension.into()),
        end => Ok(end),
    }
}

/// Where the string whose quote stands here ends (RFC 9110 5.6.4).
fn quoted_end(line: &[u8], at: usize) -> Result<usize, Stop<ChunkError>> {
    let mut is_escaped = false;
    for (place, byte) in line.iter().enumerate().skip(at + 1) {
        match byte {
            _ if byte.is_ascii_control() && *byte != b'\t' => return Err(ChunkError::Extension.into()),
            _ if is_escaped => is_escaped = false,
            b'\\' => is_escaped = true,
            b'"' => return Ok(place + 1),
            _ => {}
        }
    }
    Err(Stop::More)
}

/// Writes what stands before the data of a chunk. Behind it belongs [`CHUNK_END`].
pub fn write_chunk_head(out: &mut Vec<u8>, size: NonZeroU64) {
    let digits = size.get().ilog2() / 4 + 1;
    for digit in (0..digits).rev() {
        let value = (size.get() >> (digit * 4)) & 0xf;
        out.push(b"0123456789abcdef"[value as usize]);
    }
    out.extend_from_slice(CHUNK_END);
}

/// Writes what stands behind the [`LAST_CHUNK`]: these trailers of `bytes`, and the empty line.
pub fn write_trailers(out: &mut Vec<u8>, bytes: &[u8], trailers: &[Field]) {
    for trailer in trailers {
        trailer.write(bytes, out);
    }
    out.extend_from_slice(CHUNK_END);
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The data in brackets and the trailers of a body, or what is wrong with it.
    fn check(body: &str) -> String {
        check_within(body, &ChunkLimits::default())
    }

    fn check_within(body: &str, limits: &ChunkLimits) -> String {
        let mut chunks = Chunks::default();
        let mut rest = body.as_bytes();
        let mut said = String::new();
        loop {
            let step = match chunks.next(rest, limits) {
                Ok(step) => step,
                Err(error) => return format!("{said}{error:?}"),
            };
            match step.kind {
                StepKind::More => return format!("{said}more"),
                StepKind::Data(span) => {
                    said = format!("{said}[{}]", std::str::from_utf8(span.of(rest)).unwrap());
                    assert!(!span.is_empty());
                    rest = &rest[step.consumed..];
                }
                StepKind::End => {
                    let mut out = Vec::new();
                    write_trailers(&mut out, rest, chunks.trailers());
                    let behind = String::from_utf8_lossy(&rest[step.consumed..]);
                    return format!("{said}end {}{behind}", String::from_utf8_lossy(&out).trim_end());
                }
            }
        }
    }

    #[test]
    fn a_body_is_chunks_and_a_last_one_rfc_9112_7_1() {
        assert_eq!(check("3\r\nabc\r\n0\r\n\r\n"), "[abc]end ");
        assert_eq!(check("0\r\n\r\nGET"), "end GET");
        assert_eq!(check("00003\r\nabc\r\nA\r\n0123456789\r\n000\r\n\r\n"), "[abc][0123456789]end ");
        assert_eq!(check("3\r\nab"), "[ab]more");
        assert_eq!(check("ffffffffffffffff\r\na"), "[a]more");
    }

    #[test]
    fn sizes_are_of_1_to_16_hexadecimal_digits() {
        for size in [
            "",
            " 3",
            "3 ",
            "3\t",
            "+3",
            "-0",
            "-3",
            "0x3",
            "x",
            "3h",
            "3,",
            "3.0",
            "3 ;a",
            "\0",
            "٣",
            "3\x0b",
            "10000000000000000",
            "00000000000000003",
            "3\0",
        ] {
            assert_eq!(check(&format!("{size}\r\nabc\r\n0\r\n\r\n")), "Size", "{size:?}");
        }
    }

    #[test]
    fn lines_and_data_end_by_crlf() {
        assert_eq!(check("3\nabc\r\n0\r\n\r\n"), "LineEnd");
        assert_eq!(check("3\rabc\r\n0\r\n\r\n"), "LineEnd");
        assert_eq!(check("3\r\r\nabc\r\n0\r\n\r\n"), "LineEnd");
        assert_eq!(check("3\r\nabc\n0\r\n\r\n"), "[abc]DataEnd");
        assert_eq!(check("3\r\nabc\r0\r\n\r\n"), "[abc]DataEnd");
        assert_eq!(check("3\r\nabcd\r\n0\r\n\r\n"), "[abc]DataEnd");
        assert_eq!(check("0\r\n\n"), "Trailer(BareLf)");
        assert_eq!(check("0\r\n\rX"), "Trailer(BareCr)");
    }

    #[test]
    fn extensions_are_dropped_rfc_9112_7_1_1() {
        assert_eq!(check("3;a;b=c;d=\"e\\\";f \"\r\nabc\r\n0;x\r\n\r\n"), "[abc]end ");
        for wrong in [
            "0;",
            "0; a",
            "0;a ",
            "0;a =b",
            "0;a=",
            "0;a= b",
            "0;\n",
            "0;a=\"b\"c",
            "0;a=\"\n\"",
            "0;a=\"\r\n\"",
            "0;a=\"\\\0\"",
        ] {
            assert_eq!(check(&format!("{wrong}\r\n\r\n")), "Extension", "{wrong:?}");
        }
        assert_eq!(check("0;a\n\r\n"), "LineEnd");
    }

    #[test]
    fn extensions_have_limits_for_a_line_and_for_a_body() {
        let limits = ChunkLimits { line_bytes_max: 10, extension_bytes_max: 12, ..ChunkLimits::default() };
        assert_eq!(check_within("1;23456\r\na\r\n", &limits), "[a]more");
        assert_eq!(check_within("1;2345678\r\na\r\n", &limits), "TooLong");
        assert_eq!(check_within("1;234567890123", &limits), "TooLong");
        assert_eq!(check_within(&"1;23456\r\na\r\n".repeat(3), &limits), "[a][a]TooLong");
    }

    #[test]
    fn trailers_are_fields_rfc_9112_7_1_2() {
        assert_eq!(
            check("0\r\ngrpc-status:0\r\nEtag: \"a\"\r\n\r\nGET"),
            "end grpc-status: 0\r\nEtag: \"a\"GET"
        );
        assert_eq!(check("0\r\na: b\r\n"), "more");
        assert_eq!(check("0\r\na : b\r\n\r\n"), "Trailer(SpaceBeforeColon)");
        assert_eq!(check(&format!("0\r\n{}", "a: b\r\n".repeat(33))), "Trailer(TooManyFields)");
        assert_eq!(check(&format!("0\r\na: {}", "b".repeat(8 << 10))), "Trailer(TooLarge)");
    }

    #[test]
    fn trailers_that_frame_or_route_are_refused_and_others_that_come_too_late_dropped_rfc_9110_6_5_1() {
        for wrong in ["Content-Length: 5", "transfer-encoding: chunked", "Host: a"] {
            assert_eq!(check(&format!("0\r\n{wrong}\r\n\r\n")), "Trailer(TrailerNotAllowed)", "{wrong}");
        }
        for late in ["Authorization: a", "Cookie: a", "Content-Type: a", "Connection: a", "Content_Length: 5"]
        {
            assert_eq!(check(&format!("0\r\n{late}\r\na: b\r\n\r\n")), "end a: b", "{late}");
        }
    }

    #[test]
    fn what_is_written_can_be_read() {
        for size in [1, 9, 10, 15, 16, 255, 256, 4096, u64::MAX] {
            let mut out = Vec::new();
            write_chunk_head(&mut out, NonZeroU64::new(size).unwrap());
            assert_eq!(String::from_utf8_lossy(&out), format!("{size:x}\r\n"));
        }
        let body = [b"1\r\na", CHUNK_END, LAST_CHUNK, b"\r\n"].concat();
        assert_eq!(check(std::str::from_utf8(&body).unwrap()), "[a]end ");
    }
}
