//! XML Schema 1.0 (and of 1.1 what it shares with it) as types: read from any number of files, referring to one another
//! in any order and in circles.

mod builtin;
mod content;
mod json;
mod pattern;
mod read;
mod settle;

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;
use std::sync::OnceLock;

use crate::xml::{Name, ns};

pub(crate) use builtin::{Builtin, Kind};
pub(crate) use content::{Field, Form, Item, Shape, braced};
pub(crate) use json::{Direction, Schemas, nullable};
pub(crate) use read::{Include, read_schema};

/// The namespaces by which schemas are written; the older two are still met.
pub(crate) fn is_xsd(namespace: &str) -> bool {
    matches!(namespace, ns::XSD | "http://www.w3.org/1999/XMLSchema" | "http://www.w3.org/2000/10/XMLSchema")
}

macro_rules! id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub(crate) struct $name(u32);

        impl $name {
            fn at(self) -> usize {
                self.0 as usize
            }
        }
    };
}
id!(
    /// A type, whether it is defined yet or not.
    TypeId
);
id!(
    /// A declaration of an element.
    ElementId
);
id!(
    /// A named group of elements.
    GroupId
);
id!(
    /// A named group of attributes.
    AttributeGroupId
);

/// Where in which file something stands.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub(crate) struct Place {
    pub(crate) file: String,
    pub(crate) line: u32,
}

/// How often something may occur.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Occurs {
    pub(crate) min: u32,
    /// `u32::MAX`: any number of times.
    pub(crate) max: u32,
}

impl Occurs {
    pub(crate) const ONCE: Self = Self { min: 1, max: 1 };
}

#[derive(Clone, Debug)]
pub(crate) struct TypeDef {
    pub(crate) name: Option<Name>,
    pub(crate) kind: TypeKind,
    pub(crate) doc: String,
    pub(crate) is_abstract: bool,
    /// Where it is defined, or first referred to.
    pub(crate) place: Place,
}

#[derive(Clone, Debug)]
pub(crate) enum TypeKind {
    /// Referred to, and not defined so far.
    Undefined,
    /// What another type is.
    Same(TypeId),
    /// `xs:anyType`, and what is not known.
    Any,
    Builtin(&'static Builtin),
    Simple(Simple),
    Complex(Complex),
}

#[derive(Clone, Debug)]
pub(crate) struct Simple {
    pub(crate) variety: Variety,
    pub(crate) facets: Facets,
}

#[derive(Clone, Debug)]
pub(crate) enum Variety {
    Restriction(TypeId),
    List(TypeId),
    Union(Vec<TypeId>),
}

/// What narrows a simple type, as it is written.
#[derive(Clone, Debug, Default)]
pub(crate) struct Facets {
    pub(crate) enumeration: Vec<String>,
    /// Any of these must match.
    pub(crate) patterns: Vec<String>,
    /// `minLength` and the like.
    pub(crate) bounds: Vec<(&'static str, String)>,
}

#[derive(Clone, Debug, Default)]
pub(crate) struct Complex {
    pub(crate) base: Option<Base>,
    pub(crate) content: Content,
    pub(crate) mixed: bool,
    pub(crate) attributes: Vec<AttributeUse>,
    pub(crate) attribute_groups: Vec<AttributeGroupId>,
    pub(crate) any_attribute: bool,
    /// The item type of a SOAP-encoded array.
    pub(crate) array_of: Option<TypeId>,
}

#[derive(Clone, Debug)]
pub(crate) struct Base {
    pub(crate) of: TypeId,
    pub(crate) extends: bool,
}

#[derive(Clone, Debug, Default)]
pub(crate) enum Content {
    #[default]
    Empty,
    /// Text only.
    Text,
    Particle(Particle),
}

#[derive(Clone, Debug)]
pub(crate) enum Particle {
    Group { order: Order, items: Vec<Particle>, occurs: Occurs },
    Element { element: ElementId, occurs: Occurs },
    Named { group: GroupId, occurs: Occurs },
    Any,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Order {
    Sequence,
    Choice,
    All,
}

#[derive(Clone, Debug)]
pub(crate) struct AttributeUse {
    pub(crate) name: Name,
    pub(crate) of: TypeId,
    pub(crate) required: bool,
    pub(crate) prohibited: bool,
    /// It stands for a global declaration, whose type is that.
    pub(crate) refers: bool,
    pub(crate) fixed: Option<String>,
}

#[derive(Clone, Debug)]
pub(crate) struct ElementDef {
    pub(crate) name: Name,
    pub(crate) of: TypeId,
    pub(crate) nillable: bool,
    pub(crate) is_abstract: bool,
    pub(crate) default: Option<String>,
    pub(crate) fixed: Option<String>,
    pub(crate) doc: String,
    pub(crate) substitutes: Option<ElementId>,
    pub(crate) defined: bool,
    pub(crate) place: Place,
}

/// A group of attributes.
#[derive(Clone, Debug, Default)]
pub(crate) struct AttributeGroup {
    pub(crate) attributes: Vec<AttributeUse>,
    pub(crate) groups: Vec<AttributeGroupId>,
    pub(crate) any: bool,
}

/// All that schemas define.
#[derive(Debug, Default)]
pub(crate) struct Types {
    all: Vec<TypeDef>,
    type_names: HashMap<Name, TypeId>,
    elements: Vec<ElementDef>,
    element_names: HashMap<Name, ElementId>,
    groups: Vec<Option<Particle>>,
    group_names: HashMap<Name, GroupId>,
    attribute_groups: Vec<AttributeGroup>,
    attribute_group_names: HashMap<Name, AttributeGroupId>,
    attributes: HashMap<Name, AttributeUse>,
    /// Elements that may stand in for another.
    substitutes: HashMap<ElementId, Vec<ElementId>>,
    /// Named types that are derived from another, directly.
    derived: HashMap<TypeId, Vec<TypeId>>,
    /// Named types by their local names.
    by_local: HashMap<Arc<str>, Vec<TypeId>>,
    any: Option<TypeId>,
    forms: Vec<OnceLock<Form>>,
}

/// What refers to what refers to ... at most.
const HOPS_MAX: usize = 64;

impl Types {
    pub(crate) fn new() -> Self {
        let mut types = Self::default();
        let any = types.push(TypeKind::Any, Some(Name::new(ns::XSD, "anyType")), &Place::default());
        types.any = Some(any);
        types.type_names.insert(Name::new(ns::XSD, "anyType"), any);
        for builtin in builtin::BUILTINS {
            let name = Name::new(ns::XSD, builtin.name);
            let id = types.push(TypeKind::Builtin(builtin), Some(name.clone()), &Place::default());
            types.type_names.insert(name, id);
        }
        for encoding in [ns::ENC, ns::ENC12] {
            let name = Name::new(encoding, "Array");
            let array = Complex { array_of: Some(any), ..Complex::default() };
            let id = types.push(TypeKind::Complex(array), Some(name.clone()), &Place::default());
            types.type_names.insert(name, id);
        }
        types
    }

