use std::collections::HashMap;

use super::tree::Tree;

/// The fields of an object while they come, one by one and some of them again. Objects are small; but who sends half a
/// million different elements must not make us look for each among all.
#[derive(Debug, Default)]
pub(super) struct Gathered {
    fields: Vec<(String, Tree)>,
    index: HashMap<String, usize>,
    /// So many fields are in the index.
    indexed: usize,
}

/// Up to so many fields no index is kept.
const FEW: usize = 16;

impl Gathered {
    /// A field that is not there yet.
    pub(super) fn put(&mut self, key: &str, value: Tree) {
        self.fields.push((key.to_owned(), value));
    }

    /// A value under a key; several make a list.
    pub(super) fn push(&mut self, key: String, value: Tree) {
        match self.find(&key) {
            Some(Tree::List(items)) => items.push(value),
            Some(known) => *known = Tree::List(vec![std::mem::replace(known, Tree::Null), value]),
            None => self.fields.push((key, value)),
        }
    }

    /// An occurrence of a field that the schema declares: a list if it may be repeated, also if there is one.
    pub(super) fn add(&mut self, key: &str, repeated: bool, value: Tree) {
        match self.find(key) {
            Some(Tree::List(items)) if repeated => items.push(value),
            // One more than the schema allows.
            Some(known) => *known = Tree::List(vec![std::mem::replace(known, Tree::Null), value]),
            None => self.put(key, if repeated { Tree::List(vec![value]) } else { value }),
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.fields.is_empty()
    }

    pub(super) fn map(self) -> Tree {
        Tree::Map(self.fields)
    }

    fn find(&mut self, key: &str) -> Option<&mut Tree> {
        if self.fields.len() <= FEW {
            return self.fields.iter_mut().find(|(known, _)| known == key).map(|(_, value)| value);
        }
        for (at, (known, _)) in self.fields.iter().enumerate().skip(self.indexed) {
            self.index.entry(known.clone()).or_insert(at);
        }
        self.indexed = self.fields.len();
        let at = *self.index.get(key)?;
        self.fields.get_mut(at).map(|(_, value)| value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_come_together_however_many_there_are() {
        let text = |n: usize| Tree::Text(n.to_string());
        let mut gathered = Gathered::default();
        for n in 0..40 {
            gathered.push(format!("k{}", n % 20), text(n));
            gathered.add("list", true, text(n));
        }
        let Tree::Map(fields) = gathered.map() else { panic!("no map") };
        assert_eq!(fields.len(), 21);
        assert_eq!(fields[0], ("k0".to_owned(), Tree::List(vec![text(0), text(20)])));
        assert!(matches!(&fields[1].1, Tree::List(items) if items.len() == 40));
    }
}
