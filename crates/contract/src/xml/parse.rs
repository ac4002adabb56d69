use std::borrow::Cow;
use std::collections::HashSet;
use std::sync::Arc;

use quick_xml::Reader;
use quick_xml::events::{BytesStart, Event};

use super::encoding::decode;
use super::{Element, Name, Node, Scope, XmlError, ns};

/// What a document may be at most. Beyond any of these it is refused, never cut.
#[derive(Clone, Copy, Debug)]
pub struct XmlLimits {
    /// Bytes.
    pub bytes_max: usize,
    /// Elements, attributes and texts.
    pub nodes_max: usize,
    /// Elements inside one another.
    pub depth_max: usize,
}

impl Default for XmlLimits {
    fn default() -> Self {
        Self { bytes_max: 32 << 20, nodes_max: 500_000, depth_max: 200 }
    }
}

/// Attributes of one element at most.
const ATTRIBUTES_MAX: usize = 1000;
/// Namespaces declared at one place at most: each name is looked up among them.
const DECLARED_MAX: usize = 512;

/// Reads a document within the usual limits.
pub fn parse(bytes: &[u8]) -> Result<Element, XmlError> {
    parse_within(bytes, XmlLimits::default())
}

/// Reads a document.
pub fn parse_within(bytes: &[u8], limits: XmlLimits) -> Result<Element, XmlError> {
    if bytes.len() > limits.bytes_max {
        let message = format!("{} bytes; at most {} are read", bytes.len(), limits.bytes_max);
        return Err(XmlError { line: 1, message });
    }
    let text = decode(bytes)?;
    if begun_at_least(&text) > limits.nodes_max {
        return Err(XmlError { line: 1, message: too_many(limits) });
    }
    let mut parser = Parser::new(&text, limits);
    let parsed = parser.document();
    parsed.map_err(|message| XmlError { line: parser.line(), message })
}

/// Elements that a text has at least, found without keeping any. (What stands in comments and CDATA may look like some, but
/// nobody has so much of that.)
fn begun_at_least(text: &str) -> usize {
    let begins = |pair: &&[u8]| pair[0] == b'<' && !matches!(pair[1], b'/' | b'!' | b'?');
    text.as_bytes().windows(2).filter(begins).count()
}

fn too_many(limits: XmlLimits) -> String {
    format!("it has more than {} elements, attributes and texts", limits.nodes_max)
}

struct Parser<'t> {
    text: &'t str,
    reader: Reader<&'t [u8]>,
    limits: XmlLimits,
    nodes: usize,
    names: HashSet<Arc<str>>,
    open: Vec<Element>,
    root: Option<Element>,
    /// Lines before a place, counted as far as was asked.
    counted: (usize, u32),
    /// The text gathered since the last tag.
    pending: String,
}

impl<'t> Parser<'t> {
    fn new(text: &'t str, limits: XmlLimits) -> Self {
        let mut reader = Reader::from_str(text);
        reader.config_mut().check_end_names = true;
        Self {
            text,
            reader,
            limits,
            nodes: 0,
            names: HashSet::new(),
            open: Vec::new(),
            root: None,
            counted: (0, 1),
            pending: String::new(),
        }
    }

    fn line(&mut self) -> u32 {
        let at = (self.reader.buffer_position() as usize).min(self.text.len());
        let (from, line) = self.counted;
        let passed = self.text.as_bytes().get(from..at).unwrap_or_default();
        self.counted = (at.max(from), line + lines(passed));
        self.counted.1
    }

    fn document(&mut self) -> Result<Element, String> {
        loop {
            let event = self.reader.read_event().map_err(|error| format!("not XML: {error}"))?;
            match event {
                Event::Start(start) => {
                    self.flush()?;
                    let element = self.element(&start)?;
                    if self.open.len() >= self.limits.depth_max {
                        return Err(format!(
                            "elements stand inside one another deeper than {}",
                            self.limits.depth_max
                        ));
                    }
                    self.open.push(element);
                }
                Event::Empty(start) => {
                    self.flush()?;
                    let element = self.element(&start)?;
                    self.close(element)?;
                }
                Event::End(_) => {
                    self.flush()?;
                    let element = self.open.pop().ok_or("a tag ends that was not begun")?;
                    self.close(element)?;
                }
                Event::Text(text) => {
                    let text = text.xml10_content().map_err(|error| error.to_string())?;
                    self.append(&text)?;
                }
                Event::CData(text) => {
                    let text = text.xml10_content().map_err(|error| error.to_string())?;
                    self.append(&text)?;
                }
                Event::GeneralRef(reference) => {
                    let text = reference.decode().map_err(|error| error.to_string())?;
                    let character = referred(&text)?;
                    self.append(character.encode_utf8(&mut [0; 4]))?;
                }
                Event::DocType(_) => {
                    return Err("it has a document type declaration (DTD); those are not read".to_owned());
                }
                Event::Decl(_) | Event::PI(_) | Event::Comment(_) => {}
                Event::Eof => break,
            }
        }
        match (self.open.last(), self.root.take()) {
            (Some(open), _) => Err(format!("it ends before `{}` does", open.name.local)),
            (None, Some(root)) => Ok(root),
            (None, None) => Err("there is no element in it".to_owned()),
        }
    }

