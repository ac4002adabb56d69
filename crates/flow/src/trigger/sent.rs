//! What was sent, as schemes look at it: headers, query parameters, fields of the body.

use std::borrow::Cow;
use std::cell::OnceCell;

use http::header::CONTENT_TYPE;
use http::request::Parts;
use percent_encoding::percent_decode_str;
use serde_json::Value;
use sinew_model::{Source, SourceAt};

/// Texts looked at in one place.
const TEXTS_MAX: usize = 16;

/// A request, whole.
pub(crate) struct Sent<'a> {
    pub(crate) head: &'a Parts,
    pub(crate) body: &'a [u8],
    /// What stands before the path in the URL that its sender called.
    pub(crate) hooks_url: Option<&'a str>,
    json: OnceCell<Option<Value>>,
}

impl<'a> Sent<'a> {
    pub(crate) fn new(head: &'a Parts, body: &'a [u8], hooks_url: Option<&'a str>) -> Self {
        Self { head, body, hooks_url, json: OnceCell::new() }
    }

    /// The body as JSON, if it is that.
    pub(crate) fn json(&self) -> Option<&Value> {
        self.json.get_or_init(|| serde_json::from_slice(self.body).ok()).as_ref()
    }

    pub(crate) fn header(&self, name: &str) -> Option<&'a str> {
        self.head.headers.get(name).and_then(|value| value.to_str().ok()).map(str::trim)
    }

    pub(crate) fn query(&self) -> &'a str {
        self.head.uri.query().unwrap_or_default()
    }

    pub(crate) fn is_form(&self) -> bool {
        let content_type = self.header(CONTENT_TYPE.as_str()).unwrap_or_default();
        let essence = content_type.split(';').next().unwrap_or_default().trim();
        essence.eq_ignore_ascii_case("application/x-www-form-urlencoded")
    }

    /// The texts that a source means, in this order; fields are looked for in `item`, or in the body.
    pub(crate) fn texts(&self, source: &Source, item: Option<&Value>) -> Vec<String> {
        let mut found = Vec::new();
        let whole: Vec<Cow<'_, str>> = match &source.at {
            SourceAt::Header(name) => {
                let values = self.head.headers.get_all(&**name).iter().take(TEXTS_MAX);
                values.filter_map(|value| value.to_str().ok()).map(Cow::from).collect()
            }
            SourceAt::Query(name) => self.parameter(name).into_iter().map(Cow::from).collect(),
            SourceAt::Field(path) => {
                let value = item.or_else(|| self.json()).and_then(|value| path.find(value));
                value.and_then(text_of).into_iter().collect()
            }
        };
        for text in &whole {
            let pieces: Vec<&str> = match &source.separator {
                Some(separator) => text.split(&**separator).take(TEXTS_MAX).collect(),
                None => vec![text],
            };
            let pieces = pieces.into_iter().map(str::trim);
            found.extend(pieces.filter_map(|piece| piece.strip_prefix(&*source.prefix)).map(str::to_owned));
        }
        found
    }

    /// The first text that a source means.
    pub(crate) fn text(&self, source: &Source, item: Option<&Value>) -> Option<String> {
        self.texts(source, item).into_iter().next()
    }

    fn parameter(&self, name: &str) -> Option<String> {
        let pairs = self.query().split('&').take(1000);
        pairs.into_iter().find_map(|pair| {
            let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
            (decoded(key)? == name).then(|| decoded(value)).flatten()
        })
    }
}

fn decoded(text: &str) -> Option<String> {
    let spaced = text.replace('+', " ");
    percent_decode_str(&spaced).decode_utf8().ok().map(Cow::into_owned)
}

/// A scalar as text; lists and objects are none.
pub(crate) fn text_of(value: &Value) -> Option<Cow<'_, str>> {
    match value {
        Value::String(text) => Some(Cow::from(text)),
        Value::Number(number) => Some(number.to_string().into()),
        Value::Bool(truth) => Some(truth.to_string().into()),
        Value::Null | Value::Array(_) | Value::Object(_) => None,
    }
}
