//! Ports, bindings and port types as operations.

use std::collections::HashSet;
use std::sync::Arc;

use crate::openapi::{Effect, Ids, Origin};
use crate::xml::{Element, Name, ns};
use crate::xsd::Place;

use super::definitions::{Definitions, Found, documentation};
use super::load::Loaded;
use super::message::{self, Messages, Written};
use super::policy::Policies;
use super::{DeclaredFault, Operation, Security, SoapVersion, Style, Warning, Wsdl};

/// Operations of one description at most.
const OPERATIONS_MAX: usize = 20_000;

/// Where operations of a port type are offered, and how.
struct Offer<'d> {
    service: &'d str,
    port: &'d str,
    address: Option<String>,
    binding: Option<Found<'d>>,
    port_type: Found<'d>,
    version: SoapVersion,
    parts: Vec<&'d Element>,
}

pub(super) fn describe(loaded: Loaded) -> Wsdl {
    let Loaded { documents, mut types, mut warnings, missing, files } = loaded;
    let definitions = Definitions::of(&documents);
    let mut warn = |place: &Place, message: String| {
        warnings.push(Warning { file: place.file.clone(), line: place.line, message });
    };
    let offers = offers(&definitions, &mut warn);
    let policies = Policies::of(&documents);
    let mut ids = Ids::default();
    let mut operations = Vec::new();
    let mut messages = Messages { definitions: &definitions, types: &mut types, told: Vec::new() };
    for offer in &offers {
        for operation in offer.port_type.part.named(ns::WSDL, "operation") {
            if operations.len() < OPERATIONS_MAX {
                operations.extend(read(offer, operation, &mut messages, &policies, &mut ids));
            }
        }
    }
    let told = messages.told;
    for (place, message) in told {
        warn(&place, message);
    }
    types.settle(&mut warn);
    for operation in &mut operations {
        message::settle(&types, &mut operation.input);
        if let Some(output) = &mut operation.output {
            message::settle(&types, output);
        }
        for fault in &mut operation.faults {
            if let Some(element) = types.global(&fault.detail.name).filter(|_| fault.detail.is_declared) {
                fault.detail.of = element.of;
            }
        }
    }
    let (title, description, namespace) = documents.first().map_or_else(Default::default, |(_, root)| {
        let service = root.child(ns::WSDL, "service");
        let named = service.and_then(|service| service.attribute("name")).or_else(|| root.attribute("name"));
        let described =
            [Some(root), service].into_iter().flatten().map(documentation).find(|text| !text.is_empty());
        let namespace = root.attribute("targetNamespace").unwrap_or_default();
        (named.unwrap_or_default().to_owned(), described.unwrap_or_default(), namespace.to_owned())
    });
    if operations.is_empty() {
        warn(&Place { file: String::new(), line: 1 }, "no operation is described".to_owned());
    }
    drop(definitions);
    Wsdl { title, description, namespace, operations, files, missing, warnings, types: Arc::new(types) }
}

