//! What may stand in an element of a type, with groups, bases and substitutions resolved.

use std::collections::HashMap;
use std::sync::Arc;

use crate::xml::{Name, ns};

use super::{
    AttributeGroupId, Complex, Content, ElementId, Occurs, Order, Particle, TypeId, TypeKind, Types, Variety,
};

/// What a type is to those who write and read values.
#[derive(Clone, Debug)]
pub(crate) enum Form {
    /// Anything.
    Any,
    /// A text of some kind.
    Simple,
    /// Attributes and elements, or attributes and a text.
    Complex(Arc<Shape>),
}

/// An element's content.
#[derive(Debug, Default)]
pub(crate) struct Shape {
    pub(crate) attributes: Vec<Attribute>,
    pub(crate) any_attribute: bool,
    /// The type of the text, if there are no elements but a text.
    pub(crate) text: Option<TypeId>,
    pub(crate) fields: Vec<Field>,
    /// The first field of each local name.
    by_local: HashMap<Arc<str>, usize>,
    /// How fields follow one another.
    pub(crate) items: Vec<Item>,
    /// There may be text between the elements.
    pub(crate) mixed: bool,
    /// There may be elements that no field stands for.
    pub(crate) any: bool,
    /// Elements may stand in another order than that of the fields, and it may matter.
    pub(crate) free_order: bool,
    /// The item type of a SOAP-encoded array.
    pub(crate) array_of: Option<TypeId>,
}

/// A child element, by its name in JSON.
#[derive(Clone, Debug)]
pub(crate) struct Field {
    pub(crate) key: String,
    pub(crate) name: Name,
    pub(crate) of: TypeId,
    pub(crate) element: ElementId,
    pub(crate) nillable: bool,
    pub(crate) repeated: bool,
    pub(crate) required: bool,
    /// How often it must and may occur, if it stands at one place only.
    pub(crate) occurs: Option<Occurs>,
}

#[derive(Clone, Debug)]
pub(crate) struct Attribute {
    /// Its name in JSON, with `@`.
    pub(crate) key: String,
    pub(crate) name: Name,
    pub(crate) of: TypeId,
    pub(crate) required: bool,
    pub(crate) fixed: Option<String>,
}

/// A part of a content.
#[derive(Clone, Debug)]
pub(crate) enum Item {
    Field { at: usize, occurs: Occurs },
    Group { order: Order, items: Vec<Item>, occurs: Occurs },
    Any,
}

/// Parts of one content at most; of a larger one only so much is known, and anything may follow.
const PARTS_MAX: usize = 20_000;
/// Groups, and bases of bases, inside one another at most.
const DEPTH_MAX: usize = 64;

impl Types {
    /// What a type is to those who write and read values.
    pub(crate) fn form(&self, id: TypeId) -> Form {
        let id = self.real(id);
        let Some(slot) = self.forms.get(id.at()) else { return Form::Any };
        slot.get_or_init(|| self.make_form(id)).clone()
    }

    fn make_form(&self, id: TypeId) -> Form {
        match &self.of(id).kind {
            TypeKind::Undefined | TypeKind::Same(_) | TypeKind::Any => Form::Any,
            TypeKind::Builtin(_) | TypeKind::Simple(_) => Form::Simple,
            TypeKind::Complex(_) => Form::Complex(Arc::new(self.make_shape(id))),
        }
    }

    /// Whether a type is a list of several values in one text.
    pub(crate) fn list_item(&self, id: TypeId) -> Option<TypeId> {
        match &self.of(id).kind {
            TypeKind::Simple(simple) => match simple.variety {
                Variety::List(item) => Some(item),
                Variety::Restriction(base) => self.list_item(base),
                Variety::Union(_) => None,
            },
            _ => None,
        }
    }

    fn make_shape(&self, id: TypeId) -> Shape {
        let mut maker = Maker { types: self, shape: Shape::default(), by_name: HashMap::new(), parts: 0 };
        let items = maker.content(id, 0);
        maker.shape.items = items;
        let mut shape = maker.shape;
        let all = Item::Group {
            order: Order::Sequence,
            items: std::mem::take(&mut shape.items),
            occurs: Occurs::ONCE,
        };
        let mut told = Told { places: vec![Place::Nowhere; shape.fields.len()], ..Told::default() };
        let most = told.count(&all, true, false);
        shape.free_order = told.free;
        for (at, field) in shape.fields.iter_mut().enumerate() {
            field.repeated = most.get(&at).is_some_and(|most| *most > 1);
            field.required = told.required.contains(&at);
            field.occurs = match told.places[at] {
                Place::Once(occurs) => Some(occurs),
                Place::Nowhere | Place::Several => None,
            };
        }
        if let Item::Group { items, .. } = all {
            shape.items = items;
        }
        shape
    }
}

