use std::fmt::Write as _;

use super::ns;

/// The prefixes of one document, all declared at its outermost element: text of elements can be written before it is
/// known which namespaces there will be.
#[derive(Clone, Debug, Default)]
pub(crate) struct Prefixes(Vec<(String, String)>);

impl Prefixes {
    /// The prefix of a namespace; it gets one if it has none.
    pub(crate) fn of(&mut self, namespace: &str) -> String {
        if namespace == ns::XML {
            return "xml".to_owned();
        }
        if let Some((_, prefix)) = self.0.iter().find(|(known, _)| known == namespace) {
            return prefix.clone();
        }
        let prefix = match namespace {
            ns::SOAP | ns::SOAP12 => "soap".to_owned(),
            ns::XSI => "xsi".to_owned(),
            ns::XSD => "xsd".to_owned(),
            ns::ENC | ns::ENC12 => "soapenc".to_owned(),
            ns::WSSE => "wsse".to_owned(),
            ns::WSU => "wsu".to_owned(),
            ns::XOP => "xop".to_owned(),
            _ => format!("n{}", self.0.len()),
        };
        self.0.push((namespace.to_owned(), prefix.clone()));
        prefix
    }

    /// A name as it is written; without a namespace it has no prefix.
    pub(crate) fn name(&mut self, namespace: &str, local: &str) -> String {
        if namespace.is_empty() { local.to_owned() } else { format!("{}:{local}", self.of(namespace)) }
    }

    /// The declarations, each with a blank before it.
    pub(crate) fn declarations(&self) -> String {
        let mut text = String::new();
        for (namespace, prefix) in &self.0 {
            let _ = write!(text, " xmlns:{prefix}=\"{}\"", escape_attribute(namespace));
        }
        text
    }
}

/// A text as it stands between tags. Characters that XML cannot hold at all become U+FFFD.
pub(crate) fn escape_text(text: &str) -> String {
    escape(text, false)
}

/// A text as it stands in an attribute.
pub(crate) fn escape_attribute(text: &str) -> String {
    escape(text, true)
}

fn escape(text: &str, in_attribute: bool) -> String {
    let mut escaped = String::with_capacity(text.len() + 8);
    for character in text.chars() {
        match character {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' if in_attribute => escaped.push_str("&quot;"),
            '\n' | '\t' if in_attribute => {
                let _ = write!(escaped, "&#{};", character as u32);
            }
            '\r' => escaped.push_str("&#13;"),
            '\n' | '\t' => escaped.push(character),
            '\0'..='\x1f' | '\u{fffe}' | '\u{ffff}' => escaped.push('\u{fffd}'),
            other => escaped.push(other),
        }
    }
    escaped
}
