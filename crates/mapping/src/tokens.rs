//! Where the tokens of a source text stand, which the engine's own parser does not tell.

/// What kind of token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Name,
    Variable,
    Number,
    Text,
    Regex,
    Symbol,
    /// A text, quoted name, comment or regular expression that does not end.
    Unclosed,
}

/// A token, by its place in the source in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Token<'a> {
    pub(crate) kind: Kind,
    pub(crate) start: usize,
    pub(crate) text: &'a str,
}

impl Token<'_> {
    pub(crate) fn end(&self) -> usize {
        self.start + self.text.len()
    }

    pub(crate) fn is(&self, symbol: &str) -> bool {
        self.kind == Kind::Symbol && self.text == symbol
    }
}

/// Splits a source into its tokens; white space and comments are left out.
pub(crate) fn tokens(source: &str) -> Vec<Token<'_>> {
    let mut tokens: Vec<Token<'_>> = Vec::new();
    let mut at = 0;
    while let Some(rest) = source.get(at..).filter(|rest| !rest.is_empty()) {
        let Some(first) = rest.chars().next() else { break };
        if first.is_whitespace() {
            at += first.len_utf8();
            continue;
        }
        let (kind, length) = if rest.starts_with("/*") {
            match rest.find("*/") {
                Some(end) => {
                    at += end + 2;
                    continue;
                }
                None => (Kind::Unclosed, rest.len()),
            }
        } else {
            next(rest, first, tokens.last())
        };
        let text = rest.get(..length).unwrap_or(rest);
        tokens.push(Token { kind, start: at, text });
        at += text.len().max(1);
    }
    tokens
}

fn next(rest: &str, first: char, before: Option<&Token<'_>>) -> (Kind, usize) {
    match first {
        '"' | '\'' => quoted(rest, first, Kind::Text),
        '`' => rest
            .get(1..)
            .and_then(|r| r.find('`'))
            .map_or((Kind::Unclosed, rest.len()), |end| (Kind::Name, end + 2)),
        '/' if starts_regex(before) => {
            let (kind, length) = quoted(rest, '/', Kind::Regex);
            let flags =
                rest.get(length..).map_or(0, |r| r.bytes().take_while(u8::is_ascii_alphabetic).count());
            (kind, length + flags)
        }
        '0'..='9' => (Kind::Number, number(rest)),
        '$' => (Kind::Variable, 1 + word(rest.get(1..).unwrap_or(""))),
        _ if is_word(first) => (Kind::Name, word(rest)),
        _ => {
            const LONG: [&str; 9] = ["**", "..", ":=", "!=", "<=", ">=", "~>", "??", "?:"];
            let length =
                LONG.iter().find(|symbol| rest.starts_with(**symbol)).map_or(first.len_utf8(), |s| s.len());
            (Kind::Symbol, length)
        }
    }
}

/// `/` divides what stands before it, if that is a value.
fn starts_regex(before: Option<&Token<'_>>) -> bool {
    match before {
        None => true,
        Some(token) => token.kind == Kind::Symbol && !matches!(token.text, ")" | "]" | "}"),
    }
}

fn quoted(rest: &str, quote: char, kind: Kind) -> (Kind, usize) {
    let mut escaped = false;
    for (index, character) in rest.char_indices().skip(1) {
        match character {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            c if c == quote => return (kind, index + 1),
            _ => {}
        }
    }
    (Kind::Unclosed, rest.len())
}

fn is_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_' || c == '$'
}

fn word(rest: &str) -> usize {
    rest.find(|c| !is_word(c)).unwrap_or(rest.len())
}

/// The length of a number; its sign is an operator. A zero in front stands alone, as in JSON.
fn number(rest: &str) -> usize {
    let digits = |from: usize| rest.bytes().skip(from).take_while(u8::is_ascii_digit).count();
    let mut length = if rest.starts_with('0') { 1 } else { digits(0) };
    if rest.as_bytes().get(length) == Some(&b'.') && digits(length + 1) > 0 {
        length += 1 + digits(length + 1);
    }
    if matches!(rest.as_bytes().get(length), Some(b'e' | b'E')) {
        let sign = usize::from(matches!(rest.as_bytes().get(length + 1), Some(b'+' | b'-')));
        if digits(length + 1 + sign) > 0 {
            length += 1 + sign + digits(length + 1 + sign);
        }
    }
    length
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(source: &str, expected: &[&str]) {
        let texts: Vec<&str> = tokens(source).iter().map(|t| t.text).collect();
        assert_eq!(texts, expected, "{source}");
    }

    #[test]
    fn a_source_splits_into_its_tokens() {
        check("a.b[0] & 'x y' ", &["a", ".", "b", "[", "0", "]", "&", "'x y'"]);
        check("$f(1.5e3, $$.`a b`) ~> $g", &["$f", "(", "1.5e3", ",", "$$", ".", "`a b`", ")", "~>", "$g"]);
        check("[1..9]/2", &["[", "1", "..", "9", "]", "/", "2"]);
        check("/a\\/b/i", &["/a\\/b/i"]);
        check("a /* note */ / b", &["a", "/", "b"]);
        check("é = \"\\\"\"", &["é", "=", "\"\\\"\""]);
        check("'open", &["'open"]);
        check("01", &["0", "1"]);
    }
}
