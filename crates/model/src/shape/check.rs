use std::fmt;

use sinew_diag::{Diagnostic, Diagnostics, Place, codes::config};
use sinew_stdx::{ByteSize, Rate, parse_duration};

use super::{Field, NameShape, Need, Record, Resource, Shape, Variants, Word, closest, did_you_mean};
use crate::SecretRef;
use crate::raw::{Literal, Node, Scalar, Value};
use crate::read::url;

/// Checks a document against its kind's table: fields, shapes, words, units. References are for later.
pub(crate) fn check_resource(root: &Node, resource: &'static Resource, place: &Place, out: &mut Diagnostics) {
    check_record(root, resource.record, What::named(resource.kind), place, &["kind"], out);
}

/// Checks a map against a record that is no resource.
pub(crate) fn check_record_node(node: &Node, record: &'static Record, out: &mut Diagnostics) {
    check_record(node, record, What::named(record.name), &node.place, &[], out);
}

/// How a secret is called in what `sinew import` shows, until somebody gives it a name.
const PLACEHOLDER: &str = "NAME/";

/// What is being checked, as messages call it.
#[derive(Clone, Copy)]
struct What<'a> {
    name: &'a str,
    /// The field whose value it is.
    field: Option<&'static Field>,
}

impl<'a> What<'a> {
    fn named(name: &'a str) -> Self {
        Self { name, field: None }
    }

    fn field(field: &'static Field) -> Self {
        Self { name: field.name, field: Some(field) }
    }
}

impl fmt::Display for What<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name)
    }
}

/// `place` is where to point when something is missing.
fn check(node: &Node, shape: Shape, what: What<'_>, place: &Place, out: &mut Diagnostics) {
    if node.scalar().is_some_and(|scalar| scalar.unset) {
        return;
    }
    match shape {
        Shape::Record(record) => check_record(node, record, what, place, &[], out),
        Shape::Variants(variants) => check_variants(node, variants, what, place, out),
        Shape::List(item) => check_list(node, *item, what, out),
        Shape::OneOrList(item) => match &node.value {
            Value::List(_) => check_list(node, *item, what, out),
            _ => check(node, *item, what, place, out),
        },
        Shape::Table(name, value) => check_table(node, name, *value, what, out),
        Shape::Named(name, value) => check_named(node, name, *value, what, out),
        Shape::WordOr(words, other) => match (node.text(), other) {
            (Some(text), _) if words.iter().any(|w| w.word == text) => {}
            (Some(text), Shape::WordOr(more, Shape::Record(_))) if !more.iter().any(|w| w.word == text) => {
                let all: Vec<Word> = words.iter().chain(*more).copied().collect();
                unknown_word(node, text, &all, what, out);
            }
            (Some(text), Shape::Record(_) | Shape::Variants(_)) => unknown_word(node, text, words, what, out),
            _ => check(node, *other, what, place, out),
        },
        Shape::ShortOr(short, record) => match &node.value {
            Value::Map(_) => check_record(node, record, what, place, &[], out),
            _ => check(node, *short, what, place, out),
        },
        Shape::Template | Shape::Literal => check_tree(node, out),
        Shape::JsonSchema => match (&node.value, node.text()) {
            (Value::Map(_), _) => check_tree(node, out),
            (_, Some("true" | "false")) => {}
            _ => wrong_shape(node, what, "a JSON Schema", out),
        },
        _ => check_scalar(node, shape, what, out),
    }
}

fn check_record(
    node: &Node,
    record: &'static Record,
    what: What<'_>,
    place: &Place,
    besides: &[&str],
    out: &mut Diagnostics,
) {
    let Value::Map(entries) = &node.value else {
        return wrong_shape(node, what, "a map of fields", out);
    };
    for entry in entries {
        match record.field(&entry.name) {
            Some(field) => check(&entry.value, field.shape, What::field(field), &entry.name_place, out),
            None if besides.contains(&entry.name.as_str()) => {}
            None => unknown_field(&entry.name, &entry.name_place, record, out),
        }
    }
    for field in record.fields().filter(|f| matches!(f.need, Need::Required)) {
        if node.get(field.name).is_none() {
            missing_field(field, what, place, out);
        }
    }
    check_alternatives(node, record, what, place, out);
}

