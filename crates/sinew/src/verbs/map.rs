use std::io::{self, BufReader, BufWriter, Write};
use std::time::SystemTime;

use sinew_diag::codes::control;
use sinew_mapping::{Expression, Limits, Moment, Scope};
use sinew_stdx::{Json, Timestamp};

use super::values::Values;
use crate::cli::Map;
use crate::error::{CliError, Exit};
use crate::serve::chance;

/// Bytes read and written at a time.
const BUFFER: usize = 128 * 1024;

/// Maps JSON from standard input, value by value.
pub fn run(map: &Map) -> Result<Exit, CliError> {
    let mapper = Mapper { expression: compile(map)?, map, moment: moment(), limits: Limits::default() };
    let mut out = BufWriter::with_capacity(BUFFER, io::stdout().lock());
    let exit = if map.null_input {
        mapper.value(&Json::null(), 1, &mut out).map(|()| Exit::Ok)
    } else {
        mapper.stream(&mut Values::new(BufReader::with_capacity(BUFFER, io::stdin().lock())), &mut out)
    };
    // What was mapped before a failure is printed before it is told.
    match (exit, out.flush()) {
        (Err(Stop::Pipe), _) | (Ok(_), Err(_)) => Ok(Exit::Ok),
        (Err(Stop::Error(error)), _) => Err(error),
        (Ok(exit), Ok(())) => Ok(exit),
    }
}

/// Why mapping ends before its input.
enum Stop {
    /// Nobody reads any more.
    Pipe,
    Error(CliError),
}

impl From<CliError> for Stop {
    fn from(error: CliError) -> Self {
        Self::Error(error)
    }
}

struct Mapper<'a> {
    expression: Expression,
    map: &'a Map,
    moment: Moment,
    limits: Limits,
}

impl Mapper<'_> {
    fn stream(&self, values: &mut Values<impl io::BufRead>, out: &mut impl Write) -> Result<Exit, Stop> {
        let mut exit = Exit::Ok;
        loop {
            let (value, line) = match values.next(out) {
                Ok(Some((bytes, line))) => (Json::parse(bytes), line),
                Ok(None) => return Ok(exit),
                Err(e) if e.kind() == io::ErrorKind::BrokenPipe => return Err(Stop::Pipe),
                Err(e) => return Err(failed(1, &format!("standard input: {e}")).into()),
            };
            let done = match value {
                Ok(json) => self.value(&json, line, out),
                Err(error) => Err(failed(line, &format!("no acceptable JSON: {error}")).into()),
            };
            match done {
                Err(Stop::Error(error)) if self.map.keep_going => {
                    out.flush().map_err(|_| Stop::Pipe)?;
                    let _ = writeln!(io::stderr().lock(), "error[{}]: {}", error.code, error.message);
                    exit = Exit::Failed;
                }
                other => other?,
            }
        }
    }

    fn value(&self, json: &Json, line: u64, out: &mut impl Write) -> Result<(), Stop> {
        if self.map.each && json.as_str().starts_with('[') {
            let items: Vec<Json> = json.to().map_err(|e| failed(line, &e.to_string()))?;
            return items.iter().try_for_each(|item| self.one(item, line, out));
        }
        self.one(json, line, out)
    }

    fn one(&self, json: &Json, line: u64, out: &mut impl Write) -> Result<(), Stop> {
        let mapped = self.expression.evaluate(&Scope::root(json), self.moment, &self.limits);
        match mapped.map_err(|e| failed(line, &e.to_string()))? {
            None => Ok(()),
            Some(result) => self.print(&result, out).map_err(|_| Stop::Pipe),
        }
    }

    fn print(&self, result: &Json, out: &mut impl Write) -> io::Result<()> {
        let text =
            if self.map.raw && result.as_str().starts_with('"') { result.to::<String>().ok() } else { None };
        match text {
            Some(text) => out.write_all(text.as_bytes())?,
            None if self.map.pretty => out.write_all(pretty(result.as_str()).as_bytes())?,
            None => out.write_all(result.as_bytes())?,
        }
        out.write_all(b"\n")
    }
}

