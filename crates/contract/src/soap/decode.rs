//! XML as JSON, by the types that a schema declares.

use std::collections::HashMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;

use crate::xml::{Element, Name, Node, ns};
use crate::xsd::{Field, Form, Shape, TypeId, Types, braced};

use super::SoapError;
use super::gathered::Gathered;
use super::generic::attribute_key;
use super::scalar;
use super::tree::Tree;

/// Values that one message stands for at most: elements may be referred to many times.
const VALUES_MAX: usize = 500_000;
/// Values inside one another at most.
const DEPTH_MAX: usize = 110;
/// Bytes of binary content that are put in place of references at most.
const INCLUDED_MAX: usize = 256 << 20;

/// Reads elements as values.
pub(super) struct Decoder<'t, 'e> {
    pub(super) types: &'t Types,
    /// What elements refer to (`href="#id"`).
    targets: HashMap<&'e str, &'e Element>,
    /// What came beside the envelope, by content id.
    attachments: &'e HashMap<String, Vec<u8>>,
    values: usize,
    included: usize,
    depth: usize,
}

impl<'t, 'e> Decoder<'t, 'e> {
    pub(super) fn new(
        types: &'t Types,
        root: &'e Element,
        attachments: &'e HashMap<String, Vec<u8>>,
    ) -> Self {
        let mut targets = HashMap::new();
        gather(root, &mut targets);
        Self { types, targets, attachments, values: 0, included: 0, depth: 0 }
    }

    pub(super) fn enter(&mut self) -> Result<(), SoapError> {
        self.depth += 1;
        self.values += 1;
        if self.values > VALUES_MAX || self.depth > DEPTH_MAX || self.included > INCLUDED_MAX {
            return Err(SoapError::TooLarge(VALUES_MAX));
        }
        Ok(())
    }

    pub(super) fn leave(&mut self) {
        self.depth -= 1;
    }

    /// What stands in an element of a declared type.
    pub(super) fn value(&mut self, element: &'e Element, declared: TypeId) -> Result<Tree, SoapError> {
        self.enter()?;
        let value = self.value_inside(element, declared);
        self.leave();
        value
    }

    fn value_inside(&mut self, element: &'e Element, declared: TypeId) -> Result<Tree, SoapError> {
        let types = self.types;
        let element = self.referred(element);
        let actual = self.actual(element, declared);
        let is_nil = matches!(element.attribute_of(ns::XSI, "nil").map(str::trim), Some("true" | "1"));
        match types.form(actual) {
            Form::Any => self.generic_content(element),
            _ if is_nil && element.attributes.iter().all(|(name, _)| is_plumbing(name)) => Ok(Tree::Null),
            Form::Simple => {
                if let Some(binary) = self.included(element) {
                    return Ok(Tree::Text(binary));
                }
                if is_nil {
                    return Ok(Tree::Null);
                }
                if element.elements().next().is_some() {
                    // Not what the schema says; what it is then is told as it stands.
                    return self.generic_content(element);
                }
                Ok(scalar::read(types, actual, &element.text(), element))
            }
            Form::Complex(shape) => {
                if let Some(item) = shape.array_of {
                    let items = element.elements().map(|child| self.value(child, item));
                    return items.collect::<Result<_, _>>().map(Tree::List);
                }
                let mut fields = Gathered::default();
                if types.real(actual) != types.real(declared) {
                    fields.put("$type", Tree::Text(types.label(actual, declared)));
                }
                self.object(element, &shape, is_nil, &mut fields)?;
                Ok(fields.map())
            }
        }
    }

    /// The type that an element says it is of, if that may stand there.
    fn actual(&self, element: &Element, declared: TypeId) -> TypeId {
        let types = self.types;
        let Some(stated) = element.attribute_of(ns::XSI, "type") else { return declared };
        let name = element.qualified(stated);
        let by_name = types.named(&name).filter(|id| types.derives(*id, declared));
        let found = by_name
            .or_else(|| types.labelled(&name.local, declared))
            .filter(|id| types.derives(*id, declared));
        match found {
            Some(of) if types.real(of) != types.any() => of,
            _ => declared,
        }
    }