/// Where a field stands in a content.
#[derive(Clone, Copy)]
enum Place {
    Nowhere,
    Once(Occurs),
    /// At several places, or in a group that repeats.
    Several,
}

/// Finds out how often each field may occur, and must.
#[derive(Default)]
struct Told {
    required: std::collections::HashSet<usize>,
    places: Vec<Place>,
    free: bool,
}

impl Told {
    /// The most that each field may occur (2 stands for more).
    fn count(&mut self, item: &Item, required: bool, inside_repeated: bool) -> HashMap<usize, u32> {
        let mut most = HashMap::new();
        match item {
            Item::Any => {}
            Item::Field { at, occurs } => {
                most.insert(*at, occurs.max.min(2));
                if required && occurs.min > 0 {
                    self.required.insert(*at);
                }
                if let Some(place) = self.places.get_mut(*at) {
                    *place = match place {
                        Place::Nowhere if !inside_repeated => Place::Once(*occurs),
                        _ => Place::Several,
                    };
                }
            }
            Item::Group { order, items, occurs } => {
                let is_choice = *order == Order::Choice && items.len() > 1;
                let required = required && occurs.min > 0 && !is_choice;
                for item in items {
                    let inner = self.count(item, required, inside_repeated || occurs.max > 1);
                    for (at, count) in inner {
                        let known = most.entry(at).or_insert(0_u32);
                        if is_choice {
                            *known = (*known).max(count);
                        } else {
                            self.free |= *known > 0 && items.len() > 1;
                            *known = (*known + count).min(2);
                        }
                    }
                }
                if occurs.max > 1 {
                    self.free |= most.len() > 1 && *order != Order::All;
                    most.values_mut().filter(|count| **count > 0).for_each(|count| *count = 2);
                }
                if occurs.max == 0 {
                    most.clear();
                }
            }
        }
        most
    }
}

struct Maker<'t> {
    types: &'t Types,
    shape: Shape,
    by_name: HashMap<Name, usize>,
    parts: usize,
}