    /// `xs:anyType`.
    pub(crate) fn any(&self) -> TypeId {
        self.any.unwrap_or(TypeId(0))
    }

    fn push(&mut self, kind: TypeKind, name: Option<Name>, place: &Place) -> TypeId {
        let id = TypeId(self.all.len() as u32);
        let place = place.clone();
        self.all.push(TypeDef { name, kind, doc: String::new(), is_abstract: false, place });
        id
    }

    /// The type of an element as far as it is read.
    pub(crate) fn type_of_element(&self, id: ElementId) -> TypeId {
        self.elements[id.at()].of
    }

    /// The type of a name, defined or not.
    pub(crate) fn type_id(&mut self, name: &Name, place: &Place) -> TypeId {
        let name = known(name);
        if let Some(id) = self.type_names.get(&name) {
            return *id;
        }
        let id = self.push(TypeKind::Undefined, Some(name.clone()), place);
        self.type_names.insert(name, id);
        id
    }

    /// The global element of a name, declared or not.
    pub(crate) fn element_id(&mut self, name: &Name, place: &Place) -> ElementId {
        if let Some(id) = self.element_names.get(name) {
            return *id;
        }
        let of = self.any();
        let id = self.push_element(ElementDef {
            name: name.clone(),
            of,
            nillable: false,
            is_abstract: false,
            default: None,
            fixed: None,
            doc: String::new(),
            substitutes: None,
            defined: false,
            place: place.clone(),
        });
        self.element_names.insert(name.clone(), id);
        id
    }

    fn push_element(&mut self, element: ElementDef) -> ElementId {
        self.elements.push(element);
        ElementId(self.elements.len() as u32 - 1)
    }

    fn group_id(&mut self, name: &Name) -> GroupId {
        let next = GroupId(self.groups.len() as u32);
        let id = *self.group_names.entry(name.clone()).or_insert(next);
        if id == next {
            self.groups.push(None);
        }
        id
    }

    fn attribute_group_id(&mut self, name: &Name) -> AttributeGroupId {
        let next = AttributeGroupId(self.attribute_groups.len() as u32);
        let id = *self.attribute_group_names.entry(name.clone()).or_insert(next);
        if id == next {
            self.attribute_groups.push(AttributeGroup::default());
        }
        id
    }

