//! Web services by WSDL 1.1 and XML Schema as operations.
//!
//! A description may consist of many files that refer to one another, also in circles; they are handed in, never fetched.
//! What an operation takes and gives in JSON is told by [`Wsdl::input`] and [`Wsdl::output`], made when somebody asks;
//! [`crate::soap`] writes and reads the messages.
//!
//! Vendors make mistakes. What can be understood nevertheless is, with a [`Warning`] that says where.

mod bindings;
mod bundle;
mod definitions;
mod load;
mod message;
mod policy;
pub(crate) mod schemas;

use std::fmt;
use std::sync::Arc;

use serde_json::Value;

use crate::document::MissingFile;
use crate::openapi::Effect;
use crate::xml::{Name, XmlError};
use crate::xsd::{TypeId, Types};

pub use bundle::bundle;
pub use policy::Security;

/// Why a document describes no web service.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotAService {
    /// It is no XML, or none that is read.
    #[error(transparent)]
    Unreadable(#[from] XmlError),
    /// It is XML of another kind.
    #[error("the document's element is `{found}`, not `definitions` of WSDL 1.1; it looks like {looks_like}")]
    SomethingElse {
        /// What its element is called.
        found: String,
        /// What people take for a WSDL by mistake.
        looks_like: &'static str,
    },
    /// Too much for one description.
    #[error("the description has more than {max} {of}")]
    TooLarge {
        /// Of what it has too many.
        of: &'static str,
        /// How many there may be.
        max: usize,
    },
}

/// A mistake of the description's author that was understood nevertheless.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Warning {
    /// The file, as it is referred to; empty: the document itself.
    pub file: String,
    /// The line, counted from 1.
    pub line: u32,
    /// What is wrong, and what was made of it.
    pub message: String,
}

impl fmt::Display for Warning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &*self.file {
            "" => write!(f, "line {}: {}", self.line, self.message),
            file => write!(f, "{file}, line {}: {}", self.line, self.message),
        }
    }
}

/// Which SOAP messages are written in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SoapVersion {
    /// SOAP 1.1.
    V11,
    /// SOAP 1.2.
    V12,
}

/// How a message's body is built.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Style {
    /// The body is the element that the message names.
    Document,
    /// The body is an element called like the operation, with the message's parts in it.
    Rpc,
}

/// A description of web services.
#[derive(Clone, Debug)]
pub struct Wsdl {
    /// What it is called.
    pub title: String,
    /// What it is, for people.
    pub description: String,
    /// Its namespace.
    pub namespace: String,
    /// What can be called, in the order of the document. Ids are unique.
    pub operations: Vec<Operation>,
    /// The files of which it consists beside the document, as it refers to them.
    pub files: Vec<String>,
    /// Files that it refers to and that could not be read.
    pub missing: Vec<MissingFile>,
    /// What was understood although it is wrong.
    pub warnings: Vec<Warning>,
    pub(crate) types: Arc<Types>,
}

/// What can be called.
#[derive(Clone, Debug)]
pub struct Operation {
    /// Its id: a word, unique in its description, the same each time that the description is read.
    pub id: String,
    /// Its name, as the description has it.
    pub name: String,
    /// What it does, for people.
    pub summary: String,
    /// What it does to the system, as far as its name tells.
    pub effect: Effect,
    /// The service that offers it, if one is described.
    pub service: String,
    /// The port at which it is offered.
    pub port: String,
    /// Where it is served.
    pub address: Option<String>,
    /// The SOAP action: what it is called in the HTTP header.
    pub action: String,
    /// Which SOAP it speaks.
    pub version: SoapVersion,
    /// How its messages are built.
    pub style: Style,
    /// What its policy asks of callers.
    pub security: Security,
    pub(crate) input: Message,
    pub(crate) output: Option<Message>,
    pub(crate) faults: Vec<DeclaredFault>,
}

impl Operation {
    /// Whether it answers nothing.
    pub fn is_one_way(&self) -> bool {
        self.output.is_none()
    }

    /// The names of the faults that it declares.
    pub fn fault_names(&self) -> impl Iterator<Item = &str> {
        self.faults.iter().map(|fault| &*fault.name)
    }
}

/// What is sent, or comes back.
#[derive(Clone, Debug, Default)]
pub(crate) struct Message {
    /// By SOAP's encoding: elements state their types.
    pub(crate) encoded: bool,
    pub(crate) body: Body,
    pub(crate) headers: Vec<Part>,
    /// Parts that are sent beside the envelope.
    pub(crate) attachments: Vec<Part>,
}

/// What stands in the body of an envelope.
#[derive(Clone, Debug, Default)]
pub(crate) enum Body {
    #[default]
    Empty,
    /// One element. `flat`: the value is what stands in it, else an object with it as its only field.
    Element { part: Part, flat: bool },
    /// Several elements beside one another, or in a wrapper.
    Parts { wrapper: Option<Name>, parts: Vec<Part> },
}

/// An element of a message.
#[derive(Clone, Debug)]
pub(crate) struct Part {
    /// What it is called in JSON.
    pub(crate) key: String,
    /// What it is called in XML.
    pub(crate) name: Name,
    pub(crate) of: TypeId,
    pub(crate) nillable: bool,
    /// It is a declared element, not one that is made for a type.
    pub(crate) is_declared: bool,
}

#[derive(Clone, Debug)]
pub(crate) struct DeclaredFault {
    pub(crate) name: String,
    pub(crate) detail: Part,
}

impl Wsdl {
    /// Reads a description. `load` gets the path of another file as seen from the document's folder, or a URL as it stands,
    /// and gives its content; what may be loaded is its decision.
    pub fn read(
        document: &[u8],
        mut load: impl FnMut(&str) -> Result<Vec<u8>, String>,
    ) -> Result<Self, NotAService> {
        let loaded = load::load(document, &mut load)?;
        Ok(bindings::describe(loaded))
    }

    /// What an operation takes: a schema that stands by itself.
    pub fn input(&self, operation: &Operation) -> Value {
        schemas::input(&self.types, &operation.input)
    }

    /// What an operation answers: a schema that stands by itself. None if it answers nothing.
    pub fn output(&self, operation: &Operation) -> Option<Value> {
        operation.output.as_ref().map(|message| schemas::output(&self.types, message))
    }

    /// What comes with each of an operation's declared faults.
    pub fn faults(&self, operation: &Operation) -> Vec<(String, Value)> {
        let schema = |fault: &DeclaredFault| schemas::part(&self.types, &fault.detail);
        operation.faults.iter().map(|fault| (fault.name.clone(), schema(fault))).collect()
    }

    /// Where its services are, each place once.
    pub fn addresses(&self) -> Vec<&str> {
        let mut addresses = Vec::new();
        for address in self.operations.iter().filter_map(|operation| operation.address.as_deref()) {
            if !addresses.contains(&address) {
                addresses.push(address);
            }
        }
        addresses
    }

    /// An operation by its id.
    pub fn operation(&self, id: &str) -> Option<&Operation> {
        self.operations.iter().find(|operation| operation.id == id)
    }
}
