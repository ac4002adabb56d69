//! Errors of a source text in words for its author: what, where, and how to mend it.

use std::collections::BTreeSet;

use jsonata_core::ast::{AstNode, BinaryOp};
use jsonata_core::functions::string::build_regex;
use jsonata_core::parser::{self, ParserError};

use crate::CompileError;
use crate::functions::{BUILT_IN, find, functions};
use crate::syntax::{Facts, children};
use crate::tokens::{Kind, Token, tokens};

/// Parsing again and again to find the place of an error stops being worth it beyond this many tokens.
const TOKENS_MAX: usize = 2_000;

/// What the parser says of a source that it refused.
pub(crate) fn syntax(source: &str, error: &ParserError) -> CompileError {
    let tokens = tokens(source);
    if source.trim().is_empty() {
        return CompileError {
            message: "the expression is empty".to_owned(),
            code: "S0207".to_owned(),
            offset: Some(0),
            help: Some("write the name of a field, such as `trigger.id`, or `null`".to_owned()),
        };
    }
    let (code, message) = coded(&error.to_string());
    if let Some((at, written, help)) = habit(&tokens) {
        let message = format!("`{written}` is not JSONata");
        return at_byte(source, Some(at), &code, message, Some(help));
    }
    if let Some((at, message, help)) = unclosed(source, &tokens) {
        return at_byte(source, Some(at), &code, message, Some(help));
    }
    let offender = offender(source, &tokens, error);
    let message = match &offender {
        Some(token) => format!("`{}` does not belong here", shorten(token.text)),
        None if is_end(error) => "the expression ends too early".to_owned(),
        None => message,
    };
    let help = offender.and_then(|token| neighbours(&tokens, &token));
    let at = offender.map(|token| token.start).or_else(|| is_end(error).then_some(source.trim_end().len()));
    at_byte(source, at, &code, message, help)
}

fn at_byte(
    source: &str,
    at: Option<usize>,
    code: &str,
    message: String,
    help: Option<String>,
) -> CompileError {
    let offset = at.map(|at| source.get(..at).map_or(0, |before| before.chars().count()));
    CompileError { message, code: code.to_owned(), offset, help }
}

/// Splits `S0201: Syntax error` into its code and the rest.
pub(crate) fn coded(message: &str) -> (String, String) {
    let message = message.strip_prefix("Invalid syntax: ").unwrap_or(message);
    match message.split_once(": ") {
        Some((code, rest)) if code.len() == 5 && code.bytes().skip(1).all(|b| b.is_ascii_digit()) => {
            (code.to_owned(), rest.to_owned())
        }
        _ => ("S0201".to_owned(), message.to_owned()),
    }
}

fn is_end(error: &ParserError) -> bool {
    let text = format!("{error:?}");
    matches!(error, ParserError::UnexpectedEnd) || text.contains("Eof")
}

