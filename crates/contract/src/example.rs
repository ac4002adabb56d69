//! Values made from schemas: what a call could look like.

use std::cell::Cell;

use regex_syntax::hir::{Class, ClassUnicodeRange, Hir, HirKind};
use serde_json::{Map, Number, Value, json};

use crate::Schema;

/// References and schemas inside one another at most.
const DEPTH_MAX: usize = 48;
/// Levels to which properties are given that need not be.
const GENEROUS_DEPTH: usize = 3;
/// Schemas looked at for one value at most: choices inside choices multiply.
const STEPS_MAX: u32 = 200_000;
/// Texts made for one pattern: how often what may be repeated is, and which of several alternatives is taken.
const PATTERN_VARIANTS: [(u32, usize); 5] = [(1, 0), (1, 1), (2, 1), (3, 2), (0, 0)];

/// A value that fits a schema which stands by itself: with what may be left out as far as that helps to understand it, else
/// with what must be there. None if no value was found: the schema may contradict itself.
pub fn example_of(schema: &Schema) -> Option<Value> {
    [GENEROUS_DEPTH, 0].into_iter().find_map(|generous| {
        let maker = Maker { root: schema.source(), generous, steps: Cell::new(0) };
        let mut choices = maker.make(schema.source(), 0);
        choices.find(|value| schema.fits(value))
    })
}

/// Alternatives tried for one value.
type Choices = std::vec::IntoIter<Value>;

struct Maker<'s> {
    root: &'s Value,
    generous: usize,
    steps: Cell<u32>,
}

