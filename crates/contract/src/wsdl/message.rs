//! Messages as a binding says that they are written.

use crate::xml::{Element, Name, ns};
use crate::xsd::{Form, Place, Types};

use super::definitions::{Definitions, Found};
use super::{Body, Message, Part, Style};

/// Makes messages of one binding's operation.
pub(super) struct Messages<'d, 'a> {
    pub(super) definitions: &'a Definitions<'d>,
    pub(super) types: &'a mut Types,
    /// What to tell the author.
    pub(super) told: Vec<(Place, String)>,
}

/// What a binding says of one message.
pub(super) struct Written<'d> {
    pub(super) style: Style,
    /// The `input` or `output` of the binding's operation.
    pub(super) binding: Option<&'d Element>,
    /// Where the binding stands.
    pub(super) file: &'d str,
    /// The wrapper of an RPC message.
    pub(super) wrapper: String,
    /// The namespace of an RPC wrapper if the binding states none.
    pub(super) namespace: String,
}

impl<'d> Messages<'d, '_> {
    /// The message that a port type's `input` or `output` names.
    pub(super) fn message(&mut self, of: Found<'d>, written: &Written<'d>) -> Message {
        let mut message = Message::default();
        let name = of.part.attribute("message").map(|name| of.part.qualified(name));
        let found = name.as_ref().and_then(|name| self.definitions.message(name));
        let (Some(found), Some(_)) = (found, &name) else {
            let shown = name.map(|name| name.to_string()).unwrap_or_default();
            self.tell(of, format!("the message `{shown}` is not defined; taken as empty"));
            return message;
        };
        let body = written.binding.and_then(|binding| soap_part(binding, "body"));
        message.encoded = body.is_some_and(|body| body.attribute("use") == Some("encoded"));
        let listed: Option<Vec<&str>> =
            body.and_then(|body| body.attribute("parts")).map(|parts| parts.split_whitespace().collect());
        let headers = written.binding.map(|binding| self.headers(binding, written)).unwrap_or_default();
        let attached = written.binding.map(attachments).unwrap_or_default();
        let mut parts = Vec::new();
        for part in found.part.named(ns::WSDL, "part") {
            let name = part.attribute("name").unwrap_or_default();
            let is_header = headers.iter().any(|(message, of, _)| *message == found.name() && of == name);
            if attached.contains(&name) {
                let kept = Part {
                    key: name.to_owned(),
                    name: Name::new("", name),
                    of: self.types.any(),
                    nillable: true,
                    is_declared: false,
                };
                message.attachments.push(kept);
            } else if listed.as_ref().map_or(!is_header, |listed| listed.contains(&name)) {
                parts.push(self.part(Found { part, ..found }));
            }
        }
        message.headers = headers.into_iter().map(|(_, _, part)| part).collect();
        message.body = match written.style {
            Style::Rpc => {
                let stated = body.and_then(|body| body.attribute("namespace"));
                let namespace = stated.unwrap_or(&written.namespace);
                let wrapper = Some(Name::new(namespace, &written.wrapper));
                Body::Parts { wrapper, parts }
            }
            Style::Document if parts.len() == 1 => {
                let part = parts.remove(0);
                Body::Element { part, flat: false }
            }
            Style::Document if parts.is_empty() => Body::Empty,
            Style::Document => Body::Parts { wrapper: None, parts },
        };
        message
    }

    /// The one part that a fault's message has.
    pub(super) fn fault(&mut self, of: Found<'d>) -> Option<Part> {
        let name = of.part.qualified(of.part.attribute("message")?);
        let found = self.definitions.message(&name)?;
        let part = found.part.named(ns::WSDL, "part").next()?;
        Some(self.part(Found { part, ..found }))
    }

    fn part(&mut self, found: Found<'d>) -> Part {
        let part = found.part;
        let given = part.attribute("name").unwrap_or("part").trim();
        let place = Place { file: found.file.to_owned(), line: part.line };
        if let Some(element) = part.attribute("element") {
            let name = in_target(part.qualified(element), found.target());
            let id = self.types.element_id(&name, &place);
            // What it is declared as is known when all is read: see `settle`.
            return Part {
                key: name.local.to_string(),
                name,
                of: self.types.type_of_element(id),
                nillable: false,
                is_declared: true,
            };
        }
        let of = if let Some(of) = part.attribute("type") {
            self.types.type_id(&in_target(part.qualified(of), found.target()), &place)
        } else {
            self.tell(
                found,
                format!("the part `{given}` has neither element nor type; anything may stand in it"),
            );
            self.types.any()
        };
        Part { key: given.to_owned(), name: Name::new("", given), of, nillable: true, is_declared: false }
    }

    /// The headers that a binding states: the message and part that each is, and as what it is written.
    fn headers(&mut self, binding: &'d Element, written: &Written<'d>) -> Vec<(&'d str, String, Part)> {
        let mut headers = Vec::new();
        for header in soap_parts(binding, "header") {
            let (Some(message), Some(part)) = (header.attribute("message"), header.attribute("part")) else {
                continue;
            };
            let message = header.qualified(message);
            let found = self.definitions.message(&message);
            let stated = found.and_then(|found| {
                let part = found.part.named(ns::WSDL, "part").find(|p| p.attribute("name") == Some(part))?;
                Some(Found { part, ..found })
            });
            if let Some(stated) = stated {
                let message = found.map(|found| found.part.attribute("name").unwrap_or_default());
                headers.push((message.unwrap_or_default(), part.to_owned(), self.part(stated)));
            } else {
                let place = Place { file: written.file.to_owned(), line: header.line };
                self.told.push((
                    place,
                    format!("the header `{message}`, part `{part}`, is not defined; left out"),
                ));
            }
        }
        headers
    }

    fn tell(&mut self, at: Found<'_>, message: String) {
        self.told.push((Place { file: at.file.to_owned(), line: at.part.line }, message));
    }
}

