use std::fmt;

use sinew_stdx::Json;

use crate::wsdl::DeclaredFault;
use crate::xml::{Element, ns};

use super::SoapError;
use super::decode::Decoder;
use super::gathered::Gathered;
use super::tree::Tree;

/// Whose fault a fault is, as its sender says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Blame {
    /// The caller's: the same message will fail again (`Client`, `Sender`).
    Sender,
    /// The service's: it may go better later (`Server`, `Receiver`).
    Receiver,
    /// Neither is said: a version, a header that must be understood, a code of the vendor's own.
    Unsaid,
}

/// That a service failed, and why.
#[derive(Clone, Debug, PartialEq)]
pub struct Fault {
    /// The most special code that is given, without its prefix: `Client`, `Server.Busy`, `INVALID_LOGIN`.
    pub code: String,
    /// The first code that is given, which says whose fault it is.
    pub blame: Blame,
    /// What people are told.
    pub reason: String,
    /// The declared fault that it is, by its name in the description.
    pub name: Option<String>,
    /// What comes with it: an object, by the types that are declared for it.
    pub detail: Option<Json>,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.code, self.reason)
    }
}

pub(super) fn read<'e>(
    decoder: &mut Decoder<'_, 'e>,
    fault: &'e Element,
    declared: &[DeclaredFault],
) -> Result<Fault, SoapError> {
    let part = |of: &'e Element, local: &str| of.elements().find(|child| &*child.name.local == local);
    let text = |of: Option<&Element>| of.map(|of| of.text().trim().to_owned()).unwrap_or_default();
    let (main, special, reason, detail);
    if let Some(code) = part(fault, "Code") {
        main = text(part(code, "Value"));
        let mut deepest = None;
        let mut next = part(code, "Subcode");
        while let Some(subcode) = next {
            deepest = Some(text(part(subcode, "Value")));
            next = part(subcode, "Subcode");
        }
        special = deepest.filter(|code| !code.is_empty()).unwrap_or_else(|| main.clone());
        let texts = part(fault, "Reason");
        let english = texts.and_then(|texts| {
            let all = || texts.elements().filter(|text| &*text.name.local == "Text");
            let is_english =
                |of: &&Element| of.attribute_of(ns::XML, "lang").is_some_and(|lang| lang.starts_with("en"));
            all().find(is_english).or_else(|| all().next())
        });
        reason = text(english);
        detail = part(fault, "Detail");
    } else {
        main = text(part(fault, "faultcode"));
        special = main.clone();
        reason = text(part(fault, "faultstring"));
        detail = part(fault, "detail");
    }
    let (name, detail) = match detail {
        Some(detail) => read_detail(decoder, detail, declared)?,
        None => (None, None),
    };
    let local = |code: &str| code.rsplit_once(':').map_or(code, |(_, local)| local).to_owned();
    Ok(Fault {
        code: local(&special),
        blame: blame(&local(&main)),
        reason,
        name,
        detail: detail.map(|of| of.json()),
    })
}

fn blame(code: &str) -> Blame {
    match code.split('.').next().unwrap_or_default() {
        "Client" | "Sender" => Blame::Sender,
        "Server" | "Receiver" => Blame::Receiver,
        _ => Blame::Unsaid,
    }
}

fn read_detail<'e>(
    decoder: &mut Decoder<'_, 'e>,
    detail: &'e Element,
    declared: &[DeclaredFault],
) -> Result<(Option<String>, Option<Tree>), SoapError> {
    let mut name = None;
    let mut fields = Gathered::default();
    for child in detail.elements() {
        let exact = declared.iter().find(|fault| fault.detail.name == child.name);
        let fault =
            exact.or_else(|| declared.iter().find(|fault| fault.detail.name.local == child.name.local));
        let value = match fault {
            Some(fault) => {
                name.get_or_insert_with(|| fault.name.clone());
                decoder.value(child, fault.detail.of)?
            }
            None => decoder.free_value(child)?,
        };
        fields.push(child.name.local.to_string(), value);
    }
    let text = detail.text();
    if fields.is_empty() && !text.trim().is_empty() {
        fields.put("$text", Tree::Text(text.trim().to_owned()));
    }
    let detail = if fields.is_empty() { None } else { Some(fields.map()) };
    Ok((name, detail))
}