impl Maker<'_> {
    /// Values that may fit, the likeliest first.
    fn make(&self, schema: &Value, depth: usize) -> Choices {
        let steps = self.steps.get();
        if depth > DEPTH_MAX || steps > STEPS_MAX {
            return Vec::new().into_iter();
        }
        self.steps.set(steps + 1);
        let merged = match self.merged(schema, depth) {
            Some(Value::Object(fields)) => fields,
            Some(_) => return vec![json!("text")].into_iter(),
            None => return Vec::new().into_iter(),
        };
        if let Some(value) = merged.get("const") {
            return vec![value.clone()].into_iter();
        }
        if let Some(Value::Array(list)) = merged.get("enum") {
            return list.clone().into_iter();
        }
        for alternatives in ["oneOf", "anyOf"] {
            if let Some(Value::Array(list)) = merged.get(alternatives) {
                return self.of_alternatives(&merged, alternatives, list, depth);
            }
        }
        let kinds: Vec<&str> = match merged.get("type") {
            Some(Value::String(kind)) => vec![kind],
            Some(Value::Array(kinds)) => kinds.iter().filter_map(Value::as_str).collect(),
            _ => vec![implied_kind(&merged)],
        };
        let mut values: Vec<Value> = kinds
            .iter()
            .filter(|kind| **kind != "null")
            .flat_map(|kind| self.of_kind(kind, &merged, depth))
            .collect();
        if kinds.contains(&"null") {
            values.push(Value::Null);
        }
        values.into_iter()
    }

    fn of_alternatives(
        &self,
        merged: &Map<String, Value>,
        keyword: &str,
        list: &[Value],
        depth: usize,
    ) -> Choices {
        let mut base = merged.clone();
        base.remove(keyword);
        let mut values = Vec::new();
        for alternative in list {
            let both = json!({"allOf": [base, alternative]});
            values.extend(self.make(&both, depth + 1).take(3));
            if values.len() > 16 {
                break;
            }
        }
        values.into_iter()
    }

    fn of_kind(&self, kind: &str, schema: &Map<String, Value>, depth: usize) -> Vec<Value> {
        match kind {
            "object" => self.object(schema, depth),
            "array" => self.array(schema, depth).into_iter().collect(),
            "string" => text(schema).into_iter().map(Value::String).collect(),
            "integer" => number(schema, true).into_iter().collect(),
            "number" => number(schema, false).into_iter().collect(),
            "boolean" => vec![json!(true), json!(false)],
            _ => Vec::new(),
        }
    }

    fn object(&self, schema: &Map<String, Value>, depth: usize) -> Vec<Value> {
        let required: Vec<&str> = strings(schema.get("required")).collect();
        let properties = schema.get("properties").and_then(Value::as_object);
        let property = |name: &str| properties.and_then(|all| all.get(name));
        let mut first = Map::new();
        let mut others = Vec::new();
        for name in &required {
            let fallback =
                schema.get("additionalProperties").filter(|of| of.is_object()).unwrap_or(&Value::Bool(true));
            let mut choices = self.make(property(name).unwrap_or(fallback), depth + 1);
            let Some(value) = choices.next() else { return Vec::new() };
            first.insert((*name).to_owned(), value);
            others.extend(choices.take(3).map(|other| ((*name).to_owned(), other)));
        }
        for (name, schema) in properties.into_iter().flatten() {
            if depth < self.generous
                && !first.contains_key(name)
                && let Some(value) = self.make(schema, depth + 1).next()
            {
                first.insert(name.clone(), value);
            }
        }
        let least = schema.get("minProperties").and_then(Value::as_u64).unwrap_or(0) as usize;
        let most = schema.get("maxProperties").and_then(Value::as_u64).unwrap_or(u64::MAX) as usize;
        let more = schema.get("additionalProperties").unwrap_or(&Value::Bool(true));
        for n in 0..least.saturating_sub(first.len()).min(64) {
            let Some(value) = self.make(more, depth + 1).next() else { break };
            first.insert(format!("field_{n}"), value);
        }
        while first.len() > most.max(required.len()) {
            let Some(last) = first.keys().rev().find(|name| !required.contains(&name.as_str())).cloned()
            else {
                break;
            };
            first.remove(&last);
        }
        // Where several values are possible for a field that must be there, one of the others may be the right one.
        let variants = others.into_iter().take(6).map(|(name, value)| {
            let mut variant = first.clone();
            variant.insert(name, value);
            Value::Object(variant)
        });
        let variants: Vec<_> = variants.collect();
        std::iter::once(Value::Object(first)).chain(variants).collect()
    }

    fn array(&self, schema: &Map<String, Value>, depth: usize) -> Option<Value> {
        let least = schema.get("minItems").and_then(Value::as_u64).unwrap_or(0) as usize;
        let most = schema.get("maxItems").and_then(Value::as_u64).unwrap_or(u64::MAX) as usize;
        let wanted = least.max(usize::from(depth < self.generous)).min(most).min(1000);
        let ahead = schema.get("prefixItems").and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
        let rest = schema.get("items").unwrap_or(&Value::Bool(true));
        let is_unique = schema.get("uniqueItems") == Some(&Value::Bool(true));
        let mut items: Vec<Value> = Vec::with_capacity(wanted);
        for n in 0..wanted {
            let choices = self.make(ahead.get(n).unwrap_or(rest), depth + 1);
            let mut fresh = choices.filter(|item| !is_unique || !items.contains(item));
            match fresh.next() {
                Some(item) => items.push(item),
                None if n >= least => break,
                None if is_unique => items.push(varied(items.last()?, n)),
                None => return None,
            }
        }
        Some(Value::Array(items))
    }

    /// A schema with what it refers to and all of its `allOf` in one map. None: it leads nowhere.
    fn merged(&self, schema: &Value, depth: usize) -> Option<Value> {
        if depth > DEPTH_MAX {
            return None;
        }
        let Value::Object(fields) = schema else {
            return (schema != &Value::Bool(false)).then(|| schema.clone());
        };
        let mut merged = fields.clone();
        let reference = merged.remove("$ref");
        let parts = merged.remove("allOf");
        if let Some(reference) = reference {
            let pointer = reference.as_str()?.strip_prefix('#')?;
            let pointer = percent_encoding::percent_decode_str(pointer).decode_utf8().ok()?;
            self.add(&mut merged, self.root.pointer(&pointer)?, depth)?;
        }
        for part in parts.as_ref().and_then(Value::as_array).into_iter().flatten() {
            self.add(&mut merged, part, depth)?;
        }
        Some(Value::Object(merged))
    }

    fn add(&self, merged: &mut Map<String, Value>, part: &Value, depth: usize) -> Option<()> {
        let Value::Object(fields) = self.merged(part, depth + 1)? else { return Some(()) };
        for (keyword, value) in fields {
            match merged.get_mut(&keyword) {
                None => {
                    merged.insert(keyword, value);
                }
                Some(before) => join(&keyword, before, value),
            }
        }
        Some(())
    }
}

