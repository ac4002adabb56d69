//! What is asked of a value: the fields that are wanted of it, as GraphQL selects them.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use super::schema::{Field, Type, Types};
use super::syntax::{Literal, Name, TypeRef};
use super::whole::Whole;

/// What is wanted of a value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Wanted {
    /// All that it has to tell, within reason.
    Everything,
    /// These fields of it. Of a list, these of each item.
    Fields(BTreeMap<String, Wanted>),
}

impl Wanted {
    /// What stands at these paths: `customer.name`.
    pub fn at<'p>(paths: impl IntoIterator<Item = &'p str>) -> Self {
        let mut wanted = Self::Fields(BTreeMap::new());
        for path in paths {
            let mut at = &mut wanted;
            for name in path.split('.') {
                let Self::Fields(fields) = at else { break };
                at = fields.entry(name.to_owned()).or_insert_with(|| Self::Fields(BTreeMap::new()));
            }
            *at = Self::Everything;
        }
        wanted
    }
}

/// What is asked of a value that has fields.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Selection {
    /// Whether the name of its type is asked for.
    pub(super) typename: bool,
    pub(super) fields: Vec<Selected>,
    /// What is asked of it if it is of one of several types.
    pub(super) fragments: Vec<(Name, Selection)>,
}

/// A field that is asked for.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Selected {
    pub(super) name: Name,
    /// What it is called in the answer, if otherwise than in the schema.
    pub(super) alias: Option<Alias>,
    pub(super) arguments: Vec<(Name, Literal)>,
    pub(super) of: TypeRef,
    /// What is asked of it, if it has fields.
    pub(super) below: Option<Selection>,
}

/// Another name for a field.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Alias {
    /// The author's own, by which flows know the field.
    Given(Name),
    /// One that keeps fields of several types apart; the answer gets the field's own name back.
    Apart(Name),
}

impl Selected {
    /// What the field is called in the answer as it arrives.
    pub(super) fn key(&self) -> &Name {
        match &self.alias {
            Some(Alias::Given(alias) | Alias::Apart(alias)) => alias,
            None => &self.name,
        }
    }

    /// What flows call it.
    pub(super) fn shown(&self) -> &Name {
        match &self.alias {
            Some(Alias::Given(alias)) => alias,
            Some(Alias::Apart(_)) | None => &self.name,
        }
    }
}

impl Selection {
    /// Nothing but what kind of thing it is.
    pub(super) fn of_type_only() -> Self {
        Self { typename: true, ..Self::default() }
    }

    pub(super) const fn is_empty(&self) -> bool {
        !self.typename && self.fields.is_empty() && self.fragments.is_empty()
    }

    /// As GraphQL writes it, braces included.
    pub(super) fn print(&self, out: &mut String) {
        out.push('{');
        let mut joint = "";
        if self.typename {
            out.push_str("__typename");
            joint = " ";
        }
        for field in &self.fields {
            out.push_str(joint);
            joint = " ";
            if let Some(Alias::Given(alias) | Alias::Apart(alias)) = &field.alias {
                let _ = write!(out, "{alias}: ");
            }
            out.push_str(&field.name);
            for (n, (name, value)) in field.arguments.iter().enumerate() {
                let _ = write!(out, "{}{name}: {value}", if n == 0 { "(" } else { ", " });
            }
            if !field.arguments.is_empty() {
                out.push(')');
            }
            if let Some(below) = &field.below {
                out.push(' ');
                below.print(out);
            }
        }
        for (on, selection) in &self.fragments {
            let _ = write!(out, "{joint}... on {on} ");
            joint = " ";
            selection.print(out);
        }
        out.push('}');
    }

    /// All that may be in one answer, its fragments' fields included.
    pub(super) fn flat(&self) -> Vec<&Selected> {
        let inside = self.fragments.iter().flat_map(|(_, selection)| selection.flat());
        self.fields.iter().chain(inside).collect()
    }
}

/// Makes selections of what is wanted.
pub(super) struct Selector<'s> {
    pub(super) types: &'s Types,
    /// What is wanted and cannot be had, by path, and why.
    pub(super) missing: Vec<Missing>,
    path: Vec<String>,
}

/// A field that is wanted and cannot be had.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Missing {
    /// Where: `customer.nmae`.
    pub path: String,
    /// Why.
    pub why: String,
    /// What its parent has instead.
    pub known: Vec<String>,
}

impl<'s> Selector<'s> {
    pub(super) fn new(types: &'s Types) -> Self {
        Self { types, missing: Vec::new(), path: Vec::new() }
    }

