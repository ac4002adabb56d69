use sinew_stdx::Json;

/// The values an expression sees: named JSON values, or one document as a whole.
///
/// With names, the root of the expression is the object of these names: `trigger.id` reads the field `id` of the
/// value bound to `trigger`. A name bound twice means its last value.
#[derive(Clone, Debug, Default)]
pub struct Scope<'a> {
    source: Source<'a>,
}

#[derive(Clone, Debug)]
pub(crate) enum Source<'a> {
    Named(Vec<(&'a str, &'a Json)>),
    Whole(&'a Json),
}

impl Default for Source<'_> {
    fn default() -> Self {
        Self::Named(Vec::new())
    }
}

impl<'a> Scope<'a> {
    /// A scope with nothing in it.
    pub fn new() -> Self {
        Self::default()
    }

    /// One document: its fields are the names, and it may be any JSON value.
    pub fn root(json: &'a Json) -> Self {
        Self { source: Source::Whole(json) }
    }

    /// Binds `name` as well. On a scope made by [`Scope::root`] this starts anew with names only.
    pub fn with(mut self, name: &'a str, json: &'a Json) -> Self {
        self.bind(name, json);
        self
    }

    /// As [`Scope::with`], in place.
    pub fn bind(&mut self, name: &'a str, json: &'a Json) {
        match &mut self.source {
            Source::Named(bindings) => bindings.push((name, json)),
            Source::Whole(_) => self.source = Source::Named(vec![(name, json)]),
        }
    }

    pub(crate) fn source(&self) -> &Source<'a> {
        &self.source
    }
}

impl<'a> FromIterator<(&'a str, &'a Json)> for Scope<'a> {
    fn from_iter<T: IntoIterator<Item = (&'a str, &'a Json)>>(bindings: T) -> Self {
        Self { source: Source::Named(bindings.into_iter().collect()) }
    }
}
