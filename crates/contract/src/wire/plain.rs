use std::borrow::Cow;

use serde_json::value::RawValue;

use super::fields::{Fields, Name};

/// What a value looks like outside JSON.
pub enum Plain<'a> {
    /// Null: as if it were not there.
    Absent,
    /// A text, number or boolean.
    One(Cow<'a, str>),
    /// Several of them.
    Many(Vec<Cow<'a, str>>),
    /// An object, or a list that holds one.
    Structure,
}

impl<'a> Plain<'a> {
    /// Looks at a value.
    pub fn of(value: &'a RawValue) -> Self {
        let text = value.get();
        match text.as_bytes().first() {
            Some(b'n') => Self::Absent,
            Some(b'{') | None => Self::Structure,
            Some(b'[') => items(value).map_or(Self::Structure, |items| Self::many(&items)),
            _ => scalar(value).map_or(Self::Structure, Self::One),
        }
    }

    fn many(items: &[&'a RawValue]) -> Self {
        let texts: Option<Vec<_>> = items.iter().map(|item| scalar(item)).collect();
        texts.map_or(Self::Structure, Self::Many)
    }
}

/// A value as the styles of parameters tell it apart.
pub(super) enum Parts<'a> {
    /// Null.
    Absent,
    /// A text, number or boolean.
    One(Cow<'a, str>),
    /// The items of a list.
    Items(Vec<&'a RawValue>),
    /// The fields of an object.
    Fields(Fields<'a>),
}

impl<'a> Parts<'a> {
    pub(super) fn of(value: &'a RawValue) -> Self {
        match value.get().as_bytes().first() {
            None | Some(b'n') => Self::Absent,
            Some(b'{') => Self::Fields(Fields::of_raw(value).unwrap_or_default()),
            Some(b'[') => Self::Items(items(value).unwrap_or_default()),
            Some(_) => Self::One(inner(value)),
        }
    }
}

/// The items of a list.
pub(super) fn items(value: &RawValue) -> Option<Vec<&RawValue>> {
    serde_json::from_str(value.get()).ok()
}

/// A value within a list or object: a text, number or boolean as it stands, nothing for null, and as JSON what has parts of
/// its own, for which no style says more.
pub(super) fn inner(value: &RawValue) -> Cow<'_, str> {
    match value.get() {
        "null" => Cow::Borrowed(""),
        text => scalar(value).unwrap_or(Cow::Borrowed(text)),
    }
}

/// A text without its quotes, a number or boolean as it stands.
fn scalar(value: &RawValue) -> Option<Cow<'_, str>> {
    let text = value.get();
    match text.as_bytes().first()? {
        b'"' => serde_json::from_str::<Name<'_>>(text).ok().map(|Name(text)| text),
        b'[' | b'{' | b'n' => None,
        _ => Some(Cow::Borrowed(text)),
    }
}
