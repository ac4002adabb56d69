//! Schemas in the schema definition language (GraphQL, section 3).

use std::collections::HashMap;

use super::Warning;
use super::lexer::{Token, Tokens};
use super::schema::{Argument, EnumValue, Field, Kind, Type, Types};
use super::syntax::{Directives, Name};
use crate::document::Unreadable;

/// Words that definitions begin with.
const DEFINING: [&str; 9] =
    ["type", "interface", "union", "enum", "input", "scalar", "schema", "directive", "extend"];

/// What a text says, definition by definition.
struct Reader<'t> {
    tokens: Tokens<'t>,
    types: Vec<Type>,
    /// What `extend` adds, in the order of the text.
    extensions: Vec<Type>,
    /// `query`, `mutation` and `subscription`, if a `schema` names them.
    roots: HashMap<&'t str, Name>,
}

/// Reads a schema.
pub(super) fn read(text: &str, warnings: &mut Vec<Warning>) -> Result<Types, Unreadable> {
    let (types, extensions, roots) = (Vec::new(), Vec::new(), HashMap::new());
    let mut reader = Reader { tokens: Tokens::new(text)?, types, extensions, roots };
    while reader.tokens.peek() != Token::End {
        reader.definition()?;
    }
    let Reader { mut types, extensions, roots, .. } = reader;
    for extension in extensions {
        extend(&mut types, extension, warnings);
    }
    let named = !roots.is_empty();
    let root = |operation: &str, usual: &str| match roots.get(operation) {
        None if !named => Some(Name::from(usual)),
        other => other.cloned(),
    };
    Ok(Types::new(types, [root("query", "Query"), root("mutation", "Mutation")], warnings))
}

