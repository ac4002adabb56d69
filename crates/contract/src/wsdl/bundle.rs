//! A description of several files as one: the others stand in it as an extension element, which whoever does not know it
//! passes over (WSDL 1.1, section 2.1.3).

use std::collections::HashMap;
use std::fmt::Write as _;

use quick_xml::Reader;
use quick_xml::events::Event;

use crate::xml::{self, Element, Node, XmlError};

/// The namespace of what holds the other files.
const FILES: &str = "urn:sinew:files";

/// Puts files into the description that refers to them, each under the path by which it asks for it. One that is the
/// description itself is only named.
pub fn bundle(document: &[u8], files: &[(String, Vec<u8>)]) -> Result<Vec<u8>, XmlError> {
    if files.is_empty() {
        return Ok(document.to_vec());
    }
    let text = xml::decode(document)?;
    let Some(root) = Root::of(&text) else { return Ok(document.to_vec()) };
    let mut whole = String::from("<?xml version=\"1.0\" encoding=\"utf-8\"?>\n");
    whole.push_str(text.get(root.begin..root.inner_end).unwrap_or_default());
    whole.push_str("<files xmlns=\"");
    whole.push_str(FILES);
    whole.push_str("\">");
    for (path, content) in files {
        let path = xml::escape_attribute(path);
        if content == document {
            let _ = write!(whole, "\n<file path=\"{path}\"/>");
            continue;
        }
        let text = xml::decode(content)?;
        let inner = Root::of(&text).and_then(|of| text.get(of.begin..of.end)).unwrap_or_default();
        // Nothing that is declared around a file holds within it, the usual namespace least of all.
        let _ = write!(whole, "\n<file path=\"{path}\"><content xmlns=\"\">{inner}</content></file>");
    }
    whole.push_str("\n</files>\n");
    whole.push_str(text.get(root.inner_end..root.end).unwrap_or_default());
    whole.push('\n');
    Ok(whole.into_bytes())
}

/// A file within a description.
pub(super) enum Within {
    /// The description itself.
    Itself,
    /// Its element.
    Other(Element),
}

/// Takes the files out of a description, by their paths.
pub(super) fn take(root: &mut Element) -> HashMap<String, Within> {
    let is_files = |node: &Node| matches!(node, Node::Element(of) if of.name.is(FILES, "files"));
    let held: Vec<Node> = root.children.extract_if(.., |node| is_files(node)).collect();
    let mut files = HashMap::new();
    for node in held {
        let Node::Element(held) = node else { continue };
        for node in held.children {
            let Node::Element(file) = node else { continue };
            let Some(path) = file.attribute("path").map(str::to_owned) else { continue };
            let content = file.children.into_iter().find_map(|node| match node {
                Node::Element(content) => Some(content),
                Node::Text(_) => None,
            });
            let inner = content.and_then(|content| {
                content.children.into_iter().find_map(|node| match node {
                    Node::Element(inner) => Some(*inner),
                    Node::Text(_) => None,
                })
            });
            files.insert(path, inner.map_or(Within::Itself, Within::Other));
        }
    }
    files
}

/// Where in a text its element is.
struct Root {
    begin: usize,
    /// Where its end tag begins.
    inner_end: usize,
    end: usize,
}

impl Root {
    /// None if the element has nothing in it, or there is none.
    fn of(text: &str) -> Option<Self> {
        let mut reader = Reader::from_str(text);
        let (mut depth, mut begin) = (0_usize, None);
        loop {
            let before = reader.buffer_position() as usize;
            match reader.read_event().ok()? {
                Event::Start(_) => {
                    depth += 1;
                    begin.get_or_insert(before);
                }
                Event::Empty(_) if depth == 0 => {
                    let end = reader.buffer_position() as usize;
                    return Some(Self { begin: before, inner_end: end, end });
                }
                Event::End(_) if depth == 1 => {
                    let end = reader.buffer_position() as usize;
                    return Some(Self { begin: begin?, inner_end: before, end });
                }
                Event::End(_) => depth = depth.checked_sub(1)?,
                Event::Eof => return None,
                _ => {}
            }
        }
    }
}
