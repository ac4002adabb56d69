//! Pairs of JSON and XML that another implementation writes and reads, in its conventions: `attributes`, `$value`,
//! prefixes in names, everything optional. What is compared is what they mean.

use std::path::Path;
use std::time::Instant;

use serde_json::{Map, Value};
use sinew_contract::soap::{Answer, Options, Password, SecurityHeader, SoapError, UsernameToken};
use sinew_contract::wsdl::{Operation, Style, Wsdl};
use sinew_contract::xml::{self, Element, Node};
use sinew_stdx::Json;

use crate::{Kind, Outcome, wsdl};

pub(crate) const KIND: Kind = Kind { folder: "soap/pairs", endings: &["wsdl"], read };

/// The namespace in which we send what the description does not know. Which it should be the description does not tell.
const UNKNOWN: &str = "urn:unknown";
const XSI: &str = "http://www.w3.org/2001/XMLSchema-instance";

fn read(file: &Path) -> Outcome {
    let mut outcome = Outcome::default();
    let folder = file.parent().unwrap_or(Path::new("."));
    let begin = Instant::now();
    let wsdl = wsdl::open(file);
    outcome.is_read(begin);
    let wsdl = match wsdl {
        Ok(wsdl) => wsdl,
        Err(error) => return Outcome { error: Some(error), ..outcome },
    };
    outcome.warnings = wsdl.warnings.len();
    let case = folder.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    let name = case.split("__").next().unwrap_or_default();
    let Some(operation) = wsdl.operations.iter().find(|operation| operation.name == name) else {
        return Outcome { error: Some(format!("there is no operation `{name}`")), ..outcome };
    };
    let pair = Pair { folder, wsdl: &wsdl, operation, root: file };
    for (id, compared) in
        [("request", pair.request()), ("response", pair.response()), ("fault", pair.fault())]
    {
        if let Some(compared) = compared {
            outcome.operations += 1;
            outcome.is_formed(id, compared);
        }
    }
    outcome
}

struct Pair<'a> {
    folder: &'a Path,
    wsdl: &'a Wsdl,
    operation: &'a Operation,
    root: &'a Path,
}

