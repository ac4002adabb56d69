//! The styles of parameters (OpenAPI 3.1, "Style Values"; RFC 6570).

use std::borrow::Cow;

use percent_encoding::{AsciiSet, utf8_percent_encode};
use serde_json::value::RawValue;

use super::plain::{Parts, inner, items};
use super::{ENCODED, Fields, RESERVED_KEPT};
use crate::openapi::Style;

/// Lists and objects within one another that a `deepObject` is written of; deeper ones are written as JSON.
const DEEP_MAX: usize = 16;

/// How a parameter is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Manner {
    /// In which style.
    pub style: Style,
    /// Whether each item or field is written by itself.
    pub explode: bool,
    /// Whether characters that have a meaning in URLs stay as they are.
    pub allow_reserved: bool,
}

/// A text as it goes to the wire, or as it goes between delimiters.
type Encode = fn(&str, &'static AsciiSet) -> String;

fn percent(text: &str, set: &'static AsciiSet) -> String {
    utf8_percent_encode(text, set).to_string()
}

fn verbatim(text: &str, _: &'static AsciiSet) -> String {
    text.to_owned()
}

impl Manner {
    /// `a,b`, as paths and headers have it unless they say otherwise.
    pub const SIMPLE: Self = Self { style: Style::Simple, explode: false, allow_reserved: false };
    /// `name=a&name=b`, as queries have it unless they say otherwise.
    pub const FORM: Self = Self { style: Style::Form, explode: true, allow_reserved: false };

    fn set(self) -> &'static AsciiSet {
        if self.allow_reserved { RESERVED_KEPT } else { ENCODED }
    }

    /// A path parameter's text; empty if there is nothing to write.
    pub fn path(self, name: &str, value: &RawValue) -> String {
        let set = self.set();
        let (lead, between) = match (self.style, self.explode) {
            (Style::Label, true) => (".", "."),
            (Style::Label, false) => (".", ","),
            (Style::Matrix, true) => (";", ";"),
            (Style::Matrix, false) => (";", ","),
            _ => ("", ","),
        };
        let matrix = self.style == Style::Matrix;
        let named = |text: String| if matrix { format!("{}={text}", percent(name, set)) } else { text };
        let text = match Parts::of(value) {
            _ if self.style == Style::Json => return percent(value.get(), set),
            Parts::Absent => return String::new(),
            Parts::One(text) => named(percent(&text, set)),
            Parts::Items(items) if items.is_empty() => return String::new(),
            Parts::Items(items) => {
                let texts = items.iter().map(|item| percent(&inner(item), set));
                if self.explode { joined(texts.map(named), between) } else { named(joined(texts, between)) }
            }
            Parts::Fields(fields) if fields.iter().next().is_none() => return String::new(),
            Parts::Fields(fields) if self.explode => joined(pairs(&fields, "=", percent, set), between),
            Parts::Fields(fields) => named(joined(pairs(&fields, ",", percent, set), between)),
        };
        format!("{lead}{text}")
    }

    /// Adds a parameter to a query or form: `a=1&b=2`, without a `?` before it.
    pub fn query(self, out: &mut String, name: &str, value: &RawValue) {
        let set = self.set();
        let mut add = |name: &str, value: &str| {
            if !out.is_empty() {
                out.push('&');
            }
            out.push_str(name);
            out.push('=');
            out.push_str(value);
        };
        let encoded = percent(name, set);
        if self.style == Style::Json {
            if value.get() != "null" {
                add(&encoded, &percent(value.get(), set));
            }
            return;
        }
        if self.style == Style::DeepObject {
            deep(&encoded, value, set, DEEP_MAX, &mut add);
            return;
        }
        let delimiter = match self.style {
            Style::SpaceDelimited => "%20",
            Style::PipeDelimited => "%7C",
            Style::TabDelimited => "%09",
            _ => ",",
        };
        match Parts::of(value) {
            Parts::Absent => {}
            Parts::One(text) => add(&encoded, &percent(&text, set)),
            Parts::Items(items) if self.explode => {
                for item in items {
                    add(&encoded, &percent(&inner(item), set));
                }
            }
            Parts::Items(items) if items.is_empty() => {}
            Parts::Items(items) => {
                let texts = items.iter().map(|item| percent(&inner(item), set));
                add(&encoded, &joined(texts, delimiter));
            }
            Parts::Fields(fields) if self.explode => {
                fields
                    .iter()
                    .for_each(|(name, value)| add(&percent(name, set), &percent(&inner(value), set)));
            }
            Parts::Fields(fields) if fields.iter().next().is_none() => {}
            Parts::Fields(fields) => {
                add(&encoded, &joined(pairs(&fields, delimiter, percent, set), delimiter));
            }
        }
    }

    /// A header's text; `None` if there is nothing to write.
    pub fn header(self, value: &RawValue) -> Option<String> {
        let set = ENCODED;
        Some(match Parts::of(value) {
            Parts::Absent => return None,
            _ if self.style == Style::Json => value.get().to_owned(),
            Parts::One(text) => text.into_owned(),
            Parts::Items(items) => joined(items.iter().map(|item| inner(item).into_owned()), ","),
            Parts::Fields(fields) => {
                joined(pairs(&fields, if self.explode { "=" } else { "," }, verbatim, set), ",")
            }
        })
    }

    /// Adds a parameter to a `Cookie` header: `a=1; b=2` (RFC 6265, section 4.2.1).
    pub fn cookie(self, out: &mut String, name: &str, value: &RawValue) {
        let mut form = String::new();
        self.query(&mut form, name, value);
        for pair in form.split('&').filter(|pair| !pair.is_empty()) {
            if !out.is_empty() {
                out.push_str("; ");
            }
            out.push_str(pair);
        }
    }
}

