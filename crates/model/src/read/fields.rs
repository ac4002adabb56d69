use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use sinew_diag::Place;
use sinew_stdx::{ByteSize, Rate, parse_duration};

use crate::SecretRef;
use crate::raw::{Entry, Literal, Node};
use crate::shape::{Need, Record, Shape, Words};

/// The fields of a map that follows a record. What was refused by the check reads as absent.
#[derive(Clone, Copy)]
pub(crate) struct Fields<'a> {
    node: &'a Node,
    record: &'static Record,
}

impl<'a> Fields<'a> {
    pub(crate) fn of(node: &'a Node, record: &'static Record) -> Self {
        Self { node, record }
    }

    /// The map itself.
    pub(crate) fn all(self) -> &'a Node {
        self.node
    }

    /// Whether the record has such a field at all.
    pub(crate) fn knows(self, name: &str) -> bool {
        self.record.field(name).is_some()
    }

    /// The field's value.
    pub(crate) fn node(self, name: &str) -> Option<&'a Node> {
        debug_assert!(self.knows(name), "{} has no field `{name}`", self.record.name);
        self.node.get(name)
    }

    /// The field with its name's place.
    pub(crate) fn entry(self, name: &str) -> Option<&'a Entry> {
        debug_assert!(self.knows(name), "{} has no field `{name}`", self.record.name);
        self.node.entries().iter().find(|entry| entry.name == name)
    }

    /// Where to point at for this field, or at the map if it is absent.
    pub(crate) fn place(self, name: &str) -> Place {
        self.entry(name).map_or_else(|| self.node.place.clone(), |entry| entry.name_place.clone())
    }

    /// The fields of a record that stands under this field.
    pub(crate) fn record(self, name: &str) -> Option<Fields<'a>> {
        let field = self.record.field(name);
        debug_assert!(field.is_some(), "{} has no field `{name}`", self.record.name);
        let node = self.node.get(name)?;
        let record = match field?.shape {
            Shape::Record(record) | Shape::ShortOr(_, record) => record,
            Shape::WordOr(_, Shape::Record(record)) => *record,
            _ => return None,
        };
        Some(Fields::of(node, record))
    }

    /// Which of the record's alternatives is given.
    pub(crate) fn alternative(self) -> Option<(&'static str, &'a Node)> {
        self.record.alternatives().find_map(|field| self.node.get(field.name).map(|node| (field.name, node)))
    }

    /// The text, or the default's.
    pub(crate) fn said(self, name: &str) -> Option<&'a str> {
        match self.node(name) {
            Some(node) => node.text(),
            None => match self.record.field(name)?.need {
                Need::Default(value) => Some(value),
                _ => None,
            },
        }
    }

    pub(crate) fn text(self, name: &str) -> Option<Arc<str>> {
        self.said(name).map(Arc::from)
    }

    pub(crate) fn duration(self, name: &str) -> Option<Duration> {
        parse_duration(self.said(name)?).ok()
    }

    pub(crate) fn size(self, name: &str) -> Option<ByteSize> {
        self.said(name)?.parse().ok()
    }

    pub(crate) fn rate(self, name: &str) -> Option<Rate> {
        self.said(name)?.parse().ok()
    }

    pub(crate) fn count(self, name: &str) -> Option<u64> {
        self.said(name)?.parse().ok()
    }

    pub(crate) fn positive(self, name: &str) -> Option<NonZeroU32> {
        self.said(name)?.parse().ok()
    }

    pub(crate) fn boolean(self, name: &str) -> bool {
        self.said(name).is_some_and(|text| Literal::of(text) == Literal::Boolean(true))
    }

    pub(crate) fn secret(self, name: &str) -> Option<SecretRef> {
        SecretRef::new(self.said(name)?)
    }

    /// The secret, or those of a list.
    pub(crate) fn secrets(self, name: &str) -> Vec<SecretRef> {
        match self.items(name) {
            [] => self.secret(name).into_iter().collect(),
            items => items.iter().filter_map(|item| SecretRef::new(item.text()?)).collect(),
        }
    }

    /// The meaning of the field's word.
    pub(crate) fn word<T: Words>(self, name: &str) -> Option<T> {
        if let Some(Shape::Word(words)) = self.record.field(name).map(|field| field.shape) {
            debug_assert!(words.iter().all(|w| meaning::<T>(w.word).is_some()), "`{name}` has other words");
        }
        meaning(self.said(name)?)
    }

    /// The meanings of a list of words.
    pub(crate) fn words<T: Words>(self, name: &str) -> Vec<T> {
        self.items(name).iter().filter_map(Node::text).filter_map(meaning).collect()
    }

    /// The texts of a list, or the one that stands for it.
    pub(crate) fn texts(self, name: &str) -> Vec<Arc<str>> {
        match self.items(name) {
            [] => self.text(name).into_iter().collect(),
            items => items.iter().filter_map(Node::text).map(Arc::from).collect(),
        }
    }

    /// The items of a list.
    pub(crate) fn items(self, name: &str) -> &'a [Node] {
        self.node(name).map_or(&[], Node::items)
    }
}

/// What a word means.
fn meaning<T: Words>(word: &str) -> Option<T> {
    T::ALL.iter().copied().find(|meaning| meaning.word() == word)
}
