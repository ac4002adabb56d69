use serde_json::Value;

use super::body;
use super::parameter::Parameters;
use super::reader::Reader;
use super::{Edition, text};

/// What an API sends to its callers by itself.
#[derive(Clone, Debug, PartialEq)]
pub struct Event {
    /// Its name: that of the webhook or callback.
    pub name: String,
    /// The operation that asks for it; none if it is arranged otherwise.
    pub asked_by: Option<String>,
    /// What it is, for people.
    pub summary: String,
    /// Its schema as its author wrote it, if it has one.
    pub schema: Option<Value>,
}

/// The methods by which events are sent.
const METHODS: [&str; 3] = ["post", "put", "get"];

/// The webhooks of a description: `webhooks` of 3.1, and `x-webhooks`, which authors of 3.0 write instead.
pub(super) fn webhooks(reader: &mut Reader<'_>) -> Vec<Event> {
    let mut events = Vec::new();
    for field in ["webhooks", "x-webhooks"] {
        let all = reader.map(reader.document, field);
        reader.below(field, |reader| {
            for (name, item) in all {
                reader.below(name, |reader| events.extend(event(reader, name, None, item)));
            }
        });
    }
    events
}

/// The callbacks of an operation: events sent to a URL that its caller names.
pub(super) fn callbacks<'d>(reader: &mut Reader<'d>, id: &str, operation: &'d Value) -> Vec<Event> {
    if reader.edition == Edition::Swagger2 {
        return Vec::new();
    }
    let mut events = Vec::new();
    let all = reader.map(operation, "callbacks");
    reader.below("callbacks", |reader| {
        for (name, callback) in all {
            reader.below(name, |reader| {
                let Some(callback) = reader.resolve(callback) else { return };
                for (expression, item) in callback.as_object().into_iter().flatten() {
                    reader.below(expression, |reader| events.extend(event(reader, name, Some(id), item)));
                }
            });
        }
    });
    events
}

fn event<'d>(reader: &mut Reader<'d>, name: &str, asked_by: Option<&str>, item: &'d Value) -> Option<Event> {
    let item = reader.resolve(item)?;
    let (method, sent) = METHODS.iter().find_map(|method| Some((method, item.get(method)?)))?;
    reader.below(method, |reader| {
        let none = Parameters { outside: Vec::new(), body: None, form: Vec::new() };
        let body = body::read(reader, sent, &none);
        let summary = ["summary", "description"].iter().filter_map(|field| sent.get(field)).map(text);
        Some(Event {
            name: name.to_owned(),
            asked_by: asked_by.map(str::to_owned),
            summary: summary.into_iter().find(|text| !text.is_empty()).unwrap_or_default(),
            schema: body.and_then(|body| body.content.into_iter().next()?.schema),
        })
    })
}
