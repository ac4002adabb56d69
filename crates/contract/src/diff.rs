//! What changed between two versions of a contract, and whom it breaks.

use std::collections::HashSet;
use std::fmt;
use std::sync::LazyLock;

use serde_json::{Map, Value};

use crate::openapi::REQUIRED_IN_BODY;

/// Schemas inside one another that are compared at most.
const DEPTH_MAX: usize = 32;
/// Changes of one schema that are told at most.
const CHANGES_MAX: usize = 200;

/// Which way values go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// From us to the system: what it asks for more, breaks us.
    Input,
    /// From the system to us: what it gives less, breaks us.
    Output,
}

/// Whom a change hurts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// Nobody.
    Harmless,
    /// Those who rely on it.
    Doubtful,
    /// Everybody who uses it.
    Breaking,
}

impl Severity {
    /// The word for it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Harmless => "harmless",
            Self::Doubtful => "doubtful",
            Self::Breaking => "breaking",
        }
    }
}

impl fmt::Display for Severity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// One change of a schema.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// Which value: field names joined by dots, `[]` for the items of a list; empty for the whole.
    pub at: String,
    /// The same value as the definition has it that it lies in, `customer.email`: the same wherever that is used. None if
    /// it lies in none.
    pub shared: Option<String>,
    /// What changed.
    pub message: String,
    /// Whom it hurts.
    pub severity: Severity,
}

/// Compares two schemas that stand by themselves.
pub fn changes(old: &Value, new: &Value, direction: Direction) -> Vec<Change> {
    let mut comparison = Comparison { roots: (old, new), direction, seen: HashSet::new(), found: Vec::new() };
    comparison.compare(old, new, &At::default(), 0);
    comparison.found
}

/// A value's place: from the schema's root, and from the definition that it lies in.
#[derive(Clone, Default)]
struct At {
    whole: String,
    shared: Option<String>,
}

impl At {
    fn field(&self, name: &str) -> Self {
        let whole = if self.whole.is_empty() { name.to_owned() } else { format!("{}.{name}", self.whole) };
        Self { whole, shared: self.shared.as_ref().map(|of| format!("{of}.{name}")) }
    }

    fn items(&self) -> Self {
        Self { whole: format!("{}[]", self.whole), shared: self.shared.as_ref().map(|of| format!("{of}[]")) }
    }

    /// The same place, as the definition of this reference has it.
    fn defined(&self, reference: &str) -> Self {
        let name = reference.rsplit('/').next().unwrap_or(reference);
        Self { whole: self.whole.clone(), shared: Some(name.to_owned()) }
    }
}

struct Comparison<'a> {
    roots: (&'a Value, &'a Value),
    direction: Direction,
    /// Pairs of definitions that were compared.
    seen: HashSet<(String, String)>,
    found: Vec<Change>,
}

impl<'a> Comparison<'a> {
    fn tell(&mut self, at: &At, message: impl Into<String>, severity: Severity) {
        if self.found.len() < CHANGES_MAX {
            let At { whole, shared } = at.clone();
            self.found.push(Change { at: whole, shared, message: message.into(), severity });
        }
    }

    /// What is wanted more breaks an input and is harmless in an output; what is given less, the other way round.
    fn tell_narrower(&mut self, at: &At, message: impl Into<String>) {
        let severity =
            if self.direction == Direction::Input { Severity::Breaking } else { Severity::Harmless };
        self.tell(at, message, severity);
    }

    fn tell_wider(&mut self, at: &At, message: impl Into<String>) {
        let severity =
            if self.direction == Direction::Input { Severity::Harmless } else { Severity::Doubtful };
        self.tell(at, message, severity);
    }

