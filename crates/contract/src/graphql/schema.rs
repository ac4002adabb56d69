//! The types of a schema, whichever way they were published.

use std::collections::{HashMap, HashSet};

use super::Warning;
use super::syntax::{Literal, Name, TypeRef};

/// A schema. Types stand in the order of the document.
#[derive(Debug, Default)]
pub(super) struct Types {
    pub(super) all: Vec<Type>,
    pub(super) query: Option<Name>,
    pub(super) mutation: Option<Name>,
    by_name: HashMap<Name, usize>,
    /// The objects of each interface.
    implementors: HashMap<Name, Vec<Name>>,
}

#[derive(Debug)]
pub(super) struct Type {
    pub(super) name: Name,
    pub(super) description: String,
    pub(super) kind: Kind,
}

#[derive(Debug)]
pub(super) enum Kind {
    Scalar { specified_by: Option<String> },
    Object { fields: Vec<Field>, interfaces: Vec<Name> },
    Interface { fields: Vec<Field>, interfaces: Vec<Name> },
    Union { members: Vec<Name> },
    Enum { values: Vec<EnumValue> },
    Input { fields: Vec<Argument>, one_of: bool },
}

#[derive(Debug)]
pub(super) struct Field {
    pub(super) name: Name,
    pub(super) description: String,
    pub(super) arguments: Vec<Argument>,
    pub(super) of: TypeRef,
    pub(super) deprecated: Option<String>,
}

/// An argument, or a field of an input object.
#[derive(Clone, Debug)]
pub(super) struct Argument {
    pub(super) name: Name,
    pub(super) description: String,
    pub(super) of: TypeRef,
    pub(super) default: Option<Literal>,
    pub(super) deprecated: Option<String>,
}

#[derive(Debug)]
pub(super) struct EnumValue {
    pub(super) name: String,
    pub(super) description: String,
    pub(super) deprecated: Option<String>,
}

impl Argument {
    /// Whether a call without it is refused.
    pub(super) const fn is_required(&self) -> bool {
        self.of.is_non_null() && self.default.is_none()
    }
}

impl Field {
    /// Whether it can be selected without saying more.
    pub(super) fn needs_arguments(&self) -> bool {
        self.arguments.iter().any(Argument::is_required)
    }

    pub(super) fn argument(&self, name: &str) -> Option<&Argument> {
        self.arguments.iter().find(|argument| &*argument.name == name)
    }
}

impl Type {
    /// What can be selected of it by name.
    pub(super) fn fields(&self) -> &[Field] {
        match &self.kind {
            Kind::Object { fields, .. } | Kind::Interface { fields, .. } => fields,
            _ => &[],
        }
    }

    pub(super) fn field(&self, name: &str) -> Option<&Field> {
        self.fields().iter().find(|field| &*field.name == name)
    }

    /// Whether a value of it has no fields to select.
    pub(super) const fn is_leaf(&self) -> bool {
        matches!(self.kind, Kind::Scalar { .. } | Kind::Enum { .. })
    }

    /// Whether values of several types stand behind it.
    pub(super) const fn is_abstract(&self) -> bool {
        matches!(self.kind, Kind::Interface { .. } | Kind::Union { .. })
    }
}

/// The scalars that every schema has (section 3.5).
const BUILT_IN: [&str; 5] = ["Int", "Float", "String", "Boolean", "ID"];

impl Types {
    pub(super) fn get(&self, name: &str) -> Option<&Type> {
        self.by_name.get(name).and_then(|at| self.all.get(*at))
    }

    /// The objects that may stand behind a type.
    pub(super) fn possible<'s>(&'s self, of: &'s Type) -> &'s [Name] {
        match &of.kind {
            Kind::Union { members } => members,
            Kind::Interface { .. } => self.implementors.get(&of.name).map_or(&[], Vec::as_slice),
            _ => std::slice::from_ref(&of.name),
        }
    }