impl Pair<'_> {
    fn json(&self, name: &str) -> Option<Value> {
        serde_json::from_slice(&std::fs::read(self.folder.join(name)).ok()?).ok()
    }

    fn request(&self) -> Option<Result<(), String>> {
        let given = self.json("request.json")?;
        let names = ["request.xml", "reqeust.xml"];
        let wanted = names.iter().find_map(|name| std::fs::read(self.folder.join(name)).ok())?;
        Some(self.compare_request(&given, &wanted))
    }

    fn compare_request(&self, given: &Value, wanted: &[u8]) -> Result<(), String> {
        let root = std::fs::read(self.root).map_err(|error| error.to_string())?;
        let root = xml::parse(&root).map_err(|error| error.to_string())?;
        let wanted = xml::parse(wanted).map_err(|error| format!("the wanted XML: {error}"))?;
        let mut input = ours(given, &root);
        let token = self.json("security.json");
        let text = |name: &str| {
            token.as_ref().and_then(|of| of.get(name)).and_then(Value::as_str).unwrap_or_default()
        };
        let times = security_times(&wanted);
        let header = SecurityHeader {
            token: token.as_ref().map(|_| UsernameToken {
                username: text("username"),
                password: Password::Text(text("password")),
                created: times.first().map_or("", String::as_str),
            }),
            timestamp: (times.len() > 2).then(|| (times[0].as_str(), times[1].as_str())),
        };
        // The other implementation sends what its description does not know; we send it if it is named whole.
        let request = loop {
            match self.wsdl.request(self.operation, &Json::of(&input), &Options::default()) {
                Ok(request) => break request,
                Err(SoapError::Input { path, message })
                    if message.starts_with("no such") && name_whole(&mut input, &path) => {}
                Err(error) => return Err(error.to_string()),
            }
        };
        let body =
            if token.is_some() { header.put_into(&request.body).ok_or("no header")? } else { request.body };
        let found = xml::parse(&body).map_err(|error| format!("our XML: {error}"))?;
        let security = |root: &Element| {
            let header = root.elements().find(|of| &*of.name.local == "Header")?;
            header.elements().find(|of| &*of.name.local == "Security").cloned()
        };
        let body = |root: &Element| root.elements().find(|of| &*of.name.local == "Body").cloned();
        if let (Some(wanted), Some(found)) = (security(&wanted), security(&found)) {
            agree(&wanted, &found, "Header")?;
        }
        let (Some(wanted), Some(mut found)) = (body(&wanted), body(&found)) else {
            return Err("no body".to_owned());
        };
        // Which SOAP it speaks is an option there, not what the binding says; and so is the namespace of RPC's wrapper.
        found.name = wanted.name.clone();
        if let (Style::Rpc, Some(Node::Element(wrapper))) = (self.operation.style, found.children.first_mut())
            && elements(&wanted).first().is_some_and(|of| *of.name.namespace == *self.wsdl.namespace)
        {
            wrapper.name.namespace = self.wsdl.namespace.as_str().into();
        }
        agree(&wanted, &found, "")
    }

    fn response(&self) -> Option<Result<(), String>> {
        let wanted = self.json("response.json")?;
        let bytes = std::fs::read(self.folder.join("response.xml")).ok()?;
        Some(self.compare_response(&wanted, &bytes))
    }

    fn compare_response(&self, wanted: &Value, bytes: &[u8]) -> Result<(), String> {
        let answer = self.wsdl.answer(self.operation, None, bytes).map_err(|error| error.to_string())?;
        let Answer::Output(found) = answer else { return Err("read as a fault".to_owned()) };
        let options = self.json("wsdl_options.json").unwrap_or_default();
        let value_key = options.get("valueKey").and_then(Value::as_str).unwrap_or("$value");
        let wanted = meaning(wanted, value_key);
        let found = meaning(&found.to_value(), "$value");
        // It leaves the name of an element away that is a text by its description and something else in fact; and tells it
        // where the envelope is missing.
        let only =
            |of: &Value| of.as_object().filter(|of| of.len() == 1).and_then(|of| of.values().next()).cloned();
        let same = says_the_same(&wanted, &found)
            || only(&found).is_some_and(|inner| says_the_same(&wanted, &inner))
            || only(&wanted).is_some_and(|inner| says_the_same(&inner, &found));
        if same { Ok(()) } else { Err(format!("{found} instead of {wanted}")) }
    }

    fn fault(&self) -> Option<Result<(), String>> {
        let wanted = self.json("error_response.json")?;
        let bytes = std::fs::read(self.folder.join("response.xml")).ok()?;
        let fault = match self.wsdl.answer(self.operation, None, &bytes) {
            Ok(Answer::Fault(fault)) => fault,
            Ok(Answer::Output(_)) => return Some(Err("no fault is found".to_owned())),
            Err(error) => return Some(Err(error.to_string())),
        };
        let wanted = wanted.pointer("/Envelope/Body").unwrap_or(&wanted);
        let text = |pointer: &str| wanted.pointer(pointer).and_then(Value::as_str).map(str::to_owned);
        let reason = text("/Fault/faultstring").or_else(|| text("/Fault/Reason/Text"));
        let code = text("/Fault/faultcode").or_else(|| text("/Fault/Code/Value"));
        let detail = wanted.pointer("/Fault/detail").or_else(|| wanted.pointer("/Fault/Detail"));
        let found = fault.detail.as_ref().map(Json::to_value).unwrap_or_default();
        let same = reason.is_none_or(|reason| reason.trim() == fault.reason)
            && code.is_none_or(|code| code.rsplit(':').next() == Some(&fault.code))
            && detail
                .is_none_or(|detail| says_the_same(&meaning(detail, "$value"), &meaning(&found, "$value")));
        Some(if same { Ok(()) } else { Err(format!("{fault} {found} instead of {wanted}")) })
    }
}

