use std::io::{self, BufRead, Write};

/// The longest single value.
const VALUE_BYTES_MAX: usize = 256 * 1024 * 1024;

/// JSON values one after the other, whatever stands between them: NDJSON, or texts over many lines. Finds where each
/// ends by its brackets and quotes alone, so that nothing waits for the end of the input; whether it is JSON is for
/// others to say.
pub struct Values<R> {
    from: R,
    value: Vec<u8>,
    scan: Scan,
    began_on: u64,
}

impl<R: BufRead> Values<R> {
    /// The values of this input.
    pub fn new(from: R) -> Self {
        Self { from, value: Vec::new(), scan: Scan::default(), began_on: 1 }
    }

    /// The next value and the line that it begins on. `out` is flushed before the input is waited for.
    pub fn next(&mut self, out: &mut impl Write) -> io::Result<Option<(&[u8], u64)>> {
        self.value.clear();
        loop {
            let chunk = match self.from.fill_buf() {
                Ok(chunk) => chunk,
                Err(e) if e.kind() == io::ErrorKind::Interrupted => continue,
                Err(e) => return Err(e),
            };
            if chunk.is_empty() {
                self.scan = Scan { line: self.scan.line, ..Scan::default() };
                return Ok((!self.value.is_empty()).then_some((self.value.as_slice(), self.began_on)));
            }
            let all = chunk.len();
            let gap = if self.value.is_empty() { self.scan.gap(chunk) } else { 0 };
            if self.value.is_empty() {
                self.began_on = self.scan.line;
            }
            let (length, ended) = self.scan.value(&chunk[gap..]);
            self.value.extend_from_slice(&chunk[gap..gap + length]);
            self.from.consume(gap + length);
            if ended {
                return Ok(Some((self.value.as_slice(), self.began_on)));
            }
            if self.value.len() > VALUE_BYTES_MAX {
                return Err(io::Error::other("a value is longer than 256 MiB"));
            }
            if gap + length == all {
                out.flush()?;
            }
        }
    }
}

/// Where in a value the reader is.
struct Scan {
    depth: usize,
    in_text: bool,
    escaped: bool,
    line: u64,
}

impl Default for Scan {
    fn default() -> Self {
        Self { depth: 0, in_text: false, escaped: false, line: 1 }
    }
}

impl Scan {
    /// How much white space stands here.
    fn gap(&mut self, bytes: &[u8]) -> usize {
        let gap = bytes.iter().position(|byte| !byte.is_ascii_whitespace()).unwrap_or(bytes.len());
        for byte in &bytes[..gap] {
            self.line += u64::from(*byte == b'\n');
        }
        gap
    }

    /// How much of this belongs to the value, and whether it ends there.
    fn value(&mut self, bytes: &[u8]) -> (usize, bool) {
        for (at, &byte) in bytes.iter().enumerate() {
            if byte == b'\n' {
                self.line += 1;
            }
            if self.ends(byte) {
                return (at + 1, true);
            }
        }
        (bytes.len(), false)
    }

    /// Takes one more byte; whether the value ends with it.
    fn ends(&mut self, byte: u8) -> bool {
        if self.in_text {
            match byte {
                _ if self.escaped => self.escaped = false,
                b'\\' => self.escaped = true,
                b'"' => {
                    self.in_text = false;
                    return self.depth == 0;
                }
                _ => {}
            }
            return false;
        }
        match byte {
            b'"' => self.in_text = true,
            b'{' | b'[' => self.depth += 1,
            b'}' | b']' => {
                self.depth = self.depth.saturating_sub(1);
                return self.depth == 0;
            }
            _ => return self.depth == 0 && byte.is_ascii_whitespace(),
        }
        false
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, chunk: usize) -> Vec<(String, u64)> {
        let mut values = Values::new(io::BufReader::with_capacity(chunk, text.as_bytes()));
        let mut all = Vec::new();
        while let Some((value, line)) = values.next(&mut io::sink()).unwrap() {
            all.push((String::from_utf8_lossy(value).trim().to_owned(), line));
        }
        all
    }

    #[test]
    fn values_are_told_apart_however_they_come() {
        let text = "{\"a\":\"}\\\"{\"}\n\n[1,\n 2]{}\"x y\" 12\ntrue\n";
        let expected =
            [("{\"a\":\"}\\\"{\"}", 1), ("[1,\n 2]", 3), ("{}", 4), ("\"x y\"", 4), ("12", 4), ("true", 5)];
        let expected: Vec<(String, u64)> = expected.iter().map(|(v, l)| ((*v).to_owned(), *l)).collect();
        for chunk in [1, 2, 3, 7, 4096] {
            assert_eq!(check(text, chunk), expected, "in pieces of {chunk}");
        }
    }

    #[test]
    fn what_ends_too_early_is_given_as_it_is() {
        assert_eq!(check("{\"a\":", 4096), [("{\"a\":".to_owned(), 1)]);
        assert_eq!(check(" \n ", 2), []);
    }
}
