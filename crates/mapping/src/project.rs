use sinew_stdx::Json;

use crate::Reads;
use crate::reader::{skip, string_end, unescape};

/// Drops what is not read, on the text: what stays keeps its digits and its spelling.
///
/// Scalars stay where an object was expected, so that an expression meets the same error or the same nothing.
pub fn project(json: &Json, reads: &Reads) -> Json {
    if matches!(reads, Reads::Everything) {
        return json.clone();
    }
    let text = json.as_str();
    let mut projection = Projection { text, at: 0, out: String::with_capacity(text.len() / 2) };
    projection.value(reads, 0);
    Json::from_printed(projection.out)
}

/// Deeper than this nothing is dropped any more; values from outside are limited far below.
const DEPTH_MAX: u32 = 512;

struct Projection<'a> {
    text: &'a str,
    at: usize,
    out: String,
}

impl Projection<'_> {
    fn peek(&mut self) -> u8 {
        let rest = self.text.as_bytes().get(self.at..).unwrap_or(&[]);
        self.at += rest.iter().take_while(|b| matches!(b, b' ' | b'\n' | b'\r' | b'\t')).count();
        self.text.as_bytes().get(self.at).copied().unwrap_or(0)
    }

    fn value(&mut self, reads: &Reads, depth: u32) {
        match (self.peek(), reads) {
            (b'{', Reads::Fields(_)) if depth < DEPTH_MAX => self.object(reads, depth),
            (b'[', Reads::Fields(_)) if depth < DEPTH_MAX => self.array(reads, depth),
            _ => self.copy(),
        }
    }

    fn copy(&mut self) {
        let end = skip(self.text.as_bytes(), self.at);
        self.out.push_str(self.text.get(self.at..end).unwrap_or("null").trim_end());
        self.at = end;
    }

    fn object(&mut self, reads: &Reads, depth: u32) {
        self.at += 1;
        self.out.push('{');
        let mut first = true;
        loop {
            match self.peek() {
                b'"' => {}
                b',' => {
                    self.at += 1;
                    continue;
                }
                _ => break,
            }
            let start = self.at;
            let end = string_end(self.text.as_bytes(), start + 1);
            let raw = self.text.get(start + 1..end).unwrap_or("");
            let name =
                if raw.contains('\\') { unescape(raw).into() } else { std::borrow::Cow::Borrowed(raw) };
            self.at = end + 1;
            if self.peek() == b':' {
                self.at += 1;
            }
            let Reads::Fields(tree) = reads else { break };
            let Some(reads) = tree.get(&name) else {
                self.at = skip(self.text.as_bytes(), self.at);
                continue;
            };
            if !first {
                self.out.push(',');
            }
            first = false;
            self.out.push_str(self.text.get(start..=end).unwrap_or("\"\""));
            self.out.push(':');
            self.value(reads, depth + 1);
        }
        self.at += 1;
        self.out.push('}');
    }

    fn array(&mut self, reads: &Reads, depth: u32) {
        self.at += 1;
        self.out.push('[');
        let mut first = true;
        loop {
            match self.peek() {
                b',' => {
                    self.at += 1;
                    continue;
                }
                b']' | b'}' | 0 => break,
                _ => {}
            }
            if !first {
                self.out.push(',');
            }
            first = false;
            self.value(reads, depth + 1);
        }
        self.at += 1;
        self.out.push(']');
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, reads: &Reads, expected: &str) {
        let json = Json::parse(text.as_bytes()).unwrap();
        assert_eq!(project(&json, reads).as_str(), expected);
    }

    #[test]
    fn what_is_not_read_is_dropped_and_the_rest_keeps_its_spelling() {
        let reads = Reads::path(["id"]).union(Reads::path(["lines", "qty"]));
        check(
            r#"{ "id" : 9007199254740993 , "ssn":"x", "lines": [ {"qty":1.50,"note":"}"}, {"note":"]"}, 7 ] }"#,
            &reads,
            r#"{"id":9007199254740993,"lines":[{"qty":1.50},{},7]}"#,
        );
    }

    #[test]
    fn arrays_are_transparent_at_any_depth() {
        check(r#"[[{"a":1,"b":2}],{"a":"x\"y","b":2}]"#, &Reads::path(["a"]), r#"[[{"a":1}],{"a":"x\"y"}]"#);
    }

    #[test]
    fn reading_everything_or_nothing_is_what_it_says() {
        check(r#"{"a": 1}"#, &Reads::Everything, r#"{"a": 1}"#);
        check(r#"{"a": {"b":1}}"#, &Reads::nothing(), "{}");
        check("[1, {\"a\":2} ]", &Reads::nothing(), "[1,{}]");
        check("12.50", &Reads::nothing(), "12.50");
    }

    #[test]
    fn escaped_names_are_the_names_they_mean() {
        check(
            r#"{"\u0061":1,"b\"c":2}"#,
            &Reads::path(["a"]).union(Reads::path(["b\"c"])),
            r#"{"\u0061":1,"b\"c":2}"#,
        );
    }

    #[test]
    fn a_text_that_is_not_json_never_panics() {
        for text in ["", "{", "{\"a\"", "{\"a\":", "[", "[1,", "é", "{\"a\":}", "]", "[}"] {
            project(&Json::from_printed(text), &Reads::path(["a"]));
        }
    }
}