/// JSON over several lines, every token as it stands: numbers keep their digits.
fn pretty(text: &str) -> String {
    let (mut out, mut depth) = (String::with_capacity(text.len() * 2), 0_usize);
    let (mut in_text, mut escaped) = (false, false);
    let mut chars = text.chars().peekable();
    let new_line = |out: &mut String, depth: usize| {
        out.push('\n');
        out.extend(std::iter::repeat_n("  ", depth));
    };
    while let Some(c) = chars.next() {
        if in_text {
            out.push(c);
            (in_text, escaped) = (escaped || c != '"', !escaped && c == '\\');
            continue;
        }
        match c {
            '"' => {
                in_text = true;
                out.push(c);
            }
            '{' | '[' => {
                out.push(c);
                while chars.next_if(char::is_ascii_whitespace).is_some() {}
                if let Some(end) = chars.next_if(|c| matches!(c, '}' | ']')) {
                    out.push(end);
                } else {
                    depth += 1;
                    new_line(&mut out, depth);
                }
            }
            '}' | ']' => {
                depth = depth.saturating_sub(1);
                new_line(&mut out, depth);
                out.push(c);
            }
            ',' => {
                out.push(c);
                new_line(&mut out, depth);
            }
            ':' => out.push_str(": "),
            _ if c.is_ascii_whitespace() => {}
            _ => out.push(c),
        }
    }
    out
}

fn compile(map: &Map) -> Result<Expression, CliError> {
    let source = match (&map.expression, &map.from_file) {
        (Some(text), _) => text.clone(),
        (None, Some(path)) => std::fs::read_to_string(path).map_err(|e| CliError::file(path, &e))?,
        (None, None) => return Err(CliError::usage("an expression is missing")),
    };
    Expression::compile(&source).map_err(|error| {
        let shown = error
            .offset
            .map(|at| format!("\n  {}\n  {:at$}^", source.lines().next().unwrap_or_default(), ""));
        let place = shown.filter(|_| !source.trim_end().contains('\n')).unwrap_or_default();
        let mut told =
            CliError::new(Exit::Usage, control::NOT_AN_EXPRESSION, format!("{}{place}", error.message));
        told.help = error.help;
        told
    })
}

fn failed(line: u64, message: &str) -> CliError {
    CliError::new(Exit::Failed, control::MAP_FAILED, format!("line {line}: {message}"))
}

fn moment() -> Moment {
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    let now = Timestamp::from_millis(i64::try_from(now.as_millis()).unwrap_or(i64::MAX));
    Moment { now, seed: chance() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(expression: &str, flags: &[&str], input: &str) -> Result<String, String> {
        let line = ["map", expression].into_iter().chain(flags.iter().copied());
        let cli =
            <crate::cli::Cli as clap::Parser>::try_parse_from(["sinew"].into_iter().chain(line)).unwrap();
        let crate::cli::Verb::Map(map) = cli.verb else { unreachable!() };
        let expression = compile(&map).map_err(|e| e.message.clone())?;
        let mapper = Mapper { expression, map: &map, moment: Moment::default(), limits: Limits::default() };
        let mut out = Vec::new();
        match mapper.stream(&mut Values::new(input.as_bytes()), &mut out) {
            Err(Stop::Error(error)) => Err(error.message.clone()),
            _ => Ok(String::from_utf8(out).unwrap()),
        }
    }

    #[test]
    fn values_are_mapped_one_by_one_digit_for_digit() {
        let input = "{\"id\":9007199254740993}\n{\"id\":2}\n{}\n";
        assert_eq!(check("id", &[], input).unwrap(), "9007199254740993\n2\n");
        assert_eq!(
            check("$", &["--each"], "[1,[2],0.10000000000000000001]").unwrap(),
            "1\n[2]\n0.10000000000000000001\n"
        );
    }

    #[test]
    fn texts_lose_their_quotes_if_asked() {
        assert_eq!(check("name", &["--raw"], r#"{"name":"a\tb"}"#).unwrap(), "a\tb\n");
        assert_eq!(check("name", &[], r#"{"name":"a"}"#).unwrap(), "\"a\"\n");
    }

    #[test]
    fn a_failure_names_its_line() {
        assert!(check("a + 1", &[], "{\"a\":1}\n{\"a\":\"x\"}").unwrap_err().starts_with("line 2: "));
        assert!(check("a", &[], "{\"a\":1}\n{\"a\"").unwrap_err().starts_with("line 2: no acceptable JSON"));
        assert_eq!(check("a + 1", &["--keep-going"], "{\"a\":\"x\"}\n{\"a\":1}").unwrap(), "2\n");
    }

    #[test]
    fn pretty_printing_changes_no_token() {
        assert_eq!(
            pretty(r#"{"a":[1.10,"x,:{}"],"b":{},"c":[]}"#),
            "{\n  \"a\": [\n    1.10,\n    \"x,:{}\"\n  ],\n  \"b\": {},\n  \"c\": []\n}"
        );
    }
}