fn pairs(
    fields: &Fields<'_>,
    between: &str,
    encode: Encode,
    set: &'static AsciiSet,
) -> impl Iterator<Item = String> {
    fields
        .iter()
        .map(move |(name, value)| format!("{}{between}{}", encode(name, set), encode(&inner(value), set)))
}

fn joined(texts: impl Iterator<Item = String>, between: &str) -> String {
    texts.collect::<Vec<_>>().join(between)
}

/// `name[field]=a`, and `name[0][field]=a` for lists, as vendors that have objects in objects read it.
fn deep(
    name: &str,
    value: &RawValue,
    set: &'static AsciiSet,
    depth: usize,
    add: &mut impl FnMut(&str, &str),
) {
    match Parts::of(value) {
        Parts::Absent => {}
        Parts::One(text) => add(name, &percent(&text, set)),
        _ if depth == 0 => add(name, &percent(value.get(), set)),
        Parts::Fields(fields) => {
            for (field, value) in fields.iter() {
                deep(&format!("{name}[{}]", percent(field, set)), value, set, depth - 1, add);
            }
        }
        Parts::Items(_) => {
            for (n, item) in items(value).unwrap_or_default().into_iter().enumerate() {
                deep(&format!("{name}[{n}]"), item, set, depth - 1, add);
            }
        }
    }
}

