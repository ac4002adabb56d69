//! What definitions and selections are made of: types, values, directives (GraphQL, section 2).

use std::fmt;
use std::sync::Arc;

use serde_json::{Number, Value};

use super::lexer::{Token, Tokens, said};
use crate::document::Unreadable;

/// Values, types and selections inside one another at most.
pub(super) const DEPTH_MAX: usize = 64;

/// A name, shared.
pub(super) type Name = Arc<str>;

/// A type as it is referred to: `[Item!]!`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum TypeRef {
    Named(Name),
    List(Box<TypeRef>),
    NonNull(Box<TypeRef>),
}

impl TypeRef {
    /// The name inside.
    pub(super) fn name(&self) -> &Name {
        match self {
            Self::Named(name) => name,
            Self::List(inside) | Self::NonNull(inside) => inside.name(),
        }
    }

    /// The type without its `!`.
    pub(super) fn nullable(&self) -> &Self {
        match self {
            Self::NonNull(inside) => inside,
            other => other,
        }
    }

    pub(super) const fn is_non_null(&self) -> bool {
        matches!(self, Self::NonNull(_))
    }

    pub(super) fn is_list(&self) -> bool {
        matches!(self.nullable(), Self::List(_))
    }
}

impl fmt::Display for TypeRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Named(name) => f.write_str(name),
            Self::List(inside) => write!(f, "[{inside}]"),
            Self::NonNull(inside) => write!(f, "{inside}!"),
        }
    }
}

/// A value as it is written. Numbers keep their digits.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Literal {
    Null,
    Bool(bool),
    Number(String),
    Text(String),
    Enum(String),
    Variable(Name),
    List(Vec<Literal>),
    Object(Vec<(String, Literal)>),
}

impl Literal {
    /// As JSON; a variable, which has no value of its own, is null.
    pub(super) fn to_json(&self) -> Value {
        match self {
            Self::Null | Self::Variable(_) => Value::Null,
            Self::Bool(flag) => Value::Bool(*flag),
            Self::Number(text) => {
                serde_json::from_str::<Number>(text).map_or_else(|_| text.as_str().into(), Value::Number)
            }
            Self::Text(text) | Self::Enum(text) => text.as_str().into(),
            Self::List(items) => items.iter().map(Self::to_json).collect(),
            Self::Object(fields) => {
                fields.iter().map(|(name, value)| (name.clone(), value.to_json())).collect()
            }
        }
    }
}

impl fmt::Display for Literal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Null => f.write_str("null"),
            Self::Bool(flag) => write!(f, "{flag}"),
            Self::Number(text) | Self::Enum(text) => f.write_str(text),
            Self::Text(text) => write!(f, "{}", Value::from(text.as_str())),
            Self::Variable(name) => write!(f, "${name}"),
            Self::List(items) => {
                f.write_str("[")?;
                for (n, item) in items.iter().enumerate() {
                    write!(f, "{}{item}", if n == 0 { "" } else { ", " })?;
                }
                f.write_str("]")
            }
            Self::Object(fields) => {
                f.write_str("{")?;
                for (n, (name, value)) in fields.iter().enumerate() {
                    write!(f, "{}{name}: {value}", if n == 0 { "" } else { ", " })?;
                }
                f.write_str("}")
            }
        }
    }
}

/// What is read of directives.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Directives {
    /// Why it should no longer be used.
    pub(super) deprecated: Option<String>,
    /// Where a scalar is specified.
    pub(super) specified_by: Option<String>,
    /// Exactly one field of an input object is given.
    pub(super) one_of: bool,
    /// Whether there is any.
    pub(super) any: bool,
}

impl<'t> Tokens<'t> {
    /// Takes the punctuator if it comes.
    pub(super) fn eat(&mut self, sign: char) -> Result<bool, Unreadable> {
        let comes = self.peek() == Token::Sign(sign);
        if comes {
            self.advance()?;
        }
        Ok(comes)
    }

    /// Takes the keyword if it comes.
    pub(super) fn eat_word(&mut self, word: &str) -> Result<bool, Unreadable> {
        let comes = self.peek() == Token::Name(word);
        if comes {
            self.advance()?;
        }
        Ok(comes)
    }

    /// The punctuator must come.
    pub(super) fn sign(&mut self, sign: char) -> Result<(), Unreadable> {
        if self.eat(sign)? { Ok(()) } else { Err(self.expected(&format!("`{sign}`"))) }
    }