/// Its JSON in our convention. `root`: where prefixes are declared.
fn ours(value: &Value, root: &Element) -> Value {
    let Value::Object(fields) = value else {
        return match value {
            Value::Array(items) => items.iter().map(|item| ours(item, root)).collect(),
            Value::String(text) => {
                let literal = text.strip_prefix("<![CDATA[").and_then(|rest| rest.strip_suffix("]]>"));
                Value::from(literal.unwrap_or(text))
            }
            other => other.clone(),
        };
    };
    let mut out = Map::new();
    for (key, value) in fields {
        match (key.as_str(), value) {
            ("attributes", Value::Object(attributes)) => {
                for (name, value) in attributes {
                    match (name.as_str(), value.get("type").and_then(Value::as_str)) {
                        ("xsi_type", Some(of)) => {
                            let namespace = value.get("xmlns").and_then(Value::as_str).unwrap_or_default();
                            out.insert("$type".to_owned(), format!("{{{namespace}}}{of}").into());
                        }
                        ("xsi:type", _) => {
                            let of = root.qualified(value.as_str().unwrap_or_default());
                            out.insert("$type".to_owned(), of.to_string().into());
                        }
                        _ => {
                            out.insert(format!("@{name}"), value.clone());
                        }
                    }
                }
            }
            ("$value", value) => {
                out.insert("$text".to_owned(), value.clone());
            }
            ("$xml", Value::String(text)) => out.extend(fragment(text, root)),
            (key, value) => {
                let name = if key.contains(':') {
                    let name = root.qualified(key);
                    format!("{{{}}}{}", name.namespace, name.local)
                } else {
                    key.to_owned()
                };
                out.insert(name, ours(value, root));
            }
        }
    }
    Value::Object(out)
}

/// XML that is given as it stands.
fn fragment(text: &str, root: &Element) -> Map<String, Value> {
    let mut prefixes: Vec<&str> =
        text.split(['<', '/']).filter_map(|part| part.split_once(':')).map(|(p, _)| p).collect();
    prefixes.sort_unstable();
    prefixes.dedup();
    let declared = prefixes
        .iter()
        .filter(|prefix| prefix.chars().all(char::is_alphanumeric))
        .map(|prefix| format!(" xmlns:{prefix}=\"{}\"", root.qualified(&format!("{prefix}:x")).namespace));
    let whole = format!("<fragment{}>{text}</fragment>", declared.collect::<String>());
    let mut out = Map::new();
    for element in xml::parse(whole.as_bytes()).iter().flat_map(Element::elements) {
        let name = format!("{{{}}}{}", element.name.namespace, element.name.local);
        out.insert(name, as_it_stands(element));
    }
    out
}

fn as_it_stands(element: &Element) -> Value {
    let mut fields: Map<String, Value> = element
        .attributes
        .iter()
        .map(|(name, value)| (format!("@{}", name.local), Value::from(&**value)))
        .collect();
    for child in element.elements() {
        fields.insert(format!("{{{}}}{}", child.name.namespace, child.name.local), as_it_stands(child));
    }
    if fields.is_empty() { Value::from(element.text()) } else { Value::Object(fields) }
}

/// Gives a field that the description does not know a name that says that this is meant.
fn name_whole(input: &mut Value, path: &str) -> bool {
    let Some((parent, key)) = path.rsplit_once('/') else { return false };
    let Some(Value::Object(fields)) = input.pointer_mut(parent) else { return false };
    let Some(value) = fields.remove(key) else { return false };
    let name = match key.strip_prefix('@') {
        Some(name) => format!("@{{}}{name}"),
        None => format!("{{{UNKNOWN}}}{key}"),
    };
    fields.insert(name, value);
    true
}

/// The times that a wanted header has.
fn security_times(root: &Element) -> Vec<String> {
    fn gather(of: &Element, times: &mut Vec<String>) {
        if matches!(&*of.name.local, "Created" | "Expires") {
            times.push(of.text());
        }
        of.elements().for_each(|inner| gather(inner, times));
    }
    let mut times = Vec::new();
    gather(root, &mut times);
    times
}