    fn compare(&mut self, old: &'a Value, new: &'a Value, at: &At, depth: usize) {
        let (old_name, new_name) = (reference(old), reference(new));
        if let (Some(one), Some(other)) = (old_name, new_name)
            && !self.seen.insert((one.to_owned(), other.to_owned()))
        {
            return;
        }
        let defined = old_name.zip(new_name).map(|(name, _)| at.defined(name));
        let at = defined.as_ref().unwrap_or(at);
        let (old, new) = (resolve(self.roots.0, old), resolve(self.roots.1, new));
        if depth > DEPTH_MAX {
            return;
        }
        let (old, new) = (fields(old), fields(new));
        self.types(old, new, at);
        self.choices(old, new, at);
        self.bounds(old, new, at);
        self.alternatives(old, new, at);
        self.properties(old, new, at, depth);
        if let (Some(one), Some(other)) = (old.get("items"), new.get("items")) {
            self.compare(one, other, &at.items(), depth + 1);
        }
    }

    fn types(&mut self, old: &Map<String, Value>, new: &Map<String, Value>, at: &At) {
        let (before, after) = (types(old), types(new));
        if before == after {
            return;
        }
        let covers = |wide: &[&str], narrow: &[&str]| {
            wide.is_empty()
                || narrow.iter().all(|of| wide.contains(of) || (*of == "integer" && wide.contains(&"number")))
                    && !narrow.is_empty()
        };
        let message = format!("was {}, is {}", shown(&before), shown(&after));
        match (covers(&before, &after), covers(&after, &before)) {
            (true, _) => self.tell_narrower(at, message),
            (_, true) => self.tell_wider(at, message),
            _ => self.tell(at, message, Severity::Breaking),
        }
    }

    fn choices(&mut self, old: &Map<String, Value>, new: &Map<String, Value>, at: &At) {
        let list = |of: &Map<String, Value>| {
            let one = of.get("const").map(|only| vec![only.clone()]);
            one.or_else(|| of.get("enum").and_then(Value::as_array).cloned())
        };
        let (before, after) = match (list(old), list(new)) {
            (None, None) => return,
            (None, Some(_)) => return self.tell_narrower(at, "only certain values are left"),
            (Some(_), None) => return self.tell_wider(at, "any value can be"),
            (Some(before), Some(after)) => (before, after),
        };
        let gone: Vec<_> = before.iter().filter(|value| !after.contains(value)).collect();
        let come: Vec<_> = after.iter().filter(|value| !before.contains(value)).collect();
        if !gone.is_empty() {
            self.tell_narrower(at, format!("can no longer be {}", listed(&gone)));
        }
        if !come.is_empty() {
            self.tell_wider(at, format!("can be {} too", listed(&come)));
        }
    }

    fn bounds(&mut self, old: &Map<String, Value>, new: &Map<String, Value>, at: &At) {
        for (keyword, is_floor) in [
            ("minimum", true),
            ("exclusiveMinimum", true),
            ("minLength", true),
            ("minItems", true),
            ("maximum", false),
            ("exclusiveMaximum", false),
            ("maxLength", false),
            ("maxItems", false),
        ] {
            let bound = |of: &Map<String, Value>| of.get(keyword).and_then(Value::as_f64);
            let (before, after) = (bound(old), bound(new));
            let narrower = match (before, after) {
                (None, Some(_)) => true,
                (Some(_), None) => false,
                (Some(before), Some(after)) if before < after => is_floor,
                (Some(before), Some(after)) if before > after => !is_floor,
                _ => continue,
            };
            let tell = |bound: Option<f64>| bound.map_or_else(|| "not said".to_owned(), |n| n.to_string());
            let message = format!("`{keyword}` was {}, is {}", tell(before), tell(after));
            if narrower { self.tell_narrower(at, message) } else { self.tell_wider(at, message) }
        }
        for keyword in ["pattern", "format", "multipleOf"] {
            let (before, after) = (old.get(keyword), new.get(keyword));
            if before != after {
                let tell = |of: Option<&Value>| of.map_or_else(|| "not said".to_owned(), plain);
                let message = format!("`{keyword}` was {}, is {}", tell(before), tell(after));
                self.tell(at, message, Severity::Doubtful);
            }
        }
    }

    fn alternatives(&mut self, old: &Map<String, Value>, new: &Map<String, Value>, at: &At) {
        for keyword in ["oneOf", "anyOf", "allOf", "not", "if"] {
            let count = |of: &Map<String, Value>| of.get(keyword).map(|of| of.as_array().map_or(1, Vec::len));
            let (before, after) = (count(old), count(new));
            if before != after {
                let tell = |count: Option<usize>| count.unwrap_or(0);
                let message = format!("`{keyword}` had {} parts, has {}", tell(before), tell(after));
                self.tell(at, message, Severity::Doubtful);
            }
        }
    }