    /// A name must come.
    pub(super) fn name(&mut self) -> Result<&'t str, Unreadable> {
        let Token::Name(name) = self.peek() else { return Err(self.expected("a name")) };
        self.advance()?;
        Ok(name)
    }

    /// What must come, and what comes instead.
    pub(super) fn expected(&self, what: &str) -> Unreadable {
        let found = match self.peek() {
            Token::End => "the text ends".to_owned(),
            Token::Sign('.') => "`...` comes".to_owned(),
            Token::Sign(sign) => format!("`{sign}` comes"),
            Token::Name(word) | Token::Int(word) | Token::Float(word) => format!("`{word:.40}` comes"),
            Token::Text { .. } => "a string comes".to_owned(),
        };
        self.error(format!("{what} is expected here, but {found}"))
    }

    /// A description, if one comes.
    pub(super) fn description(&mut self) -> Result<String, Unreadable> {
        let Token::Text { raw, block } = self.peek() else { return Ok(String::new()) };
        self.advance()?;
        Ok(said(raw, block))
    }

    /// A type.
    pub(super) fn type_ref(&mut self, depth: usize) -> Result<TypeRef, Unreadable> {
        self.not_too_deep(depth)?;
        let inside = if self.eat('[')? {
            let inside = self.type_ref(depth + 1)?;
            self.sign(']')?;
            TypeRef::List(Box::new(inside))
        } else {
            TypeRef::Named(self.name()?.into())
        };
        Ok(if self.eat('!')? { TypeRef::NonNull(Box::new(inside)) } else { inside })
    }

    /// A value.
    pub(super) fn literal(&mut self, depth: usize) -> Result<Literal, Unreadable> {
        self.not_too_deep(depth)?;
        let literal = match self.peek() {
            Token::Sign('[') => {
                self.advance()?;
                let mut items = Vec::new();
                while !self.eat(']')? {
                    items.push(self.literal(depth + 1)?);
                }
                return Ok(Literal::List(items));
            }
            Token::Sign('{') => {
                self.advance()?;
                let mut fields = Vec::new();
                while !self.eat('}')? {
                    let name = self.name()?.to_owned();
                    self.sign(':')?;
                    fields.push((name, self.literal(depth + 1)?));
                }
                return Ok(Literal::Object(fields));
            }
            Token::Sign('$') => {
                self.advance()?;
                return Ok(Literal::Variable(self.name()?.into()));
            }
            Token::Name("null") => Literal::Null,
            Token::Name(flag @ ("true" | "false")) => Literal::Bool(flag == "true"),
            Token::Name(word) => Literal::Enum(word.to_owned()),
            Token::Int(number) | Token::Float(number) => Literal::Number(number.to_owned()),
            Token::Text { raw, block } => Literal::Text(said(raw, block)),
            Token::Sign(_) | Token::End => return Err(self.expected("a value")),
        };
        self.advance()?;
        Ok(literal)
    }

    /// `(name: value, ...)`, if it comes.
    pub(super) fn arguments(&mut self) -> Result<Vec<(Name, Literal)>, Unreadable> {
        let mut arguments = Vec::new();
        if self.eat('(')? {
            while !self.eat(')')? {
                let name = self.name()?.into();
                self.sign(':')?;
                arguments.push((name, self.literal(0)?));
            }
        }
        Ok(arguments)
    }

    /// The directives that come.
    pub(super) fn directives(&mut self) -> Result<Directives, Unreadable> {
        let mut directives = Directives::default();
        while self.eat('@')? {
            directives.any = true;
            let name = self.name()?;
            let arguments = self.arguments()?;
            let text = |wanted: &str| {
                let (_, value) = arguments.iter().find(|(name, _)| &**name == wanted)?;
                if let Literal::Text(text) = value { Some(text.clone()) } else { None }
            };
            match name {
                "deprecated" => directives.deprecated = Some(text("reason").unwrap_or_default()),
                "specifiedBy" => directives.specified_by = text("url"),
                "oneOf" => directives.one_of = true,
                _ => {}
            }
        }
        Ok(directives)
    }

    pub(super) fn not_too_deep(&self, depth: usize) -> Result<(), Unreadable> {
        if depth < DEPTH_MAX {
            return Ok(());
        }
        Err(self.error(format!("nested deeper than {DEPTH_MAX} levels, which is the most that is read")))
    }
}

/// A value that stands by itself, as introspection tells defaults. None if it is no value.
pub(super) fn literal(text: &str) -> Option<Literal> {
    let mut tokens = Tokens::new(text).ok()?;
    let literal = tokens.literal(0).ok()?;
    (tokens.peek() == Token::End).then_some(literal)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn values_are_json_and_print_as_they_were() {
        let text = r#"{ids: [1, 2.5e1], on: true, kind: OPEN, q: "a \"b\"", none: null}"#;
        let value = literal(text).unwrap();
        assert_eq!(
            value.to_json(),
            json!({"ids": [1, 25.0], "on": true, "kind": "OPEN", "q": "a \"b\"", "none": null})
        );
        assert_eq!(value.to_string(), r#"{ids: [1, 2.5e1], on: true, kind: OPEN, q: "a \"b\"", none: null}"#);
        assert_eq!(literal("1 2"), None);
        assert_eq!(literal(&"[".repeat(100_000)), None);
    }

    #[test]
    fn types_print_as_they_were() {
        let mut tokens = Tokens::new("[[Item!]]!").unwrap();
        let item = tokens.type_ref(0).unwrap();
        assert_eq!(item.to_string(), "[[Item!]]!");
        assert_eq!((&**item.name(), item.is_list(), item.is_non_null()), ("Item", true, true));
    }
}
