use std::sync::Arc;

use sinew_mapping::{Limits, Moment, Scope};
use sinew_stdx::Json;

/// The names that expressions see, and their values. Cloning shares the values.
#[derive(Clone, Debug, Default)]
pub struct Env {
    names: Vec<(Arc<str>, Json)>,
}

impl Env {
    /// Nothing but these names.
    pub fn new(names: Vec<(Arc<str>, Json)>) -> Self {
        Self { names }
    }

    /// Adds a name.
    pub fn bind(&mut self, name: impl Into<Arc<str>>, value: Json) {
        self.names.push((name.into(), value));
    }

    /// How many names there are; see [`Env::leave`].
    pub(crate) fn depth(&self) -> usize {
        self.names.len()
    }

    /// Forgets the names added since `depth`.
    pub(crate) fn leave(&mut self, depth: usize) {
        self.names.truncate(depth);
    }

    /// The names that `wanted` accepts, with their values.
    pub(crate) fn select(&self, wanted: impl Fn(&str) -> bool) -> Vec<(Arc<str>, Json)> {
        self.names.iter().filter(|(name, _)| wanted(name)).cloned().collect()
    }

    /// What an expression is evaluated over.
    pub fn scope(&self) -> Scope<'_> {
        self.names.iter().fold(Scope::new(), |scope, (name, value)| scope.with(name, value))
    }

    /// Whether an expression's value counts as true: nothing, null, false, 0 and what is empty do not.
    pub fn is_true(
        &self,
        expression: &sinew_mapping::Expression,
        moment: Moment,
        limits: &Limits,
    ) -> Result<bool, sinew_mapping::EvaluateError> {
        let value = expression.evaluate(&self.scope(), moment, limits)?;
        Ok(value.is_some_and(|v| !matches!(v.as_str(), "false" | "null" | "0" | "\"\"" | "[]" | "{}")))
    }
}