    /// A type; what is the same as another is that other.
    pub(crate) fn of(&self, id: TypeId) -> &TypeDef {
        &self.all[self.real(id).at()]
    }

    /// The type that a type is.
    pub(crate) fn real(&self, mut id: TypeId) -> TypeId {
        for _ in 0..HOPS_MAX {
            match self.all[id.at()].kind {
                TypeKind::Same(other) => id = other,
                _ => return id,
            }
        }
        self.any()
    }

    pub(crate) fn element(&self, id: ElementId) -> &ElementDef {
        &self.elements[id.at()]
    }

    /// A global element by its name, or by the only one of that local name.
    pub(crate) fn global(&self, name: &Name) -> Option<&ElementDef> {
        self.element_names.get(name).map(|id| self.element(*id))
    }

    /// A type by its name.
    pub(crate) fn named(&self, name: &Name) -> Option<TypeId> {
        self.type_names.get(&known(name)).copied()
    }

    /// The simple type that this one narrows, down to one of the standard's; none for lists, unions and what has elements.
    pub(crate) fn builtin(&self, mut id: TypeId) -> Option<&'static Builtin> {
        for _ in 0..HOPS_MAX {
            match &self.of(id).kind {
                TypeKind::Builtin(builtin) => return Some(builtin),
                TypeKind::Simple(Simple { variety: Variety::Restriction(base), .. }) => id = *base,
                _ => return None,
            }
        }
        None
    }

    /// Whether a type is derived from another, or is it.
    pub(crate) fn derives(&self, mut id: TypeId, from: TypeId) -> bool {
        let from = self.real(from);
        if from == self.any() {
            return true;
        }
        for _ in 0..HOPS_MAX {
            id = self.real(id);
            if id == from {
                return true;
            }
            id = match &self.of(id).kind {
                TypeKind::Simple(Simple { variety: Variety::Restriction(base), .. }) => *base,
                TypeKind::Complex(Complex { base: Some(base), .. }) => base.of,
                _ => return false,
            };
        }
        false
    }

    /// The named types that are derived from a type, however far, in the order of the documents.
    pub(crate) fn derivations(&self, id: TypeId) -> Vec<TypeId> {
        let id = self.real(id);
        let mut found = BTreeSet::new();
        let mut wanted = vec![id];
        while let Some(next) = wanted.pop() {
            for derived in self.derived.get(&next).into_iter().flatten() {
                if *derived != id && found.insert(*derived) {
                    wanted.push(*derived);
                }
            }
        }
        found.into_iter().collect()
    }

    /// What a type is called in JSON: by its local name if no other that could stand at its place has it.
    pub(crate) fn label(&self, id: TypeId, declared: TypeId) -> String {
        let Some(name) = &self.of(id).name else { return String::new() };
        let same = |other: &TypeId| self.real(*other) != self.real(id) && self.derives(*other, declared);
        let ambiguous = self.called(&name.local).iter().any(same);
        if ambiguous { name.to_string() } else { name.local.to_string() }
    }

    /// The type that is meant by a label where another is declared.
    pub(crate) fn labelled(&self, label: &str, declared: TypeId) -> Option<TypeId> {
        if label.starts_with('{') {
            return self.named(&parse_name(label));
        }
        let all = self.called(label);
        let derived = all.iter().find(|of| self.derives(**of, declared));
        // Where anything may stand, a type is found by its local name if there is one such type.
        derived
            .or(if all.len() == 1 { all.first() } else { None })
            .copied()
            .or_else(|| self.named(&Name::new(ns::XSD, label)))
    }

    /// The types of a local name.
    fn called(&self, local: &str) -> &[TypeId] {
        self.by_local.get(local).map(Vec::as_slice).unwrap_or_default()
    }
}

/// `{namespace}local`, read.
pub(crate) fn parse_name(text: &str) -> Name {
    match text.strip_prefix('{').and_then(|rest| rest.split_once('}')) {
        Some((namespace, local)) => Name::new(namespace, local),
        None => Name::new("", text),
    }
}

/// The standard's name for what goes by several: older editions' types, and those of SOAP's encoding, which repeat them.
fn known(name: &Name) -> Name {
    let is_encoding = matches!(&*name.namespace, ns::ENC | ns::ENC12);
    if is_encoding && builtin::of(&name.local).is_some()
        || is_xsd(&name.namespace) && &*name.namespace != ns::XSD
    {
        let local = match &*name.local {
            "timeInstant" => "dateTime",
            "binary" | "base64" => "base64Binary",
            "ur-type" => "anyType",
            other => other,
        };
        return Name::new(ns::XSD, local);
    }
    if is_encoding && &*name.local == "base64" {
        return Name::new(ns::XSD, "base64Binary");
    }
    name.clone()
}
