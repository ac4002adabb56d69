use sinew_diag::Place;

use super::Scalar;

/// What a variable put into a scalar's text, in characters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Substitution {
    /// Where the value begins in the final text.
    pub(crate) start: usize,
    /// How long the value is.
    pub(crate) length: usize,
    /// How long `${NAME}` was.
    pub(crate) written: usize,
}

/// Finds the place in the file of a character of a scalar's text, whatever the scalar's style.
///
/// Only asked for errors, so nothing is kept for it: text and source are walked side by side. Characters that are not
/// white space appear in both in the same order; between them the source may have quotes, escapes and indentation.
pub(crate) fn locate(scalar: &Scalar, offset: usize, length: usize) -> Place {
    let (offset, length) = before_substitution(scalar, offset, length);
    let source = scalar.document.get(scalar.bytes.clone()).unwrap_or_default();
    let mut walk = Walk::new(source);
    let style = walk.enter();
    let written = written_text(scalar);
    for (index, c) in written.chars().enumerate() {
        if index >= offset {
            walk.settle(c);
            break;
        }
        walk.pass(c, style);
    }
    Place {
        file: scalar.place.file.clone(),
        line: scalar.place.line + walk.line,
        column: if walk.line == 0 { scalar.place.column + walk.column } else { walk.column + 1 },
        length: u32::try_from(length).unwrap_or(u32::MAX),
    }
}

fn before_substitution(scalar: &Scalar, offset: usize, length: usize) -> (usize, usize) {
    let mut shift: isize = 0;
    for s in &scalar.substitutions {
        if offset < s.start {
            break;
        }
        if offset < s.start + s.length {
            return (s.start.saturating_add_signed(shift), s.written);
        }
        shift += s.written as isize - s.length as isize;
    }
    (offset.saturating_add_signed(shift), length)
}

/// The text with `${...}` for every value that a variable put in; as what stands there does not matter, as dots.
fn written_text(scalar: &Scalar) -> String {
    if scalar.substitutions.is_empty() {
        return scalar.text.clone();
    }
    let chars: Vec<char> = scalar.text.chars().collect();
    let mut written = String::new();
    let mut at = 0;
    for s in &scalar.substitutions {
        written.extend(chars.get(at..s.start).unwrap_or_default());
        written.extend(std::iter::repeat_n(UNKNOWN, s.written));
        at = s.start + s.length;
    }
    written.extend(chars.get(at..).unwrap_or_default());
    written
}

/// Stands for any character.
const UNKNOWN: char = '\u{0}';

#[derive(Clone, Copy, PartialEq, Eq)]
enum Style {
    Plain,
    Single,
    Double,
}

struct Walk<'a> {
    rest: std::iter::Peekable<std::str::Chars<'a>>,
    line: u32,
    column: u32,
}

impl<'a> Walk<'a> {
    fn new(source: &'a str) -> Self {
        Self { rest: source.chars().peekable(), line: 0, column: 0 }
    }

    fn step(&mut self) -> Option<char> {
        let c = self.rest.next()?;
        if c == '\n' {
            self.line += 1;
            self.column = 0;
        } else {
            self.column += 1;
        }
        Some(c)
    }

    /// Passes what stands before the text: a quote, or a block scalar's header line.
    fn enter(&mut self) -> Style {
        match self.rest.peek() {
            Some('\'') => {
                self.step();
                Style::Single
            }
            Some('"') => {
                self.step();
                Style::Double
            }
            Some('|' | '>') => {
                while self.step().is_some_and(|c| c != '\n') {}
                Style::Plain
            }
            _ => Style::Plain,
        }
    }

    /// Passes white space that the text does not have, up to the character that is looked for.
    fn settle(&mut self, wanted: char) {
        if !wanted.is_whitespace() {
            while self.rest.peek().is_some_and(|c| c.is_whitespace()) {
                self.step();
            }
        }
    }

    /// Passes one character of the text.
    fn pass(&mut self, c: char, style: Style) {
        if c == UNKNOWN {
            self.step();
            return;
        }
        self.settle(c);
        match self.rest.peek() {
            Some('\\') if style == Style::Double => {
                self.step();
                let digits = match self.step() {
                    Some('x') => 2,
                    Some('u') => 4,
                    Some('U') => 8,
                    _ => 0,
                };
                (0..digits).for_each(|_| _ = self.step());
            }
            Some('\'') if style == Style::Single => {
                self.step();
                self.step();
            }
            // One white space of the text may be several in the source; the next letter settles it.
            Some(found) if c.is_whitespace() && !found.is_whitespace() => {}
            _ => _ = self.step(),
        }
    }
}
