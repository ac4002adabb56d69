//! YAML 1.2 (core schema) as a JSON tree. Aliases are copied, and counted, so that few bytes cannot become much.

use std::collections::HashMap;

use serde_json::{Map, Number, Value};
use serde_saphyr::granit_parser::{ErrorKind, Event, Parser, ScalarStyle, Span, options};

use super::{Position, Unreadable, limits};

pub(super) fn parse(text: &str) -> Result<Value, Unreadable> {
    let mut options = options! {
        flow_nesting_limit: limits::DEPTH_MAX,
        block_nesting_limit: limits::DEPTH_MAX,
    };
    options.set_emit_comments(false);
    let mut builder = Builder::default();
    for event in Parser::new_from_str_with_options(text, options) {
        let (event, span) = event.map_err(|error| {
            let marker = error.marker();
            let at = Position { line: marker.line(), column: marker.col() + 1 };
            let message = match error.kind() {
                ErrorKind::RecursionLimitExceeded => too_deep(),
                other => format!("not YAML: {other}"),
            };
            Unreadable::Syntax { at, message }
        })?;
        if matches!(event, Event::DocumentEnd) && builder.root.is_some() {
            break;
        }
        builder.take(event).map_err(|message| Unreadable::Syntax { at: position(&span), message })?;
    }
    builder.root.map(|(value, _)| value).ok_or(Unreadable::Empty)
}

fn position(span: &Span) -> Position {
    Position { line: span.start.line(), column: span.start.col() + 1 }
}

#[derive(Default)]
struct Builder {
    open: Vec<(Open, usize)>,
    /// Anchored values with the number of values in each; none while they are still being read.
    anchors: HashMap<usize, Option<(Value, Weight)>>,
    nodes: usize,
    copies: usize,
    root: Option<(Value, Weight)>,
}

/// A list or map that is being read.
enum Open {
    List(Vec<Value>, Weight),
    Map { entries: Map<String, Value>, weight: Weight, key: Option<String> },
}

/// What a value holds: values in all, and levels.
#[derive(Clone, Copy, Default)]
struct Weight {
    nodes: usize,
    depth: usize,
}

impl Weight {
    fn add(&mut self, inner: Self) {
        self.nodes += inner.nodes;
        self.depth = self.depth.max(inner.depth + 1);
    }
}

impl Builder {
    fn take(&mut self, event: Event<'_>) -> Result<(), String> {
        match event {
            Event::Scalar(text, style, anchor, tag) => {
                let is_text = tag.is_some_and(|tag| tag.is_yaml_core_schema_tag("str"));
                let is_plain = style == ScalarStyle::Plain && !is_text;
                if let Some((Open::Map { key: key @ None, .. }, _)) = self.open.last_mut() {
                    *key = Some(text.into_owned());
                    return Ok(());
                }
                let weight = Weight { nodes: 1 + text.len() / 64, depth: 0 };
                let value = if is_plain { plain(&text) } else { Value::String(text.into_owned()) };
                self.put(value, weight, anchor)
            }
            Event::SequenceStart(_, anchor, _) => {
                self.begin(Open::List(Vec::new(), Weight::default()), anchor)
            }
            Event::MappingStart(_, anchor, _) => {
                self.begin(Open::Map { entries: Map::new(), weight: Weight::default(), key: None }, anchor)
            }
            Event::SequenceEnd | Event::MappingEnd => {
                let Some((open, anchor)) = self.open.pop() else { return Ok(()) };
                let (value, mut weight) = match open {
                    Open::List(items, weight) => (Value::Array(items), weight),
                    Open::Map { entries, weight, .. } => (Value::Object(entries), weight),
                };
                weight.nodes += 1;
                self.put(value, weight, anchor)
            }
            Event::Alias(anchor) => {
                let Some(Some((value, weight))) = self.anchors.get(&anchor) else {
                    return Err("an alias inside what it stands for".to_owned());
                };
                self.copies += weight.nodes;
                if self.copies > limits::COPIES_MAX {
                    return Err(format!("aliases stand for more than {} values", limits::COPIES_MAX));
                }
                if self.open.len() + weight.depth > limits::DEPTH_MAX {
                    return Err(too_deep());
                }
                let (value, weight) = (value.clone(), *weight);
                self.put(value, weight, 0)
            }
            _ => Ok(()),
        }
    }

    fn begin(&mut self, open: Open, anchor: usize) -> Result<(), String> {
        if self.open.len() >= limits::DEPTH_MAX {
            return Err(too_deep());
        }
        if matches!(self.open.last(), Some((Open::Map { key: None, .. }, _))) {
            return Err("a list or map cannot be the name of a field".to_owned());
        }
        if anchor != 0 {
            self.anchors.insert(anchor, None);
        }
        self.open.push((open, anchor));
        Ok(())
    }

