use super::grammar::{is_space, line_end, text_end, token_end};
use super::head::Stop;
use super::{HeadError, Known, Span};

/// A field line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Field {
    /// Its name, as it was written.
    pub name: Span,
    /// Its value, without whitespace around it.
    pub value: Span,
    /// Which one it is.
    pub known: Known,
}

impl Field {
    /// Writes the line in its one form: `name: value`, and a CRLF.
    pub fn write(self, bytes: &[u8], out: &mut Vec<u8>) {
        let (start, end) = (self.name.start(), self.value.end());
        // Nearly every line came in this form.
        let is_plain = &bytes[self.name.end()..self.value.start()] == b": ";
        if is_plain && bytes.get(end..end + 2) == Some(b"\r\n") {
            out.extend_from_slice(&bytes[start..end + 2]);
            return;
        }
        out.extend_from_slice(self.name.of(bytes));
        out.extend_from_slice(b": ");
        out.extend_from_slice(self.value.of(bytes));
        out.extend_from_slice(b"\r\n");
    }
}

/// Reads field lines from `at` on. Returns the place behind the empty line that ends them.
#[inline]
pub(super) fn read(
    bytes: &[u8],
    mut at: usize,
    fields_max: usize,
    fields: &mut Vec<Field>,
    mut note: impl FnMut(Field) -> Result<(), HeadError>,
) -> Result<usize, Stop> {
    loop {
        let name_end = token_end(bytes, at);
        match bytes.get(name_end) {
            Some(b':') if name_end > at => {}
            Some(b'\r' | b'\n') if name_end == at => return line_end(bytes, at, HeadError::FieldName),
            other => return Err(no_name(other.copied(), name_end > at)),
        }
        let text_start = name_end + 1;
        let text_end = text_end(bytes, text_start);
        let next = line_end(bytes, text_end, HeadError::FieldValue)?;
        if fields.len() == fields_max {
            return Err(HeadError::TooManyFields.into());
        }
        let value = trim(bytes, text_start, text_end);
        let known = Known::of(&bytes[at..name_end]);
        let field = Field { name: Span::new(at, name_end), value, known };
        // Where one reader takes a tab for whitespace, another has a coding or a length that it does not know, and
        // overlooks it.
        if known.is_framing() && memchr::memchr(b'\t', &bytes[text_start..text_end]).is_some() {
            return Err(HeadError::FieldValue.into());
        }
        note(field)?;
        fields.push(field);
        at = next;
    }
}

/// What it means that this stands where a name should end.
#[cold]
fn no_name(found: Option<u8>, has_name: bool) -> Stop {
    match found {
        None => Stop::More,
        Some(b' ' | b'\t') if has_name => HeadError::SpaceBeforeColon.into(),
        Some(b' ' | b'\t') => HeadError::Folded.into(),
        Some(_) => HeadError::FieldName.into(),
    }
}

#[inline]
fn trim(bytes: &[u8], mut start: usize, mut end: usize) -> Span {
    while start < end && is_space(bytes[start]) {
        start += 1;
    }
    while start < end && is_space(bytes[end - 1]) {
        end -= 1;
    }
    Span::new(start, end)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The lines as they are written again, or what is wrong with them.
    fn check(bytes: &[u8]) -> String {
        let mut fields = Vec::new();
        match read(bytes, 0, 3, &mut fields, |_| Ok(())) {
            Ok(end) => {
                let mut out = Vec::new();
                for field in fields {
                    field.write(bytes, &mut out);
                }
                assert_eq!(end, bytes.len());
                String::from_utf8_lossy(&out).into_owned()
            }
            Err(stop) => format!("{stop:?}"),
        }
    }

    #[test]
    fn lines_are_written_in_one_form() {
        let once = "a: b\r\nC-d: e f\r\nG: \r\n";
        assert_eq!(check(b"a:b\r\nC-d: \t e f \t\r\nG:\r\n\r\n"), once);
        assert_eq!(check(format!("{once}\r\n").as_bytes()), once);
    }

    #[test]
    fn a_value_may_have_tabs_and_foreign_letters_but_no_control_characters() {
        assert_eq!(check("a: b\tä\r\n\r\n".as_bytes()), "a: b\tä\r\n");
        for wrong in [b"a: \0\r\n\r\n", b"a: \x0b\r\n\r\n", b"a: \x7f\r\n\r\n"] {
            assert_eq!(check(wrong), "Wrong(FieldValue)");
        }
    }

    #[test]
    fn more_lines_than_the_limit_are_refused() {
        assert_eq!(check(b"a:\r\na:\r\na:\r\n\r\n"), "a: \r\na: \r\na: \r\n");
        assert_eq!(check(b"a:\r\na:\r\na:\r\na:\r\n\r\n"), "Wrong(TooManyFields)");
    }

    #[test]
    fn names_are_tokens_that_a_colon_follows_at_once() {
        for (wrong, said) in [
            (": b\r\n\r\n", "Wrong(FieldName)"),
            ("a\r\n\r\n", "Wrong(FieldName)"),
            ("a(b): c\r\n\r\n", "Wrong(FieldName)"),
            ("a\0: c\r\n\r\n", "Wrong(FieldName)"),
            ("ä: c\r\n\r\n", "Wrong(FieldName)"),
            ("a : b\r\n\r\n", "Wrong(SpaceBeforeColon)"),
            ("a\t: b\r\n\r\n", "Wrong(SpaceBeforeColon)"),
            (" a: b\r\n\r\n", "Wrong(Folded)"),
            ("a: b\r\n c\r\n\r\n", "Wrong(Folded)"),
            ("a: b\n\r\n", "Wrong(BareLf)"),
            ("a: b\rc\r\n\r\n", "Wrong(BareCr)"),
            ("\n", "Wrong(BareLf)"),
            ("\rx", "Wrong(BareCr)"),
        ] {
            assert_eq!(check(wrong.as_bytes()), said, "{wrong:?}");
        }
    }
}
