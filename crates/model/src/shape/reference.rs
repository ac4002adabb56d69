use std::collections::BTreeSet;
use std::fmt::Write as _;

use super::{Field, Need, Record, Resource, Shape, Word};

/// The reference of all resources, in Markdown: every field of every kind with its shape, need and meaning.
pub(crate) fn reference(resources: &[&'static Resource]) -> String {
    let mut out = String::new();
    for resource in resources {
        let _ = write!(out, "## {}\n\n{}\n\n", resource.kind, resource.record.doc);
        let _ = write!(out, "```yaml\n{}\n```\n\n", resource.example.trim());
        let mut told = BTreeSet::new();
        let mut waiting = vec![resource.record];
        let mut first = true;
        while !waiting.is_empty() {
            let record = waiting.remove(0);
            if !told.insert(record.name) {
                continue;
            }
            if !first {
                let _ = write!(out, "### {}: {}\n\n{}\n\n", resource.kind, record.name, record.doc);
            }
            first = false;
            table(&mut out, record);
            for field in record.fields() {
                records(field.shape, &mut waiting);
            }
        }
    }
    out
}

fn table(out: &mut String, record: &'static Record) {
    out.push_str("| field | value | if left out | meaning |\n| --- | --- | --- | --- |\n");
    for field in record.fields() {
        let example = field.example.map(|e| format!(" Example: `{}`.", cell(e))).unwrap_or_default();
        let _ = writeln!(
            out,
            "| `{}` | {} | {} | {}{example}{} |",
            field.name,
            value(field.shape),
            need(field),
            cell(field.doc),
            meanings(field.shape)
        );
    }
    out.push('\n');
}

fn cell(text: &str) -> String {
    text.replace('|', "\\|")
}

fn need(field: &'static Field) -> String {
    match field.need {
        Need::Required => "refused".into(),
        Need::Optional => String::new(),
        Need::Default(value) => format!("`{value}`"),
        Need::OneOf => "exactly one of these".into(),
    }
}

fn value(shape: Shape) -> String {
    match shape {
        Shape::Text => "text".into(),
        Shape::Name(name) => name.what.into(),
        Shape::Url | Shape::SystemUrl => "URL".into(),
        Shape::Secret => "`secret:path/name`".into(),
        Shape::UrlOrSecret => "URL or `secret:path/name`".into(),
        Shape::Expression => "expression".into(),
        Shape::Template => "values with expressions".into(),
        Shape::Literal => "any value".into(),
        Shape::JsonSchema => "JSON Schema".into(),
        Shape::Duration => "duration".into(),
        Shape::Size => "size".into(),
        Shape::Rate => "rate".into(),
        Shape::Count(min, u64::MAX) => format!("whole number, at least {min}"),
        Shape::Count(min, max) => format!("whole number, {min} to {max}"),
        Shape::Boolean => "`true` or `false`".into(),
        Shape::Word(words) => spelt(words),
        Shape::List(item) => format!("list of {}", value(*item)),
        Shape::OneOrList(item) => format!("{} or a list of such", value(*item)),
        Shape::Table(name, item) => format!("map from {} to {}", name.what, value(*item)),
        Shape::Named(name, item) => {
            format!("list of `name: {}`, where the name is {}", value(*item), name.what)
        }
        Shape::Record(record) => format!("*{}*", record.name),
        Shape::Variants(variants) => format!("*{}*", variants.name),
        Shape::WordOr(words, other) => format!("{} or {}", spelt(words), value(*other)),
        Shape::ShortOr(short, record) => format!("{} or *{}*", value(*short), record.name),
    }
}

fn spelt(words: &'static [Word]) -> String {
    words.iter().map(|w| format!("`{}`", w.word)).collect::<Vec<_>>().join(", ")
}

fn meanings(shape: Shape) -> String {
    let (words, more) = match shape {
        Shape::Word(words) => (words, String::new()),
        Shape::WordOr(words, other) => (words, meanings(*other)),
        Shape::List(Shape::Word(words)) => (*words, String::new()),
        _ => return String::new(),
    };
    let mut text = words.iter().fold(String::new(), |mut text, word| {
        let _ = write!(text, "<br>`{}`: {}", word.word, cell(word.doc));
        text
    });
    text.push_str(&more);
    text
}

fn records(shape: Shape, found: &mut Vec<&'static Record>) {
    match shape {
        Shape::Record(record) | Shape::ShortOr(_, record) => found.push(record),
        Shape::Variants(variants) => found.extend(variants.records),
        Shape::List(item)
        | Shape::OneOrList(item)
        | Shape::Table(_, item)
        | Shape::Named(_, item)
        | Shape::WordOr(_, item) => {
            records(*item, found);
        }
        _ => {}
    }
}