    fn append(&mut self, text: &str) -> Result<(), String> {
        if self.open.is_empty() {
            // What stands before or after the document is no matter unless it is text of its own.
            return if text.trim_matches(['\u{feff}', ' ', '\t', '\r', '\n']).is_empty() {
                Ok(())
            } else {
                Err("there is text outside the document's element; it is no XML".to_owned())
            };
        }
        self.pending.push_str(text);
        Ok(())
    }

    fn flush(&mut self) -> Result<(), String> {
        if self.pending.is_empty() {
            return Ok(());
        }
        self.count(1)?;
        let text = std::mem::take(&mut self.pending);
        if let Some(element) = self.open.last_mut() {
            element.children.push(Node::Text(text.into()));
        }
        Ok(())
    }

    fn close(&mut self, mut element: Element) -> Result<(), String> {
        element.children.shrink_to_fit();
        match self.open.last_mut() {
            Some(outer) => outer.children.push(Node::Element(Box::new(element))),
            None if self.root.is_none() => self.root = Some(element),
            None => return Err("it has more than one outermost element".to_owned()),
        }
        Ok(())
    }

    fn count(&mut self, nodes: usize) -> Result<(), String> {
        self.nodes += nodes;
        if self.nodes > self.limits.nodes_max {
            return Err(too_many(self.limits));
        }
        Ok(())
    }

    fn element(&mut self, start: &BytesStart<'_>) -> Result<Element, String> {
        let line = self.line();
        let mut scope = self.open.last().map(|outer| outer.scope.clone()).unwrap_or_default();
        let mut attributes: Vec<(String, Box<str>)> = Vec::new();
        for (count, attribute) in start.attributes().enumerate() {
            // Each is compared with those before it.
            if count >= ATTRIBUTES_MAX {
                return Err(format!("an element has more than {ATTRIBUTES_MAX} attributes"));
            }
            let attribute = attribute.map_err(|error| format!("not XML: {error}"))?;
            let key = std::str::from_utf8(attribute.key.as_ref()).map_err(|error| error.to_string())?;
            let raw = std::str::from_utf8(&attribute.value).map_err(|error| error.to_string())?;
            let value = unescaped(raw)?;
            if key == "xmlns" || key.starts_with("xmlns:") {
                let prefix = key.strip_prefix("xmlns").unwrap_or_default().trim_start_matches(':');
                let namespace = self.interned(&value);
                scope = scope.with(prefix, namespace);
            } else {
                attributes.push((key.to_owned(), value.into()));
            }
        }
        self.count(1 + attributes.len())?;
        if scope.count() > DECLARED_MAX {
            return Err(format!("more than {DECLARED_MAX} namespaces are declared for one element"));
        }
        let raw = start.name();
        let raw = std::str::from_utf8(raw.as_ref()).map_err(|error| error.to_string())?;
        let name = self.name(&scope, raw, true);
        let attributes =
            attributes.into_iter().map(|(key, value)| (self.name(&scope, &key, false), value)).collect();
        Ok(Element { name, attributes, children: Vec::new(), line, scope })
    }

    fn name(&mut self, scope: &Scope, raw: &str, is_element: bool) -> Name {
        let (prefix, local) = raw.rsplit_once(':').unwrap_or(("", raw));
        let local = self.interned(local);
        let namespace = match prefix {
            "" if !is_element => self.interned(""),
            "xml" => self.interned(ns::XML),
            prefix => scope.resolve(prefix),
        };
        Name { namespace, local }
    }

    /// One copy of each name, however often it occurs.
    fn interned(&mut self, text: &str) -> Arc<str> {
        if let Some(known) = self.names.get(text) {
            return Arc::clone(known);
        }
        let new: Arc<str> = Arc::from(text);
        self.names.insert(Arc::clone(&new));
        new
    }
}

fn lines(bytes: &[u8]) -> u32 {
    bytes.split(|byte| *byte == b'\n').skip(1).count() as u32
}