fn check_alternatives(
    node: &Node,
    record: &'static Record,
    what: What<'_>,
    place: &Place,
    out: &mut Diagnostics,
) {
    let names: Vec<_> = record.alternatives().map(|f| f.name).collect();
    let given: Vec<_> = node.entries().iter().filter(|e| names.contains(&e.name.as_str())).collect();
    match given.as_slice() {
        [] if !names.is_empty() => {
            // A mistyped alternative is reported as an unknown field already.
            let mistyped = node.entries().iter().any(|e| {
                record.field(&e.name).is_none() && closest(&e.name, names.iter().copied()).is_some()
            });
            if !mistyped {
                let message = format!("`{what}` needs one of {}", listed(&names));
                out.push(Diagnostic::error(config::ONE_OF, message).at(place.clone()));
            }
        }
        [first, second, ..] => {
            let message = format!("`{}` and `{}` cannot both be given", first.name, second.name);
            out.push(
                Diagnostic::error(config::ONE_OF, message)
                    .at(second.name_place.clone())
                    .help(format!("`{what}` takes one of {}", listed(&names))),
            );
        }
        _ => {}
    }
}

/// The record that a map is of: that whose first field it has.
pub(crate) fn variant_of(node: &Node, variants: &'static Variants) -> Option<&'static Record> {
    variants.records.iter().copied().find(|record| key(record).is_some_and(|key| node.get(key).is_some()))
}

fn key(record: &'static Record) -> Option<&'static str> {
    record.fields().next().map(|field| field.name)
}

fn check_variants(
    node: &Node,
    variants: &'static Variants,
    what: What<'_>,
    place: &Place,
    out: &mut Diagnostics,
) {
    let Value::Map(entries) = &node.value else {
        return wrong_shape(node, what, "a map of fields", out);
    };
    let keys: Vec<_> = variants.records.iter().copied().filter_map(key).collect();
    let Some(record) = variant_of(node, variants) else {
        let known = |name: &str| variants.records.iter().any(|record| record.field(name).is_some());
        let guess = entries
            .iter()
            .filter(|e| !known(&e.name))
            .find_map(|entry| closest(&entry.name, keys.iter().copied()).map(|likely| (entry, likely)));
        let diagnostic = match guess {
            Some((entry, likely)) => {
                Diagnostic::error(config::UNKNOWN_FIELD, format!("unknown field `{}`", entry.name))
                    .at(entry.name_place.clone())
                    .help(format!("did you mean `{likely}`?"))
            }
            None => Diagnostic::error(config::ONE_OF, format!("`{what}` does not say {}", variants.says))
                .at(place.clone())
                .help(format!("give one of {}", listed(&keys))),
        };
        out.push(diagnostic);
        return;
    };
    check_record(node, record, what, place, &[], out);
}

fn check_list(node: &Node, item: Shape, what: What<'_>, out: &mut Diagnostics) {
    let Value::List(items) = &node.value else {
        return wrong_shape(node, what, "a list", out);
    };
    for item_node in items {
        check(item_node, item, What::named(what.name), &item_node.place, out);
    }
}

fn check_table(node: &Node, name: &'static NameShape, value: Shape, what: What<'_>, out: &mut Diagnostics) {
    let Value::Map(entries) = &node.value else {
        return wrong_shape(node, what, "a map", out);
    };
    for entry in entries {
        check_name(&entry.name, &entry.name_place, name, out);
        check(&entry.value, value, What::named(&entry.name), &entry.name_place, out);
    }
}

fn check_named(node: &Node, name: &'static NameShape, value: Shape, what: What<'_>, out: &mut Diagnostics) {
    let Value::List(items) = &node.value else {
        return wrong_shape(node, what, "a list of steps, `- name: {...}` each", out);
    };
    if items.is_empty() {
        out.push(Diagnostic::error(config::WRONG_SHAPE, format!("`{what}` is empty")).at(node.place.clone()));
    }
    for item in items {
        match item.entries() {
            [entry] => {
                check_name(&entry.name, &entry.name_place, name, out);
                check(&entry.value, value, What::named(&entry.name), &entry.name_place, out);
            }
            [] => wrong_shape(item, What::named("a step"), "a map of one field, `- name: {...}`", out),
            [first, second, ..] => out.push(
                Diagnostic::error(
                    config::WRONG_SHAPE,
                    format!("`{}` stands beside `{}`, but a step has one name", second.name, first.name),
                )
                .at(second.name_place.clone())
                .help(format!("indent it below `{}`, or begin a step of its own with `- `", first.name)),
            ),
        }
    }
}

fn check_name(text: &str, place: &Place, name: &'static NameShape, out: &mut Diagnostics) {
    if let Err(error) = (name.check)(text) {
        let message = format!("`{}` is not {}", cut(text), name.what);
        out.push(Diagnostic::error(config::INVALID_NAME, message).at(place.clone()).help(error.1));
    }
}

fn check_scalar(node: &Node, shape: Shape, what: What<'_>, out: &mut Diagnostics) {
    let Some((scalar, text)) = node.scalar().zip(node.text()) else {
        // These name an example of their own.
        return wrong_shape(node, What::named(what.name), expected(shape), out);
    };
    let invalid =
        |message: String| Diagnostic::error(config::INVALID_VALUE, message).at(scalar.place.clone());
    let boolean = matches!(scalar.literal(), Literal::Boolean(_));
    match shape {
        Shape::Text if text.trim().is_empty() => {
            out.push(invalid(format!("`{what}` is empty")));
        }
        Shape::Text if text.trim() == "..." => {
            out.push(
                invalid(format!("`{what}` still says `...`")).help("write in its place what belongs here"),
            );
        }
        Shape::Name(name) => check_name(text, &scalar.place, name, out),
        Shape::UrlOrSecret if text.starts_with("secret:") => check_secret(scalar, what, out),
        Shape::Url | Shape::UrlOrSecret => check_url(scalar, url::check(&scalar.text), what, out),
        Shape::SystemUrl => check_url(scalar, url::check_any(&scalar.text), what, out),
        Shape::Secret => check_secret(scalar, what, out),
        Shape::Duration => out_if_err(parse_duration(text).map(|_| ()).map_err(|e| e.0), invalid, out),
        Shape::Size => out_if_err(text.parse::<ByteSize>().map(|_| ()).map_err(|e| e.0), invalid, out),
        Shape::Rate => out_if_err(text.parse::<Rate>().map(|_| ()).map_err(|e| e.0), invalid, out),
        Shape::Count(min, max) if !text.parse().is_ok_and(|n: u64| (min..=max).contains(&n)) => {
            let range =
                if max == u64::MAX { format!("of at least {min}") } else { format!("from {min} to {max}") };
            out.push(invalid(format!("`{what}` is a whole number {range}, not `{}`", cut(text))));
        }
        Shape::Boolean if !boolean => {
            out.push(invalid(format!("`{what}` is `true` or `false`, not `{}`", cut(text))));
        }
        Shape::Word(words) if !words.iter().any(|w| w.word == text) => {
            unknown_word(node, text, words, what, out);
        }
        _ => {}
    }
}

fn out_if_err(checked: Result<(), String>, invalid: impl Fn(String) -> Diagnostic, out: &mut Diagnostics) {
    if let Err(message) = checked {
        out.push(invalid(message));
    }
}

fn check_url(scalar: &Scalar, checked: Result<(), url::InvalidUrl>, what: What<'_>, out: &mut Diagnostics) {
    match checked {
        Ok(()) => {}
        Err(url::InvalidUrl::Credential) => out.push(secret_in_clear(
            what.name,
            "holds a user name or password",
            "log in by `auth:`, and keep the password as `secret:path/name`",
            &scalar.place,
        )),
        Err(url::InvalidUrl::Other(why)) => out.push(
            Diagnostic::error(config::INVALID_VALUE, format!("`{what}` is no URL: {why}"))
                .at(scalar.place.clone())
                .help("write it like `https://api.example.com/v1`"),
        ),
    }
}

fn check_secret(scalar: &Scalar, what: What<'_>, out: &mut Diagnostics) {
    if let Some(name) = SecretRef::new(&scalar.text) {
        if name.path().starts_with(PLACEHOLDER) {
            out.push(
                Diagnostic::error(config::INVALID_VALUE, format!("`{what}` still says `{PLACEHOLDER}`"))
                    .at(scalar.place.clone())
                    .help("write what the secret is called, such as `secret:crm/token`"),
            );
        }
        return;
    }
    let diagnostic = if scalar.text.starts_with("secret:") {
        Diagnostic::error(config::INVALID_VALUE, format!("`{what}` is no reference to a secret"))
            .at(scalar.place.clone())
            .hide_line()
            .help("write `secret:path/name` with letters, digits, `-`, `_` and `.`; variables have no place in it")
    } else {
        secret_in_clear(
            what.name,
            "is given in clear",
            "put it where secrets are kept and write `secret:path/name` here; then change it where it came from",
            &scalar.place,
        )
    };
    out.push(diagnostic);
}

/// Says that a secret stands in a file, without repeating it.
pub(crate) fn secret_in_clear(what: &str, how: &str, help: &str, place: &Place) -> Diagnostic {
    Diagnostic::error(config::SECRET_IN_CLEAR, format!("`{what}` {how}"))
        .at(place.clone())
        .help(help)
        .hide_line()
}

/// Numbers that JSON cannot hold would change on the way.
fn check_tree(node: &Node, out: &mut Diagnostics) {
    match &node.value {
        Value::List(items) => items.iter().for_each(|item| check_tree(item, out)),
        Value::Map(entries) => entries.iter().for_each(|entry| check_tree(&entry.value, out)),
        Value::Scalar(scalar) => {
            if let Literal::Odd(why) = scalar.literal() {
                let message = format!("`{}` cannot be kept as a number: {why}", cut(&scalar.text));
                out.push(Diagnostic::error(config::INVALID_VALUE, message).at(scalar.place.clone()));
            }
        }
    }
}

fn wrong_shape(node: &Node, what: What<'_>, expected: &str, out: &mut Diagnostics) {
    let message = format!("`{what}` is {}, but should be {expected}", node.describe());
    let diagnostic = Diagnostic::error(config::WRONG_SHAPE, message).at(node.place.clone());
    out.push(match what.field.and_then(example) {
        Some(example) => diagnostic.help(format!("write it like `{what}: {example}`")),
        None => diagnostic,
    });
}

/// What a field looks like: its own example, else one made of what its record's fields say.
fn example(field: &'static Field) -> Option<String> {
    if let Some(example) = field.example {
        return Some(example.to_owned());
    }
    let (Shape::Record(record) | Shape::ShortOr(_, record)) = field.shape else { return None };
    let mut parts = Vec::new();
    for field in record.fields() {
        match (field.need, field.example) {
            (Need::Required, Some(value)) | (Need::Default(value), _) => {
                parts.push(format!("{}: {value}", field.name));
            }
            (Need::Required | Need::OneOf, _) => return None,
            (Need::Optional, _) => {}
        }
    }
    (!parts.is_empty()).then(|| format!("{{ {} }}", parts.join(", ")))
}

fn expected(shape: Shape) -> &'static str {
    match shape {
        Shape::Expression => "an expression",
        Shape::Name(name) => name.what,
        Shape::Url | Shape::SystemUrl => "a URL",
        Shape::Secret => "`secret:path/name`",
        Shape::UrlOrSecret => "a URL or `secret:path/name`",
        Shape::Duration => "a duration such as `10s`",
        Shape::Size => "a size such as `10MB`",
        Shape::Rate => "a rate such as `100/10s`",
        Shape::Count(..) => "a whole number",
        Shape::Boolean => "`true` or `false`",
        Shape::Word(_) => "a word",
        _ => "a text",
    }
}

fn unknown_field(name: &str, place: &Place, record: &'static Record, out: &mut Diagnostics) {
    let diagnostic = Diagnostic::error(config::UNKNOWN_FIELD, format!("unknown field `{}`", cut(name)));
    let names: Vec<_> = record.fields().map(|f| f.name).collect();
    let help = closest(name, names.iter().copied()).map_or_else(
        || format!("{} knows {}", record.name, listed(&names)),
        |likely| format!("did you mean `{likely}`?"),
    );
    out.push(diagnostic.at(place.clone()).help(help));
}

fn missing_field(field: &'static Field, what: What<'_>, place: &Place, out: &mut Diagnostics) {
    let code = if field.name == "owner" { config::NO_OWNER } else { config::MISSING_FIELD };
    let example = field.example.map(|e| format!(", like `{}: {e}`", field.name)).unwrap_or_default();
    out.push(
        Diagnostic::error(code, format!("`{what}` has no `{}`", field.name))
            .at(place.clone())
            .help(format!("give it{example}: {}", field.doc)),
    );
}

fn unknown_word(node: &Node, text: &str, words: &[Word], what: What<'_>, out: &mut Diagnostics) {
    let diagnostic = Diagnostic::error(config::UNKNOWN_WORD, format!("`{what}` cannot be `{}`", cut(text)))
        .at(node.place.clone());
    out.push(match did_you_mean(text, words.iter().map(|w| w.word)) {
        Some(help) => diagnostic.help(help),
        None => diagnostic,
    });
}

fn listed(names: &[&str]) -> String {
    names.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ")
}

/// A text as it is repeated in a message: not longer than a line.
fn cut(text: &str) -> String {
    const SHOWN_MAX: usize = 60;
    if text.chars().count() <= SHOWN_MAX {
        return text.to_owned();
    }
    text.chars().take(SHOWN_MAX).chain("...".chars()).collect()
}