impl Reader<'_> {
    fn definition(&mut self) -> Result<(), Unreadable> {
        let description = self.tokens.description()?;
        let extends = self.tokens.eat_word("extend")?;
        let Token::Name(keyword) = self.tokens.peek() else {
            return Err(self.no_definition());
        };
        let kind = match keyword {
            "schema" => return self.schema(),
            "directive" => return self.directive(),
            "type" | "interface" | "union" | "enum" | "input" | "scalar" => keyword,
            _ => return Err(self.no_definition()),
        };
        self.tokens.advance()?;
        let name = self.tokens.name()?.into();
        let kind = self.kind(kind)?;
        let of = Type { name, description, kind };
        if extends {
            self.extensions.push(of);
        } else {
            self.types.push(of);
        }
        Ok(())
    }

    /// What stands where a definition should; people take queries for schemas.
    fn no_definition(&self) -> Unreadable {
        match self.tokens.peek() {
            Token::Sign('{') | Token::Name("query" | "mutation" | "subscription" | "fragment") => {
                self.tokens.error(
                    "this is a query, not a schema; the schema is what its server answers to introspection",
                )
            }
            _ => self.tokens.expected("a definition (`type`, `input`, `enum`, `schema` ...)"),
        }
    }

    fn schema(&mut self) -> Result<(), Unreadable> {
        self.tokens.advance()?;
        self.tokens.directives()?;
        if self.tokens.eat('{')? {
            while !self.tokens.eat('}')? {
                self.tokens.description()?;
                let operation = self.tokens.name()?;
                self.tokens.sign(':')?;
                let name = self.tokens.name()?.into();
                self.tokens.directives()?;
                self.roots.insert(operation, name);
            }
        }
        Ok(())
    }

    /// Definitions of directives say nothing about operations.
    fn directive(&mut self) -> Result<(), Unreadable> {
        self.tokens.advance()?;
        self.tokens.sign('@')?;
        self.tokens.name()?;
        self.inputs('(', ')')?;
        self.tokens.directives()?;
        self.tokens.eat_word("repeatable")?;
        if self.tokens.eat_word("on")? {
            self.tokens.eat('|')?;
            self.tokens.name()?;
            while self.tokens.eat('|')? {
                self.tokens.name()?;
            }
        }
        Ok(())
    }

    fn kind(&mut self, keyword: &str) -> Result<Kind, Unreadable> {
        let interfaces =
            if matches!(keyword, "type" | "interface") { self.interfaces()? } else { Vec::new() };
        let Directives { specified_by, one_of, .. } = self.tokens.directives()?;
        Ok(match keyword {
            "type" => Kind::Object { fields: self.fields()?, interfaces },
            "interface" => Kind::Interface { fields: self.fields()?, interfaces },
            "union" => Kind::Union { members: self.members()? },
            "enum" => Kind::Enum { values: self.values()? },
            "input" => Kind::Input { fields: self.inputs('{', '}')?, one_of },
            _ => Kind::Scalar { specified_by },
        })
    }

    /// `implements A & B`; of old `implements A B` and `implements A, B`.
    fn interfaces(&mut self) -> Result<Vec<Name>, Unreadable> {
        let mut names = Vec::new();
        if self.tokens.eat_word("implements")? {
            self.tokens.eat('&')?;
            names.push(self.tokens.name()?.into());
            while self.tokens.eat('&')? || matches!(self.tokens.peek(), Token::Name(_)) {
                // What follows without `{` may be the next definition.
                if matches!(self.tokens.peek(), Token::Name(word) if DEFINING.contains(&word)) {
                    break;
                }
                names.push(self.tokens.name()?.into());
            }
        }
        Ok(names)
    }

    fn fields(&mut self) -> Result<Vec<Field>, Unreadable> {
        let mut fields = Vec::new();
        if self.tokens.eat('{')? {
            while !self.tokens.eat('}')? {
                let description = self.tokens.description()?;
                let name = self.tokens.name()?.into();
                let arguments = self.inputs('(', ')')?;
                self.tokens.sign(':')?;
                let of = self.tokens.type_ref(0)?;
                let deprecated = self.tokens.directives()?.deprecated;
                fields.push(Field { name, description, arguments, of, deprecated });
            }
        }
        Ok(fields)
    }

    /// Arguments, or the fields of an input object.
    fn inputs(&mut self, open: char, close: char) -> Result<Vec<Argument>, Unreadable> {
        let mut inputs = Vec::new();
        if self.tokens.eat(open)? {
            while !self.tokens.eat(close)? {
                let description = self.tokens.description()?;
                let name = self.tokens.name()?.into();
                self.tokens.sign(':')?;
                let of = self.tokens.type_ref(0)?;
                let default = if self.tokens.eat('=')? { Some(self.tokens.literal(0)?) } else { None };
                let deprecated = self.tokens.directives()?.deprecated;
                inputs.push(Argument { name, description, of, default, deprecated });
            }
        }
        Ok(inputs)
    }

    fn members(&mut self) -> Result<Vec<Name>, Unreadable> {
        let mut members = Vec::new();
        if self.tokens.eat('=')? {
            self.tokens.eat('|')?;
            members.push(self.tokens.name()?.into());
            while self.tokens.eat('|')? {
                members.push(self.tokens.name()?.into());
            }
        }
        Ok(members)
    }

    fn values(&mut self) -> Result<Vec<EnumValue>, Unreadable> {
        let mut values = Vec::new();
        if self.tokens.eat('{')? {
            while !self.tokens.eat('}')? {
                let description = self.tokens.description()?;
                let name = self.tokens.name()?.to_owned();
                let deprecated = self.tokens.directives()?.deprecated;
                values.push(EnumValue { name, description, deprecated });
            }
        }
        Ok(values)
    }
}

/// Adds an extension to its type. One whose type is not there is taken for the definition, as parts of federated schemas
/// have it.
fn extend(types: &mut Vec<Type>, extension: Type, warnings: &mut Vec<Warning>) {
    let Some(of) = types.iter_mut().find(|of| of.name == extension.name) else {
        types.push(extension);
        return;
    };
    match (&mut of.kind, extension.kind) {
        (Kind::Object { fields, interfaces }, Kind::Object { fields: more, interfaces: others })
        | (Kind::Interface { fields, interfaces }, Kind::Interface { fields: more, interfaces: others }) => {
            fields.extend(more);
            interfaces.extend(others);
        }
        (Kind::Union { members }, Kind::Union { members: more }) => members.extend(more),
        (Kind::Enum { values }, Kind::Enum { values: more }) => values.extend(more),
        (Kind::Input { fields, one_of }, Kind::Input { fields: more, one_of: also }) => {
            fields.extend(more);
            *one_of |= also;
        }
        (Kind::Scalar { specified_by }, Kind::Scalar { specified_by: more }) => {
            *specified_by = specified_by.take().or(more);
        }
        _ => {
            let message = "an extension takes it for a type of another kind; ignored".to_owned();
            warnings.push(Warning { at: extension.name.to_string(), message });
        }
    }
}
