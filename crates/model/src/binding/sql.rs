use std::fmt;
use std::sync::Arc;

/// A statement of a database whose values are bound, never written into its text.
#[derive(Clone, Debug)]
pub struct SqlBinding {
    /// The statement as its author wrote it.
    pub written: Arc<str>,
    /// The same in pieces.
    pub pieces: Vec<SqlPiece>,
    /// Its values, each once, in the order in which they first stand in it.
    pub parameters: Vec<SqlParameter>,
    /// What the answer is made of.
    pub answer: SqlAnswer,
}

/// A piece of a statement.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SqlPiece {
    /// Text that goes out as it stands.
    Text(Arc<str>),
    /// The value of the parameter of this index.
    Value(usize),
}

/// A value of a statement.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SqlParameter {
    /// The input field, and the name behind the colon.
    pub field: Arc<str>,
    /// Whether a call without it is refused; else it is null.
    pub required: bool,
}

/// What the answer to a statement is made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SqlAnswer {
    /// All rows, as a list of objects.
    Rows,
    /// The first row, or null if there is none.
    Row,
    /// How many rows it changed: `{ "changed": 3 }`.
    Changed,
}

/// Whose SQL a statement is written in: what is text, comment or name in it, and what is not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dialect {
    /// PostgreSQL: `$tag$ texts $tag$`, comments within comments, `E'it\'s'`.
    Postgres,
    /// MySQL and MariaDB: `` `names` ``, `#` comments, `'it\'s'`.
    Mysql,
}

/// Why a text is no statement, and where that shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct SqlError {
    pub(crate) kind: SqlErrorKind,
    /// In characters from the beginning.
    pub(crate) at: usize,
}

/// What is wrong with a statement.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum SqlErrorKind {
    /// A text, name or comment that does not end.
    Unclosed(&'static str),
    /// Another statement follows.
    Several,
    /// There is none.
    Empty,
}

impl fmt::Display for SqlErrorKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unclosed(what) => write!(f, "{what} that begins here does not end"),
            Self::Several => f.write_str("a second statement begins here; an operation is one"),
            Self::Empty => f.write_str("there is no statement"),
        }
    }
}

/// What was found in a statement besides its pieces.
pub(crate) struct Parsed {
    pub(crate) pieces: Vec<SqlPiece>,
    /// Each name once, with the character at which it first stands.
    pub(crate) names: Vec<(String, usize)>,
    /// The words outside of texts and comments, in small letters.
    pub(crate) words: Vec<String>,
}

impl SqlBinding {
    /// The parameter that an input field goes to.
    pub fn parameter(&self, field: &str) -> Option<&SqlParameter> {
        self.parameters.iter().find(|parameter| &*parameter.field == field)
    }

    /// The statement with what the database takes for a value: `$1`, or `?`.
    pub fn with(&self, mut value: impl FnMut(usize) -> String) -> String {
        let text = |piece: &SqlPiece| match piece {
            SqlPiece::Text(text) => text.to_string(),
            SqlPiece::Value(index) => value(*index),
        };
        self.pieces.iter().map(text).collect()
    }

    /// The statement as it is shown where there is room for a line.
    pub fn in_one_line(&self) -> String {
        self.written.split_whitespace().collect::<Vec<_>>().join(" ")
    }
}