    fn put(&mut self, value: Value, weight: Weight, anchor: usize) -> Result<(), String> {
        self.nodes += 1;
        if self.nodes > limits::NODES_MAX {
            return Err(format!("the file holds more than {} values", limits::NODES_MAX));
        }
        if anchor != 0 {
            self.copies += weight.nodes;
            self.anchors.insert(anchor, Some((value.clone(), weight)));
        }
        match self.open.last_mut() {
            None => self.root = Some((value, weight)),
            Some((Open::List(items, of), _)) => {
                items.push(value);
                of.add(weight);
            }
            Some((Open::Map { entries, weight: of, key }, _)) => {
                of.add(weight);
                match key.take() {
                    Some(key) if key == "<<" => merge(entries, value),
                    Some(key) => {
                        entries.insert(key, value);
                    }
                    None => return Err("an alias cannot be the name of a field".to_owned()),
                }
            }
        }
        Ok(())
    }
}

pub(super) fn too_deep() -> String {
    format!("lists and maps nest deeper than {} levels", limits::DEPTH_MAX)
}

/// `<<`: the fields of other maps (YAML 1.1, which authors of API descriptions still use); own fields go before.
fn merge(entries: &mut Map<String, Value>, value: Value) {
    match value {
        Value::Object(fields) => {
            for (name, value) in fields {
                entries.entry(name).or_insert(value);
            }
        }
        Value::Array(maps) => maps.into_iter().for_each(|map| merge(entries, map)),
        _ => {}
    }
}

/// An unquoted text by the core schema of YAML 1.2.
fn plain(text: &str) -> Value {
    match text {
        "" | "~" | "null" | "Null" | "NULL" => Value::Null,
        "true" | "True" | "TRUE" => Value::Bool(true),
        "false" | "False" | "FALSE" => Value::Bool(false),
        _ => number(text).map_or_else(|| Value::String(text.to_owned()), Value::Number),
    }
}

fn number(text: &str) -> Option<Number> {
    let digits = text.strip_prefix(['-', '+']).unwrap_or(text);
    if !digits.starts_with(|c: char| c.is_ascii_digit() || c == '.') {
        return None;
    }
    if let Some(hex) = text.strip_prefix("0x") {
        return u64::from_str_radix(hex, 16).ok().map(Number::from);
    }
    if let Some(octal) = text.strip_prefix("0o") {
        return u64::from_str_radix(octal, 8).ok().map(Number::from);
    }
    if !digits.bytes().all(|b| b.is_ascii_digit() || matches!(b, b'.' | b'e' | b'E' | b'-' | b'+')) {
        return None;
    }
    let unsigned = text.strip_prefix('+').unwrap_or(text);
    if let Ok(whole) = unsigned.parse::<i64>() {
        return Some(Number::from(whole));
    }
    unsigned.parse::<u64>().ok().map(Number::from).or_else(|| Number::from_f64(unsigned.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[track_caller]
    #[expect(clippy::needless_pass_by_value, reason = "reads better where it is called")]
    fn check(text: &str, wanted: Value) {
        assert_eq!(parse(text).unwrap(), wanted);
    }

    #[test]
    fn texts_are_what_the_core_schema_says() {
        check(
            "[~, yes, 'null', 1.0, 0x1F, 0o17, -3, 2020-01-02, 1.2.3, .5, 1e3, +7, 18446744073709551615, !!str 5]",
            json!([
                null,
                "yes",
                "null",
                1.0,
                31,
                15,
                -3,
                "2020-01-02",
                "1.2.3",
                0.5,
                1000.0,
                7,
                18_446_744_073_709_551_615_u64,
                "5"
            ]),
        );
        check("a: |\n  x\n  y\n", json!({"a": "x\ny\n"}));
    }

    #[test]
    fn names_of_fields_are_texts() {
        check("200: { true: 1 }\n'404': ~\n", json!({"200": {"true": 1}, "404": null}));
    }

    #[test]
    fn aliases_and_merges_are_copies() {
        check(
            "base: &b { a: 1, c: 2 }\nx: *b\ny:\n  <<: *b\n  c: 3\n",
            json!({"base": {"a": 1, "c": 2}, "x": {"a": 1, "c": 2}, "y": {"a": 1, "c": 3}}),
        );
    }

    #[test]
    fn few_bytes_do_not_become_much() {
        let mut bomb = vec!["a: &a [x,x,x,x,x,x,x,x,x,x]".to_owned()];
        for (before, name) in ('a'..='j').zip('b'..='k') {
            let ten = vec![format!("*{before}"); 10].join(",");
            bomb.push(format!("{name}: &{name} [{ten}]"));
        }
        assert!(parse(&bomb.join("\n")).unwrap_err().to_string().contains("aliases stand for more than"));
        assert!(parse("a: &a [*a]").unwrap_err().to_string().contains("inside what it stands for"));
    }
}