    fn properties(
        &mut self,
        old: &'a Map<String, Value>,
        new: &'a Map<String, Value>,
        at: &At,
        depth: usize,
    ) {
        for keyword in ["oneOf", "anyOf", "allOf"] {
            let list = |of: &'a Map<String, Value>| of.get(keyword).and_then(Value::as_array);
            if let (Some(before), Some(after)) = (list(old), list(new))
                && before.len() == after.len()
            {
                for (one, other) in before.iter().zip(after) {
                    self.compare(one, other, at, depth + 1);
                }
            }
        }
        let listed = |of: &'a Map<String, Value>| of.get("properties").and_then(Value::as_object);
        let (before, after) = (listed(old), listed(new));
        for (name, one) in before.into_iter().flatten() {
            let at = at.field(name);
            let Some(other) = after.and_then(|after| after.get(name)) else {
                self.tell(&at, "is gone", Severity::Breaking);
                continue;
            };
            let (was, is) = (Need::of(old, name), Need::of(new, name));
            match is {
                _ if was == is => {}
                Need::Always => self.tell_narrower(&at, "is required now"),
                Need::InBody if was == Need::Never => {
                    self.tell_narrower(&at, "is required now, if a body is sent");
                }
                Need::InBody => self.tell_wider(&at, "is required only if a body is sent"),
                Need::Never => self.tell_wider(&at, "is no longer sure to be there"),
            }
            self.compare(one, other, &at, depth + 1);
        }
        for (name, _) in after.into_iter().flatten() {
            if before.is_some_and(|before| before.contains_key(name)) {
                continue;
            }
            let at = at.field(name);
            match Need::of(new, name) {
                Need::Always if self.direction == Direction::Input => {
                    self.tell(&at, "is new, and required", Severity::Breaking);
                }
                Need::InBody => self.tell(&at, "is new, and required if a body is sent", Severity::Breaking),
                Need::Always | Need::Never => self.tell(&at, "is new", Severity::Harmless),
            }
        }
    }
}

/// When a field must be there.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Need {
    Never,
    /// If the body is sent whose field it is, which need not be.
    InBody,
    Always,
}

impl Need {
    fn of(schema: &Map<String, Value>, name: &str) -> Self {
        let lists = |keyword: &str| {
            let list = schema.get(keyword).and_then(Value::as_array);
            list.is_some_and(|list| list.iter().any(|of| of.as_str() == Some(name)))
        };
        if lists("required") {
            Self::Always
        } else if lists(REQUIRED_IN_BODY) {
            Self::InBody
        } else {
            Self::Never
        }
    }
}

/// What a schema says by keywords; `true` and `false` say nothing that way.
fn fields(schema: &Value) -> &Map<String, Value> {
    static NOTHING: LazyLock<Map<String, Value>> = LazyLock::new(Map::new);
    schema.as_object().unwrap_or(&NOTHING)
}

/// The definition that a schema refers to.
fn reference(schema: &Value) -> Option<&str> {
    schema.get("$ref").and_then(Value::as_str)
}

/// The schema itself, through references.
fn resolve<'a>(root: &'a Value, schema: &'a Value) -> &'a Value {
    let mut at = schema;
    for _ in 0..DEPTH_MAX {
        let Some(pointer) = reference(at).and_then(|of| of.strip_prefix('#')) else { return at };
        match root.pointer(pointer) {
            Some(target) => at = target,
            None => return at,
        }
    }
    at
}

fn types(schema: &Map<String, Value>) -> Vec<&str> {
    let mut types: Vec<&str> = match schema.get("type") {
        Some(Value::String(one)) => vec![one],
        Some(Value::Array(list)) => list.iter().filter_map(Value::as_str).collect(),
        _ => Vec::new(),
    };
    types.sort_unstable();
    types
}

fn shown(types: &[&str]) -> String {
    if types.is_empty() { "anything".to_owned() } else { types.join(" or ") }
}

