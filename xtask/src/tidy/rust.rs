//! Just enough of Rust's lexical structure to count the lines of functions.

/// A function with a body.
#[derive(Debug, PartialEq, Eq)]
pub struct Function {
    /// Its name.
    pub name: String,
    /// The line of its `fn`, from 1.
    pub line: usize,
    /// Lines from its `fn` to its closing brace.
    pub lines: usize,
}

/// The source with everything inside comments, strings and character literals blanked out; lines stay where they are.
pub fn blank(source: &str) -> String {
    let bytes = source.as_bytes();
    let mut out = String::with_capacity(source.len());
    let mut at = 0;
    while at < bytes.len() {
        let end = opaque_end(source, at);
        if end > at {
            out.extend(source[at..end].chars().map(|c| if c == '\n' { '\n' } else { ' ' }));
            at = end;
            continue;
        }
        let Some(next) = source[at..].chars().next() else { break };
        out.push(next);
        at += next.len_utf8();
    }
    out
}

/// Where the comment, string or character literal that begins at `at` ends; `at` if none begins there.
fn opaque_end(source: &str, at: usize) -> usize {
    let rest = &source[at..];
    if rest.starts_with("//") {
        return at + rest.find('\n').unwrap_or(rest.len());
    }
    if rest.starts_with("/*") {
        return at + block_comment(rest);
    }
    let follows_word = source[..at].chars().next_back().is_some_and(is_word);
    if !follows_word && let Some(length) = raw_string(rest) {
        return at + length;
    }
    match rest.as_bytes().first() {
        Some(b'"') => at + 1 + quoted(&rest[1..], '"'),
        Some(b'\'') => at + character(rest),
        _ => at,
    }
}

fn block_comment(rest: &str) -> usize {
    let mut depth = 0;
    let mut at = 0;
    while at < rest.len() {
        if rest[at..].starts_with("/*") {
            depth += 1;
            at += 2;
        } else if rest[at..].starts_with("*/") {
            depth -= 1;
            at += 2;
            if depth == 0 {
                return at;
            }
        } else {
            at += rest[at..].chars().next().map_or(1, char::len_utf8);
        }
    }
    rest.len()
}

/// The length of `r"..."`, `br#"..."#` and the like, if `rest` begins with one.
fn raw_string(rest: &str) -> Option<usize> {
    let start = ["r", "br", "cr"].into_iter().find(|start| {
        rest.strip_prefix(start).is_some_and(|after| after.trim_start_matches('#').starts_with('"'))
    })?;
    let hashes = rest[start.len()..].chars().take_while(|&c| c == '#').count();
    let open = start.len() + hashes + 1;
    let close = format!("\"{}", "#".repeat(hashes));
    Some(rest[open..].find(&close).map_or(rest.len(), |length| open + length + close.len()))
}

/// How far it is behind the closing `quote`, escapes left aside.
fn quoted(rest: &str, quote: char) -> usize {
    let mut escaped = false;
    for (at, c) in rest.char_indices() {
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            _ if c == quote => return at + c.len_utf8(),
            _ => {}
        }
    }
    rest.len()
}

/// The length of a character literal; 0 for a lifetime.
fn character(rest: &str) -> usize {
    let mut chars = rest[1..].chars();
    match (chars.next(), chars.next()) {
        (Some('\\'), _) => 1 + quoted(&rest[1..], '\''),
        (Some(c), Some('\'')) => 2 + c.len_utf8(),
        _ => 0,
    }
}

fn is_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

/// The functions of a source that [`blank`] has been through.
pub fn functions(blanked: &str) -> Vec<Function> {
    let mut found = Vec::new();
    for (at, _) in blanked.match_indices("fn") {
        let before = blanked[..at].chars().next_back().is_some_and(is_word);
        let after = &blanked[at + 2..];
        let name: String = after.trim_start().chars().take_while(|&c| is_word(c) || c == '#').collect();
        if before || name.is_empty() || !after.starts_with(char::is_whitespace) {
            continue;
        }
        if let Some(end) = body_end(after) {
            let lines_of = |text: &str| text.matches('\n').count() + 1;
            let lines = lines_of(&after[..end]);
            found.push(Function { name, line: lines_of(&blanked[..at]), lines });
        }
    }
    found
}

/// Where the body ends whose signature `text` begins with; `None` if there is none (a trait's method).
fn body_end(text: &str) -> Option<usize> {
    let mut nested = 0_usize;
    let mut braces = 0_usize;
    for (at, c) in text.char_indices() {
        match c {
            '(' | '[' if braces == 0 => nested += 1,
            ')' | ']' if braces == 0 => nested = nested.saturating_sub(1),
            ';' if braces == 0 && nested == 0 => return None,
            '{' if nested == 0 => braces += 1,
            '}' if nested == 0 => {
                braces = braces.saturating_sub(1);
                if braces == 0 {
                    return Some(at + 1);
                }
            }
            _ => {}
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(source: &str) -> Vec<(String, usize, usize)> {
        functions(&blank(source)).into_iter().map(|f| (f.name, f.line, f.lines)).collect()
    }

    #[test]
    fn functions_are_counted_from_their_name_to_their_closing_brace() {
        let source = "struct A;\n\nimpl A {\n    fn one() {}\n    pub fn two(\n        x: [u8; 4],\n    ) -> u8 {\n        x[0]\n    }\n}\n";
        assert_eq!(check(source), [("one".to_owned(), 4, 1), ("two".to_owned(), 5, 5)]);
    }

    #[test]
    fn braces_in_text_do_not_count() {
        let source = "fn a<'x>(c: &'x str) {\n    let _ = (\"}\", '}', '\\'', r#\"}\"}\"#, b'}', \"\\\"}\");\n    // }\n    /* } /* } */ } */\n}\n";
        assert_eq!(check(source), [("a".to_owned(), 1, 5)]);
    }

    #[test]
    fn what_has_no_body_is_no_function() {
        assert_eq!(
            check(
                "trait T { fn a(&self) -> [u8; 2]; }\ntype F = fn(u8) -> u8;\n// fn b() {}\nlet often = 1;\n"
            ),
            []
        );
    }

    #[test]
    fn a_function_within_another_counts_for_both() {
        let names: Vec<_> =
            check("fn outer() {\n    fn inner() {\n    }\n}\n").into_iter().map(|f| (f.0, f.2)).collect();
        assert_eq!(names, [("outer".to_owned(), 4), ("inner".to_owned(), 2)]);
    }

    #[test]
    fn blanking_keeps_lines_and_length_of_what_is_code() {
        let source = "let s = \"a\nb\"; // ü\nlet t = 'ü';";
        let blanked = blank(source);
        assert_eq!(blanked.lines().count(), source.lines().count());
        assert!(blanked.starts_with("let s = ") && blanked.contains("let t = "));
        assert!(!blanked.contains('ü') && !blanked.contains('b'));
    }

    #[test]
    fn a_text_that_never_ends_is_blanked_to_its_end() {
        for source in ["\"abc", "/* abc", "r#\"abc\"", "'\\", "b\"\\"] {
            assert!(!blank(source).contains("abc"), "{source}");
        }
    }
}