/// For each port type of each service the port to call it at: the first that speaks SOAP.
fn offers<'d>(definitions: &Definitions<'d>, warn: &mut dyn FnMut(&Place, String)) -> Vec<Offer<'d>> {
    let mut offers = Vec::new();
    let mut taken: HashSet<(String, Name)> = HashSet::new();
    let mut skipped = Vec::new();
    for (file, root) in definitions.documents {
        for service in root.named(ns::WSDL, "service") {
            for port in service.named(ns::WSDL, "port") {
                let place = Place { file: file.clone(), line: port.line };
                let named = port.attribute("binding").map(|name| port.qualified(name));
                let Some(binding) = named.as_ref().and_then(|name| definitions.binding(name)) else {
                    let shown = named.map(|name| name.to_string()).unwrap_or_default();
                    warn(&place, format!("the binding `{shown}` is not defined; the port is left out"));
                    continue;
                };
                let Some(port_type) = port_type(definitions, binding, warn) else { continue };
                let Some(version) = soap_version(binding.part) else {
                    skipped.push((place, port_type));
                    continue;
                };
                let service_name = service.attribute("name").unwrap_or_default();
                if taken.insert((service_name.to_owned(), full_name(port_type))) {
                    offers.push(Offer {
                        service: service_name,
                        port: port.attribute("name").unwrap_or_default(),
                        address: address(port),
                        binding: Some(binding),
                        port_type,
                        version,
                        parts: vec![service, port, binding.part, port_type.part],
                    });
                }
            }
        }
    }
    for binding in definitions.bindings() {
        let known = |name: &Name| taken.iter().any(|(_, of)| of == name);
        if let (Some(port_type), Some(version)) =
            (port_type(definitions, binding, &mut |_, _| {}), soap_version(binding.part))
            && !known(&full_name(port_type))
        {
            taken.insert((String::new(), full_name(port_type)));
            let parts = vec![binding.part, port_type.part];
            offers.push(unbound(port_type, Some(binding), version, parts));
        }
    }
    let speaks_soap = !offers.is_empty();
    for (place, port_type) in skipped {
        if !taken.iter().any(|(_, name)| *name == full_name(port_type)) && speaks_soap {
            warn(
                &place,
                format!("the port type `{}` is offered otherwise than by SOAP; left out", port_type.name()),
            );
        }
    }
    if !speaks_soap {
        for port_type in definitions.port_types() {
            if taken.insert((String::new(), full_name(port_type))) {
                let place = Place { file: port_type.file.to_owned(), line: port_type.part.line };
                let name = port_type.name();
                warn(
                    &place,
                    format!("no SOAP binding for `{name}`; SOAP 1.1, as its messages suggest, is assumed"),
                );
                offers.push(unbound(port_type, None, SoapVersion::V11, vec![port_type.part]));
            }
        }
    }
    offers
}

fn unbound<'d>(
    port_type: Found<'d>,
    binding: Option<Found<'d>>,
    version: SoapVersion,
    parts: Vec<&'d Element>,
) -> Offer<'d> {
    Offer { service: "", port: "", address: None, binding, port_type, version, parts }
}

fn full_name(of: Found<'_>) -> Name {
    Name::new(of.target(), of.name())
}

fn port_type<'d>(
    definitions: &Definitions<'d>,
    binding: Found<'d>,
    warn: &mut dyn FnMut(&Place, String),
) -> Option<Found<'d>> {
    let name = binding.part.qualified(binding.part.attribute("type")?);
    let found = definitions.port_type(&name);
    if found.is_none() {
        let place = Place { file: binding.file.to_owned(), line: binding.part.line };
        warn(&place, format!("the port type `{name}` is not defined; the binding is left out"));
    }
    found
}

/// Which SOAP a binding speaks. None: none.
fn soap_version(binding: &Element) -> Option<SoapVersion> {
    binding.elements().filter(|part| &*part.name.local == "binding").find_map(|part| {
        match &*part.name.namespace {
            ns::WSDL_SOAP => Some(SoapVersion::V11),
            ns::WSDL_SOAP12 => Some(SoapVersion::V12),
            _ => None,
        }
    })
}

fn address(port: &Element) -> Option<String> {
    let address = port.elements().find(|part| &*part.name.local == "address")?;
    let location = address.attribute("location")?.trim();
    (!location.is_empty()).then(|| location.to_owned())
}