/// Cuts a statement at its values: `:name`, where that is no text, name, comment, cast (`::`) or part of a slice (`[1:n]`
/// is one if a digit or a word stands before the colon without a space).
pub(crate) fn parse(text: &str, dialect: Dialect) -> Result<Parsed, SqlError> {
    let chars: Vec<char> = text.chars().collect();
    let mut parsed = Parsed { pieces: Vec::new(), names: Vec::new(), words: Vec::new() };
    let (mut at, mut literal, mut ended) = (0, String::new(), false);
    while at < chars.len() {
        let c = chars[at];
        let (end, is_gap) = match skipped(&chars, at, dialect)? {
            Some((end, is_comment)) => (end, is_comment),
            None if c.is_whitespace() => (at + 1, true),
            None if c == ';' => {
                ended = true;
                at += 1;
                continue;
            }
            None => (at, false),
        };
        if ended && !is_gap {
            return Err(SqlError { kind: SqlErrorKind::Several, at });
        }
        if end > at {
            literal.extend(&chars[at..end]);
        } else if let Some(name) = value_at(&chars, at) {
            at += 1 + name.chars().count();
            let known = parsed.names.iter().position(|(known, _)| *known == name);
            let index = known.unwrap_or(parsed.names.len());
            if known.is_none() {
                parsed.names.push((name.clone(), at - name.chars().count() - 1));
            }
            if !literal.is_empty() {
                parsed.pieces.push(SqlPiece::Text(Arc::from(std::mem::take(&mut literal))));
            }
            parsed.pieces.push(SqlPiece::Value(index));
            continue;
        } else if is_word(c) {
            let word: String = chars[at..].iter().copied().take_while(|c| is_word(*c)).collect();
            at += word.chars().count();
            literal.push_str(&word);
            parsed.words.push(word.to_lowercase());
            continue;
        } else {
            // A cast, or whatever else: both colons at once, so that the second begins no value.
            let length = if c == ':' && matches!(chars.get(at + 1), Some(':' | '=')) { 2 } else { 1 };
            literal.extend(&chars[at..at + length]);
            at += length;
            continue;
        }
        at = end;
    }
    let rest = literal.trim_end();
    if !rest.is_empty() {
        parsed.pieces.push(SqlPiece::Text(Arc::from(rest)));
    }
    if parsed.words.is_empty() {
        return Err(SqlError { kind: SqlErrorKind::Empty, at: 0 });
    }
    Ok(parsed)
}

/// The name of the value that begins here.
fn value_at(chars: &[char], at: usize) -> Option<String> {
    let begins = |c: &char| c.is_alphabetic() || *c == '_';
    let before = at.checked_sub(1).map(|before| chars[before]);
    if chars[at] != ':' || before.is_some_and(is_word) || !chars.get(at + 1).is_some_and(begins) {
        return None;
    }
    Some(chars[at + 1..].iter().copied().take_while(|c| is_word(*c) && *c != '$').collect())
}

fn is_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_' || c == '$'
}

/// Where a text, name or comment that begins here ends, and whether it is a comment.
fn skipped(chars: &[char], at: usize, dialect: Dialect) -> Result<Option<(usize, bool)>, SqlError> {
    let next = chars.get(at + 1).copied();
    let mysql = dialect == Dialect::Mysql;
    let end = match chars[at] {
        '\'' => {
            let escapes = mysql || (at > 0 && matches!(chars[at - 1], 'e' | 'E') && !in_word(chars, at - 1));
            (quoted(chars, at, '\'', escapes, "a text")?, false)
        }
        '"' => (quoted(chars, at, '"', mysql, "a name or text")?, false),
        '`' if mysql => (quoted(chars, at, '`', false, "a name")?, false),
        '-' if next == Some('-') && (!mysql || chars.get(at + 2).is_none_or(|c| c.is_whitespace())) => {
            (line(chars, at), true)
        }
        '#' if mysql => (line(chars, at), true),
        '/' if next == Some('*') => (comment(chars, at, !mysql)?, true),
        '$' if !mysql && (at == 0 || !is_word(chars[at - 1])) => match dollar_quoted(chars, at)? {
            Some(end) => (end, false),
            None => return Ok(None),
        },
        _ => return Ok(None),
    };
    Ok(Some(end))
}

/// Whether the character belongs to a word that begins before it.
fn in_word(chars: &[char], at: usize) -> bool {
    at.checked_sub(1).is_some_and(|before| is_word(chars[before]))
}

fn unclosed(what: &'static str, at: usize) -> SqlError {
    SqlError { kind: SqlErrorKind::Unclosed(what), at }
}

fn quoted(
    chars: &[char],
    begin: usize,
    quote: char,
    escapes: bool,
    what: &'static str,
) -> Result<usize, SqlError> {
    let mut at = begin + 1;
    while let Some(&c) = chars.get(at) {
        match c {
            '\\' if escapes => at += 2,
            // A doubled quote is one that belongs to the text.
            _ if c == quote && chars.get(at + 1) == Some(&quote) => at += 2,
            _ if c == quote => return Ok(at + 1),
            _ => at += 1,
        }
    }
    Err(unclosed(what, begin))
}

fn line(chars: &[char], at: usize) -> usize {
    chars[at..].iter().position(|c| *c == '\n').map_or(chars.len(), |length| at + length)
}

