//! JSON as XML, by the types that a schema declares.

use std::collections::{HashMap, VecDeque};
use std::fmt::Write as _;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;

use crate::wsdl::SoapVersion;
use crate::xml::{Name, Prefixes, escape_attribute, escape_text, ns};
use crate::xsd::{Field, Form, Item, Kind, Order, Shape, TypeId, Types, parse_name};

use super::tree::{DEPTH_MAX, Tree};
use super::{SoapError, scalar};

/// Writes values as elements.
pub(super) struct Encoder<'t> {
    pub(super) types: &'t Types,
    pub(super) prefixes: Prefixes,
    pub(super) out: String,
    /// Elements state their types (SOAP's encoding).
    pub(super) encoded: bool,
    pub(super) version: SoapVersion,
    /// Binary content that is sent beside the envelope, if it may be.
    pub(super) beside: Option<Vec<Vec<u8>>>,
    path: Vec<String>,
}

/// Binary content shorter than this stays in the envelope: a part of its own would be longer.
const BESIDE_MIN: usize = 1024;

type Written = Result<(), SoapError>;

impl<'t> Encoder<'t> {
    pub(super) fn new(types: &'t Types, version: SoapVersion) -> Self {
        Self {
            types,
            prefixes: Prefixes::default(),
            out: String::new(),
            encoded: false,
            version,
            beside: None,
            path: Vec::new(),
        }
    }

    pub(super) fn fail<T>(&self, message: impl Into<String>) -> Result<T, SoapError> {
        let escaped = self.path.iter().map(|name| format!("/{}", name.replace('~', "~0").replace('/', "~1")));
        let path: String = escaped.collect();
        let path = if path.is_empty() { "the input".to_owned() } else { path };
        Err(SoapError::Input { path, message: message.into() })
    }

    /// Writes something below a field.
    pub(super) fn below(&mut self, name: &str, write: impl FnOnce(&mut Self) -> Written) -> Written {
        self.path.push(name.to_owned());
        let written = if self.path.len() > DEPTH_MAX { self.fail("nested too deep") } else { write(self) };
        self.path.pop();
        written
    }

    /// An element of a declared type.
    pub(super) fn element(&mut self, name: &Name, declared: TypeId, value: &Tree) -> Written {
        let tag = self.prefixes.name(&name.namespace, &name.local);
        self.out.push('<');
        self.out.push_str(&tag);
        if *value == Tree::Null {
            self.nil();
            self.out.push('>');
        } else {
            self.inside(name, declared, value)?;
        }
        self.out.push_str("</");
        self.out.push_str(&tag);
        self.out.push('>');
        Ok(())
    }

    pub(super) fn nil(&mut self) {
        let name = self.prefixes.name(ns::XSI, "nil");
        self.attribute(&name, "true");
    }

    pub(super) fn attribute(&mut self, name: &str, value: &str) {
        self.out.push(' ');
        self.out.push_str(name);
        self.out.push_str("=\"");
        self.out.push_str(&escape_attribute(value));
        self.out.push('"');
    }

    /// The rest of a begun tag, and what stands in it.
    fn inside(&mut self, name: &Name, declared: TypeId, value: &Tree) -> Written {
        let mut actual = declared;
        if let Some(label) = value.get("$type").and_then(Tree::text) {
            match self.types.labelled(label, declared) {
                Some(of) => actual = of,
                None => return self.fail(format!("`$type`: there is no type `{label}`")),
            }
        }
        if self.types.real(actual) != self.types.real(declared) || self.encoded {
            self.state_type(actual);
        }
        match self.types.form(actual) {
            Form::Any => self.anything(name, value, true),
            Form::Simple => self.simple(actual, value),
            Form::Complex(shape) => match (shape.array_of, value) {
                (Some(item), Tree::List(items)) => self.array(item, &shape, items),
                _ => self.object(name, &shape, value),
            },
        }
    }

