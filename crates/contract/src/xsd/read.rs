use crate::xml::{Element, Name, ns};

use super::{
    AttributeGroup, AttributeUse, Base, Complex, Content, ElementDef, ElementId, Facets, Occurs, Order,
    Particle, Place, Simple, TypeDef, TypeId, TypeKind, Types, Variety, is_xsd,
};

/// Another schema that a schema asks for.
#[derive(Debug)]
pub(crate) struct Include {
    pub(crate) location: String,
    /// The namespace that the other takes on if it has none of its own.
    pub(crate) adopts: Option<String>,
    pub(crate) line: u32,
}

/// Reads a schema's definitions; those that it asks for are returned, not read. `adopted`: the namespace that a schema
/// without one takes on from the one that includes it.
pub(crate) fn read_schema(
    types: &mut Types,
    schema: &Element,
    file: &str,
    adopted: Option<&str>,
) -> Vec<Include> {
    let target = schema.attribute("targetNamespace").or(adopted).unwrap_or_default().to_owned();
    let qualified = |name: &str| schema.attribute(name) == Some("qualified");
    let mut reader = Reader {
        elements_qualified: qualified("elementFormDefault"),
        attributes_qualified: qualified("attributeFormDefault"),
        adopts: schema.attribute("targetNamespace").is_none() && adopted.is_some(),
        target,
        file,
        redefined: None,
        types,
    };
    let mut includes = Vec::new();
    for child in parts(schema) {
        match &*child.name.local {
            "import" | "include" | "redefine" | "override" => {
                let own = &*child.name.local != "import";
                includes.extend(child.attribute("schemaLocation").map(|location| Include {
                    location: location.trim().to_owned(),
                    adopts: own.then(|| reader.target.clone()),
                    line: child.line,
                }));
                for part in parts(child) {
                    reader.redefine(part);
                }
            }
            _ => reader.global(child),
        }
    }
    includes
}

struct Reader<'t, 'f> {
    types: &'t mut Types,
    file: &'f str,
    target: String,
    elements_qualified: bool,
    attributes_qualified: bool,
    /// It took its namespace on: names without one mean that.
    adopts: bool,
    /// The type that is being defined anew, and what it was before.
    redefined: Option<(Name, TypeId)>,
}

impl Reader<'_, '_> {
    fn place(&self, of: &Element) -> Place {
        Place { file: self.file.to_owned(), line: of.line }
    }

    fn own(&self, name: &str) -> Name {
        Name::new(&self.target, name.trim())
    }

    fn name(&self, of: &Element, text: &str) -> Name {
        let name = of.qualified(text);
        if name.namespace.is_empty() && self.adopts { self.own(&name.local) } else { name }
    }

    fn type_of(&mut self, of: &Element, text: &str) -> TypeId {
        let name = self.name(of, text);
        match &self.redefined {
            Some((redefined, before)) if *redefined == name => *before,
            _ => {
                let place = self.place(of);
                self.types.type_id(&name, &place)
            }
        }
    }

    fn global(&mut self, part: &Element) {
        let Some(name) = part.attribute("name").map(|name| self.own(name)) else { return };
        match &*part.name.local {
            "element" => {
                self.element(part, true);
            }
            "complexType" | "simpleType" => {
                let mut id = self.types.type_id(&name, &self.place(part));
                if let Some(before) = self.types.type_names.get(&before_redefinition(&name)) {
                    id = *before;
                }
                if matches!(self.types.all[id.at()].kind, TypeKind::Undefined) {
                    let def = self.type_def(part, Some(name));
                    self.types.all[id.at()] = def;
                }
            }
            "group" => {
                let content = self.particle_of(part);
                let id = self.types.group_id(&name);
                let slot = &mut self.types.groups[id.at()];
                if slot.is_none() {
                    *slot = Some(content.unwrap_or(Particle::Group {
                        order: Order::Sequence,
                        items: Vec::new(),
                        occurs: Occurs::ONCE,
                    }));
                }
            }
            "attributeGroup" => {
                let group = self.attributes(part);
                let id = self.types.attribute_group_id(&name);
                self.types.attribute_groups[id.at()] = group;
            }
            "attribute" => {
                let attribute = self.attribute(part, true);
                if let Some(attribute) = attribute {
                    self.types.attributes.insert(name, attribute);
                }
            }
            _ => {}
        }
    }

    /// Defines anew: what the file that is redefined says, which is read later, gets a place of its own for the new
    /// definition to refer to.
    fn redefine(&mut self, part: &Element) {
        let Some(name) = part.attribute("name").map(|name| self.own(name)) else { return };
        if !matches!(&*part.name.local, "complexType" | "simpleType") {
            return self.global(part);
        }
        let place = self.place(part);
        let before = self.types.push(TypeKind::Undefined, None, &place);
        self.redefined = Some((name.clone(), before));
        let id = self.types.type_id(&name, &place);
        let new = self.type_def(part, Some(name.clone()));
        self.types.all[id.at()] = new;
        self.redefined = None;
        self.types.type_names.insert(before_redefinition(&name), before);
    }

