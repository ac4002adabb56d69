//! XML of which no schema says what it is, as JSON and back.
//!
//! An element with nothing but text is that text. Else it is an object: attributes as `@name`, elements by their names
//! (a list if there are several of one name), text beside attributes as `$text`; and where text stands between elements,
//! all of it in order as the list `$content`. A name of another namespace than that of the element around it is written
//! `{namespace}name`.

use crate::xml::{Element, Name, Node, escape_text, ns};
use crate::xsd::{braced, parse_name};
use std::fmt::Write as _;

use super::SoapError;
use super::decode::{Decoder, is_plumbing};
use super::encode::Encoder;
use super::gathered::Gathered;
use super::tree::Tree;
use crate::xsd::Shape;

type Written = Result<(), SoapError>;

impl Encoder<'_> {
    /// What stands in an element that may hold anything. `states`: a plain value says of which type it is.
    pub(super) fn anything(&mut self, name: &Name, value: &Tree, states: bool) -> Written {
        match value {
            Tree::Null => {
                self.out.push('>');
                Ok(())
            }
            Tree::Bool(_) | Tree::Number(_) | Tree::Text(_) => {
                let of = match value {
                    Tree::Bool(_) => "boolean",
                    Tree::Number(digits) if digits.contains(['e', 'E']) => "double",
                    Tree::Number(digits) if digits.contains('.') => "decimal",
                    Tree::Number(digits) if digits.parse::<i32>().is_ok() => "int",
                    Tree::Number(digits) if digits.parse::<i64>().is_ok() => "long",
                    Tree::Number(_) => "integer",
                    _ => "string",
                };
                if states {
                    let of = self.prefixes.name(ns::XSD, of);
                    let attribute = self.prefixes.name(ns::XSI, "type");
                    self.attribute(&attribute, &of);
                }
                self.out.push('>');
                let text = match value {
                    Tree::Bool(flag) => flag.to_string(),
                    Tree::Number(text) | Tree::Text(text) => escape_text(text),
                    _ => String::new(),
                };
                self.out.push_str(&text);
                Ok(())
            }
            Tree::List(_) => self.fail("one value is expected here, not a list"),
            Tree::Map(fields) => {
                for (key, value) in fields.iter().filter(|(key, _)| key.starts_with('@')) {
                    self.free_attribute(key, value)?;
                }
                if value.get("$nil") == Some(&Tree::Bool(true)) {
                    self.nil();
                }
                self.out.push('>');
                if let Some(Tree::List(content)) = value.get("$content") {
                    return self.content(name, None, content);
                }
                if let Some(text) = value.get("$text") {
                    match text {
                        Tree::Text(text) | Tree::Number(text) => self.out.push_str(&escape_text(text)),
                        Tree::Bool(flag) => self.out.push_str(&flag.to_string()),
                        _ => {}
                    }
                }
                for (key, value) in fields.iter().filter(|(key, _)| !key.starts_with(['@', '$'])) {
                    self.free_all(name, key, value)?;
                }
                if let Some(Tree::List(items)) = value.get("$any") {
                    items.iter().try_for_each(|item| self.named(name, item))?;
                }
                Ok(())
            }
        }
    }

    /// An object with one field: an element of that name.
    pub(super) fn named(&mut self, around: &Name, value: &Tree) -> Written {
        match value {
            Tree::Map(fields) if fields.len() == 1 => {
                fields.iter().try_for_each(|(key, value)| self.free(around, key, value))
            }
            _ => self.below("$any", |encoder| {
                encoder.fail("an object with one field, the element's name, is expected here")
            }),
        }
    }

    /// One element of a name, or several.
    pub(super) fn free_all(&mut self, around: &Name, key: &str, value: &Tree) -> Written {
        match value {
            Tree::List(items) => items.iter().try_for_each(|item| self.free(around, key, item)),
            value => self.free(around, key, value),
        }
    }

    /// An element that stands where anything may: by its declaration, if its name has one.
    pub(super) fn free(&mut self, around: &Name, key: &str, value: &Tree) -> Written {
        let mut name = parse_name(key);
        if !key.starts_with('{') {
            name.namespace = around.namespace.clone();
        }
        if name.local.is_empty() || name.local.contains(|c: char| " <>\"'=/&:$@{}\n\t".contains(c)) {
            return self.fail(format!("`{key}` is no name of an element"));
        }
        let types = self.types;
        self.below(key, |encoder| {
            if let Some(element) = types.global(&name).filter(|element| element.defined) {
                return encoder.element(&name, element.of, value);
            }
            let tag = encoder.prefixes.name(&name.namespace, &name.local);
            let _ = write!(encoder.out, "<{tag}");
            if *value == Tree::Null {
                encoder.nil();
            }
            encoder.anything(&name, value, false)?;
            let _ = write!(encoder.out, "</{tag}>");
            Ok(())
        })
    }

    /// Text and elements in their order.
    pub(super) fn content(&mut self, around: &Name, shape: Option<&Shape>, content: &[Tree]) -> Written {
        for value in content {
            match value {
                Tree::Text(text) => self.out.push_str(&escape_text(text)),
                Tree::Map(fields) if fields.len() == 1 => {
                    for (key, value) in fields {
                        match shape.and_then(|shape| shape.keyed(key)) {
                            Some(field) => {
                                self.below(key, |encoder| encoder.element(&field.name, field.of, value))?;
                            }
                            None => self.free(around, key, value)?,
                        }
                    }
                }
                _ => {
                    return self.below("$content", |encoder| {
                        encoder.fail("texts and objects with one field are expected here")
                    });
                }
            }
        }
        Ok(())
    }
}