    /// Where an element that only refers to another one is to be found.
    pub(super) fn referred(&self, element: &'e Element) -> &'e Element {
        if self.targets.is_empty() || !element.children.is_empty() {
            return element;
        }
        let reference = element.attribute("href").and_then(|href| href.strip_prefix('#'));
        let reference = reference.or_else(|| element.attribute_of(ns::ENC12, "ref"));
        reference.and_then(|id| self.targets.get(id)).copied().unwrap_or(element)
    }

    /// Binary content that came beside the envelope and is referred to here (XOP).
    pub(super) fn included(&mut self, element: &Element) -> Option<String> {
        let include = element.child(ns::XOP, "Include");
        let href = include.map_or_else(|| element.attribute("href"), |include| include.attribute("href"))?;
        let id = href.strip_prefix("cid:")?;
        let id = percent_encoding::percent_decode_str(id).decode_utf8_lossy();
        let bytes = self.attachments.get(&*id)?;
        self.included += bytes.len();
        if self.included > INCLUDED_MAX {
            return None;
        }
        Some(BASE64.encode(bytes))
    }

    fn object(
        &mut self,
        element: &'e Element,
        shape: &Shape,
        is_nil: bool,
        fields: &mut Gathered,
    ) -> Result<(), SoapError> {
        for (name, value) in &element.attributes {
            match shape.attribute(name) {
                Some(attribute) => {
                    let value = scalar::read(self.types, attribute.of, value, element);
                    fields.put(&attribute.key, value);
                }
                None if is_plumbing(name) || self.is_target(name, value) => {}
                None => fields.put(&attribute_key(name), Tree::Text(value.to_string())),
            }
        }
        if is_nil {
            fields.put("$nil", Tree::Bool(true));
            return Ok(());
        }
        if let Some(text) = shape.text.filter(|_| shape.is_text()) {
            let value = match self.included(element) {
                Some(binary) => Tree::Text(binary),
                None => scalar::read(self.types, text, &element.text(), element),
            };
            fields.put("$text", value);
            return Ok(());
        }
        let text = element.text();
        let has_text = !text.trim().is_empty();
        if has_text && shape.mixed && element.elements().next().is_some() {
            let content = self.typed_content(element, shape)?;
            fields.put("$content", content);
            return Ok(());
        }
        if has_text {
            fields.put("$text", Tree::Text(text));
        }
        self.children(element, shape, fields)
    }

    /// Elements that a multiply used element is found by.
    fn is_target(&self, name: &Name, value: &str) -> bool {
        &*name.local == "id" && name.namespace.is_empty() && self.targets.contains_key(value)
    }

    fn children(
        &mut self,
        element: &'e Element,
        shape: &Shape,
        fields: &mut Gathered,
    ) -> Result<(), SoapError> {
        let mut order = Vec::new();
        let mut any = Vec::new();
        for child in element.elements() {
            match shape.field(&child.name) {
                Some(field) => {
                    let value = self.value(child, field.of)?;
                    order.push(field);
                    fields.add(&field.key, field.repeated, value);
                }
                None if shape.any => {
                    any.push(Tree::Map(vec![(braced(&child.name), self.free_value(child)?)]));
                }
                // The service knows more than its description.
                None => {
                    let value = self.free_value(child)?;
                    fields.push(child.name.local.to_string(), value);
                }
            }
        }
        if shape.free_order && !follows(shape, &order) {
            let order = order.iter().map(|field| Tree::Text(field.key.clone()));
            fields.put("$order", Tree::List(order.collect()));
        }
        if !any.is_empty() {
            fields.put("$any", Tree::List(any));
        }
        Ok(())
    }

    fn typed_content(&mut self, element: &'e Element, shape: &Shape) -> Result<Tree, SoapError> {
        let mut content = Vec::new();
        for node in &element.children {
            content.push(match node {
                Node::Text(text) => Tree::Text(text.to_string()),
                Node::Element(child) => Tree::Map(vec![match shape.field(&child.name) {
                    Some(field) => (field.key.clone(), self.value(child, field.of)?),
                    None => (braced(&child.name), self.free_value(child)?),
                }]),
            });
        }
        Ok(Tree::List(content))
    }
}

/// Whether the elements stand as they would be written from their fields alone.
fn follows(shape: &Shape, order: &[&Field]) -> bool {
    use crate::xsd::{Item, Order};
    // The same walk as that of writing, over how many there are of each.
    fn walk<'s>(
        shape: &'s Shape,
        item: &Item,
        left: &mut HashMap<&'s str, usize>,
        out: &mut Vec<&'s str>,
    ) -> bool {
        match item {
            Item::Any => false,
            Item::Field { at, occurs } => {
                let field = &shape.fields[*at];
                let Some(count) = left.get_mut(field.key.as_str()) else { return false };
                let most = if field.occurs.is_some() { usize::MAX } else { occurs.max as usize };
                let taken = (*count).min(most);
                *count -= taken;
                out.extend(std::iter::repeat_n(field.key.as_str(), taken));
                taken > 0
            }
            Item::Group { order, items, occurs } => {
                let mut some = false;
                for _ in 0..occurs.max {
                    let mut taken = false;
                    for item in items {
                        taken |= walk(shape, item, left, out);
                        if taken && *order == Order::Choice {
                            break;
                        }
                    }
                    some |= taken;
                    if !taken {
                        break;
                    }
                }
                some
            }
        }
    }
    let mut left: HashMap<&str, usize> = HashMap::new();
    for field in order {
        if let Some(own) = shape.keyed(&field.key) {
            *left.entry(own.key.as_str()).or_default() += 1;
        }
    }
    let mut out = Vec::with_capacity(order.len());
    for item in &shape.items {
        walk(shape, item, &mut left, &mut out);
    }
    out.len() == order.len() && out.iter().zip(order).all(|(one, other)| *one == other.key)
}

/// Attributes that say how a value is written, not what it is.
pub(super) fn is_plumbing(name: &Name) -> bool {
    matches!(&*name.namespace, ns::XSI | ns::ENC | ns::ENC12 | ns::SOAP | ns::SOAP12 | ns::WSU)
        || name.namespace.is_empty() && &*name.local == "href"
}

fn gather<'e>(element: &'e Element, targets: &mut HashMap<&'e str, &'e Element>) {
    for child in element.elements() {
        let id = child.attribute("id").or_else(|| child.attribute_of(ns::ENC12, "id"));
        if let Some(id) = id {
            targets.entry(id).or_insert(child);
        }
        gather(child, targets);
    }
}
