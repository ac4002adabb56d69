//! GraphQL text as tokens (GraphQL, September 2025, section 2.1). It stops at what is no token, so that a file of another
//! kind costs no more than its first strange character.

use std::borrow::Cow;

use crate::document::{Position, Unreadable};

/// A token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Token<'t> {
    /// A punctuator; `...` is told by its first character.
    Sign(char),
    /// A name.
    Name(&'t str),
    /// A number without fraction and exponent.
    Int(&'t str),
    /// Another number.
    Float(&'t str),
    /// A string as it is written, without its quotes.
    Text { raw: &'t str, block: bool },
    /// The end of the text.
    End,
}

/// A text while it is read: always one token ahead.
pub(super) struct Tokens<'t> {
    text: &'t str,
    /// Where the text goes on after the token.
    rest_at: usize,
    /// The token that comes, and where it begins.
    next: Token<'t>,
    next_at: usize,
}

impl<'t> Tokens<'t> {
    pub(super) fn new(text: &'t str) -> Result<Self, Unreadable> {
        let mut tokens = Self { text, rest_at: 0, next: Token::End, next_at: 0 };
        tokens.advance()?;
        Ok(tokens)
    }

    /// The token that comes.
    pub(super) const fn peek(&self) -> Token<'t> {
        self.next
    }

    /// Takes the token that comes.
    pub(super) fn advance(&mut self) -> Result<Token<'t>, Unreadable> {
        let taken = self.next;
        let bytes = self.text.as_bytes();
        let mut at = self.rest_at;
        loop {
            match bytes.get(at) {
                Some(b' ' | b'\t' | b'\n' | b'\r' | b',') => at += 1,
                Some(b'#') => at += bytes.iter().skip(at).take_while(|b| !matches!(b, b'\n' | b'\r')).count(),
                Some(0xef) if self.after(at).starts_with('\u{feff}') => at += 3,
                _ => break,
            }
        }
        self.next_at = at;
        let (token, length) = self.token(at)?;
        self.next = token;
        self.rest_at = at + length;
        Ok(taken)
    }

    fn after(&self, at: usize) -> &'t str {
        self.text.get(at..).unwrap_or_default()
    }

    fn token(&self, at: usize) -> Result<(Token<'t>, usize), Unreadable> {
        let rest = self.after(at);
        let Some(first) = rest.chars().next() else { return Ok((Token::End, 0)) };
        match first {
            '!' | '$' | '&' | '(' | ')' | ':' | '=' | '@' | '[' | ']' | '{' | '|' | '}' => {
                Ok((Token::Sign(first), 1))
            }
            '.' if rest.starts_with("...") => Ok((Token::Sign('.'), 3)),
            '_' | 'a'..='z' | 'A'..='Z' => {
                let name = prefix(rest, |c| c == '_' || c.is_ascii_alphanumeric());
                Ok((Token::Name(name), name.len()))
            }
            '-' | '0'..='9' => self.number(at, rest),
            '"' => self.string(at, rest),
            _ => Err(self.error_at(at, format!("`{}` begins nothing in GraphQL", first.escape_default()))),
        }
    }

    fn number(&self, at: usize, rest: &'t str) -> Result<(Token<'t>, usize), Unreadable> {
        let number = prefix(rest, |c| c.is_ascii_alphanumeric() || matches!(c, '-' | '+' | '.' | '_'));
        // What JSON takes as a number is what GraphQL does.
        if serde_json::from_str::<serde_json::Number>(number).is_err() {
            return Err(self.error_at(at, format!("`{number:.20}` is no number")));
        }
        let is_int = number.bytes().all(|byte| byte == b'-' || byte.is_ascii_digit());
        Ok((if is_int { Token::Int(number) } else { Token::Float(number) }, number.len()))
    }

    fn string(&self, at: usize, rest: &'t str) -> Result<(Token<'t>, usize), Unreadable> {
        const BLOCK: &str = "\"\"\"";
        let open = || self.error_at(at, "this string has no end".to_owned());
        if let Some(inside) = rest.strip_prefix(BLOCK) {
            let mut end = 0;
            loop {
                end += inside.get(end..).and_then(|rest| rest.find(BLOCK)).ok_or_else(open)?;
                if !inside.get(..end).is_some_and(|before| before.ends_with('\\')) {
                    break;
                }
                end += BLOCK.len();
            }
            let raw = inside.get(..end).unwrap_or_default();
            return Ok((Token::Text { raw, block: true }, end + 2 * BLOCK.len()));
        }
        let inside = rest.get(1..).unwrap_or_default();
        let mut escaped = false;
        for (end, byte) in inside.bytes().enumerate() {
            match byte {
                b'"' if !escaped => {
                    let raw = inside.get(..end).unwrap_or_default();
                    return Ok((Token::Text { raw, block: false }, end + 2));
                }
                b'\n' | b'\r' => break,
                _ => escaped = byte == b'\\' && !escaped,
            }
        }
        Err(open())
    }

    /// An error at the token that comes.
    pub(super) fn error(&self, message: impl Into<String>) -> Unreadable {
        self.error_at(self.next_at, message.into())
    }

    fn error_at(&self, at: usize, message: String) -> Unreadable {
        let before = self.text.get(..at).unwrap_or(self.text);
        let line = before.bytes().filter(|byte| *byte == b'\n').count() + 1;
        let column = before.rsplit('\n').next().unwrap_or_default().chars().count() + 1;
        Unreadable::Syntax { at: Position { line, column }, message }
    }
}

