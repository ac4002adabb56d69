use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use sinew_stdx::Json;
use std::fmt::Write as _;

use crate::wsdl::schemas::HEADERS;
use crate::wsdl::{Body, DeclaredFault, Message, Operation, Part, SoapVersion};
use crate::xml::{self, Element, ns};
use crate::xsd::Types;

use super::decode::Decoder;
use super::encode::Encoder;
use super::gathered::Gathered;
use super::tree::Tree;
use super::{Answer, SoapError, fault, multipart};

/// What is said in a request beside its input.
#[derive(Clone, Copy, Debug, Default)]
pub struct Options<'a> {
    /// The boundary between parts, if binary content may be sent beside the envelope (MTOM). It must occur nowhere in it.
    pub boundary: Option<&'a str>,
}

/// A request as it is sent, by POST.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    /// The media type of the body.
    pub content_type: String,
    /// The `SOAPAction` header, which SOAP 1.1 has.
    pub action: Option<String>,
    /// The body.
    pub body: Vec<u8>,
}

/// The boundary if none is given: long enough to occur nowhere by accident.
const BOUNDARY: &str = "sinew-part-9d2f6c1e5b7a4038";

impl SoapVersion {
    fn namespace(self) -> &'static str {
        match self {
            Self::V11 => ns::SOAP,
            Self::V12 => ns::SOAP12,
        }
    }

    fn media_type(self) -> &'static str {
        match self {
            Self::V11 => "text/xml",
            Self::V12 => "application/soap+xml",
        }
    }
}

pub(super) fn write(
    types: &Types,
    operation: &Operation,
    message: &Message,
    action: &str,
    input: &Json,
    options: &Options<'_>,
) -> Result<Request, SoapError> {
    let too_deep =
        || SoapError::Input { path: "the input".to_owned(), message: "nested too deep".to_owned() };
    let value = Tree::of(input).ok_or_else(too_deep)?;
    let mut encoder = Encoder::new(types, operation.version);
    let soap = encoder.prefixes.of(operation.version.namespace());
    encoder.encoded = message.encoded;
    // Parts that the description names, or those that MTOM makes: never both.
    encoder.beside = options.boundary.filter(|_| message.attachments.is_empty()).map(|_| Vec::new());
    body(&mut encoder, message, &value)?;
    let in_body = std::mem::take(&mut encoder.out);
    headers(&mut encoder, message, &value)?;
    let in_header = std::mem::take(&mut encoder.out);
    let header = if in_header.is_empty() {
        String::new()
    } else {
        format!("<{soap}:Header>{in_header}</{soap}:Header>")
    };
    let style = if message.encoded && operation.version == SoapVersion::V11 {
        format!(" {soap}:encodingStyle=\"{}\"", ns::ENC)
    } else {
        String::new()
    };
    let envelope = format!(
        "<?xml version=\"1.0\" encoding=\"utf-8\"?><{soap}:Envelope{}>{header}<{soap}:Body{style}>{in_body}</{soap}:Body></{soap}:Envelope>",
        encoder.prefixes.declarations(),
    );
    let beside = encoder.beside.take().unwrap_or_default();
    let mut parts: Vec<(String, Vec<u8>)> =
        beside.into_iter().enumerate().map(|(at, part)| (multipart::content_id(at), part)).collect();
    parts.extend(attached(&encoder, message, &value)?);
    let framing =
        Framing { version: operation.version, action, has_attachments: !message.attachments.is_empty() };
    Ok(framing.sent(options, envelope, &parts))
}

/// An action as headers have it.
pub(super) fn quoted(action: &str) -> String {
    format!("\"{}\"", action.replace(['"', '\\', '\r', '\n'], ""))
}

/// How an envelope becomes a request.
struct Framing<'a> {
    version: SoapVersion,
    action: &'a str,
    has_attachments: bool,
}

