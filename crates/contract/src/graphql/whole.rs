//! What is asked of a value when all of it is wanted.
//!
//! A schema is a web: everything that can be reached from an order is most of a shop. So it is the leaves of the value
//! itself, and of what has no identity of its own (an amount, an address, the lines of a payload). Of other things that
//! have an `id`, it is that: with it they can be asked for. Lists that are cut into pages are left out, as are fields
//! that need arguments or should no longer be used.

use super::schema::{Field, Type, Types};
use super::selection::{Selected, Selection, kept_apart};
use super::syntax::Name;

/// Objects inside one another at most.
const DEPTH_MAX: usize = 4;
/// Fields at most, all together.
const FIELDS_MAX: usize = 400;
/// Of an abstract type with more types than these behind it, only what they have in common.
const POSSIBLE_MAX: usize = 16;

pub(super) struct Whole<'s> {
    types: &'s Types,
    /// The types that are round what is looked at.
    trail: Vec<Name>,
    left: usize,
}

impl<'s> Whole<'s> {
    pub(super) const fn new(types: &'s Types) -> Self {
        Self { types, trail: Vec::new(), left: FIELDS_MAX }
    }

    /// All of a value of this type.
    pub(super) fn select(mut self, of: &'s Type) -> Selection {
        let selection = self.of(of, false);
        if selection.is_empty() { Selection::of_type_only() } else { selection }
    }

    /// `of_another`: it stands within something that has an identity.
    fn of(&mut self, of: &'s Type, of_another: bool) -> Selection {
        let mut selection = Selection { typename: of.is_abstract(), ..Selection::default() };
        let identity = of.field("id").filter(|field| self.is_plain_leaf(field));
        if let (true, Some(id)) = (of_another, identity) {
            selection.fields.extend(self.leaf(id));
            return selection;
        }
        if self.trail.len() >= DEPTH_MAX || self.trail.contains(&of.name) {
            return Selection::default();
        }
        let of_another = of_another || identity.is_some();
        self.trail.push(of.name.clone());
        for field in of.fields() {
            if self.is_plain_leaf(field) {
                selection.fields.extend(self.leaf(field));
            }
        }
        for field in of.fields() {
            selection.fields.extend(self.object(of, field, of_another));
        }
        let possible = self.types.possible(of);
        if of.is_abstract() && possible.len() <= POSSIBLE_MAX {
            let fragments = possible.iter().filter_map(|on| self.fragment(of, on, of_another));
            selection.fragments = kept_apart(fragments.collect());
        }
        self.trail.pop();
        selection
    }

    /// What one of the types behind an abstract one has beside the common fields.
    fn fragment(&mut self, common: &Type, on: &Name, of_another: bool) -> Option<(Name, Selection)> {
        let mut selection = self.of(self.types.get(on)?, of_another);
        selection.fields.retain(|selected| common.field(&selected.name).is_none());
        selection.typename = false;
        (!selection.is_empty()).then(|| (on.clone(), selection))
    }

    fn leaf(&mut self, field: &Field) -> Option<Selected> {
        self.left = self.left.checked_sub(1)?;
        Some(selected(field, None))
    }

    fn object(&mut self, within: &Type, field: &'s Field, of_another: bool) -> Option<Selected> {
        let of = self.types.get(field.of.name()).filter(|of| !of.is_leaf())?;
        // The items of a page stand under both of these names.
        let doubled = &*field.name == "edges" && within.field("nodes").is_some();
        if !is_plain(field) || is_paged(field) || doubled {
            return None;
        }
        let below = self.of(of, of_another);
        if below.fields.is_empty() && below.fragments.is_empty() {
            return None;
        }
        self.left = self.left.checked_sub(1)?;
        Some(selected(field, Some(below)))
    }

    fn is_plain_leaf(&self, field: &Field) -> bool {
        is_plain(field) && self.types.get(field.of.name()).is_some_and(Type::is_leaf)
    }
}

fn selected(field: &Field, below: Option<Selection>) -> Selected {
    Selected { name: field.name.clone(), alias: None, arguments: Vec::new(), of: field.of.clone(), below }
}

fn is_plain(field: &Field) -> bool {
    field.deprecated.is_none() && !field.needs_arguments() && !field.name.starts_with("__")
}

/// Whether it is a list that is asked for page by page.
fn is_paged(field: &Field) -> bool {
    ["first", "last", "limit", "offset"].iter().any(|name| field.argument(name).is_some())
}
