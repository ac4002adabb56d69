use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::ops::Bound;
use std::sync::Arc;

use bytes::Bytes;

/// Objects of one kind, in order of creation, as the JSON text that is answered; found by id or by indexed fields.
///
/// Bounded: beyond `max` the oldest go.
#[derive(Debug)]
pub(crate) struct Records {
    prefix: &'static str,
    /// Names of the indexed fields; the position is the index.
    indexed: &'static [&'static str],
    next_number: u64,
    next_seq: u64,
    by_seq: BTreeMap<u64, Stored>,
    seq_of: HashMap<Arc<str>, u64>,
    index: BTreeSet<(u8, Arc<str>, u64)>,
}

#[derive(Debug)]
struct Stored {
    id: Arc<str>,
    body: Bytes,
    indexed: Box<[(u8, Arc<str>)]>,
}

impl Records {
    /// An empty collection whose new ids are `prefix` and a number from `first` on.
    pub(crate) fn new(prefix: &'static str, first: u64, indexed: &'static [&'static str]) -> Self {
        Self {
            prefix,
            indexed,
            next_number: first,
            next_seq: 1,
            by_seq: BTreeMap::new(),
            seq_of: HashMap::new(),
            index: BTreeSet::new(),
        }
    }

    /// A new id and its number.
    pub(crate) fn new_id(&mut self) -> (String, u64) {
        let number = self.next_number;
        self.next_number += 1;
        (format!("{}{number}", self.prefix), number)
    }

    pub(crate) fn get(&self, id: &str) -> Option<Bytes> {
        self.by_seq.get(self.seq_of.get(id)?).map(|stored| stored.body.clone())
    }

    /// Stores or replaces an object. `value_of` tells the values of the indexed fields.
    pub(crate) fn put(&mut self, id: &str, body: Bytes, max: u32, value_of: impl Fn(&str) -> Option<String>) {
        let (id, seq) = if let Some((id, &seq)) = self.seq_of.get_key_value(id) {
            (Arc::clone(id), seq)
        } else {
            let (id, seq): (Arc<str>, u64) = (id.into(), self.next_seq);
            self.seq_of.insert(Arc::clone(&id), seq);
            self.next_seq += 1;
            (id, seq)
        };
        self.unindex(seq);
        let indexed: Box<[(u8, Arc<str>)]> = (0_u8..)
            .zip(self.indexed)
            .filter_map(|(field, name)| value_of(name).map(|value| (field, value.into())))
            .collect();
        for (field, value) in &indexed {
            self.index.insert((*field, Arc::clone(value), seq));
        }
        self.by_seq.insert(seq, Stored { id, body, indexed });
        while self.by_seq.len() > max as usize {
            let Some(&oldest) = self.by_seq.keys().next() else { break };
            self.drop_seq(oldest);
        }
    }

    pub(crate) fn remove(&mut self, id: &str) -> Option<Bytes> {
        let seq = *self.seq_of.get(id)?;
        self.drop_seq(seq)
    }

    /// Objects whose indexed field has this value, oldest first, at most `limit`.
    pub(crate) fn find(&self, name: &str, value: &str, limit: usize) -> Vec<Bytes> {
        let Some(field) = (0_u8..).zip(self.indexed).find_map(|(n, known)| (*known == name).then_some(n))
        else {
            return Vec::new();
        };
        let value: Arc<str> = value.into();
        self.index
            .range((field, Arc::clone(&value), 0)..=(field, value, u64::MAX))
            .filter_map(|(_, _, seq)| self.by_seq.get(seq))
            .map(|stored| stored.body.clone())
            .take(limit)
            .collect()
    }

    /// Objects after a position, oldest first, and the position to go on from if there are more.
    pub(crate) fn page(&self, after: u64, limit: usize) -> (Vec<Bytes>, Option<u64>) {
        let mut rest = self.by_seq.range((Bound::Excluded(after), Bound::Unbounded));
        let mut last = after;
        let page = rest
            .by_ref()
            .take(limit)
            .map(|(seq, stored)| {
                last = *seq;
                stored.body.clone()
            })
            .collect();
        (page, rest.next().map(|_| last))
    }

    fn unindex(&mut self, seq: u64) {
        if let Some(stored) = self.by_seq.get_mut(&seq) {
            for (field, value) in std::mem::take(&mut stored.indexed) {
                self.index.remove(&(field, value, seq));
            }
        }
    }

    fn drop_seq(&mut self, seq: u64) -> Option<Bytes> {
        self.unindex(seq);
        let stored = self.by_seq.remove(&seq)?;
        self.seq_of.remove(&stored.id);
        Some(stored.body)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn put(records: &mut Records, reference: &str, max: u32) -> String {
        let (id, _) = records.new_id();
        records.put(&id, Bytes::from(id.clone()), max, |_| Some(reference.to_owned()));
        id
    }

    #[test]
    fn the_oldest_go_when_it_is_full() {
        let mut records = Records::new("in_", 1, &["external_ref"]);
        for _ in 0..5 {
            put(&mut records, "a", 3);
        }
        assert_eq!(records.get("in_2"), None);
        assert_eq!(records.find("external_ref", "a", 9), ["in_3", "in_4", "in_5"]);
        assert_eq!(records.index.len(), 3);
    }

    #[test]
    fn pages_end_where_the_objects_end() {
        let mut records = Records::new("", 1, &["external_ref"]);
        for _ in 0..4 {
            put(&mut records, "a", 9);
        }
        let (first, next) = records.page(0, 2);
        assert_eq!((first, next), (vec![Bytes::from("1"), Bytes::from("2")], Some(2)));
        let (second, next) = records.page(2, 2);
        assert_eq!((second.len(), next), (2, None));
    }

    #[test]
    fn a_changed_object_is_found_by_its_new_value_only() {
        let mut records = Records::new("", 1, &["email"]);
        let id = put(&mut records, "old", 9);
        records.put(&id, Bytes::from("x"), 9, |_| Some("new".to_owned()));
        assert!(records.find("email", "old", 9).is_empty());
        assert_eq!(records.find("email", "new", 9), ["x"]);
        assert_eq!(records.remove(&id).as_deref(), Some(&b"x"[..]));
        assert!(records.find("email", "new", 9).is_empty());
    }
}