    fn type_def(&mut self, part: &Element, name: Option<Name>) -> TypeDef {
        let kind = if &*part.name.local == "simpleType" {
            self.simple(part)
        } else {
            TypeKind::Complex(self.complex(part))
        };
        let is_abstract = flag(part, "abstract");
        TypeDef { name, kind, doc: documentation(part), is_abstract, place: self.place(part) }
    }

    /// A type without a name, or the one that an attribute names.
    fn inline(&mut self, part: &Element, attribute: &str) -> Option<TypeId> {
        if let Some(name) = part.attribute(attribute) {
            return Some(self.type_of(part, name));
        }
        let inner = parts(part).find(|p| matches!(&*p.name.local, "simpleType" | "complexType"))?;
        let def = self.type_def(inner, None);
        self.types.all.push(def);
        Some(TypeId(self.types.all.len() as u32 - 1))
    }

    fn simple(&mut self, part: &Element) -> TypeKind {
        if let Some(list) = part_of(part, "list") {
            let item = self.inline(list, "itemType").unwrap_or(self.types.any());
            return TypeKind::Simple(Simple { variety: Variety::List(item), facets: Facets::default() });
        }
        if let Some(union) = part_of(part, "union") {
            let names = union.attribute("memberTypes").unwrap_or_default().to_owned();
            let mut members: Vec<TypeId> =
                names.split_whitespace().map(|name| self.type_of(union, name)).collect();
            for inner in parts(union).filter(|p| &*p.name.local == "simpleType") {
                let def = self.type_def(inner, None);
                self.types.all.push(def);
                members.push(TypeId(self.types.all.len() as u32 - 1));
            }
            return TypeKind::Simple(Simple { variety: Variety::Union(members), facets: Facets::default() });
        }
        let Some(restriction) = part_of(part, "restriction") else { return TypeKind::Any };
        let Some(base) = self.inline(restriction, "base") else { return TypeKind::Any };
        let facets = facets(restriction);
        TypeKind::Simple(Simple { variety: Variety::Restriction(base), facets })
    }

    fn complex(&mut self, part: &Element) -> Complex {
        let mut complex = Complex { mixed: flag(part, "mixed"), ..Complex::default() };
        let content = parts(part).find(|p| matches!(&*p.name.local, "simpleContent" | "complexContent"));
        let mut body = part;
        if let Some(content) = content {
            complex.mixed |= flag(content, "mixed");
            let derivation = parts(content).find(|p| matches!(&*p.name.local, "extension" | "restriction"));
            if let Some(derivation) = derivation {
                body = derivation;
                let of = derivation.attribute("base").map(|base| self.type_of(derivation, base));
                let extends = &*derivation.name.local == "extension";
                complex.base = of.map(|of| Base { of, extends });
            }
        }
        let attributes = self.attributes(body);
        complex.attributes = attributes.attributes;
        complex.attribute_groups = attributes.groups;
        complex.any_attribute = attributes.any;
        complex.content = match content {
            Some(content) if &*content.name.local == "simpleContent" => Content::Text,
            _ => self.particle_of(body).map_or(Content::Empty, Content::Particle),
        };
        complex.array_of = self.array_of(body);
        complex
    }

    /// The item type that `wsdl:arrayType="x:T[]"` states.
    fn array_of(&mut self, body: &Element) -> Option<TypeId> {
        for attribute in parts(body).filter(|p| &*p.name.local == "attribute") {
            let Some(stated) = attribute.attribute_of(ns::WSDL, "arrayType") else { continue };
            let stated = stated.to_owned();
            let (item, dimensions) = stated.split_once('[').unwrap_or((&stated, "]"));
            let mut of = self.type_of(attribute, item);
            for _ in 1..dimensions.matches(']').count().min(8) {
                let array = Complex { array_of: Some(of), ..Complex::default() };
                of = self.types.push(TypeKind::Complex(array), None, &self.place(attribute));
            }
            return Some(of);
        }
        None
    }

    /// The group of elements that stands in a type or named group.
    fn particle_of(&mut self, of: &Element) -> Option<Particle> {
        let part = parts(of).find(|p| matches!(&*p.name.local, "sequence" | "choice" | "all" | "group"))?;
        self.particle(part)
    }

    fn particle(&mut self, part: &Element) -> Option<Particle> {
        let occurs = occurs(part);
        let order = match &*part.name.local {
            "sequence" => Order::Sequence,
            "choice" => Order::Choice,
            "all" => Order::All,
            "element" => return Some(Particle::Element { element: self.element(part, false), occurs }),
            "any" => return Some(Particle::Any),
            "group" => {
                let name = self.name(part, part.attribute("ref")?);
                return Some(Particle::Named { group: self.types.group_id(&name), occurs });
            }
            _ => return None,
        };
        let parts: Vec<&Element> = parts(part).collect();
        let items = parts.into_iter().filter_map(|part| self.particle(part)).collect();
        Some(Particle::Group { order, items, occurs })
    }

