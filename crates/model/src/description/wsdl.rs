use std::sync::Arc;

use sinew_contract::Schema;
use sinew_contract::wsdl::{Operation as Described, SoapVersion, Wsdl};

use super::openapi::effect;
use super::{DescriptionError, Files, Listed, Open, Published, Read};
use crate::{Binding, BodyKind, Effect, HttpBinding, Idempotency, Operation, OperationId};

impl Published for Wsdl {
    fn operation(&self, id: &str) -> Option<Operation> {
        let described = Self::operation(self, id)?;
        Some(operation(self, described, OperationId::new(id).ok()?))
    }
}

/// Reads a description of web services.
pub(super) fn read(files: &Files, open: Option<Open<'_>>) -> Result<Read, DescriptionError> {
    let load = |name: &str| files.around(name, open).map(|bytes| bytes.to_vec());
    let wsdl = Wsdl::read(&files.root(), load)
        .map_err(|error| DescriptionError::Unusable { path: files.path.clone(), cause: error.to_string() })?;
    Ok(Read {
        title: wsdl.title.clone(),
        version: String::new(),
        servers: wsdl.addresses().into_iter().map(Arc::from).collect(),
        listed: wsdl.operations.iter().filter_map(Listed::of_wsdl).collect(),
        warnings: wsdl.warnings.iter().map(ToString::to_string).collect(),
        published: Arc::new(wsdl),
    })
}

impl Listed {
    /// An operation of a description of web services.
    pub fn of_wsdl(operation: &Described) -> Option<Self> {
        Some(Self {
            id: OperationId::new(&operation.id).ok()?,
            summary: operation.summary.as_str().into(),
            effect: effect(operation.effect),
            reached: reached(operation).into(),
            deprecated: false,
        })
    }
}

/// How an operation is reached, for people: `SOAP 1.1 OrderService CreateOrder`.
pub(crate) fn reached(operation: &Described) -> String {
    let version = match operation.version {
        SoapVersion::V11 => "1.1",
        SoapVersion::V12 => "1.2",
    };
    let service = if operation.service.is_empty() { "" } else { " " };
    format!("SOAP {version}{service}{} {}", operation.service, operation.name)
}

fn operation(wsdl: &Wsdl, described: &Described, id: OperationId) -> Operation {
    let effect = effect(described.effect);
    Operation {
        id,
        description: described.summary.as_str().into(),
        effect,
        idempotency: if effect == Effect::Read { Idempotency::Natural } else { Idempotency::None },
        probe: None,
        binding: Binding::Http(HttpBinding {
            method: Arc::from("POST"),
            path: Arc::from(""),
            server: elsewhere(wsdl, described),
            parameters: Vec::new(),
            body: BodyKind::Soap(Arc::new(wsdl.codec(described))),
        }),
        // A schema that does not compile says nothing, which is better than an operation that cannot be called.
        input: Schema::compile(wsdl.input(described)).ok(),
        output: wsdl.output(described).and_then(|schema| Schema::compile(schema).ok()),
        pagination: None,
        deadline: None,
        scopes: Vec::new(),
    }
}

/// Where an operation is served, unless a connection's `base_url` can say it: that stands for the first address. One on the
/// same host is a path there, so that it is found at a stand-in too.
fn elsewhere(wsdl: &Wsdl, described: &Described) -> Option<Arc<str>> {
    let main = wsdl.addresses().into_iter().next()?;
    let own = described.address.as_deref()?;
    let (host, path) = parted(own);
    // A base URL has neither a query nor a slash at its end.
    let can_be_said = !path.contains('?') && (path.len() <= 1 || !path.ends_with('/'));
    if own == main && can_be_said {
        return None;
    }
    let is_here = host.eq_ignore_ascii_case(parted(main).0);
    Some(Arc::from(if is_here && path.starts_with('/') { path } else { own }))
}

/// A URL's scheme and host, and what follows.
fn parted(url: &str) -> (&str, &str) {
    let begin = url.find("://").map_or(0, |at| at + 3);
    let end = url.get(begin..).and_then(|rest| rest.find(['/', '?'])).map_or(url.len(), |at| begin + at);
    url.split_at(end)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_are_parted_behind_their_hosts() {
        for (url, parts) in [
            ("http://erp.example:8080/soap?x=1", ("http://erp.example:8080", "/soap?x=1")),
            ("https://erp.example", ("https://erp.example", "")),
            ("https://erp.example?wsdl", ("https://erp.example", "?wsdl")),
        ] {
            assert_eq!(parted(url), parts);
        }
    }
}