    /// `xsi:type`.
    fn state_type(&mut self, of: TypeId) {
        let types = self.types;
        let Some(name) = &types.of(of).name else { return };
        if types.real(of) == types.any() {
            return;
        }
        let value = self.prefixes.name(&name.namespace, &name.local);
        let attribute = self.prefixes.name(ns::XSI, "type");
        self.attribute(&attribute, &value);
    }

    /// Attributes and text of a simple type.
    fn simple(&mut self, of: TypeId, value: &Tree) -> Written {
        if let Tree::Map(fields) = value {
            // It should have no attributes; some services want some nevertheless.
            for (key, value) in fields.iter().filter(|(key, _)| key.starts_with('@')) {
                self.free_attribute(key, value)?;
            }
            return match value.get("$text") {
                Some(text) => self.text(of, text),
                None if fields.iter().any(|(key, _)| !key.starts_with(['@', '$'])) => {
                    self.fail("a text or number is expected here, not an object")
                }
                None => self.text(of, &Tree::Null),
            };
        }
        self.text(of, value)
    }

    fn text(&mut self, of: TypeId, value: &Tree) -> Written {
        let Some(text) = scalar::write(self.types, of, value, &mut self.prefixes) else {
            let found = match value {
                Tree::List(_) => "a list",
                Tree::Map(_) => "an object",
                _ => "this number",
            };
            return self
                .fail(format!("a text or number that the type can hold is expected here, not {found}"));
        };
        self.out.push('>');
        let is_binary = self.types.builtin(of).is_some_and(|of| of.kind == Kind::Base64);
        if is_binary && text.len() >= BESIDE_MIN && self.beside.is_some() {
            return self.put_beside(&text);
        }
        self.out.push_str(&escape_text(&text));
        Ok(())
    }

    /// Binary content as a part of its own, and a reference to it (XOP).
    fn put_beside(&mut self, text: &str) -> Written {
        let Ok(bytes) = BASE64.decode(text) else { return self.fail("this is not Base64") };
        let include = self.prefixes.name(ns::XOP, "Include");
        if let Some(parts) = &mut self.beside {
            let _ =
                write!(self.out, "<{include} href=\"cid:{}\"/>", super::multipart::content_id(parts.len()));
            parts.push(bytes);
        }
        Ok(())
    }

    fn array(&mut self, item: TypeId, shape: &Shape, items: &[Tree]) -> Written {
        let types = self.types;
        if self.encoded {
            let of = match &types.of(item).name {
                Some(name) => self.prefixes.name(&name.namespace, &name.local),
                None => self.prefixes.name(ns::XSD, "anyType"),
            };
            if self.version == SoapVersion::V11 {
                let attribute = self.prefixes.name(ns::ENC, "arrayType");
                self.attribute(&attribute, &format!("{of}[{}]", items.len()));
            } else {
                let attribute = self.prefixes.name(ns::ENC12, "itemType");
                self.attribute(&attribute, &of);
                let attribute = self.prefixes.name(ns::ENC12, "arraySize");
                self.attribute(&attribute, &items.len().to_string());
            }
        }
        self.out.push('>');
        let name = shape.fields.first().map_or_else(|| Name::new("", "item"), |field| field.name.clone());
        for (at, value) in items.iter().enumerate() {
            self.below(&at.to_string(), |encoder| encoder.element(&name, item, value))?;
        }
        Ok(())
    }

