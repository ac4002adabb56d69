/// What an expression reads of its input.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reads {
    /// The whole value, or it cannot be told.
    Everything,
    /// These fields only, and of the value itself no more than its shape (whether it is an array, an object or a
    /// scalar). Arrays are transparent: the fields are those of each element.
    Fields(FieldTree),
}

/// Fields by name, each with what is read of it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FieldTree {
    /// Sorted by name.
    fields: Vec<(Box<str>, Reads)>,
}

impl FieldTree {
    /// What is read of the field `name`; `None` if it is not read.
    pub fn get(&self, name: &str) -> Option<&Reads> {
        // Comparing lengths first, a walk over the few fields there are beats any search.
        if self.fields.len() <= 12 {
            return self.fields.iter().find(|(known, _)| **known == *name).map(|(_, reads)| reads);
        }
        self.find(name).ok().and_then(|index| self.fields.get(index)).map(|(_, reads)| reads)
    }

    fn find(&self, name: &str) -> Result<usize, usize> {
        self.fields.binary_search_by(|(known, _)| (**known).cmp(name))
    }

    /// The fields that are read, in order of their names.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Reads)> {
        self.fields.iter().map(|(name, reads)| (&**name, reads))
    }

    /// How many fields are read.
    pub fn len(&self) -> usize {
        self.fields.len()
    }

    /// True if no field is read.
    pub fn is_empty(&self) -> bool {
        self.fields.is_empty()
    }

    /// Adds to what is read of the field `name`.
    pub fn insert(&mut self, name: &str, reads: Reads) {
        match self.find(name) {
            Ok(index) => {
                if let Some((_, known)) = self.fields.get_mut(index) {
                    known.absorb(reads);
                }
            }
            Err(index) => self.fields.insert(index, (Box::from(name), reads)),
        }
    }
}

impl Reads {
    /// Nothing is read.
    pub fn nothing() -> Self {
        Self::Fields(FieldTree::default())
    }

    /// All of what is under this path of names, and nothing else: `Reads::path(["trigger", "id"])`.
    pub fn path<'a>(names: impl IntoIterator<Item = &'a str, IntoIter: DoubleEndedIterator>) -> Self {
        names.into_iter().rev().fold(Self::Everything, |reads, name| {
            let mut tree = FieldTree::default();
            tree.insert(name, reads);
            Self::Fields(tree)
        })
    }

    /// True if nothing at all is read.
    pub fn is_nothing(&self) -> bool {
        matches!(self, Self::Fields(tree) if tree.is_empty())
    }

    /// What either of them reads.
    #[must_use]
    pub fn union(mut self, other: Self) -> Self {
        self.absorb(other);
        self
    }

    fn absorb(&mut self, other: Self) {
        match (&mut *self, other) {
            (Self::Everything, _) => {}
            (_, Self::Everything) => *self = Self::Everything,
            (Self::Fields(mine), Self::Fields(theirs)) => {
                for (name, reads) in theirs.fields {
                    mine.insert(&name, reads);
                }
            }
        }
    }

    /// What is read of the value bound to `name`.
    #[must_use]
    pub fn under(&self, name: &str) -> Self {
        match self {
            Self::Everything => Self::Everything,
            Self::Fields(tree) => tree.get(name).cloned().unwrap_or_else(Self::nothing),
        }
    }

    /// The names at the root that are read; `None` if it may be any of them.
    pub fn root_names(&self) -> Option<Vec<&str>> {
        match self {
            Self::Everything => None,
            Self::Fields(tree) => Some(tree.iter().map(|(name, _)| name).collect()),
        }
    }
}