/// Finds out how a message's one element is to stand in JSON, when all types are known.
pub(super) fn settle(types: &Types, message: &mut Message) {
    let settle = |part: &mut Part| {
        if let Some(element) = types.global(&part.name).filter(|_| part.is_declared) {
            part.of = element.of;
            part.name = element.name.clone();
            part.nillable = element.nillable;
        }
    };
    message.headers.iter_mut().for_each(settle);
    match &mut message.body {
        Body::Empty => {}
        Body::Parts { parts, .. } => {
            parts.iter_mut().for_each(settle);
            // One object has each name once.
            for at in 1..parts.len() {
                let key = parts[at].key.clone();
                let rivals =
                    parts[..at].iter().filter(|part| part.name.local == parts[at].name.local).count();
                if rivals > 0 {
                    parts[at].key = format!("{key}_{}", rivals + 1);
                }
            }
        }
        Body::Element { part, flat } => {
            settle(part);
            *flat = match types.form(part.of) {
                Form::Any => true,
                Form::Simple => false,
                Form::Complex(shape) => shape.array_of.is_none(),
            };
        }
    }
}

/// A name that its author forgot to qualify is one of the document's own.
fn in_target(name: Name, target: &str) -> Name {
    if name.namespace.is_empty() { Name::new(target, &name.local) } else { name }
}

/// The parts of a binding's message in SOAP's namespaces; those inside of a MIME part too.
fn soap_parts<'d>(binding: &'d Element, local: &'static str) -> Vec<&'d Element> {
    let is_soap = |of: &&Element| matches!(&*of.name.namespace, ns::WSDL_SOAP | ns::WSDL_SOAP12);
    let multipart = binding.named(ns::WSDL_MIME, "multipartRelated");
    let inside = multipart.flat_map(|of| of.named(ns::WSDL_MIME, "part")).flat_map(Element::elements);
    let all = binding.elements().chain(inside);
    all.filter(is_soap).filter(|of| &*of.name.local == local).collect()
}

fn soap_part<'d>(binding: &'d Element, local: &'static str) -> Option<&'d Element> {
    soap_parts(binding, local).into_iter().next()
}

/// The names of the message's parts that are sent beside the envelope.
fn attachments(binding: &Element) -> Vec<&str> {
    let multipart = binding.named(ns::WSDL_MIME, "multipartRelated");
    let parts = multipart.flat_map(|of| of.named(ns::WSDL_MIME, "part"));
    let contents = parts.flat_map(|part| part.named(ns::WSDL_MIME, "content"));
    contents.filter_map(|content| content.attribute("part")).collect()
}