/// Habits from other languages that JSONata spells differently.
fn habit(tokens: &[Token<'_>]) -> Option<(usize, String, String)> {
    let text = |s: &str| Some(s.to_owned());
    tokens.iter().zip(tokens.iter().skip(1)).find_map(|(a, b)| {
        let adjacent = a.end() == b.start;
        let help = match (a.text, b.text) {
            _ if a.kind != Kind::Symbol
                && !matches!(a.text, "$" | "return" | "let" | "const" | "var" | "if") =>
            {
                None
            }
            ("{", "{") if adjacent => text("expressions stand where values stand; drop the {{ }}"),
            ("$", "{") if adjacent => text("expressions stand where values stand; drop the ${ }"),
            ("=", "=") if adjacent => text("equality is written `=`"),
            ("!=", "=") if adjacent => text("inequality is written `!=`"),
            ("=", ">") if adjacent => text("a function is written `function($x) { ... }`"),
            ("&", "&") if adjacent => text("write `and`; a single `&` joins texts"),
            ("|", "|") if adjacent => text("write `or`, or `??` for a fallback"),
            ("!", _) => text("negation is written `$not(...)`"),
            ("let" | "const" | "var", _) if b.kind != Kind::Symbol => {
                text("a variable is set inside parentheses: `($total := qty * price; $total)`")
            }
            ("return", _) if b.kind != Kind::Symbol => {
                text("the last expression is the result; drop `return`")
            }
            ("if", "(") => text("a choice is written `condition ? this : that`"),
            _ => None,
        };
        let written =
            if a.kind == Kind::Name || a.text == "!" { a.text.to_owned() } else { [a.text, b.text].concat() };
        help.map(|help| (a.start, written, help))
    })
}

/// A bracket or quote without its partner.
fn unclosed(source: &str, tokens: &[Token<'_>]) -> Option<(usize, String, String)> {
    let mut open: Vec<&Token<'_>> = Vec::new();
    for token in tokens {
        match token.kind {
            Kind::Unclosed => {
                let quote = token.text.chars().next().unwrap_or('"');
                let (what, end) = match quote {
                    '/' if token.text.starts_with("/*") => ("comment", "*/".to_owned()),
                    '/' => ("regular expression", "/".to_owned()),
                    '`' => ("quoted name", "`".to_owned()),
                    quote => ("text", quote.to_string()),
                };
                return Some((
                    token.start,
                    format!("this {what} does not end"),
                    format!("close it with `{end}`"),
                ));
            }
            Kind::Symbol if matches!(token.text, "(" | "[" | "{") => open.push(token),
            Kind::Symbol if matches!(token.text, ")" | "]" | "}") => {
                let Some(partner) = open.pop() else {
                    let message = format!("this `{}` closes nothing", token.text);
                    return Some((token.start, message, "remove it, or open it before".to_owned()));
                };
                let wanted = closing(partner.text);
                if wanted != token.text {
                    let opened = source.get(..partner.start).map_or(0, |s| s.chars().count()) + 1;
                    let message = format!(
                        "`{}` stands where the `{}` of column {opened} needs `{wanted}`",
                        token.text, partner.text
                    );
                    return Some((token.start, message, format!("write `{wanted}` before it")));
                }
            }
            _ => {}
        }
    }
    let last = open.pop()?;
    Some((last.start, format!("this `{}` is not closed", last.text), format!("add `{}`", closing(last.text))))
}

fn closing(open: &str) -> &'static str {
    match open {
        "(" => ")",
        "[" => "]",
        _ => "}",
    }
}

/// The first token with which the source can no longer become an expression.
fn offender<'a>(source: &'a str, tokens: &[Token<'a>], error: &ParserError) -> Option<Token<'a>> {
    if tokens.len() > TOKENS_MAX || is_end(error) {
        return None;
    }
    let wanted = error.to_string();
    let refused = |token: &&Token<'a>| {
        let prefix = source.get(..token.end()).unwrap_or(source);
        parser::parse(prefix).is_err_and(|e| e.to_string() == wanted)
    };
    tokens.iter().find(refused).copied()
}

/// Two values side by side: a text without quotes, most likely.
fn neighbours(tokens: &[Token<'_>], offender: &Token<'_>) -> Option<String> {
    let index = tokens.iter().position(|t| t == offender)?;
    let before = tokens.get(index.checked_sub(1)?)?;
    let value = |t: &Token<'_>| matches!(t.kind, Kind::Name | Kind::Number | Kind::Text | Kind::Variable);
    if value(before) && value(offender) {
        return Some(
            "a fixed text needs quotes of its own, as in '\"Hello world\"'; texts are joined with `&`"
                .to_owned(),
        );
    }
    if matches!(offender.text, ":" | "@" | "\\" | "#") {
        return Some(
            "if this is a fixed text, give it quotes of its own, as in '\"ann@example.com\"'".to_owned(),
        );
    }
    None
}

fn shorten(text: &str) -> String {
    if text.chars().count() <= 30 { text.to_owned() } else { text.chars().take(29).chain(['…']).collect() }
}

/// What is wrong with an expression that parses: names that mean nothing, patterns that are none.
pub(crate) fn meaning(source: &str, ast: &AstNode, facts: &Facts) -> Option<CompileError> {
    for name in facts.called.iter().chain(&facts.variables) {
        if facts.bound.contains(name) || BUILT_IN.contains(&name.as_str()) || find(name).is_some() {
            continue;
        }
        return Some(unknown(source, name, facts));
    }
    for (pattern, flags) in &facts.regexes {
        if let Err(error) = build_regex(pattern, flags) {
            let at = source.find(&format!("/{pattern}/"));
            let (_, said) = coded(&error.to_string());
            let help = "lookaround and backreferences are not available, so that every pattern ends in time";
            let message =
                format!("`/{}/` is not a regular expression: {}", shorten(pattern), said.replace('\n', " "));
            return Some(at_byte(source, at, "S0301", message, Some(help.to_owned())));
        }
    }
    adds_text(ast).then(|| {
        at_byte(
            source,
            tokens(source).iter().find(|t| t.is("+")).map(|t| t.start),
            "T2001",
            "`+` adds numbers, and one side is a text".to_owned(),
            Some("texts are joined with `&`".to_owned()),
        )
    })
}

fn adds_text(node: &AstNode) -> bool {
    if let AstNode::Binary { op: BinaryOp::Add, lhs, rhs } = node
        && [lhs, rhs].iter().any(|side| matches!(***side, AstNode::String(_)))
    {
        return true;
    }
    let mut found = false;
    children(node, &mut |child| found |= adds_text(child));
    found
}

fn unknown(source: &str, name: &str, facts: &Facts) -> CompileError {
    let shown = format!("${name}");
    let at = tokens(source).iter().find(|t| t.kind == Kind::Variable && t.text == shown).map(|t| t.start);
    let called = facts.called.contains(name);
    let similar = similar(name, facts);
    if name == "eval" {
        let message = "`$eval` is not available: what it reads could not be told before it runs".to_owned();
        let help = "write the expression itself".to_owned();
        return at_byte(source, at, "T1005", message, Some(help));
    }
    let help = match similar {
        Some(similar) => format!("did you mean `${similar}`?"),
        None if called => {
            let ours: Vec<String> = functions().iter().map(|f| format!("`${}`", f.name)).collect();
            format!("there are the functions of JSONata, and {}", ours.join(", "))
        }
        None => format!("a field is written without `$`: `{name}`; a variable is set by `${name} := ...`"),
    };
    let (code, message) = if called {
        ("T1005", format!("there is no function `{shown}`"))
    } else {
        ("U0001", format!("`{shown}` is never set"))
    };
    at_byte(source, at, code, message, Some(help))
}

fn similar<'a>(name: &str, facts: &'a Facts) -> Option<&'a str> {
    let lower = name.to_lowercase();
    let known: BTreeSet<&'a str> = BUILT_IN
        .iter()
        .copied()
        .chain(functions().iter().map(|f| f.name))
        .chain(facts.bound.iter().map(String::as_str))
        .collect();
    known
        .into_iter()
        .map(|candidate| (strsim::damerau_levenshtein(&lower, &candidate.to_lowercase()), candidate))
        .filter(|(distance, candidate)| *distance <= 1 + candidate.len() / 4)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
        .or(match lower.as_str() {
            "concat" | "str" | "tostring" => Some("string"),
            "toupper" | "touppercase" | "upper" => Some("uppercase"),
            "tolower" | "tolowercase" | "lower" => Some("lowercase"),
            "len" | "size" => Some("count"),
            "parseint" | "parsefloat" | "int" | "float" | "tonumber" => Some("number"),
            "date" | "todate" => Some("parseDate"),
            "guid" => Some("uuid"),
            "coalesce" | "ifnull" => Some("default"),
            _ => None,
        })
}