fn prefix(text: &str, belongs: fn(char) -> bool) -> &str {
    let end = text.find(|c| !belongs(c)).unwrap_or(text.len());
    text.get(..end).unwrap_or_default()
}

/// What a string says.
pub(super) fn said(raw: &str, block: bool) -> String {
    if block { dedented(&raw.replace("\\\"\"\"", "\"\"\"")) } else { unescaped(raw).into_owned() }
}

/// Escapes as in JSON, and `\u{...}`. What is no escape stands as it is.
fn unescaped(raw: &str) -> Cow<'_, str> {
    if !raw.contains('\\') {
        return Cow::Borrowed(raw);
    }
    let mut json = String::with_capacity(raw.len() + 2);
    let mut rest = raw;
    while let Some((before, inside)) = rest.split_once("\\u{") {
        let Some((digits, after)) = inside.split_once('}') else { break };
        json.push_str(before);
        json.extend(u32::from_str_radix(digits, 16).ok().and_then(char::from_u32));
        rest = after;
    }
    json.push_str(rest);
    // Control characters may stand in GraphQL's strings, and not in JSON's.
    let json = json.replace('\t', "\\t");
    serde_json::from_str::<String>(&format!("\"{json}\"")).map_or(Cow::Borrowed(raw), Cow::Owned)
}

/// A block string without its common indentation and its empty first and last lines.
fn dedented(text: &str) -> String {
    let lines: Vec<&str> = text.lines().collect();
    let indent = |line: &str| line.len() - line.trim_start_matches([' ', '\t']).len();
    let filled = lines.iter().skip(1).filter(|line| !line.trim().is_empty());
    let common = filled.map(|line| indent(line)).min().unwrap_or(0);
    let cut = |(n, line): (usize, &&str)| {
        let from = if n == 0 { 0 } else { common };
        line.get(from..).unwrap_or_default().trim_end().to_owned()
    };
    let lines: Vec<String> = lines.iter().enumerate().map(cut).collect();
    lines.join("\n").trim_matches('\n').to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tokens(text: &str) -> Result<Vec<Token<'_>>, String> {
        let mut tokens = Tokens::new(text).map_err(|error| error.to_string())?;
        let mut all = Vec::new();
        loop {
            match tokens.advance().map_err(|error| error.to_string())? {
                Token::End => return Ok(all),
                token => all.push(token),
            }
        }
    }

    #[test]
    fn a_text_is_its_tokens() {
        let all = tokens("\u{feff}type A_1 { # comment {\n f(n: -12, x: 1.5e3): [B!] }...on").unwrap();
        assert_eq!(all.len(), 20);
        assert_eq!(all[..2], [Token::Name("type"), Token::Name("A_1")]);
        assert!(all.contains(&Token::Int("-12")) && all.contains(&Token::Float("1.5e3")));
        assert_eq!(all[18..], [Token::Sign('.'), Token::Name("on")]);
    }

    #[test]
    fn strings_say_what_they_mean() {
        let check = |text: &str, wanted: &str| {
            let all = tokens(text).unwrap();
            let [Token::Text { raw, block }] = all[..] else { panic!("{all:?}") };
            assert_eq!(said(raw, block), wanted, "{text}");
        };
        check(r#""""#, "");
        check(r#""a \"b\" \\ \u00e9 \u{1F600} \uD83D\uDE00""#, "a \"b\" \\ é 😀 😀");
        check("\"\"\"\n    one\n      two\n\n    three \\\"\"\" \n    \"\"\"", "one\n  two\n\nthree \"\"\"");
        check("\"\"\"one\"\"\"", "one");
    }

    #[test]
    fn what_is_no_token_says_where() {
        let check = |text: &str, wanted: &str| assert_eq!(tokens(text).unwrap_err(), wanted);
        check("type A\n  %", "line 2, column 3: `%` begins nothing in GraphQL");
        check("\"a\nb\"", "line 1, column 1: this string has no end");
        check("\"\"\"a \\\"\"\"", "line 1, column 1: this string has no end");
        check("01", "line 1, column 1: `01` is no number");
        check("a .. b", "line 1, column 3: `.` begins nothing in GraphQL");
    }
}
