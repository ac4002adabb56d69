//! Selections that the author of a connector writes: `id variants(first: $count) { nodes { sku } }`.

use std::fmt;

use super::lexer::{Token, Tokens};
use super::schema::{Argument, Kind, Type, Types};
use super::selection::{Alias, Selected, Selection};
use super::syntax::{Literal, Name, TypeRef};
use crate::document::Unreadable;

/// Why a selection cannot be asked for.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotASelection {
    /// It breaks the rules of the syntax.
    #[error(transparent)]
    Syntax(#[from] Unreadable),
    /// It does not fit the schema.
    #[error("{at}: {message}")]
    Misfit {
        /// Where, by path.
        at: String,
        /// What is wrong there.
        message: String,
    },
}

/// A selection, and what its variables take.
pub(super) struct Authored {
    pub(super) selection: Selection,
    pub(super) variables: Vec<Argument>,
}

/// Reads a selection of a value of this type, with or without braces round it.
pub(super) fn read(types: &Types, of: &TypeRef, text: &str) -> Result<Authored, NotASelection> {
    let mut reader = Reader { types, tokens: Tokens::new(text)?, path: Vec::new(), variables: Vec::new() };
    let of = types.get(of.name()).filter(|of| !of.is_leaf());
    let of = of.ok_or_else(|| {
        reader.misfit("the operation answers a plain value, of which nothing can be selected")
    })?;
    let braces = reader.tokens.eat('{')?;
    let selection = reader.selection(of, if braces { Token::Sign('}') } else { Token::End }, 0)?;
    if reader.tokens.peek() != Token::End {
        return Err(reader.tokens.expected("the end").into());
    }
    Ok(Authored { selection, variables: reader.variables })
}

struct Reader<'s, 't> {
    types: &'s Types,
    tokens: Tokens<'t>,
    path: Vec<&'t str>,
    variables: Vec<Argument>,
}

impl Reader<'_, '_> {
    fn misfit(&self, message: impl fmt::Display) -> NotASelection {
        let at = if self.path.is_empty() { "the selection".to_owned() } else { self.path.join(".") };
        NotASelection::Misfit { at, message: message.to_string() }
    }

    /// Reads up to the end, which is taken.
    fn selection(&mut self, of: &Type, end: Token<'_>, depth: usize) -> Result<Selection, NotASelection> {
        self.tokens.not_too_deep(depth)?;
        let mut selection = Selection::default();
        loop {
            match self.tokens.peek() {
                next if next == end => break,
                Token::Sign('.') => {
                    self.tokens.advance()?;
                    selection.fragments.push(self.fragment(of, depth)?);
                }
                _ => self.field(of, &mut selection, depth)?,
            }
        }
        self.tokens.advance()?;
        if selection.is_empty() {
            return Err(self.misfit("nothing is selected"));
        }
        Ok(selection)
    }

    fn fragment(&mut self, of: &Type, depth: usize) -> Result<(Name, Selection), NotASelection> {
        if !self.tokens.eat_word("on")? {
            return Err(
                self.misfit("only fragments that stand where they are used (`... on Type { }`) are read")
            );
        }
        let name: Name = self.tokens.name()?.into();
        let Some(on) = self.types.get(&name) else {
            return Err(self.misfit(format!("there is no type `{name}`")));
        };
        let possible = self.types.possible(of);
        if !self.types.possible(on).iter().any(|name| possible.contains(name)) {
            return Err(self.misfit(format!("a `{}` is never a `{name}`", of.name)));
        }
        self.no_directives()?;
        self.tokens.sign('{')?;
        Ok((name, self.selection(on, Token::Sign('}'), depth + 1)?))
    }

    fn field(&mut self, of: &Type, into: &mut Selection, depth: usize) -> Result<(), NotASelection> {
        let mut name = self.tokens.name()?;
        let mut alias = None;
        if self.tokens.eat(':')? {
            alias = Some(Alias::Given(name.into()));
            name = self.tokens.name()?;
        }
        if name == "__typename" && alias.is_none() {
            into.typename = true;
            return Ok(());
        }
        self.path.push(name);
        let Some(field) = of.field(name) else {
            return Err(self.misfit(format!("`{}` has no such field", of.name)));
        };
        let arguments = self.tokens.arguments()?;
        for (name, value) in &arguments {
            let Some(argument) = field.argument(name) else {
                return Err(self.misfit(format!("it has no argument `{name}`")));
            };
            self.variables_of(value, &argument.of, argument)?;
        }
        let given = |name: &str| arguments.iter().any(|(given, _)| &**given == name);
        if let Some(lacking) = field.arguments.iter().find(|of| of.is_required() && !given(&of.name)) {
            return Err(self.misfit(format!("it needs the argument `{}`", lacking.name)));
        }
        self.no_directives()?;
        let inside = self.types.get(field.of.name()).filter(|inside| !inside.is_leaf());
        let below = match (inside, self.tokens.eat('{')?) {
            (Some(inside), true) => Some(self.selection(inside, Token::Sign('}'), depth + 1)?),
            (None, false) => None,
            (Some(inside), false) => {
                return Err(self.misfit(format!(
                    "say which fields of `{}` are wanted: `{name} {{ ... }}`",
                    inside.name
                )));
            }
            (None, true) => return Err(self.misfit("it is a plain value, of which nothing can be selected")),
        };
        self.path.pop();
        into.fields.push(Selected { name: name.into(), alias, arguments, of: field.of.clone(), below });
        Ok(())
    }

    /// Takes note of the variables in a value, and of the types that they must have there.
    fn variables_of(
        &mut self,
        value: &Literal,
        of: &TypeRef,
        argument: &Argument,
    ) -> Result<(), NotASelection> {
        match value {
            Literal::Variable(name) => {
                let known = self.variables.iter().find(|known| known.name == *name);
                if known.is_some_and(|known| known.of != *of) {
                    return Err(
                        self.misfit(format!("`${name}` stands elsewhere for a value of another type"))
                    );
                }
                if known.is_none() {
                    let description = argument.description.clone();
                    let (of, default) = (of.clone(), argument.default.clone());
                    self.variables.push(Argument {
                        name: name.clone(),
                        description,
                        of,
                        default,
                        deprecated: None,
                    });
                }
            }
            Literal::List(items) => {
                let TypeRef::List(item) = of.nullable() else { return Ok(()) };
                for value in items {
                    self.variables_of(value, item, &without_default(argument))?;
                }
            }
            Literal::Object(fields) => {
                let Some(Kind::Input { fields: known, .. }) = self.types.get(of.name()).map(|of| &of.kind)
                else {
                    return Ok(());
                };
                for (name, value) in fields {
                    let Some(field) = known.iter().find(|field| *field.name == **name) else {
                        return Err(self.misfit(format!("`{}` has no field `{name}`", of.name())));
                    };
                    self.variables_of(value, &field.of, field)?;
                }
            }
            _ => {}
        }
        Ok(())
    }

    fn no_directives(&mut self) -> Result<(), NotASelection> {
        if self.tokens.directives()?.any {
            return Err(self.misfit("directives are not read here"));
        }
        Ok(())
    }
}

fn without_default(argument: &Argument) -> Argument {
    Argument { default: None, ..argument.clone() }
}