fn comment(chars: &[char], begin: usize, nests: bool) -> Result<usize, SqlError> {
    let (mut at, mut depth) = (begin + 2, 1);
    while at + 1 < chars.len() {
        match (chars[at], chars[at + 1]) {
            ('*', '/') => {
                (at, depth) = (at + 2, depth - 1);
                if depth == 0 {
                    return Ok(at);
                }
            }
            ('/', '*') if nests => (at, depth) = (at + 2, depth + 1),
            _ => at += 1,
        }
    }
    Err(unclosed("a comment", begin))
}

/// Where `$tag$ ... $tag$` ends; `None` if none begins here.
fn dollar_quoted(chars: &[char], begin: usize) -> Result<Option<usize>, SqlError> {
    let inner = chars[begin + 1..].iter().take_while(|c| c.is_alphanumeric() || **c == '_').count();
    let starts_with_digit = chars.get(begin + 1).is_some_and(char::is_ascii_digit);
    if starts_with_digit || chars.get(begin + 1 + inner) != Some(&'$') {
        return Ok(None);
    }
    let tag = &chars[begin..begin + inner + 2];
    let from = begin + tag.len();
    let found = chars[from..].windows(tag.len()).position(|window| window == tag);
    found.map(|length| Some(from + length + tag.len())).ok_or_else(|| unclosed("a text", begin))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, dialect: Dialect) -> String {
        match parse(text, dialect) {
            Ok(parsed) => {
                let piece = |piece: &SqlPiece| match piece {
                    SqlPiece::Text(text) => text.to_string(),
                    SqlPiece::Value(index) => format!("<{}>", parsed.names[*index].0),
                };
                parsed.pieces.iter().map(piece).collect()
            }
            Err(error) => format!("{} at {}", error.kind, error.at),
        }
    }

    #[test]
    fn values_are_found_where_they_are_meant() {
        for (text, cut) in [
            ("select * from t where id = :id", "select * from t where id = <id>"),
            ("select :a, :b, :a", "select <a>, <b>, <a>"),
            ("select :id::int8, '{}'::jsonb", "select <id>::int8, '{}'::jsonb"),
            ("select ':no', 'it''s :no', \":no\"", "select ':no', 'it''s :no', \":no\""),
            ("select E'it\\'s :no', :yes", "select E'it\\'s :no', <yes>"),
            ("select 'back\\', :yes", "select 'back\\', <yes>"),
            ("select a[1:2], a[1:n], b[:from : :to]", "select a[1:2], a[1:n], b[<from> : <to>]"),
            ("select 1 -- :no\n, :yes", "select 1 -- :no\n, <yes>"),
            ("select /* :no /* :no */ :no */ :yes", "select /* :no /* :no */ :no */ <yes>"),
            ("select $$ :no $$, $x$ :no $$ $x$, :yes", "select $$ :no $$, $x$ :no $$ $x$, <yes>"),
            ("select a$b$c, :yes", "select a$b$c, <yes>"),
            ("select 1; -- the end\n", "select 1 -- the end"),
            ("select :größe", "select <größe>"),
        ] {
            assert_eq!(check(text, Dialect::Postgres), cut);
        }
        for (text, cut) in [
            ("select 'it\\'s :no', \"\\\":no\", :yes", "select 'it\\'s :no', \"\\\":no\", <yes>"),
            ("select `:no` # :no\n, :yes", "select `:no` # :no\n, <yes>"),
            ("select 5--:yes", "select 5--<yes>"),
            ("set @a := :yes", "set @a := <yes>"),
            ("select /* /* :no */ :yes", "select /* /* :no */ <yes>"),
        ] {
            assert_eq!(check(text, Dialect::Mysql), cut);
        }
    }

    #[test]
    fn what_is_no_statement_says_where() {
        for (text, why) in [
            ("select 'abc", "a text that begins here does not end at 7"),
            ("select \"abc", "a name or text that begins here does not end at 7"),
            ("select /* x", "a comment that begins here does not end at 7"),
            ("select $x$ a $y$", "a text that begins here does not end at 7"),
            ("select 1; drop table t", "a second statement begins here; an operation is one at 10"),
            (" -- nothing", "there is no statement at 0"),
        ] {
            assert_eq!(check(text, Dialect::Postgres), why, "{text}");
        }
    }
}