    fn object(&mut self, name: &Name, shape: &Shape, value: &Tree) -> Written {
        let fields = match value {
            Tree::Map(fields) => fields.as_slice(),
            Tree::Null => &[],
            // What has attributes and a text may be given as the text alone.
            value if shape.is_text() => {
                self.fixed_attributes(shape, &[]);
                return self.text(shape.text.unwrap_or(self.types.any()), value);
            }
            Tree::Text(text) if shape.mixed || text.is_empty() => {
                self.fixed_attributes(shape, &[]);
                self.out.push('>');
                self.out.push_str(&escape_text(text));
                return Ok(());
            }
            Tree::List(_) => return self.fail("one object is expected here, not a list"),
            _ => return self.fail(format!("an object is expected here; {}", known(shape))),
        };
        for (key, value) in fields.iter().filter(|(key, _)| key.starts_with('@')) {
            match shape.attributes.iter().find(|attribute| attribute.key == *key) {
                Some(_) if *value == Tree::Null => {}
                Some(attribute) => {
                    let Some(text) = scalar::write(self.types, attribute.of, value, &mut self.prefixes)
                    else {
                        return self.below(key, |encoder| encoder.fail("an attribute is a text or number"));
                    };
                    let name = self.prefixes.name(&attribute.name.namespace, &attribute.name.local);
                    self.attribute(&name, &text);
                }
                None if shape.any_attribute || key.starts_with("@{") => self.free_attribute(key, value)?,
                None => {
                    return self
                        .below(key, |encoder| encoder.fail(format!("no such attribute; {}", known(shape))));
                }
            }
        }
        self.fixed_attributes(shape, fields);
        if value.get("$nil") == Some(&Tree::Bool(true)) {
            self.nil();
            self.out.push('>');
            return Ok(());
        }
        if let Some(text) = shape.text.filter(|_| shape.is_text()) {
            return self.text(text, value.get("$text").unwrap_or(&Tree::Null));
        }
        self.out.push('>');
        if let Some(Tree::List(content)) = value.get("$content") {
            return self.content(name, Some(shape), content);
        }
        if let Some(text) = value.get("$text").and_then(Tree::text) {
            self.out.push_str(&escape_text(text));
        }
        self.children(name, shape, fields)
    }

    fn fixed_attributes(&mut self, shape: &Shape, given: &[(String, Tree)]) {
        for attribute in shape.attributes.iter().filter(|attribute| attribute.required) {
            if let Some(fixed) =
                attribute.fixed.as_ref().filter(|_| !given.iter().any(|(key, _)| *key == attribute.key))
            {
                let name = self.prefixes.name(&attribute.name.namespace, &attribute.name.local);
                self.attribute(&name, fixed);
            }
        }
    }

    /// An attribute that no schema declares: `@name`, `@xml:lang` or `@{namespace}name`.
    pub(super) fn free_attribute(&mut self, key: &str, value: &Tree) -> Written {
        let given = key.trim_start_matches('@');
        let name = match given.strip_prefix("xml:") {
            Some(local) => Name::new(ns::XML, local),
            None => parse_name(given),
        };
        if name.local.is_empty() || name.local.contains([' ', '<', '>', '"', '\'', '=', '/', '&', ':']) {
            return self.fail(format!("`{key}` is no name of an attribute"));
        }
        let Some(text) = scalar::write(self.types, self.types.any(), value, &mut self.prefixes) else {
            return self.below(key, |encoder| encoder.fail("an attribute is a text or number"));
        };
        let name = self.prefixes.name(&name.namespace, &name.local);
        self.attribute(&name, &text);
        Ok(())
    }

    /// Elements in the order in which the schema has them.
    fn children(&mut self, name: &Name, shape: &Shape, given: &[(String, Tree)]) -> Written {
        let mut waiting = Waiting { queues: HashMap::new(), any: VecDeque::new(), extra: Vec::new() };
        for (key, value) in given.iter().filter(|(key, _)| !key.starts_with(['@', '$'])) {
            if let Some(at) = shape.keyed_at(key) {
                waiting.queues.insert(at, self.occurrences(&shape.fields[at], value));
            } else if key.starts_with('{') {
                waiting.extra.push((key, value));
            } else {
                return self.below(key, |encoder| encoder.fail(format!("no such field; {}", known(shape))));
            }
        }
        let any = given.iter().find(|(key, _)| key == "$any").map(|(_, value)| value);
        match any {
            None | Some(Tree::Null) => {}
            Some(Tree::List(items)) => waiting.any.extend(items),
            Some(other) => waiting.any.push_back(other),
        }
        if let Some((_, Tree::List(order))) = given.iter().find(|(key, _)| key == "$order") {
            for key in order.iter().filter_map(Tree::text) {
                if let Some(at) = shape.keyed_at(key) {
                    self.next(shape, &mut waiting, at, 1)?;
                }
            }
        }
        for item in &shape.items {
            self.item(name, shape, item, &mut waiting)?;
        }
        // What the schema has no more room for is sent nevertheless: the service may know more than its description.
        for at in 0..shape.fields.len() {
            self.next(shape, &mut waiting, at, usize::MAX)?;
        }
        while let Some(value) = waiting.any.pop_front() {
            self.named(name, value)?;
        }
        for (key, value) in waiting.extra {
            self.free_all(name, key, value)?;
        }
        Ok(())
    }