/// Two values of one keyword, both of which hold.
fn join(keyword: &str, before: &mut Value, value: Value) {
    match (keyword, before, value) {
        ("properties", Value::Object(before), Value::Object(more)) => {
            for (name, schema) in more {
                match before.get_mut(&name) {
                    None => {
                        before.insert(name, schema);
                    }
                    Some(both) => *both = json!({"allOf": [both.take(), schema]}),
                }
            }
        }
        ("required", Value::Array(before), Value::Array(more)) => {
            for name in more {
                if !before.contains(&name) {
                    before.push(name);
                }
            }
        }
        ("enum", Value::Array(before), Value::Array(other)) => before.retain(|value| other.contains(value)),
        ("minimum" | "minLength" | "minItems" | "minProperties" | "exclusiveMinimum", before, value)
            if value.as_f64() > before.as_f64() =>
        {
            *before = value;
        }
        ("maximum" | "maxLength" | "maxItems" | "maxProperties" | "exclusiveMaximum", before, value)
            if value.as_f64() < before.as_f64() =>
        {
            *before = value;
        }
        ("type", before, value) => {
            let kinds = |value: &Value| match value {
                Value::Array(kinds) => kinds.clone(),
                one => vec![one.clone()],
            };
            let (mine, other) = (kinds(before), kinds(&value));
            let mut both: Vec<_> = mine.iter().filter(|kind| other.contains(kind)).cloned().collect();
            if both.is_empty() && mine.contains(&json!("number")) && other.contains(&json!("integer")) {
                both.push(json!("integer"));
            }
            if !both.is_empty() {
                *before = Value::Array(both);
            }
        }
        ("oneOf" | "anyOf", before, value) => {
            // One list of alternatives is chosen from here; the result is checked against both.
            if let (Value::Array(mine), Value::Array(other)) = (&*before, &value)
                && other.len() < mine.len()
            {
                *before = value;
            }
        }
        ("items" | "additionalProperties", before, value) => {
            *before = json!({"allOf": [before.take(), value]});
        }
        _ => {}
    }
}

fn implied_kind(schema: &Map<String, Value>) -> &'static str {
    let has = |names: &[&str]| names.iter().any(|name| schema.contains_key(*name));
    if has(&["properties", "additionalProperties", "required", "minProperties", "patternProperties"]) {
        "object"
    } else if has(&["items", "minItems", "prefixItems", "uniqueItems"]) {
        "array"
    } else if has(&["minimum", "maximum", "multipleOf", "exclusiveMinimum", "exclusiveMaximum"]) {
        "number"
    } else {
        "string"
    }
}

fn strings(value: Option<&Value>) -> impl Iterator<Item = &str> {
    value.and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str)
}

/// Another value of the same kind.
fn varied(value: &Value, n: usize) -> Value {
    match value {
        Value::String(text) => {
            let cut: String = text.chars().take(text.chars().count().saturating_sub(2)).collect();
            Value::String(format!("{cut}{n:02}"))
        }
        Value::Number(number) => json!(number.as_i64().unwrap_or(0) + 1),
        Value::Bool(flag) => Value::Bool(!flag),
        other => json!([other, n]),
    }
}

fn number(schema: &Map<String, Value>, whole: bool) -> Option<Value> {
    let bound = |name: &str| schema.get(name).and_then(Value::as_f64);
    let step = bound("multipleOf").unwrap_or(if whole { 1.0 } else { 0.01 });
    let above = bound("exclusiveMinimum").map(|least| least + step);
    let below = bound("exclusiveMaximum").map(|most| most - step);
    let least = above.into_iter().chain(bound("minimum")).reduce(f64::max);
    let most = below.into_iter().chain(bound("maximum")).reduce(f64::min);
    let wanted = match (least, most) {
        (Some(least), _) if least > 1.0 => (least / step).ceil() * step,
        (_, Some(most)) if most < 1.0 => (most / step).floor() * step,
        _ => (1.0 / step).ceil().max(1.0) * step,
    };
    let wanted = if whole { wanted.ceil() } else { wanted };
    if wanted.fract() == 0.0 && wanted.abs() < 9e18 {
        return Some(Value::from(wanted as i64));
    }
    Number::from_f64(wanted).map(Value::Number)
}

fn text(schema: &Map<String, Value>) -> Vec<String> {
    let count = |name: &str| schema.get(name).and_then(Value::as_u64).map(|count| count as usize);
    let (least, most) =
        (count("minLength").unwrap_or(0).min(10_000), count("maxLength").unwrap_or(usize::MAX));
    let sized = |text: String| {
        let text: String = text.chars().take(most).collect();
        let missing = least.saturating_sub(text.chars().count());
        text + &"x".repeat(missing)
    };
    let mut texts = Vec::new();
    if let Some(pattern) = schema.get("pattern").and_then(Value::as_str) {
        for (repeated, alternative) in PATTERN_VARIANTS {
            texts
                .extend(matching(pattern, least, repeated, alternative).filter(|text| !texts.contains(text)));
        }
    }
    let usual = schema.get("format").and_then(Value::as_str).map_or("text", of_format);
    texts.push(sized(usual.to_owned()));
    texts
}

fn of_format(format: &str) -> &'static str {
    match format {
        "date-time" => "2026-11-21T10:00:00Z",
        "date" => "2026-11-21",
        "time" => "10:00:00Z",
        "duration" => "PT1H",
        "email" | "idn-email" => "ada@example.com",
        "uuid" | "guid" => "5f0c2f4e-3c1b-4a57-9d3e-2f6d2b1c9a10",
        "uri" | "url" | "uri-reference" | "iri" => "https://example.com/",
        "hostname" => "example.com",
        "ipv4" => "192.0.2.1",
        "ipv6" => "2001:db8::1",
        "byte" => "dGV4dA==",
        _ => "text",
    }
}

