//! XML as a tree with resolved namespaces, within bounds. No DTD is read and no entity defined: both are refused.

mod encoding;
mod parse;
mod write;

use std::fmt;
use std::sync::Arc;

pub(crate) use encoding::decode;
pub use parse::{XmlLimits, parse, parse_within};
pub(crate) use write::{Prefixes, escape_attribute, escape_text};

/// Namespaces that are known by name.
pub(crate) mod ns {
    pub(crate) const XML: &str = "http://www.w3.org/XML/1998/namespace";
    pub(crate) const XSD: &str = "http://www.w3.org/2001/XMLSchema";
    pub(crate) const XSI: &str = "http://www.w3.org/2001/XMLSchema-instance";
    pub(crate) const WSDL: &str = "http://schemas.xmlsoap.org/wsdl/";
    pub(crate) const WSDL_SOAP: &str = "http://schemas.xmlsoap.org/wsdl/soap/";
    pub(crate) const WSDL_SOAP12: &str = "http://schemas.xmlsoap.org/wsdl/soap12/";
    pub(crate) const WSDL_MIME: &str = "http://schemas.xmlsoap.org/wsdl/mime/";
    pub(crate) const SOAP: &str = "http://schemas.xmlsoap.org/soap/envelope/";
    pub(crate) const SOAP12: &str = "http://www.w3.org/2003/05/soap-envelope";
    pub(crate) const ENC: &str = "http://schemas.xmlsoap.org/soap/encoding/";
    pub(crate) const ENC12: &str = "http://www.w3.org/2003/05/soap-encoding";
    pub(crate) const XOP: &str = "http://www.w3.org/2004/08/xop/include";
    pub(crate) const WSSE: &str =
        "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-secext-1.0.xsd";
    pub(crate) const WSU: &str =
        "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-utility-1.0.xsd";
}

/// A text that is no XML, or none that is read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: {message}")]
pub struct XmlError {
    /// The line, counted from 1.
    pub line: u32,
    /// What is wrong there.
    pub message: String,
}

/// A name with its namespace (empty: none).
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Name {
    /// The namespace.
    pub namespace: Arc<str>,
    /// The name within it.
    pub local: Arc<str>,
}

impl Name {
    /// A name in a namespace (empty: in none).
    pub fn new(namespace: &str, local: &str) -> Self {
        Self { namespace: Arc::from(namespace), local: Arc::from(local) }
    }

    pub(crate) fn is(&self, namespace: &str, local: &str) -> bool {
        &*self.local == local && &*self.namespace == namespace
    }
}

/// As James Clark writes names: `{namespace}local`.
impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.namespace.is_empty() {
            f.write_str(&self.local)
        } else {
            write!(f, "{{{}}}{}", self.namespace, self.local)
        }
    }
}

impl fmt::Debug for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// What stands in an element.
#[derive(Clone, Debug, PartialEq)]
pub enum Node {
    /// An element.
    Element(Box<Element>),
    /// A text, character references resolved.
    Text(Box<str>),
}

/// An element.
#[derive(Clone, Debug)]
pub struct Element {
    /// Its name.
    pub name: Name,
    /// Its attributes, declarations of namespaces aside.
    pub attributes: Vec<(Name, Box<str>)>,
    /// What stands in it. Comments and processing instructions are left out.
    pub children: Vec<Node>,
    /// The line at which it begins.
    pub line: u32,
    pub(crate) scope: Scope,
}

/// Two elements are equal if they say the same, wherever they stand.
impl PartialEq for Element {
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name && self.attributes == other.attributes && self.children == other.children
    }
}

impl Element {
    /// The elements in it.
    pub fn elements(&self) -> impl DoubleEndedIterator<Item = &Element> {
        self.children.iter().filter_map(|node| match node {
            Node::Element(element) => Some(&**element),
            Node::Text(_) => None,
        })
    }

    /// The elements in it of one name.
    pub(crate) fn named<'e>(
        &'e self,
        namespace: &'e str,
        local: &'e str,
    ) -> impl Iterator<Item = &'e Element> {
        self.elements().filter(move |element| element.name.is(namespace, local))
    }

    /// The first element in it of one name.
    pub(crate) fn child(&self, namespace: &str, local: &str) -> Option<&Element> {
        self.elements().find(|element| element.name.is(namespace, local))
    }

    /// An attribute without a namespace.
    pub(crate) fn attribute(&self, local: &str) -> Option<&str> {
        self.attribute_of("", local)
    }

    /// An attribute.
    pub(crate) fn attribute_of(&self, namespace: &str, local: &str) -> Option<&str> {
        self.attributes.iter().find(|(name, _)| name.is(namespace, local)).map(|(_, value)| &**value)
    }

    /// The text directly in it.
    pub fn text(&self) -> String {
        let texts = self.children.iter().filter_map(|node| match node {
            Node::Text(text) => Some(&**text),
            Node::Element(_) => None,
        });
        texts.collect()
    }

    /// What `prefix:local` stands for here; a prefix that is not declared stands for what authors mean by it.
    pub fn qualified(&self, text: &str) -> Name {
        let text = text.trim();
        let (prefix, local) = text.split_once(':').unwrap_or(("", text));
        Name { namespace: self.scope.resolve(prefix), local: Arc::from(local) }
    }
}

/// The namespaces declared where an element stands.
#[derive(Clone, Debug, Default)]
pub(crate) struct Scope(Option<Arc<Declared>>);

#[derive(Debug)]
struct Declared {
    prefix: Box<str>,
    namespace: Arc<str>,
    count: usize,
    outer: Scope,
}

impl Scope {
    fn with(&self, prefix: &str, namespace: Arc<str>) -> Self {
        let count = self.count() + 1;
        Self(Some(Arc::new(Declared { prefix: prefix.into(), namespace, count, outer: self.clone() })))
    }

    fn count(&self) -> usize {
        self.0.as_ref().map_or(0, |declared| declared.count)
    }

    fn find(&self, prefix: &str) -> Option<Arc<str>> {
        let mut scope = self;
        while let Some(declared) = &scope.0 {
            if &*declared.prefix == prefix {
                return Some(Arc::clone(&declared.namespace));
            }
            scope = &declared.outer;
        }
        None
    }

    fn resolve(&self, prefix: &str) -> Arc<str> {
        self.find(prefix).unwrap_or_else(|| Arc::from(usual(prefix)))
    }
}

/// What authors mean by a prefix that they forgot to declare.
fn usual(prefix: &str) -> &'static str {
    match prefix {
        "xml" => ns::XML,
        "xs" | "xsd" | "s" => ns::XSD,
        "xsi" => ns::XSI,
        "wsdl" => ns::WSDL,
        "soapenc" | "SOAP-ENC" => ns::ENC,
        "soap12" => ns::WSDL_SOAP12,
        _ => "",
    }
}