impl Framing<'_> {
    /// The request of an envelope and what goes beside it.
    fn sent(&self, options: &Options<'_>, envelope: String, parts: &[(String, Vec<u8>)]) -> Request {
        let kind = self.version.media_type();
        let is_new = self.version == SoapVersion::V12;
        let said = match quoted(self.action) {
            action if is_new && action.len() > 2 => format!("; action={action}"),
            _ => String::new(),
        };
        let action = (!is_new).then(|| quoted(self.action));
        let boundary = options.boundary.or(self.has_attachments.then_some(BOUNDARY));
        let Some(boundary) = boundary.filter(|_| !parts.is_empty()) else {
            let content_type = format!("{kind}; charset=utf-8{said}");
            return Request { content_type, action, body: envelope.into_bytes() };
        };
        let (root, root_kind, info) = if self.has_attachments {
            (format!("{kind}; charset=utf-8"), kind, String::new())
        } else {
            let root = format!("application/xop+xml; charset=utf-8; type=\"{kind}\"");
            (root, "application/xop+xml", format!("; start-info=\"{kind}\""))
        };
        let content_type = format!(
            "multipart/related; type=\"{root_kind}\"; start=\"<envelope@sinew>\"{info}; boundary=\"{boundary}\"{said}"
        );
        Request { content_type, action, body: multipart::join(boundary, &root, &envelope, parts) }
    }
}

fn body(encoder: &mut Encoder<'_>, message: &Message, value: &Tree) -> Result<(), SoapError> {
    match &message.body {
        Body::Empty => Ok(()),
        Body::Element { part, flat: true } => {
            // Headers and attachments are fields of the input, and no part of the body.
            let own = |key: &str| key == HEADERS || message.attachments.iter().any(|part| part.key == key);
            match value {
                Tree::Map(fields) if fields.iter().any(|(key, _)| own(key)) => {
                    let rest = fields.iter().filter(|(key, _)| !own(key)).cloned();
                    encoder.element(&part.name, part.of, &Tree::Map(rest.collect()))
                }
                Tree::Null => encoder.element(&part.name, part.of, &Tree::Map(Vec::new())),
                value => encoder.element(&part.name, part.of, value),
            }
        }
        Body::Element { part, flat: false } => parts(encoder, message, std::slice::from_ref(part), value),
        Body::Parts { wrapper: None, parts: of } => parts(encoder, message, of, value),
        Body::Parts { wrapper: Some(wrapper), parts: of } => {
            let tag = encoder.prefixes.name(&wrapper.namespace, &wrapper.local);
            let _ = write!(encoder.out, "<{tag}>");
            parts(encoder, message, of, value)?;
            let _ = write!(encoder.out, "</{tag}>");
            Ok(())
        }
    }
}

fn parts(
    encoder: &mut Encoder<'_>,
    message: &Message,
    parts: &[Part],
    value: &Tree,
) -> Result<(), SoapError> {
    let fields = match value {
        Tree::Map(fields) => fields.as_slice(),
        Tree::Null => &[],
        _ => return encoder.fail("an object is expected here"),
    };
    let is_known = |key: &str| {
        key.starts_with('$') || parts.iter().chain(&message.attachments).any(|part| part.key == key)
    };
    let none = xml::Name::new("", "");
    for part in parts {
        if let Some((key, value)) = fields.iter().find(|(key, _)| *key == part.key) {
            encoder.below(key, |encoder| encoder.element(&part.name, part.of, value))?;
        }
    }
    for (key, value) in fields.iter().filter(|(key, _)| !is_known(key)) {
        if !key.starts_with('{') {
            let known: Vec<String> = parts.iter().map(|part| format!("`{}`", part.key)).collect();
            let known = if known.is_empty() {
                "there are none".to_owned()
            } else {
                format!("there are {}", known.join(", "))
            };
            return encoder.below(key, |encoder| encoder.fail(format!("no such field; {known}")));
        }
        encoder.free_all(&none, key, value)?;
    }
    Ok(())
}

