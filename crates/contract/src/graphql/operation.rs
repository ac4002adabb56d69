use super::Warning;
use super::pages::Pages;
use super::schema::{Field, Types};
use crate::openapi::{Effect, Ids, Origin, removes};

/// Under which root a field stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Root {
    /// What is asked.
    Query,
    /// What is done.
    Mutation,
}

impl Root {
    /// The keyword of a request.
    pub const fn keyword(self) -> &'static str {
        match self {
            Self::Query => "query",
            Self::Mutation => "mutation",
        }
    }
}

/// What can be called: a field of the query or the mutation type.
#[derive(Clone, Debug, PartialEq)]
pub struct Operation {
    /// Its id: a word, unique in its schema.
    pub id: String,
    /// Where the field stands.
    pub root: Root,
    /// The field.
    pub field: String,
    /// What it does, for people.
    pub description: String,
    /// What it does to the system: nothing if it is a query, else as far as its name tells.
    pub effect: Effect,
    /// Why it should no longer be used, if so.
    pub deprecated: Option<String>,
    /// How its answer is cut into pages, if it is.
    pub pages: Option<Pages>,
}

/// The operations of a schema. Of a query and a mutation of one name the query keeps it as its id.
pub(super) fn all(types: &Types, warnings: &mut Vec<Warning>) -> Vec<Operation> {
    let mut ids = Ids::default();
    let mut operations = Vec::new();
    for (root, name) in [(Root::Query, &types.query), (Root::Mutation, &types.mutation)] {
        let Some(of) = name.as_ref().and_then(|name| types.get(name)) else { continue };
        for field in of.fields().iter().filter(|field| !field.name.starts_with("__")) {
            let (id, origin) = ids.take(Some(&field.name), Some(root.keyword()), root.keyword(), &field.name);
            if origin == Origin::Doubled {
                let message = format!("another operation is called so; this one is called `{id}`");
                warnings.push(Warning { at: format!("{}.{}", of.name, field.name), message });
            }
            operations.push(Operation {
                id,
                root,
                field: field.name.to_string(),
                description: field.description.clone(),
                effect: effect(root, &field.name),
                deprecated: field.deprecated.clone(),
                pages: Pages::of(types, field),
            });
        }
    }
    operations
}

/// The field that an operation is.
pub(super) fn field<'s>(types: &'s Types, operation: &Operation) -> Option<&'s Field> {
    let root = match operation.root {
        Root::Query => &types.query,
        Root::Mutation => &types.mutation,
    };
    types.get(root.as_ref()?)?.field(&operation.field)
}

/// Mutations are named in either order: `deleteUser`, `userDelete`, `cartLinesRemove`.
fn effect(root: Root, name: &str) -> Effect {
    match root {
        Root::Query => Effect::Read,
        Root::Mutation if words(name).iter().any(|word| removes(word)) => Effect::Destructive,
        Root::Mutation => Effect::Write,
    }
}

/// `cartLinesRemove`, `cart_lines_remove`: `cart`, `lines`, `remove`.
fn words(name: &str) -> Vec<String> {
    let mut words: Vec<String> = Vec::new();
    let mut goes_on = false;
    for character in name.chars() {
        if !character.is_ascii_alphanumeric() {
            goes_on = false;
            continue;
        }
        let begins = !goes_on || character.is_ascii_uppercase();
        match words.last_mut() {
            Some(word) if !begins => word.push(character),
            _ => words.push(character.to_ascii_lowercase().to_string()),
        }
        goes_on = true;
    }
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_name_of_a_mutation_tells_its_effect() {
        let check = |name, wanted| assert_eq!(effect(Root::Mutation, name), wanted, "{name}");
        check("deleteUser", Effect::Destructive);
        check("userDelete", Effect::Destructive);
        check("cart_lines_remove", Effect::Destructive);
        check("orderCancel", Effect::Destructive);
        check("createUser", Effect::Write);
        check("voidedInvoiceCreate", Effect::Write);
        assert_eq!(effect(Root::Query, "deletedUsers"), Effect::Read);
    }
}