    fn element(&mut self, part: &Element, global: bool) -> ElementId {
        let place = self.place(part);
        if let Some(reference) = part.attribute("ref") {
            let name = self.name(part, reference);
            return self.types.element_id(&name, &place);
        }
        let given = part.attribute("name").unwrap_or_default().trim();
        let qualified =
            global || part.attribute("form").map_or(self.elements_qualified, |form| form == "qualified");
        let name = if qualified { self.own(given) } else { Name::new("", given) };
        let substitutes = part.attribute("substitutionGroup").map(|head| self.name(part, head));
        let substitutes = substitutes.map(|head| self.types.element_id(&head, &place));
        let stated = self.inline(part, "type");
        // A member of a substitution group that says nothing of its type has its head's; that is settled at the end.
        let of = stated.unwrap_or(self.types.any());
        let def = ElementDef {
            name: name.clone(),
            of,
            nillable: flag(part, "nillable"),
            is_abstract: flag(part, "abstract"),
            default: part.attribute("default").map(str::to_owned),
            fixed: part.attribute("fixed").map(str::to_owned),
            doc: documentation(part),
            substitutes,
            defined: true,
            place: place.clone(),
        };
        if !global {
            return self.types.push_element(def);
        }
        let id = self.types.element_id(&name, &place);
        let slot = &mut self.types.elements[id.at()];
        if !slot.defined {
            *slot = def;
        }
        id
    }

    fn attributes(&mut self, of: &Element) -> AttributeGroup {
        let mut group = AttributeGroup::default();
        let parts: Vec<&Element> = parts(of).collect();
        for part in parts {
            match &*part.name.local {
                "attribute" => group.attributes.extend(self.attribute(part, false)),
                "anyAttribute" => group.any = true,
                "attributeGroup" => {
                    if let Some(reference) = part.attribute("ref") {
                        let name = self.name(part, reference);
                        group.groups.push(self.types.attribute_group_id(&name));
                    }
                }
                _ => {}
            }
        }
        group
    }

    fn attribute(&mut self, part: &Element, global: bool) -> Option<AttributeUse> {
        let reference = part.attribute("ref").map(|reference| self.name(part, reference));
        let refers = reference.is_some();
        let name = match reference {
            // Those of SOAP's encoding describe how a value is written, not what it is.
            Some(name) if matches!(&*name.namespace, ns::ENC | ns::ENC12) => return None,
            Some(name) => name,
            None => {
                let given = part.attribute("name")?.trim();
                let form =
                    part.attribute("form").map_or(self.attributes_qualified, |form| form == "qualified");
                if global || form { self.own(given) } else { Name::new("", given) }
            }
        };
        let of = match self.inline(part, "type") {
            Some(of) => of,
            None => self.types.type_id(&Name::new(ns::XSD, "string"), &Place::default()),
        };
        Some(AttributeUse {
            name,
            of,
            required: part.attribute("use") == Some("required"),
            prohibited: part.attribute("use") == Some("prohibited"),
            refers,
            fixed: part.attribute("fixed").map(str::to_owned),
        })
    }
}

/// What a type is filed under that another takes the name of. No name has a blank in it.
fn before_redefinition(name: &Name) -> Name {
    Name::new(&name.namespace, &format!("{} before", name.local))
}

fn flag(of: &Element, name: &str) -> bool {
    matches!(of.attribute(name).map(str::trim), Some("true" | "1"))
}

/// The parts of a schema's part that are of XML Schema.
fn parts(of: &Element) -> impl Iterator<Item = &Element> {
    of.elements().filter(|part| is_xsd(&part.name.namespace))
}

fn part_of<'e>(of: &'e Element, local: &str) -> Option<&'e Element> {
    parts(of).find(|part| &*part.name.local == local)
}

/// How often a part may occur; what is no number is taken as one.
fn occurs(of: &Element) -> Occurs {
    let number = |name: &str| match of.attribute(name).map(str::trim) {
        Some("unbounded") => u32::MAX,
        Some(text) => text.parse().unwrap_or(1),
        None => 1,
    };
    let (min, max) = (number("minOccurs"), number("maxOccurs"));
    Occurs { min: min.min(max), max }
}

fn documentation(of: &Element) -> String {
    let annotation = part_of(of, "annotation");
    let documentation = annotation.and_then(|annotation| part_of(annotation, "documentation"));
    let text = documentation.map(Element::text).unwrap_or_default();
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

fn facets(of: &Element) -> Facets {
    const BOUNDS: [&str; 9] = [
        "length",
        "minLength",
        "maxLength",
        "minInclusive",
        "maxInclusive",
        "minExclusive",
        "maxExclusive",
        "totalDigits",
        "fractionDigits",
    ];
    let mut facets = Facets::default();
    for part in parts(of) {
        let Some(value) = part.attribute("value").map(str::to_owned) else { continue };
        match &*part.name.local {
            "enumeration" => facets.enumeration.push(value),
            "pattern" => facets.patterns.push(value),
            other => {
                facets.bounds.extend(BOUNDS.iter().find(|bound| **bound == other).map(|b| (*b, value)));
            }
        }
    }
    facets
}
