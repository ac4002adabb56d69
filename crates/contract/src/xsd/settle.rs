//! What is done when all schemas are read: what is referred to and nowhere defined is given the likeliest meaning.

use std::collections::HashMap;
use std::sync::{Arc, OnceLock};

use crate::xml::{Name, ns};

use super::{Complex, ElementId, Place, Simple, TypeId, TypeKind, Types, Variety, builtin};

impl Types {
    /// Ends reading. Each mistake that was found is told once, with its place.
    pub(crate) fn settle(&mut self, warn: &mut dyn FnMut(&Place, String)) {
        self.settle_types(warn);
        self.settle_elements(warn);
        self.index();
        self.forms = (0..self.all.len()).map(|_| OnceLock::new()).collect();
    }

    fn settle_types(&mut self, warn: &mut dyn FnMut(&Place, String)) {
        let mut by_local: HashMap<Arc<str>, Vec<TypeId>> = HashMap::new();
        for (name, id) in &self.type_names {
            let def = &self.all[id.at()];
            if !matches!(def.kind, TypeKind::Undefined | TypeKind::Builtin(_) | TypeKind::Any) {
                by_local.entry(Arc::clone(&name.local)).or_default().push(*id);
            }
        }
        for at in 0..self.all.len() {
            if !matches!(self.all[at].kind, TypeKind::Undefined) {
                continue;
            }
            let place = self.all[at].place.clone();
            let Some(name) = self.all[at].name.clone() else {
                self.all[at].kind = TypeKind::Any;
                continue;
            };
            let standard =
                builtin::of(&name.local).and_then(|_| self.named(&Name::new(ns::XSD, &name.local)));
            let elsewhere = by_local.get(&name.local).filter(|list| list.len() == 1).map(|list| list[0]);
            let element = self.element_names.get(&name).map(|id| &self.elements[id.at()]);
            let (kind, told) = if let Some(id) = standard {
                (
                    TypeKind::Same(id),
                    format!("`{name}` is not defined; taken as XML Schema's `{}`", name.local),
                )
            } else if let Some(element) = element.filter(|element| element.defined) {
                (TypeKind::Same(element.of), format!("`{name}` is an element, not a type; its type is taken"))
            } else if let Some(id) = elsewhere {
                let other = self.all[id.at()].name.as_ref().map(ToString::to_string).unwrap_or_default();
                (TypeKind::Same(id), format!("the type `{name}` is not defined; `{other}` is taken"))
            } else {
                (TypeKind::Any, format!("the type `{name}` is not defined; anything may stand there"))
            };
            self.all[at].kind = kind;
            warn(&place, told);
        }
    }

    fn settle_elements(&mut self, warn: &mut dyn FnMut(&Place, String)) {
        let mut by_local: HashMap<Arc<str>, Vec<ElementId>> = HashMap::new();
        for (name, id) in &self.element_names {
            if self.elements[id.at()].defined {
                by_local.entry(Arc::clone(&name.local)).or_default().push(*id);
            }
        }
        for at in 0..self.elements.len() {
            let element = &self.elements[at];
            if element.defined {
                if let Some(head) = element.substitutes
                    && element.of == self.any()
                    && !self.elements[head.at()].is_abstract
                {
                    self.elements[at].of = self.elements[head.at()].of;
                }
                continue;
            }
            let (name, place) = (element.name.clone(), element.place.clone());
            let elsewhere = by_local.get(&name.local).filter(|list| list.len() == 1).map(|list| list[0]);
            if let Some(other) = elsewhere {
                let found = self.elements[other.at()].clone();
                warn(&place, format!("the element `{name}` is not declared; `{}` is taken", found.name));
                self.elements[at] = found;
            } else if let Some(of) = self.named(&name) {
                self.elements[at].of = of;
                warn(&place, format!("`{name}` is a type, not an element; an element of that type is taken"));
            } else if &*name.namespace == ns::XSD && &*name.local == "schema" {
                // How .NET says that a data set follows, with its schema before it.
            } else {
                warn(&place, format!("the element `{name}` is not declared; anything may stand in it"));
            }
        }
    }

    /// Who may stand in for whom.
    fn index(&mut self) {
        for (at, def) in self.all.iter().enumerate() {
            let is_own = !matches!(def.kind, TypeKind::Undefined | TypeKind::Same(_) | TypeKind::Builtin(_));
            if let Some(name) = def.name.as_ref().filter(|_| is_own && at > 0) {
                self.by_local.entry(Arc::clone(&name.local)).or_default().push(TypeId(at as u32));
            }
        }
        for at in 0..self.elements.len() {
            let id = ElementId(at as u32);
            if self.element_names.get(&self.elements[at].name) != Some(&id) {
                continue;
            }
            let mut head = self.elements[at].substitutes;
            for _ in 0..super::HOPS_MAX {
                let Some(of) = head.filter(|of| *of != id) else { break };
                self.substitutes.entry(of).or_default().push(id);
                head = self.elements[of.at()].substitutes;
            }
        }
        for at in 0..self.all.len() {
            let base = match &self.all[at].kind {
                TypeKind::Complex(Complex { base: Some(base), .. }) => base.of,
                TypeKind::Simple(Simple { variety: Variety::Restriction(base), .. }) => *base,
                _ => continue,
            };
            if self.all[at].name.is_some() {
                let base = self.real(base);
                self.derived.entry(base).or_default().push(TypeId(at as u32));
            }
        }
    }
}