impl Maker<'_> {
    /// The content of a type: that of its base first, if it extends one.
    fn content(&mut self, id: TypeId, depth: usize) -> Vec<Item> {
        let types = self.types;
        let complex = match &types.of(id).kind {
            TypeKind::Complex(complex) if depth <= DEPTH_MAX => complex,
            TypeKind::Builtin(_) | TypeKind::Simple(_) => {
                self.shape.text = Some(id);
                return Vec::new();
            }
            TypeKind::Complex(_) => {
                self.shape.any = true;
                return Vec::new();
            }
            // What has elements and extends `xs:anyType` says nothing of that by it.
            _ => return Vec::new(),
        };
        let mut items = Vec::new();
        if let Some(base) = &complex.base {
            let inherited = self.content(base.of, depth + 1);
            if base.extends {
                items = inherited;
            } else {
                // A restriction repeats what remains of its base.
                self.restrict(complex);
            }
        }
        self.shape.mixed |= complex.mixed;
        self.shape.any_attribute |= complex.any_attribute;
        if complex.array_of.is_some() {
            self.shape.array_of = complex.array_of;
        }
        for attribute in &complex.attributes {
            self.attribute(attribute);
        }
        for group in &complex.attribute_groups {
            self.attribute_group(*group, 0);
        }
        match &complex.content {
            Content::Empty => {}
            Content::Text => {
                if self.shape.text.is_none() {
                    self.shape.text = types.named(&Name::new(ns::XSD, "string"));
                }
            }
            Content::Particle(particle) => items.extend(self.item(particle, 0)),
        }
        if let (Some(_), [Item::Group { items: inner, .. }]) = (self.shape.array_of, items.as_slice()) {
            self.array_item(inner);
        }
        items
    }

    /// An array's item type may be stated by an element in it.
    fn array_item(&mut self, inner: &[Item]) {
        if let [Item::Field { at, .. }] = inner
            && self.shape.array_of == Some(self.types.any())
        {
            self.shape.array_of = Some(self.shape.fields[*at].of);
        }
    }

    fn restrict(&mut self, complex: &Complex) {
        if matches!(complex.content, Content::Particle(_) | Content::Empty) {
            self.shape.fields.clear();
            self.shape.by_local.clear();
            self.by_name.clear();
            self.shape.any = false;
        }
    }

    fn attribute(&mut self, of: &super::AttributeUse) {
        let declared = if of.refers { self.types.attributes.get(&of.name) } else { None };
        self.shape.attributes.retain(|known| known.name != of.name);
        if of.prohibited {
            return;
        }
        let rival = self.shape.attributes.iter().any(|known| known.name.local == of.name.local);
        let key = match &*of.name.namespace {
            ns::XML => format!("@xml:{}", of.name.local),
            _ if rival => format!("@{}", of.name),
            _ => format!("@{}", of.name.local),
        };
        self.shape.attributes.push(Attribute {
            key,
            name: of.name.clone(),
            of: declared.map_or(of.of, |declared| declared.of),
            required: of.required,
            fixed: of.fixed.clone().or_else(|| declared?.fixed.clone()),
        });
    }

    fn attribute_group(&mut self, id: AttributeGroupId, depth: usize) {
        if depth > DEPTH_MAX || self.parts > PARTS_MAX {
            return;
        }
        self.parts += 1;
        let types = self.types;
        let group = &types.attribute_groups[id.at()];
        self.shape.any_attribute |= group.any;
        for attribute in &group.attributes {
            self.attribute(attribute);
        }
        for inner in &group.groups {
            self.attribute_group(*inner, depth + 1);
        }
    }

    fn item(&mut self, particle: &Particle, depth: usize) -> Option<Item> {
        self.parts += 1;
        if self.parts > PARTS_MAX || depth > DEPTH_MAX {
            self.shape.any = true;
            return None;
        }
        match particle {
            Particle::Any => {
                self.shape.any = true;
                Some(Item::Any)
            }
            Particle::Element { element, occurs } => Some(self.field(*element, *occurs)),
            Particle::Named { group, occurs } => {
                let types = self.types;
                let inner = types.groups[group.at()].as_ref()?;
                let item = self.item(inner, depth + 1)?;
                Some(Item::Group { order: Order::Sequence, items: vec![item], occurs: *occurs })
            }
            Particle::Group { order, items, occurs } => {
                let items = items.iter().filter_map(|item| self.item(item, depth + 1)).collect();
                Some(Item::Group { order: *order, items, occurs: *occurs })
            }
        }
    }

    /// An element, or a choice of those that may stand in for it.
    fn field(&mut self, id: ElementId, occurs: Occurs) -> Item {
        let types = self.types;
        let element = types.element(id);
        if element.name.is(ns::XSD, "schema") {
            self.shape.any = true;
            return Item::Any;
        }
        let others = types.substitutes.get(&id).map(Vec::as_slice).unwrap_or_default();
        if others.is_empty() {
            return Item::Field { at: self.field_at(id), occurs };
        }
        self.parts += others.len();
        let own = (!element.is_abstract).then_some(&id);
        let concrete = |id: &&ElementId| !types.element(**id).is_abstract;
        let all: Vec<ElementId> = own.into_iter().chain(others.iter().filter(concrete)).copied().collect();
        let items =
            all.into_iter().map(|id| Item::Field { at: self.field_at(id), occurs: Occurs::ONCE }).collect();
        Item::Group { order: Order::Choice, items, occurs }
    }

    fn field_at(&mut self, id: ElementId) -> usize {
        let element = self.types.element(id);
        if let Some(at) = self.by_name.get(&element.name) {
            return *at;
        }
        let rival = self.shape.by_local.contains_key(&element.name.local);
        let key = if rival { braced(&element.name) } else { element.name.local.to_string() };
        self.shape.fields.push(Field {
            key,
            name: element.name.clone(),
            of: element.of,
            element: id,
            nillable: element.nillable,
            repeated: false,
            required: false,
            occurs: None,
        });
        let at = self.shape.fields.len() - 1;
        self.by_name.insert(element.name.clone(), at);
        self.shape.by_local.entry(Arc::clone(&element.name.local)).or_insert(at);
        at
    }
}

/// `{namespace}local`, also without a namespace.
pub(crate) fn braced(name: &Name) -> String {
    format!("{{{}}}{}", name.namespace, name.local)
}

impl Shape {
    /// The field that an element of this name stands for: by its whole name, else by its local name alone, since many
    /// services do not keep to their own namespaces.
    pub(crate) fn field(&self, name: &Name) -> Option<&Field> {
        let first = self.fields.get(*self.by_local.get(&name.local)?)?;
        if first.name == *name {
            return Some(first);
        }
        self.fields.iter().find(|field| field.name == *name).or(Some(first))
    }

    /// The field of a name in JSON.
    pub(crate) fn keyed(&self, key: &str) -> Option<&Field> {
        self.keyed_at(key).map(|at| &self.fields[at])
    }

    /// Which field it is.
    pub(crate) fn keyed_at(&self, key: &str) -> Option<usize> {
        match self.by_local.get(key) {
            Some(at) => Some(*at),
            None if key.starts_with('{') => self.fields.iter().position(|field| field.key == key),
            None => None,
        }
    }

    /// The declared attribute of a name.
    pub(crate) fn attribute(&self, name: &Name) -> Option<&Attribute> {
        let exact = self.attributes.iter().find(|attribute| attribute.name == *name);
        exact.or_else(|| self.attributes.iter().find(|attribute| attribute.name.local == name.local))
    }

    /// Whether there is nothing but a text in it.
    pub(crate) fn is_text(&self) -> bool {
        self.text.is_some() && self.fields.is_empty()
    }
}