    /// What is asked of a value of this type. None if it has no fields.
    pub(super) fn select(&mut self, of: &TypeRef, wanted: &Wanted) -> Option<Selection> {
        let of = self.types.get(of.name())?;
        match wanted {
            _ if of.is_leaf() => None,
            Wanted::Everything => Some(Whole::new(self.types).select(of)),
            Wanted::Fields(fields) => Some(self.fields(of, fields)),
        }
    }

    fn fields(&mut self, of: &'s Type, wanted: &BTreeMap<String, Wanted>) -> Selection {
        let mut selection = Selection { typename: of.is_abstract(), ..Selection::default() };
        let mut apart: BTreeMap<&Name, Selection> = BTreeMap::new();
        for (name, wanted) in wanted {
            if name == "__typename" {
                selection.typename = true;
                continue;
            }
            self.path.push(name.clone());
            if let Some(field) = of.field(name) {
                selection.fields.extend(self.field(field, wanted));
            } else {
                let mut found = false;
                for (on, field) in self.of_some(of, name) {
                    found = true;
                    let selected = self.field(field, wanted);
                    apart.entry(on).or_default().fields.extend(selected);
                }
                if !found {
                    self.miss(of);
                }
            }
            self.path.pop();
        }
        let apart = apart.into_iter().filter(|(_, selection)| !selection.is_empty());
        selection.fragments = kept_apart(apart.map(|(on, selection)| (on.clone(), selection)).collect());
        if selection.is_empty() {
            selection.typename = true;
        }
        selection
    }

    /// The fields of this name of the types that may stand behind an abstract one.
    fn of_some(&self, of: &'s Type, name: &str) -> Vec<(&'s Name, &'s Field)> {
        if !of.is_abstract() {
            return Vec::new();
        }
        let possible = self.types.possible(of).iter();
        possible.filter_map(|on| Some((on, self.types.get(on)?.field(name)?))).collect()
    }

    fn field(&mut self, field: &'s Field, wanted: &Wanted) -> Option<Selected> {
        if field.needs_arguments() {
            let needed = field.arguments.iter().filter(|argument| argument.is_required());
            let names: Vec<_> = needed.map(|argument| format!("`{}`", argument.name)).collect();
            let why = format!("it needs {}, which a `select` of the operation can give", names.join(", "));
            self.missing.push(Missing { path: self.path.join("."), why, known: Vec::new() });
            return None;
        }
        let below = self.select(&field.of, wanted);
        Some(Selected {
            name: field.name.clone(),
            alias: None,
            arguments: Vec::new(),
            of: field.of.clone(),
            below,
        })
    }

    fn miss(&mut self, of: &Type) {
        let behind = if of.is_abstract() { self.types.possible(of) } else { &[] };
        let behind = behind.iter().filter_map(|on| self.types.get(on)).flat_map(Type::fields);
        let mut known: Vec<String> =
            of.fields().iter().chain(behind).map(|field| field.name.to_string()).collect();
        known.sort_unstable();
        known.dedup();
        let why = format!("`{}` has no such field", of.name);
        self.missing.push(Missing { path: self.path.join("."), why, known });
    }
}

/// Gives fields another name in the answer where several types have one of the same name and of different shapes, which
/// one answer must not hold (GraphQL, section 5.3.2).
pub(super) fn kept_apart(mut fragments: Vec<(Name, Selection)>) -> Vec<(Name, Selection)> {
    for at in 1..fragments.len() {
        let (before, rest) = fragments.split_at_mut(at);
        let Some((on, selection)) = rest.first_mut() else { break };
        for field in &mut selection.fields {
            let others = before.iter().flat_map(|(_, selection)| &selection.fields);
            let clash =
                others.filter(|other| other.name == field.name).any(|other| !same_shape(other, field));
            if clash {
                field.alias = Some(Alias::Apart(format!("{}__{on}", field.name).into()));
            }
        }
    }
    fragments
}

/// Whether two fields may stand under one name (`SameResponseShape`).
fn same_shape(a: &Selected, b: &Selected) -> bool {
    if !same_wrapping(&a.of, &b.of) {
        return false;
    }
    match (&a.below, &b.below) {
        (None, None) => a.of.name() == b.of.name(),
        (Some(a), Some(b)) => {
            let others = b.flat();
            a.flat()
                .into_iter()
                .all(|a| others.iter().filter(|b| a.key() == b.key()).all(|b| same_shape(a, b)))
        }
        _ => false,
    }
}

fn same_wrapping(a: &TypeRef, b: &TypeRef) -> bool {
    match (a, b) {
        (TypeRef::List(a), TypeRef::List(b)) | (TypeRef::NonNull(a), TypeRef::NonNull(b)) => {
            same_wrapping(a, b)
        }
        (TypeRef::Named(_), TypeRef::Named(_)) => true,
        _ => false,
    }
}