    /// Makes a schema of what was read, without what cannot be used.
    pub(super) fn new(mut all: Vec<Type>, roots: [Option<Name>; 2], warnings: &mut Vec<Warning>) -> Self {
        let mut seen = HashSet::new();
        all.retain(|of| {
            let first = seen.insert(of.name.clone());
            if !first {
                warn(warnings, of.name.to_string(), "there are two of this name; the first counts");
            }
            first
        });
        for name in BUILT_IN.map(Name::from).into_iter().filter(|name| !seen.contains(name)) {
            let kind = Kind::Scalar { specified_by: None };
            all.push(Type { name, description: String::new(), kind });
        }
        let kinds: HashMap<Name, Role> = all.iter().map(|of| (of.name.clone(), Role::of(&of.kind))).collect();
        for of in &mut all {
            clear(of, &kinds, warnings);
        }
        let mut implementors: HashMap<Name, Vec<Name>> = HashMap::new();
        for of in &all {
            if let Kind::Object { interfaces, .. } = &of.kind {
                for interface in interfaces {
                    implementors.entry(interface.clone()).or_default().push(of.name.clone());
                }
            }
        }
        let by_name = all.iter().enumerate().map(|(at, of)| (of.name.clone(), at)).collect();
        let [query, mutation] = roots.map(|root| root.filter(|root| kinds.get(root) == Some(&Role::Object)));
        Self { all, query, mutation, by_name, implementors }
    }
}

/// Where a type may stand.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Role {
    Leaf,
    Object,
    Abstract,
    Input,
}

impl Role {
    const fn of(kind: &Kind) -> Self {
        match kind {
            Kind::Scalar { .. } | Kind::Enum { .. } => Self::Leaf,
            Kind::Object { .. } => Self::Object,
            Kind::Interface { .. } | Kind::Union { .. } => Self::Abstract,
            Kind::Input { .. } => Self::Input,
        }
    }
}

/// Leaves out what refers to types that do not exist or cannot stand there.
fn clear(of: &mut Type, kinds: &HashMap<Name, Role>, warnings: &mut Vec<Warning>) {
    let own = of.name.clone();
    match &mut of.kind {
        Kind::Object { fields, .. } | Kind::Interface { fields, .. } => {
            once(fields, |field| &field.name, &own, warnings);
            fields.retain(|field| {
                let role = kinds.get(field.of.name());
                let fits = role.is_some_and(|role| *role != Role::Input);
                if !fits {
                    let what = misfit(role.is_some(), &field.of, "what is selected");
                    warn(warnings, format!("{own}.{}", field.name), &format!("{what}; left out"));
                }
                fits
            });
            for field in fields {
                let at = format!("{own}.{}", field.name);
                once(&mut field.arguments, |argument| &argument.name, &at, warnings);
                check_inputs(&field.arguments, kinds, |name| format!("{at}({name}:)"), warnings);
            }
        }
        Kind::Input { fields, .. } => {
            once(fields, |field| &field.name, &own, warnings);
            check_inputs(fields, kinds, |name| format!("{own}.{name}"), warnings);
        }
        Kind::Union { members } => members.retain(|member| {
            let fits = kinds.get(member) == Some(&Role::Object);
            if !fits {
                warn(warnings, own.to_string(), &format!("`{member}` is no object type; left out"));
            }
            fits
        }),
        Kind::Scalar { .. } | Kind::Enum { .. } => {}
    }
}

/// Of two things with one name the first counts.
fn once<T>(list: &mut Vec<T>, name: fn(&T) -> &Name, within: &str, warnings: &mut Vec<Warning>) {
    let mut seen = HashSet::new();
    list.retain(|item| {
        let first = seen.insert(name(item).clone());
        if !first {
            warn(warnings, within.to_owned(), &format!("it has `{}` twice; the first counts", name(item)));
        }
        first
    });
}

/// Of an argument whose type says nothing any value is taken.
fn check_inputs(
    inputs: &[Argument],
    kinds: &HashMap<Name, Role>,
    at: impl Fn(&str) -> String,
    warnings: &mut Vec<Warning>,
) {
    for input in inputs {
        let role = kinds.get(input.of.name());
        if !matches!(role, Some(Role::Leaf | Role::Input)) {
            let what = misfit(role.is_some(), &input.of, "an input");
            warn(warnings, at(&input.name), &format!("{what}; any value is taken"));
        }
    }
}

fn misfit(exists: bool, of: &TypeRef, place: &str) -> String {
    let name = of.name();
    if exists { format!("`{name}` cannot be {place}") } else { format!("there is no type `{name}`") }
}

fn warn(warnings: &mut Vec<Warning>, at: String, message: &str) {
    warnings.push(Warning { at, message: message.to_owned() });
}