/// A text that a value is, or its JSON.
pub(super) fn text(value: &RawValue) -> Cow<'_, str> {
    inner(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    const EMPTY: &str = r#""""#;
    const TEXT: &str = r#""blue""#;
    const LIST: &str = r#"["blue","black","brown"]"#;
    const OBJECT: &str = r#"{"R":100,"G":200,"B":150}"#;

    fn raw(json: &str) -> Box<RawValue> {
        RawValue::from_string(json.to_owned()).unwrap()
    }

    fn query(style: Style, explode: bool, json: &str) -> String {
        let mut out = String::new();
        Manner { style, explode, allow_reserved: false }.query(&mut out, "color", &raw(json));
        out
    }

    fn path(style: Style, explode: bool, json: &str) -> String {
        Manner { style, explode, allow_reserved: false }.path("color", &raw(json))
    }

    #[test]
    fn each_style_is_written_as_the_specification_has_it() {
        for (style, explode, json, wanted) in [
            (Style::Matrix, false, EMPTY, ";color="),
            (Style::Matrix, false, TEXT, ";color=blue"),
            (Style::Matrix, false, LIST, ";color=blue,black,brown"),
            (Style::Matrix, false, OBJECT, ";color=R,100,G,200,B,150"),
            (Style::Matrix, true, LIST, ";color=blue;color=black;color=brown"),
            (Style::Matrix, true, OBJECT, ";R=100;G=200;B=150"),
            (Style::Label, false, LIST, ".blue,black,brown"),
            (Style::Label, false, OBJECT, ".R,100,G,200,B,150"),
            (Style::Label, true, LIST, ".blue.black.brown"),
            (Style::Label, true, OBJECT, ".R=100.G=200.B=150"),
            (Style::Simple, false, OBJECT, "R,100,G,200,B,150"),
            (Style::Simple, true, OBJECT, "R=100,G=200,B=150"),
            (Style::Simple, true, LIST, "blue,black,brown"),
        ] {
            assert_eq!(path(style, explode, json), wanted, "{style:?} {explode} {json}");
        }
        for (style, explode, json, wanted) in [
            (Style::Form, false, EMPTY, "color="),
            (Style::Form, false, TEXT, "color=blue"),
            (Style::Form, false, LIST, "color=blue,black,brown"),
            (Style::Form, false, OBJECT, "color=R,100,G,200,B,150"),
            (Style::Form, true, LIST, "color=blue&color=black&color=brown"),
            (Style::Form, true, OBJECT, "R=100&G=200&B=150"),
            (Style::SpaceDelimited, false, LIST, "color=blue%20black%20brown"),
            (Style::SpaceDelimited, false, OBJECT, "color=R%20100%20G%20200%20B%20150"),
            (Style::PipeDelimited, false, LIST, "color=blue%7Cblack%7Cbrown"),
            (Style::DeepObject, true, OBJECT, "color[R]=100&color[G]=200&color[B]=150"),
            (
                Style::DeepObject,
                true,
                r#"{"a":{"b":[1,{"c":2.50}]}}"#,
                "color[a][b][0]=1&color[a][b][1][c]=2.50",
            ),
            (Style::Json, false, r#"{"a":1}"#, "color=%7B%22a%22%3A1%7D"),
            (Style::Form, true, "null", ""),
            (Style::Form, true, "[]", ""),
            (Style::Form, false, r#"["a,b",{"c":1}]"#, "color=a%2Cb,%7B%22c%22%3A1%7D"),
        ] {
            assert_eq!(query(style, explode, json), wanted, "{style:?} {explode} {json}");
        }
    }

    #[test]
    fn headers_and_cookies_have_no_percent_signs_of_their_own_but_where_they_must() {
        assert_eq!(Manner::SIMPLE.header(&raw(LIST)).as_deref(), Some("blue,black,brown"));
        assert_eq!(Manner::SIMPLE.header(&raw(OBJECT)).as_deref(), Some("R,100,G,200,B,150"));
        assert_eq!(Manner::SIMPLE.header(&raw(r#""a b/c""#)).as_deref(), Some("a b/c"));
        assert_eq!(Manner::SIMPLE.header(&raw("null")), None);
        let mut cookies = String::new();
        Manner::FORM.cookie(&mut cookies, "session", &raw(r#""a;b""#));
        Manner::FORM.cookie(&mut cookies, "n", &raw("[1,2]"));
        assert_eq!(cookies, "session=a%3Bb; n=1; n=2");
    }

    #[test]
    fn what_has_a_meaning_in_urls_stays_if_it_may() {
        let manner = Manner { allow_reserved: true, ..Manner::FORM };
        let mut out = String::new();
        manner.query(&mut out, "path", &raw(r#""/a/b?x=1&y#z""#));
        assert_eq!(out, "path=/a/b?x%3D1%26y%23z");
    }
}
