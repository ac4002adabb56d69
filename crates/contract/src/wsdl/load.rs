//! The files of a description: each read once, however often and from wherever it is referred to.

use std::collections::{HashMap, HashSet};

use crate::document::{MissingFile, joined};
use crate::xml::{self, Element, ns};
use crate::xsd::{Include, Place, Types, is_xsd, read_schema};

use super::bundle::{self, Within};
use super::{NotAService, Warning};

/// Files that one description may refer to.
const FILES_MAX: usize = 1000;
/// Bytes of all files together.
const BYTES_MAX: usize = 64 << 20;

/// All that was read.
pub(super) struct Loaded {
    /// `definitions` elements with the files that they stand in, the document's own first.
    pub(super) documents: Vec<(String, Element)>,
    pub(super) types: Types,
    pub(super) warnings: Vec<Warning>,
    pub(super) missing: Vec<MissingFile>,
    /// The files that are part of it, as they are referred to.
    pub(super) files: Vec<String>,
}

pub(super) type Load<'l> = dyn FnMut(&str) -> Result<Vec<u8>, String> + 'l;

pub(super) fn load(document: &[u8], load: &mut Load<'_>) -> Result<Loaded, NotAService> {
    let mut root = xml::parse(document)?;
    if !root.name.is(ns::WSDL, "definitions") {
        let found = root.name.to_string();
        return Err(NotAService::SomethingElse { found, looks_like: something_else(&root) });
    }
    let mut loader = Loader {
        load,
        document,
        within: bundle::take(&mut root),
        seen: HashSet::new(),
        bytes: document.len(),
        wanted: Vec::new(),
        loaded: Loaded {
            documents: Vec::new(),
            types: Types::new(),
            warnings: Vec::new(),
            missing: Vec::new(),
            files: Vec::new(),
        },
    };
    loader.seen.insert((String::new(), None));
    loader.document(String::new(), root);
    while let Some(wanted) = loader.wanted.pop() {
        loader.file(wanted)?;
    }
    Ok(loader.loaded)
}

/// A file that is referred to.
struct Wanted {
    file: String,
    adopts: Option<String>,
    from: Place,
}

struct Loader<'a, 'l> {
    load: &'a mut Load<'l>,
    document: &'a [u8],
    /// The files that stand in the document itself.
    within: HashMap<String, Within>,
    seen: HashSet<(String, Option<String>)>,
    bytes: usize,
    wanted: Vec<Wanted>,
    loaded: Loaded,
}

impl Loader<'_, '_> {
    fn document(&mut self, file: String, root: Element) {
        for import in root.named(ns::WSDL, "import").chain(root.named(ns::WSDL, "include")) {
            if let Some(location) = import.attribute("location") {
                self.want(&file, location, None, import.line);
            }
        }
        for types in root.named(ns::WSDL, "types") {
            for schema in types.elements().filter(|part| is_xsd(&part.name.namespace)) {
                self.schema(schema, &file, None);
            }
        }
        self.loaded.documents.push((file, root));
    }

    fn schema(&mut self, schema: &Element, file: &str, adopted: Option<&str>) {
        let includes = read_schema(&mut self.loaded.types, schema, file, adopted);
        for Include { location, adopts, line } in includes {
            self.want(file, &location, adopts, line);
        }
    }

    fn want(&mut self, file: &str, location: &str, adopts: Option<String>, line: u32) {
        let location = location.trim();
        if location.is_empty() || is_standard(location) {
            return;
        }
        let from = Place { file: file.to_owned(), line };
        self.wanted.push(Wanted { file: joined(file, &location.replace('\\', "/")), adopts, from });
    }

    fn file(&mut self, wanted: Wanted) -> Result<(), NotAService> {
        let Wanted { file, adopts, from } = wanted;
        if !self.seen.insert((file.clone(), adopts.clone())) {
            return Ok(());
        }
        if self.seen.len() > FILES_MAX {
            return Err(NotAService::TooLarge { of: "files", max: FILES_MAX });
        }
        let read = match self.within.get(&file) {
            Some(Within::Itself) => return Ok(()),
            Some(Within::Other(root)) => Ok(root.clone()),
            None => match (self.load)(&file) {
                // It was read already.
                Ok(bytes) if bytes == self.document => {
                    self.loaded.files.push(file);
                    return Ok(());
                }
                Ok(bytes) => self.parsed(&bytes),
                Err(message) => Err(message),
            },
        };
        if self.bytes > BYTES_MAX {
            return Err(NotAService::TooLarge { of: "bytes in its files", max: BYTES_MAX });
        }
        if let Ok(root) = &read
            && (is_xsd(&root.name.namespace) || root.name.is(ns::WSDL, "definitions"))
            && !self.loaded.files.contains(&file)
        {
            self.loaded.files.push(file.clone());
        }
        match read {
            Ok(root) if is_xsd(&root.name.namespace) => {
                let adopted = adopts.as_deref().filter(|_| root.attribute("targetNamespace").is_none());
                self.schema(&root, &file, adopted);
            }
            Ok(root) if root.name.is(ns::WSDL, "definitions") => {
                let own_schema = adopts.is_some();
                self.document(file, root);
                if own_schema {
                    self.warn(&from, "a schema includes a WSDL; its types are read".to_owned());
                }
            }
            Ok(root) => {
                self.warn(&from, format!("`{file}` is neither WSDL nor XML Schema, but `{}`", root.name));
            }
            Err(message) => {
                self.warn(&from, format!("the file `{file}` cannot be read: {message}"));
                if !self.loaded.missing.iter().any(|missing| missing.file == file) {
                    self.loaded.missing.push(MissingFile { file, message });
                }
            }
        }
        Ok(())
    }

    fn parsed(&mut self, bytes: &[u8]) -> Result<Element, String> {
        self.bytes += bytes.len();
        if self.bytes > BYTES_MAX {
            return Err(format!("the files have more than {BYTES_MAX} bytes together"));
        }
        xml::parse(bytes).map_err(|error| error.to_string())
    }

    fn warn(&mut self, place: &Place, message: String) {
        self.loaded.warnings.push(Warning { file: place.file.clone(), line: place.line, message });
    }
}

/// Schemas that everybody refers to, and that are known without being read.
fn is_standard(location: &str) -> bool {
    const STANDARD: [&str; 8] = [
        "http://schemas.xmlsoap.org/soap/encoding",
        "http://schemas.xmlsoap.org/soap/envelope",
        "http://schemas.xmlsoap.org/wsdl",
        "http://www.w3.org/2001/XMLSchema",
        "http://www.w3.org/2001/xml.xsd",
        "http://www.w3.org/2009/01/xml.xsd",
        "http://www.w3.org/2003/05/soap-en",
        "http://www.w3.org/2005/05/xmlmime",
    ];
    STANDARD.iter().any(|known| location.starts_with(known))
}

/// What people take for a WSDL by mistake.
fn something_else(root: &Element) -> &'static str {
    match (&*root.name.namespace, &*root.name.local) {
        (_, "html" | "HTML") => "a web page; the address of the description may end with `?wsdl`",
        ("http://www.w3.org/ns/wsdl", _) => {
            "WSDL 2.0, which hardly anybody uses; ask the vendor for WSDL 1.1"
        }
        (namespace, "schema") if is_xsd(namespace) => {
            "an XML Schema, which is a part of a description; import the WSDL that refers to it"
        }
        (_, "Envelope") => "a SOAP message",
        (_, "definitions") => "a description in another namespace",
        (_, "Edmx") => "an OData description",
        (_, "application") => "a WADL",
        _ => "something else",
    }
}