fn headers(encoder: &mut Encoder<'_>, message: &Message, value: &Tree) -> Result<(), SoapError> {
    let Some(Tree::Map(given)) = value.get(HEADERS) else { return Ok(()) };
    let none = xml::Name::new("", "");
    for (key, value) in given.iter().filter(|(_, value)| *value != Tree::Null) {
        encoder.below(HEADERS, |encoder| match message.headers.iter().find(|part| part.key == *key) {
            Some(part) => encoder.below(key, |encoder| encoder.element(&part.name, part.of, value)),
            None if key.starts_with('{') => encoder.free(&none, key, value),
            None => encoder.below(key, |encoder| {
                encoder.fail(
                    "no such header is described; write it as `{namespace}name` to send it nevertheless",
                )
            }),
        })?;
    }
    Ok(())
}

/// The parts that the description has beside the envelope, by their names (SOAP with Attachments).
fn attached(
    encoder: &Encoder<'_>,
    message: &Message,
    value: &Tree,
) -> Result<Vec<(String, Vec<u8>)>, SoapError> {
    let mut parts = Vec::new();
    for part in &message.attachments {
        let Some(text) = value.get(&part.key).and_then(Tree::text) else { continue };
        match BASE64.decode(text) {
            Ok(bytes) => parts.push((format!("{}=1@sinew", part.key), bytes)),
            Err(_) => return encoder.fail(format!("the attachment `{}` is not Base64", part.key)),
        }
    }
    Ok(parts)
}

pub(super) fn answer(
    types: &Types,
    operation: &Operation,
    content_type: Option<&str>,
    bytes: &[u8],
) -> Result<Answer, SoapError> {
    let none = Message::default();
    let is_empty = bytes.iter().all(u8::is_ascii_whitespace);
    match &operation.output {
        Some(output) => read(types, output, &operation.faults, content_type, bytes),
        None if is_empty => Ok(Answer::Output(Json::from_printed("{}"))),
        // An operation that answers nothing may still say that it failed.
        None => match read(types, &none, &operation.faults, content_type, bytes) {
            Ok(Answer::Fault(fault)) => Ok(Answer::Fault(fault)),
            _ => Ok(Answer::Output(Json::from_printed("{}"))),
        },
    }
}

pub(super) fn read(
    types: &Types,
    message: &Message,
    faults: &[DeclaredFault],
    content_type: Option<&str>,
    bytes: &[u8],
) -> Result<Answer, SoapError> {
    let split = multipart::split(content_type, bytes)?;
    let root = xml::parse(split.root)?;
    let mut decoder = Decoder::new(types, &root, &split.attachments);
    let Some(body) = body_of(&root) else {
        // Some services leave the envelope away.
        return match &message.body {
            Body::Element { part, .. } if part.name.local == root.name.local => {
                let value = element_of(&mut decoder, message, &root)?;
                Ok(Answer::Output(value.json()))
            }
            _ => Err(SoapError::NotSoap(root.name.to_string())),
        };
    };
    let is_fault = |child: &&Element| &*child.name.local == "Fault" && is_soap(&child.name.namespace);
    if let Some(found) = body.elements().find(is_fault) {
        return fault::read(&mut decoder, found, faults).map(Answer::Fault);
    }
    let mut value = output_of(&mut decoder, message, body)?;
    if let Tree::Map(fields) = &mut value {
        read_headers(&mut decoder, message, &root, fields)?;
        for (part, id) in message.attachments.iter().zip(&split.order) {
            if let Some(bytes) = split.attachments.get(id) {
                fields.push((part.key.clone(), Tree::Text(BASE64.encode(bytes))));
            }
        }
    }
    Ok(Answer::Output(value.json()))
}

fn is_soap(namespace: &str) -> bool {
    matches!(namespace, ns::SOAP | ns::SOAP12)
}