impl<'e> Decoder<'_, 'e> {
    /// An element of which no schema says what it is.
    pub(super) fn generic(&mut self, element: &'e Element) -> Result<Tree, SoapError> {
        self.enter()?;
        let value = self.generic_content(element);
        self.leave();
        value
    }

    pub(super) fn generic_content(&mut self, element: &'e Element) -> Result<Tree, SoapError> {
        let element = self.referred(element);
        if let Some(binary) = self.included(element) {
            return Ok(Tree::Text(binary));
        }
        let mut fields = Gathered::default();
        for (name, value) in element.attributes.iter().filter(|(name, _)| !is_plumbing(name)) {
            fields.put(&attribute_key(name), Tree::Text(value.to_string()));
        }
        let is_nil = matches!(element.attribute_of(ns::XSI, "nil"), Some("true" | "1"));
        let has_elements = element.elements().next().is_some();
        let text = element.text();
        if !has_elements {
            return Ok(match (fields.is_empty(), is_nil) {
                (true, true) => Tree::Null,
                (true, false) => Tree::Text(text),
                (false, nil) => {
                    if nil {
                        fields.put("$nil", Tree::Bool(true));
                    } else if !text.is_empty() {
                        fields.put("$text", Tree::Text(text));
                    }
                    fields.map()
                }
            });
        }
        if text.trim().is_empty() {
            for child in element.elements() {
                let key = free_key(element, child);
                let value = self.free_value(child)?;
                fields.push(key, value);
            }
        } else {
            let content = self.mixed(element)?;
            fields.put("$content", content);
        }
        Ok(fields.map())
    }

    /// Text and elements in their order.
    fn mixed(&mut self, element: &'e Element) -> Result<Tree, SoapError> {
        let mut content = Vec::new();
        for node in &element.children {
            content.push(match node {
                Node::Text(text) => Tree::Text(text.to_string()),
                Node::Element(child) => {
                    let key = free_key(element, child);
                    Tree::Map(vec![(key, self.free_value(child)?)])
                }
            });
        }
        Ok(Tree::List(content))
    }

    /// An element that stands where anything may: by its declaration, if its name has one.
    pub(super) fn free_value(&mut self, element: &'e Element) -> Result<Tree, SoapError> {
        let types = self.types;
        match types.global(&element.name).filter(|declared| declared.defined) {
            Some(declared) => self.value(element, declared.of),
            None => self.value(element, types.any()),
        }
    }
}

/// What an attribute that no schema declares is called in JSON.
pub(super) fn attribute_key(name: &Name) -> String {
    match &*name.namespace {
        "" => format!("@{}", name.local),
        ns::XML => format!("@xml:{}", name.local),
        _ => format!("@{}", braced(name)),
    }
}

/// What an element that no schema declares is called in JSON.
fn free_key(around: &Element, child: &Element) -> String {
    if child.name.namespace == around.name.namespace {
        child.name.local.to_string()
    } else {
        braced(&child.name)
    }
}