/// Whether two elements mean the same: names, attributes, texts. Where the wanted one has no namespace although its schema
/// demands one, that is no difference of meaning; nor is an element's own statement of its type; nor the order of elements of
/// different names, which is that of the JSON there, and that of the schema here.
fn agree(wanted: &Element, found: &Element, path: &str) -> Result<(), String> {
    let here = format!("{path}/{}", wanted.name.local);
    let unqualified = wanted.name.namespace.is_empty() || &*found.name.namespace == UNKNOWN;
    if wanted.name.local != found.name.local || !unqualified && wanted.name.namespace != found.name.namespace
    {
        return Err(format!("{here}: {} instead of {}", found.name, wanted.name));
    }
    let says = |of: &Element| {
        let own = of.attributes.iter().filter(|(name, _)| {
            let about = &*name.namespace;
            about != XSI
                && !about.contains("/soap/")
                && !about.contains("wssecurity")
                && !about.contains("soap-en")
        });
        let mut own: Vec<String> =
            own.map(|(name, value)| format!("{}={}", name.local, value.trim())).collect();
        own.sort();
        own
    };
    let (ours, theirs) = (says(found), says(wanted));
    if ours != theirs {
        return Err(format!("{here}: attributes {ours:?} instead of {theirs:?}"));
    }
    let (text, other) = (found.text(), wanted.text());
    if text.trim() != other.trim() {
        return Err(format!("{here}: `{}` instead of `{}`", text.trim(), other.trim()));
    }
    let (ours, theirs): (Vec<_>, Vec<_>) = (elements(found), elements(wanted));
    if ours.len() != theirs.len() {
        let names = |of: &[&Element]| of.iter().map(|of| of.name.local.to_string()).collect::<Vec<_>>();
        return Err(format!("{here}: {:?} instead of {:?}", names(&ours), names(&theirs)));
    }
    theirs.into_iter().zip(ours).try_for_each(|(wanted, found)| agree(wanted, found, &here))
}

fn elements(of: &Element) -> Vec<&Element> {
    let mut all: Vec<&Element> = of.elements().collect();
    all.sort_by(|one, other| one.name.local.cmp(&other.name.local));
    all
}

/// Either convention's JSON, reduced to what it means: what is empty is not there, one of a list is that one.
fn meaning(value: &Value, value_key: &str) -> Value {
    match value {
        Value::Object(fields) => {
            let mut out = Map::new();
            for (key, value) in fields {
                match (key.as_str(), value) {
                    ("$type" | "$order" | "$nil" | "$headers", _) => {}
                    ("attributes", Value::Object(attributes)) => {
                        let own = attributes.iter().filter(|(name, _)| !name.contains(':'));
                        out.extend(own.map(|(name, value)| (format!("@{name}"), value.clone())));
                    }
                    (key, value) => {
                        let key = if key == value_key { "$text" } else { key };
                        let key = key.rsplit('}').next().unwrap_or_default();
                        out.insert(key.to_owned(), meaning(value, value_key));
                    }
                }
            }
            out.retain(|_, value| !value.is_null());
            match (out.len(), out.get("$text")) {
                (0, _) => Value::Null,
                (1, Some(text)) => text.clone(),
                _ => Value::Object(out),
            }
        }
        Value::Array(items) if items.len() == 1 => meaning(&items[0], value_key),
        Value::Array(items) if items.is_empty() => Value::Null,
        Value::Array(items) => items.iter().map(|item| meaning(item, value_key)).collect(),
        Value::String(text) if text.trim().is_empty() => Value::Null,
        other => other.clone(),
    }
}

fn says_the_same(wanted: &Value, found: &Value) -> bool {
    match (wanted, found) {
        (Value::Object(wanted), Value::Object(found)) => {
            wanted.len() == found.len()
                && wanted
                    .iter()
                    .all(|(key, value)| found.get(key).is_some_and(|other| says_the_same(value, other)))
        }
        (Value::Array(wanted), Value::Array(found)) => {
            wanted.len() == found.len()
                && wanted.iter().zip(found).all(|(one, other)| says_the_same(one, other))
        }
        (Value::Object(_) | Value::Array(_), _) | (_, Value::Object(_) | Value::Array(_)) => false,
        (wanted, found) => {
            let text = |of: &Value| of.as_str().map_or_else(|| of.to_string(), |text| text.trim().to_owned());
            let (wanted, found) = (text(wanted), text(found));
            let numbers = || Some(wanted.parse::<f64>().ok()?.total_cmp(&found.parse::<f64>().ok()?).is_eq());
            wanted == found || numbers() == Some(true) || is_time_of(&wanted, &found)
        }
    }
}

/// It makes dates to instants in UTC, and times to minutes.
fn is_time_of(wanted: &str, found: &str) -> bool {
    let instant = wanted.strip_suffix("Z").map(|of| of.trim_end_matches(".000"));
    let minutes = found.split_once(':').and_then(|(hours, minutes)| {
        Some(hours.parse::<u32>().ok()? * 60 + minutes.get(..2)?.parse::<u32>().ok()?)
    });
    instant.is_some_and(|of| of == found || of.strip_suffix("T00:00:00") == Some(found))
        || minutes.is_some_and(|of| of.to_string() == wanted)
}