fn body_of(root: &Element) -> Option<&Element> {
    (&*root.name.local == "Envelope")
        .then(|| root.elements().find(|child| &*child.name.local == "Body"))
        .flatten()
}

fn output_of<'e>(
    decoder: &mut Decoder<'_, 'e>,
    message: &Message,
    body: &'e Element,
) -> Result<Tree, SoapError> {
    let expected = match &message.body {
        Body::Element { part, .. } => Some(&part.name),
        Body::Parts { wrapper, .. } => wrapper.as_ref(),
        Body::Empty => None,
    };
    let named = |wanted: &xml::Name| {
        let exact = body.elements().find(|child| child.name == *wanted);
        exact.or_else(|| body.elements().find(|child| child.name.local == wanted.local))
    };
    // What others refer to may stand beside the answer itself.
    let own =
        || body.elements().find(|child| child.attribute("id").is_none()).or_else(|| body.elements().next());
    let child = expected.and_then(named).or_else(own);
    match (&message.body, child) {
        (Body::Element { .. }, Some(child)) => element_of(decoder, message, child),
        (Body::Parts { wrapper: Some(_), parts }, Some(wrapper)) => parts_of(decoder, parts, wrapper),
        (Body::Parts { wrapper: None, parts }, _) => parts_of(decoder, parts, body),
        (Body::Empty, Some(_)) => decoder.generic(body),
        (_, None) => Ok(Tree::Map(Vec::new())),
    }
}

fn element_of<'e>(
    decoder: &mut Decoder<'_, 'e>,
    message: &Message,
    child: &'e Element,
) -> Result<Tree, SoapError> {
    let Body::Element { part, flat } = &message.body else { return Ok(Tree::Map(Vec::new())) };
    let value = decoder.value(child, part.of)?;
    Ok(match value {
        Tree::Map(fields) if *flat => Tree::Map(fields),
        Tree::Null if *flat => Tree::Map(Vec::new()),
        Tree::Text(text) if *flat && text.trim().is_empty() => Tree::Map(Vec::new()),
        value if *flat => Tree::Map(vec![("$text".to_owned(), value)]),
        value => Tree::Map(vec![(part.key.clone(), value)]),
    })
}

fn parts_of<'e>(
    decoder: &mut Decoder<'_, 'e>,
    parts: &[Part],
    around: &'e Element,
) -> Result<Tree, SoapError> {
    let mut fields = Gathered::default();
    let mut come: Vec<&str> = Vec::new();
    for child in around.elements() {
        // Of several parts of one name, the first that has not come yet.
        let is_new = |part: &&Part| !come.contains(&part.key.as_str());
        let named = |part: &&Part| part.name.local == child.name.local;
        let exact = |part: &&Part| part.name == child.name;
        let found =
            parts.iter().filter(is_new).find(exact).or_else(|| parts.iter().filter(is_new).find(named));
        if let Some(part) = found.or_else(|| parts.iter().find(named)) {
            let value = decoder.value(child, part.of)?;
            if !come.contains(&part.key.as_str()) {
                come.push(&part.key);
            }
            fields.push(part.key.clone(), value);
        } else {
            let value = decoder.free_value(child)?;
            fields.push(child.name.local.to_string(), value);
        }
    }
    Ok(fields.map())
}

fn read_headers<'e>(
    decoder: &mut Decoder<'_, 'e>,
    message: &Message,
    root: &'e Element,
    fields: &mut Vec<(String, Tree)>,
) -> Result<(), SoapError> {
    let Some(header) = root.elements().find(|child| &*child.name.local == "Header") else { return Ok(()) };
    let mut found = Vec::new();
    for part in &message.headers {
        if let Some(child) = header.elements().find(|child| child.name == part.name) {
            found.push((part.key.clone(), decoder.value(child, part.of)?));
        }
    }
    if !found.is_empty() {
        fields.push((HEADERS.to_owned(), Tree::Map(found)));
    }
    Ok(())
}