/// A text that a pattern matches, of at least so many characters if that is easily had.
fn matching(pattern: &str, least: usize, repeated: u32, alternative: usize) -> Option<String> {
    // What ECMA-262 writes otherwise than the parser reads it.
    let pattern =
        pattern.replace(r"\/", "/").replace("(?<", "(?P<").replace("(?P<=", "(?<=").replace("(?P<!", "(?<!");
    let parsed = regex_syntax::ParserBuilder::new().unicode(true).utf8(true).build().parse(&pattern).ok()?;
    let mut extra = repeated;
    loop {
        let mut text = String::new();
        write(&parsed, extra, alternative, &mut text)?;
        if text.chars().count() >= least || extra > 4096 {
            return Some(text);
        }
        extra = extra * 2 + 1;
    }
}

fn write(hir: &Hir, extra: u32, alternative: usize, text: &mut String) -> Option<()> {
    /// Characters of one text at most.
    const LENGTH_MAX: usize = 20_000;
    if text.len() > LENGTH_MAX {
        return None;
    }
    match hir.kind() {
        HirKind::Empty | HirKind::Look(_) => {}
        HirKind::Literal(literal) => text.push_str(std::str::from_utf8(&literal.0).ok()?),
        HirKind::Class(class) => text.push(of_class(class)?),
        HirKind::Repetition(repeated) => {
            let most = repeated.max.unwrap_or(u32::MAX);
            for _ in 0..repeated.min.max(extra.min(most)) {
                write(&repeated.sub, extra, alternative, text)?;
            }
        }
        HirKind::Capture(capture) => write(&capture.sub, extra, alternative, text)?,
        HirKind::Concat(parts) => parts.iter().try_for_each(|part| write(part, extra, alternative, text))?,
        HirKind::Alternation(parts) => {
            write(parts.get(alternative).or_else(|| parts.last())?, extra, alternative, text)?;
        }
    }
    Some(())
}

/// A character of a class: a letter or digit if there is one.
fn of_class(class: &Class) -> Option<char> {
    let Class::Unicode(class) = class else { return None };
    let has = |c: char| class.iter().any(|range| range.start() <= c && c <= range.end());
    let usual = ('a'..='z').chain('A'..='Z').chain('0'..='9').chain(" -_./:@+#".chars());
    usual.into_iter().find(|c| has(*c)).or_else(|| class.iter().next().map(ClassUnicodeRange::start))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(schema: Value) -> Value {
        let schema = Schema::compile(schema).unwrap();
        example_of(&schema).unwrap_or_else(|| panic!("nothing fits {schema:?}"))
    }

    #[test]
    fn what_is_made_fits() {
        check(json!({"type": "string", "pattern": "^[A-Z]{2}\\d{3,}(-x)?$", "minLength": 9}));
        check(json!({"type": "string", "minLength": 12, "maxLength": 12}));
        check(json!({"type": "integer", "exclusiveMinimum": 7, "maximum": 100, "multipleOf": 5}));
        check(json!({"type": "number", "maximum": -3}));
        check(json!({"type": "array", "minItems": 3, "uniqueItems": true, "items": {"type": "string"}}));
        check(
            json!({"allOf": [{"properties": {"a": {"type": "string"}}, "required": ["a"]}, {"properties": {"a": {"enum": ["x", 1]}}}]}),
        );
        check(
            json!({"oneOf": [{"type": "string", "maxLength": 0}, {"type": "object", "required": ["k"], "properties": {"k": {"const": 1}}}]}),
        );
        check(json!({"type": "object", "minProperties": 2, "additionalProperties": {"type": "integer"}}));
    }

    #[test]
    fn items_that_must_differ_do() {
        let value = check(
            json!({"type": "array", "minItems": 3, "uniqueItems": true, "items": {"pattern": "^(0|[1-9][0-9]*)$"}}),
        );
        assert_eq!(value.as_array().unwrap().len(), 3);
    }

    #[test]
    fn circles_end_and_contradictions_have_no_example() {
        let value = check(json!({"$ref": "#/$defs/N", "$defs": {"N": {"type": "object", "required": ["v"],
            "properties": {"v": {"type": "integer"}, "next": {"$ref": "#/$defs/N"}}}}}));
        assert_eq!(value["v"], 1);
        let endless = json!({"$ref": "#/$defs/N", "$defs": {"N": {"required": ["next"], "properties": {"next": {"$ref": "#/$defs/N"}}, "type": "object"}}});
        assert_eq!(example_of(&Schema::compile(endless).unwrap()), None);
        assert_eq!(example_of(&Schema::compile(json!({"type": "string", "enum": [1]})).unwrap()), None);
    }
}
