use serde_json::Value;

use super::{Edition, Warning};

/// References that lead to one another, at most.
const HOPS_MAX: usize = 32;

/// A description while it is read.
pub(super) struct Reader<'d> {
    pub(super) document: &'d Value,
    pub(super) edition: Edition,
    pub(super) warnings: Vec<Warning>,
    /// Where in the document the reader is.
    path: Vec<String>,
}

impl<'d> Reader<'d> {
    pub(super) fn new(document: &'d Value, edition: Edition) -> Self {
        Self { document, edition, warnings: Vec::new(), path: Vec::new() }
    }

    /// Reads something below a field of where the reader is.
    pub(super) fn below<T>(&mut self, name: &str, read: impl FnOnce(&mut Self) -> T) -> T {
        self.path.push(name.to_owned());
        let read = read(self);
        self.path.pop();
        read
    }

    pub(super) fn warn(&mut self, message: impl Into<String>) {
        let escaped = self.path.iter().map(|name| format!("/{}", escape(name)));
        self.warnings.push(Warning { pointer: escaped.collect(), message: message.into() });
    }

    /// What a value stands for: itself, or what it refers to.
    pub(super) fn resolve(&mut self, value: &'d Value) -> Option<&'d Value> {
        match resolve(self.document, value) {
            Ok(found) => Some(found),
            Err(why) => {
                self.warn(why);
                None
            }
        }
    }

    /// A field that should be a map.
    pub(super) fn map(
        &mut self,
        of: &'d Value,
        name: &str,
    ) -> impl Iterator<Item = (&'d String, &'d Value)> + use<'d> {
        let value = of.get(name).filter(|value| !value.is_null());
        let map = value.and_then(Value::as_object);
        if value.is_some() && map.is_none() {
            self.below(name, |reader| reader.warn("a map is expected here; ignored"));
        }
        map.into_iter().flatten().filter(|(name, _)| !name.starts_with("x-"))
    }

    /// A field that should be a list.
    pub(super) fn list(&mut self, of: &'d Value, name: &str) -> &'d [Value] {
        let value = of.get(name).filter(|value| !value.is_null());
        let list = value.and_then(Value::as_array);
        if value.is_some() && list.is_none() {
            self.below(name, |reader| reader.warn("a list is expected here; ignored"));
        }
        list.map_or(&[], Vec::as_slice)
    }
}

/// Follows references to what they stand for.
pub(super) fn resolve<'d>(document: &'d Value, mut value: &'d Value) -> Result<&'d Value, String> {
    for _ in 0..HOPS_MAX {
        let Some(reference) = value.get("$ref").and_then(Value::as_str) else { return Ok(value) };
        value = target(document, reference).ok_or_else(|| format!("`{reference}` leads nowhere; ignored"))?;
    }
    Err("references lead in a circle; ignored".to_owned())
}

/// What a reference within the document points to (RFC 6901 in a URI fragment).
pub(super) fn target<'d>(document: &'d Value, reference: &str) -> Option<&'d Value> {
    let fragment = reference.strip_prefix('#')?;
    let pointer = percent_encoding::percent_decode_str(fragment).decode_utf8().ok()?;
    document.pointer(&pointer).or_else(|| document.pointer(fragment))
}

pub(super) fn escape(name: &str) -> String {
    name.replace('~', "~0").replace('/', "~1")
}
