//! As much of SOAP as the ERP system needs. It reads what it is sent by local names alone, as old systems do.

use std::fmt::Write as _;

use quick_xml::Reader;
use quick_xml::events::{BytesStart, Event};

/// An element by its local name.
#[derive(Debug, Default)]
pub(super) struct Element {
    pub(super) name: String,
    pub(super) text: String,
    pub(super) attributes: Vec<(String, String)>,
    pub(super) children: Vec<Element>,
}

/// Elements inside one another at most.
const DEPTH_MAX: usize = 32;

impl Element {
    pub(super) fn child(&self, name: &str) -> Option<&Self> {
        self.children.iter().find(|child| child.name == name)
    }

    /// The text of a child; blank counts as absent.
    pub(super) fn value(&self, name: &str) -> Option<&str> {
        self.child(name).map(|child| child.text.trim()).filter(|text| !text.is_empty())
    }
}

/// Reads a message. None if it is none.
pub(super) fn read(body: &[u8]) -> Option<Element> {
    let text = std::str::from_utf8(body).ok()?;
    let mut reader = Reader::from_str(text);
    let mut open = vec![Element::default()];
    loop {
        match reader.read_event().ok()? {
            Event::Start(start) if open.len() < DEPTH_MAX => open.push(begun(&start)?),
            Event::Start(_) | Event::DocType(_) => return None,
            Event::Empty(start) => open.last_mut()?.children.push(begun(&start)?),
            Event::End(_) => {
                let done = open.pop()?;
                open.last_mut()?.children.push(done);
            }
            Event::Text(text) => open.last_mut()?.text.push_str(&text.xml10_content().ok()?),
            Event::CData(text) => open.last_mut()?.text.push_str(&text.xml10_content().ok()?),
            Event::GeneralRef(reference) => {
                let name = reference.decode().ok()?;
                let character = quick_xml::escape::unescape(&format!("&{name};")).ok()?.into_owned();
                open.last_mut()?.text.push_str(&character);
            }
            Event::Eof => break,
            Event::Decl(_) | Event::PI(_) | Event::Comment(_) => {}
        }
    }
    if open.len() == 1 { open.pop()?.children.pop() } else { None }
}

fn begun(start: &BytesStart<'_>) -> Option<Element> {
    let local = |name: &[u8]| {
        let name = String::from_utf8_lossy(name).into_owned();
        name.rsplit(':').next().map(str::to_owned)
    };
    let mut element = Element { name: local(start.name().as_ref())?, ..Element::default() };
    for attribute in start.attributes() {
        let attribute = attribute.ok()?;
        let value =
            quick_xml::escape::unescape(std::str::from_utf8(&attribute.value).ok()?).ok()?.into_owned();
        element.attributes.push((local(attribute.key.as_ref())?, value));
    }
    Some(element)
}

/// An envelope round a body.
pub(super) fn envelope(body: &str) -> String {
    format!(
        "<?xml version=\"1.0\" encoding=\"utf-8\"?><S:Envelope xmlns:S=\"http://schemas.xmlsoap.org/soap/envelope/\" \
         xmlns:xsi=\"http://www.w3.org/2001/XMLSchema-instance\" xmlns:e=\"urn:sandbox:erp:types\"><S:Body>{body}</S:Body></S:Envelope>"
    )
}

/// A fault. `detail`: elements, or nothing.
pub(super) fn fault(code: &str, reason: &str, detail: &str) -> String {
    let mut text = format!(
        "<S:Fault><faultcode>{}</faultcode><faultstring>{}</faultstring>",
        escaped(code),
        escaped(reason)
    );
    if !detail.is_empty() {
        let _ = write!(text, "<detail>{detail}</detail>");
    }
    text.push_str("</S:Fault>");
    envelope(&text)
}

/// An element with a text.
pub(super) fn simple(name: &str, text: &str) -> String {
    format!("<e:{name}>{}</e:{name}>", escaped(text))
}

pub(super) fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}