fn listed(values: &[&Value]) -> String {
    const SHOWN: usize = 5;
    let mut texts: Vec<_> = values.iter().take(SHOWN).map(|value| plain(value)).collect();
    if values.len() > SHOWN {
        texts.push(format!("{} more", values.len() - SHOWN));
    }
    texts.join(", ")
}

fn plain(value: &Value) -> String {
    format!("`{}`", value.as_str().map_or_else(|| value.to_string(), str::to_owned))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn check(direction: Direction, old: &Value, new: &Value) -> Vec<String> {
        changes(old, new, direction)
            .into_iter()
            .map(|change| format!("{}: {} {}", change.severity, change.at, change.message))
            .collect()
    }

    fn order(more: &Value) -> Value {
        let mut schema = json!({
            "type": "object",
            "required": ["total"],
            "properties": {
                "total": {"type": "integer"},
                "state": {"enum": ["open", "paid"]},
                "lines": {"type": "array", "items": {"$ref": "#/$defs/Line"}},
            },
            "$defs": {"Line": {"type": "object", "properties": {"parent": {"$ref": "#/$defs/Line"}, "sku": {"type": "string"}}}},
        });
        for (pointer, value) in more.as_object().unwrap() {
            let (parent, name) = pointer.rsplit_once('/').unwrap();
            let parent = schema.pointer_mut(parent).unwrap().as_object_mut().unwrap();
            if value.is_null() {
                parent.remove(name)
            } else {
                parent.insert(name.to_owned(), value.clone())
            };
        }
        schema
    }

    #[test]
    fn nothing_changed_is_no_change() {
        assert!(check(Direction::Input, &order(&json!({})), &order(&json!({}))).is_empty());
    }

    #[test]
    fn what_is_asked_for_more_breaks_and_what_is_given_more_does_not() {
        let old = order(&json!({}));
        for (more, input, output) in [
            (json!({"/properties/total": null}), "breaking: total is gone", "breaking: total is gone"),
            (json!({"/properties/note": {}}), "harmless: note is new", "harmless: note is new"),
            (
                json!({"/properties/note": {}, "/required": ["total", "note"]}),
                "breaking: note is new, and required",
                "harmless: note is new",
            ),
            (
                json!({"/required": []}),
                "harmless: total is no longer sure to be there",
                "doubtful: total is no longer sure to be there",
            ),
            (
                json!({"/properties/total/type": "number"}),
                "harmless: total was integer, is number",
                "doubtful: total was integer, is number",
            ),
            (
                json!({"/properties/total/type": "string"}),
                "breaking: total was integer, is string",
                "breaking: total was integer, is string",
            ),
            (
                json!({"/properties/state/enum": ["open"]}),
                "breaking: state can no longer be `paid`",
                "harmless: state can no longer be `paid`",
            ),
            (
                json!({"/properties/total/maximum": 9}),
                "breaking: total `maximum` was not said, is 9",
                "harmless: total `maximum` was not said, is 9",
            ),
            (
                json!({"/$defs/Line/properties/sku": null}),
                "breaking: lines[].sku is gone",
                "breaking: lines[].sku is gone",
            ),
            (
                json!({"/x-required-in-body": ["state"]}),
                "breaking: state is required now, if a body is sent",
                "harmless: state is required now, if a body is sent",
            ),
        ] {
            let new = order(&more);
            assert_eq!(check(Direction::Input, &old, &new), [input], "{more}");
            assert_eq!(check(Direction::Output, &old, &new), [output], "{more}");
        }
    }
    #[test]
    fn what_lies_in_a_definition_is_named_by_it() {
        let (old, new) = (order(&json!({})), order(&json!({"/$defs/Line/properties/sku": null})));
        let [change] = &changes(&old, &new, Direction::Output)[..] else { panic!("one change") };
        assert_eq!((&*change.at, change.shared.as_deref()), ("lines[].sku", Some("Line.sku")));
        let new = order(&json!({"/properties/total": null}));
        let [change] = &changes(&old, &new, Direction::Output)[..] else { panic!("one change") };
        assert_eq!((&*change.at, change.shared.as_deref()), ("total", None));
    }
}
