//! Fields of forms and of forms of parts, as a description's `encoding` has them (OpenAPI 3.1, "Encoding Object").

use serde_json::Value;
use serde_json::value::RawValue;

use super::Manner;
use crate::openapi::Style;

/// How a field of a form is written, where it is not the usual way.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FieldManner {
    /// The field.
    pub name: String,
    /// In which style; the usual one if nothing is said.
    pub manner: Option<Manner>,
    /// The media type of its part, in a form of parts.
    pub content_type: Option<String>,
    /// Whether its value is a file.
    pub is_file: bool,
}

impl FieldManner {
    /// The fields that an `encoding` speaks of.
    pub(crate) fn read(encoding: &Value) -> Vec<Self> {
        let fields = encoding.as_object().into_iter().flatten();
        fields.map(|(name, of)| Self::one(name, of)).collect()
    }

    fn one(name: &str, of: &Value) -> Self {
        let style = match of.get("style").and_then(Value::as_str) {
            Some("form") => Some(Style::Form),
            Some("spaceDelimited") => Some(Style::SpaceDelimited),
            Some("pipeDelimited") => Some(Style::PipeDelimited),
            Some("deepObject") => Some(Style::DeepObject),
            _ => None,
        };
        let flag = |name: &str| of.get(name).and_then(Value::as_bool);
        let said = style.is_some() || flag("explode").is_some() || flag("allowReserved").is_some();
        let style = style.unwrap_or(Style::Form);
        let manner = Manner {
            style,
            explode: flag("explode").unwrap_or(style == Style::Form),
            allow_reserved: flag("allowReserved").unwrap_or(false),
        };
        // A list of media types is a choice; the first will do.
        let content_type = of.get("contentType").and_then(Value::as_str);
        let content_type = content_type.and_then(|list| list.split(',').next()).map(str::trim);
        let content_type =
            content_type.filter(|one| !one.is_empty() && !one.contains('*')).map(str::to_owned);
        Self { name: name.to_owned(), manner: said.then_some(manner), content_type, is_file: false }
    }

    /// Adds a field to a form. Lists are written item by item, objects as JSON, unless `encoding` says otherwise.
    pub fn add(manners: &[Self], out: &mut String, name: &str, value: &RawValue) {
        let manner = manners.iter().find(|of| of.name == name).and_then(|of| of.manner);
        let is_object = value.get().starts_with('{');
        let usual = if is_object { Manner { style: Style::Json, ..Manner::FORM } } else { Manner::FORM };
        manner.unwrap_or(usual).query(out, name, value);
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn fields_of_forms_are_written_as_their_encoding_says() {
        let manners = FieldManner::read(&json!({
            "metadata": {"style": "deepObject", "explode": true},
            "tags": {"style": "form", "explode": false},
        }));
        let mut out = String::new();
        for (name, value) in
            [("metadata", r#"{"a":{"b":1}}"#), ("tags", "[1,2]"), ("ids", "[3,4]"), ("rest", r#"{"c":"d"}"#)]
        {
            let value = RawValue::from_string(value.to_owned()).unwrap();
            FieldManner::add(&manners, &mut out, name, &value);
        }
        assert_eq!(out, "metadata[a][b]=1&tags=1,2&ids=3&ids=4&rest=%7B%22c%22%3A%22d%22%7D");
    }
}
