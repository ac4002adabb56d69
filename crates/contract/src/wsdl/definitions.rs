//! Parts of WSDL documents by their names, which may be those of any of the files.

use std::collections::HashMap;

use crate::xml::{Element, Name, ns};

/// Messages, port types and bindings of all documents.
pub(super) struct Definitions<'d> {
    pub(super) documents: &'d [(String, Element)],
    messages: Named<'d>,
    port_types: Named<'d>,
    bindings: Named<'d>,
}

/// A part, and the document that it stands in.
#[derive(Clone, Copy)]
pub(super) struct Found<'d> {
    pub(super) file: &'d str,
    pub(super) root: &'d Element,
    pub(super) part: &'d Element,
}

impl Found<'_> {
    /// The part's own name.
    pub(super) fn name(&self) -> &str {
        self.part.attribute("name").unwrap_or_default()
    }

    pub(super) fn target(&self) -> &str {
        self.root.attribute("targetNamespace").unwrap_or_default()
    }
}

#[derive(Default)]
struct Named<'d> {
    by_name: HashMap<Name, Found<'d>>,
    in_order: Vec<Found<'d>>,
}

impl<'d> Named<'d> {
    fn of(documents: &'d [(String, Element)], local: &'static str) -> Self {
        let mut named = Self::default();
        for (file, root) in documents {
            for part in root.named(ns::WSDL, local) {
                let found = Found { file, root, part };
                named.by_name.entry(Name::new(found.target(), found.name().trim())).or_insert(found);
                named.in_order.push(found);
            }
        }
        named
    }

    /// By its whole name; else by the local one, which authors forget to qualify.
    fn find(&self, name: &Name) -> Option<Found<'d>> {
        let by_local = || self.in_order.iter().find(|found| found.name().trim() == &*name.local);
        self.by_name.get(name).or_else(by_local).copied()
    }
}

impl<'d> Definitions<'d> {
    pub(super) fn of(documents: &'d [(String, Element)]) -> Self {
        Self {
            documents,
            messages: Named::of(documents, "message"),
            port_types: Named::of(documents, "portType"),
            bindings: Named::of(documents, "binding"),
        }
    }

    pub(super) fn message(&self, name: &Name) -> Option<Found<'d>> {
        self.messages.find(name)
    }

    pub(super) fn port_type(&self, name: &Name) -> Option<Found<'d>> {
        self.port_types.find(name)
    }

    pub(super) fn binding(&self, name: &Name) -> Option<Found<'d>> {
        self.bindings.find(name)
    }

    pub(super) fn bindings(&self) -> impl Iterator<Item = Found<'d>> {
        self.bindings.in_order.iter().copied()
    }

    pub(super) fn port_types(&self) -> impl Iterator<Item = Found<'d>> {
        self.port_types.in_order.iter().copied()
    }
}

/// The documentation of a part, in one line.
pub(super) fn documentation(of: &Element) -> String {
    let text = of.child(ns::WSDL, "documentation").map(all_text).unwrap_or_default();
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

fn all_text(of: &Element) -> String {
    let mut text = of.text();
    for inner in of.elements() {
        text.push(' ');
        text.push_str(&all_text(inner));
    }
    text
}
