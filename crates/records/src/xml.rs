//! Elements of one name as JSON. Namespaces are left out, as are comments; every text is a text. There are no DTDs and no
//! entities but the five that XML has.

use std::io::{BufRead, BufReader, Cursor, Read};
use std::sync::Arc;

use quick_xml::Reader;
use quick_xml::XmlVersion;
use quick_xml::escape::resolve_predefined_entity;
use quick_xml::events::{BytesRef, BytesStart, Event};
use serde_json::{Map, Value};
use sinew_stdx::Json;

use crate::bounded::{Bounded, is_too_long};
use crate::{Encoding, RECORD_BYTES_MAX, RecordError, decoded};

/// How deep elements may lie in one another.
const DEPTH_MAX: usize = 128;
/// How many elements a record may have: each takes more memory than it has bytes.
const ELEMENTS_MAX: usize = 100_000;
/// How long the declaration at the beginning may be.
const DECLARATION_MAX: u64 = 256;

/// Which elements are records. Of an element its attributes are fields by `@name`, the elements within it by their names
/// (a list if there are several of one name), and its text is the value itself, or `#text` beside other fields.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct XmlFormat {
    /// The name, without a prefix; or the end of the path to it, such as `orders/order`.
    pub record: Arc<str>,
}

pub(crate) fn read(
    format: &XmlFormat,
    mut bytes: impl Read + Send + 'static,
) -> impl Iterator<Item = Result<Json, RecordError>> + Send + 'static {
    let (encoding, begin) = encoding(&mut bytes);
    let bytes = decoded(encoding, Cursor::new(begin).chain(bytes));
    let bytes = Bounded::new(BufReader::with_capacity(64 * 1024, bytes), RECORD_BYTES_MAX);
    let mut reader = Reader::from_reader(bytes);
    reader.config_mut().expand_empty_elements = true;
    let wanted = format.record.split('/').filter(|name| !name.is_empty()).map(str::to_owned).collect();
    let mut walk = Walk { reader, buffer: Vec::new(), path: Vec::new(), wanted, number: 1 };
    std::iter::from_fn(move || walk.next_record().transpose())
}

/// The encoding that a document declares, and the bytes that were read to find out. Where they cannot be read the reader
/// finds out again.
fn encoding(bytes: &mut impl Read) -> (Encoding, Vec<u8>) {
    let mut begin = Vec::new();
    let _ = bytes.take(DECLARATION_MAX).read_to_end(&mut begin);
    let declaration = String::from_utf8_lossy(&begin);
    let declaration = declaration.split("?>").next().unwrap_or_default();
    let label = declaration.split_once("encoding").and_then(|(_, rest)| rest.split(['"', '\'']).nth(1));
    let label = label.filter(|_| declaration.trim_start_matches('\u{feff}').starts_with("<?xml"));
    let encoding = label.and_then(Encoding::of).unwrap_or_default();
    (encoding, begin)
}

struct Walk<R> {
    reader: Reader<Bounded<R>>,
    buffer: Vec<u8>,
    /// The names of the elements around.
    path: Vec<String>,
    wanted: Vec<String>,
    number: u64,
}

/// An element that is being read.
struct Open {
    name: String,
    fields: Map<String, Value>,
    text: String,
    nil: bool,
}

impl<R: BufRead> Walk<R> {
    fn next_record(&mut self) -> Result<Option<Json>, RecordError> {
        loop {
            // Between records a file may be as long as it likes, but no single piece of it may.
            self.reader.get_mut().go_on();
            match self.event()? {
                Event::Eof if self.path.is_empty() => return Ok(None),
                Event::Eof => return Err(self.wrong("it ends within an element")),
                Event::Start(start) => {
                    let name = local(&start);
                    let open = open(&start).map_err(|cause| self.wrong(&cause))?;
                    if self.path.len() >= DEPTH_MAX {
                        return Err(self.wrong("elements lie too deep in one another"));
                    }
                    self.path.push(name);
                    if self.path.ends_with(&self.wanted) {
                        let value = self.element(open)?;
                        self.path.pop();
                        self.number += 1;
                        return Ok(Some(Json::of(&value)));
                    }
                }
                Event::End(_) => {
                    self.path.pop();
                }
                Event::DocType(_) => return Err(self.wrong("it has a document type, which is not read")),
                _ => {}
            }
        }
    }

    /// The value of an element whose start was read.
    fn element(&mut self, first: Open) -> Result<Value, RecordError> {
        let (mut open, mut elements) = (vec![first], 1);
        loop {
            match self.event()? {
                Event::Eof => return Err(self.wrong("it ends within an element")),
                Event::Start(start) => {
                    let inner = self::open(&start).map_err(|cause| self.wrong(&cause))?;
                    elements += 1;
                    if elements > ELEMENTS_MAX {
                        return Err(self.wrong("a record has more than 100,000 elements"));
                    }
                    if self.path.len() + open.len() > DEPTH_MAX {
                        return Err(self.wrong("elements lie too deep in one another"));
                    }
                    open.push(inner);
                }
                Event::Text(text) => {
                    let text = text.decode().map_err(|e| self.wrong(&e.to_string()))?.into_owned();
                    add(&mut open, &text);
                }
                Event::CData(text) => {
                    let text = text.decode().map_err(|e| self.wrong(&e.to_string()))?.into_owned();
                    add(&mut open, &text);
                }
                Event::GeneralRef(reference) => {
                    let text = character(&reference).map_err(|cause| self.wrong(&cause))?;
                    add(&mut open, &text);
                }
                Event::End(_) => {
                    let Some(closed) = open.pop() else { return Ok(Value::Null) };
                    let (name, value) = (closed.name.clone(), closed.value());
                    match open.last_mut() {
                        None => return Ok(value),
                        Some(outer) => outer.take(name, value),
                    }
                }
                _ => {}
            }
        }
    }

