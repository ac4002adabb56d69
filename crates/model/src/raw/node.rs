use std::sync::Arc;

use sinew_diag::Place;
use sinew_stdx::Json;

use super::Literal;
use super::position::{self, Substitution};

/// A value of a document and where it stands.
#[derive(Clone, Debug)]
pub(crate) struct Node {
    pub(crate) place: Place,
    pub(crate) value: Value,
}

/// What a document is made of.
#[derive(Clone, Debug)]
pub(crate) enum Value {
    Scalar(Scalar),
    List(Vec<Node>),
    Map(Vec<Entry>),
}

/// A field of a map.
#[derive(Clone, Debug)]
pub(crate) struct Entry {
    pub(crate) name: String,
    pub(crate) name_place: Place,
    pub(crate) value: Node,
}

/// A text, or what a plain text means.
#[derive(Clone, Debug)]
pub(crate) struct Scalar {
    /// The text after escapes and variables.
    pub(crate) text: String,
    /// Written without quotes, so that `5`, `true` and nothing mean what they say.
    pub(crate) plain: bool,
    /// Where its first character stands.
    pub(crate) place: Place,
    /// The text of the document and the bytes of it that this scalar was written with.
    pub(crate) document: Arc<str>,
    pub(crate) bytes: std::ops::Range<usize>,
    /// What variables put into the text, in order.
    pub(crate) substitutions: Vec<Substitution>,
    /// A variable in it is not set, which has been said; nothing more can be said of its text.
    pub(crate) unset: bool,
}

impl Scalar {
    /// What the scalar means where any value may stand.
    pub(crate) fn literal(&self) -> Literal {
        if self.plain { Literal::of(&self.text) } else { Literal::Text }
    }

    /// Where the character at `offset` of the text stands in the file.
    pub(crate) fn place_at(&self, offset: usize, length: usize) -> Place {
        position::locate(self, offset, length)
    }
}

impl Node {
    /// What it is, for people.
    pub(crate) fn describe(&self) -> &'static str {
        match &self.value {
            Value::List(_) => "a list",
            Value::Map(_) => "a map",
            Value::Scalar(scalar) => match scalar.literal() {
                Literal::Null => "nothing",
                Literal::Boolean(_) => "true or false",
                Literal::Number(_) | Literal::Odd(_) => "a number",
                Literal::Text => "a text",
            },
        }
    }

    /// The scalar, if it is one.
    pub(crate) fn scalar(&self) -> Option<&Scalar> {
        match &self.value {
            Value::Scalar(scalar) => Some(scalar),
            _ => None,
        }
    }

    /// The text, if it is a scalar that says something.
    pub(crate) fn text(&self) -> Option<&str> {
        self.scalar().filter(|s| !s.unset && s.literal() != Literal::Null).map(|s| s.text.as_str())
    }

    /// The items; none if it is no list.
    pub(crate) fn items(&self) -> &[Node] {
        match &self.value {
            Value::List(items) => items,
            _ => &[],
        }
    }

    /// The fields; none if it is no map.
    pub(crate) fn entries(&self) -> &[Entry] {
        match &self.value {
            Value::Map(entries) => entries,
            _ => &[],
        }
    }

    /// The field of this name.
    pub(crate) fn get(&self, name: &str) -> Option<&Node> {
        self.entries().iter().find(|entry| entry.name == name).map(|entry| &entry.value)
    }

    /// As JSON text: plain scalars as what they mean, numbers digit for digit.
    pub(crate) fn to_json(&self) -> Json {
        match &self.value {
            Value::List(items) => Json::array(&items.iter().map(Self::to_json).collect::<Vec<_>>()),
            Value::Map(entries) => {
                let values: Vec<_> = entries.iter().map(|e| (e.name.as_str(), e.value.to_json())).collect();
                Json::object(values.iter().map(|(name, value)| (*name, value)))
            }
            Value::Scalar(scalar) => match scalar.literal() {
                Literal::Null => Json::null(),
                Literal::Boolean(value) => Json::of(&value),
                Literal::Number(digits) => Json::from_printed(digits),
                Literal::Odd(_) | Literal::Text => Json::string(&scalar.text),
            },
        }
    }
}