    /// The elements that a field's value stands for.
    fn occurrences<'v>(&self, field: &Field, value: &'v Tree) -> VecDeque<&'v Tree> {
        let is_array = matches!(self.types.form(field.of), Form::Complex(shape) if shape.array_of.is_some());
        let is_one = !field.repeated && (is_array || self.types.list_item(field.of).is_some());
        match value {
            Tree::List(items) if !is_one => items.iter().collect(),
            Tree::Null if !field.nillable => VecDeque::new(),
            value => VecDeque::from([value]),
        }
    }

    /// Writes up to so many elements of a field. Whether there were any.
    fn next(
        &mut self,
        shape: &Shape,
        waiting: &mut Waiting<'_>,
        at: usize,
        most: usize,
    ) -> Result<bool, SoapError> {
        let Some(queue) = waiting.queues.get_mut(&at) else { return Ok(false) };
        let field = &shape.fields[at];
        let mut count = 0;
        while count < most {
            let Some(value) = queue.pop_front() else { break };
            self.below(&field.key, |encoder| encoder.element(&field.name, field.of, value))?;
            count += 1;
        }
        Ok(count > 0)
    }

    /// Writes what stands at a place of the schema. Whether anything did.
    fn item(
        &mut self,
        name: &Name,
        shape: &Shape,
        item: &Item,
        waiting: &mut Waiting<'_>,
    ) -> Result<bool, SoapError> {
        match item {
            Item::Any => {
                let some = !waiting.any.is_empty();
                while let Some(value) = waiting.any.pop_front() {
                    self.named(name, value)?;
                }
                Ok(some)
            }
            Item::Field { at, occurs } => {
                let alone = shape.fields[*at].occurs.is_some();
                self.next(shape, waiting, *at, if alone { usize::MAX } else { occurs.max as usize })
            }
            Item::Group { order, items, occurs } => {
                let mut some = false;
                for _ in 0..occurs.max {
                    let mut written = false;
                    for item in items {
                        written |= self.item(name, shape, item, waiting)?;
                        if written && *order == Order::Choice {
                            break;
                        }
                    }
                    some |= written;
                    if !written || waiting.is_empty() {
                        break;
                    }
                }
                Ok(some)
            }
        }
    }
}

/// What is still to be written of an object.
struct Waiting<'v> {
    queues: HashMap<usize, VecDeque<&'v Tree>>,
    any: VecDeque<&'v Tree>,
    extra: Vec<(&'v String, &'v Tree)>,
}

impl Waiting<'_> {
    fn is_empty(&self) -> bool {
        self.any.is_empty() && self.queues.values().all(VecDeque::is_empty)
    }
}

/// What could have been given.
fn known(shape: &Shape) -> String {
    const SHOWN_MAX: usize = 12;
    let fields = shape.fields.iter().map(|field| &field.key);
    let all: Vec<&String> = fields.chain(shape.attributes.iter().map(|attribute| &attribute.key)).collect();
    if all.is_empty() {
        return "there are no fields here".to_owned();
    }
    let shown: Vec<String> = all.iter().take(SHOWN_MAX).map(|key| format!("`{key}`")).collect();
    let more = if all.len() > SHOWN_MAX { " and others" } else { "" };
    format!("there are {}{more}", shown.join(", "))
}