    fn event(&mut self) -> Result<Event<'static>, RecordError> {
        self.buffer.clear();
        let event = self.reader.read_event_into(&mut self.buffer).map(Event::into_owned);
        event.map_err(|error| match &error {
            quick_xml::Error::Io(error) if is_too_long(error) => RecordError::TooLong { number: self.number },
            quick_xml::Error::Io(error) => RecordError::Unread(error.to_string().into()),
            other => self.wrong(&other.to_string()),
        })
    }

    fn wrong(&self, cause: &str) -> RecordError {
        RecordError::wrong(format_args!("byte {}", self.reader.buffer_position()), cause)
    }
}

impl Open {
    fn take(&mut self, name: String, value: Value) {
        match self.fields.get_mut(&name) {
            None => {
                self.fields.insert(name, value);
            }
            Some(Value::Array(values)) => values.push(value),
            Some(first) => *first = Value::Array(vec![first.take(), value]),
        }
    }

    fn value(mut self) -> Value {
        let text = self.text.trim();
        if self.fields.is_empty() {
            return if self.nil { Value::Null } else { Value::String(text.to_owned()) };
        }
        if !text.is_empty() {
            self.fields.insert("#text".to_owned(), Value::String(text.to_owned()));
        }
        Value::Object(self.fields)
    }
}

fn add(open: &mut [Open], text: &str) {
    if let Some(open) = open.last_mut() {
        open.text.push_str(text);
    }
}

fn local(start: &BytesStart<'_>) -> String {
    String::from_utf8_lossy(start.local_name().as_ref()).into_owned()
}

fn open(start: &BytesStart<'_>) -> Result<Open, String> {
    let mut open = Open { name: local(start), fields: Map::new(), text: String::new(), nil: false };
    for attribute in start.attributes() {
        let attribute = attribute.map_err(|e| e.to_string())?;
        let key = attribute.key;
        if key.as_namespace_binding().is_some() {
            continue;
        }
        let name = String::from_utf8_lossy(key.local_name().as_ref()).into_owned();
        let value = attribute.normalized_value(XmlVersion::Implicit1_0).map_err(|e| e.to_string())?;
        if name == "nil" && key.prefix().is_some() {
            open.nil = matches!(&*value, "true" | "1");
        } else {
            open.fields.insert(format!("@{name}"), Value::String(value.into_owned()));
        }
    }
    Ok(open)
}

/// The character that a reference stands for.
fn character(reference: &BytesRef<'_>) -> Result<String, String> {
    if let Some(character) = reference.resolve_char_ref().map_err(|e| e.to_string())? {
        return Ok(character.to_string());
    }
    let name = reference.decode().map_err(|e| e.to_string())?;
    resolve_predefined_entity(&name)
        .map(str::to_owned)
        .ok_or_else(|| format!("`&{name};` is no entity that XML has"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Format;
    use crate::tests::check as read;

    fn check(record: &str, xml: &str) -> Vec<String> {
        read(&Format::Xml(XmlFormat { record: record.into() }), xml.as_bytes())
    }

    #[test]
    fn elements_of_a_name_are_records_wherever_they_lie() {
        let xml = "<?xml version='1.0'?><!-- x --><o:orders xmlns:o='urn:o'><page><o:order id='1'><total>9.90</total></o:order></page><order/></o:orders>";
        assert_eq!(check("order", xml), [r#"{"@id":"1","total":"9.90"}"#, "\"\""]);
        assert_eq!(check("page/order", xml).len(), 1);
        assert_eq!(check("invoice", xml), [""; 0]);
    }

    #[test]
    fn what_comes_more_than_once_is_a_list_and_text_beside_fields_has_a_name() {
        let xml = "<l><r><a>1</a><a>2</a><b c='&lt;'>x &amp; <![CDATA[<y>]]></b><n xsi:nil='true'/></r></l>";
        assert_eq!(check("r", xml), [r##"{"a":["1","2"],"b":{"@c":"<","#text":"x & <y>"},"n":null}"##]);
    }

    #[test]
    fn a_document_says_how_it_is_encoded() {
        let latin = Format::Xml(XmlFormat { record: "r".into() });
        let said = read(&latin, b"<?xml version='1.0' encoding='ISO-8859-1'?><l><r>caf\xe9</r></l>");
        assert_eq!(said, ["\"café\""]);
    }

    #[test]
    fn what_is_no_xml_says_where() {
        for (xml, says) in [
            ("<l><r>", "ends within an element"),
            ("<!DOCTYPE l [<!ENTITY a 'b'>]><l/>", "document type"),
            ("<l><r>&a;</r></l>", "no entity that XML has"),
            ("<l><r></l>", "byte"),
        ] {
            let said = check("r", xml).pop().unwrap_or_default();
            assert!(said.starts_with('!') && said.contains(says), "{xml}: {said}");
        }
        let deep = format!("<l><r>{}", "<a>".repeat(10_000));
        assert!(check("r", &deep)[0].contains("too deep"));
    }
}