/// A text in which references are resolved and, as in all attributes, white space is blanks.
fn unescaped(raw: &str) -> Result<Cow<'_, str>, String> {
    let raw = if raw.contains(['\n', '\r', '\t']) {
        Cow::Owned(raw.replace("\r\n", " ").replace(['\n', '\r', '\t'], " "))
    } else {
        Cow::Borrowed(raw)
    };
    if !raw.contains('&') {
        return Ok(raw);
    }
    let mut text = String::with_capacity(raw.len());
    let mut rest = &*raw;
    while let Some((before, after)) = rest.split_once('&') {
        text.push_str(before);
        let (reference, after) =
            after.split_once(';').ok_or("not XML: `&` begins a reference that does not end")?;
        text.push(referred(reference)?);
        rest = after;
    }
    text.push_str(rest);
    Ok(Cow::Owned(text))
}

/// The character that `lt` or `#60` or `#x3C` stands for.
fn referred(reference: &str) -> Result<char, String> {
    let number = |digits: &str, radix| u32::from_str_radix(digits, radix).ok().and_then(char::from_u32);
    let character = match reference {
        "lt" => Some('<'),
        "gt" => Some('>'),
        "amp" => Some('&'),
        "quot" => Some('"'),
        "apos" => Some('\''),
        other => match other.strip_prefix('#') {
            Some(digits) => match digits.strip_prefix(['x', 'X']) {
                Some(digits) => number(digits, 16),
                None => number(digits, 10),
            },
            None => None,
        },
    };
    character.filter(|c| *c != '\0').ok_or_else(|| {
        let shown: String = reference.chars().take(20).collect();
        format!("`&{shown};` stands for nothing; entities are not read")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn refused(text: &str) -> String {
        parse(text.as_bytes()).unwrap_err().to_string()
    }

    #[test]
    fn names_have_their_namespaces_and_texts_their_characters() {
        let text = "<?xml version='1.0'?><!-- <x/> --><a:r xmlns:a='urn:a' xmlns='urn:d' n=' 1&#65;\n2' a:m='&lt;'>\
                    a&amp;<![CDATA[<b>]]><c xmlns=''/></a:r>";
        let root = parse(text.as_bytes()).unwrap();
        assert!(root.name.is("urn:a", "r"));
        assert_eq!(root.attribute("n"), Some(" 1A 2"));
        assert_eq!(root.attribute_of("urn:a", "m"), Some("<"));
        assert_eq!(root.text(), "a&<b>");
        assert!(root.elements().next().unwrap().name.is("", "c"));
        assert!(root.qualified("x").is("urn:d", "x") && root.qualified("xsd:int").is(ns::XSD, "int"));
    }

    #[test]
    fn documents_in_other_encodings_are_read() {
        let text = "<?xml version='1.0' encoding='ISO-8859-1'?><a>\u{e9}</a>";
        let latin: Vec<u8> = text.chars().map(|c| c as u8).collect();
        assert_eq!(parse(&latin).unwrap().text(), "é");
        let wide: Vec<u8> =
            [0xff, 0xfe].into_iter().chain("<a>é</a>".encode_utf16().flat_map(u16::to_le_bytes)).collect();
        assert_eq!(parse(&wide).unwrap().text(), "é");
        assert!(refused("<?xml version='1.0' encoding='EBCDIC'?><a/>").contains("`ebcdic` is not read"));
    }

    #[test]
    fn what_is_no_xml_says_where() {
        assert!(refused("<a>\n<b>\n</a>").starts_with("line 3: not XML"), "{}", refused("<a>\n<b>\n</a>"));
        assert!(refused("<a>\n").contains("ends before `a` does"));
        assert!(refused("{\"a\": 1}").contains("text outside"));
        assert!(refused("").contains("no element"));
        assert!(refused("<a/><b/>").contains("more than one"));
        assert!(refused("<a>&nbsp;</a>").contains("`&nbsp;` stands for nothing"));
    }

    #[test]
    fn bombs_are_refused() {
        let bomb = "<!DOCTYPE lolz [<!ENTITY lol 'lol'><!ENTITY lol2 '&lol;&lol;'>]><a>&lol2;</a>";
        assert!(refused(bomb).contains("DTD"), "{}", refused(bomb));
        let xxe = "<!DOCTYPE a [<!ENTITY x SYSTEM 'file:///etc/passwd'>]><a>&x;</a>";
        assert!(refused(xxe).contains("DTD"));
        assert!(refused(&"<a>".repeat(100_000)).contains("deeper than 200"));
        assert!(refused(&format!("<r>{}</r>", "<a/>".repeat(600_000))).contains("more than 500000"));
        let declared = (0..600).map(|n| format!(" xmlns:n{n}='u'")).collect::<Vec<_>>().concat();
        assert!(refused(&format!("<a{declared}/>")).contains("512 namespaces"));
        let attributes = (0..200_000).map(|n| format!(" a{n}=''")).collect::<Vec<_>>().concat();
        assert!(refused(&format!("<a{attributes}/>")).contains("1000 attributes"));
    }
}