fn read<'d>(
    offer: &Offer<'d>,
    operation: &'d Element,
    messages: &mut Messages<'d, '_>,
    policies: &Policies<'d>,
    ids: &mut Ids,
) -> Option<Operation> {
    let name = operation.attribute("name")?.trim().to_owned();
    let at = |part| Found { part, ..offer.port_type };
    let bound = offer.binding.and_then(|binding| bound(binding.part, operation, &name));
    let soap = |of: &'d Element, local: &str| {
        of.elements().find(|part| {
            &*part.name.local == local && matches!(&*part.name.namespace, ns::WSDL_SOAP | ns::WSDL_SOAP12)
        })
    };
    let stated = bound.and_then(|bound| soap(bound, "operation"));
    let binding = offer.binding.and_then(|binding| soap(binding.part, "binding"));
    let style = match stated.and_then(|of| of.attribute("style")).or_else(|| binding?.attribute("style")) {
        Some("rpc") => Style::Rpc,
        None if offer.binding.is_none() && has_types(messages.definitions, operation) => Style::Rpc,
        _ => Style::Document,
    };
    let input = operation.child(ns::WSDL, "input");
    let output = operation.child(ns::WSDL, "output");
    let mut message = |of: Option<&'d Element>, local: &'static str, wrapper: String| {
        let written = Written {
            style,
            binding: bound.and_then(|bound| bound.child(ns::WSDL, local)),
            file: offer.binding.map_or("", |binding| binding.file),
            wrapper,
            namespace: offer.binding.unwrap_or(offer.port_type).target().to_owned(),
        };
        of.map(|of| messages.message(at(of), &written))
    };
    let input_message = message(input, "input", name.clone()).unwrap_or_default();
    let output_message = message(output, "output", format!("{name}Response"));
    let faults = operation.named(ns::WSDL, "fault").filter_map(|fault| {
        let name = fault.attribute("name").unwrap_or("fault").to_owned();
        messages.fault(at(fault)).map(|detail| DeclaredFault { name, detail })
    });
    let faults: Vec<DeclaredFault> = faults.collect();
    let (id, origin) =
        ids.take(Some(&name), Some(offer.port_type.name()), "operation", &format!("/{}/{name}", offer.port));
    if origin == Origin::Doubled {
        let place = Place { file: offer.port_type.file.to_owned(), line: operation.line };
        messages
            .told
            .push((place, format!("another operation is called `{name}`; this one is called `{id}`")));
    }
    let mut parts = offer.parts.clone();
    parts.extend(bound);
    parts.extend(bound.and_then(|bound| bound.child(ns::WSDL, "input")));
    let security = told(offer, policies.security(&parts), messages);
    Some(Operation {
        effect: Effect::of_name(&name),
        summary: documentation(operation),
        service: offer.service.to_owned(),
        port: offer.port.to_owned(),
        address: offer.address.clone(),
        action: stated.and_then(|of| of.attribute("soapAction")).unwrap_or_default().trim().to_owned(),
        version: offer.version,
        style,
        security,
        input: input_message,
        output: output_message,
        faults,
        id,
        name,
    })
}

/// What a policy asks for; what it asks for in vain is told once of each port type.
fn told(offer: &Offer<'_>, security: Security, messages: &mut Messages<'_, '_>) -> Security {
    if security.unsupported.is_empty() {
        return security;
    }
    let message = format!(
        "the policy of `{}` asks for {}, which is not supported; the service may refuse what is sent",
        offer.port_type.name(),
        security.unsupported.join(", ")
    );
    if messages.told.iter().all(|(_, told)| *told != message) {
        let place = Place { file: offer.port_type.file.to_owned(), line: offer.port_type.part.line };
        messages.told.push((place, message));
    }
    security
}

/// The binding's part for an operation: by its name, and by that of its input if several have the name.
fn bound<'d>(binding: &'d Element, operation: &Element, name: &str) -> Option<&'d Element> {
    let same = |of: &&Element| of.attribute("name").map(str::trim) == Some(name);
    let all: Vec<&Element> = binding.named(ns::WSDL, "operation").filter(same).collect();
    let input = |of: &Element| {
        of.child(ns::WSDL, "input").and_then(|input| input.attribute("name")).map(str::to_owned)
    };
    let wanted = input(operation);
    all.iter().find(|of| all.len() > 1 && input(of) == wanted).or_else(|| all.first()).copied()
}

/// Whether an operation's messages state types, not elements: then they can only be meant for RPC.
fn has_types(definitions: &Definitions<'_>, operation: &Element) -> bool {
    let input = operation.child(ns::WSDL, "input");
    let message = input.and_then(|input| Some(input.qualified(input.attribute("message")?)));
    let found = message.and_then(|name| definitions.message(&name));
    found.is_some_and(|found| found.part.named(ns::WSDL, "part").any(|part| part.attribute("type").is_some()))
}
